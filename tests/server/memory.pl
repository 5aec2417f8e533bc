# The two budgets hold: for data a command is refused, for buffers it waits; and who holds memory without
# moving is cut off.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use POSIX ();
use Server;

need_program('redis-benchmark', 'redis-cli');
start('--memory', '4M', '--data', '8M', '--stall', 1);
my $client = connection();

# Data: refused when it is full, served again when there is room.
my $value = 'd' x 100000;
my $set = 0;
$set++ while ask($client, 'SET', "key:$set", $value) eq "+OK\r\n";
check($set > 70 && $set < 84, "$set values of 100,000 bytes fit into 8 MB");
check(ask($client, 'SET', 'more', $value) =~ /^-OOM /, 'SET without memory');
check(ask($client, 'APPEND', 'key:0', $value) =~ /^-OOM /, 'APPEND without memory');
check(ask($client, 'MSET', map { ("m$_", $value) } 1 .. 5) =~ /^-OOM /, 'MSET without memory');
same(ask($client, 'EXISTS', 'm1', 'm2', 'm3', 'm4', 'm5'), ":0\r\n", 'an MSET that is refused sets nothing');
same(ask($client, 'STRLEN', 'key:0'), ":100000\r\n", 'an APPEND that is refused changes nothing');
same(ask($client, 'DEL', map { "key:$_" } 0 .. $set - 1), ":$set\r\n", 'DEL without memory');
same(ask($client, 'SET', 'more', $value), "+OK\r\n", 'there is room again');
ask($client, 'FLUSHALL');

# Buffers: the longest argument is a quarter of them.
my $too_long = connection();
raw($too_long, "*3\r\n\$3\r\nSET\r\n\$1\r\nk\r\n\$1048577\r\n");
same(reply($too_long), "-ERR Protocol error: invalid bulk length\r\n", 'an argument that is too long');

# Many large commands at once: together they need more than there is, so they take turns.
my $large = 'b' x 700000;
my @senders = map { connection() } 1 .. 24;
ask($_, "PING") for @senders;  # they are let in
my @children;
for my $number (0 .. $#senders) {
  my $child = fork // die $!;
  if ($child) { push @children, $child; next }
  raw($senders[$number], "*3\r\n\$3\r\nSET\r\n\$2\r\nk" . $number % 8 . "\r\n\$700000\r\n$large\r\n");
  POSIX::_exit(0);
}
for my $number (0 .. $#senders) { same(reply($senders[$number]), "+OK\r\n", "a large SET, $number") }
waitpid $_, 0 for @children;
same(ask($client, 'STRLEN', 'k3'), ":700000\r\n", 'they were all done');
close $_ for @senders;
eventually(sub { info($client, 'used_buffers') < 65536 }, 'their buffers are back');

# Who begins such a command and does not go on is cut off, and does not keep the others waiting for good.
my @stalled = map { connection() } 1 .. 8;
ask($_, "PING") for @stalled;
for my $socket (@stalled) {
  raw($socket, "*3\r\n\$3\r\nSET\r\n\$1\r\nk\r\n\$900000\r\nbegin");
}
same(ask($client, 'SET', 'k0', $large), "+OK\r\n", 'others get their turn');
for my $socket (@stalled) {
  my $last = reply($socket);
  check(!defined $last || $last =~ /^-OOM/, 'one that stalls is cut off');
}
check(log_text() =~ /cut off, it stopped in the middle of a command/, 'a word in the log');
# One that is idle holds nothing, and may be so for as long as it likes.
same(ask($client, 'PING'), "+PONG\r\n", 'one that is idle stays');

# Connections are paid for, too: some are turned away, those that are in are served.
my (@in, $turned_away, $told);
for (1 .. 400) {
  my $socket = connection();
  request($socket, 'PING');
  my $reply = reply($socket) // '';
  if ($reply eq "+PONG\r\n") { push @in, $socket; next }
  # It is for lack of room, and says so; the request may have crossed the end of the connection.
  check($reply eq '' || $reply eq "-ERR no memory for one more client\r\n", "turned away with $reply");
  $told ||= $reply ne '';
  $turned_away++;
}
check($told, 'it is told why');
check($turned_away && @in > 100 && @in < 200, scalar(@in) . ' connections fit into 4 MB');
same(ask($in[$_], 'PING'), "+PONG\r\n", 'those who are in') for 0 .. $#in;
my $constant = slowness() > 1 ? 1024 : 40;
check(rss('most') < (4 + 8 + $constant) * 1048576, 'resident memory is ' . rss('most'));
stop();
