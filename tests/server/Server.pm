# What the tests of the key-value server share: the server itself, connections, replies, checks.
#
#   KV_BIN       the server
#   KV_BACKEND   io_uring, epoll or poll
#   KV_SLOWNESS  how much longer all may take, 1 without it; above 1 memory may be used for other ends, too
package Server;
use strict;
use warnings;
use Exporter 'import';
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF);
use File::Temp ();
use Time::HiRes qw(time sleep);

our @EXPORT = qw(start stop port connection ask request reply line_of raw check same skip need_program log_text
  rss info eventually closed reset_connection redis_server redis_connection sleep time $backend $pid
  with_small_window wait_exit slowness quit_all command_output);

our $backend = $ENV{KV_BACKEND} // 'epoll';
our ($pid, $port, $redis_pid);
my $scratch = File::Temp->newdir('rouse-kv-XXXXXX', TMPDIR => 1);
my %buffer;

$SIG{PIPE} = 'IGNORE';
$SIG{ALRM} = sub { print "FAIL: it takes too long\n", log_text(); cleanup(); POSIX::_exit(1) };
alarm 110 * slowness();

# Sanitizers and emulators make everything slower.
sub slowness { return $ENV{KV_SLOWNESS} // 1 }

sub skip { print "SKIP: @_\n"; exit 77 }

sub check {
  my ($good, $what) = @_;
  return if $good;
  my (undef, $file, $line) = caller;
  print "FAIL: $file:$line: $what\n", log_text();
  exit 1;
}

sub shown { my $text = shift // 'nothing'; $text =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge; return $text }

sub same {
  my ($got, $wanted, $what) = @_;
  return if defined $got && $got eq $wanted;
  my (undef, $file, $line) = caller;
  print "FAIL: $file:$line: $what: got ", shown(substr $got // 'nothing', 0, 400), ', not ',
    shown(substr $wanted, 0, 400), "\n", log_text();
  exit 1;
}

sub need_program {
  for my $name (@_) {
    skip("$name is not installed") unless grep { -x "$_/$name" } split /:/, $ENV{PATH};
  }
}

# --- the server ----------------------------------------------------------------------------------

sub log_text {
  open my $file, '<', "$scratch/log" or return '';
  local $/;
  return "--- the server's log\n" . (<$file> // '');
}

sub start {
  my @options = @_;
  my $binary = $ENV{KV_BIN} or die 'KV_BIN must name the server';
  pipe my $from, my $to or die $!;
  $pid = fork // die $!;
  if (!$pid) {
    open STDOUT, '>&', $to or die $!;
    open STDERR, '>>', "$scratch/log" or die $!;
    exec $binary, '--port', 0, '--loops', 2, '--backend', $backend, @options or POSIX::_exit(127);
  }
  close $to;
  my $line = <$from>;
  if (!defined $line || $line !~ /ready on 127\.0\.0\.1:(\d+) \($backend, \d+ loops\)/) {
    waitpid $pid, 0;
    undef $pid;
    my $log = log_text();
    # A system may refuse io_uring altogether; nothing else may be missing.
    skip("the system refuses io_uring: $log")
      if $backend eq 'io_uring' && $log =~ /not permitted|not support/;
    check(0, 'the server does not start: ' . ($line // 'no line'));
  }
  return $port = $1;
}

sub port { return $port }

# Waits for the end of the server, which is to be an orderly one.
sub wait_exit {
  my $ended = waitpid $pid, 0;
  my $status = $?;
  undef $pid;
  check($ended > 0 && $status == 0, "the server ended with status $status");
}

sub stop { kill 'TERM', $pid; wait_exit() }

sub cleanup {
  for my $child (grep { $_ } $pid, $redis_pid) { kill 'KILL', $child; waitpid $child, 0 }
}
END { my $status = $?; cleanup(); $? = $status }

# Bytes that are resident, the most so far if |most|.
sub rss {
  my $name = shift ? 'VmHWM' : 'VmRSS';
  open my $file, '<', "/proc/$pid/status" or die $!;
  while (<$file>) { return 1024 * $1 if /^$name:\s+(\d+) kB/ }
  return 0;
}

# --- connections ---------------------------------------------------------------------------------

sub connection {
  my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp', @_)
    or check(0, "no connection: $!");
  $socket->blocking(1);
  $buffer{$socket} = '';
  return $socket;
}

# One that takes little before its peer has to wait.
sub with_small_window {
  my $socket = IO::Socket::INET->new(Proto => 'tcp') or die $!;
  setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 4096 or die $!;
  socket $socket, Socket::PF_INET(), Socket::SOCK_STREAM(), 0 or die $!;
  setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 4096 or die $!;
  connect $socket, Socket::sockaddr_in($port, Socket::inet_aton('127.0.0.1')) or die $!;
  $buffer{$socket} = '';
  return $socket;
}

# Ends it by a reset.
sub reset_connection {
  my $socket = shift;
  setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0 or die $!;
  close $socket;
}

sub raw {
  my ($socket, $bytes) = @_;
  my $at = 0;
  while ($at < length $bytes) {
    my $sent = syswrite $socket, $bytes, length($bytes) - $at, $at;
    next if !defined $sent && $!{EINTR};
    return 0 unless $sent;
    $at += $sent;
  }
  return 1;
}

sub command { return '*' . @_ . "\r\n" . join '', map { '$' . length($_) . "\r\n$_\r\n" } @_ }
sub request { my $socket = shift; return raw($socket, command(@_)) }

sub more {
  my $socket = shift;
  for (;;) {
    my $got = sysread $socket, $buffer{$socket}, 65536, length $buffer{$socket};
    next if !defined $got && $!{EINTR};
    return $got;
  }
}

# Whether the peer has closed, with nothing left.
sub closed {
  my $socket = shift;
  return 0 if length $buffer{$socket};
  my $got = more($socket);
  return defined $got && $got == 0;
}

sub line_of {
  my $socket = shift;
  my $end;
  while (($end = index $buffer{$socket}, "\r\n") < 0) { return undef unless more($socket) }
  return substr $buffer{$socket}, 0, $end + 2, '';
}

# Exactly |size| bytes, or undef.
sub take {
  my ($socket, $size) = @_;
  while (length $buffer{$socket} < $size) { return undef unless more($socket) }
  return substr $buffer{$socket}, 0, $size, '';
}

# One whole reply as it came, or undef: the connection ended before.
sub reply {
  my $socket = shift;
  my $line = line_of($socket) // return undef;
  if ($line =~ /^\$(\d+)/) {
    return $line . (take($socket, $1 + 2) // return undef);
  }
  if ($line =~ /^\*(\d+)/) {
    my $all = $line;
    for (1 .. $1) { $all .= reply($socket) // return undef }
    return $all;
  }
  return $line;
}

sub ask { my $socket = shift; request($socket, @_); return reply($socket) }

# A field of INFO.
sub info {
  my ($socket, $field) = @_;
  my $text = ask($socket, 'INFO');
  return $text =~ /^$field:([^\r]*)\r/m ? $1 : undef;
}

# Waits until |test| holds. There is no limit but the test's own.
sub eventually {
  my ($test, $what) = @_;
  my $until = time + 60 * slowness();
  while (!$test->()) {
    if (time > $until) { check(0, "never: $what") }
    sleep 0.01;
  }
}

sub command_output {
  my $text = `@_ 2>&1`;
  return ($? >> 8, $text);
}

# --- redis-server, to compare with ---------------------------------------------------------------

# Whether there is one; then it is started.
sub redis_server {
  # They are one program, which goes by its name; Debian has the first in a package of its own.
  my ($program) = grep { -x } map { my $dir = $_; map { "$dir/$_" } 'redis-server', 'redis-check-rdb' }
    split /:/, $ENV{PATH};
  return 0 unless $program;
  $redis_pid = fork // die $!;
  if (!$redis_pid) {
    open STDOUT, '>', '/dev/null';
    exec { $program } 'redis-server', '--port', 0, '--unixsocket', "$scratch/redis", '--save', '', '--appendonly', 'no',
      '--dir', "$scratch", '--daemonize', 'no' or POSIX::_exit(127);
  }
  eventually(sub { -S "$scratch/redis" }, 'redis-server listens');
  return 1;
}

sub redis_connection {
  my $socket;
  eventually(sub { $socket = IO::Socket::UNIX->new(Peer => "$scratch/redis") }, 'redis-server answers');
  $buffer{$socket} = '';
  return $socket;
}

1;
