# After a promotion bucket numbers go on behind those of the rows that the old primary stored: no number means
# two buckets, although the standby has counted from one on its own.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = monitored_node('old_primary', $NEVER_ENDS . $NO_EXPORTER, allows_streaming => 1);
for my $i (1 .. 12)
{
    ask($primary, "SELECT $i AS on_primary");
    ask($primary, 'SELECT pg_stat_monitor_export()');
}
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('new_primary');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
# Without what a base backup brings along of the primary's reservation: the worst case.
unlink($standby->data_dir . '/pg_stat_monitor.next_bucket');
$standby->start;
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
ask($standby, "SELECT current_date AS on_standby;\n" x 7);

my $twice = 'SELECT count(*) FROM (SELECT FROM pg_stat_monitor GROUP BY bucket '
  . 'HAVING count(DISTINCT bucket_start_time) > 1) b';
my $max = ask($standby, "SELECT max(bucket) FROM pg_stat_monitor WHERE exported_at < 'infinity'");
cmp_ok(ask($standby, "SELECT min(bucket) FROM pg_stat_monitor WHERE exported_at = 'infinity'"), '<=', $max,
    'a standby counts its buckets on its own');
$primary->stop;
$standby->promote;
cmp_ok(ask($standby, 'SELECT pg_stat_monitor_export()'), '>', 0, 'the promoted server exports');
is(calls_of($standby, 'SELECT current_date AS on_standby'), 7, 'its statements are stored, once');
is(ask($standby, $twice), 0, 'no number stands for two buckets');
cmp_ok(ask($standby, "SELECT min(bucket) FROM pg_stat_monitor WHERE query LIKE 'SELECT current_date AS on%'"),
    '>', $max, 'they have numbers behind those of the old primary');
ask($standby, 'SELECT 1 AS later');
ask($standby, 'SELECT pg_stat_monitor_export()');
is(ask($standby, $twice), 0, 'nor later');
$standby->restart;
ask($standby, 'SELECT 2 AS later');
ask($standby, 'SELECT pg_stat_monitor_export()');
is(ask($standby, $twice), 0, 'nor after a restart');
$standby->stop('immediate');
$standby->start;
ask($standby, 'SELECT 3 AS later');
ask($standby, 'SELECT pg_stat_monitor_export()');
is(ask($standby, $twice), 0, 'nor after a crash');
is(ask($standby, 'SELECT count(*) FROM (SELECT FROM pg_stat_monitor GROUP BY bucket, queryid, userid, dbid, '
        . 'pgsm_query_id, application_name, client_ip, cmd_type, toplevel HAVING count(*) > 1) r'),
    0, 'and no row is there twice');
$standby->stop;
done_testing();
