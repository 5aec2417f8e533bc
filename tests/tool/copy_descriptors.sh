#!/usr/bin/env bash
# However many files may be in flight, no more descriptors are used than the limit allows.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

make_tree source 300
listing source >left.list
for limit in 256 64 32; do
  for backend in $(backends); do
    for loops in 1 2; do
      (
        ulimit -n $limit
        expect 0 "$rouse" copy --backend $backend --loops $loops --max-in-flight 4096 source copy
        [ ! -s err ] || fail "it complained: $(head -3 err)"
      )
      listing copy >right.list
      cmp left.list right.list || fail "with $limit descriptors the copy differs"
      rm -rf copy
    done
  done
done
# Any limit either does or is refused with a message, before anything is made.
for limit in 12 16 18 20 22 24 26 28; do
  status=0
  (ulimit -n $limit && exec timeout 60 "$rouse" copy source copy) >out 2>err || status=$?
  case $status in
    0) [ ! -s err ] || fail "with $limit descriptors it complained" ;;
    1) [ -s err ] && [ ! -e copy ] || fail "with $limit descriptors it failed half-way" ;;
    *) fail "with $limit descriptors: status $status" ;;
  esac
  rm -rf copy
done
# The fewest that do are as many on a terminal, where there is progress to show.
if command -v script >/dev/null; then
  # tries LIMIT REDIRECTION: copies on a terminal.
  tries() {
    script -qec "ulimit -n $1; exec timeout 60 '$rouse' copy --loops 1 source copy $2" typescript >shown </dev/null &&
      [ -e copy/tree ] && rm -rf copy
  }
  rm -rf source && mkdir -p source/tree && : >source/tree/file
  for limit in {12..60}; do
    if tries $limit '2>err'; then break; fi
  done
  tries $limit '' || fail "$limit descriptors are enough, but not on a terminal: $(cat shown)"
fi
