#!/usr/bin/env bash
# On Windows: what --json prints is one JSON object in UTF-8; probe says what a loop gets.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../support/windows.sh"

perl -MJSON::PP -e 1 2>/dev/null || skip 'perl with JSON::PP is needed to read JSON'
field() { perl -MJSON::PP -0777 -e 'my $j = decode_json(<STDIN>); binmode STDOUT, ":utf8";
  print eval $ARGV[0]; die $@ if $@' "$2" <"$1"; }
windows_tree source 50
expect 0 "$rouse" copy --json --loops 1 source copy
[ "$(wc -l <out)" = 1 ] || fail 'it is not one line'
files=$(find source -type f -printf '%i\n' | sort -u | wc -l)
[ "$(field out '$j->{files}')" = "$files" ] || fail "files: $(field out '$j->{files}') and not $files"
[ "$(field out '$j->{directories}')" = "$(find source -type d -printf '.\n' | wc -l)" ] || fail directories
[ "$(field out '$j->{hard_links}')" = 3 ] || fail "hard links: $(field out '$j->{hard_links}')"
bytes=$(find source -type f -printf '%i %s\n' | sort -u | awk '{ all += $2 } END { print all }')
[ "$(field out '$j->{bytes}')" = "$bytes" ] || fail "bytes: $(field out '$j->{bytes}') and not $bytes"
[ "$(field out '$j->{status}.$j->{failed}.$j->{in_flight_max}.$j->{loops}')" = 00641 ] || fail status
[ "$(field out '$j->{in_flight_most} >= 1 && $j->{in_flight_most} <= 64')" = 1 ] || fail 'in flight'
[ "$(field out '$j->{backend}.$j->{doorbell}')" = iocpport ] || fail backend

mkdir -p 'oddé' 'into/oddé/名前'
printf x >'oddé/名前'
expect 1 "$rouse" copy --json 'oddé' into
[ "$(field out '$j->{errors}[0]{path}')" = 'into\oddé\名前' ] || fail "a strange path: $(cat out)"
expect 1 "$rouse" copy --json missing copy
[ "$(field out '$j->{errors}[0]{code}.$j->{status}')" = ROUSE_ENOENT1 ] || fail 'a missing source'

expect 0 "$rouse" probe --json
[ "$(field out '$j->{backend}.$j->{system}.$j->{context}')" = iocpWindowswin64 ] || fail "$(cat out)"
[ "$(field out '@{$j->{features}} > 0 && $j->{processors} >= 1')" = 1 ] || fail 'probe: no features'
expect 0 "$rouse" probe
grep -q 'backend   iocp' out || fail probe
ROUSE_BACKEND=nonsense expect 1 "$rouse" probe --json
field out '$j->{failure}' | grep -q ROUSE_E || fail 'a backend that does not exist'
expect 0 "$rouse" demo source
grep -q 'entries, no differences' out || fail "demo: $(cat out)"
