#!/usr/bin/env bash
# A target that fills up gets whole files or none, each failure is told, and the rest goes on.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

if [ "${1:-}" != inside ]; then
  # A small file system of our own, in a mount namespace that goes away with us.
  make_tree "$scratch/source" 600
  private='unshare --mount'
  $private true 2>/dev/null || private='unshare --mount --map-root-user'
  if ! $private true 2>/dev/null; then skip 'a mount namespace is needed, and not permitted'; fi
  status=0
  $private bash "$self" inside "$scratch" || status=$?
  exit $status
fi
outer=$2
mkdir small
mount -t tmpfs -o size=4m,nr_inodes=20000 none small || fail 'a tmpfs can not be mounted'
at_exit umount "$scratch/small"
for backend in $(backends); do
  for flight in 1 64 4096; do
    expect 1 "$rouse" copy --backend $backend --max-in-flight $flight "$outer/source" small/copy
    said 'no space left on the device'
    said 'small/copy/big/file'
    all_whole "$outer/source" small/copy
    # All failures are of that kind, and one line each.
    ! grep -v 'no space left on the device' err || fail 'there are other failures'
    failed=$(grep -c . err)
    grep -qx "$failed failed" out || fail "$failed failures were told, but counted"
    rm -rf small/copy
  done
done
# What was taken back does not count as copied.
mkdir plain
head -c 1000000 /dev/zero >plain/fits
head -c 6000000 /dev/zero >plain/large
for backend in $(backends); do
  expect 1 "$rouse" copy --json --backend $backend --max-in-flight 1 plain small/copy
  said 'small/copy/large: cannot write: no space left on the device'
  grep -q '"files":1,' out && grep -q '"bytes":1000000,' out || fail "other counts"
  rm -rf small/copy
done
# Room for data, but for few files.
mount -o remount,size=100m,nr_inodes=300 small
for backend in $(backends); do
  expect 1 "$rouse" copy --backend $backend "$outer/source" small/copy
  said 'no space left on the device'
  all_whole "$outer/source" small/copy
  rm -rf small/copy
done
