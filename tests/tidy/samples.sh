#!/bin/sh
# samples.sh CHECK: the check must find fault with each bad sample, and none with each good one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
check=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
status=0
samples=0

# begin: an empty tree. put FILE: takes the file from standard input.
begin() { rm -rf "$tree"/*; }
put() {
  mkdir -p "$tree/$(dirname "$1")"
  cat >"$tree/$1"
}

run() { found=$(sh "$here/check.sh" "$check" "$tree" 2>&1) && result=0 || result=$?; }

# bad WHAT PATTERN: the check fails, with a line that has PATTERN (a fixed string).
bad() {
  samples=$((samples + 1))
  run
  if [ "$result" != 1 ] || ! printf '%s\n' "$found" | grep -qF "$2"; then
    echo "not caught: $1 (exit $result, expected \"$2\")"
    printf '%s\n' "$found"
    status=1
  fi
}
good() {
  samples=$((samples + 1))
  run
  if [ "$result" != 0 ]; then
    echo "wrongly caught: $1"
    printf '%s\n' "$found"
    status=1
  fi
}
# one FILE LINE...: a tree with this file only.
one() {
  begin
  file=$1
  shift
  printf '%s\n' "$@" | put "$file"
}

. "$here/samples_$check.sh"

[ "$samples" -gt 0 ] || { echo "no samples"; exit 1; }
[ "$status" != 0 ] || echo "$samples samples"
exit "$status"
