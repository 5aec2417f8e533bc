#!/usr/bin/env bash
# On Windows: what can't be is refused with a clear message, before anything is made; failures of entries
# are told, and the rest goes on.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../support/windows.sh"

mkdir -p tree/below/deeper empty
printf text >tree/file
printf other >other

expect 1 "$rouse" copy missing copy
said 'missing: cannot be found: no such file or directory'
expect 1 "$rouse" copy missing/file copy
said 'missing/file: cannot be found'
expect 1 "$rouse" copy tree/file/ copy
said 'not a directory'
expect 1 "$rouse" copy tree nowhere/copy
said 'cannot open the directory for the copy: no such file or directory'
expect 1 "$rouse" copy other 'stream:in-it'
said 'invalid argument'
expect 1 "$rouse" copy "" copy
said "rouse copy: '': SOURCE is empty: no such file or directory"
expect 1 "$rouse" copy tree ""
said "rouse copy: '': TARGET is empty: no such file or directory"
[ ! -e copy ] && [ ! -e nowhere ] || fail 'something was made'

for target in tree/copy 'tree\below' tree/below/deeper/copy tree/../tree/below TREE/below; do
  expect 1 "$rouse" copy tree "$target"
  said "can't be copied into itself"
done
expect 1 "$rouse" copy -T tree tree
said 'is the same as the source'
expect 1 "$rouse" copy tree/. tree
said 'is the same as the source'
expect 1 "$rouse" copy other other
said 'is the same as the source'
expect 1 "$rouse" copy other .
said 'is the same as the source'
[ "$(find tree | sort | tr '\n' ' ')" = 'tree tree/below tree/below/deeper tree/file ' ] ||
  fail "something was made: $(find tree)"

expect 1 "$rouse" copy tree other
said 'other: is no directory; it is not replaced by one'
expect 1 "$rouse" copy -T other empty
said 'empty: is a directory; it is not replaced by a file'
mkdir -p target/tree/file
expect 1 "$rouse" copy tree target
said 'target\tree\file: is a directory; it is not replaced by a file'
[ -d target/tree/below/deeper ] || fail 'the rest did not go on'
rm -rf target && mkdir -p target/tree && printf x >target/tree/below
expect 1 "$rouse" copy tree target
said 'target\tree\below: cannot be replaced by a directory'
cmp tree/file target/tree/file
expect 1 "$rouse" copy other "$(printf 'n%.0s' {1..256})"
said 'the file name is too long'

# What was there before stays what it was for who has it under another name.
mkdir old fresh
printf old >old/file
ln old/file old/linked
printf new >fresh/file
expect 0 "$rouse" copy -T fresh old
[ "$(cat old/linked)" = old ] && [ "$(cat old/file)" = new ] || fail 'a file was overwritten in place'

for wrong in '' 'one' 'a b c' '--max-in-flight 0 a b' '--loops 65 a b' '--backend epoll a b' \
  '--nonsense a b'; do
  # shellcheck disable=SC2086
  expect 2 "$rouse" copy $wrong
  said 'rouse copy --help'
  [ ! -s out ] || fail "it printed something for: $wrong"
done
expect 2 "$rouse"
expect 2 "$rouse" nonsense
said "no command 'nonsense'"
expect 0 "$rouse" --version
grep -qE '^rouse [0-9]+\.[0-9]+\.[0-9]+$' out || fail "a strange version: $(cat out)"
