# A user's statement does not notice that we fail. For each kind of statement the first call that may fail fails,
# then the second, and so on until none is left; each time in a new session and by a statement that memory has not
# seen yet. It succeeds with the right answer, or with its own error, leaves no lock, and the executions that are
# shown, with those that the status view counts as lost, are those that ran.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $BATCH = 24;
my $TABLES = 96;
my $node = monitored_node('statements', $NEVER_ENDS . $NO_EXPORTER
      . "pg_stat_monitor.pgsm_track = 'all'\npg_stat_monitor.pgsm_max = 16MB\n"
      . "pg_stat_monitor.pgsm_query_shared_buffer = 16MB\nmax_locks_per_transaction = 512\nlog_statement = none\n");
ask($node, join(";\n", map { "CREATE TABLE t$_ AS SELECT g AS a FROM generate_series(1, 3) g;"
        . "CREATE TABLE s$_ (a bigint); CREATE VIEW v$_ AS SELECT a FROM t$_;"
        . "CREATE FUNCTION f$_() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM t$_); END'" }
        1 .. $TABLES));

# What runs, with %d for the number of the fault; what it prints; how many executions it is, nested ones
# included; its own error.
my %kinds = (
    'a select' => [ 'SELECT sum(a) FROM t%d WHERE a > 0 /* comment */', '6', 1 ],
    'a view' => [ 'SELECT count(*) FROM v%d JOIN t%d USING (a)', '3', 1 ],
    'no relation' => [ "SELECT %d - %d + 5 AS answer, 'text' AS " . '"n%d"', '5|text', 1 ],
    'an update' => [ 'UPDATE t%d SET a = a RETURNING a', "1\n2\n3", 1 ],
    'an insert' => [ 'WITH new AS (INSERT INTO s%d VALUES (4), (5) RETURNING a) SELECT count(*) FROM new', '2', 1 ],
    'a function' => [ 'SELECT f%d()', '3', 2 ],
    'utility' => [ 'ANALYZE t%d', '', 1 ],
    'copy' => [ 'COPY (SELECT count(*) > 0 FROM t%d) TO STDOUT', 't', 2 ],
    'copy of a table' => [ 'COPY t%d (a) TO STDOUT', "1\n2\n3", 1 ],
    'prepared' => [ 'PREPARE p%d AS SELECT count(*) > $1 FROM t%d; EXECUTE p%d(1); DEALLOCATE p%d', 't', 1 ],
    'a password' => [ "CREATE ROLE r%d PASSWORD 'secret%d'; DROP ROLE r%d", '', 2 ],
    'a cursor' => [ 'BEGIN; DECLARE c CURSOR FOR SELECT a FROM t%d ORDER BY 1; FETCH 2 FROM c; COMMIT', "1\n2",
        $node->pg_version >= 18 ? 5 : 4 ],    # 18 gives the query of a cursor an id
    'an exception' => [ 'DO $$ BEGIN PERFORM 1 / (SELECT 0 FROM t%d LIMIT 1); EXCEPTION WHEN '
          . 'division_by_zero THEN NULL; END $$', '', 2 ],    # the error that is caught has a row
    'an error' => [ 'SELECT a / 0 FROM t%d', '', 1, 'division by zero' ],
    'a syntax error' => [ "SELECT 'x' FROMM t%d", '', 1, 'syntax error' ],
    'an error in a block' => [ 'BEGIN; SELECT a / 0 FROM t%d; ROLLBACK', '', 3, 'division by zero' ],
);

# The SQLSTATE of the faults, and switches.
my $everything = join(' ', map { "-cpg_stat_monitor.$_=on" }
      qw(pgsm_track_planning pgsm_normalized_query pgsm_enable_query_plan pgsm_extract_comments));
my %sessions = ('plain' => [ '53200', '' ], 'everything' => [ 'XX000', $everything ],
    'cancelled' => [ '57014', $everything ]);


# The switches matter to some kinds, a cancel is the same for all.
sub in
{
    my ($session, $kind) = @_;
    return $kind =~ /^(a function|prepared)$/ if $session eq 'cancelled';
    return $kind =~ /^(a select|an insert|an error|a function|copy|no relation|prepared)$/;
}

my ($walks, %all) = (0);

# Each walk has a role of its own, by which its rows are known. One psql for some faults.
sub walk
{
    my ($session, $kind) = @_;
    my ($state, $switches) = @{ $sessions{$session} };
    my ($sql, $expected, $executions, $error) = @{ $kinds{$kind} };
    my $user = 'victim' . ++$walks;
    ask($node, "CREATE ROLE $user SUPERUSER LOGIN");
    my $lost = ask($node, 'SELECT calls_without_memory FROM pg_stat_monitor_status');
    my ($runs, $fired, %sites, @wrong) = (0, 'yes');
    while ($fired ne '' && $runs + $BATCH <= $TABLES)
    {
        my $script = '';
        for my $at ($runs + 1 .. $runs + $BATCH)
        {
            my $options = "-cpg_stat_monitor.fault_at=$at -cpg_stat_monitor.fault_state=$state $switches";
            $script .= "\\c -reuse-previous=on \"user=$user options='$options'\"\n\\echo <$at>\n"
              . ($sql =~ s/%d/$at/gr) . ";\n\\echo >\nSET pg_stat_monitor.pgsm_track = none;\n"
              . "SELECT count(*) - 1 FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'virtualxid';\n"
              . "SHOW pg_stat_monitor.fault_fired;\n\\echo =\n";
        }
        my ($out, $err) = ('', '');
        $node->psql('postgres', $script, stdout => \$out, stderr => \$err, on_error_stop => 0);
        my $complete = 0;
        while ($out =~ /^<(\d+)>\n(.*?)^>\n(-?\d+)\n(\w*)\n=$/msg)
        {
            (my ($at, $printed, $locks), $fired) = ($1, $2, $3, $4);
            $printed =~ s/\n$//;
            $complete++;
            $sites{$fired}++ if $fired ne '';
            push @wrong, "$at ($fired): $printed"
              unless $printed eq $expected || ($state eq '57014' && $fired ne '' && $printed eq '');
            push @wrong, "$at ($fired): $locks locks are left" if $locks != 0;
        }
        push @wrong, "$complete of $BATCH were complete" if $complete != $BATCH;
        my @errors = grep { /(ERROR|FATAL|WARNING|PANIC):|server closed/ } split(/\n/, $err);
        my @own = grep { defined $error && /ERROR: .*$error/ } @errors;
        my @cancels = grep { $state eq '57014' && /ERROR: .*(injected fault|user request)/ } @errors;
        push @wrong, @errors if @errors > @own + @cancels;
        push @wrong, scalar(@own) . ' errors of its own' if @own + @cancels < (defined $error ? $BATCH : 0);
        $runs += $BATCH;
    }
    push @wrong, "fault $runs still fired in $fired" if $fired ne '';
    my $name = "$session, $kind: " . scalar(keys %sites) . ' functions failed';
    is(join("\n", @wrong), '', "$name, and the statement did what it does");
    # A statement of which the beginning was missed counts as lost, though an error may have ended it.
    my $shown = ask($node, "SELECT sum(calls) FROM pg_stat_monitor WHERE userid = '$user'::regrole");
    $lost = ask($node, 'SELECT calls_without_memory FROM pg_stat_monitor_status') - $lost;
    my $ran = $runs * ($executions + 1);
    $ran = $runs * 2 if $state eq '57014';    # a cancelled one is one error
    ok($shown <= $runs * ($executions + 1) && $shown + $lost >= $ran && $lost <= 3,
        "$name: of $ran executions $shown are shown and $lost counted as lost");
    $all{$_}++ for keys %sites;
}

my $started = ask($node, 'SELECT pg_postmaster_start_time()');
for my $session (sort keys %sessions)
{
    walk($session, $_) for grep { $session eq 'plain' || in($session, $_) } sort keys %kinds;
}
note(join(' ', sort keys %all));
cmp_ok(scalar(keys %all), '>=', 15, scalar(keys %all) . ' functions have failed');

# A cancel that finds no memory to be kept in comes again.
my ($state, $message) = failure($node, "LOAD 'pg_stat_monitor'; SET pg_stat_monitor.fault_state = '57014'; "
      . "SET pg_stat_monitor.fault_count = 2; SET pg_stat_monitor.fault_sites = 'RangeVarGetRelidExtended CopyErrorData "
      . "get_rel_name'; SET pg_stat_monitor.fault_at = 1; SELECT count(*) FROM t1 a, t2 b, v3 c;"
      . 'SELECT count(*) FROM generate_series(1, 1000000)');
like($state, qr/^(57014|succeeded)$/, 'a cancel without memory') or diag($message);
is(ask($node, 'SELECT pg_postmaster_start_time()'), $started, 'the server is the same');
my $log = slurp_file($node->logfile);
unlike($log, qr/was terminated by signal|PANIC|TRAP|leak|still referenced|not closed|while holding/, 'nothing leaks');
unlike($log, qr/fault under the store lock/, 'nothing that may fail is called under the store lock');
$node->stop;
done_testing();
