#!/usr/bin/env bash
# A tree that changes while it is copied costs what changed, with a message each, and leads nowhere else.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

# For some seconds: files come and go, and directories are replaced by links to what is outside, in the
# source and in the target.
mkdir -p outside/sub secret/sub source
printf 'not to be copied' >secret/sub/file0
printf 'not to be copied' >secret/file1
for d in 0 1 2 3 4 5 6 7; do
  mkdir -p source/d$d/sub
  for f in 0 1 2 3 4 5 6 7 8 9; do
    printf 'file %s' $f >source/d$d/file$f
    printf 'file %s' $f >source/d$d/sub/file$f
  done
done
cat >churn.pl <<'PERL'
  my ($source, $target, $secret, $outside, $end) = (@ARGV, time + 8);
  my $n = 0;
  while (time < $end && !-e "stop") {
    my $d = int rand 8;
    for my $pair ([$source, $secret], [$target, $outside]) {
      my ($top, $away) = @$pair;
      for my $name ("d$d", "d$d/sub") {
        rename "$top/$name", "$top/../moved$$" or next;
        symlink $away, "$top/$name";
        select undef, undef, undef, 0.0002 if $n++ % 3 == 0;
        unlink "$top/$name";
        rename "$top/../moved$$", "$top/$name" or system "rm", "-rf", "$top/../moved$$";
      }
    }
    my $f = int rand 10;
    unlink "$source/d$d/file$f";
    symlink "$secret/file1", "$source/d$d/file$f";
    unlink "$source/d$d/file$f";
    system "mkfifo", "$source/d$d/file$f" if $n % 50 == 0;
    unlink "$source/d$d/file$f";
    if (open my $h, ">", "$source/d$d/file$f") { print $h "file $f"; close $h }
  }
PERL
mkdir -p work/target
perl churn.pl source work/target "$scratch/secret" "$scratch/outside" &
churn=$!
copies=0
troubles=0
end=$((SECONDS + 7))
while [ $SECONDS -lt $end ]; do
  for backend in $(backends); do
    status=0
    timeout 30 "$rouse" copy --backend "$backend" -T source work/target >out 2>err || status=$?
    [ $status -le 1 ] || fail "status $status: $(tail -3 err)"
    [ $status = 0 ] || [ -s err ] || fail 'it failed and did not say why'
    [ $status = 0 ] || troubles=$((troubles + 1))
    copies=$((copies + 1))
  done
done
touch stop
wait $churn || true
# Nothing was written outside, and no secret came in (a link to it may have).
[ "$(find outside | sort | tr '\n' ' ')" = 'outside outside/sub ' ] ||
  fail "written outside of the target: $(find outside)"
! grep -rl 'not to be copied' work/target --include='*' -D skip 2>/dev/null |
  while IFS= read -r file; do [ -L "$file" ] || echo "$file"; done | grep . ||
  fail 'something was read outside of the source'
no_temporaries work
[ $troubles -gt 0 ] || fail "none of $copies copies met a change"
# When it rests it is copied as it is.
rm -rf work/target
expect 0 "$rouse" copy -T source work/target
same_tree source work/target

# Files that vanish are told, and are the only ones that fail.
for round in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf many copy
  mkdir many
  for f in {1..400}; do : >many/$f; done
  (cd many && rm -f {200..400}) &
  status=0
  "$rouse" copy many copy >out 2>err || status=$?
  wait
  [ $status -le 1 ] || fail "status $status"
  ! grep -v 'vanished before it could be copied' err || fail 'other failures'
  for f in {1..199}; do [ -e copy/$f ] || fail "$f was not copied"; done
done

# A file with holes that is cut short while it is copied: the copy ends where the file did, or before it was cut.
rm -rf cut one && mkdir one
head -c 40000000 /dev/zero | tr '\0' a >filled
for try in 1 2 3 4 5 6 7 8 9; do
  rm -f cut
  truncate -s 1000000 cut
  cat filled >>cut
  truncate -s 60000000 cut
  # Stopped as soon as some of it is written, cut in the middle of its data or in its first hole, and let go on.
  status=0
  perl -e 'my $job = fork // die;
    exec @ARGV if !$job;
    my $seen = 0;
    until (kill(0, $job) != 1 or waitpid($job, 1) == $job) {
      for (glob "one/.rouse-*") {
        next unless (-s || 0) > 1000000;
        kill STOP => $job;
        truncate "cut", '$((try % 2 ? 35000000 : 500000))';
        kill CONT => $job;
        $seen = 1;
      }
      last if $seen;
      select undef, undef, undef, 0.0002;
    }
    my $ended = $seen ? (waitpid($job, 0), $?)[1] : $?;
    exit($ended ? 9 : $seen ? 0 : 1)' "$rouse" copy --loops 1 cut one/cut >out 2>err || status=$?
  [ $status != 9 ] || fail "a file that was cut was not copied"
  size=$(stat -c %s one/cut)
  # No zeros at the end that the file never had: behind the data there is a hole of 19 million only if all
  # of the data is there.
  data=$(tr -d '\0' <one/cut | wc -c)
  if [ "$data" = 40000000 ]; then
    [ "$size" = 60000000 ] || [ "$size" = 41000000 ] || fail "all data, and $size bytes"
  elif [ "$data" = 0 ]; then
    [ "$size" -le 1000000 ] || fail "no data, and $size bytes"
  else
    [ "$(tail -c 1 one/cut | tr '\0' z)" = a ] || fail "$size bytes end in zeros, after $data of data"
    [ $status != 0 ] || cut=1
  fi
  rm -f one/cut
done
[ -n "${cut:-}" ] || printf 'No copy met a file being cut.\n'
