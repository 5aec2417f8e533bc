#!/usr/bin/env bash
# A copy is the same as its source, whatever the backend, the loops, the number in flight, and the
# descriptors there are. ROUSE_COPY_FILES: how many files the tree has.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
files=${ROUSE_COPY_FILES:-400}
[ "$files" -le 10000 ] || export TMPDIR="${TMPDIR:-/var/tmp}"  # on a disk, for memory may be too small
. "$(dirname "$0")/support/lib.sh"

make_tree source "$files"
printf 'entries: %s\n\n' "$(find source | wc -l)"
printf '%-9s %5s %9s %11s %8s\n' backend loops in-flight descriptors seconds
for backend in $(backends); do
  for loops in 1 2; do
    for flight in 1 64 4096; do
      for limit in "$(ulimit -n)" 256; do
        (
          ulimit -n "$limit"
          expect 0 "$rouse" copy --backend "$backend" --loops $loops --max-in-flight $flight \
            --json --verify source copy
        )
        grep -q "\"backend\":\"$backend\"" out || fail "it ran on another backend than $backend"
        [ ! -s err ] || fail "it complained: $(head -3 err)"
        no_temporaries copy
        same_tree source copy  # and contents by others than the tool itself
        rm -rf copy
        printf '%-9s %5d %9d %11s %8s\n' "$backend" $loops $flight "$limit" \
          "$(perl -ne 'printf "%.2f", $1 if /"seconds":([0-9.]+)/' out)"
      done
    done
  done
done
# A hole is found beyond four gigabytes, and what follows it.
expect 0 "$rouse" copy source/sparse/big copied
[ "$(tail -c 3 copied)" = end ] || fail "the end of the big sparse file is missing"
[ "$(stat -c %s copied)" = 5000000003 ] || fail "the big sparse file has another size"
