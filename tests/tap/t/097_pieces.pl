# A reader copies the memory in pieces. What had run before it came is in its answer exactly once, although entries
# move into residual rows between two pieces, get other notes, and their blocks become other entries.
use strict;
use warnings;

use IPC::Run ();
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('pieces', $NEVER_ENDS . $NO_EXPORTER . "pg_stat_monitor.pgsm_max = 1MB\nlog_statement = none\n");
ask($node, "CREATE ROLE $_ LOGIN") foreach 'before', 'meanwhile';

# Different statements, and errors whose message changes.
sub statements
{
    my ($from, $to) = @_;
    return join('', map { my $n = $_;
        'SELECT 1' . join('', map { ($n >> $_ & 1 ? ' + ' : ' - ') . '1' } 0 .. 11) . ";\n" } $from .. $to);
}
$node->safe_psql('postgres', statements(1, 1500), extra_params => [ '-U', 'before' ]);
my $sum = "SELECT sum(calls) FROM pg_stat_monitor WHERE userid = 'before'::regrole";
is(ask($node, $sum), 1500, 'what ran before is there');

my $script = PostgreSQL::Test::Utils::tempdir() . '/meanwhile.sql';
append_to_file($script, statements(1, 4000) . "DO \$\$ BEGIN RAISE WARNING 'at %', clock_timestamp(); END \$\$;\n");
my $evicted = ask($node, 'SELECT entries_evicted FROM pg_stat_monitor_status');
my $output = '';
my $writer = IPC::Run::start([ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-U', 'meanwhile', '-c', '2',
    '-t', '1000', '-f', $script, 'postgres' ], '>', \$output, '2>&1');
my %seen;
my $reads = 0;
for (my $end = time() + 60;
    time() < $end && ($reads < 60 || ask($node, 'SELECT entries_evicted FROM pg_stat_monitor_status') < $evicted + 5000);)
{
    $seen{$_} = 1 foreach split(/\n/, ask($node, "$sum;\n" x 20));
    $reads += 20;
}
cmp_ok(ask($node, 'SELECT entries_evicted FROM pg_stat_monitor_status'), '>', $evicted + 1000,
    'entries left for residual rows all the time');
is(join(' ', sort keys %seen), '1500', "$reads readers saw each call once");
$writer->kill_kill;
is(ask($node, $sum), 1500, 'and afterwards');
$node->stop;

done_testing();
