#!/usr/bin/env bash
# The demo copies, compares, reports and cleans up; and says so if a copy differs.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

make_tree source 300
mkdir tmp
for backend in $(backends); do
  TMPDIR=$scratch/tmp expect 0 "$rouse" demo --backend $backend source
  grep -qE 'verified +[0-9]+ entries, no differences' out || fail 'no word about the comparison'
  for word in files bytes time waits wakes 'doorbells .* rung, .* elided' 'most in flight' \
    "backend +$backend, doorbell"; do
    grep -qE "^  $word" out || fail "the report lacks: $word"
  done
  [ -z "$(ls -A tmp)" ] || fail 'the demo left something'
  all=$(grep 'no differences' out)
done
TMPDIR=$scratch/tmp expect 1 "$rouse" demo missing
TMPDIR=$scratch/none expect 1 "$rouse" demo source
said 'cannot make a directory'
expect 2 "$rouse" demo --loops none

# Interrupted, wherever it is: in the probe, while it copies, while it removes what it has made. A sanitizer may
# have files of its own there as the process starts, so what is looked for has the demo's name.
# interrupt WHEN: sends SIGINT when the perl expression WHEN is true. The status of the demo.
interrupt() {
  TMPDIR=$scratch/tmp perl -e '
    my $when = shift;
    my $job = fork // die;
    if (!$job) { $SIG{INT} = "DEFAULT"; exec @ARGV }
    sub said { open my $out, "<", "out" or return; local $/; return index(<$out> // "", shift) >= 0 }
    select undef, undef, undef, 0.0002 until eval $when or kill(0, $job) and waitpid($job, 1) == $job;
    die $@ if $@;
    kill INT => $job;
    waitpid $job, 0;
    exit($? & 127 ? 128 + ($? & 127) : $? >> 8)' "$1" "$rouse" demo --max-in-flight 1 source >out 2>err
}
for when in 'glob "tmp/rouse-demo-*"' 'said "copy:"' 'glob "tmp/rouse-demo-*/source/*"' 'said "most in flight"'; do
  hits=0
  for try in 1 2 3 4 5 6; do
    : >out
    status=0
    interrupt "$when" || status=$?
    [ -z "$(ls -A tmp)" ] || fail "interrupted when $when, it left something"
    case $status in
      0) continue ;;
      130)
        said 'demo: interrupted'
        # It may have come after the comparison.
        ! grep 'no differences' out | grep -vxF "$all" || fail 'no differences in what was not compared'
        ;;
      *) fail "status $status after an interruption when $when" ;;
    esac
    hits=$((hits + 1))
    [ $hits -lt 3 ] || break
  done
  [ $hits -gt 0 ] || [ "$when" = 'said "most in flight"' ] || fail "it was not interrupted when $when"
done
