# A transaction that keeps its snapshot, and a memory that is full: what was stored meanwhile has to leave memory. The
# old snapshot is told so instead of getting an answer without it; a new one sees everything once.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('old', $NEVER_ENDS . $NO_EXPORTER . "pg_stat_monitor.pgsm_max = 1MB\nlog_statement = none\n");
my $SUM = "SELECT sum(calls) FROM pg_stat_monitor WHERE userid = 'first'::regrole";
ask($node, 'CREATE ROLE first LOGIN; CREATE ROLE later LOGIN');

# Many statements. What differs in constants alone would be one.
sub load
{
    my ($role) = @_;
    my $sql = '';
    for my $number (1 .. 1200)
    {
        $sql .= 'SELECT 1' . join('', map { ($number >> $_ & 1 ? ' + ' : ' - ') . '1' } 0 .. 10) . ";\n";
    }
    $node->safe_psql('postgres', $sql, extra_params => [ '-U', $role ]);
}

for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
{
    ask($node, 'SELECT pg_stat_monitor_reset()');
    load('first');
    my $reader = $node->background_psql('postgres', on_error_stop => 0);
    $reader->query_safe("BEGIN ISOLATION LEVEL $level");
    is($reader->query_safe($SUM), 1200, "$level: all of it is there");
    ask($node, 'SELECT pg_stat_monitor_export()');
    is($reader->query_safe($SUM), 1200, "$level: once, when it has been exported");
    for (1 .. 6)
    {
        load('later');
        ask($node, 'SELECT pg_stat_monitor_export()');
    }
    my ($answer) = $reader->query($SUM);
    if ($level eq 'READ COMMITTED')
    {
        is($answer, 1200, "$level: and when it has left memory");
    }
    else
    {
        is($answer, '', "$level: no answer without what has left memory");
        like($reader->{stderr}, qr/ERROR:  snapshot is too old for the live rows/, "$level: but a clear error");
    }
    $reader->query('ROLLBACK');
    is(ask($node, $SUM), 1200, "$level: a new transaction sees all of it");
    $reader->quit;
}
is(ask($node, 'SELECT calls_lost + buckets_lost FROM pg_stat_monitor_status'), 0, 'nothing is lost');

# When no such snapshot is left, it is forgotten that there was one.
ask($node, 'SELECT pg_stat_monitor_export()');
is(ask($node, "BEGIN ISOLATION LEVEL REPEATABLE READ; $SUM; COMMIT"), 1200, 'nor does any later transaction fail');
$node->stop;
done_testing();
