# What each command replies: as written here, and as redis-server replies, if there is one.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Server;

need_program('redis-benchmark', 'redis-cli');
start();
my $client = connection();

# A command's words, and the whole reply without the last line's end. ANY: only compared.
my @expected = (
  [qw(PING)] => '+PONG',
  [qw(ping hello)] => "\$5\r\nhello",
  [qw(PING a b)] => "-ERR wrong number of arguments for 'ping' command",
  [qw(ECHO hi)] => "\$2\r\nhi",
  [qw(GET a)] => '$-1',
  [qw(SET a 1)] => '+OK',
  [qw(GET a)] => "\$1\r\n1",
  [qw(GET)] => "-ERR wrong number of arguments for 'get' command",
  [qw(SET a)] => "-ERR wrong number of arguments for 'set' command",
  [qw(SET a 1 NX)] => '$-1',
  [qw(SET a 2 XX)] => '+OK',
  [qw(SET b 1 XX)] => '$-1',
  [qw(SET b 1 NX)] => '+OK',
  [qw(SET b 1 NX XX)] => '-ERR syntax error',
  [qw(SET b 1 EX)] => '-ERR syntax error',
  [qw(SET b 1 EX 10 PX 10)] => '-ERR syntax error',
  [qw(SET b 1 EX 10 KEEPTTL)] => '-ERR syntax error',
  [qw(SET b 1 EX ten)] => '-ERR value is not an integer or out of range',
  [qw(SET b 1 EX ten BAD)] => '-ERR syntax error',
  [qw(SET b 1 EX 0)] => "-ERR invalid expire time in 'set' command",
  [qw(SET b 1 PX -5)] => "-ERR invalid expire time in 'set' command",
  [qw(SET b 1 EX 9223372036854775807)] => "-ERR invalid expire time in 'set' command",
  [qw(SET b 1 EX 100)] => '+OK',
  [qw(TTL b)] => ':100',
  [qw(SET b 2 KEEPTTL)] => '+OK',
  [qw(TTL b)] => ':100',
  [qw(SET b 3 GET)] => "\$1\r\n2",
  [qw(TTL b)] => ':-1',
  [qw(SET none 3 XX GET)] => '$-1',
  [qw(SETNX b 4)] => ':0',
  [qw(SETNX bb 4)] => ':1',
  [qw(SETEX b 50 5)] => '+OK',
  [qw(TTL b)] => ':50',
  [qw(SETEX b 0 5)] => "-ERR invalid expire time in 'setex' command",
  [qw(PSETEX b 50000 6)] => '+OK',
  [qw(TTL b)] => ':50',
  [qw(GETSET b 7)] => "\$1\r\n6",
  [qw(TTL b)] => ':-1',
  [qw(GETDEL b)] => "\$1\r\n7",
  [qw(GETDEL b)] => '$-1',
  [qw(TTL nothere)] => ':-2',
  [qw(PTTL nothere)] => ':-2',
  [qw(PTTL a)] => ':-1',
  [qw(EXPIRE nothere 10)] => ':0',
  [qw(EXPIRE a 1000)] => ':1',
  [qw(TTL a)] => ':1000',
  [qw(EXPIRE a 2000 NX)] => ':0',
  [qw(EXPIRE a 2000 XX)] => ':1',
  [qw(EXPIRE a 1000 GT)] => ':0',
  [qw(EXPIRE a 1000 LT)] => ':1',
  [qw(EXPIRE a 1000 NX XX)] => '-ERR NX and XX, GT or LT options at the same time are not compatible',
  [qw(EXPIRE a 1000 GT LT)] => '-ERR GT and LT options at the same time are not compatible',
  [qw(EXPIRE a 1000 BAD)] => '-ERR Unsupported option BAD',
  [qw(EXPIRE a x)] => '-ERR value is not an integer or out of range',
  [qw(EXPIRE a 9223372036854775807)] => "-ERR invalid expire time in 'expire' command",
  [qw(PEXPIRE a 5000000)] => ':1',
  [qw(TTL a)] => ':5000',
  [qw(PERSIST a)] => ':1',
  [qw(PERSIST a)] => ':0',
  [qw(PERSIST nothere)] => ':0',
  [qw(PEXPIREAT a 1)] => ':1',
  [qw(EXISTS a)] => ':0',
  [qw(SET a 1)] => '+OK',
  [qw(EXPIRE a -1)] => ':1',
  [qw(GET a)] => '$-1',
  [qw(EXPIREAT bb 4000000000)] => ':1',
  # Times at both ends of what there is. Most that fits is by the clock on the wall, not from now.
  [qw(SET a 1)] => '+OK',
  [qw(PEXPIREAT a -9223372036854775808)] => ':1',
  [qw(EXISTS a)] => ':0',
  [qw(SET a 1)] => '+OK',
  [qw(EXPIREAT a -9223372036854776)] => "-ERR invalid expire time in 'expireat' command",
  [qw(EXPIREAT a -9223372036854775)] => ':1',
  [qw(EXISTS a)] => ':0',
  [qw(SET a 1)] => '+OK',
  [qw(PEXPIRE a 9223371000000000000)] => "-ERR invalid expire time in 'pexpire' command",
  [qw(EXPIRE a 9223371000000000)] => "-ERR invalid expire time in 'expire' command",
  [qw(SETEX a 9223371000000000 v)] => "-ERR invalid expire time in 'setex' command",
  [qw(PSETEX a 9223371000000000000 v)] => "-ERR invalid expire time in 'psetex' command",
  [qw(SET a 1 EX 9223371000000000)] => "-ERR invalid expire time in 'set' command",
  [qw(SET a 1 PX 9223371000000000000)] => "-ERR invalid expire time in 'set' command",
  [qw(PEXPIRE a 9000000000000000000)] => ':1',
  [qw(PEXPIREAT a 9223372036854775807)] => ':1',
  [qw(SET a 1 PXAT 9223372036854775807)] => '+OK',
  [qw(SET a 1 EXAT 9223372036854776)] => "-ERR invalid expire time in 'set' command",
  [qw(EXISTS a)] => ':1',
  [qw(PEXPIRE a -9223372036854775808)] => ':1',
  [qw(EXISTS a)] => ':0',
  # An option again: the last counts. Another one that is about time: no.
  [qw(SET a 1 EX 50 EX 100)] => '+OK',
  [qw(TTL a)] => ':100',
  [qw(SET a 1 KEEPTTL KEEPTTL)] => '+OK',
  [qw(TTL a)] => ':100',
  [qw(SET a 1 EXAT 0 EXAT 4000000000)] => '+OK',
  [qw(SET a 1 EX 100 EX x)] => '-ERR value is not an integer or out of range',
  [qw(SET a 1 EX 100 EX 0)] => "-ERR invalid expire time in 'set' command",
  [qw(SET a 1 EX 100 EX)] => '-ERR syntax error',
  [qw(SET a 1 EX 100 EXAT 4000000000)] => '-ERR syntax error',
  [qw(SET a 1 KEEPTTL EX 100)] => '-ERR syntax error',
  [qw(SET a 1 XX XX GET GET)] => "\$1\r\n1",
  [qw(GETDEL a)] => "\$1\r\n1",
  [qw(INCR n)] => ':1',
  [qw(INCR n)] => ':2',
  [qw(DECR n)] => ':1',
  [qw(INCRBY n 41)] => ':42',
  [qw(INCRBY n -2)] => ':40',
  [qw(DECRBY n 50)] => ':-10',
  [qw(INCRBY n x)] => '-ERR value is not an integer or out of range',
  [qw(INCRBY n 1.5)] => '-ERR value is not an integer or out of range',
  [qw(DECRBY n -9223372036854775808)] => '-ERR decrement would overflow',
  [qw(SET n 9223372036854775807)] => '+OK',
  [qw(INCR n)] => '-ERR increment or decrement would overflow',
  [qw(GET n)] => "\$19\r\n9223372036854775807",
  [qw(SET n -9223372036854775808)] => '+OK',
  [qw(DECR n)] => '-ERR increment or decrement would overflow',
  [qw(INCR n)] => ':-9223372036854775807',
  ['SET', 'n', ' 1'] => '+OK',
  [qw(INCR n)] => '-ERR value is not an integer or out of range',
  [qw(SET n 01)] => '+OK',
  [qw(INCR n)] => '-ERR value is not an integer or out of range',
  [qw(MSET x 1 y 2 z 3)] => '+OK',
  [qw(MSET x 1 y)] => "-ERR wrong number of arguments for 'mset' command",
  [qw(MGET x y none z)] => "*4\r\n\$1\r\n1\r\n\$1\r\n2\r\n\$-1\r\n\$1\r\n3",
  [qw(MSET x 1 x 2)] => '+OK',
  [qw(GET x)] => "\$1\r\n2",
  [qw(APPEND x abc)] => ':4',
  [qw(APPEND fresh abc)] => ':3',
  [qw(APPEND fresh def)] => ':6',
  [qw(GET fresh)] => "\$6\r\nabcdef",
  [qw(STRLEN fresh)] => ':6',
  [qw(STRLEN none)] => ':0',
  [qw(EXISTS x y x none)] => ':3',
  [qw(TYPE x)] => '+string',
  [qw(TYPE none)] => '+none',
  [qw(DEL x y none x)] => ':2',
  [qw(UNLINK z)] => ':1',
  ['SET', '', 'empty key'] => '+OK',
  ['GET', ''] => "\$9\r\nempty key",
  ['SET', "bin\0\r\n", "\0\xff\r\n"] => '+OK',
  ['GET', "bin\0\r\n"] => "\$4\r\n\0\xff\r\n",
  ['STRLEN', "bin\0\r\n"] => ':4',
  [qw(SET emptyvalue), ''] => '+OK',
  [qw(GET emptyvalue)] => "\$0\r\n",
  [qw(FLUSHALL)] => '+OK',
  [qw(DBSIZE)] => ':0',
  ['KEYS', '*'] => '*0',
  [qw(SET hello 1)] => '+OK',
  ['KEYS', 'h?llo'] => "*1\r\n\$5\r\nhello",
  ['KEYS', 'h[ae]llo'] => "*1\r\n\$5\r\nhello",
  ['KEYS', 'h[^e]llo'] => '*0',
  ['KEYS', 'h[a-f]llo'] => "*1\r\n\$5\r\nhello",
  ['KEYS', 'h[f-a]llo'] => "*1\r\n\$5\r\nhello",
  ['KEYS', 'h\ello'] => "*1\r\n\$5\r\nhello",
  ['KEYS', 'h*o'] => "*1\r\n\$5\r\nhello",
  ['KEYS', 'h*x'] => '*0',
  ['KEYS', '**o**'] => "*1\r\n\$5\r\nhello",
  ['KEYS', ''] => '*0',
  [qw(DBSIZE)] => ':1',
  # The empty key: of all patterns only the empty one and the one that is all keys have it.
  [qw(DEL hello)] => ':1',
  ['SET', '', 1] => '+OK',
  ['KEYS', '*'] => "*1\r\n\$0\r\n",
  ['KEYS', ''] => "*1\r\n\$0\r\n",
  ['KEYS', '**'] => '*0',
  [qw(FLUSHDB ASYNC)] => '+OK',
  [qw(FLUSHALL LATER)] => '-ERR syntax error',
  [qw(SELECT 0)] => '+OK',
  [qw(SELECT 99)] => '-ERR DB index is out of range',
  [qw(SELECT x)] => '-ERR value is not an integer or out of range',
  [qw(SELECT 2147483648)] => '-ERR value is out of range, value must between -2147483648 and 2147483647',
  [qw(PUBLISH nobody hears)] => ':0',
  [qw(PUBSUB NUMSUB none)] => "*2\r\n\$4\r\nnone\r\n:0",
  [qw(PUBSUB NUMPAT)] => ':0',
  [qw(PUBSUB CHANNELS)] => '*0',
  [qw(PUBSUB numpat x)] => "-ERR wrong number of arguments for 'pubsub|numpat' command",
  [qw(PUBSUB Channels * x)] =>
    "-ERR unknown subcommand or wrong number of arguments for 'Channels'. Try PUBSUB HELP.",
  [qw(PUBSUB)] => "-ERR wrong number of arguments for 'pubsub' command",
  [qw(pubsub foo x)] => "-ERR unknown subcommand 'foo'. Try PUBSUB HELP.",
  [qw(UNSUBSCRIBE)] => "*3\r\n\$11\r\nunsubscribe\r\n\$-1\r\n:0",
  [qw(UNSUBSCRIBE a)] => "*3\r\n\$11\r\nunsubscribe\r\n\$1\r\na\r\n:0",
  [qw(PUNSUBSCRIBE)] => "*3\r\n\$12\r\npunsubscribe\r\n\$-1\r\n:0",
  [qw(CLIENT GETNAME)] => '$-1',
  [qw(CLIENT SETNAME me)] => '+OK',
  [qw(CLIENT GETNAME)] => "\$2\r\nme",
  ['CLIENT', 'SETNAME', 'a b'] =>
    '-ERR Client names cannot contain spaces, newlines or special characters.',
  [qw(CLIENT SETNAME), ''] => '+OK',
  [qw(CLIENT GETNAME)] => '$-1',
  [qw(CLIENT SETNAME)] => "-ERR wrong number of arguments for 'client|setname' command",
  [qw(CLIENT SETNAME a b)] => "-ERR wrong number of arguments for 'client|setname' command",
  [qw(CLIENT ID x)] => "-ERR wrong number of arguments for 'client|id' command",
  [qw(CLIENT GETNAME x)] => "-ERR wrong number of arguments for 'client|getname' command",
  [qw(CLIENT INFO x)] => "-ERR wrong number of arguments for 'client|info' command",
  [qw(CLIENT)] => "-ERR wrong number of arguments for 'client' command",
  [qw(client foo)] => "-ERR unknown subcommand 'foo'. Try CLIENT HELP.",
  [qw(COMMAND COUNT x)] => "-ERR wrong number of arguments for 'command|count' command",
  [qw(COMMAND LIST x)] => '-ERR syntax error',
  [qw(COMMAND INFO nope)] => "*1\r\n\$-1",
  [qw(COMMAND foo)] => "-ERR unknown subcommand 'foo'. Try COMMAND HELP.",
  [qw(CONFIG GET)] => "-ERR wrong number of arguments for 'config|get' command",
  [qw(CONFIG RESETSTAT x)] => "-ERR wrong number of arguments for 'config|resetstat' command",
  [qw(CONFIG RESETSTAT)] => '+OK',
  [qw(CONFIG GET save)] => "*2\r\n\$4\r\nsave\r\n\$0\r\n",
  [qw(CONFIG GET appendonly)] => "*2\r\n\$10\r\nappendonly\r\n\$2\r\nno",
  [qw(CONFIG GET nothing-of-the-kind)] => '*0',
  [qw(HELLO x)] => '-ERR Protocol version is not an integer or out of range',
  [qw(HELLO 4)] => '-NOPROTO unsupported protocol version',
  # There is one user, the default one, and it has no password.
  [qw(AUTH u p)] => '-WRONGPASS invalid username-password pair or user is disabled.',
  [qw(AUTH Default p)] => '-WRONGPASS invalid username-password pair or user is disabled.',
  [qw(AUTH default p)] => '+OK',
  [qw(AUTH u p q)] => '-ERR syntax error',
  [qw(HELLO 2 AUTH a b)] => '-WRONGPASS invalid username-password pair or user is disabled.',
  [qw(HELLO 2 AUTH a)] => "-ERR Syntax error in HELLO option 'AUTH'",
  [qw(HELLO 2 SETNAME you AUTH a b)] => '-WRONGPASS invalid username-password pair or user is disabled.',
  [qw(CLIENT GETNAME)] => "\$3\r\nyou",
  [qw(HELLO 2 AUTH default x SETNAME me FOO)] => "-ERR Syntax error in HELLO option 'FOO'",
  [qw(CLIENT GETNAME)] => "\$2\r\nme",
  # Which error comes first while subscribed.
  [qw(SUBSCRIBE s)] => "*3\r\n\$9\r\nsubscribe\r\n\$1\r\ns\r\n:1",
  [qw(CLIENT ID)] => "-ERR Can't execute 'client|id': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
    . 'RESET are allowed in this context',
  [qw(CLIENT ID x)] => "-ERR wrong number of arguments for 'client|id' command",
  [qw(RESET)] => '+RESET',
  [qw(foo)] => "-ERR unknown command 'foo', with args beginning with: ",
  [qw(foo bar baz)] => "-ERR unknown command 'foo', with args beginning with: 'bar' 'baz' ",
  ['f' x 200, 'b' x 200] => 'ANY',
  ["a\r\nb"] => 'ANY',
  [qw(AUTH x)] => 'ANY',
);

# What only time or the server itself can request is not the same elsewhere.
my $redis = redis_server() ? redis_connection() : undef;
print 'compared with redis-server: ', $redis ? "yes\n" : "no, there is none\n";
for (my $i = 0; $i < @expected; $i += 2) {
  my ($words, $wanted) = @expected[$i, $i + 1];
  my $name = join ' ', @$words;
  my $got = ask($client, @$words);
  same($got, "$wanted\r\n", $name) unless $wanted eq 'ANY';
  same($got, ask($redis, @$words), "$name, by redis-server") if $redis;
}

like_redis(20061) if $redis;

# Commands in any order, the same for both.
sub like_redis {
  my $seed = shift;
  srand $seed;
  my @keys = map { "key:$_" } 1 .. 12;
  my $any = sub { $_[rand @_] };
  my @make = (
    sub { ('SET', $any->(@keys), $any->('1', 'x', int rand 1e6, 'long' x rand 600), $any->([], ['NX'],
      ['XX'], ['GET'], ['EX', 1000], ['PX', 1000000], ['KEEPTTL'], ['nx', 'get'])->@*) },
    sub { ('GET', $any->(@keys)) }, sub { ('INCR', $any->(@keys)) }, sub { ('DECR', $any->(@keys)) },
    sub { ('INCRBY', $any->(@keys), $any->(5, -7, '9223372036854775807', 'no')) },
    sub { ('APPEND', $any->(@keys), $any->('', 'more', '12')) }, sub { ('STRLEN', $any->(@keys)) },
    sub { ('DEL', map { $any->(@keys) } 0 .. rand 3) }, sub { ('EXISTS', map { $any->(@keys) } 0 .. rand 3) },
    sub { ('MGET', map { $any->(@keys) } 0 .. rand 5) },
    sub { ('MSET', map { ($any->(@keys), int rand 100) } 0 .. rand 3) },
    sub { ('EXPIRE', $any->(@keys), $any->(1000, 2000, -1), $any->([], ['NX'], ['XX'], ['GT'], ['LT'])->@*) },
    sub { ('PERSIST', $any->(@keys)) }, sub { ('GETSET', $any->(@keys), int rand 10) },
    sub { ('SETNX', $any->(@keys), int rand 10) }, sub { ('GETDEL', $any->(@keys)) }, sub { ('DBSIZE') },
    sub { ('TYPE', $any->(@keys)) },
  );
  ask($_, 'FLUSHALL') for $client, $redis;
  for my $round (1 .. 60) {
    my @commands = map { [$any->(@make)->()] } 1 .. 50;
    for my $server ($client, $redis) { request($server, @$_) for @commands }
    for (@commands) {
      same(reply($client), reply($redis), "seed $seed, round $round, @$_");
    }
  }
  for my $pattern ('*', 'key:?', 'key:[1-3]*', 'key:[^1]', 'k*1', '\k*', '[', 'key:[', 'key:1[', '*\\') {
    my ($ours, $theirs) = map { join '', sort split /(?<=\n)(?=\$)/, ask($_, 'KEYS', $pattern) } $client, $redis;
    same($ours, $theirs, "KEYS $pattern");
  }
}

# redis-cli is content.
my $cli = 'redis-cli -p ' . port();
for my $line (
  ['set greeting "hello world"', 'OK'], ['get greeting', 'hello world'], ['incr visits', '1'],
  ['mget greeting nothing', "hello world\n"], ['config get save', "save\n"], ['command count', '\d+'],
  ['client id', '\d+'], ['info server', 'redis_version:7'], ['hello 2', 'standalone'],
) {
  my ($status, $text) = command_output("$cli $line->[0]");
  check($status == 0 && $text =~ /^$line->[1]|$line->[1]/, "redis-cli $line->[0]: $text");
}
my ($status, $text) = command_output("printf 'set k v\\nget k\\ndel k\\n' | $cli");
check($status == 0 && $text eq "OK\nv\n1\n", "redis-cli from a pipe: $text");
($status, $text) = command_output("printf 'set p 1\\r\\nget p\\r\\n' | $cli --pipe");
check($status == 0 && $text =~ /errors: 0, replies: 2/, "redis-cli --pipe: $text");

check(ask($client, 'COMMAND', 'INFO', 'get', 'nope') =~ /^\*2\r\n\*6\r\n\$3\r\nget\r\n:2\r\n.*\$-1\r\n$/s, 'COMMAND INFO');
check(ask($client, 'COMMAND', 'DOCS') eq "*0\r\n", 'COMMAND DOCS');
check(ask($client, 'COMMAND') =~ /^\*\d+\r\n\*6/, 'COMMAND');
same(ask($client, 'QUIT'), "+OK\r\n", 'QUIT');
check(closed($client), 'the connection ends after QUIT');
stop();
