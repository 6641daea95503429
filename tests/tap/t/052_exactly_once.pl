# Exactly once, whatever sessions do at the same time: a known load runs while four sessions and the exporter
# export, some of them taking it back; readers of every isolation level never see another sum than the true
# one. Then the same with sessions that are killed or cancelled in the middle.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;

my $node = monitored_node('once', "pg_stat_monitor.pgsm_bucket_time = 1\nmax_prepared_transactions = 5\n");
my $TRUE = "SELECT coalesce(sum(calls), 0) FROM pg_stat_monitor WHERE query LIKE 'SELECT 4711 AS load%'";
my $TWICE = 'SELECT count(*) FROM (SELECT FROM pg_stat_monitor GROUP BY bucket, queryid, userid, dbid, '
  . 'pgsm_query_id, application_name, client_ip, cmd_type, toplevel, top_queryid, sqlcode '
  . 'HAVING count(*) > 1) r';
my $dir = PostgreSQL::Test::Utils::tempdir();

sub script
{
    my ($name, $sql) = @_;
    append_to_file("$dir/$name.sql", $sql);
    return ('-f', "$dir/$name.sql");
}
my @load = script('load', "SELECT 4711 AS load;\n");
my @commits = script('commits', "SELECT pg_stat_monitor_export();\n");
my @rolls_back = script('rolls_back', "BEGIN;\nSELECT pg_stat_monitor_export();\nROLLBACK;\n");
my @savepoint = script('savepoint',
    "BEGIN;\nSAVEPOINT a;\nSELECT pg_stat_monitor_export();\nROLLBACK TO a;\n"
      . "SAVEPOINT b;\nSELECT pg_stat_monitor_export();\nRELEASE b;\nCOMMIT;\n");

# Each reader asks twice in one transaction: the answers must be the same, as nothing is loaded meanwhile.
sub load_and_export
{
    my ($clients, $count, @exports) = @_;
    my $export = IPC::Run::start([ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-c', '4', '-T', '4',
            @exports, 'postgres' ], '>', \my $out, '2>', \my $err);
    my $done = pgbench($node, '-n', @load, '-c', $clients, '-t', $count);
    $export->finish;
    like($out, qr/actually processed: [1-9]/, 'the exports worked');
    unlike($err, qr/ERROR|aborted|FATAL/, 'without an error');
    return $done;
}
my $run = load_and_export(2, 2000, @commits, @rolls_back, @savepoint);
is(ask($node, $TRUE), $run, "$run calls under commits, rollbacks and savepoints of four exporters and the worker");
is(ask($node, $TWICE), 0, 'no row twice');
is(ask($node, 'SELECT calls_lost + statements_lost + buckets_lost FROM pg_stat_monitor_status'), 0,
    'nothing counted as lost');

# Readers beside exports. The load rests: every answer must be the same number.
my $reading = IPC::Run::start([ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-c', '2', '-T', '5',
        @commits, @rolls_back, @savepoint, 'postgres' ], '>', \my $out, '2>', \my $err);
my (%seen, $too_old);
for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE') {
    for (1 .. 12) {
        ask($node, 'SELECT now() AS other');
        my $answer =
          eval { ask($node, "BEGIN ISOLATION LEVEL $level;\n$TRUE;\nSELECT pg_sleep(0.02);\n$TRUE;\nCOMMIT") };
        # Hundreds of exports a second leave no room for the buckets that an old snapshot needs (058).
        redo if !defined $answer && $@ =~ /snapshot is too old/ && ++$too_old < 50;
        die $@ if !defined $answer;
        $answer =~ s/\s+/ /g;
        $seen{$answer}++;
    }
}
$reading->finish;
is(join(', ', keys %seen), "$run $run", 'readers of every level see each call once, always');

# PREPARE TRANSACTION.
ask($node, 'SELECT 4711 AS load');
$run++;
my ($state, $message) = failure($node, "BEGIN; SELECT pg_stat_monitor_export(); PREPARE TRANSACTION 'p'");
is($state, '0A000', 'PREPARE TRANSACTION after an export is refused');
like($message, qr/cannot PREPARE/, 'in words');
is(ask($node, 'SELECT count(*) FROM pg_prepared_xacts'), 0, 'nothing is prepared');
is(ask($node, $TRUE), $run, 'and nothing is lost');

# A cancelled export, by hand: it waits for the table, is cancelled, and everything is as before.
my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE pg_stat_monitor IN SHARE MODE');
($state, $message) = failure($node, "SET statement_timeout = '500ms'; SELECT pg_stat_monitor_export()");
is($state, '57014', 'an export that waits for the table can be cancelled');
($state, $message) = failure($node, "SET lock_timeout = '300ms'; SELECT pg_stat_monitor_export()");
is($state, '55P03', 'and it respects lock_timeout');
ask($node, "SELECT 4711 AS load;\n" x 10);
$run += 10;
# The table is locked longer than the exporter waits: it says so, and the bucket stays.
ok($node->poll_query_until('postgres', 'SELECT export_failures > 0 FROM pg_stat_monitor_status'),
    'the exporter gives up waiting and says so');
is(ask($node, $TRUE), $run, 'meanwhile every call is there');
$holder->query_safe('COMMIT');
$holder->quit;
ok($node->poll_query_until('postgres',
        "SELECT sum(calls) = $run FROM pg_stat_monitor WHERE query LIKE 'SELECT 4711 AS load%' "
      . "AND exported_at < 'infinity'"), 'when the lock is gone the exporter goes on');
is(ask($node, $TWICE), 0, 'no row twice');

# A stop does not wait for an export that waits.
$holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE pg_stat_monitor IN SHARE MODE');
ask($node, "SELECT 4711 AS load");
$run++;
sleep 2;
my $started = Time::HiRes::time();
$node->stop('fast');
cmp_ok(Time::HiRes::time() - $started, '<', 2, 'a fast stop does not wait for an export that waits');
eval { $holder->quit };
$node->start;
is(ask($node, $TRUE), $run, 'and it loses nothing');

# kill -9 of a backend in mid-export: the server recovers; what was stored is there once.
ask($node, 'SELECT pg_stat_monitor_export()');
$node->append_conf('postgresql.conf', "restart_after_crash = on\n");
$node->reload;
for my $round (1 .. 2)
{
    ask($node, "SELECT current_user AS doomed;\n" x 20);
    my $victim = $node->background_psql('postgres', on_error_stop => 0);
    my $pid = $victim->query_safe('SELECT pg_backend_pid()');
    $victim->query_safe('BEGIN');
    $victim->query_safe('SELECT pg_stat_monitor_export()');
    kill_hard($node, $pid);
    eval { $victim->quit };
    ok($node->poll_query_until('postgres', 'SELECT true'), "killed export $round: the server comes back");
    is(ask($node, $TRUE), $run, "killed export $round: stored calls are there once");
    is(ask($node, $TWICE), 0, "killed export $round: no row twice");
    ask($node, "SELECT 4711 AS load;\n" x 5);
    $run += 5;
    ask($node, 'SELECT pg_stat_monitor_export()');
    is(ask($node, $TRUE), $run, "killed export $round: counting and exporting go on");
}

# kill -9 of the exporter itself and of its worker.
my $pid = ask($node, "SELECT pid FROM pg_stat_activity WHERE backend_type ILIKE '%pg_stat_monitor%' LIMIT 1");
like($pid, qr/^\d+$/, 'the exporter runs');
kill_hard($node, $pid);
ok($node->poll_query_until('postgres', 'SELECT true'), 'killed exporter: the server comes back');
is(ask($node, $TRUE), $run, 'killed exporter: stored calls are there once');
ask($node, "SELECT 4711 AS load;\n" x 5);
$run += 5;
ok($node->poll_query_until('postgres',
        "SELECT sum(calls) = $run FROM pg_stat_monitor WHERE query LIKE 'SELECT 4711 AS load%' "
      . "AND exported_at < 'infinity'"), 'killed exporter: it exports again by itself');
is(ask($node, $TWICE), 0, 'no row twice');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP/, 'no panic');
$node->stop;
done_testing();
