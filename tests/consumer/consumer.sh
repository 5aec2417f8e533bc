#!/bin/sh
# consumer.sh SOURCES BUILD CMAKE CC: installs BUILD into a temporary prefix, moves that, and builds and runs
# a small program against it by find_package() and by pkg-config, with the shared and the static library.
set -eu
sources=$1/project
build=$2
cmake=$3
cc=$4
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

step() { echo "--- $*"; }
fail() {
  echo "$*"
  exit 1
}
# needs_library PROGRAM yes|no: whether the program loads librouse.so.
needs_library() {
  if readelf -d "$1" | grep -q 'NEEDED.*librouse\.so\.0'; then found=yes; else found=no; fi
  [ "$found" = "$2" ] || fail "$1 loads librouse.so.0: $found, expected: $2"
}

step "install"
"$cmake" --install "$build" --prefix "$directory/first" >"$directory/log" 2>&1 || fail "$(cat "$directory/log")"
mv "$directory/first" "$directory/prefix"
prefix=$directory/prefix
pc=$(find "$prefix" -name rouse.pc)
[ -n "$pc" ] || fail "no rouse.pc is installed"
libdir=$(dirname "$(dirname "$pc")")
for file in "$prefix/include/rouse/rouse.h" "$libdir/librouse.a" "$libdir/librouse.so" "$libdir/librouse.so.0"; do
  [ -e "$file" ] || fail "not installed: $file"
done
if find "$prefix/include" -type f ! -name '*.h' | grep .; then fail "^ is no header"; fi
if grep -rlF "$directory/first" "$prefix" --include='*.pc' --include='*.cmake'; then
  fail "^ names the prefix: the tree cannot be moved"
fi

step "find_package"
"$cmake" -S "$sources" -B "$directory/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" \
  >"$directory/log" 2>&1 || fail "$(cat "$directory/log")"
"$cmake" --build "$directory/build" >"$directory/log" 2>&1 || fail "$(cat "$directory/log")"
needs_library "$directory/build/shared" yes
needs_library "$directory/build/static" no
"$directory/build/shared"
"$directory/build/static"

step "pkg-config"
export PKG_CONFIG_PATH="$libdir/pkgconfig"
pkg-config --validate rouse
[ "$(pkg-config --modversion rouse)" = \
  "$(sed -n 's/.*VERSION_STRING "\(.*\)"/\1/p' "$prefix/include/rouse/version.h")" ] ||
  fail "rouse.pc has the version $(pkg-config --modversion rouse)"
if pkg-config --libs rouse | grep -q uring; then fail "--libs names liburing, which only static linking needs"; fi
# shellcheck disable=SC2046  # the flags are words
$cc "$sources/consumer.c" -o "$directory/shared" $(pkg-config --cflags --libs rouse)
needs_library "$directory/shared" yes
LD_LIBRARY_PATH=$libdir "$directory/shared"

step "the program of README.md"
awk '/^```$/ { inside = 0 } inside; /^```c$/ && !seen++ { inside = 1 }' "$1/../../README.md" \
  >"$directory/hello.c"
# shellcheck disable=SC2046  # the flags are words
$cc "$directory/hello.c" -o "$directory/hello" $(pkg-config --cflags --libs rouse)
LD_LIBRARY_PATH=$libdir "$directory/hello" >"$directory/log"
[ "$(sed 's/ is .*//' "$directory/log" | sort | tr '\n' ' ')" = "Ada Ben " ] &&
  grep -q ' is number 2 on ' "$directory/log" || fail "it printed: $(cat "$directory/log")"

step "pkg-config --static"
$cc "$sources/consumer.c" -o "$directory/static" $(pkg-config --static --cflags --libs rouse |
  sed 's/-lrouse/-l:librouse.a/')
needs_library "$directory/static" no
"$directory/static"

step "as a subdirectory"
mkdir "$directory/outer"
cat >"$directory/outer/CMakeLists.txt" <<CMAKE
cmake_minimum_required(VERSION 3.21)
project(outer LANGUAGES C)
add_subdirectory($(cd "$1/../.." && pwd) rouse)
add_executable(inner $sources/consumer.c)
target_link_libraries(inner PRIVATE rouse::static)
CMAKE
"$cmake" -S "$directory/outer" -B "$directory/outer/build" -DCMAKE_C_COMPILER="$cc" \
  >"$directory/log" 2>&1 || fail "$(cat "$directory/log")"
"$cmake" --build "$directory/outer/build" >"$directory/log" 2>&1 || fail "$(cat "$directory/log")"
"$directory/outer/build/inner"
if [ -e "$directory/outer/build/rouse/tests" ] || [ -e "$directory/outer/build/rouse/tools" ]; then
  fail "a subdirectory builds more than the library"
fi
echo "all run"
