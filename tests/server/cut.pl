# Connections that end in the middle of a command or of a reply, in order or by a reset: the server goes on,
# and nothing of them is left.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Server;

need_program('redis-benchmark', 'redis-cli');
start('--memory', '32M', '--data', '64M');
my $client = connection();
my $large = 'v' x 2000000;
ask($client, 'SET', 'large', $large);
my $used = info($client, 'used_memory');
my $set = "*3\r\n\$3\r\nSET\r\n\$1\r\nk\r\n\$5\r\nvalue\r\n";

# In the middle of a command: at each byte, both ways.
for my $at (1 .. length($set) - 1) {
  for my $end (sub { close $_[0] }, \&reset_connection) {
    my $socket = connection();
    raw($socket, substr $set, 0, $at);
    $end->($socket);
  }
}
same(ask($client, 'EXISTS', 'k'), ":0\r\n", 'a part of a command does nothing');

# In the middle of a large command, which has memory by then.
for my $end (sub { close $_[0] }, \&reset_connection) {
  for (1 .. 5) {
    my $socket = connection();
    raw($socket, "*3\r\n\$3\r\nSET\r\n\$1\r\nk\r\n\$3000000\r\n" . 'x' x 1000000);
    $end->($socket);
  }
}

# In the middle of a reply.
for my $end (sub { close $_[0] }, \&reset_connection) {
  for (1 .. 10) {
    my $socket = connection();
    raw($socket, "get large\r\n" x 5);
    line_of($socket);
    $end->($socket);
  }
}
# While subscribed, while being published to.
for my $end (sub { close $_[0] }, \&reset_connection) {
  for (1 .. 10) {
    my $socket = connection();
    ask($socket, 'SUBSCRIBE', 'channel');
    ask($client, 'PUBLISH', 'channel', 'm' x 100000);
    $end->($socket);
    ask($client, 'PUBLISH', 'channel', 'm' x 100000);
  }
}
# After a command that is whole: it is done, although nobody hears of it.
my $socket = connection();
raw($socket, $set);
close $socket;
eventually(sub { ask($client, 'GET', 'k') eq "\$5\r\nvalue\r\n" }, 'a whole command is done');
ask($client, 'DEL', 'k');

eventually(sub { info($client, 'connected_clients') == 1 }, 'all are gone');
eventually(sub { info($client, 'used_buffers') < 65536 }, 'and their buffers');
same(info($client, 'used_memory'), $used, 'memory for data');
same(info($client, 'pubsub_channels'), 0, 'channels');
same(ask($client, 'GET', 'large'), '$' . length($large) . "\r\n$large\r\n", 'the data');
stop();
