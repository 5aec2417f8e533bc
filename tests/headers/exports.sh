#!/bin/sh
# exports.sh INCLUDE_DIRECTORY LIBRARY: the shared library shows what the public headers declare with
# ROUSE_API, under the version ROUSE_0, and nothing else.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
LC_ALL=C
export LC_ALL

# The name is the last word before the parameters, or before the semicolon of a variable.
cat "$1"/rouse/*.h | awk '
  /^#/ { next }
  { sub(/\/\/.*/, "") }
  /^ROUSE_API / { inside = 1; text = "" }
  inside {
    text = text " " $0
    if (text ~ /[(;]/) {
      sub(/[ ]*(\(|\[|;).*/, "", text)
      sub(/.*[ *]/, "", text)
      print text
      inside = 0
    }
  }' | sort >"$directory/declared"

nm -D --defined-only "$2" | awk '$2 != "A" { print $3 }' | sort >"$directory/shown"
sed 's/@@*ROUSE_0$//' "$directory/shown" | sort >"$directory/names"

status=0
[ -s "$directory/declared" ] || { echo "the headers declare nothing"; status=1; }
if ! diff "$directory/declared" "$directory/names"; then
  echo "^ declared in headers (<) and shown by the library (>) differ"
  status=1
fi
if grep -v '@@*ROUSE_0$' "$directory/shown"; then
  echo "^ shown without the version ROUSE_0"
  status=1
fi
[ "$status" != 0 ] || echo "$(wc -l <"$directory/declared") names"
exit "$status"
