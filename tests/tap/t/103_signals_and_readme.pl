# A backend that is told to quit at once says so from a signal handler: nothing of ours runs there, whatever lock is
# taken just then. And README's first query: a statement is one line, whatever became of it, in any number of buckets.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('signals', $NEVER_ENDS . $NO_EXPORTER
        . "pg_stat_monitor.pgsm_normalized_query = on\nrestart_after_crash = off\n");

my ($first) = slurp_file("$ENV{DOCS}/README.md") =~ /-- heaviest statements.*?\n(.*?;)/s;
like($first // '', qr/FROM pg_stat_monitor/, 'README shows a query first');
ask($node, 'CREATE TABLE one_line (n integer CHECK (n > 0))');
foreach my $n (1 .. 3)
{
    ask($node, "SELECT n AS several FROM one_line WHERE n = $n");
    $node->psql('postgres', "INSERT INTO one_line VALUES ($_)") for $n, -$n;
    ask($node, 'SELECT pg_stat_monitor_export()');
}
my $lines = ask($node, $first);
is(scalar(() = $lines =~ /several/g), 1, 'one statement, several buckets and constants: one line');
is(scalar(() = $lines =~ /INSERT INTO one_line/g), 1, 'and so if it fails now and then');
like($lines, qr/^INSERT INTO one_line VALUES \(\$1\)\|6\|/m, 'with all calls');

# A process that holds the store lock, stopped: those that record what is new wait for it.
my $locked = 0;
my $reader = $node->background_psql('postgres');
my $reader_pid = $reader->query('SELECT pg_backend_pid()');
my $victim = $node->background_psql('postgres');
my $victim_pid = $victim->query('SELECT pg_backend_pid()');
my $recorder = $node->background_psql('postgres');
my $recorder_pid = $recorder->query('SELECT pg_backend_pid()');
# Starts what does not end.
sub starts { my ($session, $sql) = @_; $session->query_until(qr/begins/, "\\echo begins\n$sql\n"); return; }
starts($victim, 'SELECT pg_sleep(600);');
starts($recorder, "SET pg_stat_monitor.pgsm_track = 'all'; DO \$\$ BEGIN LOOP EXECUTE format('SET LOCAL new.s%s = 1', (random() * 1e9)::integer); END LOOP; END \$\$;");
starts($reader, 'DO $$ BEGIN LOOP PERFORM count(*) FROM pg_stat_monitor_internal(); END LOOP; END $$;');
$node->poll_query_until('postgres', "SELECT count(*) = 3 FROM pg_stat_activity WHERE state = 'active' AND pid IN ($reader_pid, $victim_pid, $recorder_pid)")
    or die 'the sessions do not work';
my $watcher = $node->background_psql('postgres', extra_params => [], on_error_stop => 0);
$watcher->query('SET pg_stat_monitor.pgsm_track = none');
ok(waits(
        sub {
            kill('STOP', $reader_pid);
            for (1 .. 5)
            {
                $locked = $watcher->query("SELECT wait_event_type || wait_event FROM pg_stat_activity WHERE pid = $recorder_pid") =~ /LWLockpg_stat_monitor/;
                last if !$locked;
                Time::HiRes::usleep(20_000);
            }
            kill('CONT', $reader_pid) if !$locked;
            return $locked;
        }),
    'the store lock is held by a process that stands still');
kill('QUIT', $victim_pid);
ok(waits(sub { return !-e "/proc/$victim_pid" || slurp_file("/proc/$victim_pid/stat") =~ /\) Z / }),
    'a backend that is told to quit is gone');
kill('KILL', $reader_pid);
kill('CONT', $reader_pid);
done_testing();
