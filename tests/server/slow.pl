# Who does not read its replies waits for itself only, costs a bounded amount of memory, and gets all it
# asked for once it reads.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Server;

need_program('redis-benchmark', 'redis-cli');
start('--memory', '16M', '--data', '64M');
my $client = connection();
my $large = join '', map { sprintf '%08d', $_ } 1 .. 131072;  # 1 MiB
same(ask($client, 'SET', 'large', $large), "+OK\r\n", 'SET');
my $wanted = '$' . length($large) . "\r\n$large\r\n";
ask($client, 'SET', 'small', 'x' x 500);

# Together they ask for 2 GB.
my $asked = 20;
my @slow = map { with_small_window() } 1 .. 100;
for my $socket (@slow) {
  raw($socket, "*2\r\n\$3\r\nGET\r\n\$5\r\nlarge\r\n" x $asked);
}
# Others ask for many small ones.
my @many = map { with_small_window() } 1 .. 20;
if (my $child = fork) {
  push @main::children, $child;
} else {
  for my $socket (@many) {
    $socket->blocking(0);
    syswrite $socket, "*2\r\n\$3\r\nGET\r\n\$5\r\nsmall\r\n" x 20000 for 1 .. 3;
  }
  sleep 600;
}
eventually(sub { info($client, 'total_commands_processed') > 100 }, 'the slow ones are being served');

# Meanwhile the others are served as if nothing were.
for (1 .. 300) { same(ask($client, 'INCR', 'n'), ":$_\r\n", 'INCR while others stall') }
my ($status, $text) = command_output('redis-benchmark', '-p', port(), '-t', 'set,get', '-c', 20, '-n', 2000, '--csv');
check($status == 0 && $text !~ /error/i, "redis-benchmark beside slow readers: $text");
# What it may hold: buffers, data, and a constant for itself (sanitizers have one of their own).
my $constant = slowness() > 1 ? 1024 : 48;
check(rss('most') < (16 + 64 + $constant) * 1048576, 'resident memory is ' . rss('most'));

# The value goes away, and who asked for it still gets it.
same(ask($client, 'DEL', 'large'), ":1\r\n", 'DEL');
for my $socket (@slow[0 .. 4]) {
  same(reply($socket), $wanted, 'the first reply after a long time');
}
# Those who go without ever reading leave nothing behind.
reset_connection($_) for @slow, @many;
kill 'KILL', $_ for @main::children;
waitpid $_, 0 for @main::children;
eventually(sub { info($client, 'connected_clients') == 1 }, 'the slow ones are gone');
eventually(sub { info($client, 'used_buffers') < 65536 }, 'and their buffers');
eventually(sub { info($client, 'used_memory') < 65536 }, 'and the value');
stop();
