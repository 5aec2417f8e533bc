#!/usr/bin/env bash
# Where a copy goes: the rules of cp -a.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

mkdir -p tree/sub
printf text >tree/sub/file
ln -s sub tree/link
ln -s tree to-tree
mkdir into
ln -s into to-into

# same_as_cp SOURCE TARGET OPTION...: does what cp -a does with a target that starts empty.
same_as_cp() {
  local from=$1 to=$2
  shift 2
  rm -rf left right
  mkdir -p left/into right/into
  ln -s into left/to-into
  ln -s into right/to-into
  expect 0 cp -a "$@" "$from" "left/$to"
  expect 0 "$rouse" copy "$@" "$from" "right/$to"
  (cd left && find . -printf '%P %y %l\n' | sort) >left.names
  (cd right && find . -printf '%P %y %l\n' | sort) >right.names
  diff left.names right.names >&2 || fail "another place than cp -a's: $from $to $*"
}
for source in tree tree/ tree/. ./tree//; do
  for target in new new/ into into/ to-into to-into/ into/new ./into/.; do
    same_as_cp "$source" "$target"
  done
  same_as_cp "$source" new -T
  same_as_cp "$source" into -T
done
for source in tree/sub/file tree/link; do
  for target in new into into/ to-into into/new; do
    same_as_cp "$source" "$target"
  done
  same_as_cp "$source" into/new -T
done
same_as_cp to-tree new
same_as_cp to-tree/ new
same_as_cp to-tree/. into
(cd tree/sub && expect 0 "$rouse" copy .. ../../into/up)
cmp tree/sub/file into/up/sub/file
(cd tree/sub && expect 0 "$rouse" copy . ../../into/dot)
cmp tree/sub/file into/dot/file
(cd into && expect 0 "$rouse" copy ../tree/sub/file .)
cmp tree/sub/file into/file
