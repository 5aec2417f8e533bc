#!/usr/bin/env bash
# A copy is the same as its source, whatever the backend, the loops and the number in flight.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

make_tree source 400
listing source >source.list
for backend in $(backends); do
  for loops in 1 2; do
    for flight in 1 64 4096; do
      how="--backend $backend --loops $loops --max-in-flight $flight"
      # shellcheck disable=SC2086
      expect 0 "$rouse" copy $how --json --verify source copy
      grep -q "\"backend\":\"$backend\"" out || fail "it ran on another backend than $backend"
      [ ! -s err ] || fail "it complained: $(head -3 err)"
      no_temporaries copy
      listing copy >copy.list
      cmp source.list copy.list || fail "attributes differ: $how"
      # Contents by others than the tool itself, once for each backend.
      [ $loops = 1 ] || [ $flight != 64 ] || same_tree source copy
      rm -rf copy
    done
  done
done
# A hole is found beyond four gigabytes, and what follows it.
expect 0 "$rouse" copy source/sparse/big copied
[ "$(tail -c 3 copied)" = end ] || fail "the end of the big sparse file is missing"
[ "$(stat -c %s copied)" = 5000000003 ] || fail "the big sparse file has another size"
