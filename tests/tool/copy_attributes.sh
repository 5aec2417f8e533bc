#!/usr/bin/env bash
# Extended attributes and access control lists come along, and none that the target hands down.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

for tool in setfattr getfattr setfacl getfacl; do
  command -v $tool >/dev/null || skip "$tool is needed (packages attr and acl)"
done
mkdir -p source/plain source/listed
printf x >source/plain/file
printf x >source/listed/file
chmod 640 source/plain/file
mkfifo -m 640 source/plain/pipe
ln -s file source/plain/link
touch -d '2001-01-01' source/plain/file source/plain/pipe source/plain
setfattr -n user.one -v 1 source/plain/file 2>/dev/null || skip 'the file system has no attributes'
setfattr -n user.large -v "$(printf 'v%.0s' {1..3000})" source/plain/file
for n in {1..60}; do setfattr -n "user.many$n" -v "$n" source/listed/file; done
setfattr -n user.of-directory -v 1 source/listed
setfacl -m u:1:rw,g:2:r source/listed/file 2>/dev/null || skip 'the file system has no lists'
setfacl -m d:u:3:rwx,u:1:rx source/listed

# The target hands its list down to all that is made in it.
mkdir target
setfacl -m d:u:5:rwx,d:o::rwx target
attributes() { (cd "$1" && find . -print0 | sort -z | xargs -0 getfattr -h -d -m - -e hex); }
for backend in $(backends); do
  expect 0 "$rouse" copy --backend "$backend" --verify source target
  [ ! -s err ] || fail "it complained: $(cat err)"
  attributes source >left
  attributes target/source >right
  diff left right >&2 || fail 'attributes differ'
  listing source >left
  listing target/source >right
  diff left right >&2 || fail 'modes or times differ'
  expect 0 "$rouse" copy --backend "$backend" source/plain/file target/alone
  [ "$(stat -c %a target/alone)" = 640 ] || fail 'the mode of a single file changed'
  ! getfacl -ps target/alone | grep . || fail 'a single file inherited a list'
  rm -rf target/source target/alone
done

# A file system without attributes: noted once, counted, and no failure.
if [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
  mkdir other
  status=0
  unshare --mount bash -c '
      mount -t ramfs none other 2>/dev/null || exit 9
      setfattr -n user.x -v 1 other 2>/dev/null && exit 9
      "$1" copy --json --verify source other >out 2>err || exit 1
      cmp source/listed/file other/source/listed/file || exit 1' _ "$rouse" || status=$?
  [ $status != 1 ] || fail "the copy failed: $(cat err)"
  if [ $status = 0 ]; then
    said 'is not kept (this operation is not supported here); others are only counted'
    [ "$(grep -c . err)" = 1 ] || fail "more than one note: $(cat err)"
    grep -qE '"attributes_not_kept":[1-9]' out || fail 'they were not counted'
  fi
fi
