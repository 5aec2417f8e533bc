#!/usr/bin/env bash
# On Windows: a copy is the same as its source, whatever the loops and the number in flight; and --verify
# and --compare find every difference.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../support/windows.sh"

windows_tree source 300
for loops in 1 2; do
  for flight in 1 64 4096; do
    expect 0 "$rouse" copy --loops $loops --max-in-flight $flight --json --verify source copy
    [ ! -s err ] || fail "it complained: $(head -3 err)"
    grep -q '"backend":"iocp"' out || fail 'it ran on another backend than iocp'
    grep -q '"differences":0' out || fail 'it found differences'
    same_on_windows source copy
    no_temporaries copy
    chmod -R u+w copy && rm -rf copy
  done
done
# By paths with a drive, with the other separators, and into a directory.
mkdir into
expect 0 "$rouse" copy -q "Z:${scratch//\//\\}\\source" "into\\"
same_on_windows source into/source
# Once more over itself: read-only files are replaced, too.
expect 0 "$rouse" copy -q -T source into/source
[ ! -s err ] || fail "it complained: $(head -3 err)"
same_on_windows source into/source
no_temporaries into

expect 0 "$rouse" copy --compare -T source into/source
printf y | dd of=into/source/sizes/262145 bs=1 seek=200000 conv=notrunc 2>/dev/null
rm into/source/many/7
printf extra >into/source/many/extra
touch into/source/many/8
expect 1 "$rouse" copy --compare -T source into/source
said 'into/source\sizes\262145: differs in contents between bytes'
said 'into/source\many\7: is missing in the copy'
said 'into/source\many\extra: is in the copy only'
said 'into/source\many\8: differs in time of modification'
