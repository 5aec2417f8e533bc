#!/usr/bin/env bash
# The report of a real run, opened in a real browser: every plot is there with a mark for each figure, nothing
# sticks out or is too faint to read, the switches work, nothing is asked for from outside, and no script
# fails; in light and in dark.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../tool/support/lib.sh"
. "$(dirname "$self")/../../scripts/chromium.sh"

"$rouse" compare --quick --runs 2 --json --html report.html >report.json || fail 'rouse compare'

# The page with the probe before its end.
perl -0pe 'BEGIN { open my $h, "<", shift; local $/; $probe = <$h> }
  s{</body>}{<script>\n$probe</script>\n</body>} or die "no end of the body"' \
  "$(dirname "$self")/probe.js" report.html >probed.html

# check THEME: compares what the probe saw with the figures.
check() {
  local theme=$1
  chromium_run "$scratch/profile" "$(chromium_theme "$theme")" --window-size=1200,1600 --enable-logging=stderr \
    --dump-dom "file://$scratch/probed.html" >"$theme.dom" 2>"$theme.log" || fail "the browser: $(tail -5 "$theme.log")"
  grep -F 'CONSOLE' "$theme.log" >&2 && fail "the page has something to say on the console ($theme)"
  sed -n '/<pre id="probe">/,/<\/pre>/p' "$theme.dom" >"$theme.probe"
  [ -s "$theme.probe" ] || fail "the probe has not run ($theme)"
  perl -MJSON::PP -e '
    my ($json, $probe, $theme) = @ARGV;
    sub whole { open my $h, "<", $_[0] or die; local $/; <$h> }
    my $j = decode_json(whole($json));
    my (%plots, %seen, @wrong);
    my @rows = @{$j->{approaches}};
    sub known { my $n = 0; for my $r (@rows) { for (@_) { $n++ if exists $r->{cells}{$_}{value} } } $n }
    sub spread { my $n = 0; for my $r (@rows) { $n++ if @{$r->{distributions}{$_[0]} // []} } $n }
    for (split /\n/, whole($probe)) {
      my @f = split / /;
      if ($f[0] eq "plot") {
        my (undef, $key, $what, $marks, $drawn, $outside, $faint, $width) = @f;
        my @columns = split /,/, $what;
        my $distribution = exists $rows[0]{distributions}{$what} && $key =~ /^(wake-one|wake-all|wait)$/;
        my $wanted = $distribution ? spread($what) : known(@columns);
        $plots{$key} = $wanted;
        push @wrong, "$key: $marks marks and not $wanted" if $marks != $wanted;
        push @wrong, "$key: $drawn of $marks marks can be seen" if $drawn != $marks;
        push @wrong, "$key: $outside things stick out" if $outside;
        push @wrong, "$key: $faint texts are too faint" if $faint;
        push @wrong, "$key: $width pixels wide" if $width < 300;
        $seen{$_}++ for @columns;
      } elsif ($f[0] eq "table" && $f[1] ne "matrix") {
        my @in = grep { $_->{section_key} eq $f[1] } @{$j->{columns}};
        push @wrong, "table $f[1]: $f[2] rows" if $f[2] != @rows;
        push @wrong, "table $f[1]: $f[3] cells" if $f[3] != @rows * @in;
        push @wrong, "table $f[1]: $f[4] empty cells" if $f[4];
        $tables{$f[1]} = 1;
      } elsif ($f[0] eq "table") {
        push @wrong, "the matrix has $f[2] lines" if $f[2] != @{$j->{matrix}};
        $tables{matrix} = 1;
      } elsif ($f[0] eq "name") {
        my (undef, $name, $all, $before, $after, $again) = @f;
        push @wrong, "$name is in no plot" unless $all;
        push @wrong, "the switch of $name does nothing" unless $before != $after && $again == $before;
        push @wrong, "$name is half shown" unless $before + $after == $all;
        $names++;
      } elsif ($f[0] eq "theme") {
        my $other = $theme eq "dark" ? "light" : "dark";
        push @wrong, "themes: @f[1..3]" unless "@f[1..3]" eq "$theme $other $theme";
        $themes = 1;
      } elsif ($f[0] eq "ready") {
        push @wrong, "the script: $_" unless $f[1] eq "yes" && !defined $f[2];
        $ready = 1;
      } elsif ($f[0] =~ /^(faint|requests)$/) {
        push @wrong, $_ if $f[1];
      } elsif ($f[0] eq "wide") {
        push @wrong, "the page is wider than the window" if $f[1] ne "no";
      } elsif ($f[0] eq "untitled") {
        push @wrong, $_;
      }
    }
    my $sections = keys %{{map { $_->{section_key} => 1 } @{$j->{columns}}}};
    push @wrong, "only " . keys(%plots) . " plots" if keys %plots < 25;
    push @wrong, "plots without a single mark" if grep { !$_ } values %plots;
    push @wrong, keys(%tables) . " tables" if keys %tables != $sections + 1;
    push @wrong, "$names names" if $names != @rows;
    push @wrong, "no word about themes or the script" unless $themes && $ready;
    print STDERR "$theme: $_\n" for @wrong;
    exit(@wrong ? 1 : 0);
  ' report.json "$theme.probe" "$theme" || fail "the page in $theme"
}

check light
check dark

# In a narrow window only the tables scroll.
chromium_run "$scratch/profile" --window-size=500,1000 --dump-dom "file://$scratch/probed.html" >narrow.dom \
  2>narrow.log || fail "the browser: $(tail -5 narrow.log)"
grep -q '^wide no$' narrow.dom || fail 'in a narrow window the page is wider than it'

# Without its script the page is whole.
sed '/^<script>$/,/^<\/script>$/d' report.html >plain.html
! grep -q '<script' plain.html || fail 'the script could not be taken out'
chromium_run "$scratch/profile" --dump-dom "file://$scratch/plain.html" >plain.dom 2>plain.log || fail 'without the script'
[ "$(grep -c '<figure class="plot"' plain.dom)" -ge 25 ] || fail 'without its script the page has fewer plots'

# A picture of it: not of one colour.
for theme in light dark; do
  chromium_run "$scratch/profile" "$(chromium_theme $theme)" --window-size=1200,1600 \
    --screenshot="$scratch/$theme.png" "file://$scratch/report.html" >/dev/null 2>"$theme.log" || fail "a picture in $theme"
  [ "$(head -c 4 $theme.png | tail -c 3)" = PNG ] || fail "the picture in $theme is none"
  [ "$(wc -c <$theme.png)" -gt 50000 ] || fail "the picture in $theme is empty"
done
! cmp -s light.png dark.png || fail 'light and dark look the same'
