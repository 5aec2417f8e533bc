#!/usr/bin/env bash
# Ctrl-C ends a copy with whole files only, no temporary ones, and the status 130.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

mkdir source
make_tree source/tree 800
rm -rf source/tree/deep source/tree/sparse
for number in 1 2 3 4 5 6; do head -c 20000000 /dev/zero >source/large$number; done

# interrupt SIGNAL DELAY ARGUMENTS...: copies, and sends SIGNAL some time after the first file is there.
# Returns the status of the copy.
interrupt() {
  local signal=$1 delay=$2
  shift 2
  rm -rf copy
  # In the background of a script SIGINT is ignored, so it is given back its default.
  perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$rouse" copy "$@" source copy >out 2>err &
  local job=$! status=0
  perl -e 'my ($job, $delay) = @ARGV;
    select undef, undef, undef, 0.0005 until glob "copy/* copy/tree/*" or !kill 0, $job;
    select undef, undef, undef, $delay;' $job "$delay"
  kill -s "$signal" $job 2>/dev/null || true
  wait $job || status=$?
  return $status
}

for backend in $(backends); do
  for flight in 1 64; do
    hits=0
    for try in 1 2 3 4 5 6 7 8 9; do
      status=0
      interrupt INT 0.00$((try * 7 % 10)) --backend $backend --max-in-flight $flight || status=$?
      case $status in
        0) ;;
        130)
          said 'interrupted'
          hits=$((hits + 1))
          ;;
        *) fail "status $status after an interruption" ;;
      esac
      no_temporaries copy
      [ -z "$(find copy -type f -print -quit)" ] || all_whole source copy
      [ $hits -lt 2 ] || break
    done
    [ $hits -gt 0 ] || fail 'no copy was interrupted half-way'
  done
done
for try in 1 2 3 4 5 6 7 8 9; do
  status=0
  interrupt TERM 0 --max-in-flight 1 --loops 1 --json || status=$?
  no_temporaries copy
  [ $status = 0 ] || break
done
[ $status = 143 ] || fail "status $status after SIGTERM"
grep -q '"interrupted":true' out || fail 'the JSON object does not tell of it'

# The same signal many times in a moment (timeout sends it twice) is one order. Signals that this script could
# not send in that moment count for nothing.
hits=0
for try in 1 2 3 4 5 6 7 8 9; do
  rm -rf copy
  status=0
  perl -MTime::HiRes=time,sleep -e '
    my $job = fork // die;
    exec @ARGV if !$job;
    sleep 0.0005 until glob "copy/* copy/tree/*" or waitpid($job, 1) == $job;
    my ($start, $last) = (time, time);
    for (1 .. 40) {
      last if time - $start > 0.1;
      kill TERM => $job or last;
      $last = time;
      sleep 0.001;
    }
    waitpid $job, 0;
    exit($last - $start > 0.3 ? 9 : $? == 15 ? 1 : $? >> 8)' \
    "$rouse" copy --loops 2 source copy >out 2>err || status=$?
  [ $status = 143 ] || [ $status = 1 ] || continue
  [ $status = 143 ] || fail 'a signal that was told twice ended it at once'
  said interrupted
  no_temporaries copy
  hits=$((hits + 1))
  [ $hits -lt 3 ] || break
done
[ $hits -gt 0 ] || fail 'no copy was interrupted half-way'

# One that hangs (here: on a full pipe that nobody reads, with its first message) is ended by a later signal.
# Wherever the first one finds it, there is a message to tell. ThreadSanitizer would not let the handler run then.
rm -rf copy messages && mkdir messages copy
for f in {1..9}; do : >messages/$f && mkdir copy/$f; done
grep -aq __tsan_init "$rouse" || perl -e '
  pipe my $read, my $write or die;
  $write->blocking(0);
  for my $size (4096, 1) { 1 while syswrite $write, "x" x $size }
  $write->blocking(1);
  my $job = fork // die;
  if (!$job) { open STDERR, ">&", $write; exec @ARGV }
  # TERM is the fifteenth.
  sub caught {
    open my $status, "<", "/proc/$job/status" or die;
    return grep /^SigCgt:\s*([0-9a-f]+)/ && hex($1) >> 14 & 1, <$status>;
  }
  until (caught) {
    waitpid($job, 1) == $job and die "it ended by itself";
    select undef, undef, undef, 0.001;
  }
  kill TERM => $job and select undef, undef, undef, 0.2 until waitpid($job, 1) == $job;
  exit($? != 15)' "$rouse" copy --loops 1 -T messages copy >out || fail 'a copy that hangs can not be ended'

# Nobody left to read them is no reason to stop.
rm -rf copy && mkdir copy
for f in 1 2 3 4 5 6 7 8 9; do mkdir copy/large$f; done
status=0
perl -e '
  $SIG{PIPE} = "DEFAULT";
  pipe my $read, my $write or die;
  close $read;
  open STDERR, ">&", $write;
  exec @ARGV' "$rouse" copy -T source copy >out || status=$?
[ $status = 1 ] || fail "status $status if nobody reads the messages"
grep -qx '6 failed' out || fail "not all failed or not all was tried"
rmdir copy/large*
no_temporaries copy
all_whole source copy
rm -rf copy
status=0
perl -e '
  $SIG{PIPE} = "DEFAULT";
  pipe my $read, my $write or die;
  close $read;
  open STDOUT, ">&", $write;
  exec @ARGV' "$rouse" copy source copy 2>err || status=$?
[ $status = 1 ] || fail "status $status if nobody reads the summary"
said 'the output could not be written'
all_whole source copy
