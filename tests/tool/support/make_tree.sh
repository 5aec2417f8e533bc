#!/usr/bin/env bash
# make_tree.sh DIRECTORY [FILES]: makes a tree of about FILES (2000) regular files that holds all that a
# copy can get wrong: deep paths, hard links, sparse and empty files, empty directories, symbolic links
# of every kind, odd names, modes and times, pipes, and extended attributes where there are any.
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@"
set -euo pipefail
export LC_ALL=C
top=${1:?a directory is needed}
files=${2:-2000}
mkdir -p "$top"
cd "$top"
RANDOM=4711

# Some text to cut contents from: loops over builtins, since a process per file would take minutes.
text=
while [ ${#text} -lt 70000 ]; do text+="$RANDOM line of text $RANDOM"$'\n'; done

# many/: directories of 4 to 60 files, three levels, with sizes from 0 to 64 KiB.
plain() {
  local left=$1 here='' count size
  while [ "$left" -gt 0 ]; do
    here=many/d$((RANDOM % 12))/e$((RANDOM % 12))/f$RANDOM
    mkdir -p "$here"
    count=$((4 + RANDOM % 57))
    while [ "$count" -gt 0 ] && [ "$left" -gt 0 ]; do
      count=$((count - 1)) left=$((left - 1))
      case $((RANDOM % 20)) in
        0 | 1) size=0 ;;
        2) size=$((RANDOM * 2)) ;;
        3) size=4096 ;;
        *) size=$((RANDOM % 8192)) ;;
      esac
      printf %s "${text:RANDOM % 4096:size}" >"$here/file$left.txt"
    done
  done
}

# deep/: a chain of directories much longer than a path may be, with a file on every hundredth level.
deep() {
  local levels=$1 chain
  chain=$(printf 'level/%.0s' $(seq "$levels"))
  mkdir -p "deep/$chain"
  perl -e 'chdir "deep"; for my $n (1 .. $ARGV[0]) {
      chdir "level" or die "level $n: $!";
      next if $n % 100 && $n != $ARGV[0];
      open my $f, ">", "at$n" or die $!; print $f "level $n\n"; close $f;
      mkdir "empty$n"; symlink "at$n", "link$n"; }' "$levels"
}

links() {
  mkdir -p links/near links/far
  local number
  for number in $(seq "$1"); do
    printf 'inode %s\n%s' "$number" "${text:number:number % 900}" >"links/near/first$number"
    ln "links/near/first$number" "links/far/second$number"
    [ $((number % 3)) != 0 ] || ln "links/near/first$number" "links/near/third$number"
  done
  mkfifo links/pipe && ln links/pipe links/pipe2
  ln -s nowhere links/symbolic && ln -P links/symbolic links/symbolic2
}

sparse() {
  mkdir -p sparse
  local number
  for number in $(seq "$1"); do
    truncate -s $((number * 1000003)) "sparse/hole$number"
    printf 'begin' | dd of="sparse/both$number" conv=notrunc status=none
    printf 'middle of %s' "$number" |
      dd of="sparse/both$number" conv=notrunc bs=1 seek=$((number * 700001)) status=none
    truncate -s $((number * 1500007)) "sparse/both$number"
  done
  printf 'end' | dd of=sparse/big conv=notrunc bs=1 seek=5000000000 status=none
}

names() {
  mkdir -p names/empty names/empty2/empty3
  local long
  long=$(printf 'n%.0s' $(seq 255))
  printf 1 >"names/$long"
  mkdir "names/${long/n/m}"
  printf 2 >"names/${long/n/m}/${long/n/o}"
  printf 3 >names/$'new\nline'
  printf 4 >names/$'tab\tand \\ "quotes" and \'more\' '
  printf 5 >names/$'\xff\xfe not UTF-8'
  printf 6 >names/$'\xc3\xa4 is'
  printf 7 >"names/-rf"
  printf 8 >"names/ "
  printf 9 >names/$'\033[31mred\x07'
  printf 10 >names/.hidden
  printf 11 >names/..two
  ln -s 'no such thing' names/dangling
  ln -s empty2 names/to-directory
  ln -s / names/to-root
  ln -s "$long$long$long$long" names/long-target
  ln -s self names/self
}

modes() {
  mkdir -p modes
  local mode
  for mode in 0000 0400 0444 0600 0644 0711 0755 0777 1644 2755 4755 6711; do
    printf '%s' "$mode" >"modes/f$mode"
    chmod "$mode" "modes/f$mode"
  done
  for mode in 0500 0555 0700 0755 0777 1777 2755; do
    mkdir "modes/d$mode"
    printf '%s' "$mode" >"modes/d$mode/file"
    mkdir "modes/d$mode/below"
    printf '%s' "$mode" >"modes/d$mode/below/file"
    chmod "$mode" "modes/d$mode"
  done
  mkfifo -m 0620 modes/pipe
  if [ "$(id -u)" = 0 ]; then
    chown 1:2 modes/f0644 modes/f4755 modes/d0755
    chmod 4755 modes/f4755
    ln -s there modes/owned-link && chown -h 3:4 modes/owned-link
    mknod modes/null c 1 3 2>/dev/null || true
  fi
}

times() {
  mkdir -p times/old times/new
  touch -d '1999-12-31 23:59:59.123456789' times/old/file times/old
  touch -d '2030-01-02 03:04:05.987654321' times/new/file
  touch -d '1965-05-05 05:05:05.5' times/before-the-epoch
  ln -s file times/old/link
  touch -h -d '2001-02-03 04:05:06.7' times/old/link
  touch -d '1999-12-31 23:59:59.123456789' times/old
  touch -d '2011-11-11 11:11:11.111111111' times/new times
}

attributes() {
  mkdir -p attributes/directory
  printf text >attributes/file
  printf text >attributes/list
  if command -v setfattr >/dev/null; then
    setfattr -n user.short -v value attributes/file 2>/dev/null || true
    setfattr -n user.long -v "${text:0:3000}" attributes/file 2>/dev/null || true
    setfattr -n user.empty attributes/directory 2>/dev/null || true
  fi
  if command -v setfacl >/dev/null; then
    setfacl -m u:1:rw,g:2:r attributes/list 2>/dev/null || true
    setfacl -m d:u:1:rwx,u:1:rx attributes/directory 2>/dev/null || true
  fi
  printf below >attributes/directory/inherits
}

big() {
  mkdir -p big
  local number
  for number in $(seq "$1"); do
    head -c $((number * 300000 + number)) /dev/urandom >"big/file$number"
  done
  head -c 262144 /dev/urandom >big/a-buffer
  head -c 131072 /dev/urandom >big/half-a-buffer
  head -c 262145 /dev/urandom >big/a-buffer-and-one
}

plain "$files"
if [ "$files" -ge 20000 ]; then
  deep 3000 && links 600 && sparse 60 && big 20
else
  deep 900 && links 30 && sparse 6 && big 4
fi
names
modes
times
attributes
