# redis-benchmark runs clean: no error, no lost or doubled command, with few and many connections,
# with and without pipelining.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Server;

need_program('redis-benchmark', 'redis-cli');
start();
my $counted = 0;
for my $run ([50, 1, 1000], [50, 16, 8000], [300, 1, 1000], [300, 16, 8000]) {
  my ($clients, $pipeline, $requests) = @$run;
  my ($status, $text) = command_output('redis-benchmark', '-p', port(), '-t', 'ping,set,get,incr,mset',
    '-c', $clients, '-P', $pipeline, '-n', $requests, '--csv');
  check($status == 0, "redis-benchmark ended with $status: $text");
  check($text !~ /error|fail|warning/i, "redis-benchmark complains: $text");
  for my $name ('PING_INLINE', 'PING_MBULK', 'SET', 'GET', 'INCR', 'MSET \(10 keys\)') {
    check($text =~ /^"$name","(\d+)/m && $1 > 0, "redis-benchmark says nothing of $name: $text");
  }
  $counted += $requests;
  my $client = connection();
  # It rounds up to whole pipelines; each was done exactly once.
  my ($count) = ask($client, 'GET', 'counter:__rand_int__') =~ /\n(\d+)\r/;
  check($count >= $counted && $count <= $counted + 400 * 16, "$counted increments made $count");
  $counted = $count;
}
my ($status, $text) = command_output('redis-benchmark', '-p', port(), '-t', 'set,get', '-c', 50, '-n', 1000,
  '-d', 20000, '-r', 100, '--csv');
check($status == 0 && $text !~ /error/i, "with large values: $text");
my $client = connection();
eventually(sub { info($client, 'connected_clients') == 1 }, 'all other connections have gone');
stop();
