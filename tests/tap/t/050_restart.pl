# A clean restart loses nothing, whatever settings have changed meanwhile; a file that cannot be used is set
# aside, and the server starts.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = monitored_node('restart', $NEVER_ENDS . $NO_EXPORTER);
my $image = $node->data_dir . '/pg_stat/pg_stat_monitor.image';
ask($node, 'CREATE TABLE wide (' . join(', ', map { "c$_ integer" } 1 .. 40) . ')');

sub load
{
    ask($node, join(";\n", map { my $a = $_; map { "SELECT c$a, c$_ FROM wide" } 1 .. 40 } 1 .. 40));
    ask($node, "SELECT 4711 AS heavy;\n" x 50);
}

# All that the relation shows of the load, residual rows included. The questions themselves are not counted:
# they come from another user.
ask($node, 'CREATE ROLE loader SUPERUSER LOGIN; CREATE ROLE asker SUPERUSER LOGIN');
sub shown
{
    my ($what) = @_;
    my $role = "SELECT oid FROM pg_roles WHERE rolname = 'asker'";
    return $node->safe_psql('postgres', "SELECT $what FROM pg_stat_monitor WHERE userid <> ($role)",
        extra_params => [ '-U', 'asker' ]);
}
sub status_of
{
    my ($what) = @_;
    return $node->safe_psql('postgres', "SELECT $what FROM pg_stat_monitor_status",
        extra_params => [ '-U', 'asker' ]);
}

my $sums = 'sum(calls), sum(rows), sum(shared_blks_hit), count(DISTINCT bucket), min(bucket_start_time)';
load();
my $before = shown($sums);
my $cells = shown('sum((SELECT sum(c) FROM unnest(resp_calls::bigint[]) c))');
like($before, qr/^\d{4,}/, 'there is a load');

# A restart with changed settings; what was shown before has to be shown afterwards.
sub restart_with
{
    my ($name, @settings) = @_;
    for (@settings)
    {
        my ($key, $value) = split(/ = /, $_);
        $node->append_conf('postgresql.conf', "pg_stat_monitor.$key = '$value'\n");
    }
    my $offset = -s $node->logfile;
    $node->restart;
    for (@settings)
    {
        my ($key, $value) = split(/ = /, $_);
        is($node->safe_psql('postgres', "SELECT setting || coalesce(CASE WHEN unit IN ('MB', 'kB') THEN unit END, '') "
                . "FROM pg_settings WHERE name = 'pg_stat_monitor.$key'", extra_params => [ '-U', 'asker' ]),
            $value, "$name: $key holds");
    }
    is(shown($sums), $before, "$name: calls, rows, blocks, buckets and starts are those before");
    unlike(slurp_file($node->logfile, $offset), qr/pg_stat_monitor.*cannot use the statistics/,
        "$name: the file was used");
    ok(!-e $image, "$name: and it is gone");
    is(status_of('calls_lost + statements_lost + buckets_lost'), 0, "$name: nothing is lost");
}

restart_with('nothing changed');
restart_with('larger', 'pgsm_max = 8MB', 'pgsm_query_shared_buffer = 4096kB');
restart_with('more buckets', 'pgsm_max_buckets = 1000');
restart_with('fewer buckets', 'pgsm_max_buckets = 1');
is(shown('sum((SELECT sum(c) FROM unnest(resp_calls::bigint[]) c))'), $cells, 'histograms are kept');
restart_with('smaller', 'pgsm_max = 1MB', 'pgsm_query_shared_buffer = 512kB');
is(shown("sum(calls) FILTER (WHERE query = 'SELECT 4711 AS heavy')"), 50, 'the statement that ran most is apart');
restart_with('another histogram', 'pgsm_histogram_buckets = 7', 'pgsm_histogram_max = 9999');
is(shown('count(DISTINCT array_length(resp_calls, 1))'), 1, 'histograms have one length');
is(shown('sum((SELECT sum(c) FROM unnest(resp_calls::bigint[]) c))'), 0,
    'cells of the other histogram are not shown as cells of this one');
cmp_ok(status_of('cells_lost'), '>', 0, 'and are counted as lost');
restart_with('everything at once', 'pgsm_max = 3MB', 'pgsm_query_shared_buffer = 1024kB',
    'pgsm_max_buckets = 30', 'pgsm_histogram_buckets = 20', 'pgsm_histogram_max = 100000');

# Then an export brings it all into the table.
ask($node, 'SELECT pg_stat_monitor_export()');
like(shown("sum(calls) FILTER (WHERE exported_at < 'infinity')"), qr/^\d{4,}$/, 'and it can be exported');

# Damage. The server starts, says so, keeps the file; the table's rows are all there.
my $stored = ask($node, "SELECT sum(calls) FROM pg_stat_monitor WHERE exported_at < 'infinity'");
sub start_with_image
{
    my ($name, $change) = @_;
    ask($node, 'SELECT 815 AS before');
    $node->stop;
    ok(-s $image, "$name: there is a file");
    $change->();
    my $offset = -s $node->logfile;
    ok($node->start, "$name: the server starts");
    my $log = slurp_file($node->logfile, $offset);
    like($log, qr/WARNING:.*cannot use the statistics that were saved/, "$name: it says so");
    ok(-e "$image.rejected", "$name: the file is kept");
    ok(!-e $image, "$name: out of the way");
    unlike($log, qr/FATAL|PANIC|\bsignal\b/, "$name: nothing else is wrong");
    unlink("$image.rejected");
    is(ask($node, "SELECT sum(calls) FROM pg_stat_monitor WHERE exported_at < 'infinity'"), $stored,
        "$name: stored rows are untouched");
    is(calls_of($node, 'SELECT 815 AS before'), 0, "$name: nothing of the bad file is shown");
    ask($node, 'SELECT 816 AS after');
    is(calls_of($node, 'SELECT 816 AS after'), 1, "$name: counting goes on");
    ask($node, 'SELECT pg_stat_monitor_reset()');
    $stored = 0;
    is(ask($node, 'SELECT count(*) FROM pg_stat_monitor GROUP BY bucket, queryid, userid, dbid, '
            . 'pgsm_query_id, application_name, client_ip, cmd_type, toplevel HAVING count(*) > 1'),
        '', "$name: no row is there twice");
    ask($node, 'SELECT 1');
    ask($node, 'SELECT pg_stat_monitor_export()');
    $stored = ask($node, "SELECT sum(calls) FROM pg_stat_monitor WHERE exported_at < 'infinity'");
}

sub patch
{
    my ($offset, $bytes) = @_;
    open(my $file, '+<:raw', $image) or die "$image: $!";
    seek($file, $offset, 0);
    print {$file} $bytes;
    close($file);
}
start_with_image('a flipped byte', sub { patch((-s $image) - 500_000, 'x' x 3) });
start_with_image('a damaged head', sub { patch(20, 'xxxx') });
start_with_image('truncated', sub { truncate($image, 100_000) });
start_with_image('a stump', sub { truncate($image, 10) });
start_with_image('empty', sub { truncate($image, 0) });
start_with_image('too long', sub { append_to_file($image, 'more') });
start_with_image('something else', sub { unlink($image); append_to_file($image, "Hello.\n" x 100_000) });

# A directory in its place, and one in the place of the file that is to be written.
ask($node, 'SELECT 817 AS kept');
$node->stop;
unlink($image);
mkdir($image);
ok($node->start, 'a directory in the place of the file: the server starts');
ask($node, 'SELECT 818');
ok($node->stop, 'and stops');
rmdir($image);
rmdir("$image.rejected");
ok($node->start, 'and starts again');

# Immediate stop and crash: no file is written, no old one is read.
ask($node, 'SELECT 819');
$node->stop('immediate');
ok(!-e $image, 'an immediate stop writes none');
ok($node->start, 'and the server starts after it');
is(calls_of($node, 'SELECT 819'), 0, 'without what was not stored');

# A stop is not delayed: compared with the same server without the library, and with a waiting export.
ask($node, "SELECT $_ AS waits") for 1 .. 3;
my $started = time();
$node->stop('fast');
my $with = time() - $started;
ok(-s $image, 'a fast stop writes the file');
cmp_ok($with, '<', 3, 'a fast stop takes moments');
$node->start;
$node->stop('smart');
ok(-s $image, 'and so does a smart one');

done_testing();
