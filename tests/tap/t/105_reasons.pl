# What the status view says of the exporter: each state with its own reason and no other's, the errors of export and of
# history apart, who died of what, and what the processes do at the moment.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('reasons', "pg_stat_monitor.pgsm_bucket_time = 1\nlog_statement = none\n"
      . "max_logical_replication_workers = 0\nmax_worker_processes = 0\n");
sub status_of { return ask($node, "SELECT $_[0] FROM pg_stat_monitor_status") }
sub becomes
{
    my ($condition, $name) = @_;
    ok($node->poll_query_until('postgres', "SELECT $condition FROM pg_stat_monitor_status"), $name)
      or diag(ask($node, 'SELECT * FROM pg_stat_monitor_status'));
}

# Too few background workers: for the exporter itself, and for the worker that it starts.
is(status_of('state'), 'not started', 'no slot for the exporter: it is not started');
like(status_of('reason'), qr/max_worker_processes is too small/, 'and the reason is the setting');
like(slurp_file($node->logfile), qr/pg_stat_monitor has no background worker to export with.*\n.*\n.*Increase max_worker_processes/,
    'the log says so at the start');
$node->append_conf('postgresql.conf', 'max_worker_processes = 1');
$node->restart;
becomes("state = 'failing' AND reason LIKE 'no background worker is free%' AND last_error = reason AND export_failures > 0",
    'no slot for its worker: that is a failed export, with its reason');
$node->append_conf('postgresql.conf', 'max_worker_processes = 8');
$node->restart;
becomes("state = 'ok' AND reason IS NULL AND exports > 0 AND export_database = 'postgres'", 'with enough of them all is well');
becomes("history_bytes > 0 AND history_oldest > now() - interval '5 minutes' AND history_oldest <= last_export_at "
      . 'AND history_error IS NULL AND history_error_at IS NULL', 'size and age of the history are there');

# Who is doing what.
my $event = $node->pg_version >= 17 ? 'PgStatMonitorExporter' : 'Extension';
is(ask($node, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_stat_monitor exporter' "
        . "AND query = 'waiting for a bucket to end' AND state = 'idle' AND wait_event = '$event'"), 1,
    'the exporter can be seen waiting');
ask($node, q{CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(60); RETURN NULL; END$$;
  CREATE TRIGGER slow AFTER INSERT ON pg_stat_monitor FOR EACH STATEMENT EXECUTE FUNCTION slow()});
my $WORKER = "backend_type = 'pg_stat_monitor export' AND query = 'exporting ended buckets' AND state = 'active'";
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE $WORKER AND wait_event = 'PgSleep'"),
    'and its worker exporting');
is(ask($node, "SELECT query FROM pg_stat_activity WHERE backend_type = 'pg_stat_monitor exporter'"),
    'exporting in database "postgres"', 'for which it waits');
is(status_of("state || coalesce(reason, '')"), 'exporting', 'the state says so');

# A worker that dies is counted, by name; and not shown as the reason of a state when it is over.
my $failures = status_of('export_failures');
ask($node, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE $WORKER");
becomes("export_failures = $failures + 1 AND state = 'failing' AND reason LIKE 'terminating %administrator command' "
      . 'AND last_error = reason AND last_error_at > last_export_at', 'a worker that dies: counted, named, the reason');
ask($node, 'DROP FUNCTION slow() CASCADE');
ask($node, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE backend_type = 'pg_stat_monitor export'");
becomes("state = 'ok' AND reason IS NULL AND last_export_at > last_error_at", 'the next one works: no reason is left');

# An error: the state stays while it is tried again.
ask($node, q{CREATE FUNCTION wrong() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no way'; END$$;
  CREATE TRIGGER wrong AFTER INSERT ON pg_stat_monitor FOR EACH STATEMENT EXECUTE FUNCTION wrong()});
becomes("state = 'failing' AND reason = 'no way' AND last_error = 'no way'", 'an export that fails: the reason');
$failures = status_of('export_failures');
my %seen;
waits(sub { $seen{ status_of("concat_ws(': ', state, reason)") } = 1; return status_of('export_failures') > $failures + 1 });
is(join(', ', sort keys %seen), 'failing: no way', 'it stays that while it is tried again and again');
# What waited is exported by hand where it can be: nothing is failing then.
ask($node, 'DROP FUNCTION wrong() CASCADE; SELECT pg_stat_monitor_export()');
becomes("state IN ('ok', 'exporting') AND reason IS NULL AND last_error = 'no way'",
    'exported by hand, nothing fails any more; the last error is the last one');
is(ask($node, 'SELECT count(*) FROM pg_stat_monitor_status WHERE history_error IS NOT NULL'), 0,
    'none of that is an error of the history');

# The history: what keeps it from being maintained, as long as it does.
ask($node, "SET timezone = 'UTC'; INSERT INTO pg_stat_monitor (bucket, bucket_start_time, userid, calls, exported_at) "
      . "SELECT -1, d, 10, 1, d FROM (SELECT date_trunc('day', now()) - interval '20 days' AS d) s");
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_history_retention = 0; SELECT pg_reload_conf()");
my $day = q{(SELECT oid::regclass FROM pg_class WHERE relname = 'pg_stat_monitor_' || to_char(now() AT TIME ZONE 'UTC' - interval '20 days', 'YYYYMMDD'))};
ok($node->poll_query_until('postgres', "SELECT $day IS NOT NULL"), 'an old day');
becomes("history_oldest < now() - interval '19 days'", 'the history goes back to it');
ask($node, "DO \$\$BEGIN EXECUTE 'CREATE VIEW kept AS SELECT 1 AS x FROM ' || $day; END\$\$");
ask($node, "ALTER SYSTEM RESET pg_stat_monitor.pgsm_history_retention; SELECT pg_reload_conf()");
becomes("history_error LIKE 'cannot drop table%' AND history_error_at > now() - interval '1 minute' AND last_error = 'no way'",
    'a view on it keeps it: an error of the history, not of the export');
ask($node, 'DROP VIEW kept');
becomes("history_error IS NULL AND history_error_at IS NULL AND history_oldest > now() - interval '1 day'",
    'dropped, the error is over and is not shown');

# A loss has the reason that there was for it then.
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_max = '1MB'; ALTER SYSTEM SET pg_stat_monitor.pgsm_export_database = 'no_such_database'");
$node->restart;
becomes("state = 'disabled' AND reason LIKE '%no_such_database%does not exist'", 'a database that is not there: disabled');
is(status_of('export_database IS NULL'), 't', 'and no database is named that it would work in');
my $sql = join('', map { my $n = $_; 'SELECT 1' . join('', map { ($n >> $_ & 1 ? ' + ' : ' - ') . '1' } 0 .. 11) . ";\n" } 1 .. 4000);
ok(waits(sub { ask($node, $sql); return status_of('buckets_lost') > 0 }), 'memory is full: buckets are given up');
ask($node, 'ALTER SYSTEM RESET pg_stat_monitor.pgsm_export_database; SELECT pg_reload_conf()');
becomes("state IN ('ok', 'exporting') AND reason IS NULL", 'the setting is right again');
like(status_of('lost_reason'), qr/no_such_database/, 'what was lost before was lost for the reason of before');
cmp_ok(status_of('calls_lost'), '>', 0, 'with the calls in it');
is(status_of('calls_without_room + calls_without_memory + standby_buckets_dropped + standby_calls_dropped'), 0,
    'and nothing for other causes');
$node->stop;
done_testing();
