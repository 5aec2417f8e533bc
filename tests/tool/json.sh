#!/usr/bin/env bash
# What --json prints is one JSON object, whatever the names; and it says what happened.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

perl -MJSON::PP -e 1 2>/dev/null || skip 'perl with JSON::PP is needed to read JSON'
# field FILE EXPRESSION: evaluates it with \$j being the object.
field() { perl -MJSON::PP -0777 -e 'my $j = decode_json(<STDIN>); print eval $ARGV[0]; die $@ if $@' "$2" <"$1"; }
make_tree source 100
expect 0 "$rouse" copy --json --loops 1 source copy
[ "$(wc -l <out)" = 1 ] || fail 'it is not one line'
files=$(find source -type f -printf '%i\n' | sort -u | wc -l)
[ "$(field out '$j->{files}')" = "$files" ] || fail "files: $(field out '$j->{files}') and not $files"
[ "$(field out '$j->{directories}')" = "$(find source -type d -printf '.\n' | wc -l)" ] || fail 'directories'
links=$(($(find source -type f -printf '.\n' | wc -l) - files + 2))  # and of a pipe, and a symbolic one
[ "$(field out '$j->{hard_links}')" = $links ] || fail "hard links: $(field out '$j->{hard_links}')"
[ "$(field out '$j->{status}')" = 0 ] || fail status
[ "$(field out '0 + @{$j->{errors}}')" = 0 ] || fail errors
[ "$(field out '$j->{seconds} > 0 && $j->{in_flight_most} >= 1 && $j->{in_flight_most} <= 64')" = 1 ] ||
  fail 'time and number in flight'
[ "$(field out '$j->{in_flight_max}.$j->{loops}.($j->{interrupted} ? 1 : 0)')" = 6410 ] || fail options
for key in waits wakes bells_rung bells_elided backend doorbell bytes verified; do
  [ "$(field out "exists \$j->{$key}")" = 1 ] || fail "$key is missing"
done

mkdir odd
name=$'new\nline \xff "\\ \x1b[0m'
mkdir -p "into/odd/$name"
printf x >"odd/$name"
expect 1 "$rouse" copy --json odd into
[ "$(field out '$j->{errors}[0]{path}')" = 'into/odd/new\nline \xff "\\ \x1b[0m' ] ||
  fail "a strange path"
[ "$(field out '$j->{failed}')" = 1 ] || fail failed
[ "$(wc -l <err)" = 1 ] || fail 'a failure is more than a line'
expect 1 "$rouse" copy --json missing copy
[ "$(field out '$j->{errors}[0]{code}.$j->{status}')" = ROUSE_ENOENT1 ] || fail 'a missing source'

expect 0 "$rouse" probe --json
[ "$(field out '$j->{backend} && @{$j->{backends}} >= 2 && $j->{processors} >= 1')" = 1 ] || fail probe
expect 0 "$rouse" probe
grep -q "backend   $("$rouse" probe --json | perl -MJSON::PP -0777 -e 'print decode_json(<STDIN>)->{backend}')" out || fail 'probe'
ROUSE_BACKEND=nonsense expect 1 "$rouse" probe --json
field out '$j->{failure}' | grep -q ROUSE_E || fail 'a backend that does not exist'
