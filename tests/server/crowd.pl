# Thousands of connections at once, each served; the limit; all gone afterwards.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Server;

need_program('redis-benchmark', 'redis-cli');
# As many as this process may have, up to what is wanted.
exec 'bash', '-c', 'ulimit -n $(ulimit -Hn); CROWD=1 exec "$0" "$@"', $^X, $0 unless $ENV{CROWD};
my $open = `bash -c 'ulimit -n'`;
my $count = $open =~ /^\d+/ && $open < 2700 ? $open - 100 : 2600;
skip("only $open descriptors are allowed") if $count < 500;

start('--memory', '256M', '--clients', $count + 1);
my @clients = map { connection() } 1 .. $count;
# All have a command under way at the same time, then all get their reply.
request($clients[$_], 'SET', "key:$_", $_) for 0 .. $#clients;
same(reply($clients[$_]), "+OK\r\n", "SET by client $_") for 0 .. $#clients;
request($clients[$_], 'GET', 'key:' . ($_ ^ 1)) for 0 .. $#clients;
for (0 .. $#clients) {
  my $other = $_ ^ 1;
  my $wanted = $other < $count ? '$' . length($other) . "\r\n$other\r\n" : "\$-1\r\n";
  same(reply($clients[$_]), $wanted, "GET by client $_");
}
same(info($clients[0], 'connected_clients'), $count, 'connected_clients');

# One more is let in, the next is turned away with a word.
my $last = connection();
same(ask($last, 'PING'), "+PONG\r\n", 'the last that is let in');
my $too_many = connection();
same(reply($too_many), "-ERR max number of clients reached\r\n", 'one too many');
check(closed($too_many), 'one too many is closed');
same(ask($clients[0], 'PING'), "+PONG\r\n", 'those who are in stay in');

# Half of them go in order, half by a reset; the server is rid of all.
for (1 .. $#clients) { $_ % 2 ? close $clients[$_] : reset_connection($clients[$_]) }
eventually(sub { info($clients[0], 'connected_clients') == 2 }, 'those who went are counted out');
my $again = connection();
same(ask($again, 'PING'), "+PONG\r\n", 'there is room again');
same(ask($again, 'DBSIZE'), ":$count\r\n", 'all keys are there');
stop();
