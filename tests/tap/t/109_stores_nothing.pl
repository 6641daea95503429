# Servers that store nothing: on a standby ended buckets stay while memory has room, and what goes then is no loss; while
# pg_upgrade is at work nothing of ours runs.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('primary', "pg_stat_monitor.pgsm_bucket_time = 1\npg_stat_monitor.pgsm_max = 1MB\nlog_statement = none\n",
    allows_streaming => 1);
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
sub status_of { return ask($standby, "SELECT $_[0] FROM pg_stat_monitor_status") }
my $LOSSES = 'buckets_lost + statements_lost + calls_lost + calls_without_room + calls_without_memory';

for my $second (1 .. 6)
{
    ask($standby, "SELECT $second AS on_standby");
    ok($standby->poll_query_until('postgres', "SELECT ended_buckets >= $second FROM pg_stat_monitor_status"),
        "bucket $second of the standby waits");
}
# One query id: the text of the first is good for all.
is(calls_of($standby, 'SELECT 1 AS on_standby', "exported_at = 'infinity'"), 6, 'with what ran in it');
is(status_of("state || ': ' || reason"), 'standby: the server is in recovery', 'its state is that of a healthy standby');
is(status_of("$LOSSES + standby_buckets_dropped + standby_calls_dropped"), 0, 'nothing is lost, nothing had to go');
my $sql = join('', map { my $n = $_; 'SELECT 1' . join('', map { ($n >> $_ & 1 ? ' + ' : ' - ') . '1' } 0 .. 11) . ";\n" } 1 .. 4000);
ok(waits(sub { ask($standby, $sql); return status_of('standby_buckets_dropped') > 0 }), 'memory is full: the oldest have to go');
cmp_ok(status_of('standby_calls_dropped'), '>', 0, 'with their calls');
is(status_of($LOSSES), 0, 'which is no loss: nothing should have been stored');
is(status_of("coalesce(lost_reason, '')"), '', 'and has no reason to be told');

# What a standby counted it still has after a restart; what goes after the promotion should have been stored.
my $dropped = status_of('standby_buckets_dropped');
$standby->restart;
cmp_ok(status_of('standby_buckets_dropped'), '>=', $dropped, 'a restart keeps the count');
is(status_of($LOSSES), 0, 'and makes no loss of it');
$standby->promote;
ok($standby->poll_query_until('postgres', "SELECT state = 'ok' AND exports > 0 FROM pg_stat_monitor_status"), 'promoted, it exports');
ask($standby, "ALTER SYSTEM SET pg_stat_monitor.pgsm_export_database = 'no_such_database'; SELECT pg_reload_conf()");
ok($standby->poll_query_until('postgres', "SELECT state = 'disabled' FROM pg_stat_monitor_status"), 'until it cannot');
$dropped = status_of('standby_buckets_dropped');
ok(waits(sub { ask($standby, $sql); return status_of('buckets_lost') > 0 }), 'what has to go now is lost');
is(status_of('standby_buckets_dropped'), $dropped, 'and nothing else is called dropped');
$standby->stop;

# As pg_upgrade starts a server, over a day that is due to be dropped and what was saved at the last shutdown.
ask($node, "INSERT INTO pg_stat_monitor (bucket, bucket_start_time, userid, query, calls, exported_at) "
      . "SELECT -1, t, 10, 'fed', 1, t FROM (SELECT date_trunc('day', now(), 'UTC') - interval '20 days' AS t) s");
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_history_retention = 0; SELECT pg_reload_conf()");
my $OLD = q{SELECT count(*) FROM pg_class WHERE relname = 'pg_stat_monitor_' || to_char(now() AT TIME ZONE 'UTC' - interval '20 days', 'YYYYMMDD')};
ok($node->poll_query_until('postgres', "SELECT ($OLD) = 1"), 'an old day');
ask($node, "ALTER SYSTEM RESET pg_stat_monitor.pgsm_history_retention; ALTER SYSTEM SET pg_stat_monitor.pgsm_export_database = 'no_such_database'");
$node->stop;
$node->append_conf('postgresql.auto.conf', "pg_stat_monitor.pgsm_history_retention = '7d'\n"
      . "pg_stat_monitor.pgsm_export_database = ''\n");
$node->start;
ask($node, 'SELECT 4711 AS kept');
$node->stop;
my $image = $node->data_dir . '/pg_stat/pg_stat_monitor.image';
my $offset = -s $node->logfile;
my @before = ((stat($image))[1, 7, 9]);
ok(@before, 'the statistics were saved');
my @start = ('pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, '-o', '-b', 'start');
command_ok(\@start, 'a server in binary-upgrade mode starts');
is(ask($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_stat_monitor%'}), 0, 'no process of ours runs in it');
is(ask($node, 'SHOW pg_stat_monitor.pgsm_history_retention'), '7d', 'it knows the settings');
is((failure($node, 'SELECT * FROM pg_stat_monitor_status'))[0], '55000', 'and has no statistics');
ask($node, 'SELECT 4711 AS kept') for 1 .. 5;
is(ask($node, $OLD), 1, 'the day that is due stays');
command_ok([ 'pg_ctl', '-w', '-D', $node->data_dir, '-m', 'fast', 'stop' ], 'it stops');
is_deeply([ (stat($image))[1, 7, 9] ], \@before, 'what was saved is as it was');
$node->start;
is(calls_of($node, 'SELECT 4711 AS kept'), 1, 'afterwards it is there, and nothing of meanwhile');
unlike(slurp_file($node->logfile, $offset), qr/cannot use the statistics/, 'without a complaint');
$node->stop;
done_testing();
