#!/usr/bin/env bash
# Where a file may not be so large it is told, and nothing of it stays.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

mkdir source
printf small >source/small
head -c 3000000 /dev/urandom >source/large
for backend in $(backends); do
  (
    ulimit -f 1000
    expect 1 "$rouse" copy --backend $backend source copy
  )
  said 'copy/large: cannot write: the file is too large'
  [ "$(ls -A copy)" = small ] || fail "in the copy there is: $(ls -A copy)"
  cmp source/small copy/small
  rm -rf copy
done
