# A transaction on a hot standby that has read the relation and stays open: midnights on the primary, when rows go to the
# next day, pass without its having to end. What needs an exclusive lock is one change a week for new days, and one
# for a day that is merged and one that has expired together.
use strict;
use warnings;

use Clock;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'no C compiler for a clock that can be moved' unless movable_clock();
my $DAY = 86400;
my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_monitor'\nautovacuum = off\n"
      . "pg_stat_monitor.pgsm_normalized_query = off\npg_stat_monitor.pgsm_bucket_time = 1\n"
      . "pg_stat_monitor.pgsm_history_retention = 0\npg_stat_monitor.pgsm_history_rollup_after = 0\n");
start_with_clock($primary);
ask($primary, 'CREATE EXTENSION pg_stat_monitor');
my $DAYS = "SELECT count(*) FROM pg_class WHERE relnamespace = 'pgsm_history'::regnamespace AND relkind = 'r'";
my $mark = 0;
# A statement that no other one shares its entry, and so its text, with.
sub mark { return 'SELECT 1' . join('', map { ($mark >> $_ & 1 ? ' + ' : ' - ') . '1' } 0 .. 6) }
# A statement is run and stored on the primary.
sub exports
{
    my ($what) = @_;
    $mark++;
    ask($primary, mark());
    ok($primary->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_monitor WHERE query = '" . mark() . "' AND exported_at < 'infinity'"),
        "$what: exported");
    # The worker that did it has done the rest, too.
    ok($primary->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_stat_monitor export')"), "$what: done");
    return;
}
exports('at first');
is(ask($primary, $DAYS), 8, 'a week of days is made ahead');

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = -1\nhot_standby_feedback = off\n");
$standby->start;
sub replays
{
    my ($what) = @_;
    ok($standby->poll_query_until('postgres', "SELECT pg_last_wal_replay_lsn() >= '" . ask($primary, 'SELECT pg_current_wal_lsn()') . "'"), $what);
    return;
}
replays('the standby follows');
my $reader = $standby->background_psql('postgres');
$reader->query_safe('BEGIN; SELECT sum(calls) FROM pg_stat_monitor');

# Six midnights.
for my $day (1 .. 6)
{
    set_clock($day * $DAY, 0);
    exports("day $day");
    replays("day $day: replayed beside the reader");
}
is(ask($primary, $DAYS), 8, 'no day had to be made');
cmp_ok($reader->query_safe('SELECT count(DISTINCT tableoid) FROM pg_stat_monitor'), '>=', 7, 'the reader reads the days that came');

# The seventh: days for another week. Their locks are of the default partition, and nothing else waits for the reader.
set_clock(7 * $DAY, 0);
exports('day 7');
is(ask($primary, $DAYS), 15, 'another week is made');
my $WAITS = "SELECT string_agg(DISTINCT relation::regclass::text, ' ') FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted";
ok($standby->poll_query_until('postgres', "$WAITS", 'pg_stat_monitor_default'), 'which waits for the default partition on the standby');
$reader->query_safe('COMMIT');
replays('until the reader has ended');

# One day that has just expired, one that is just due: the table is changed once.
my $parent = ask($primary, "SELECT 'pg_stat_monitor'::regclass::oid");
my $from = ask($primary, 'SELECT pg_current_wal_lsn()');
my ($expired, $due) = split /\|/, ask($primary, "SELECT floor(extract(epoch FROM clock_timestamp() - end_of) / 60)::int - 10, "
      . "floor(extract(epoch FROM clock_timestamp() - end_of) / 60)::int - 1440 - 10 "
      . "FROM (SELECT date_trunc('day', min(exported_at), 'UTC') + interval '1 day' AS end_of FROM pg_stat_monitor) AS o");
my $oldest = ask($primary, "SELECT min(tableoid::regclass::text) FROM pg_stat_monitor WHERE exported_at < 'infinity'");
# Both at once: by one reload.
ask($primary, "ALTER SYSTEM SET pg_stat_monitor.pgsm_history_retention = '$expired min'");
ask($primary, "ALTER SYSTEM SET pg_stat_monitor.pgsm_history_rollup_after = '$due min'; SELECT pg_reload_conf()");
for my $try (1 .. 20)
{
    exports("merge, $try");
    last if ask($primary, "SELECT count(*) FROM pg_class WHERE relnamespace = 'pgsm_history'::regnamespace AND obj_description(oid, 'pg_class') LIKE 'Exported statistics in hours%'") eq '1';
}
is(ask($primary, "SELECT count(*) || ' ' || (to_regclass('$oldest') IS NULL) FROM pg_class WHERE relnamespace = 'pgsm_history'::regnamespace "
      . "AND obj_description(oid, 'pg_class') LIKE 'Exported statistics in hours%'"), '1 true', 'one day is merged, one is gone');
my ($locks) = run_command([ 'pg_waldump', '-p', $primary->data_dir . '/pg_wal', '-r', 'Standby', '-s', $from, '-e', ask($primary, 'SELECT pg_current_wal_flush_lsn()') ]);
my %changes = map { $_ => 1 } $locks =~ /xid (\d+) db \d+ rel $parent\b/g;
is(scalar(keys %changes), 1, 'by one transaction that locks the table');
replays('the standby follows');
is(ask($standby, 'SELECT count(*) > 0 FROM pg_stat_monitor'), 't', 'and is read');
is(ask($primary, 'SELECT coalesce(last_error, $$none$$) FROM pg_stat_monitor_status'), 'none', 'no error');
$reader->quit;
$standby->stop;
$primary->stop;
done_testing();
