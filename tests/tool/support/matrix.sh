#!/usr/bin/env bash
# matrix.sh [FILES]: copies a tree of FILES (50000) files by every combination of backend, loops, number
# in flight and descriptor limit, checks each copy with diff and find, and prints a table of times.
# Long: not part of the tests. ROUSE_BIN names the tool, TMPDIR where the trees go.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"

make_tree source "${1:-50000}"
listing source >source.list
printf 'entries: %s\n\n' "$(wc -l <source.list)"
printf '%-9s %5s %9s %11s %9s %9s %7s\n' backend loops in-flight descriptors seconds files/s same
for backend in $(backends); do
  for loops in 1 2; do
    for flight in 1 64 4096; do
      for limit in "$(ulimit -n)" 256; do
        (
          ulimit -n "$limit"
          expect 0 "$rouse" copy --backend "$backend" --loops $loops --max-in-flight $flight --json \
            source copy
        )
        [ ! -s err ] || fail "it complained: $(head -3 err)"
        same_tree source copy
        no_temporaries copy
        rm -rf copy
        perl -e 'local $/; my $j = <STDIN>;
          my %f = map { $_ => $j =~ /"$_":([0-9.]+)/ } qw(seconds files);
          printf "%-9s %5d %9d %11d %9.2f %9.0f %7s\n", @ARGV, $f{seconds}, $f{files} / $f{seconds}, "yes"' \
          "$backend" "$loops" "$flight" "$limit" <out
      done
    done
  done
done
