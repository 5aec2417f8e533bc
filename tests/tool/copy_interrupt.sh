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
