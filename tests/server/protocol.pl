# The protocol itself: commands in pieces of any size, inline commands, pipelines, and what is said to
# nonsense before the connection ends.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use POSIX ();
use Server;

need_program('redis-benchmark', 'redis-cli');
start();
my $has_redis = redis_server();

# All that a fresh connection replies to |bytes|, until it ends; QUIT is put behind (but
# not behind a line that is too long, which must be found out before its end).
sub answer {
  my ($socket, $bytes) = @_;
  raw($socket, length $bytes > 65536 ? $bytes : $bytes . "\r\nQUIT\r\n");
  my $all = '';
  while (defined(my $line = reply($socket))) { $all .= $line }
  return $all;
}

my $long = 'x' x 70000;
my @nonsense = (
  "*3\r\n\$3\r\nSET\r\n:1\r\n" => "-ERR Protocol error: expected '\$', got ':'\r\n",
  "*x\r\n" => "-ERR Protocol error: invalid multibulk length\r\n",
  "*2000000000\r\n" => 'ANY',
  "*99999999999\r\n" => "-ERR Protocol error: invalid multibulk length\r\n",
  "*1\r\n\$x\r\n" => "-ERR Protocol error: invalid bulk length\r\n",
  "*1\r\n\$-1\r\n" => "-ERR Protocol error: invalid bulk length\r\n",
  "*1\r\n\$999999999999\r\n" => "-ERR Protocol error: invalid bulk length\r\n",
  "get 'a\r\n" => "-ERR Protocol error: unbalanced quotes in request\r\n",
  "get \"a\"b\r\n" => "-ERR Protocol error: unbalanced quotes in request\r\n",
  "*1$long" => "-ERR Protocol error: too big mbulk count string\r\n",
  "*1\r\n\$$long" => "-ERR Protocol error: too big bulk count string\r\n",
  $long => "-ERR Protocol error: too big inline request\r\n",
);
for (my $i = 0; $i < @nonsense; $i += 2) {
  my $got = answer(connection(), $nonsense[$i]);
  my $name = substr $nonsense[$i], 0, 30;
  if ($nonsense[$i + 1] eq 'ANY') {
    check($got =~ /^-ERR Protocol error/, "nonsense $name: $got");
    next;
  }
  same($got, $nonsense[$i + 1], "nonsense $name");
  same($got, answer(redis_connection(), $nonsense[$i]), "$name, by redis-server") if $has_redis;
}
# What came before the nonsense is answered.
same(answer(connection(), "PING\r\n*1\r\n!"), "+PONG\r\n-ERR Protocol error: expected '\$', got '!'\r\n",
  'commands before nonsense');

my @lines = (
  "PING\r\n" => "+PONG\r\n+OK\r\n",
  "PING\n" => "+PONG\r\n+OK\r\n",
  "\r\n\r\nPING\r\n" => "+PONG\r\n+OK\r\n",
  "   ping    \"a b\"   \r\n" => "\$3\r\na b\r\n+OK\r\n",
  "ping 'it\\'s'\r\n" => "\$4\r\nit's\r\n+OK\r\n",
  "ping \"\\x41\\n\\\"\\t\\\\\"\r\n" => "\$5\r\nA\n\"\t\\\r\n+OK\r\n",
  # Which characters end a word, and which are part of it.
  "ping\x0b\r\n" => "-ERR unknown command 'ping\x0b', with args beginning with: \r\n+OK\r\n",
  "\x0c\x0bping\ta\x0b\x0cb\r\n" => "\$4\r\na\x0b\x0cb\r\n+OK\r\n",
  "ping \"a\"\x0b\r\n" => "\$1\r\na\r\n+OK\r\n",
  "ping \"\"\r\n" => "\$0\r\n\r\n+OK\r\n",
  "*0\r\n*-1\r\nPING\r\n" => "+PONG\r\n+OK\r\n",
  "*1\r\n\$4\r\nPING\r\nPING\r\n" => "+PONG\r\n+PONG\r\n+OK\r\n",
  "ping " . ('y' x 30000) . "\r\n" => "\$30000\r\n" . ('y' x 30000) . "\r\n+OK\r\n",
);
for (my $i = 0; $i < @lines; $i += 2) {
  my $got = answer(connection(), $lines[$i]);
  same($got, $lines[$i + 1], "line $lines[$i]");
  same($got, answer(redis_connection(), $lines[$i]), "$lines[$i], by redis-server") if $has_redis;
}

# What a browser can be made to send here is not run: the connection ends without a word.
for my $request (
  "POST / HTTP/1.1\r\nContent-Type: text/plain\r\n\r\nFLUSHALL\r\n",
  "GET / HTTP/1.1 x\r\nHost: x\r\n\r\nFLUSHALL\r\n", "*1\r\n\$4\r\npost\r\n", "*2\r\n\$5\r\nHOST:\r\n\$1\r\nx\r\n",
) {
  my ($first) = split /\r/, $request;
  my $keeps = connection();
  ask($keeps, 'SET', 'kept', 1);
  same(answer(connection(), $request), '', "HTTP: $first");
  same(answer(redis_connection(), $request), '', "HTTP by redis-server: $first") if $has_redis;
  same(ask($keeps, 'EXISTS', 'kept'), ":1\r\n", "what follows is not run: $first");
}
check(log_text() =~ /cut off, it speaks HTTP/, 'a word in the log');
same(answer(connection(), "Host:x\r\n"),
  "-ERR unknown command 'Host:x', with args beginning with: \r\n+OK\r\n", 'only the very word');

# Cut at each byte: the same.
my $script = "*3\r\n\$3\r\nSET\r\n\$3\r\nkey\r\n\$12\r\nva\r\nlue\0\$1\r\n\r\nget key\r\n*2\r\n\$3\r\nGET\r\n\$3\r\nkey\r\n";
my $wanted = "+OK\r\n" . ("\$12\r\nva\r\nlue\0\$1\r\n\r\n" x 2);
my $client = connection();
for my $at (1 .. length($script) - 1) {
  raw($client, substr $script, 0, $at);
  select undef, undef, undef, 0.001;
  raw($client, substr $script, $at);
  same(join('', map { reply($client) } 1 .. 3), $wanted, "cut at byte $at");
}
raw($client, $_) for split //, $script;
same(join('', map { reply($client) } 1 .. 3), $wanted, 'byte by byte');

# A pipeline longer than all buffers, and commands larger than any.
my $count = 10000;
if (my $child = fork) {
  for (1 .. $count) { same(reply($client), ":$_\r\n", 'a long pipeline') }
  waitpid $child, 0;
} else {
  raw($client, "*2\r\n\$4\r\nINCR\r\n\$1\r\nc\r\n" x $count);
  POSIX::_exit(0);
}
my $large = join '', map { chr rand 256 } 1 .. 3000;
$large x= 1000;
same(ask($client, 'SET', 'large', $large), "+OK\r\n", 'a large SET');
same(ask($client, 'GET', 'large'), '$' . length($large) . "\r\n$large\r\n", 'a large GET');
my @many = map { ("m$_", "v$_") } 1 .. 5000;
same(ask($client, 'MSET', @many), "+OK\r\n", 'an MSET of many keys');
same(ask($client, 'MGET', map { "m$_" } 1 .. 5000),
  "*5000\r\n" . join('', map { '$' . length("v$_") . "\r\nv$_\r\n" } 1 .. 5000), 'an MGET of many keys');
check(ask($client, 'KEYS', 'm*') =~ /^\*5000\r\n/, 'KEYS of many keys');

# Half a connection: who has finished sending still gets all replies.
my $half = connection();
raw($half, "PING\r\nECHO end\r\n");
shutdown $half, 1;
same(reply($half) . reply($half), "+PONG\r\n\$3\r\nend\r\n", 'replies after a half close');
check(closed($half), 'the other half is closed, too');
eventually(sub { info($client, 'used_buffers') < 65536 }, 'all buffers are given back');
stop();
