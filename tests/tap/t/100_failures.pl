# What needs more than one session to fail (regress failures has the rest): portals that are read in parts, sessions that
# are ended, locks that are waited for; roles renamed beside open sessions; servers in binary-upgrade mode.
use strict;
use warnings;

use IO::Socket::UNIX;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('failures', $NEVER_ENDS . $NO_EXPORTER);
my $me = ask($node, 'SELECT current_user');
ask($node, 'CREATE TABLE locked (n integer); CREATE ROLE early LOGIN SUPERUSER; '
        . 'CREATE PROCEDURE sleeps() LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); END $$');

# What the rows of errors of statements with this word in them have.
sub error_row
{
    my ($word, $columns) = @_;
    return ask($node, "SELECT $columns FROM pg_stat_monitor WHERE elevel > 0 AND query LIKE '%$word%' AND query NOT LIKE '%pg_stat_monitor%'");
}

# A connection that speaks the protocol itself: no client program reads portals in parts.
sub message { my ($type, $body) = @_; return $type . pack('N', length($body) + 4) . $body; }

sub answers
{
    my ($socket, $until) = @_;
    my $seen = '';
    while ($seen !~ /$until$/)
    {
        my ($head, $body) = ('', '');
        $socket->read($head, 5) == 5 or die "the server closed the connection after '$seen'";
        my ($type, $length) = unpack('a N', $head);
        $socket->read($body, $length - 4) if $length > 4;
        $seen .= $type;
    }
    return $seen;
}

my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port) or die "no connection: $!";
$socket->autoflush(1);
$socket->print(pack('N', 8 + length("user\0$me\0database\0postgres\0\0")) . pack('N', 196608) . "user\0$me\0database\0postgres\0\0");
answers($socket, 'Z');
$socket->print(message('Q', "BEGIN\0"));
answers($socket, 'Z');
my $in_parts = 'SELECT 1 / (15 - n) AS in_parts, pg_sleep(0.02) FROM generate_series(1, 20) AS n';
$socket->print(message('P', "\0$in_parts\0" . pack('n', 0)), message('B', "\0\0" . pack('nnn', 0, 0, 0)),
    message('E', "\0" . pack('N', 10)), message('S', ''));
is(answers($socket, 'Z'), '12' . 'D' x 10 . 'sZ', 'ten rows of a portal are read');
$socket->print(message('E', "\0" . pack('N', 0)), message('S', ''));
is(answers($socket, 'Z'), 'DDDDEZ', 'four more, then it fails');
$socket->print(message('Q', "ROLLBACK\0"));
answers($socket, 'Z');
close $socket;
# Until 15 the server forgets the rows of the parts before.
is(error_row('in_parts', "calls, cmd_type_text, rows IN (4, 14), total_exec_time >= 250, toplevel"), '1|SELECT|t|t|t',
    'its error has the time of all parts');
is(ask($node, "SELECT count(*) FROM pg_stat_monitor WHERE elevel = 0 AND query LIKE 'SELECT 1 / (15 - n)%'"), 0,
    'and there is no execution');

# FATAL comes from the middle of what it ends.
foreach my $sql ('SELECT pg_sleep(60) AS ended_select', 'CALL sleeps() /* ended_call */')
{
    my ($word) = $sql =~ /(ended_\w+)/;
    my ($out, $err) = ('', '');
    my $session = IPC::Run::start([ 'psql', '-XAt', '-h', $node->host, '-p', $node->port, '-d', 'postgres', '-c', $sql ],
        '>', \$out, '2>', \$err);
    $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%$word%' "
            . "AND query NOT LIKE '%pg_stat%' AND wait_event = 'PgSleep' AND now() - query_start > interval '200 ms'") or die "$sql does not run";
    ask($node, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%$word%' AND query NOT LIKE '%pg_stat%'");
    $session->finish;
    like($err, qr/terminating connection/, "$sql: is ended");
    is(error_row($word, 'calls, elevel, sqlcode, total_exec_time BETWEEN 150 AND 50000, toplevel'), '1|22|57P01|t|t',
        'with the time that it took');
}
my $before = ask($node, 'SELECT count(*) FROM pg_stat_monitor WHERE elevel > 0');
my ($idle_out, $idle_err) = ('', '');
my $idle = IPC::Run::start([ 'psql', '-XAt', '-h', $node->host, '-p', $node->port, '-d', 'postgres' ], '<', \my $idle_in, '>',
    \$idle_out, '2>', \$idle_err);
$idle_in = "SET idle_in_transaction_session_timeout = '100ms';\nBEGIN;\nSELECT 'idle' AS idle;\n";
$idle->pump until $idle_out =~ /idle/;
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE state LIKE 'idle in%'"),
    'a session that did nothing is ended');
$idle_in .= "\\q\n";
$idle->finish;
is(ask($node, 'SELECT count(*) FROM pg_stat_monitor WHERE elevel > 0'), $before, 'no statement failed there');

# The parser and the planner wait for locks.
my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE locked');
is((failure($node, "SET lock_timeout = '200ms'; SELECT n AS waited FROM locked"))[0], '55P03', 'a lock is not got');
$holder->query_safe('COMMIT');
$holder->quit;
is(error_row('waited', 'calls, total_exec_time BETWEEN 150 AND 20000, cmd_type_text'), '1|t|SELECT', 'its error has the time of the wait');

# Roles.
my $open = $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-U', 'early' ]);
$open->query_safe('SELECT 1 AS named');
ask($node, 'ALTER ROLE early RENAME TO late');
$open->query_safe('SELECT 1 AS named') for 1 .. 2;
$open->query('SELECT 1 / 0 AS named_too');
$open->quit;
is(ask($node, "SELECT string_agg(username || ' ' || elevel || ' ' || calls, ',' ORDER BY elevel, username) FROM pg_stat_monitor WHERE query ~ 'named'"
            . " AND query !~ 'pg_stat_monitor'"), 'early 0 1,late 0 2,late 21 1', 'an open session has the new name of its role');

# What pg_upgrade does is nobody's load.
$node->stop;
$node->command_ok([ 'pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, '-o', '-b', 'start' ], 'binary-upgrade mode');
$node->psql('postgres', 'SELECT 1 AS upgraded; SELECT 1 / 0 AS upgraded_too');
my $recorded = ask($node, "SELECT count(*) FROM pg_stat_monitor WHERE query LIKE '%upgraded%'");
$node->command_ok([ 'pg_ctl', '-w', '-D', $node->data_dir, 'stop' ], 'and back');
is($recorded, 0, 'nothing is recorded there');
$node->start;
is(error_row('waited', 'calls'), '1', 'and what was there stays');

done_testing();
