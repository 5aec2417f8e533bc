#!/usr/bin/env bash
# What can't be is refused with a clear message, before anything is made; and a wrong command line with 2.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

mkdir -p tree/below/deeper empty
printf text >tree/file
printf other >other
ln -s tree link
ln -s nowhere dangling

expect 1 "$rouse" copy missing copy
said 'missing: cannot be found: no such file or directory'
expect 1 "$rouse" copy missing/file copy
said 'missing/file: cannot be found'
expect 1 "$rouse" copy tree/file/ copy
said 'not a directory'
expect 1 "$rouse" copy tree nowhere/copy
said 'cannot open the directory for the copy: no such file or directory'
# An empty name is none, and above all not the directory that we are in.
for verb in "" --compare; do
  for target in copy empty .; do
    # shellcheck disable=SC2086
    expect 1 "$rouse" copy $verb "" "$target"
    said "rouse copy: '': SOURCE is empty: no such file or directory"
  done
  for source in tree tree/. other link; do
    # shellcheck disable=SC2086
    expect 1 "$rouse" copy $verb "$source" ""
    said "rouse copy: '': TARGET is empty: no such file or directory"
  done
done
TMPDIR=$scratch expect 1 "$rouse" demo ""
said 'SOURCE is empty'
[ ! -e copy ] && [ ! -e nowhere ] && [ -z "$(ls -A empty)" ] && [ ! -e tree/tree ] ||
  fail 'something was made'

# Into itself, however it is called.
for target in tree/copy tree/below tree/below/deeper/copy tree/../tree/below link/copy; do
  expect 1 "$rouse" copy tree "$target"
  said "can't be copied into itself"
done
expect 1 "$rouse" copy tree tree
said "can't be copied into itself"
expect 1 "$rouse" copy -T tree tree
said 'is the same as the source'
expect 1 "$rouse" copy -T tree link
said 'is the same as the source'
expect 1 "$rouse" copy tree/. tree
said 'is the same as the source'
expect 1 "$rouse" copy other other
said 'is the same as the source'
expect 1 "$rouse" copy other .
said 'is the same as the source'
expect 1 "$rouse" copy tree .
said 'is the same as the source'
[ "$(find tree | sort | tr '\n' ' ')" = 'tree tree/below tree/below/deeper tree/file ' ] ||
  fail "something was made: $(find tree)"

# A name for a name, a directory for a directory.
expect 1 "$rouse" copy tree other
said 'other: is no directory; it is not replaced by one'
expect 1 "$rouse" copy -T other empty
said 'empty: is a directory; it is not replaced by a file'
expect 1 "$rouse" copy other new/
said 'not a directory'
mkdir -p target/tree/file
expect 1 "$rouse" copy tree target
said 'target/tree/file: is a directory; it is not replaced by a file'
[ -d target/tree/below/deeper ] || fail 'the rest did not go on'
rm -rf target && mkdir -p target/tree && printf x >target/tree/below
expect 1 "$rouse" copy tree target
said 'target/tree/below: cannot be replaced by a directory'
cmp tree/file target/tree/file
rm -rf target && mkdir -p target/tree && ln -s "$scratch/empty" target/tree/below
expect 1 "$rouse" copy tree target
said 'target/tree/below: cannot be replaced by a directory'
[ -z "$(ls -A empty)" ] || fail 'a symbolic link in the target was followed'
expect 1 "$rouse" copy tree dangling
long=$(printf 'n%.0s' {1..256})
expect 1 "$rouse" copy other "$long"
said 'the file name is too long'

# The command line.
for wrong in '' 'one' 'a b c' '--max-in-flight 0 a b' '--max-in-flight 65537 a b' '--loops 0 a b' \
  '--loops 65 a b' '--loops -1 a b' '--loops 1x a b' '--max-in-flight' '--backend none a b' \
  '--nonsense a b' '-Z a b'; do
  # shellcheck disable=SC2086
  expect 2 "$rouse" copy $wrong
  said 'rouse copy --help'
  [ ! -s out ] || fail "it printed something for: $wrong"
done
expect 2 "$rouse"
expect 2 "$rouse" nonsense
said "no command 'nonsense'"
expect 0 "$rouse" --help
expect 0 "$rouse" --version
grep -qE '^rouse [0-9]+\.[0-9]+\.[0-9]+$' out || fail "a strange version"
for command in copy probe demo; do
  expect 0 "$rouse" $command --help
  grep -q "^Usage: rouse $command" out || fail "$command --help shows no usage"
  expect 2 "$rouse" $command --nonsense
done
expect 1 bash -c "'$rouse' copy --help >/dev/full"
said 'could not be written'
