# Without shared_preload_libraries: functions and the live partition say so, what is stored still answers, and
# what was live is there again when the library is back.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('preload', $NEVER_ENDS . $NO_EXPORTER);
ask($node, "SELECT 1 AS stored;\n" x 20);
ask($node, 'SELECT pg_stat_monitor_export()');
ask($node, "SELECT current_date AS live;\n" x 30);

$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;

for my $sql (
    'SELECT pg_stat_monitor_export()',
    'SELECT pg_stat_monitor_reset()',
    'SELECT count(*) FROM pg_stat_monitor_internal()',
    'SELECT count(*) FROM pg_stat_monitor_live',
    'SELECT * FROM pg_stat_monitor_status')
{
    # Twice in one session: the error must leave nothing behind that makes the second one different.
    for my $text ($sql, "\\set ON_ERROR_STOP 0\n$sql;\n\\set ON_ERROR_STOP 1\n$sql")
    {
        my ($state, $message) = failure($node, $text);
        is($state, '55000', "$sql: SQLSTATE");
        like($message, qr/HINT:.*shared_preload_libraries/, "$sql: hint");
    }
}
is(calls_of($node, 'SELECT 1 AS stored', "exported_at < 'infinity'"), 20, 'the table still answers');
like(ask($node, 'SELECT pg_stat_monitor_version()'), qr/^\d+\.\d+\.\d+$/,
    'the version function works');
is(ask($node, "SELECT get_cmd_type(1) || decode_error_level(21)"), 'SELECTERROR',
    'the decoders work');
ask($node, 'CREATE DATABASE other');
ask_in('other', $node, 'CREATE EXTENSION pg_stat_monitor; DROP EXTENSION pg_stat_monitor');
pass('CREATE and DROP EXTENSION work');
is(ask($node, "LOAD 'pg_stat_monitor'; SELECT 1"), 1, 'LOAD does no harm');
my ($state) = failure($node, "LOAD 'pg_stat_monitor'; SELECT pg_stat_monitor_export()");
is($state, '55000', 'and is no preloading');

$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'pg_stat_monitor'");
$node->restart;
is(calls_of($node, 'SELECT 1 AS stored'), 20, 'preloaded again, what was stored is counted');
is(calls_of($node, 'SELECT current_date AS live'), 30, 'and what was live is there');

$node->stop;
done_testing();
