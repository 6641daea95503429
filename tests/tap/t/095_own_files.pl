# Anything may lie where the library looks for one of its files: the server starts, says so, and sets it aside. A file
# that is there and cannot be read is not taken for one that is not there. An image with other counters is not used.
use strict;
use warnings;

use IO::Socket::UNIX;
use Monitor;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

$ENV{PGCTLTIMEOUT} = 30;
my $node = monitored_node('files', $NEVER_ENDS . $NO_EXPORTER);
my $data = $node->data_dir;
my $image = "$data/pg_stat/pg_stat_monitor.image";

# Starts with something else in place of a file. A start that hangs ends with the time of pg_ctl.
sub start_over
{
    my ($name, $path, $put) = @_;
    $node->stop;
    unlink($path);
    $put->($path);
    my $offset = -s $node->logfile;
    my $started = $node->start(fail_ok => 1);
    ok($started, "$name: the server starts");
    if (!$started)
    {
        kill('KILL', slurp_file("$data/postmaster.pid") =~ /^(\d+)/);
        unlink($path);
        unlink("$data/postmaster.pid");
        $node->start;
        return;
    }
    my $log = slurp_file($node->logfile, $offset);
    like($log, qr/WARNING:.*cannot use.*\Q@{[$path =~ m{([^\/]+)$}]}\E/, "$name: it says so");
    like($log, qr/DETAIL:  It is not a regular file/, "$name: and why");
    ok(-e "$path.rejected" || -l "$path.rejected", "$name: it is kept");
    unlike($log, qr/FATAL|PANIC/, "$name: nothing else is wrong");
    unlink("$path.rejected") || rmdir("$path.rejected");
    ask($node, 'SELECT 815 AS after');
    cmp_ok(calls_of($node, 'SELECT 815 AS after'), '>', 0, "$name: counting goes on");
}

my %things = (
    'FIFO' => sub { POSIX::mkfifo($_[0], 0600) or die "$_[0]: $!" },
    'directory' => sub { mkdir($_[0]) or die "$_[0]: $!" },
    'symbolic link to a device' => sub { symlink('/dev/zero', $_[0]) or die "$_[0]: $!" },
);
start_over("image, $_", $image, $things{$_}) foreach sort keys %things;
start_over('image, socket', $image, sub {
    chdir("$data/pg_stat");  # the path of a socket is short
    IO::Socket::UNIX->new(Type => IO::Socket::UNIX::SOCK_STREAM(), Local => 'pg_stat_monitor.image', Listen => 1)
      or die "socket: $!";
});
start_over("next_bucket, $_", "$data/pg_stat_monitor.next_bucket", $things{$_}) foreach sort keys %things;

# In the way of what is written.
my $offset = -s $node->logfile;
POSIX::mkfifo("$image.new", 0600);
ask($node, 'SELECT 816 AS kept, 1');
$node->stop;
ok(-f $image, 'a FIFO in the way of the image: it is written all the same');
$node->start;
is(calls_of($node, 'SELECT 816 AS kept'), 1, 'and nothing is lost')
  or diag(slurp_file($node->logfile, $offset), ask($node, 'select queryid, query, calls, bucket from pg_stat_monitor'));

# A file that cannot be read is not replaced by one that says less.
my $next = "$data/pg_stat_monitor.next_bucket";
my $number = slurp_file($next);
ask($node, 'SELECT pg_stat_monitor_reset()');
$node->stop('immediate');
chmod(0000, $next);
$offset = -s $node->logfile;
$node->start;
like(slurp_file($node->logfile, $offset), qr/could not open file "pg_stat_monitor.next_bucket": Permission denied/,
    'a file that cannot be opened: the log says so');
$node->stop;
chmod(0600, $next);
is(slurp_file($next), $number, 'and it is left as it is');
append_to_file($next, '') if unlink($next);
$offset = -s $node->logfile;
$node->start;
like(slurp_file($node->logfile, $offset), qr/DETAIL:  It does not hold a number/, 'a file without a number is set aside');

# An image whose counters are others: the head says so, and is whole.
sub crc32c
{
    my ($bytes) = @_;
    my $crc = 0xffffffff;
    foreach my $byte (unpack('C*', $bytes))
    {
        $crc ^= $byte;
        $crc = $crc & 1 ? $crc >> 1 ^ 0x82f63b78 : $crc >> 1 for 1 .. 8;
    }
    return $crc ^ 0xffffffff;
}
ask($node, 'SELECT 817 AS foreign_counters, 1, 2');
is(calls_of($node, 'SELECT 817 AS foreign'), 1, 'counted');
$node->stop;
my $bytes = slurp_file($image);
my $magic = index($bytes, 'PGSM0IMG');
my $fingerprint = $magic + 16;
my $crc = $magic + 40;
is(unpack('Q<', substr($bytes, $crc, 8)), crc32c(substr($bytes, 0, $crc)), "the head's checksum is where it is expected");
substr($bytes, $fingerprint, 1) = chr(ord(substr($bytes, $fingerprint, 1)) ^ 1);
substr($bytes, $crc, 8) = pack('Q<', crc32c(substr($bytes, 0, $crc)));
unlink($image);
append_to_file($image, $bytes);
$offset = -s $node->logfile;
$node->start;
like(slurp_file($node->logfile, $offset), qr/DETAIL:  Its counters are not those of this library/,
    'an image with other counters is set aside');
ok(-f "$image.rejected", 'and kept');
is(calls_of($node, 'SELECT 817 AS foreign'), 0, 'and not shown');
$node->stop;

done_testing();
