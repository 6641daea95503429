# The file that carries memory over a clean restart: every call at writing and at reading it fails once. The
# server stops, starts, and either has everything or says in its log what it could not do.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $SITES = 'AllocateFile FreeFile fread fwrite fstat64 durable_rename durable_unlink unlink access pg_fprintf '
  . 'MemoryContextAllocExtended';
my $node = monitored_node('image', $NEVER_ENDS . $NO_EXPORTER . "log_statement = none\n"
      . "pg_stat_monitor.fault_process = 'postmaster'\npg_stat_monitor.fault_sites = '$SITES'\n");
my $conf = slurp_file($node->data_dir . '/postgresql.conf');
my $image = $node->data_dir . '/pg_stat/pg_stat_monitor.image';
my ($ran, $stored) = (0, 0);

# Nothing but the settings of a fault is behind what was there.
sub configure
{
    my ($lines) = @_;
    unlink($node->data_dir . '/postgresql.conf');
    append_to_file($node->data_dir . '/postgresql.conf', $conf . $lines);
}

sub shown { return calls_of($node, 'SELECT 4711 AS load') }

# One restart. $when: a fault while it stops, or while it starts. False when no fault fired.
sub restart_with_fault
{
    my ($when, $settings, $at, $count) = @_;
    ask($node, 'SELECT 4711 AS load');
    $ran++;
    my $name = "fault $at at the $when";
    my $fault = "pg_stat_monitor.fault_at = $at\npg_stat_monitor.fault_count = $count\n";
    my $offset = -s $node->logfile;
    configure($when eq 'stop' ? $settings . $fault : '');
    $node->reload;
    # The postmaster has read it when a new session has.
    $node->poll_query_until('postgres', 'SHOW pg_stat_monitor.fault_at', $when eq 'stop' ? $at : 0);
    $node->stop;
    configure($settings . ($when eq 'start' ? $fault : ''));
    $node->start;
    my $log = slurp_file($node->logfile, $offset);
    my @fired = $log =~ /^fault: (\w+)$/mg;
    return 0 if !@fired;
    $name .= ' (' . join(', ', @fired[ 0 .. ($#fired > 2 ? 2 : $#fired) ]) . ')';
    my $got = shown();
    if ($got == $ran)
    {
        pass("$name: nothing is lost");
    }
    else
    {
        is($got, 0, "$name: all or nothing");
        like($log, qr/(WARNING|LOG):.*(cannot use the statistics|could not (write|open|read|rename|remove) file)/,
            "$name: the log says so");
        $ran = 0;
    }
    unlike($log, qr/PANIC|TRAP|was terminated by signal/, "$name: and no more than that");
    return 1;
}

my $LESS = "pg_stat_monitor.pgsm_max = 1MB\n";
my $MORE = "pg_stat_monitor.pgsm_max = 3MB\n";
for my $case ([ 'stop', '' ], [ 'start', '' ], [ 'start', 'other settings' ])
{
    my ($when, $settings) = @$case;
    my ($at, $more) = (0, 1);
    while ($more && $at < 30)
    {
        $at++;
        $settings = $settings eq $LESS ? $MORE : $LESS if $settings ne '';
        $more = restart_with_fault($when, $settings, $at, 1);
    }
    cmp_ok($at, '>', 5, ($at - 1) . " calls at the $when failed, one after the other");
    ok(!$more, 'and there are no more');
}

# A disk that stays full.
restart_with_fault('stop', '', 1, 1000);
configure('');
$node->restart;
ask($node, 'SELECT 4711 AS load');
$ran++;
$node->restart;
is(shown(), $ran, 'afterwards a restart keeps everything again');
ok(!-e "$image.new", 'and leaves no pieces');
$node->stop;
done_testing();
