# What the owner of a database, who is no superuser, can learn of other people's statements, and what he can have a
# superuser or the exporter do for him: nothing. The schema public is his, as PostgreSQL makes it.
use strict;
use warnings;

use Attack;
use IPC::Run;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = fortress('owner', database => 'zqdb');
my $owner = attacker($node, 'zq_attacker', 'zqdb');
ask_in('zqdb', $node, 'ALTER SCHEMA public OWNER TO pg_database_owner');
my ($day) = grep { /_\d{8}$/ } partitions($node, 'zqdb', 'r');

# Reading, with all that the owner of a database and of the schema may do before.
ask_in('zqdb', $node, "SELECT pg_stat_monitor_serve_2_3('zq_victim')");
for my $first (
    'SELECT 1',
    'ALTER DATABASE zqdb SET row_security = on',
    'ALTER SCHEMA public OWNER TO zq_attacker',
    'ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO zq_attacker')
{
    my $answer = $owner->told('zq_attacker', $first);
    unlike($answer, qr/ERROR/, "$first: is allowed");
    $owner->nothing("then: $_", "SELECT m::text FROM $_ AS m")
        for ('public.pg_stat_monitor', 'public.pg_stat_monitor_internal()', 'pgsm_2_3.pg_stat_monitor');
    $owner->refused("then: $_", "SELECT query FROM $_") for partitions($node, 'zqdb', 'rf');
}
my %refusals = refusals($day);
$owner->refused($_, $refusals{$_}) for sort keys %refusals;
my @more = (
    'GRANT ALL ON ALL TABLES IN SCHEMA public TO zq_attacker',
    'GRANT SELECT ON pg_stat_monitor_live TO zq_attacker',
    'CREATE PUBLICATION p FOR ALL TABLES',
    'CREATE EXTENSION pg_stat_monitor SCHEMA zq',
    "COMMENT ON TABLE $day IS 'merged'",
    'ALTER DEFAULT PRIVILEGES FOR ROLE ' . Attack::superuser() . ' GRANT ALL ON TABLES TO zq_attacker',
    'REASSIGN OWNED BY ' . Attack::superuser() . ' TO zq_attacker',
    'CREATE OR REPLACE FUNCTION range() RETURNS text[] LANGUAGE sql AS $$SELECT NULL::text[]$$',
    'CREATE OR REPLACE VIEW pg_stat_monitor_status AS SELECT 1',
    'ALTER FUNCTION pg_stat_monitor_fdw_handler() OWNER TO zq_attacker',
    'ALTER SERVER pg_stat_monitor OWNER TO zq_attacker',
    'ALTER INDEX pg_stat_monitor_queryid_idx RENAME TO x');
$owner->refused("refused: $_", $_, '42501|42710') for @more;
$owner->refused("kept: DROP TABLE $_", "DROP " . (/live/ ? 'FOREIGN ' : '') . "TABLE $_", '2BP01|42501')
    for partitions($node, 'zqdb', 'rf');
is( ask_in(
        'zqdb',
        $node,
        "SELECT string_agg(DISTINCT n.nspname, ' ') FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid JOIN pg_namespace n ON n.oid = relnamespace "
            . "WHERE inhparent = 'public.pg_stat_monitor'::regclass AND relname ~ '\\d{8}\$' AND pg_has_role('zq_attacker', nspowner, 'USAGE')"
    ),
    '',
    'days are in no schema of his');
is(ask_in('zqdb', $node, 'SELECT count(*) FROM pg_stat_monitor') > 100, 1, 'all of it is still there');

# Code of his that a superuser would run: operators and functions that fit better than PostgreSQL's own, in public.
my $TRAP = q{
CREATE SCHEMA zqtrap; GRANT USAGE ON SCHEMA zqtrap TO PUBLIC;
CREATE FUNCTION zqtrap.testify(what text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE WARNING 'trapped: % by %', current_user, what; RETURN false; END$$;
-- Each does what it stands for, so that nothing else goes wrong.
DO $do$
DECLARE l text; r text; o text; name text;
  oids CONSTANT text[] := ARRAY['oid', 'regclass', 'regnamespace', 'regrole', 'regproc'];
  texts CONSTANT text[] := ARRAY['name', 'text', 'varchar', '"char"'];
BEGIN
  FOREACH l IN ARRAY oids || texts LOOP FOREACH r IN ARRAY oids || texts LOOP FOREACH o IN ARRAY ARRAY['=', '<>'] LOOP
    CONTINUE WHEN (l = ANY (oids)) <> (r = ANY (oids));
    name := CASE o WHEN '=' THEN 'public.zq_eq' ELSE 'public.zq_ne' END;
    EXECUTE format('CREATE FUNCTION %s(%s, %s) RETURNS boolean LANGUAGE plpgsql AS $f$BEGIN PERFORM zqtrap.testify(%L); '
      'RETURN $1::%s OPERATOR(pg_catalog.%s) $2::%5$s; END$f$', name, l, r, l || ' ' || o || ' ' || r, CASE WHEN l = ANY (oids) THEN 'oid' ELSE 'text' END, o);
    EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = %s)', o, l, r, name);
  END LOOP; END LOOP; END LOOP;
  FOREACH l IN ARRAY ARRAY['aclitem', 'text', 'name', 'oid'] LOOP
    EXECUTE format('CREATE FUNCTION public.unnest(%1$s[]) RETURNS SETOF %1$s LANGUAGE plpgsql AS $f$BEGIN PERFORM zqtrap.testify(%2$L); RETURN QUERY SELECT pg_catalog.unnest($1); END$f$', l, 'unnest ' || l);
  END LOOP;
  FOREACH l IN ARRAY ARRAY['text, text', 'text, text, text', 'text, name', 'text, name, name', 'text, text, name', 'text, regclass'] LOOP
    FOREACH o IN ARRAY ARRAY['format', 'concat_ws'] LOOP
      EXECUTE format('CREATE FUNCTION public.%s(%s) RETURNS text LANGUAGE plpgsql AS $f$BEGIN PERFORM zqtrap.testify(%L); RETURN pg_catalog.%1$s(%4$s); END$f$', o, l, o || ' ' || l,
        CASE WHEN l LIKE '%,%,%' THEN '$1, $2, $3' ELSE '$1, $2' END);
    END LOOP;
  END LOOP;
END $do$;
};
my $told = '';
ask($node, 'CREATE DATABASE zqtrap OWNER zq_attacker');
my $trapper = attacker($node, 'zq_attacker', 'zqtrap');
unlike($trapper->told('zq_attacker', $TRAP), qr/ERROR/, 'traps are set');
like($trapper->told(Attack::superuser(), q{SELECT 1 WHERE 1::oid = 'pg_class'::regclass}),
    qr/trapped/, 'they work on whoever has public in his path');

for my $sql (
    q{CREATE EXTENSION pg_stat_monitor VERSION '2.3'},
    'SELECT count(*) FROM pg_catalog.pg_class',
    'GRANT SELECT (query) ON pg_stat_monitor TO zq_victim',
    q{ALTER EXTENSION pg_stat_monitor UPDATE TO '2.4'},
    'DROP EXTENSION pg_stat_monitor',
    'CREATE EXTENSION pg_stat_monitor',
    'SELECT pg_stat_monitor_export()',
    'TABLE pg_stat_monitor_status',
    'SELECT count(*) FROM pg_stat_monitor',
    q{SELECT pg_stat_monitor_serve_2_3('zq_victim')},
    'SELECT count(*) FROM pgsm_2_3.pg_stat_monitor',
    'SELECT * FROM histogram(1, 1) AS (r text, f integer, b text)',
    'SELECT * FROM pgsm_2_3.histogram(1, 1) AS (r text, f integer, b text)',
    'SELECT range()',
    q{DELETE FROM pg_stat_monitor WHERE exported_at < '2001-01-01'},
    'SELECT pg_stat_monitor_reset()')
{
    my $answer = $trapper->told(Attack::superuser(), 'SET client_min_messages = notice', $sql);
    $told .= $answer if $sql =~ /UPDATE TO/;
    my %caught = map { $_ => 1 } $answer =~ /(trapped: .*|ERROR: .*)/g;
    is(join("\n", sort keys %caught), '', "a superuser is caught in no trap: $sql");
}
like($told, qr/security_invoker/,
    'the update says how to make a view again that does not show everything to everybody');

# Names that the extension will want are taken before it comes.
ask($node, 'CREATE DATABASE zqsquat OWNER zq_attacker');
my $squatter = attacker($node, 'zq_attacker', 'zqsquat');
$squatter->told(
    'zq_attacker',
    'CREATE SCHEMA pgsm_history',
    'CREATE SCHEMA pgsm_2_3',
    'GRANT ALL ON SCHEMA pgsm_history, pgsm_2_3 TO PUBLIC');
my $answer = $squatter->told(Attack::superuser(), 'CREATE EXTENSION pg_stat_monitor');
is( $answer =~ /ERROR/ ? '' : ask_in(
        'zqsquat',
        $node,
        "SELECT string_agg(nspname, ' ') FROM pg_namespace n JOIN pg_depend d ON d.objid = n.oid AND classid = 'pg_namespace'::regclass AND deptype = 'e' "
            . "WHERE pg_has_role('zq_attacker', nspowner, 'USAGE')"),
    '',
    'CREATE EXTENSION adopts no schema of his');
$answer = $squatter->told(Attack::superuser(), q{SELECT pg_stat_monitor_serve_2_3('zq_victim')});
like($answer, qr/42P06|42883/, 'nor does pg_stat_monitor_serve_2_3()');
ask($node, 'CREATE DATABASE zqdays OWNER zq_attacker');
my $days = attacker($node, 'zq_attacker', 'zqdays');
$days->told(
    'zq_attacker', q{DO $$BEGIN FOR i IN -1 .. 3 LOOP
  EXECUTE format('CREATE TABLE public.%I (who text)', to_char((now() + i * interval '1 day') AT TIME ZONE 'UTC', '"pg_stat_monitor_"YYYYMMDD')); END LOOP; END$$}
);
unlike($days->told('zq_attacker', $TRAP), qr/ERROR/, 'the same traps are there');
ask_in('zqdays', $node, 'CREATE EXTENSION pg_stat_monitor');
$node->append_conf('postgresql.conf',
    "pg_stat_monitor.pgsm_bucket_time = 1\npg_stat_monitor.pgsm_export_database = 'zqdays'\n");
$node->restart;
ok( $node->poll_query_until('zqdays', "SELECT count(*) > 3 FROM public.pg_stat_monitor WHERE exported_at < 'infinity'"),
    'what is exported is stored');
is( ask_in(
        'zqdays',
        $node,
        q{SELECT count(*) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'public.pg_stat_monitor'::regclass AND relowner = 'zq_attacker'::regrole}
    ),
    0,
    'in no table of his, though he has taken the names of the days');
$days->nothing(
    'and he does not see it', "SELECT query FROM public.pg_stat_monitor WHERE username <> 'zq_attacker'",
    leak => qr/./,
    control => ['SELECT query FROM public.pg_stat_monitor']);

# Settings of his database reach neither the exporter's nor a superuser's rights.
for my $setting (
    "search_path = 'zqtrap', 'public', 'pg_catalog'",
    'row_security = off',
    "default_transaction_isolation = 'serializable'")
{
    is($days->told('zq_attacker', "ALTER DATABASE zqdays SET $setting"), '', "ALTER DATABASE SET $setting");
}
my $rows = ask_in('zqdays', $node, "SELECT count(*) FROM public.pg_stat_monitor WHERE exported_at < 'infinity'");
ok( $node->poll_query_until(
        'zqdays', "SELECT count(*) > $rows FROM public.pg_stat_monitor WHERE exported_at < 'infinity'"),
    'the exporter goes on');
$days->nothing(
    'and he sees no more', "SELECT query FROM public.pg_stat_monitor",
    leak => qr/^(?!ERROR|LOCATION).+/m,
    control => ['SELECT query FROM public.pg_stat_monitor']);
# Every session of this test says its name in the log; what is left is the server's own.
my @log = split(/\n/, slurp_file($node->logfile));
ok((grep { /WARNING:.*trapped/ } @log), 'traps are told in the log');
is(join("\n", grep { /WARNING:.*trapped/ && !/083_attacker/ } @log), '', 'the exporter was caught in none');
$node->stop;
done_testing();
