# With nobody calling anything, ended buckets appear in the table by themselves.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $BUCKET_S = 2;
my $WITHIN_S = 5;
my $STORED = "exported_at < 'infinity'";
my $node = monitored_node('exporter', "pg_stat_monitor.pgsm_bucket_time = $BUCKET_S\n");

ask($node, "SELECT 815 AS load;\n" x 500);
sleep($BUCKET_S + $WITHIN_S);
is(calls_of($node, 'SELECT 815', $STORED), 500, 'the load is in the table though nobody exported it');
is(calls_of($node, 'SELECT 815'), 500, 'and nowhere else');
is(ask($node, "SELECT count(*) FROM pg_stat_monitor WHERE query LIKE 'SELECT 815%' AND $STORED "
        . "AND exported_at - bucket_start_time > interval '@{[$BUCKET_S + $WITHIN_S]} s'"),
    0, 'it got there within seconds of the end of its bucket');
is(ask($node, "SELECT bool_and(bucket_done) FROM pg_stat_monitor WHERE $STORED"),
    't', 'what the exporter writes is done');
is(ask($node, "SELECT count(*) FROM pg_stat_monitor WHERE query ILIKE 'INSERT INTO%pg_stat_monitor%'"),
    0, "the exporter's own statements are not recorded");

# The end of a bucket does not wait for the next statement, and an idle server exports nothing.
ask($node, 'SELECT 816 AS last');
sleep($BUCKET_S + $WITHIN_S);
my $count = "SELECT count(*) FROM pg_stat_monitor WHERE $STORED AND query NOT LIKE 'SELECT count%'";
my $before = ask($node, $count);
sleep(2 * $BUCKET_S);
is(ask($node, $count), $before, 'an idle server exports no rows');

# It goes on after a restart, and after it was killed.
$node->restart;
ask($node, 'SELECT 817 AS restarted');
$node->poll_query_until('postgres',
    "SELECT coalesce(sum(calls), 0) = 1 FROM pg_stat_monitor WHERE query LIKE 'SELECT 817%' AND $STORED")
  or diag('not exported after the restart');
is(calls_of($node, 'SELECT 817', $STORED), 1, 'after a restart the exporter goes on');
is(calls_of($node, 'SELECT 815'), 500, 'and repeats nothing');

my $worker = "SELECT pid FROM pg_stat_activity WHERE backend_type ILIKE '%pg_stat_monitor%'";
my $pid = ask($node, $worker);
like($pid, qr/^\d+$/, 'the exporter is one background worker');
ask($node, "SELECT pg_terminate_backend($pid)") if $pid =~ /^\d+$/;
ask($node, 'SELECT 818 AS killed');
$node->poll_query_until('postgres',
    "SELECT coalesce(sum(calls), 0) = 1 FROM pg_stat_monitor WHERE query LIKE 'SELECT 818%' AND $STORED")
  or diag('not exported after the worker was ended');
is(calls_of($node, 'SELECT 818', $STORED), 1, 'an exporter that was ended comes back');
is(calls_of($node, 'SELECT 815'), 500, 'and repeats nothing');

# While it is away, buckets wait for it, more than are kept where nothing can be exported.
$node->append_conf('postgresql.conf',
    "pg_stat_monitor.pgsm_bucket_time = 1\npg_stat_monitor.pgsm_max_buckets = 1\n");
$node->restart;
foreach my $second (1 .. 5)
{
    ask($node, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type ILIKE '%pg_stat_monitor%'");
    ask($node, "SELECT 820 AS away");
    sleep(1);
}
is(calls_of($node, 'SELECT 820'), 5, 'what ran while the exporter was ended again and again is there');
is(ask($node, 'SELECT buckets_lost FROM pg_stat_monitor_status'), 0, 'and no bucket was given up');
$node->append_conf('postgresql.conf',
    "pg_stat_monitor.pgsm_bucket_time = $BUCKET_S\npg_stat_monitor.pgsm_max_buckets = 2\n");

# Where it is told to work in a database that is not there, it says so, and the statistics stay.
$node->append_conf('postgresql.conf', $NO_EXPORTER);
$node->restart;
ask($node, 'SELECT 819 AS waits');
$node->poll_query_until('postgres',
    'SELECT coalesce(reason, last_error) IS NOT NULL FROM pg_stat_monitor_status');
like(ask($node, 'SELECT concat(reason, last_error) FROM pg_stat_monitor_status'),
    qr/no_such_database/, 'the status view says what the exporter is missing');
is(calls_of($node, 'SELECT 819'), 1, 'meanwhile everything is counted');

# The server is not kept from stopping.
my $start = time();
$node->stop('fast');
cmp_ok(time() - $start, '<', 10, 'a fast stop is fast');

done_testing();
