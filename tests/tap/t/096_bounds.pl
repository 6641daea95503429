# Rows are read with the bounds of the histogram that they were counted with, whatever the settings are now, and hours
# never add cells of different meaning.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('bounds', $NEVER_ENDS . $NO_EXPORTER);
my $HISTOGRAM = 'AS h(range text, freq int, bar text)';

sub restart_with
{
    my ($conf) = @_;
    $node->append_conf('postgresql.conf', $conf);
    $node->restart;
}

# The histogram of the statement's newest row: its ranges and executions.
sub histogram_of
{
    my ($text, $schema) = @_;
    $schema //= 'public';
    return ask($node, "SELECT count(*), sum(h.freq), md5(string_agg(h.range, ',')) "
        . "FROM (SELECT bucket, queryid FROM $schema.pg_stat_monitor WHERE query LIKE '$text%' ORDER BY bucket LIMIT 1) AS s, "
        . "$schema.histogram(s.bucket::int, s.queryid) $HISTOGRAM");
}

my $old = ask($node, "SELECT md5(array_to_string(range(), ','))");
ask($node, 'CREATE ROLE tool');
ask($node, q{SELECT pg_stat_monitor_serve_2_3('tool')});
ask($node, "SELECT 4711 AS old;\n" x 5);
ask($node, 'SELECT pg_stat_monitor_export()');
is(histogram_of('SELECT 4711'), "22|5|$old", 'with the settings of today');

restart_with("pg_stat_monitor.pgsm_histogram_buckets = 5\npg_stat_monitor.pgsm_histogram_max = 1000\n");
my $new = ask($node, "SELECT md5(array_to_string(range(), ','))");
isnt($new, $old, 'the ranges are others now');
is(histogram_of('SELECT 4711'), "22|5|$old", 'a stored row keeps the ranges that it was counted with');
is(histogram_of('SELECT 4711', 'pgsm_2_3'), "22|5|$old", 'in the view for tools of 2.3, too');
ask($node, "SELECT 4712 AS new;\n" x 7);
is(histogram_of('SELECT 4712'), "7|7|$new", 'a live row has those of today');
is(histogram_of('SELECT 4712', 'pgsm_2_3'), "7|7|$new", 'in the view for tools of 2.3, too');
ask($node, 'SELECT pg_stat_monitor_export()');
is(histogram_of('SELECT 4712'), "7|7|$new", 'and keeps them when it is stored');
is(histogram_of('SELECT 4711'), "22|5|$old", 'and the older one has its own still');
is(ask($node, 'SELECT count(*) FROM pg_stat_monitor_bounds'), 2, 'there are two rows of bounds');
ask($node, 'SELECT 4713 AS more; SELECT pg_stat_monitor_export()');
is(ask($node, 'SELECT count(*) FROM pg_stat_monitor_bounds'), 2, 'and no more while they do not change');
is(ask($node, "SELECT bool_and(cardinality(resp_calls) = cardinality(pg_stat_monitor_ranges(bucket, exported_at))) "
    . 'FROM pg_stat_monitor'), 't', 'every row has as many cells as ranges');

# An hour with rows of two bounds.
ask($node, <<'SQL');
INSERT INTO pg_stat_monitor_bounds SELECT b, date_trunc('day', now(), 'UTC') - interval '2 days', ARRAY['{{' || b, 'x', 'y']
FROM unnest(ARRAY[7000000, 7000003]) AS b;
INSERT INTO pg_stat_monitor (bucket, bucket_start_time, exported_at, userid, dbid, client_ip, queryid, toplevel, query, calls,
    total_exec_time, resp_calls, elevel, bucket_done)
SELECT 7000000 + m, day + make_interval(mins => m), day + make_interval(mins => m + 1), 10, 5, '127.0.0.1', 99, true,
       'fed', 10, 10, CASE WHEN m < 3 THEN ARRAY['10', '0', '0'] ELSE ARRAY['0', '0', '10'] END, 0, true
FROM (SELECT date_trunc('day', now(), 'UTC') - interval '2 days' AS day) AS d, generate_series(0, 5) AS m;
SQL
$node->append_conf('postgresql.conf', "pg_stat_monitor.pgsm_export_database = ''\npg_stat_monitor.pgsm_bucket_time = 1\n"
    . "pg_stat_monitor.pgsm_history_rollup_after = '1h'\n");
$node->restart;
ask($node, 'SELECT 1');
ok($node->poll_query_until('postgres', "SELECT count(*) = 2 FROM pg_stat_monitor WHERE query = 'fed'"), 'the hour is merged')
  or diag(ask($node, "SELECT bucket, calls FROM pg_stat_monitor WHERE query = 'fed'"));
is(ask($node, "SELECT string_agg(format('%s %s %s', bucket, calls, resp_calls), ' ' ORDER BY bucket) FROM pg_stat_monitor "
    . "WHERE query = 'fed'"), '7000000 30 {30,0,0} 7000003 30 {0,0,30}', 'cells of each meaning by themselves');
is(ask($node, "SELECT string_agg(h.range, ' ') FROM histogram(7000003, 99) $HISTOGRAM WHERE h.freq > 0"), 'y',
    'and shown with their own ranges');

# What no row has any more is forgotten with the next change.
ask($node, 'DELETE FROM pg_stat_monitor WHERE bucket < 7000000');
restart_with($NO_EXPORTER . "pg_stat_monitor.pgsm_histogram_buckets = 9\n");
ask($node, 'SELECT 4714 AS last; SELECT pg_stat_monitor_export()');
is(ask($node, 'SELECT count(*) FROM pg_stat_monitor_bounds WHERE bucket < 7000000'), 0, 'bounds of deleted rows go with them');

# Nobody but the owner writes them; everybody reads them.
ask($node, 'CREATE ROLE plain LOGIN');
my ($state) = (failure($node, 'SET ROLE plain; DELETE FROM pg_stat_monitor_bounds'))[0];
is($state, '42501', 'an ordinary role cannot change them');
like(ask($node, "SET ROLE plain; SELECT count(*) FROM pg_stat_monitor_bounds"), qr/^\d+$/, 'and can read them');
$node->stop;

done_testing();
