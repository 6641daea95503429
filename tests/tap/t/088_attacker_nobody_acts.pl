# What a role without any privilege can make of other people's statements by copying, by DDL, by the extension's functions
# and by others who run its code: nothing. What it can read is in 081.
use strict;
use warnings;

use Attack;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = fortress('nobody_acts');
my $nobody = attacker($node, 'zq_attacker');
my ($day) = grep { /_\d{8}$/ } partitions($node, 'postgres', 'r');
ask($node, "SELECT pg_stat_monitor_serve_2_3('zq_victim')");
my $VIEW = 'pgsm_2_3.pg_stat_monitor';
$nobody->told('zq_attacker', 'GRANT USAGE ON SCHEMA zq TO PUBLIC',
    q{CREATE FUNCTION zq.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
  $$BEGIN IF $1 ~ ('zq' || 'peek') THEN RAISE NOTICE 'seen: %', $1; END IF; RETURN true; END$$});

# Copies and other ways out.
my %copy = (
    'COPY of a query' => 'COPY (SELECT m::text FROM pg_stat_monitor AS m) TO STDOUT',
    'CREATE TABLE AS' => [ 'CREATE TEMP TABLE t AS SELECT * FROM pg_stat_monitor', 'SELECT t::text FROM t' ],
    'SELECT INTO' => [ 'SELECT * INTO TEMP t FROM pg_stat_monitor', 'SELECT t::text FROM t' ],
    'INSERT ... SELECT' =>
        [ 'CREATE TEMP TABLE t (LIKE pg_stat_monitor)', 'INSERT INTO t SELECT * FROM pg_stat_monitor RETURNING query' ],
    'a materialized view' => [
        'BEGIN', 'CREATE MATERIALIZED VIEW zq.m AS SELECT * FROM pg_stat_monitor',
        'SELECT m::text FROM zq.m', 'ROLLBACK'
    ],
    'a cursor WITH HOLD' =>
        [ 'DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT query FROM pg_stat_monitor', 'FETCH ALL FROM c' ],
    'a parallel plan' => [
        'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0',
        'SELECT m::text FROM pg_stat_monitor AS m'
    ],
    'XML' => q{SELECT query_to_xml('SELECT query FROM pg_stat_monitor', true, false, '')},
    'UNION ALL of the table' =>
        'SELECT query FROM (SELECT * FROM pg_stat_monitor UNION ALL SELECT * FROM pg_stat_monitor) AS x',
    'a prepared statement' => [ 'PREPARE p AS SELECT query FROM pg_stat_monitor WHERE zq.leak(query)', 'EXECUTE p' ],
    'DO' =>
        q{DO $$DECLARE r record; BEGIN FOR r IN SELECT * FROM pg_stat_monitor LOOP RAISE NOTICE '%', r; END LOOP; END$$},
);
$nobody->nothing($_, $copy{$_}) for sort keys %copy;
$nobody->nothing(
    'COPY of the table',
    'COPY pg_stat_monitor TO STDOUT',
    control => ['COPY (TABLE pg_stat_monitor) TO STDOUT']);
$nobody->refused('row_security = off', [ 'SET row_security = off', 'SELECT query FROM pg_stat_monitor' ]);
$nobody->refused('FOR UPDATE', 'SELECT query FROM pg_stat_monitor FOR UPDATE');
my %refusals = refusals($day);
$nobody->refused($_, $refusals{$_}) for sort keys %refusals;
$nobody->refused("write: $_", "$_")
    for (
    'INSERT INTO pg_stat_monitor (calls) VALUES (1)',
    'UPDATE pg_stat_monitor SET calls = 0',
    'DELETE FROM pg_stat_monitor',
    'TRUNCATE pg_stat_monitor',
    'COPY pg_stat_monitor FROM STDIN',
    'DO $$BEGIN LOCK TABLE pg_stat_monitor; END$$',
    'CREATE TRIGGER t AFTER INSERT ON pg_stat_monitor EXECUTE FUNCTION suppress_redundant_updates_trigger()');
$nobody->refused("$_->[0]", $_->[1], $_->[2])
    for (
    [
        'a foreign key to it',
        'CREATE TABLE zq.ref (a timestamptz REFERENCES pg_stat_monitor (exported_at))',
        '42830|42501'
    ],
    [ 'a child of a day', "CREATE TABLE zq.child () INHERITS ($day)", '42809|42501' ],
    [ 'a setting of the exporter', q{SET pg_stat_monitor.pgsm_export_database = 'x'}, '55P02' ]);

# Somebody else's session that becomes the attacker, and code of the attacker's that others run.
for my $way (
    [ 'PREPARE p AS SELECT m::text FROM pg_stat_monitor AS m', 'EXECUTE p' ],
    [ 'PREPARE p AS SELECT m::text FROM pg_stat_monitor_internal() AS m', 'EXECUTE p' ],
    [ "PREPARE p AS SELECT m::text FROM $VIEW AS m", 'EXECUTE p' ])
{
    my $answer =
        $nobody->told(Attack::superuser(), $way->[0], $way->[1], '\echo ======', 'SET ROLE zq_attacker', $way->[1]);
    like($answer, qr/zqpeek.*======(?!.*zqpeek)/s, "prepared by a superuser, run as the attacker: $way->[0]");
}
$nobody->told(
    'zq_attacker', q{CREATE TABLE zq.loot (t text)}, q{GRANT USAGE ON SCHEMA zq TO PUBLIC},
    q{CREATE FUNCTION zq.steal() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$DECLARE n bigint; BEGIN
      INSERT INTO zq.loot SELECT m::text FROM pg_stat_monitor AS m UNION ALL SELECT m::text FROM pg_stat_monitor_internal() AS m; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END$$}
);
cmp_ok($nobody->told(Attack::superuser(), 'SELECT zq.steal()') =~ s/\D.*//sr,
    '>', 0, 'a SECURITY DEFINER function of the attacker that a superuser runs');
$nobody->nothing(
    'gets no more than the attacker',
    'SELECT t FROM zq.loot',
    control => ['SELECT m::text FROM pg_stat_monitor AS m']);
$nobody->nothing(
    'a view of the attacker',
    [ 'CREATE VIEW zq.v AS SELECT * FROM pg_stat_monitor', 'SELECT v::text FROM zq.v AS v' ],
    control => ['SELECT m::text FROM pg_stat_monitor AS m']);
ask($node,
    'CREATE VIEW safe_view WITH (security_invoker) AS SELECT * FROM pg_stat_monitor; GRANT SELECT ON safe_view TO PUBLIC'
);
$nobody->nothing('a view with security_invoker', 'SELECT v::text FROM safe_view AS v');
my $string = q{SELECT 1 AS zqpeek_string; SET ROLE zq_attacker; SELECT no_such_column};
ask($node, 'GRANT zq_attacker TO zq_victim');
$nobody->told('zq_victim', "$string; RESET ROLE");
$nobody->nothing('a string of the victim that becomes the attacker and fails',
    'SELECT m::text FROM pg_stat_monitor AS m');
is( ask($node,
        "SELECT count(*) > 0 FROM pg_stat_monitor WHERE message LIKE '%no_such_column%' AND userid = 'zq_attacker'::regrole"
    ),
    't',
    'whose row is the attacker\'s');

# The extension's functions, with look-alikes of all that they call first in the path.
$nobody->told(
    'zq_attacker',
    q{CREATE TABLE zq.witness (who text)},
    q{GRANT INSERT ON zq.witness TO PUBLIC},
    q{CREATE FUNCTION zq.testify() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN INSERT INTO zq.witness VALUES (current_user); RETURN true; END$$},
    q{CREATE FUNCTION zq.range() RETURNS text[] LANGUAGE plpgsql AS $$BEGIN PERFORM zq.testify(); RETURN '{}'; END$$},
    q{CREATE FUNCTION zq.get_histogram_timings() RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM zq.testify(); RETURN ''; END$$},
    q{CREATE FUNCTION zq.repeat(text, integer) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM zq.testify(); RETURN ''; END$$},
    q{CREATE FUNCTION zq.same(bigint, integer) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RETURN zq.testify(); END$$},
    q{CREATE OPERATOR zq.= (LEFTARG = bigint, RIGHTARG = integer, FUNCTION = zq.same)},
    q{CREATE FUNCTION zq.same(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RETURN zq.testify(); END$$},
    q{CREATE OPERATOR zq.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = zq.same)});
my ($bucket, $id) = split(/\|/,
    ask($node, "SELECT bucket, queryid FROM pg_stat_monitor WHERE username = 'zq_victim' AND elevel = 0 LIMIT 1"));
for my $sql (
    "SELECT * FROM public.histogram($bucket, $id) AS (r text, f integer, b text)",
    "SELECT * FROM pgsm_2_3.histogram(0, $id) AS (r text, f integer, b text)",
    'SELECT public.range()',
    'SELECT count(*) FROM public.pg_stat_monitor',
    "SELECT count(*) FROM $VIEW")
{
    $nobody->told($_, 'SET search_path = zq, pg_catalog, public', $sql) for ('zq_attacker', Attack::superuser());
}
is(ask($node, 'SELECT count(*) FROM zq.witness'), 0, 'look-alikes in the search_path: none has run');
ask($node, 'SET search_path = zq, pg_catalog; SELECT zq.range()');
is(ask($node, 'SELECT count(*) FROM zq.witness'), 1, 'though they would testify');
is( ask($node,
        "SELECT proname FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND deptype = 'e' "
            . "WHERE prosecdef AND NOT (prosqlbody IS NOT NULL OR EXISTS (SELECT FROM unnest(proconfig) c WHERE c LIKE 'search_path=%'))"
    ),
    '',
    'every SECURITY DEFINER function is pinned');

# What the names of relations say.
ask($node,
    qq{CREATE TABLE "x\npg_authid" (); CREATE TABLE "y,public.pg_shadow" (); SELECT FROM "x\npg_authid", "y,public.pg_shadow"}
);
is(ask($node, q{SELECT cardinality(relations) FROM pg_stat_monitor WHERE query LIKE 'SELECT FROM "x%'}),
    2, 'a relation is one name, whatever is in it');
$node->stop;
done_testing();
