#!/usr/bin/env bash
# The comparison finds every kind of difference, and nothing else.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

mkdir -p source/sub
head -c 700000 /dev/urandom >source/large
printf one >source/a
ln source/a source/b
printf two >source/c
ln -s a source/link
mkfifo source/pipe
truncate -s 3000000 source/sparse
printf x >>source/sparse
expect 0 "$rouse" copy --verify source copy
grep -q 'compared 9 entries in .*: no differences' out || fail "it compared another number"
expect 0 "$rouse" copy --compare -T source copy

# not_same PATH MESSAGE: comparing finds this, and only this.
not_same() {
  local backend
  for backend in $(backends); do
    expect 1 "$rouse" copy --compare --backend "$backend" -T source copy
    grep -q "^rouse copy: copy/$1: $2" err || fail "not found: $1 $2"
    [ "$(grep -c . err)" = "${3:-1}" ] || fail "it found more"
    grep -q "${3:-1} difference" out || fail "the differences were not counted"
  done
  rm -rf copy
  cp -a source copy
}
change() { dd of="copy/$1" bs=1 seek="$2" conv=notrunc status=none && touch -r "source/$1" "copy/$1"; }

printf X | change large 600000
not_same large 'differs in contents between bytes 524288 and 655360'
printf X | change sparse 1500000
not_same sparse 'differs in contents'
printf y | change sparse 3000000
not_same sparse 'differs in contents'
printf more >>copy/c && touch -r source/c copy/c
not_same c 'differs in size: 7 instead of 3'
chmod 600 copy/c
not_same c 'differs in mode: 0600 instead of 0644'
chmod 700 copy/sub
not_same sub 'differs in mode: 0700 instead of 0755'
touch copy/c
not_same c 'differs in time of modification'
touch -h copy/link
not_same link 'differs in time of modification'
ln -sf b copy/link && touch -h -r source/link copy/link && touch -r source copy
not_same link 'differs: the symbolic link leads elsewhere'
cp -p copy/a copy/x && mv copy/x copy/b && touch -r source copy
not_same "[ab]" 'differs in hard links'
ln -f copy/a copy/c && printf two >copy/c
expect 1 "$rouse" copy --compare -T source copy
said 'differs in hard links'
rm -rf copy && cp -a source copy
rm copy/c && touch -r source copy
not_same c 'is missing in the copy'
rmdir copy/sub && touch -r source copy
not_same sub 'is missing in the copy'
: >copy/sub/extra && touch -r source/sub copy/sub
not_same sub/extra 'is in the copy only'
rm copy/c && mkfifo copy/c && touch -r source copy
not_same c 'differs in what it is'
rm -rf copy/sub && : >copy/sub && touch -r source copy
not_same sub "can't be opened in the copy: not a directory"
if [ "$(id -u)" = 0 ]; then
  chown 1:1 copy/c
  not_same c 'differs in owner: 1:1 instead of 0:0'
fi
if setfattr -n user.extra -v 1 copy/c 2>/dev/null; then
  not_same c 'differs in the extended attribute user.extra'
fi
# A copy that failed is not the same.
mkdir -p again/c
expect 1 "$rouse" copy --verify -T source again
said 'again/c: is a directory; it is not replaced by a file'
said 'again/c: differs in what it is'
expect 1 "$rouse" copy --compare source nowhere

# Times of access are what they were, of what was read and of what was made.
rm -rf source copy && mkdir -p source/sub/empty
printf small >source/sub/small
head -c 3000000 /dev/zero >source/large
truncate -s 3000000 source/sparse && printf x >>source/sparse
ln -s large source/link
access() { (cd "$1" && shift && stat -c '%n %x' "$@"); }
names='sub/small large sparse . sub sub/empty'
# shellcheck disable=SC2086
for backend in $(backends); do
  rm -rf copy
  (cd source && touch -ha -d '2001-02-03 04:05:06.789' link $names)
  access source link $names >wanted
  expect 0 "$rouse" copy --backend "$backend" --verify source copy
  access copy link $names >found
  diff wanted found >&2 || fail 'times of access of the copy'
  expect 0 "$rouse" copy --backend "$backend" --compare -T source copy
  access source $names >found
  grep -v '^link ' wanted | diff - found >&2 || fail 'times of access of the source'
  access copy $names >found
  grep -v '^link ' wanted | diff - found >&2 || fail 'times of access of the copy, compared'
done

# Interrupted, it has compared what it has got through, and vouches for no more.
rm -rf source copy && mkdir source
head -c 100000000 /dev/zero >source/large
cp -a source copy
hits=0
for try in 1 2 3 4 5 6 7 8 9; do
  form=$((try % 2))
  status=0
  perl -e '
    my $job = fork // die;
    if (!$job) { $SIG{INT} = "DEFAULT"; exec @ARGV }
    sub compares { grep { (readlink // "") =~ m{/copy/large$} } glob "/proc/$job/fd/*" }
    select undef, undef, undef, 0.0005 until compares() or waitpid($job, 1) == $job;
    kill INT => $job and waitpid $job, 0;
    exit($? & 127 ? 128 + ($? & 127) : $? >> 8)' \
    "$rouse" copy --compare $([ $form = 0 ] || echo --json) -T source copy >out 2>err || status=$?
  [ $status != 0 ] || continue
  [ $status = 130 ] || fail "status $status after an interruption"
  said 'interrupted; not all was compared'
  if [ $form = 1 ]; then
    grep -q '"verified":false' out || fail "verified"
    ! grep -q '"compared":0' out || hits=$((hits | 1))
  else
    grep -q 'compared . entries in .*: interrupted before the end; no differences so far' out ||
      fail "the summary does not tell of it"
    ! grep -q 'compared 0 entries' out || hits=$((hits | 2))
  fi
  [ $hits != 3 ] || break
done
[ $hits = 3 ] || fail 'no comparison was interrupted half-way, or what was not read was counted'
