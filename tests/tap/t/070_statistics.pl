# What the planner knows about rows that somebody may not see: nothing about what is private in them, whoever analyses
# (autovacuum, too), on the table, on the default partition, on each day and on hours that are being made; and what an
# earlier build left behind is taken away.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('statistics', "autovacuum = on\nautovacuum_naptime = 1\nautovacuum_analyze_threshold = 1\n"
      . "autovacuum_analyze_scale_factor = 0\npg_stat_monitor.pgsm_bucket_time = 1\n"
      . "pg_stat_monitor.pgsm_history_rollup_after = 0\npg_stat_monitor.pgsm_history_retention = 0\n");
sub becomes
{
    my ($sql, $what) = @_;
    ok($node->poll_query_until('postgres', $sql), $what)
      or diag(ask($node, 'TABLE pg_stat_monitor_status'));
}
ask($node, 'CREATE ROLE spy LOGIN; CREATE ROLE spy_on_tables LOGIN IN ROLE pg_read_all_data');

# A day of rows, and rows in the default partition that stay there: 1990 is no time for statistics.
my $texts = "SELECT g, now(), 10, g, 'select the PIN is ' || 4711 + g % 3, 'PIN 4711', 'plan of 4711', 1, ";
my $insert = 'INSERT INTO pg_stat_monitor (bucket, bucket_start_time, userid, queryid, query, comments, query_plan, calls, '
  . "exported_at) $texts";
my $THREE_DAYS = "date_trunc('day', now(), 'UTC') - interval '3 days' + interval '1 hour'";
ask($node, "$insert $THREE_DAYS FROM generate_series(1, 300) g");
ask($node, "$insert '1990-01-01' FROM generate_series(1, 300) g");
my $DAY = "(SELECT tableoid FROM pg_stat_monitor WHERE exported_at = $THREE_DAYS AND query LIKE '%PIN%' LIMIT 1)";
becomes("SELECT relnamespace = 'pgsm_history'::regnamespace FROM pg_class WHERE oid = $DAY", 'the rows have a day of their own');
becomes("SELECT count(*) = 2 FROM pg_stat_all_tables WHERE relid IN ($DAY, 'pg_stat_monitor_default'::regclass) "
      . 'AND last_autoanalyze IS NOT NULL', 'autovacuum has analysed it, and the default partition');
ask($node, 'ANALYZE pg_stat_monitor');

my $analysed = 'bucket bucket_start_time cmd_type dbid elevel exported_at pgsm_query_id queryid toplevel userid';
my $OURS = "SELECT d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.deptype = 'e' "
  . "WHERE e.extname = 'pg_stat_monitor' AND d.classid = 'pg_class'::regclass";
my $KEPT = "SELECT string_agg(DISTINCT attname, ' ' ORDER BY attname) FROM pg_statistic JOIN pg_attribute "
  . "ON attrelid = starelid AND attnum = staattnum WHERE starelid IN ($OURS) AND starelid <> 'pg_stat_monitor_bounds'::regclass";
is(ask($node, $KEPT), $analysed, 'statistics are kept of columns that give nothing away');
is(ask($node, "$KEPT AND starelid = $DAY"), $analysed, 'of the day');
is(ask($node, "$KEPT AND starelid = 'pg_stat_monitor'::regclass"), $analysed, 'of the table');

# The planner's estimates for conditions that may be answered by statistics: the same, true of rows or not.
sub estimates
{
    my ($role, $table, @conditions) = @_;
    my %rows;
    for my $condition (@conditions)
    {
        my $plan = ask($node, "SET ROLE $role; EXPLAIN SELECT * FROM $table WHERE exported_at < 'infinity' AND $condition");
        $rows{ join(' ', $plan =~ /rows=(\d+)/g) } = $condition;
    }
    return scalar(keys %rows);
}
# The table stays as it is meanwhile: its size is in the estimates.
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_export_database = 'no_such_database'; SELECT pg_reload_conf()");
becomes("SELECT state = 'disabled' FROM pg_stat_monitor_status", 'no exports for a while');
ask($node, 'ALTER SYSTEM SET autovacuum = off; SELECT pg_reload_conf()');
becomes("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type IN ('autovacuum launcher', 'autovacuum worker', 'pg_stat_monitor export'))",
    'and nobody is at work on it');
my @words = ('a', 'select the PIN is 4710', 'select the PIN is 4711', 'select the PIN is 4711 ', 'select the PIN is 5', 'z');
my $default = 'pg_stat_monitor_default';
my $day = ask($node, "SELECT $DAY\::regclass");
for my $operator ('<', '<=', '>', '=', '<>')
{
    is(estimates('spy', 'pg_stat_monitor', map { "query $operator '$_'" } @words), 1, "query $operator: one estimate for all");
}
is(estimates('spy_on_tables', $day, map { "query < '$_'" } @words), 1, 'of a day by itself, too');
is(estimates('spy_on_tables', $default, map { "query < '$_'" } @words), 1, 'and of the default partition');
is(estimates('spy', 'pg_stat_monitor', "$_ < 'PIN 4710'", "$_ < 'PIN 4712'"), 1, "and by $_")
  for qw(comments query_plan top_query message application_name username);
is(estimates('spy', 'pg_stat_monitor', "client_ip < '10.0.0.1'", "client_ip < '255.0.0.1'"), 1, 'and by client_ip');

# As an earlier build has left it: statistics of all columns, of the table, the default partition and the days.
ask($node, 'ALTER SYSTEM SET autovacuum = off; SELECT pg_reload_conf()');
my $ALL = 'SELECT count(DISTINCT starelid) FROM pg_statistic JOIN pg_attribute ON attrelid = starelid AND attnum = staattnum '
  . "WHERE starelid IN ($OURS) AND attname IN ('query', 'comments')";
my $fix = 'ALTER SYSTEM RESET pg_stat_monitor.pgsm_export_database; SELECT pg_reload_conf()';
my $reset = ask($node, "SELECT string_agg(format('ALTER TABLE ONLY %s %s; ANALYZE %1\$s;', c.oid::regclass, ("
      . "SELECT string_agg(format('ALTER %I SET STATISTICS -1', attname), ',') FROM pg_attribute "
      . "WHERE attrelid = c.oid AND attnum > 0)), ' ') FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.oid IN ($OURS)");
$node->safe_psql('postgres', "BEGIN; $reset SELECT 1 / ((($ALL) >= 3)::int); COMMIT");
ask($node, $fix);
becomes("SELECT ($ALL) = 0", 'what was there is taken away');
is(ask($node, $KEPT), $analysed, 'and nothing else');
ask($node, 'ANALYZE pg_stat_monitor');
is(ask($node, $ALL), 0, 'it does not come back');
my $STATE = "SELECT max(xmin::text::bigint) FROM pg_attribute WHERE attrelid IN ($OURS)";
my $before = ask($node, $STATE);
my $exports = ask($node, 'SELECT exports FROM pg_stat_monitor_status');
becomes("SELECT exports > $exports + 1 FROM pg_stat_monitor_status", 'more exports');
is(ask($node, $STATE), $before, 'change nothing where there is nothing to do');

# Hours on the side, and in place.
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_history_rollup_after = '1h'; SELECT pg_reload_conf()");
becomes("SELECT EXISTS (SELECT FROM pg_description WHERE objoid IN ($OURS) AND description LIKE 'Exported statistics in hours%')",
    'the day is merged');
ask($node, 'ANALYZE pg_stat_monitor');
is(ask($node, $KEPT), $analysed, 'the hours that took its place have no others');
is(ask($node, "SELECT count(*) FROM pg_attribute WHERE attrelid IN ($OURS) AND attname = 'query' AND attstattarget <> 0 "
        . "AND attrelid <> 'pg_stat_monitor_status'::regclass"), 0, 'and will have none');
is(ask($node, 'SELECT coalesce(last_error, history_error, $$none$$) FROM pg_stat_monitor_status'), 'none', 'no error');
$node->stop;
done_testing();
