# Nothing is given up while memory has room, however long there is no export: where more ended buckets wait than the
# ring has places the two oldest become one, and sums stay what they were.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();

my $BUCKET = "pg_stat_monitor.pgsm_bucket_time = 1\n";
my $node = monitored_node('merged', $BUCKET . "pg_stat_monitor.pgsm_max_buckets = 1\n", allows_streaming => 1);

sub status_of
{
    my ($what, $server) = @_;
    return ask($server // $node, "SELECT $what FROM pg_stat_monitor_status");
}

# Runs a statement in each of so many buckets.
sub fill_buckets
{
    my ($server, $text, $buckets) = @_;
    my $last = 0;
    for (my $filled = 0; $filled < $buckets;)
    {
        my $now = ask($server, "$text; SELECT running_bucket FROM pg_stat_monitor_status");
        my ($bucket) = $now =~ /(\d+)$/;
        $last++;
        $server->poll_query_until('postgres', "SELECT running_bucket > $bucket FROM pg_stat_monitor_status");
        $filled++;
    }
    return $last;
}

sub nothing_lost
{
    my ($name, $server) = @_;
    is(status_of('buckets_lost + calls_lost + statements_lost', $server), 0, "$name: nothing is given up");
    is(status_of("coalesce(lost_reason, '')", $server), '', "$name: and no reason is given for it");
}

sub all_stored
{
    my ($text, $database) = @_;
    ok($node->poll_query_until($database // 'postgres', "SELECT count(*) = 0 FROM pg_stat_monitor "
        . "WHERE exported_at = 'infinity' AND query LIKE '$text%' AND bucket_done"), "$text: is stored in the end");
}

# The table has another name for a while.
ask($node, 'ALTER TABLE pg_stat_monitor RENAME TO elsewhere');
my $calls = fill_buckets($node, 'SELECT 1001 AS load', 6);
nothing_lost('table renamed');
ask($node, 'ALTER TABLE elsewhere RENAME TO pg_stat_monitor');
all_stored('SELECT 1001');
is(calls_of($node, 'SELECT 1001'), $calls, 'table renamed: each execution is there once');

# The extension is dropped and made anew.
ask($node, 'DROP EXTENSION pg_stat_monitor');
my $dropped = 0;
foreach my $second (1 .. 6)
{
    ask($node, 'SELECT 1002 AS load');
    $dropped++;
    Time::HiRes::usleep(1_000_000);
}
ask($node, 'CREATE EXTENSION pg_stat_monitor');
nothing_lost('extension dropped');
all_stored('SELECT 1002');
is(calls_of($node, 'SELECT 1002'), $dropped, 'extension dropped: each execution is there once');

# The database that was named has another name for a while.
ask($node, 'CREATE DATABASE monitor');
ask_in('monitor', $node, 'CREATE EXTENSION pg_stat_monitor');
$node->append_conf('postgresql.conf', "pg_stat_monitor.pgsm_export_database = 'monitor'\n");
$node->reload;
ask($node, 'ALTER DATABASE monitor RENAME TO renamed');
$calls = fill_buckets($node, 'SELECT 1003 AS load', 6);
nothing_lost('database renamed');
ask($node, 'ALTER DATABASE renamed RENAME TO monitor');
all_stored('SELECT 1003', 'monitor');
is(ask_in('monitor', $node, "SELECT sum(calls) FROM pg_stat_monitor WHERE query LIKE 'SELECT 1003%'"), $calls,
    'database renamed: each execution is there once');
$node->append_conf('postgresql.conf', "pg_stat_monitor.pgsm_export_database = ''\n");
$node->reload;

# A standby keeps what it has counted as long as there is room for it.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('merged_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
my $read = fill_buckets($standby, 'SELECT 1004 AS load', 6);
nothing_lost('standby', $standby);
is(ask($standby, "SELECT sum(calls) FROM pg_stat_monitor_internal() WHERE query LIKE 'SELECT 1004%'"), $read,
    'standby: each execution is there once');
$standby->stop;

# The table is locked for longer than the ring has places.
my $locker = $node->background_psql('postgres');
my $locker_pid = $locker->query_safe('SELECT pg_backend_pid()');
$locker->query_safe('BEGIN');
$locker->query_safe('LOCK TABLE pg_stat_monitor IN SHARE MODE');
$calls = 0;
for (my $end = time() + 120; status_of('buckets_merged') < 8 && time() < $end;)
{
    ask($node, 'SELECT 1005 AS load');
    $calls++;
    Time::HiRes::usleep(500_000);
}
cmp_ok(status_of('buckets_merged'), '>=', 8, 'table locked: buckets were merged');
nothing_lost('table locked');
is(calls_of($node, 'SELECT 1005'), $calls, 'table locked: live rows have each execution once');
is(ask($node, "SELECT count(*) - count(DISTINCT bucket) FROM pg_stat_monitor WHERE query LIKE 'SELECT 1005%'"), 0,
    'table locked: a bucket has one row of it');
# Over a restart, too.
ask($node, "SELECT pg_terminate_backend($locker_pid)");
eval { $locker->quit; };  # its session has gone, and its timer has run out
$node->append_conf('postgresql.conf', $NO_EXPORTER);
$node->restart;
is(calls_of($node, 'SELECT 1005'), $calls, 'table locked: a restart keeps them');
$node->append_conf('postgresql.conf', "pg_stat_monitor.pgsm_export_database = ''\n");
$node->reload;
all_stored('SELECT 1005');
is(calls_of($node, 'SELECT 1005'), $calls, 'table locked: stored rows have each execution once');
is(ask($node, "SELECT sum((SELECT sum(cell::bigint) FROM unnest(resp_calls) AS cell)) FROM pg_stat_monitor "
    . "WHERE query LIKE 'SELECT 1005%'"), $calls, 'table locked: and so do their histograms');
my $first = ask($node, "SELECT max(c) FROM (SELECT sum(calls) AS c FROM pg_stat_monitor WHERE query LIKE 'SELECT 1005%' "
    . 'GROUP BY bucket) AS b');
cmp_ok($first, '>=', 8, 'table locked: the oldest bucket stands for many');

done_testing();
