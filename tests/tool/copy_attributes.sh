#!/usr/bin/env bash
# Extended attributes and access control lists come along, and none that the target had or hands down.
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
  [ ! -s err ] || fail "it complained"
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

# A directory that is merged gets the source's attributes, and keeps none of its own; a file in it inherits none.
mkdir -p merged/plain merged/listed merged/more
setfattr -n user.old -v 1 merged
for name in plain listed more; do
  setfattr -n user.old -v 1 merged/$name
  setfacl -m u:7:rwx,d:u:7:rwx merged/$name
done
expect 0 "$rouse" copy --verify -T source merged
[ ! -s err ] || fail "it complained"
rm -rf kept && mv merged/more kept
attributes source >left
attributes merged >right
diff left right >&2 || fail 'a merged directory has other attributes'
listing source >left
touch -r source merged
listing merged >right
diff left right >&2 || fail 'a merged directory has another mode'
getfattr -n user.old kept >out 2>&1 || fail 'what the source has not was changed'

# Their names may be anything, and are shown as names of files are.
mkdir odd
printf x >odd/file
name=$'user.new\nrouse copy: forged: \xff \e[31m'
setfattr -n "$name" -v 1 odd/file
shown='user.new\nrouse copy: forged: \xff \x1b[31m'
expect 0 "$rouse" copy --verify odd other
setfattr -x "$name" other/file
expect 1 "$rouse" copy --compare --json -T odd other
said "rouse copy: other/file: differs in the extended attribute $shown"
[ "$(wc -l <err)" = 1 ] || fail "more than one line"
grep -qF 'attribute user.new\\nrouse copy: forged: \\xff \\x1b[31m"' out || fail "raw in JSON"
rm -rf other

# A file system without attributes: noted once, counted, and no failure.
if [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
  mkdir other
  status=0
  unshare --mount bash -c '
      mount -t ramfs none other 2>/dev/null || exit 9
      setfattr -n user.x -v 1 other 2>/dev/null && exit 9
      "$1" copy --json --verify source other >json 2>err || exit 1
      cmp source/listed/file other/source/listed/file || exit 1
      "$1" copy odd other 2>note >out || exit 1' _ "$rouse" || status=$?
  [ $status != 1 ] || fail "the copy failed"
  if [ $status = 0 ]; then
    said 'is not kept (this operation is not supported here); others are only counted'
    [ "$(grep -c . err)" = 1 ] || fail "more than one note"
    grep -qE '"attributes_not_kept":[1-9]' json || fail 'they were not counted'
    grep -qF "its attribute $shown is not kept" note || fail "a raw name: $(cat note)"
  fi
fi

# Without /proc, by which links and pipes are given theirs: all is kept that can be, as by cp -a.
if [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
  # The mode of a pipe can't be set then before Linux 6.6.
  [ "$(printf '6.6\n%s\n' "$(uname -r)" | sort -V | head -1)" = 6.6 ] || rm source/plain/pipe
  ln -s nowhere source/dangling
  touch -h -d '2002-02-02' source/dangling source/plain/link
  chown -h 3:4 source/dangling
  mkdir -m 2750 -p source/deep/a/b/c/d
  for d in {1..60}; do mkdir -p source/wide/$d/below && setfattr -n user.d -v $d source/wide/$d; done
  touch -d '2003-03-03' source/deep source/wide/*
  ln -s file source/wide/7/link
  status=0
  unshare --mount bash -c '
    umount -l /proc && [ ! -e /proc/self ] || exit 9
    "$1" --version >out 2>err && [ ! -s err ] || exit 9  # a sanitizer may need it
    ulimit -n 64  # directories are opened again
    "$1" copy --verify --loops 2 source bare >out 2>err' _ "$rouse" || status=$?
  if [ $status != 9 ]; then
    [ $status = 0 ] && [ ! -s err ] || fail "without /proc: status $status"
    listing source >left
    listing bare >right
    diff left right >&2 || fail 'without /proc modes, owners or times were lost'
    attributes source >left
    attributes bare >right
    diff left right >&2 || fail 'without /proc attributes of files or directories were lost'
  fi
fi
