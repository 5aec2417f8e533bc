#!/usr/bin/env bash
# Without privilege: what may not be read is told, owners stay behind, and the rest is as it was.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

as=()
if [ "$(id -u)" = 0 ]; then
  as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  chmod 755 "$scratch"
  # The build may lie where nobody else gets to, and the scratch directory where nothing may be run.
  for place in "$scratch" /tmp /var/tmp; do
    "${as[@]}" test -x "$rouse" && break
    lent=$(mktemp -d "$place/rouse-tool-XXXXXX")
    at_exit rm -rf "$lent"
    chmod 755 "$lent"
    cp "$rouse" "$lent/rouse"
    rouse=$lent/rouse
  done
  "${as[@]}" test -x "$rouse" || fail "there is no place from which another user can run the tool"
fi
mkdir -p source/open source/closed/inside source/locked/inside work
printf text >source/open/file
printf secret >source/open/secret
printf text >source/closed/inside/file
printf text >source/locked/file
printf text >source/locked/inside/file
printf set >source/open/set-id
chmod 6755 source/open/set-id
mkdir -m 6755 source/open/set-ids
ln source/open/file source/open/again
[ "$(id -u)" != 0 ] || chown 65534:65534 source/locked source/locked/inside
chmod 000 source/open/secret source/closed
chmod 1777 work
for backend in $(backends); do
  expect 1 "${as[@]}" "$rouse" copy --backend $backend source work/copy
  said 'source/open/secret: cannot open: permission denied'
  said 'source/closed: cannot open the directory: permission denied'
  [ "$(grep -c denied err)" = 2 ] || fail "other failures"
  cmp source/open/file work/copy/open/file
  cmp source/locked/inside/file work/copy/locked/inside/file
  [ ! -e work/copy/closed ] && [ ! -e work/copy/open/secret ] || fail 'an empty stand-in was made'
  [ "$(stat -c %i work/copy/open/file)" = "$(stat -c %i work/copy/open/again)" ] ||
    fail 'the hard link was lost'
  if [ "$(id -u)" = 0 ]; then
    # It is another's file now, so it must not run with that one's rights.
    [ "$(stat -c %a:%U work/copy/open/set-id)" = "755:$(id -nu 65534)" ] ||
      fail "a set-id bit went to another owner: $(stat -c %a:%U work/copy/open/set-id)"
    [ "$(stat -c %a:%G work/copy/open/set-ids)" = "2755:$(id -ng 65534)" ] ||
      fail "set-id bits of a directory: $(stat -c %a:%G work/copy/open/set-ids)"
    said 'owner is not kept'
  fi
  rm -rf work/copy
  # What could not be copied is a failure once, and once a difference.
  expect 1 "${as[@]}" "$rouse" copy --backend $backend --verify source work/copy
  said "source/closed: can't be compared: cannot open the directory: permission denied"
  grep -qx '2 failed' out && grep -q ': 2 differences$' out || fail "other counts"
  [ -z "$(sort err | uniq -d)" ] || fail "something was told twice"
  rm -rf work/copy
done

# Directories that keep out even their owner are filled all the same, and shut at the end.
mkdir -p shut/a/b/c
printf text >shut/a/b/c/file
[ "$(id -u)" != 0 ] || chown -R 65534:65534 shut
expect 0 "${as[@]}" cp -a shut work/shut
chmod 500 work/shut/a/b/c
chmod 500 work/shut/a/b
chmod 555 work/shut/a
expect 0 "${as[@]}" "$rouse" copy --verify work/shut work/again
[ "$(stat -c %a work/again/a/b/c work/again/a/b work/again/a | tr '\n' ' ')" = '500 500 555 ' ] ||
  fail 'modes of directories were lost'
chmod -R u+rwx work

# A target that may not be written is told per file.
mkdir -p sealed/copy
chmod 555 sealed/copy sealed
expect 1 "${as[@]}" "$rouse" copy -T shut sealed/copy
said 'permission denied'
expect 1 "${as[@]}" "$rouse" copy shut sealed/new
said 'cannot make the directory: permission denied'
