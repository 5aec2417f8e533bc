# The tests of the command on Windows: it runs by $ROUSE_LAUNCHER (Wine), and the checks do not.
# Source it instead of lib.sh.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
launcher=${ROUSE_LAUNCHER:?ROUSE_LAUNCHER must name what runs programs for Windows}
mkdir "$scratch/.bin"
# Wine takes names for the text of its locale.
printf '#!/bin/sh\nLC_ALL=C.UTF-8 exec %s %q "$@"\n' "${launcher//;/ }" "$rouse" >"$scratch/.bin/rouse"
chmod +x "$scratch/.bin/rouse"
rouse=$scratch/.bin/rouse

# windows_tree DIRECTORY FILES: what Windows can have: names of all scripts, empty directories and files,
# sizes around the buffers', paths far beyond 260 characters, hard links, files that are read-only, and
# times in the steps of 100 ns that it knows.
windows_tree() {
  local top=$1 count=$2 part at number
  mkdir -p "$top"/{empty/below,many,sizes,deep,"names with spaces"}
  for ((number = 1; number <= count; number++)); do
    printf 'file %d\n' "$number" >"$top/many/$number"
  done
  for number in 0 1 4095 4096 8191 8192 8193 32768 131071 131072 262143 262144 262145 3000001; do
    head -c "$number" /dev/urandom >"$top/sizes/$number"
  done
  for part in grüße 日本語 emoji-😀 'ein name' .hidden '100%' 'a&b' "quote'd" ünïcödé-e$'\xcc\x81'; do
    printf '%s' "$part" >"$top/names with spaces/$part"
    mkdir "$top/$part-directory"
  done
  at=$top/deep
  for ((number = 1; number <= 30; number++)); do
    at=$at/$(printf 'level-%02d-%s' "$number" "$(printf 'x%.0s' {1..60})")
    mkdir "$at"
    printf '%d' "$number" >"$at/file"
  done
  ln "$top/many/1" "$top/empty/link"
  ln "$top/many/1" "$top/zzz-link"
  ln "$top/sizes/3000001" "$top/large-link"
  printf read-only >"$top/read-only"
  chmod a-w "$top/read-only"
  find "$top" -depth -print0 | perl -0 -ne 'chomp;
    system "touch", "-h", "-d", sprintf("\@%d.%07d", 1e9 + 7919 * $., (1234567 * $.) % 1e7), $_' \
    2>/dev/null
}

# What a tree of Windows's and its copy have in common. Modes are not: Wine makes them up.
windows_listing() {
  (cd "$1" && find . \( -type d -printf '%y %T@ %P\n' \) -o -printf '%y %n %s %T@ %P\n' | sort)
}

# same_on_windows LEFT RIGHT: names, times, sizes, contents, which names are hard links.
same_on_windows() {
  windows_listing "$1" >left.list
  windows_listing "$2" >right.list
  cmp -s left.list right.list || {
    diff left.list right.list | cut -c1-300 | head >&2
    fail "the listings of $1 and $2 differ"
  }
  diff -r "$1" "$2" >&2 || fail "the contents of $1 and $2 differ"
  [ "$(stat -c %i "$2/many/1")" = "$(stat -c %i "$2/empty/link")" ] &&
    [ "$(stat -c %i "$2/sizes/3000001")" = "$(stat -c %i "$2/large-link")" ] ||
    fail 'a hard link was lost'
  [ $((0$(stat -c %a "$2/read-only") & 0222)) = 0 ] || fail 'the read-only mark was lost'
}
