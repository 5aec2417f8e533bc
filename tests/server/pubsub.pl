# Messages to channels and patterns: to everybody, in order, once; and who does not read is cut off with a
# word in the log, while the others get theirs.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Server;

need_program('redis-benchmark', 'redis-cli');
start('--memory', '32M', '--subscriber', '256K');
my $publisher = connection();

sub bulk { return join '', map { '$' . length($_) . "\r\n$_\r\n" } @_ }
sub message { return "*3\r\n" . bulk('message', @_) }

# One subscriber: replies, what is allowed, and the way back.
my $one = connection();
same(ask($one, 'SUBSCRIBE', 'a', 'b'), "*3\r\n" . bulk('subscribe', 'a') . ":1\r\n", 'SUBSCRIBE a');
same(reply($one), "*3\r\n" . bulk('subscribe', 'b') . ":2\r\n", 'SUBSCRIBE b');
same(ask($one, 'SUBSCRIBE', 'a'), "*3\r\n" . bulk('subscribe', 'a') . ":2\r\n", 'SUBSCRIBE a again');
same(ask($one, 'PSUBSCRIBE', 'n*'), "*3\r\n" . bulk('psubscribe', 'n*') . ":3\r\n", 'PSUBSCRIBE');
same(ask($one, 'GET', 'x'), "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
    . "RESET are allowed in this context\r\n", 'GET while subscribed');
same(ask($one, 'PING'), "*2\r\n" . bulk('pong', ''), 'PING while subscribed');
same(ask($one, 'PING', 'hi'), "*2\r\n" . bulk('pong', 'hi'), 'PING with a text while subscribed');
same(ask($publisher, 'PUBLISH', 'a', "bin\0\r\n"), ":1\r\n", 'PUBLISH');
same(reply($one), message('a', "bin\0\r\n"), 'a message');
same(ask($publisher, 'PUBLISH', 'news', 'x'), ":1\r\n", 'PUBLISH to a pattern');
same(reply($one), "*4\r\n" . bulk('pmessage', 'n*', 'news', 'x'), 'a message by a pattern');
same(ask($publisher, 'PUBSUB', 'NUMSUB', 'a', 'z'), "*4\r\n" . bulk('a') . ":1\r\n" . bulk('z') . ":0\r\n", 'NUMSUB');
same(ask($publisher, 'PUBSUB', 'NUMPAT'), ":1\r\n", 'NUMPAT');
same(ask($publisher, 'PUBSUB', 'CHANNELS', '[b-z]*'), "*1\r\n" . bulk('b'), 'CHANNELS');
same(ask($one, 'UNSUBSCRIBE', 'a'), "*3\r\n" . bulk('unsubscribe', 'a') . ":2\r\n", 'UNSUBSCRIBE');
same(ask($publisher, 'PUBLISH', 'a', 'x'), ":0\r\n", 'nobody listens');
same(ask($one, 'UNSUBSCRIBE'), "*3\r\n" . bulk('unsubscribe', 'b') . ":1\r\n", 'UNSUBSCRIBE from all');
same(ask($one, 'PUNSUBSCRIBE'), "*3\r\n" . bulk('punsubscribe', 'n*') . ":0\r\n", 'PUNSUBSCRIBE from all');
same(ask($one, 'SET', 'x', 1), "+OK\r\n", 'commands as before');
same(ask($publisher, 'PUBSUB', 'CHANNELS'), "*0\r\n", 'no channels are left');
# A channel with an empty name is there, but no pattern has it, as with redis.
ask($one, 'PSUBSCRIBE', '*');
ask($one, 'SUBSCRIBE', '');
same(ask($publisher, 'PUBSUB', 'CHANNELS'), "*1\r\n" . bulk(''), 'CHANNELS with the empty one');
same(ask($publisher, 'PUBSUB', 'CHANNELS', '*'), "*0\r\n", 'CHANNELS by a star');
same(ask($publisher, 'PUBLISH', '', 'x'), ":1\r\n", 'PUBLISH to the empty one');
same(reply($one), message('', 'x'), 'its message');
ask($one, 'RESET');
# A pipeline in and out of it.
raw($one, "SET p 1\r\nSUBSCRIBE q\r\nUNSUBSCRIBE\r\nGET p\r\nSUBSCRIBE q\r\nRESET\r\nGET p\r\n");
same(join('', map { reply($one) } 1 .. 7), "+OK\r\n*3\r\n" . bulk('subscribe', 'q') . ":1\r\n*3\r\n" .
    bulk('unsubscribe', 'q') . ":0\r\n" . bulk('1') . "*3\r\n" . bulk('subscribe', 'q') . ":1\r\n+RESET\r\n" .
    bulk('1'), 'in and out');

# Many subscribers on both loops, several publishers: each gets each publisher's messages in order.
my ($subscribers, $publishers, $messages) = (60, 3, 100);
my @subscribers = map { connection() } 1 .. $subscribers;
ask($_, 'SUBSCRIBE', 'fan') for @subscribers;
my @publishers = map { connection() } 1 .. $publishers;
for my $number (1 .. $messages) {
  request($publishers[$_], 'PUBLISH', 'fan', "$_:$number") for 0 .. $#publishers;
}
for my $socket (@publishers) {
  same(reply($socket), ":$subscribers\r\n", 'receivers') for 1 .. $messages;
}
for my $socket (@subscribers) {
  my @next = (1) x $publishers;
  for (1 .. $publishers * $messages) {
    my ($by, $number) = reply($socket) =~ /\n(\d+):(\d+)\r\n$/;
    same($number, $next[$by]++, "message of publisher $by");
  }
}

# Two that do not read are cut off; the one that reads gets all.
my @stuck = map { with_small_window() } 1 .. 2;
ask($_, 'SUBSCRIBE', 'flood') for @stuck;
my $reads = connection();
ask($reads, 'SUBSCRIBE', 'flood');
my $text = 'f' x 20000;
my $left = 3;
for (1 .. 1000) {
  ask($publisher, 'PUBLISH', 'flood', $text) =~ /^:(\d+)/ or check(0, 'PUBLISH');
  $left = $1;
  same(reply($reads), message('flood', $text), 'the one that reads');
  last if $left == 1;
}
same($left, 1, 'those who do not read are cut off');
check(log_text() =~ /subscriber cut off, it does not read its messages/, 'a word in the log');
same(info($publisher, 'subscribers_cut_off'), 2, 'subscribers_cut_off');
for my $socket (@stuck) {
  1 while defined reply($socket);
  check(1, 'its connection ends');
}

# Memory that is short is taken from subscribers who do not read, not from the publisher.
my @hoard = map { with_small_window() } 1 .. 300;
for (0 .. $#hoard) { ask($hoard[$_], 'SUBSCRIBE', "hoard:$_") }
for my $round (1 .. 12) {
  for (0 .. $#hoard) {
    check(ask($publisher, 'PUBLISH', "hoard:$_", $text) =~ /^:[01]\r\n$/, "PUBLISH while memory is short");
  }
}
check(info($publisher, 'used_buffers') <= 32 * 1048576, 'the budget holds');
same(ask($publisher, 'PUBLISH', 'fan', 'last'), ":$subscribers\r\n", 'the others are still there');
same(reply($_), message('fan', 'last'), 'and still hear') for @subscribers;
close $_ for @hoard;
eventually(sub { info($publisher, 'pubsub_channels') == 2 }, 'channels go with their subscribers');
stop();
