#!/usr/bin/env bash
# rouse compare, as it comes and on the poll backend: every approach is there, every cell is a number or says
# why not, and the reports tell the same.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/support/lib.sh"

perl -MJSON::PP -e 1 2>/dev/null || skip 'perl with JSON::PP is needed to read JSON'

# check_json BACKEND APPROACHES <JSON: prints what is wrong.
check_json() {
  perl -MJSON::PP -0777 -e '
    my ($backend, %listed) = (shift, map { $_ => 1 } split / /, shift);
    my $j = decode_json(<STDIN>);
    my @keys = map { $_->{key} } @{$j->{columns}};
    my (%unit, %known) = map { $_->{key} => $_->{unit} } @{$j->{columns}};
    print "backend $j->{backend}\n" if $backend && $j->{backend} ne $backend;
    print "$_ columns\n" for grep { $_ < 45 } scalar @keys;
    print "no machine\n" unless $j->{system} && $j->{release} && $j->{processors} >= 1 && $j->{moment};
    print "no runs\n" unless $j->{runs} >= 1 && $j->{seconds} > 0;
    print "not quick\n" unless $j->{quick};
    for my $c (@{$j->{columns}}) { print "$c->{key} does not say how\n" unless length $c->{how} > 5 }
    for my $a (@{$j->{approaches}}) {
      print "$a->{name} is not in the list\n" unless delete $listed{$a->{name}};
      my $cells = $a->{cells};
      print "$a->{name} has " . keys(%$cells) . " cells\n" if keys %$cells != @keys;
      for my $key (@keys) {
        my $c = $cells->{$key};
        if (exists $c->{value}) {
          $known{$key}++;
          my ($least, $value, $most, $runs) = @$c{qw(least value most runs)};
          print "$a->{name} $key: $least $value $most\n" unless $least <= $value && $value <= $most && $least >= 0;
          print "$a->{name} $key: $runs runs\n" unless $runs >= 1 && $runs <= $j->{runs};
        } elsif (length($c->{gap} // "") < 5) {
          print "$a->{name} $key: neither a number nor a reason\n";
        }
        print "$a->{name} $key: a figure, though it is not available\n" if !$a->{available} && exists $c->{value};
      }
      print "$a->{name} does not say why\n" if !$a->{available} && !$a->{reason};
    }
    print "$_ is missing\n" for keys %listed;
    # Whatever the machine, most approaches have every figure.
    for (@keys) { print "$_: only " . ($known{$_} // 0) . " figures\n" if ($known{$_} // 0) < 4 }
    print @{$j->{matrix}} . " needs\n" if @{$j->{matrix}} < 10;
    for my $m (@{$j->{matrix}}) {
      print "$m->{key} has no rule\n" unless length $m->{rule} > 10;
      next unless defined $m->{best};
      print "$m->{key}: $m->{best} is excluded\n" if exists $m->{excluded}{$m->{best}};
      print "$m->{key}: no score\n" unless exists $m->{scores}{$m->{best}};
    }' "$1" "$2"
}

approaches=$("$rouse" compare --list | awk '{ print $1 }' | tr '\n' ' ')
[ "$(wc -w <<<"$approaches")" -ge 11 ] || fail "only these approaches: $approaches"

expect 0 "$rouse" compare --quick --json --html page.html --markdown page.md
wrong=$(check_json "" "$approaches" <out)
[ -z "$wrong" ] || fail "$wrong"
[ ! -s err ] || fail "without a terminal it still says something"
for name in $approaches; do
  grep -q "data-approach=\"$name\"" page.html || fail "$name is not in the page"
  grep -q "^| \`$name\` |" page.md || fail "$name is not in the document"
done
head -1 page.html | grep -q '^<!DOCTYPE html>' || fail 'the page begins otherwise'
tail -1 page.html | grep -q '^</html>' || fail 'the page ends otherwise'

ROUSE_BACKEND=poll expect 0 "$rouse" compare --quick --runs 1 --json
wrong=$(check_json poll "$approaches" <out)
[ -z "$wrong" ] || fail "poll: $wrong"

expect 0 "$rouse" compare --quick --runs 1 --backend epoll --only rouse,mutex_deque
grep -q 'backend epoll' out || fail 'the backend is not told'
for title in Uncontended Contended 'Waking one' 'Waking all' Cancelling Fairness 'System calls' 'Mixed with I/O' \
  "The note's benchmarks" 'Which when'; do
  grep -q "^$title" out || fail "no table: $title"
done
! grep -q segment_queue out || fail 'an approach that was not asked for'
