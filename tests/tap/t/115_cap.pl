# One role fills the history as fast as it can, up to pgsm_history_max_size and on: nobody else loses a row, all sums
# stay, and what gives way is counted and told. Forty hours in buckets of half an hour; the clock is moved on.
use strict;
use warnings;

use Clock;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'no C compiler for a clock that can be moved' unless movable_clock();
my ($buckets, $cap_mb) = (80, 8);
my $node = PostgreSQL::Test::Cluster->new('cap');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_monitor'\nautovacuum = off\njit = off\n"
      . "pg_stat_monitor.pgsm_bucket_time = '30min'\npg_stat_monitor.pgsm_export_top_n = 1000\n"
      . "pg_stat_monitor.pgsm_query_shared_buffer = '4MB'\n"
      . "pg_stat_monitor.pgsm_history_max_size = '${cap_mb}MB'\n");
start_with_clock($node);
ask($node, 'CREATE EXTENSION pg_stat_monitor; CREATE ROLE greedy LOGIN; CREATE ROLE modest LOGIN');

# What the roles run in each bucket. Names do not change with the constants, and are as long as names can be.
srand(4711);
my $dir = PostgreSQL::Test::Utils::tempdir();
sub name { return join('', map { chr(97 + int(rand(26))) } 1 .. 60) }
append_to_file("$dir/greedy.sql", join('', map { my $n = $_; 'SELECT 1' . join('', map { ($n >> $_ & 1 ? ' + ' : ' - ') . '1' } 0 .. 7) . join(', 1', map { " AS " . name() } 1 .. 19) . ";\n" } 1 .. 250));
append_to_file("$dir/modest.sql", join('', map { 'SELECT ' . join(' * ', (1) x ($_ + 1)) . " AS of_modest_$_;\n" } 1 .. 5));
sub works
{
    my ($role) = @_;
    IPC::Run::run([ 'psql', '-XAtq', '-U', $role, '-h', $node->host, '-p', $node->port, '-f', "$dir/$role.sql", 'postgres' ], '>', \my $out, '2>', \my $err);
    return;
}
my $SIZE = "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_depend AS d JOIN pg_class AS c ON c.oid = d.objid WHERE d.classid = 'pg_class'::regclass "
  . "AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND c.relkind = 'r'";
my ($largest, $late) = (0, 0);
for my $bucket (1 .. $buckets)
{
    works($_) for 'greedy', 'modest';
    my $exports = ask($node, 'SELECT exports FROM pg_stat_monitor_status');
    set_clock($bucket * 1800, 0);
    $node->poll_query_until('postgres', "SELECT exports > $exports AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_stat_monitor export') "
          . 'FROM pg_stat_monitor_status') or $late++;
    my $size = ask($node, $SIZE);
    $largest = $size if $size > $largest;
}
is($late, 0, 'each bucket is exported');
cmp_ok($largest, '<=', $cap_mb * 1024 * 1024, 'the limit holds all the time');
my $status = sub { return ask($node, "SELECT $_[0] FROM pg_stat_monitor_status") };
note($largest . ' ' . $status->('history_rows_folded || $$ rows folded$$'));
sub of { my ($role, $what, $where) = @_; return ask($node, "SELECT $what FROM pg_stat_monitor WHERE userid = '$role'::regrole AND exported_at < 'infinity' " . ($where // '')) }
is(of('modest', 'sum(calls), count(DISTINCT query)'), 5 * $buckets . '|5', 'modest has every call of its five statements, one by one');
is(of('modest', "count(DISTINCT date_trunc('hour', bucket_start_time))"), of('greedy', "count(DISTINCT date_trunc('hour', bucket_start_time))"), 'in every hour');
is(of('greedy', 'sum(calls)'), 250 * $buckets, 'greedy has every call');
cmp_ok(of('greedy', 'count(*)', "AND query <> '<other statements>'"), '>', 500, 'many of them apart');
cmp_ok(of('greedy', 'sum(calls)', "AND query = '<other statements>'"), '>', 5000, 'the others together');
is(of('greedy', "bool_and(queryid IS NULL AND planid IS NULL AND username = 'greedy' AND toplevel)", "AND query = '<other statements>'"), 't', 'as residual rows of the role');
is(ask($node, "SELECT count(*) FROM (SELECT FROM pg_stat_monitor WHERE exported_at < 'infinity' AND query = '<other statements>' "
      . 'GROUP BY bucket, userid, dbid, toplevel, elevel, sqlcode HAVING count(*) > 1) AS twice'), 0, 'one a bucket and kind');
is(ask($node, "SELECT count(*) > 0 FROM pg_stat_monitor WHERE obj_description(tableoid, 'pg_class') LIKE '%in hours%'"), 't', 'a day was merged before its time');
cmp_ok($status->('history_rows_folded'), '>', 1000, 'rows that gave way are counted');
is($status->('history_days_dropped || coalesce(history_dropped_to::text, $$$$)'), '0', 'no day was dropped');
my $LOG = slurp_file($node->logfile);
my $times = () = $LOG =~ /LOG:  pg_stat_monitor stores fewer statements one by one/g;
cmp_ok($times, '>=', 1, 'the log says so') and cmp_ok($times, '<=', 3, 'once a day');
unlike($LOG, qr/drops days of its history/, 'and nothing of days');

# A limit that is less than what is there: days go, which is counted, dated and told.
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_history_max_size = '1MB'; SELECT pg_reload_conf()");
set_clock(($buckets + 1) * 1800, 0);
ok($node->poll_query_until('postgres', 'SELECT history_days_dropped > 0 AND history_dropped_to IS NOT NULL AND history_dropped_at IS NOT NULL FROM pg_stat_monitor_status'),
    'days that are dropped are counted and dated');
is(ask($node, "SELECT count(*) FROM pg_stat_monitor AS m, pg_stat_monitor_status AS s WHERE m.exported_at < s.history_dropped_to"), 0, 'what was exported before that is gone');
ok($node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_stat_monitor export')"), 'the work is done');
$times = () = slurp_file($node->logfile) =~ /LOG:  pg_stat_monitor drops days of its history before their time/g;
is($times, 1, 'and told once');
ask($node, 'SELECT pg_stat_monitor_reset()');
is($status->('history_rows_folded + history_days_dropped'), 0, 'a reset counts anew');
is($status->('coalesce(last_error, $$none$$)'), 'none', 'no error');
$node->stop;
done_testing();
