# Faults in the exporter and in the worker that it launches, a full disk among them: it backs off, says so, and
# nothing is lost or stored twice.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

my $node = monitored_node('exporter', "pg_stat_monitor.pgsm_bucket_time = 1\nlog_statement = none\n"
      . "pg_stat_monitor.pgsm_max = 16MB\npg_stat_monitor.pgsm_query_shared_buffer = 8MB\n");
my ($ran, %all) = (0);

sub configure
{
    my (%settings) = @_;
    ask($node, join(';', (map { "ALTER SYSTEM SET pg_stat_monitor.$_ = '$settings{$_}'" } sort keys %settings),
            'SELECT pg_reload_conf()'));
}
sub load
{
    ask($node, 'SELECT 4711 AS load');
    $ran++;
}
sub stored { return calls_of($node, 'SELECT 4711 AS load', "exported_at < 'infinity'") }
sub status_of
{
    my ($what) = @_;
    return ask($node, "SELECT $what FROM pg_stat_monitor_status");
}
sub all_stored { return waits(sub { stored() == $ran }) }

load();
ok(all_stored(), 'the exporter works');

# The worker. What is called for each row is left to 002_functions.
my $SITES = join(' ', qw(BackgroundWorkerInitializeConnectionByOid SetConfigOption StartTransactionCommand
      CommitTransactionCommand GetTransactionSnapshot PushActiveSnapshot SPI_connect SPI_execute SPI_execute_plan
      SPI_prepare LockSharedObject LockRelationOid RegisterXactCallback RegisterSubXactCallback MemoryContextAlloc
      RelationGetPartitionDesc RelationGetIndexList get_guc_variables GetAllTablesPublications get_extension_oid table_open try_relation_open try_table_open));
configure(fault_process => 'worker', fault_sites => $SITES);
my @steps = (1 .. 34, map { 34 + 9 * $_ } 1 .. 8);
my @silent;
for my $at (@steps)
{
    load();
    my $offset = -s $node->logfile;
    configure(fault_at => $at);
    my ($fired, $rows) = ('', stored());
    waits(sub { ($fired) = slurp_file($node->logfile, $offset) =~ /^fault: (\w+)$/m; $fired || stored() == $ran });
    $all{$fired}++ if $fired;
    push @silent, $at if !$fired;
}
configure(fault_at => 0);
ok(all_stored(), 'after ' . @steps . ' faults in workers everything is stored, once') or diag(stored() . " of $ran");
cmp_ok(scalar(keys %all), '>=', 10, scalar(keys %all) . ' functions failed: ' . join(' ', sort keys %all));
cmp_ok(scalar(@silent), '<', @steps / 2, 'most of them');
is(status_of('state'), 'ok', 'and the exporter is well');
is(status_of('calls_lost + buckets_lost'), 0, 'nothing is lost');

# The exporter itself: it ends with an error and comes back, or goes on.
my @exporter = qw(StartTransactionCommand table_open CommitTransactionCommand RegisterDynamicBackgroundWorker);
for my $site (@exporter)
{
    my $offset = -s $node->logfile;
    load();
    configure(fault_process => 'exporter', fault_sites => $site, fault_at => 1, fault_count => 1);
    ok(waits(sub { slurp_file($node->logfile, $offset) =~ /^fault: $site$/m }), "$site fails in the exporter");
    configure(fault_at => 0);
    ok(all_stored(), "$site: and it comes back") or diag(stored() . " of $ran");
}

# A full disk: every write of the export fails, for a while.
my $failures = status_of('export_failures');
configure(fault_process => 'worker', fault_sites => 'SPI_execute_plan', fault_count => 1000000, fault_state => '53100',
    fault_at => 1);
load();
ok(waits(sub { status_of('state') eq 'failing' }), 'a full disk: the exporter says that it fails');
like(status_of("concat_ws(' ', reason, last_error)"), qr/injected fault in SPI_execute_plan/, 'and why');
my $begin = time();
while (time() < $begin + 5) { load(); usleep(300_000); }
my $tries = status_of('export_failures') - $failures;
ok($tries >= 2 && $tries <= 5, "it backs off: $tries tries in five seconds");
is(calls_of($node, 'SELECT 4711 AS load'), $ran, 'meanwhile everything is shown');
cmp_ok(stored(), '<', $ran, 'from memory');
configure(fault_at => 0);
ok(all_stored(), 'when there is room again, all is stored');
is(status_of("state || coalesce(reason, '')"), 'ok', 'and all is well');
is(status_of('calls_lost + buckets_lost'), 0, 'nothing is lost');
is(ask($node, 'SELECT count(*) FROM (SELECT FROM pg_stat_monitor GROUP BY bucket, queryid, userid, dbid, '
        . 'pgsm_query_id, application_name, client_ip, cmd_type, toplevel HAVING count(*) > 1) r'), 0, 'no row twice');
unlike(slurp_file($node->logfile), qr/was terminated by signal|PANIC|TRAP|leak|still referenced|not closed/, 'nothing leaks');
$node->stop;
done_testing();
