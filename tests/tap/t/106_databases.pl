# In which database the history is: named by the setting, told to whoever is in another one, and looked for without
# starting a worker everywhere again and again.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('databases');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_monitor'\nautovacuum = off\n"
      . "pg_stat_monitor.pgsm_bucket_time = 1\npg_stat_monitor.pgsm_normalized_query = off\nlog_min_messages = debug1\n"
      . "log_statement = none\nmax_parallel_workers_per_gather = 0\n");
$node->start;
sub looks
{
    my ($offset) = @_;
    my @started = slurp_file($node->logfile, $offset) =~ /starting background worker process "pg_stat_monitor export"/g;
    return scalar @started;
}
my $databases = 8;
ask($node, "CREATE DATABASE d$_") for 1 .. $databases;

# Without the extension anywhere each database is looked at once, and of a new one only the new one.
ok(waits(sub { ask($node, 'SELECT 1'); looks(0) >= $databases + 1 }), 'every database is looked at');
my $before = looks(0);
my $offset = -s $node->logfile;
ask($node, 'CREATE DATABASE fresh');
ok(waits(sub { ask($node, 'SELECT 1'); looks($offset) > 0 }), 'a new database is looked at');
my $end = time() + 4;
waits(sub { ask($node, 'SELECT 1'); time() > $end });
is(looks($offset), 1, 'and no other one');

# The first one to have it gets the history; in others it is said where that is.
sub told
{
    my ($database, $sql) = @_;
    my ($out, $err) = ('', '');
    $node->psql($database, $sql, stdout => \$out, stderr => \$err);
    return $err;
}
my $KEPT = qr/NOTICE:  pg_stat_monitor keeps its history in database "d1"/;
unlike(told('d1', 'CREATE EXTENSION pg_stat_monitor'), qr/keeps its history/, 'the first database is told nothing');
like(told('d2', 'CREATE EXTENSION pg_stat_monitor'), $KEPT, 'CREATE EXTENSION in the next one says where the history is');
unlike(told('d1', 'SELECT pg_stat_monitor_export()'), qr/keeps its history/, 'an export there is told nothing');
my $told = told('d2', 'SELECT 4711 AS elsewhere; SELECT pg_stat_monitor_export()');
like($told, $KEPT, 'an export by hand in another one is told');
like($told, qr/HINT:.*pgsm_export_database/, 'and what to do');
is(ask_in('d2', $node, "SELECT export_database FROM pg_stat_monitor_status"), 'd1', 'the status view has the name');
like(told('d2', 'DROP EXTENSION pg_stat_monitor'), qr/NOTICE:  the statistics that pg_stat_monitor has stored in this database are dropped: \d+ kB/,
    'DROP EXTENSION says what goes');
told('d2', 'CREATE EXTENSION pg_stat_monitor');
unlike(told('d2', 'DROP EXTENSION pg_stat_monitor'), qr/are dropped/, 'unless nothing does');
told('d2', 'CREATE EXTENSION pg_stat_monitor');

# A name in the setting that exists: after a reload, a restart, and when the exporter ends while buckets wait.
my $d2_stored = "SELECT coalesce(sum(calls), 0) FROM pg_stat_monitor WHERE query LIKE 'SELECT 4712%' AND exported_at < 'infinity'";
my $ran = 0;
sub stores
{
    my ($name) = @_;
    ok(waits(sub { ask_in('d2', $node, $d2_stored) == $ran }), $name)
      or diag(ask_in('d2', $node, 'SELECT * FROM pg_stat_monitor_status'));
}
sub load { ask($node, 'SELECT 4712 AS named'); $ran++ }
$offset = -s $node->logfile;
$node->append_conf('postgresql.conf', "pg_stat_monitor.pgsm_export_database = 'd2'\n");
$node->reload;
load();
stores('named by the setting, after a reload: stored there');
$node->reload;
$node->restart;
is(ask_in('d2', $node, 'SELECT reason FROM pg_stat_monitor_status'), '', 'after a restart there is nothing to complain about');
load();
stores('and it goes on');
my $EXPORTER = "pg_stat_activity WHERE backend_type = 'pg_stat_monitor exporter'";
for (1 .. 3)
{
    ask($node, "SELECT pg_terminate_backend(pid, 10000) FROM $EXPORTER");
    load();
    ok($node->poll_query_until('d2', "SELECT ended_buckets > 0 AND state = 'not started' OR state = 'ok' FROM pg_stat_monitor_status"),
        'the exporter ends while a bucket waits, or will');
}
stores('which is stored when it is back');
is(ask_in('d2', $node, 'SELECT buckets_lost + calls_lost FROM pg_stat_monitor_status'), 0, 'nothing is given up');
unlike(slurp_file($node->logfile, $offset), qr/"d2" \(pgsm_export_database\)/, 'the database was never missed');
ok(!told('d2', 'CREATE VIEW v AS SELECT 1'), 'nothing else is told anything');
$node->stop;
done_testing();
