# What owners of objects and senders of nonsense can do: nothing of ours runs other people's code with more
# rights than the table's owner has, no statement fails because of us, and no call is lost.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;

my $node = monitored_node('hostile', $NEVER_ENDS . $NO_EXPORTER);

# A search_path with look-alikes of everything that our SQL could name.
ask($node, q{
CREATE SCHEMA evil;
CREATE TABLE evil.witness (who text, super boolean);
GRANT USAGE ON SCHEMA evil TO public; GRANT ALL ON evil.witness TO public;
CREATE FUNCTION evil.testify() RETURNS boolean LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO evil.witness VALUES (current_user, (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)); RETURN true; END$$;
CREATE FUNCTION evil.max(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT evil.testify(); SELECT 1::bigint';
CREATE FUNCTION evil.less(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql AS 'SELECT evil.testify()';
CREATE OPERATOR evil.< (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = evil.less);
CREATE TABLE evil.pg_stat_monitor (LIKE pg_stat_monitor);
});
ask($node, 'SELECT 4711 AS load') for 1 .. 3;
ask($node, 'SET search_path = evil, pg_catalog, public; SELECT public.pg_stat_monitor_export()');
is(ask($node, 'SELECT count(*) FROM evil.witness'), 0, 'a hostile search_path: none of its functions has run');
is(ask($node, 'SELECT count(*) FROM evil.pg_stat_monitor'), 0, 'nor was its table written');
is(calls_of($node, 'SELECT 4711 AS load', "exported_at < 'infinity'"), 3, 'and the export is complete');

# The table belongs to an ordinary role that has put a trigger on it; a superuser exports.
ask($node, q{
CREATE ROLE mallory LOGIN; CREATE ROLE nobody LOGIN;
ALTER TABLE pg_stat_monitor OWNER TO mallory;
CREATE FUNCTION evil.on_row() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN PERFORM evil.testify(); RETURN NULL; END$$;
CREATE TRIGGER spy AFTER INSERT ON pg_stat_monitor_default FOR EACH ROW EXECUTE FUNCTION evil.on_row();
});
my $history = ask($node, q{SELECT string_agg(c.relname, ' ') FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
  WHERE inhparent = 'pg_stat_monitor'::regclass AND relkind = 'r'});
for my $partition (split(/ /, $history))
{
    ask($node, "ALTER TABLE $partition OWNER TO mallory");
    next if $partition eq 'pg_stat_monitor_default';
    ask($node, "CREATE TRIGGER spy AFTER INSERT ON $partition FOR EACH ROW EXECUTE FUNCTION evil.on_row()");
}
ask($node, 'SELECT 4712 AS load');
ask($node, 'SELECT pg_stat_monitor_export()');
cmp_ok(ask($node, 'SELECT count(*) FROM evil.witness'), '>', 0, "the owner's trigger has run");
is(ask($node, 'SELECT DISTINCT who, super FROM evil.witness'), 'mallory|f', 'as the owner and no more');
is(ask($node, "SELECT count(*) FROM pg_stat_monitor WHERE query LIKE 'INSERT INTO evil.witness%'"), 0,
    'and what it does for the export is not recorded');

# One that would keep rights or settings: a restricted operation does not let it.
ask($node, q{CREATE OR REPLACE FUNCTION evil.on_row() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN EXECUTE 'SET SESSION AUTHORIZATION DEFAULT'; RETURN NULL; END$$});
ask($node, 'SELECT 4713 AS load');
my ($state, $message) = failure($node, 'SELECT pg_stat_monitor_export()');
is($state, '42501', 'a trigger that wants another role fails the export') or diag($message);
is(calls_of($node, 'SELECT 4713 AS load', "exported_at = 'infinity'"), 1, 'which loses nothing');
ask($node, q{CREATE OR REPLACE FUNCTION evil.on_row() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN RAISE EXCEPTION 'no'; END$$});
($state, $message) = failure($node, 'SELECT pg_stat_monitor_export()');
is($state, 'P0001', 'nor does one that just fails');
is(calls_of($node, 'SELECT 4713 AS load', "exported_at = 'infinity'"), 1, 'lose anything');
ask($node, 'DROP FUNCTION evil.on_row() CASCADE');

# A rule, a policy, privileges of columns.
ask($node, 'CREATE RULE away AS ON INSERT TO pg_stat_monitor DO ALSO INSERT INTO evil.witness '
    . 'SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user');
ask($node, 'TRUNCATE evil.witness');
ask($node, 'SELECT pg_stat_monitor_export()');
is(ask($node, "SELECT count(*) FROM evil.witness WHERE super"), 0, 'a rule runs with no more rights either');
is(calls_of($node, 'SELECT 4713 AS load', "exported_at < 'infinity'"), 1, 'and the rows are there');
ask($node, 'DROP RULE away ON pg_stat_monitor');
ask($node, 'REVOKE ALL ON pg_stat_monitor FROM mallory; GRANT SELECT (calls, query) ON pg_stat_monitor TO mallory');
ask($node, 'SELECT 4714 AS load');
($state, $message) = failure($node, 'SELECT pg_stat_monitor_export()');
is($state, '42501', 'an owner that may not write stops the export') or diag($message);
is(calls_of($node, 'SELECT 4714 AS load'), 1, 'and costs nothing');
ask($node, 'GRANT ALL ON pg_stat_monitor TO mallory; ALTER TABLE pg_stat_monitor FORCE ROW LEVEL SECURITY');
($state, $message) = failure($node, 'SELECT pg_stat_monitor_export()');
is(calls_of($node, 'SELECT 4714 AS load'), 1, 'a forced policy costs nothing, whether it stops the export or not');
ask($node, 'ALTER TABLE pg_stat_monitor NO FORCE ROW LEVEL SECURITY');
is((failure($node, 'SET ROLE nobody; SELECT pg_stat_monitor_export()'))[0], '42501', 'not everybody may export');
is((failure($node, 'SET ROLE nobody; SELECT pg_stat_monitor_reset()'))[0], '42501', 'nor reset');

# Renamed, moved, dropped, made anew.
ask($node, 'ALTER TABLE pg_stat_monitor RENAME TO elsewhere');
($state, $message) = failure($node, 'SELECT pg_stat_monitor_export()');
is($state, '55000', 'a renamed table: a clear error') or diag($message);
is(ask($node, "SELECT sum(calls) FROM elsewhere WHERE query LIKE 'SELECT 4714 AS load%'"), 1, 'nothing is lost');
ask($node, 'ALTER TABLE elsewhere RENAME TO pg_stat_monitor');
ask($node, 'SELECT pg_stat_monitor_export()');
is(calls_of($node, 'SELECT 4714 AS load', "exported_at < 'infinity'"), 1, 'renamed back, it is exported');
ask($node, 'SELECT 4715 AS load');
my $dropped = ask($node, 'BEGIN; SELECT pg_stat_monitor_export() > 0; DROP EXTENSION pg_stat_monitor CASCADE; ROLLBACK');
is($dropped, 't', 'exported and dropped in one transaction, rolled back');
is(calls_of($node, 'SELECT 4715 AS load', "exported_at = 'infinity'"), 1, 'it is live again');
ask($node, 'DROP EXTENSION pg_stat_monitor CASCADE; CREATE EXTENSION pg_stat_monitor');
is(calls_of($node, 'SELECT 4715 AS load'), 1, 'a new extension shows what is in memory');

# Dropped while an export waits for the table: no table, or the new one.
sub export_that_meets
{
    my ($drop) = @_;
    my $holder = $node->background_psql('postgres');
    $holder->query_safe("BEGIN; $drop");
    my $export = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-h', $node->host, '-p', $node->port,
            '-c', 'SELECT pg_stat_monitor_export() > 0', 'postgres' ], '>', \my $out, '2>', \my $err);
    $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
          . "AND query LIKE 'SELECT pg_stat_monitor_export%'");
    $holder->query_safe('COMMIT');
    $holder->quit;
    $export->finish;
    chomp($out, $err);
    return $out . ($err =~ /ERROR:  (\w+)/ ? $1 : $err);
}
is(export_that_meets('DROP EXTENSION pg_stat_monitor'), '55000', 'dropped while an export waits: a clear error');
ask($node, 'CREATE EXTENSION pg_stat_monitor');
is(calls_of($node, 'SELECT 4715 AS load', "exported_at = 'infinity'"), 1, 'which loses nothing');
is(export_that_meets('DROP EXTENSION pg_stat_monitor; CREATE EXTENSION pg_stat_monitor'), 't',
    'and made anew meanwhile: it goes there');
is(calls_of($node, 'SELECT 4715 AS load', "exported_at < 'infinity'"), 1, 'all of it');

# Nonsense for every function of ours, each argument in turn: an error or an answer, never a dead server.
my $functions = ask($node, q{SELECT p.oid::regproc || ' ' || array_to_string(ARRAY(SELECT format_type(t, NULL)
  FROM unnest(p.proargtypes) t), ',') FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
  AND d.classid = 'pg_proc'::regclass JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_stat_monitor'
  WHERE NOT p.proretset OR true ORDER BY 1});
my $started = ask($node, 'SELECT pg_postmaster_start_time()');
my %nonsense = ('integer' => [ qw(NULL -1 0 2147483647 -2147483648) ], 'bigint' => [ qw(NULL -1 0 9223372036854775807
            -9223372036854775808) ], 'text' => [ 'NULL', "''", "'%s%n'", "repeat('x', 1000000)", "U&'\\FFFD'" ],
    'boolean' => [ qw(NULL true false) ], 'oid' => [ qw(NULL 0 4294967295) ],
    'name' => [ 'NULL', "''", "'no such role'" ]);
my $calls = 0;
for my $line (split(/\n/, $functions))
{
    my ($name, $arguments) = split(/ /, $line, 2);
    my @types = split(/,/, $arguments // '');
    for my $i (0 .. 4)
    {
        my @values = map { my $all = $nonsense{$_} // ['NULL']; $all->[ $i % @$all ] . "::$_" } @types;
        for my $form ("SELECT count(*) FROM $name(%s)", "SELECT $name(%s) LIMIT 1")
        {
            $node->psql('postgres', 'BEGIN; ' . sprintf($form, join(', ', @values)) . '; ROLLBACK');
            $calls++;
        }
        last if !@types;
    }
}
cmp_ok($calls, '>', 20, "$calls calls with nonsense");
is(ask($node, 'SELECT pg_postmaster_start_time()'), $started, 'and the server is the same');
unlike(slurp_file($node->logfile), qr/was terminated by signal|PANIC|TRAP|could not find/, 'nothing has died');
ask($node, 'SELECT 4716 AS load');
is(calls_of($node, 'SELECT 4716 AS load'), 1, 'and goes on counting');
$node->stop;
done_testing();
