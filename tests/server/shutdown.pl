# The end, by SIGTERM or SIGINT, idle and under load. What is checked:
#   - a command that the server's system had received before the signal is done, and its reply arrives;
#   - replies are whole, in order, and end with the end of the connection, not with a reset;
#   - what was acknowledged had happened: others saw it;
#   - nothing is done whose reply is not sent: the server's own count of commands is the clients' count of replies.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use POSIX qw(WNOHANG);
use Server;

need_program('redis-benchmark', 'redis-cli');

# Idle, with and without connections.
for my $signal ('TERM', 'INT') {
  start();
  my @clients = map { connection() } 1 .. 20;
  ask($_, 'PING') for @clients;
  kill $signal, $Server::pid;
  check(closed($_), "an idle connection is closed by SIG$signal") for @clients;
  close $_ for @clients;
  wait_exit();
}

# Pipelines that had been received: all replies arrive, though the client reads them only afterwards.
start();
my @clients = map { connection() } 1 .. 40;
ask($_, 'PING') for @clients;
my $pipeline = 200;
for my $number (0 .. $#clients) {
  raw($clients[$number], join '', map { "INCR c$number\r\n" } 1 .. $pipeline);
}
kill 'TERM', $Server::pid;
for my $number (0 .. $#clients) {
  same(reply($clients[$number]), ":$_\r\n", "reply $_ of client $number") for 1 .. $pipeline;
  check(closed($clients[$number]), 'then the connection ends');
  close $clients[$number];
}
wait_exit();
my ($commands) = log_text() =~ /stopped after (\d+) commands on 40/;
same($commands, 40 * ($pipeline + 1), 'commands that were run');

# Under load: writers in processes of their own count what is acknowledged until the end comes.
start();
my $connections = 1;
my $observer = connection();
my (@children, @reports);
for my $number (1 .. 4) {
  pipe my $from, my $to or die $!;
  push @reports, $from;
  my $child = fork // die $!;
  if ($child) { push @children, $child; next }
  my $socket = connection();
  my ($sent, $acknowledged) = (0, 0);
  for (;;) {
    my $batch = 1 + $sent % 7;
    last unless raw($socket, "INCR w$number\r\n" x $batch);
    $sent += $batch;
    my $line;
    while ($acknowledged < $sent && defined($line = reply($socket))) {
      $acknowledged++;
      $line eq ":$acknowledged\r\n" or $acknowledged = -1e9;
    }
    last unless defined $line;
  }
  syswrite $to, sprintf "%d %d\n", $acknowledged, closed($socket) ? 1 : 0;
  POSIX::_exit(0);
}
my $observed = 0;
eventually(sub {
    $observed++;
    my @seen = ask($observer, 'MGET', map { "w$_" } 1 .. 4) =~ /^(\d+)\r$/mg;
    return @seen == 4 && !grep { $_ < 200 } @seen;
  }, 'the writers write');
kill 'TERM', $Server::pid;
my $total = 0;
for my $from (@reports) {
  my ($acknowledged, $orderly) = split ' ', <$from>;
  check($acknowledged >= 200, "a writer's replies were in order: $acknowledged");
  $total += $acknowledged;
}
waitpid $_, 0 for @children;
wait_exit();
($commands) = (log_text() =~ /stopped after (\d+) commands on 5/);
same($commands, $total + $observed, 'commands that were run, and replies that were got');

# A large reply that is under way is finished; a subscriber gets what was published.
start();
my $client = connection();
my $large = 'l' x 3000000;
ask($client, 'SET', 'large', $large);
my $reader = with_small_window();
raw($reader, "GET large\r\nPING\r\n");
my $line = line_of($reader);
my $subscriber = connection();
ask($subscriber, 'SUBSCRIBE', 's');
ask($client, 'PUBLISH', 's', $_) for 1 .. 500;
kill 'TERM', $Server::pid;
same($line, '$' . length($large) . "\r\n", 'the head of a large reply');
for (1 .. 500) {
  my $message = reply($subscriber) // '';
  check($message =~ /\n$_\r\n$/, "message $_ arrives: $message");
}
check(closed($subscriber), 'then the connection ends');
my $rest = Server::take($reader, length($large) + 2);
same($rest, "$large\r\n", 'the rest of a large reply');
same(reply($reader), "+PONG\r\n", 'and the next');
wait_exit();

# One that never reads does not keep the server for longer than it was told.
start('--grace', 1);
$client = connection();
ask($client, 'SET', 'large', $large);
my @stuck = map { with_small_window() } 1 .. 5;
raw($_, "GET large\r\n" x 10) for @stuck;
line_of($_) for @stuck;
stop();

# Whoever does not want to wait for it says so again.
start('--grace', 1000);
$client = connection();
ask($client, 'SET', 'large', $large);
@stuck = map { with_small_window() } 1 .. 7;
raw($_, "GET large\r\n" x 10) for @stuck;
line_of($_) for @stuck;
kill 'TERM', $Server::pid;
eventually(sub { log_text() =~ /stopping: 8 connections/ }, 'the first signal is heard');
eventually(sub { kill 'INT', $Server::pid; waitpid($Server::pid, WNOHANG) > 0 }, 'a second one ends the server');
my $status = $?;
undef $Server::pid;
same($status & 127, POSIX::SIGINT, 'the signal that ended it');
