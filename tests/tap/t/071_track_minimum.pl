# pgsm_track_minimum: what is recorded at least, whatever a role, a database or a function sets for pgsm_track.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('minimum', $NEVER_ENDS . $NO_EXPORTER);
ask($node, 'CREATE ROLE hider LOGIN; CREATE FUNCTION inner_one() RETURNS integer LANGUAGE plpgsql AS '
      . '$$ BEGIN PERFORM 4711 AS inner_word; RETURN 1; END $$');
my $marker = 0;

# How many executions of a statement, and of one inside a function, are recorded with these settings.
sub recorded
{
    my ($minimum, $track, $how) = @_;
    my $top = 'outer_' . ++$marker;
    ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_track_minimum = '$minimum'; SELECT pg_reload_conf()");
    $node->poll_query_until('postgres', "SELECT current_setting('pg_stat_monitor.pgsm_track_minimum') = '$minimum'");
    ask($node, 'SELECT pg_stat_monitor_reset()');
    ask($node, "ALTER ROLE hider SET pg_stat_monitor.pgsm_track = '$track'") if $how eq 'role';
    ask($node, "ALTER DATABASE postgres SET pg_stat_monitor.pgsm_track = '$track'") if $how eq 'database';
    my $set = $how eq 'session' ? "SET pg_stat_monitor.pgsm_track = '$track'; " : '';
    $node->safe_psql('postgres', $set . "SELECT inner_one() AS $top", extra_params => [ '-U', 'hider' ]);
    my $found = join(' ', map { ask($node, "SELECT coalesce(sum(calls), 0) FROM pg_stat_monitor "
                . "WHERE username = 'hider' AND query LIKE '$_'") } ("%$top%", '%inner_word%'));
    ask($node, 'ALTER ROLE hider RESET ALL; ALTER DATABASE postgres RESET ALL');
    return $found;
}
is(recorded('none', 'none', 'session'), '0 0', 'without a minimum a role hides what it does');
is(recorded('none', 'all', 'session'), '1 1', 'or shows all of it');
is(recorded('top', 'none', 'session'), '1 0', 'minimum top: none is top');
is(recorded('top', 'all', 'session'), '1 1', 'and more than the minimum is possible');
is(recorded('top', 'none', 'role'), '1 0', 'a setting of the role is no way below');
is(recorded('top', 'none', 'database'), '1 0', 'nor one of the database');
is(recorded('all', 'none', 'session'), '1 1', 'minimum all: none is all');
is(recorded('all', 'top', 'database'), '1 1', 'top is all');
like(ask($node, "SELECT string_agg(top_query, '') FROM pg_stat_monitor WHERE query LIKE '%inner_word%'"), qr/SELECT inner_one/,
    'with the parent of what runs inside');

# A reload reaches sessions that are there; nobody else changes it.
my $session = $node->background_psql('postgres');
$session->query_safe('SET pg_stat_monitor.pgsm_track = none');
ask($node, 'ALTER SYSTEM SET pg_stat_monitor.pgsm_track_minimum = none; SELECT pg_reload_conf()');
$node->poll_query_until('postgres', "SELECT current_setting('pg_stat_monitor.pgsm_track_minimum') = 'none'");
$session->query_safe('SELECT 1 AS before_reload');
ask($node, 'ALTER SYSTEM SET pg_stat_monitor.pgsm_track_minimum = top; SELECT pg_reload_conf()');
ok(waits(sub { $session->query_safe('SELECT 1 AS after_reload');
            return ask($node, "SELECT count(*) FROM pg_stat_monitor WHERE query LIKE '%after_reload'"); }),
    'a session follows the reload');
is(calls_of($node, 'SELECT 1 AS before_reload'), 0, 'and not before');
$session->query_safe('SET pg_stat_monitor.pgsm_track = top; SET pg_stat_monitor.pgsm_track = none');
$session->quit;
my ($state) = failure($node, 'SET pg_stat_monitor.pgsm_track_minimum = none');
is($state, '55P02', 'no session changes the minimum');
($state) = failure($node, "SET ROLE hider; ALTER SYSTEM SET pg_stat_monitor.pgsm_track_minimum = none");
is($state, '42501', 'no ordinary role does');
$node->stop;
done_testing();
