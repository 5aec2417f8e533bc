#!/usr/bin/env bash
# Pipes and devices are made anew, sockets are skipped, and nothing waits for a pipe's other end.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

mkdir source
printf text >source/file
mkfifo -m 640 source/pipe
perl -MSocket -e 'socket my $s, PF_UNIX, SOCK_STREAM, 0; bind $s, sockaddr_un("source/socket") or die'
expect 0 timeout 20 "$rouse" copy --json --verify source copy
said 'source/socket: skipped'
grep -q '"skipped":1' out && grep -q '"specials":1' out || fail "other counts"
[ -p copy/pipe ] && [ "$(stat -c %a copy/pipe)" = 640 ] || fail 'the pipe was not kept'
[ "$(stat -c %y copy/pipe)" = "$(stat -c %y source/pipe)" ] || fail "the pipe's time was not kept"
[ ! -e copy/socket ] || fail 'a socket was made'
# Named as the source it is nothing that can be skipped.
expect 1 "$rouse" copy source/socket copy/socket
said 'source/socket: is a socket'
expect 1 "$rouse" copy --compare source/socket source/socket
[ ! -e copy/socket ] || fail 'a socket was made'
# Pipes alone, as the source, too.
expect 0 timeout 20 "$rouse" copy source/pipe alone
[ -p alone ] || fail 'the pipe alone was not copied'
if [ "$(id -u)" = 0 ] && mknod -m 666 source/null c 1 3 2>/dev/null; then
  chown 1:2 source/null
  expect 0 "$rouse" copy source again
  [ "$(stat -c '%t:%T %a %u:%g' again/null)" = '1:3 666 1:2' ] || fail 'the device was not kept'
  chmod 755 "$scratch" && mkdir -m 777 work
  if setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$rouse"; then
    expect 1 setpriv --reuid=65534 --regid=65534 --clear-groups "$rouse" copy source work/copy
    said 'work/copy/null: cannot make the device: operation not permitted'
    cmp source/file work/copy/file
  fi
fi
# Files of the system whose sizes are not what they say are read to their ends.
expect 0 "$rouse" copy /proc/cpuinfo cpuinfo
grep -q processor cpuinfo || fail '/proc/cpuinfo was not read'
# Neither more than that, where they say that they have a page.
for file in /sys/kernel/uevent_seqnum /sys/kernel/profiling /sys/kernel/mm/transparent_hugepage/enabled \
  /sys/block/*/uevent; do
  [ -r "$file" ] && [ "$(stat -c %s "$file")" = 4096 ] || continue
  cat "$file" >wanted
  for backend in $(backends); do
    expect 0 "$rouse" copy --backend "$backend" "$file" page
    cmp wanted page || fail "$file has another copy"
    # The system may have forgotten its times in between.
    "$rouse" copy --compare --backend "$backend" "$file" page 2>err || true
    ! grep -vE 'time of modification' err || fail 'its size is believed'
    rm page
  done
  break
done
