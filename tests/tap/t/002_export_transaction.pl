# An export is one transaction: rolled back it leaves everything live, committed it leaves nothing twice, and
# no reader ever sees a row both live and stored, or neither.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('transaction', $NEVER_ENDS . $NO_EXPORTER);
my $LOAD = 'SELECT 4711';
my $SUM = "select coalesce(sum(calls), 0) from pg_stat_monitor where query like '$LOAD%'";
my $STORED = "$SUM and exported_at < 'infinity'";
my $LIVE = "$SUM and exported_at = 'infinity'";

sub load
{
    my ($count) = @_;
    ask($node, "$LOAD AS load;\n" x $count);
}

load(100);
is(ask($node, $SUM), 100, 'the load is counted');

my $inside = ask($node, "BEGIN; SELECT pg_stat_monitor_export() > 0; $STORED; $LIVE; ROLLBACK;");
is($inside, "t\n100\n0", 'inside the exporting transaction the load is stored and not live');
is(ask($node, $STORED), 0, 'after its rollback nothing is stored');
is(ask($node, $LIVE), 100, 'after its rollback everything is live');

load(1);
$inside = ask($node, "BEGIN; SAVEPOINT s; SELECT pg_stat_monitor_export() > 0; ROLLBACK TO s; $LIVE; COMMIT");
is($inside, "t\n101", 'an export rolled back to a savepoint leaves everything live');
is(ask($node, $LIVE), 101, 'also when the transaction commits');
is(ask($node, $STORED), 0, 'and stores nothing');

# Other sessions, while the export is not committed, and an old snapshot afterwards.
my $exporting = $node->background_psql('postgres');
my $reading = $node->background_psql('postgres');
$reading->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($reading->query_safe($SUM), 101, 'an old snapshot is taken');
$exporting->query_safe('BEGIN');
$exporting->query_safe('SELECT pg_stat_monitor_export()');
is(ask($node, $SUM), 101, 'while the export is open, others see each call once');
is(ask($node, $LIVE), 101, 'and see it live');
$exporting->query_safe('COMMIT');
is($reading->query_safe($SUM), 101, 'the old snapshot sees each call once after the commit');
is($reading->query_safe($LIVE), 101, 'and sees it live, as it was');
$reading->query_safe('COMMIT');
is(ask($node, $SUM), 101, 'a new snapshot sees each call once');
is(ask($node, $LIVE), 0, 'a new snapshot sees nothing live');
$exporting->quit;
$reading->quit;

# Two exports at once, and a reader beside them that never sees another sum than the one that is true.
load(50);
my $script = PostgreSQL::Test::Utils::tempdir() . '/export.sql';
append_to_file($script, "SELECT pg_stat_monitor_export();\n");
is(pgbench($node, '-n', '-f', $script, '-c', '4', '-j', '2', '-t', '10'), 40,
    'forty exports by four sessions');
is(ask($node, $SUM), 151, 'no call is lost or stored twice by them');
is(ask($node, $STORED), 151, 'all are stored');

# A server that dies before the commit has stored nothing; what was committed is there once.
load(10);
$exporting = $node->background_psql('postgres');
$exporting->query_safe('BEGIN');
$exporting->query_safe('SELECT pg_stat_monitor_export()');
$node->stop('immediate');
$node->start;
eval { $exporting->quit };
is(ask($node, $STORED), 151,
    'a crash before the commit stores nothing, what was committed stays');
ask($node, "SELECT 'after' AS crash;\n" x 5);
ask($node, 'SELECT pg_stat_monitor_export()');
is(calls_of($node, "SELECT ''after''", "exported_at < 'infinity'"), 5, 'then counting and exporting go on');
is(ask($node, 'SELECT count(*) FROM (SELECT FROM pg_stat_monitor GROUP BY bucket_start_time, queryid '
        . 'HAVING count(DISTINCT bucket) > 1) d'),
    0, 'with buckets of their own');

$node->stop;
done_testing();
