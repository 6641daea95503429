# Transactions that have exported, reset or truncated cannot be prepared: every export would wait for them. And a day that
# is made beside committing exports is made in silence.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('prepared', "max_prepared_transactions = 4\n" . $NEVER_ENDS . $NO_EXPORTER);
for my $sql ('SELECT pg_stat_monitor_export()', 'SELECT pg_stat_monitor_reset()', 'TRUNCATE pg_stat_monitor',
    'SELECT pg_stat_monitor_export(); SELECT pg_stat_monitor_export()', 'SAVEPOINT s; SELECT pg_stat_monitor_reset(); RELEASE s')
{
    my ($state, $told) = failure($node, "BEGIN; $sql; PREPARE TRANSACTION 'p'");
    is($state, '0A000', "not prepared: $sql");
    like($told, qr/cannot PREPARE a transaction that has exported, reset or truncated pg_stat_monitor/, 'and says why');
    is(ask($node, 'SELECT count(*) FROM pg_prepared_xacts'), 0, 'nothing is left of it');
    is((failure($node, "SET lock_timeout = '5s'; SELECT pg_stat_monitor_export()"))[0], 'succeeded', 'nor for exports to wait for');
}
# An export that found nothing to write has the lock all the same; one of a savepoint that is gone has not.
is((failure($node, "SELECT pg_stat_monitor_export();\nBEGIN; SET LOCAL pg_stat_monitor.pgsm_track = none; "
        . "SELECT pg_stat_monitor_export(); PREPARE TRANSACTION 'p'"))[0], '0A000', 'not prepared: an export of next to nothing');
is((failure($node, "BEGIN; SAVEPOINT s; SELECT pg_stat_monitor_reset(); ROLLBACK TO s; PREPARE TRANSACTION 'p'"))[0],
    'succeeded', 'prepared: all that was rolled back');
is((failure($node, "SET lock_timeout = '5s'; SELECT pg_stat_monitor_export()"))[0], 'succeeded', 'exports do not wait for it');
ask($node, "COMMIT PREPARED 'p'");
$node->stop;

# Rows for days that are not there come into the default partition, most of them while their day is made.
$node = monitored_node('beside', "pg_stat_monitor.pgsm_bucket_time = 1\npg_stat_monitor.pgsm_history_retention = 0\n"
      . "pg_stat_monitor.pgsm_history_rollup_after = 0\nlog_statement = none\n");
ok($node->poll_query_until('postgres', 'SELECT exports > 0 FROM pg_stat_monitor_status'), 'the exporter works');
my $dir = PostgreSQL::Test::Utils::tempdir();
append_to_file("$dir/insert.sql", "\\set day random(1, 60)\n\\set us random(1000, 30000)\nBEGIN;\n"
      . "INSERT INTO pg_stat_monitor (bucket, bucket_start_time, userid, query, calls, exported_at) "
      . "SELECT -1, t, 10, 'fed', 1, t FROM (SELECT date_trunc('day', now(), 'UTC') - :day * interval '1 day' + interval '1 hour' AS t) s;\n"
      . "\\sleep :us us\nCOMMIT;\n");
my ($out, $err) = run_command([ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-c', '4', '-T', '10', '-f', "$dir/insert.sql",
        'postgres' ]);
my ($ran) = $out =~ /transactions actually processed: (\d+)/;
unlike($err, qr/ERROR/, 'rows are stored while days are made for them') or diag($err);
ok(waits(sub { ask($node, q{SELECT 1}); ask($node, "SELECT count(*) FROM pg_stat_monitor_default WHERE query = 'fed'") == 0 }),
    'and all of them come into their day');
is(ask($node, "SELECT sum(calls) FROM pg_stat_monitor WHERE query = 'fed'"), $ran, 'none is lost, none is there twice');
unlike(slurp_file($node->logfile), qr/partition constraint.*would be violated/, 'nothing is said about rows that came in between');
ok($node->poll_query_until('postgres', 'SELECT history_error IS NULL FROM pg_stat_monitor_status'), 'nor shown');
$node->stop;
done_testing();
