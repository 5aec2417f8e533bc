# Keys expire at their time, whether somebody asks for them or not, and their memory comes back.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Server;

need_program('redis-benchmark', 'redis-cli');
start();
my $client = connection();
my $empty = info($client, 'used_memory');

# By asking: never before its time, gone after it.
my $begin = time;
ask($client, 'SET', 'short', 'x', 'PX', 80);
while (ask($client, 'GET', 'short') ne "\$-1\r\n") {
  check(time - $begin < 60 * slowness(), 'it does not expire');
  sleep 0.005;
}
check(time - $begin >= 0.079, 'it expired too early: ' . (time - $begin));
same(ask($client, 'TTL', 'short'), ":-2\r\n", 'TTL of what has expired');

# Without asking: many keys, times in any order, some changed afterwards.
my $count = 3000;
srand 5;
for my $number (1 .. $count) {
  request($client, 'SET', "key:$number", 'value' x 10, 'PX', 1 + int rand 400);
}
reply($client) for 1 .. $count;
request($client, 'PEXPIRE', "key:$_", 10) for 1 .. 300;
reply($client) for 1 .. 300;
ask($client, 'SET', 'stays', 1);
ask($client, 'SET', 'later', 1, 'EX', 1000);
ask($client, 'SET', 'saved', 1, 'EX', 1);
ask($client, 'PERSIST', 'saved');
ask($client, 'SET', 'sooner', 1, 'EX', 1000);
ask($client, 'PEXPIRE', 'sooner', 20);
ask($client, 'SET', 'overwritten', 1, 'PX', 20);
ask($client, 'SET', 'overwritten', 2);
eventually(sub { info($client, 'db0') =~ /^keys=4,expires=1,/ }, 'what is due is removed by itself');
same(ask($client, 'MGET', 'stays', 'later', 'saved', 'overwritten', 'sooner'),
  "*5\r\n" . "\$1\r\n1\r\n" x 3 . "\$1\r\n2\r\n\$-1\r\n", 'what is not due is there');
check(info($client, 'expired_keys') >= 2500, 'expired_keys: ' . info($client, 'expired_keys'));
ask($client, 'FLUSHALL');
eventually(sub { info($client, 'used_memory') == $empty }, 'all memory is back');
my ($ttl) = ask($client, 'SET', 'k', 1, 'PX', 5000) && ask($client, 'PTTL', 'k') =~ /^:(\d+)/;
check($ttl > 0 && $ttl <= 5000, "PTTL $ttl");
stop();
