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
done
TMPDIR=$scratch/tmp expect 1 "$rouse" demo missing
TMPDIR=$scratch/none expect 1 "$rouse" demo source
said 'cannot make a directory'
expect 2 "$rouse" demo --loops none
