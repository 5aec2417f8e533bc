#!/bin/sh
# check.sh CHECK ROOT: runs CHECK.awk over the tree at ROOT. Prints file:line: what is wrong; exit 1 if
# there is anything. Finding no file to look at is an error as well.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
check=$1
cd "$2"
export LC_ALL=C

in_directories() { # DIRECTORY... -- FIND_ARGUMENTS...
  directories=
  while [ "$1" != -- ]; do
    [ ! -d "$1" ] || directories="$directories $1"
    shift
  done
  shift
  [ -z "$directories" ] || find $directories -type f "$@" | sort
}

case $check in
  layers) files=$(in_directories include src approaches tools examples -- -name '*.[ch]') ;;
  order)
    # The names of the ordered operations come first.
    files="src/base/atomics.h $(in_directories src approaches -- -name '*.[ch]' \
      ! -path src/base/atomics.h ! -path 'approaches/counted/*')"
    ;;
  sizes)
    files=$(in_directories include src approaches tools examples bench tests scripts -- -name '*.[ch]' -o -name '*.sh')
    [ ! -f dev ] || files="$files dev"
    ;;
  words)
    # Text of any kind, except what holds these words for a purpose.
    files=$(find . \( -name .git -o -path ./build -o -path ./tests/tidy \) -prune -o \
      -type f -exec grep -Il . {} + | sed 's|^\./||' | sort)
    ;;
  *) echo "check.sh: no such check: $check"; exit 2 ;;
esac
[ -n "$files" ] || { echo "check.sh: $check: no files"; exit 2; }

# shellcheck disable=SC2086  # no file of this tree has a blank in its name
awk -f "$here/code.awk" -f "$here/$check.awk" $files
