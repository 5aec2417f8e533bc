#!/usr/bin/env bash
# A copy over an older one: files are replaced at one go, directories filled up, nothing is followed.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

make_tree source 200
expect 0 "$rouse" copy -T source copy
# Everything once more, over itself: the same again.
expect 0 "$rouse" copy -T source copy
[ ! -s err ] || fail "it complained: $(head -3 err)"
same_tree source copy
no_temporaries copy

# What was there before stays what it was for those who have it open or linked.
mkdir old
printf old >old/file
ln old/file old/linked
printf outside >outside
ln -s "$scratch/outside" old/symbolic
mkfifo old/pipe
printf extra >old/extra
mkdir fresh
for name in file symbolic pipe; do printf 'new %s' $name >fresh/$name; done
exec 5<old/file
expect 0 "$rouse" copy -T fresh old
[ "$(cat <&5)" = old ] || fail 'a file was overwritten in place'
[ "$(cat old/linked)" = old ] || fail 'a linked file was overwritten in place'
[ "$(cat outside)" = outside ] || fail 'a symbolic link was followed'
for name in file symbolic pipe; do
  [ -f old/$name ] && [ ! -L old/$name ] || fail "$name is no plain file"
  cmp fresh/$name old/$name
done
[ "$(cat old/extra)" = extra ] || fail 'what was in the target is gone'

# A hard link takes the place of what is there; and so does a symbolic link.
mkdir linked
printf one >linked/a
ln linked/a linked/b
ln -s a linked/c
mkdir over
printf x >over/a
printf x >over/b
printf x >over/c
expect 0 "$rouse" copy -T linked over
[ "$(stat -c %i over/a)" = "$(stat -c %i over/b)" ] || fail 'the hard link was lost'
[ "$(readlink over/c)" = a ] || fail 'the symbolic link was lost'
# A symbolic link as the target of a file is replaced, too.
ln -s "$scratch/outside" given
expect 0 "$rouse" copy fresh/file given
[ ! -L given ] && [ "$(cat outside)" = outside ] || fail 'a symbolic link was written through'
