#!/usr/bin/env perl
# Every workload of rouse-bench runs, and its JSON has a figure for each case of ours. What the figures
# are is nothing for a test.
use strict;
use warnings;
use JSON::PP;

my $bench = $ENV{BENCH_BIN} // die "BENCH_BIN must name rouse-bench\n";
my @programs = map { ("--$_", $ENV{"BENCH_" . uc $_}) } grep { $ENV{"BENCH_" . uc $_} } qw(tool echo kv);

sub run {
  open my $pipe, '-|', $bench, @_ or die "$bench: $!\n";
  local $/;
  my $text = <$pipe>;
  close $pipe;
  return ($text, $? >> 8);
}

my ($names, $status) = run('--list');
my @listed = map { /^(\S+)/ } split /\n/, $names;
die "--list ended with $status\n" if $status;
die "there are only @listed\n" if @listed < 30;

(my $text, $status) = run('--quick', '--runs', 1, '--json', @programs);
my $all = decode_json($text);
my @ran = map { $_->{name} } @{$all->{workloads}};
die "it ran\n@ran\nand not\n@listed\n" if "@ran" ne "@listed";
my $figures = 0;
for my $workload (@{$all->{workloads}}) {
  for my $case (@{$workload->{cases}}) {
    my $what = "$workload->{name}, $case->{name}";
    if (defined $case->{problem}) {
      print "$what: $case->{problem}\n";
      die "$what was not measured\n" if $case->{name} =~ /^rouse/ && $workload->{name} !~ /^kv/;
      next;
    }
    die "$what: $case->{median}\n" if $case->{median} < 0;
    die "$what: $case->{median} $workload->{unit}\n"
      if !$case->{median} && $workload->{name} ne 'allocations';
    $figures++;
  }
  for my $aim (@{$workload->{aims}}) {
    die "$workload->{name}: no verdict\n" if ($aim->{verdict} // '') !~ /^(met|missed|not measured)$/;
  }
}
die "it ended with $status\n" if $status;
die "only $figures figures\n" if $figures < @listed;
print "$figures figures\n";

for my $wrong (['--runs', 0], ['--runs', 'x'], ['--runs'], ['--colour']) {
  open my $saved, '>&', \*STDERR or die $!;
  open STDERR, '>', '/dev/null' or die $!;
  my (undef, $refused) = run(@$wrong);
  open STDERR, '>&', $saved or die $!;
  die "@$wrong ended with $refused\n" if $refused != 2;
}
