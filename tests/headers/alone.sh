#!/bin/sh
# alone.sh INCLUDE_DIRECTORY: each public header compiles by itself, and twice, as C11, C17 and C++17, with
# gcc and, where it is there, with clang.
set -u
include=$1
status=0
compiled=0

compile() { # COMPILER LANGUAGE STANDARD HEADER
  compiled=$((compiled + 1))
  printf '#include <rouse/%s>\n#include <rouse/%s>\n' "$4" "$4" |
    "$1" -x "$2" "-std=$3" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I "$include" - || {
    echo "^ $1 -std=$3: rouse/$4"
    status=1
  }
}

for pair in gcc:g++ clang:clang++; do
  command -v "${pair%:*}" >/dev/null || continue
  for header in "$include"/rouse/*.h; do
    header=$(basename "$header")
    compile "${pair%:*}" c c11 "$header"
    compile "${pair%:*}" c c17 "$header"
    compile "${pair#*:}" c++ c++17 "$header"
  done
done

# A header that cannot stand alone must be noticed.
broken=$(mktemp -d)
trap 'rm -rf "$broken"' EXIT
mkdir "$broken/rouse"
echo 'size_t rouse_broken(void);' >"$broken/rouse/broken.h"
good=$status
include=$broken
compile "$(command -v gcc || command -v clang)" c c11 broken.h >/dev/null 2>&1
[ "$status" = 1 ] || { echo "a header that needs another one was not noticed"; exit 1; }
status=$good

[ "$compiled" -gt 1 ] || { echo "no compiler, or no header"; exit 1; }
echo "$((compiled - 1)) compiled"
exit "$status"
