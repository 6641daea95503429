# pgsm_track_minimum is a floor: no role, no database's owner and no function gets below it. And no setting of the
# caller's makes what others run, or what others own and he may call, less private.
use strict;
use warnings;

use Attack;
use IPC::Run;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('hiding', $NEVER_ENDS . $NO_EXPORTER);
ask($node,
    'CREATE ROLE zq_attacker LOGIN; CREATE ROLE zq_victim LOGIN; CREATE DATABASE zqdb OWNER zq_attacker; CREATE SCHEMA zq AUTHORIZATION zq_attacker; GRANT USAGE ON SCHEMA zq TO PUBLIC'
);
my $self = attacker($node, 'zq_attacker');

# Runs the strings in one session of the role with only these options, and says whether what speaks of zqshown left a
# row: a session's application name makes rows its own, for texts of one query id are one.
my $run = 0;

sub leaves_a_row
{
    my (%how) = @_;
    my $word = 'zqsession' . ++$run;
    local $ENV{PGOPTIONS} = $how{options} // '';
    local $ENV{PGAPPNAME} = $word;
    my @sql = @{ $how{sql} };
    my @command =
        $how{pgbench}
        ? ('pgbench', '-n', '-t', 1, '-M', $how{pgbench}, '-f', 'script')
        : ('psql', '-XAtq', map { ('-c', $_) } @sql);
    if ($how{pgbench}) { unlink 'script'; append_to_file('script', join(";\n", @sql) . ";\n"); }
    IPC::Run::run([ @command, '-U', 'zq_attacker', '-h', $node->host, '-p', $node->port, $how{database} // 'postgres' ],
        '<', \undef, '>', \my $out, '2>', \my $err);
    local $ENV{PGAPPNAME} = 'zqlooking';
    return ask($node,
        "SELECT count(*) > 0 FROM pg_stat_monitor WHERE application_name = '$word' AND query ~ 'zqshown' AND elevel = 0 AND cmd_type_text <> ''"
            . ($how{where} // ''));
}
my $SHOWS = 'SELECT 1 AS zqshown FROM pg_class AS zqshown';
my $HIDES = 'SET pg_stat_monitor.pgsm_track = none';
my %ways = (
    'SET' => { sql => [ $HIDES, $SHOWS ] },
    'SET in the same string' => { sql => ["$HIDES; $SHOWS"] },
    'SET LOCAL' => { sql => [ 'BEGIN', 'SET LOCAL pg_stat_monitor.pgsm_track = none', $SHOWS, 'COMMIT' ] },
    'set_config' => { sql => [ q{SELECT set_config('pg_stat_monitor.pgsm_track', 'none', false)}, $SHOWS ] },
    'DO' => { sql => [ q{DO $$BEGIN PERFORM set_config('pg_stat_monitor.pgsm_track', 'none', false); END$$}, $SHOWS ] },
    'options of the connection' => { options => '-c pg_stat_monitor.pgsm_track=none', sql => [$SHOWS] },
    'a savepoint' => { sql => [ 'BEGIN', 'SAVEPOINT a', $HIDES, $SHOWS, 'ROLLBACK' ] },
    'a cursor' => { sql => [ $HIDES, 'BEGIN', "DECLARE c CURSOR FOR $SHOWS", 'FETCH ALL FROM c', 'COMMIT' ] },
    'COPY' => { sql => [ $HIDES, "COPY ($SHOWS) TO STDOUT" ] },
    'EXECUTE' => { sql => [ "PREPARE p AS $SHOWS", $HIDES, 'EXECUTE p' ] },
    'utility' => { sql => [ $HIDES, 'CREATE TEMP TABLE zqshown (a integer)' ] },
    'extended protocol' => { pgbench => 'extended', sql => [ $HIDES, $SHOWS ] },
    'prepared statements of the protocol' => { pgbench => 'prepared', sql => [ $HIDES, $SHOWS, $SHOWS ] },
    'ALTER ROLE SET' => {
        sql => [$SHOWS],
        before => 'ALTER ROLE zq_attacker SET pg_stat_monitor.pgsm_track = none',
        after => 'ALTER ROLE zq_attacker RESET ALL'
    },
    'ALTER DATABASE SET' => {
        sql => [$SHOWS],
        database => 'zqdb',
        before => 'ALTER DATABASE zqdb SET pg_stat_monitor.pgsm_track = none',
        after => 'ALTER DATABASE zqdb RESET ALL'
    },
    'ALTER ROLE IN DATABASE SET' => {
        sql => [$SHOWS],
        database => 'zqdb',
        before => 'ALTER ROLE zq_attacker IN DATABASE zqdb SET pg_stat_monitor.pgsm_track = none',
        after => 'ALTER ROLE zq_attacker IN DATABASE zqdb RESET ALL'
    },
    'an aborted SET' => { sql => [ $HIDES, 'BEGIN', 'SET pg_stat_monitor.pgsm_track = top', 'ROLLBACK', $SHOWS ] },
    'DISCARD ALL' => { options => '-c pg_stat_monitor.pgsm_track=none', sql => [ 'DISCARD ALL', $SHOWS ] },);
my %inside = (
    'a function with SET' => {
        sql => [
            q{CREATE OR REPLACE FUNCTION zq.f() RETURNS void LANGUAGE plpgsql SET pg_stat_monitor.pgsm_track = 'none' AS $$BEGIN PERFORM 1 AS zqshown FROM pg_class AS zqshown; END$$},
            'SELECT zq.f()'
        ]
    },
    'a function that sets' => {
        sql => [
            q{CREATE OR REPLACE FUNCTION zq.f2() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM set_config('pg_stat_monitor.pgsm_track', 'none', true); PERFORM 1 AS zqshown FROM pg_class AS zqshown; END$$},
            'SELECT zq.f2()'
        ]
    },
    'a session that tracks top' => {
        sql => [
            'SET pg_stat_monitor.pgsm_track = top',
            q{DO $$BEGIN PERFORM 1 AS zqshown FROM pg_class AS zqshown; END$$}
        ]
    },
    'a session that tracks nothing' =>
        { sql => [ $HIDES, q{DO $$BEGIN PERFORM 1 AS zqshown FROM pg_class AS zqshown; END$$} ] },
    'EXECUTE' => { sql => [ $HIDES, q{DO $$BEGIN EXECUTE 'CREATE TEMP TABLE zqshown (a integer)'; END$$} ] },);

sub try_all
{
    my ($expected, $when, $where, %all) = @_;
    for my $name (sort keys %all)
    {
        ask($node, $all{$name}{before}) if $all{$name}{before};
        is(leaves_a_row(%{ $all{$name} }, where => $where), $expected, "$when: $name");
        ask($node, $all{$name}{after}) if $all{$name}{after};
    }
    return;
}
# The statement that makes a function shows the word, too: only what ran inside counts there.
my $INSIDE = ' AND NOT toplevel';
$INSIDE .= " AND cmd_type_text IN ('SELECT', 'UTILITY')";
is(leaves_a_row(sql => [$SHOWS]), 't', 'who does not hide is seen');
# The same with all where they say none: they do leave a row then.
sub seen
{
    my (%way) = @_;
    return map {
        my $value = $way{$_};
        ($_ => ref $value
            ? [ map { s/'?\b(none|top)\b'?/'all'/gr } @$value ]
            : $value =~ s/=\s*\Knone/'all'/r =~ s/-c (\S+='all')/-c $1/r =~ s/(-c \S+=)'all'/$1all/r)
    } keys %way;
}
try_all('t', 'not hidden', '', map { ($_ => { seen(%{ $ways{$_} }) }) } keys %ways);
try_all('t', 'not hidden, inside', $INSIDE, map { ($_ => { seen(%{ $inside{$_} }) }) } keys %inside);
my %hidden = %ways;
delete @hidden{ 'a savepoint', 'EXECUTE', 'a cursor', 'DISCARD ALL' };
try_all(
    'f',
    'without a floor',
    " AND cmd_type_text <> 'UTILITY'",
    map { ($_ => $hidden{$_}) } grep { !/same string|SET in/ } keys %hidden);

sub floor
{
    ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_track_minimum = '$_[0]'");
    $node->reload;
    return ask($node, 'SELECT pg_sleep(0)');
}
is( ask($node,
        q{SELECT format('%s %s %s', vartype, context, boot_val) FROM pg_settings WHERE name = 'pg_stat_monitor.pgsm_track_minimum'}
    ),
    'enum sighup none',
    'there is a setting for the floor');
SKIP:
{
    skip 'this library has no floor', 1
        unless ask($node, q{SELECT count(*) FROM pg_settings WHERE name = 'pg_stat_monitor.pgsm_track_minimum'});
    floor('top');
    ok($node->poll_query_until('postgres', q{SELECT current_setting('pg_stat_monitor.pgsm_track_minimum') = 'top'}),
        'it is set by a reload');
}
try_all('t', 'floor top', '', %ways);
# The floor is one of pgsm_track, as its page says: what utility statements are recorded is another setting.
is( leaves_a_row(
        sql => [ 'SET pg_stat_monitor.pgsm_track_utility = off', 'CREATE TEMP TABLE zqshown (a integer)' ]),
    'f',
    'floor top: pgsm_track_utility has none');
is(leaves_a_row(%{ $inside{$_} }, where => $INSIDE), 'f', "floor top, inside: $_")
    for 'a session that tracks top', 'a session that tracks nothing';
SKIP:
{
    skip 'this library has no floor', 1
        unless ask($node, q{SELECT count(*) FROM pg_settings WHERE name = 'pg_stat_monitor.pgsm_track_minimum'});
    # A session that is at work meets the new floor at its next statement.
    my $session = $node->background_psql('postgres');
    $session->query_safe('SET pg_stat_monitor.pgsm_track = none');
    floor('all');
    ok($node->poll_query_until('postgres', q{SELECT current_setting('pg_stat_monitor.pgsm_track_minimum') = 'all'}),
        'it is raised by a reload');
    $session->query_safe(q{DO $$BEGIN PERFORM 1 AS zqopen FROM pg_class AS zqopen; END$$});
    $session->quit;
    is(ask($node, "SELECT count(*) FROM pg_stat_monitor WHERE query LIKE '%zqopen%' AND NOT toplevel"),
        1, 'in open sessions, too');
}
try_all('t', 'floor all, inside', $INSIDE, %inside);
for my $sql (
    'SET pg_stat_monitor.pgsm_track_minimum = none',
    'ALTER ROLE zq_attacker SET pg_stat_monitor.pgsm_track_minimum = none',
    'ALTER DATABASE zqdb SET pg_stat_monitor.pgsm_track_minimum = none',
    q{SELECT set_config('pg_stat_monitor.pgsm_track_minimum', 'none', true)},
    q{ALTER SYSTEM SET pg_stat_monitor.pgsm_track_minimum = 'none'})
{
    $self->refused("the floor is nobody's: $sql", $sql, '55P02|42501');
}

# Settings of the caller while code of somebody else runs.
victim_works($node, 'postgres');
ask($node, q{GRANT CREATE ON SCHEMA public TO zq_victim; SET ROLE zq_victim;
CREATE TABLE zq_private (a text); INSERT INTO zq_private VALUES ('zqpeek_data');
CREATE FUNCTION zq_service(integer) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN RAISE DEBUG 'zqpeek_debug'; RETURN (SELECT count(*) /* zqpeek_comment */ FROM zq_private AS zqpeek_plan WHERE a <> 'zqpeek_constant'); END$$;
CREATE FUNCTION zq_caught() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN PERFORM zqpeek_column FROM zq_private; RETURN 1; EXCEPTION WHEN undefined_column THEN RETURN 0; END$$}
);
my $settings = join('; ',
    map { "SET pg_stat_monitor.$_" } q{pgsm_track = 'all'},
    'pgsm_normalized_query = off',
    'pgsm_enable_query_plan = on',
    'pgsm_extract_comments = on',
    'pgsm_track_planning = on',
    'pgsm_enable_pgsm_query_id = off');
for my $from ('pg_stat_monitor', 'pg_stat_monitor_internal()')
{
    $self->nothing(
        "other people's code with settings of the caller: $from",
        [ $settings, 'SELECT zq_service(1), zq_caught()', "SELECT m::text FROM $from AS m" ],
        control => ["SELECT m::text FROM $from AS m"]);
    $self->nothing(
        "other people's code under EXPLAIN: $from",
        [
            $settings,
            'SET client_min_messages = error',
            'EXPLAIN (ANALYZE, VERBOSE) SELECT zq_service(1)',
            "SELECT m::text FROM $from AS m"
        ],
        control => ["SELECT m::text FROM $from AS m"]);
}
ok( ask($node,
        q{SELECT count(*) > 0 FROM pg_stat_monitor WHERE userid = 'zq_victim'::regrole AND query ~ 'zqpeek_plan' AND query !~ 'CREATE'}
    ),
    'it was recorded, for its owner');
$self->nothing('the caller\'s settings do not outlast him', "SELECT m::text FROM pg_stat_monitor AS m");
$node->stop;
done_testing();
