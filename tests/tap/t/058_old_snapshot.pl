# A transaction that keeps its snapshot, and a memory that is full: what was stored meanwhile has to leave memory. The
# old snapshot is told so instead of getting an answer without it; a new one sees everything once. So is whoever reads
# while the export of such rows is still at work.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('old', $NEVER_ENDS . $NO_EXPORTER . "pg_stat_monitor.pgsm_max = 1MB\nlog_statement = none\n");
my $SUM = "SELECT sum(calls) FROM pg_stat_monitor WHERE userid = 'first'::regrole";
ask($node, "CREATE ROLE $_ LOGIN") foreach 'first', 'second', 'later';

# Many statements. What differs in constants alone would be one.
sub load
{
    my ($role, $statements) = @_;
    my $sql = '';
    for my $number (1 .. $statements // 1200)
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
# How many full ones, by their calls: the test's own statements have buckets, too.
sub buckets_lost
{
    return ask($node, 'SELECT calls_lost / 2000 FROM pg_stat_monitor_status');
}

# The same while the export is still at work: nobody knows yet whether what had to leave memory is stored or lost. Two
# full buckets are stamped, the next statements take the room of the first one.
sub export_of_two
{
    my (@commands) = @_;
    ask($node, 'SELECT pg_stat_monitor_reset()');
    for my $role ('first', 'second')
    {
        load($role, 2000);
        ask($node, 'BEGIN; SELECT pg_stat_monitor_export(); ROLLBACK');  # ends the bucket
    }
    my $exporter = $node->background_psql('postgres', on_error_stop => 0);
    $exporter->query_safe($_) foreach 'BEGIN', @commands;
    load('later', 2000);
    is(buckets_lost(), 1, 'what is being exported had to go');
    return $exporter;
}

my $EXPORT = 'SELECT pg_stat_monitor_export()';
my $SECOND = $SUM =~ s/first/second/r;

my $exporter = export_of_two("DECLARE before CURSOR FOR $SUM", $EXPORT);
my ($state, $told) = failure($node, $SUM);
is($state, '40001', 'an export at work: no answer without what it may store');
like($told, qr/DETAIL:  Rows of an export that has not ended yet/, 'and it says why');
is($exporter->query_safe($SUM), 2000, 'the exporting transaction sees it stored');
is($exporter->query_safe($SECOND), 2000, 'and the other bucket');
$exporter->query('FETCH before');
like($exporter->{stderr}, qr/snapshot is too old for the live rows/, 'but not with a snapshot from before');
$exporter->query('ROLLBACK');
is(ask($node, $SUM), '', 'rolled back: it is lost');
is(ask($node, $SECOND), 2000, 'and the other bucket is live again');
is(buckets_lost(), 1, 'the loss is counted');
$exporter->quit;

$exporter = export_of_two($EXPORT);
my $reader = $node->background_psql('postgres', on_error_stop => 0);
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
is((failure($node, $SUM))[0], '40001', 'an export at work again: no answer');
$exporter->query_safe('COMMIT');
is(ask($node, $SUM), 2000, 'committed: it is stored');
is(buckets_lost(), 0, 'and is no loss');
$reader->query($SUM);
like($reader->{stderr}, qr/snapshot is too old for the live rows/, 'a snapshot from before gets no answer afterwards');
$reader->quit;
$exporter->quit;

# What a savepoint takes back is lost at once; what the transaction stamped before may still be stored.
$exporter = export_of_two('SAVEPOINT s', $EXPORT);
is((failure($node, $SUM))[0], '40001', 'an export in a savepoint: no answer');
$exporter->query_safe('ROLLBACK TO s');
is(ask($node, $SUM), '', 'rolled back: it is lost');
$exporter->query_safe('COMMIT');
is(ask($node, $SECOND), 2000, 'and the other bucket is live again');
$exporter->quit;

for my $end ('ROLLBACK TO s', 'RELEASE s')
{
    $exporter = export_of_two($EXPORT);
    $exporter->query_safe('SAVEPOINT s');
    for (1 .. 2)
    {
        $exporter->query_safe($EXPORT);
        load('later', 2000);
    }
    is(buckets_lost(), 3, 'both buckets and one of the savepoint had to go');
    $exporter->query_safe($end);
    is((failure($node, $SECOND))[0], '40001', "$end, the transaction is still open: no answer");
    $exporter->query_safe('COMMIT');
    is(ask($node, $SECOND), 2000, "$end: what came before the savepoint is stored");
    is(buckets_lost(), $end =~ /ROLLBACK/ ? 1 : 0, "$end: what of the savepoint is lost");
    $exporter->quit;
}
$node->stop;
done_testing();
