# Every execution is counted once: live, after an export, after a restart, and when nothing but a restart
# happened.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $SELECT = 'SELECT abalance';

# With the defaults, so that buckets may end and the exporter may run in the middle: sums must not notice.
my $node = monitored_node('defaults', '');
pgbench($node, '-i', '-s', '1', '-q');
is(pgbench($node, '-S', '-t', '1000', '-c', '4'), 4000, 'pgbench ran 4000 selects');
is(calls_of($node, $SELECT), 4000, 'all are counted before an export');
my $written = ask($node, 'SELECT pg_stat_monitor_export()');
cmp_ok($written, '>', 0, 'the export wrote rows');
is(calls_of($node, $SELECT), 4000, 'all are counted after the export');
is(calls_of($node, $SELECT, "exported_at < 'infinity'"), 4000, 'all of them are stored');
is(calls_of($node, $SELECT, "exported_at = 'infinity'"), 0, 'none of them is live any more');
is(ask($node, "select coalesce(sum(rows), 0) from pg_stat_monitor where query like '$SELECT%'"),
    4000, 'rows are counted as calls are');
$node->restart;
is(calls_of($node, $SELECT), 4000, 'all are counted after a restart');
$node->stop('immediate');
$node->start;
is(calls_of($node, $SELECT), 4000, 'what was exported survives a crash');
$node->stop;

# The number that the export returns, and what is left for the next one.
$node = monitored_node('exact', $NEVER_ENDS . $NO_EXPORTER);
ask($node, 'SELECT pg_stat_monitor_export()');
ask($node, "SELECT 1 AS $_") for qw(a b c);
ask($node, 'SELECT current_date AS other');
my $before = ask($node, "SELECT count(*) FROM pg_stat_monitor WHERE exported_at < 'infinity'");
my $returned = ask($node, 'SELECT pg_stat_monitor_export()');
my $after = ask($node, "SELECT count(*) FROM pg_stat_monitor WHERE exported_at < 'infinity'");
is($returned, $after - $before, 'the export returns the number of rows that it wrote');
# Three spellings of one statement: one row, three calls.
is(ask($node, "SELECT sum(calls) FROM pg_stat_monitor WHERE query LIKE 'SELECT 1 AS _'"),
    3, 'each execution is counted');
ask($node, 'SELECT pg_stat_monitor_export()');
is(ask($node, 'SELECT pg_stat_monitor_export()'), 1,
    'a second export right after writes one row: that of the first call');
is(ask($node, 'SELECT pg_stat_monitor_export()'), 1, 'and so does the next');
is(ask($node, 'SELECT count(*) FROM (SELECT FROM pg_stat_monitor '
        . "WHERE exported_at < 'infinity' GROUP BY bucket, queryid, userid, dbid HAVING count(*) > 1) d"),
    0, 'one row per bucket and statement');
is(ask($node, "SELECT bool_and(bucket_done) FROM pg_stat_monitor WHERE exported_at < 'infinity'"),
    't', 'what is stored is done');
is(ask($node, "SELECT count(*) FROM pg_stat_monitor WHERE exported_at <> 'infinity' "
        . 'AND (exported_at < bucket_start_time OR exported_at > clock_timestamp())'),
    0, 'exported_at lies between the start of the bucket and now');

# A restart keeps what nobody exported.
ask($node, 'SELECT 7 AS kept');
my $live = "query LIKE 'SELECT 7 AS kept' AND exported_at = 'infinity'";
is(ask($node, "SELECT sum(calls) FROM pg_stat_monitor WHERE $live"), 1, 'one call is live');
$node->restart;
is(ask($node, "SELECT sum(calls) FROM pg_stat_monitor WHERE $live"), 1,
    'it is live after the restart');
$node->stop;

done_testing();
