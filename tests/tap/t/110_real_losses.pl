# A transaction that exports and resets while other sessions lose buckets: its end takes none of their losses back.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('losses', $NO_EXPORTER . "pg_stat_monitor.pgsm_bucket_time = 1\n"
      . "pg_stat_monitor.pgsm_max = 1MB\nlog_statement = none\n");
my $LOST = "SELECT buckets_lost || ' ' || statements_lost || ' ' || calls_lost FROM pg_stat_monitor_status";

# Many statements. What differs in constants alone would be one.
sub load
{
    my $sql = '';
    for my $number (1 .. 1200)
    {
        $sql .= 'SELECT 1' . join('', map { ($number >> $_ & 1 ? ' + ' : ' - ') . '1' } 0 .. 10) . ";\n";
    }
    ask($node, $sql);
    return;
}

# What a session does in its transaction before the others lose something, and how it ends.
my @cases = (
    [ 'a reset after an export', 'SELECT pg_stat_monitor_export(); SELECT pg_stat_monitor_reset()', 'COMMIT' ],
    [ 'a savepoint that is kept', 'SAVEPOINT a; SELECT pg_stat_monitor_export(); RELEASE a; SELECT pg_stat_monitor_reset()', 'COMMIT' ],
    [
        'a reset that is rolled back',
        'SELECT pg_stat_monitor_export(); SAVEPOINT a; SELECT pg_stat_monitor_reset(); ROLLBACK TO a', 'COMMIT'
    ],
    [ 'all of it rolled back', 'SELECT pg_stat_monitor_export(); SELECT pg_stat_monitor_reset()', 'ROLLBACK' ],
    [
        'an export that is rolled back',
        'SAVEPOINT a; SELECT pg_stat_monitor_export(); ROLLBACK TO a; SELECT pg_stat_monitor_reset()', 'COMMIT'
    ],);
for my $case (@cases)
{
    my ($name, $does, $end) = @$case;
    ask($node, 'SELECT pg_stat_monitor_reset()');
    ask($node, "SELECT 'something to store'");
    my $session = $node->background_psql('postgres');
    $session->query_safe("BEGIN; $does");
    my ($loads, $lost) = (0, '0 0 0');
    while ($loads++ < 200 && $lost !~ /^[1-9]\d*/)
    {
        load();
        $lost = ask($node, $LOST);
    }
    like($lost, qr/^[1-9]\d* [1-9]\d* [1-9]/, "$name: others lose buckets");
    my @before = split / /, ask($node, $LOST);
    $session->query_safe($end);
    # What these questions are recorded for may cost one more bucket.
    my @after = split / /, ask($node, $LOST);
    is(scalar(grep { $after[$_] < $before[$_] } 0 .. 2), 0, "$name: the losses stay") or diag("@before, then @after");
    $session->quit;
}
$node->stop;
done_testing();
