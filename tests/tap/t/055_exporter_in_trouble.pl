# What may happen to the exporter and its database while it works: killed, the extension moved, the table renamed,
# the database renamed or dropped, transactions read-only by default. It says so and goes on; nothing that memory
# could keep is lost, no row is there twice.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = monitored_node('trouble', "pg_stat_monitor.pgsm_bucket_time = 1\nlog_statement = none\n"
      . "pg_stat_monitor.pgsm_max = 16MB\nrestart_after_crash = on\n");
my $ran = 0;
my $database = 'postgres';

sub load
{
    ask($node, 'SELECT 4711 AS load');
    return ++$ran;
}
sub stored
{
    return ask_in($database, $node, "SELECT coalesce(sum(calls), 0) FROM pg_stat_monitor "
          . "WHERE query LIKE 'SELECT 4711 AS load%' AND exported_at < 'infinity'");
}
sub status_of { return ask_in($database, $node, "SELECT $_[0] FROM pg_stat_monitor_status") }
sub all_stored { return waits(sub { stored() == $ran }) }
sub nothing_twice
{
    my ($name) = @_;
    is(ask_in($database, $node, 'SELECT count(*) FROM (SELECT FROM pg_stat_monitor GROUP BY bucket, queryid, userid, '
            . 'dbid, pgsm_query_id, application_name, client_ip, cmd_type, toplevel, elevel HAVING count(*) > 1) r'),
        0, "$name: no row twice");
}

load();
ok(all_stored(), 'the exporter works');

# Sessions that may only read, if the database has its way; and short timeouts.
ask($node, q{ALTER DATABASE postgres SET default_transaction_read_only = on;
  ALTER DATABASE postgres SET statement_timeout = '1ms'; ALTER DATABASE postgres SET lock_timeout = '1ms';
  ALTER DATABASE postgres SET default_transaction_isolation = 'serializable';
  ALTER DATABASE postgres SET search_path = pg_temp});
$ENV{PGOPTIONS} = '-cstatement_timeout=0 -clock_timeout=0 -csearch_path=public -cdefault_transaction_isolation=read\ committed';
load();
ok(all_stored(), 'read-only transactions, timeouts, search_path and isolation of the database do not stop it');
my ($state) = failure($node, 'SELECT pg_stat_monitor_export()');
is($state, '25006', 'whoever exports by hand in a read-only transaction is told');
ask($node, 'SET default_transaction_read_only = off; ALTER DATABASE postgres RESET ALL');
delete $ENV{PGOPTIONS};

# Moved and renamed while it works.
ask($node, 'CREATE SCHEMA elsewhere; ALTER EXTENSION pg_stat_monitor SET SCHEMA elsewhere; '
    . 'ALTER DATABASE postgres SET search_path = public, elsewhere');
load();
ok(all_stored(), 'the extension in another schema: it follows');
ask($node, 'ALTER TABLE elsewhere.pg_stat_monitor RENAME TO renamed');
load() for 1 .. 3;
ok(waits(sub { status_of('state') eq 'no database' }), 'a renamed table: the status view shows it: ' . status_of('state'));
load() for 1 .. 3;
ask($node, 'ALTER TABLE elsewhere.renamed RENAME TO pg_stat_monitor; ALTER EXTENSION pg_stat_monitor SET SCHEMA public; '
    . 'ALTER DATABASE postgres RESET search_path');
ok(all_stored(), 'renamed back and moved back: what waited is stored') or diag(stored() . " of $ran");
ask($node, 'ALTER EXTENSION pg_stat_monitor DROP TABLE pg_stat_monitor');
load();
ok(waits(sub { status_of('state') eq 'no database' }), 'a table that the extension has let go is not written to');
ask($node, 'ALTER EXTENSION pg_stat_monitor ADD TABLE pg_stat_monitor');
ok(all_stored(), 'until it has it again') or diag(stored() . " of $ran");
is(status_of('buckets_lost + calls_lost'), 0, 'nothing is lost');

# Killed in the middle of an export, by hand-made slowness; the whole server starts again, as PostgreSQL wants it.
sub slow
{
    my ($seconds) = @_;
    ask_in($database, $node, q{CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
      $$BEGIN PERFORM pg_sleep(} . $seconds . q{); RETURN NULL; END$$});
}
my $SLOW_TRIGGER = 'CREATE TRIGGER slow AFTER INSERT ON pg_stat_monitor FOR EACH STATEMENT EXECUTE FUNCTION slow()';
slow(20);
ask($node, $SLOW_TRIGGER);
my $WORKER = "backend_type = 'pg_stat_monitor export' AND wait_event = 'PgSleep'";
for my $who ("backend_type = 'pg_stat_monitor export'", "backend_type = 'pg_stat_monitor exporter'")
{
    my ($name) = $who =~ /'(.*)'/;
    load();
    my $before = stored();
    ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_activity WHERE $WORKER"),
        "$name: the export is in its middle");
    my $pid = ask($node, "SELECT pid FROM pg_stat_activity WHERE $who");
    my $started = ask($node, 'SELECT pg_postmaster_start_time()');
    kill('KILL', $pid);
    ok(waits(sub { !kill(0, $pid) }), "$name: it is gone");
    ok($node->poll_query_until('postgres', 'SELECT true', 't'), "$name: the server recovers");
    is(ask($node, 'SELECT pg_postmaster_start_time()'), $started, "$name: by itself");
    is(stored(), $before, "$name: what was stored is, half an export is not");
    nothing_twice($name);
    $ran = $before;
}
# Ended instead of killed: nothing is lost at all.
load();
$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_activity WHERE $WORKER");
is(ask($node, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE $WORKER"), 't', 'a worker is ended');
is(calls_of($node, 'SELECT 4711 AS load'), $ran, 'which loses nothing');
slow(0);
ask($node, 'DROP FUNCTION slow() CASCADE');
ok(all_stored(), 'and the next one stores it') or diag(stored() . " of $ran");
nothing_twice('at the end');

# The database is renamed, then dropped in the middle of an export; the next one takes over.
ask($node, 'CREATE DATABASE first_one');
ask_in('first_one', $node, 'CREATE EXTENSION pg_stat_monitor');
$node->append_conf('postgresql.conf', "pg_stat_monitor.pgsm_export_database = 'first_one'\n");
$node->reload;
$database = 'first_one';
my $here = $ran;
load();
ok(waits(sub { stored() == $ran - $here }), 'told to, it exports into another database');
$database = 'postgres';
ok(waits(sub { $node->psql('postgres', 'ALTER DATABASE first_one RENAME TO second_one') == 0 }),
    'which can be renamed meanwhile');
load();
ok(waits(sub { status_of("coalesce(reason, '')") =~ /first_one.*does not exist/ }), 'the status view misses it');
is(calls_of($node, 'SELECT 4711 AS load'), $here + 1, 'nothing is lost') or diag(status_of('buckets_lost'));
$node->append_conf('postgresql.conf', "pg_stat_monitor.pgsm_export_database = 'second_one'\n");
$node->reload;
$database = 'second_one';
ok(waits(sub { stored() == $ran - $here }), 'by its new name it goes on');
slow(20);
ask_in($database, $node, $SLOW_TRIGGER);
load();
$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_activity WHERE $WORKER");
$database = 'postgres';
is($node->psql('postgres', 'DROP DATABASE second_one WITH (FORCE)'), 0, 'it can be dropped, by force also now');
$ran = $here + 1;
is(calls_of($node, 'SELECT 4711 AS load'), $ran, 'what it was about to store is not lost');
$node->append_conf('postgresql.conf', "pg_stat_monitor.pgsm_export_database = ''\n");
$node->reload;
ok(all_stored(), 'without a name it works where the extension is');
nothing_twice('other databases');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal (?!9\b)/, 'nothing else has died');

# A stop: how long with the library, how long without it.
sub stop_time
{
    my ($preload) = @_;
    my $least = 1e9;
    $node->append_conf('postgresql.conf', "shared_preload_libraries = '$preload'\n");
    $node->restart;
    for (1 .. 3)
    {
        $node->safe_psql('postgres', 'SELECT 4711 AS stops');
        my $begin = time();
        $node->stop('fast');
        my $took = time() - $begin;
        $least = $took if $took < $least;
        $node->start;
    }
    return $least;
}
my ($with, $without) = (stop_time('pg_stat_monitor'), stop_time(''));
cmp_ok($with - $without, '<', 1, sprintf('a stop takes %.2f s, without the library %.2f s', $with, $without));
$node->stop;
done_testing();
