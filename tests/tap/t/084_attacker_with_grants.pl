# Two servers set up the way some are: default privileges give an application's role everything on each new table, and
# the extension's table belongs to an ordinary role. Neither makes other people's statements theirs, nor theirs to destroy.
use strict;
use warnings;

use Attack;
use IPC::Run;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = fortress('grants',
    before =>
        'ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO zq_attacker; ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO zq_attacker'
);
my $app = attacker($node, 'zq_attacker');
ask($node, 'CREATE TABLE of_the_application (a integer)');
like($app->told('zq_attacker', 'INSERT INTO of_the_application VALUES (1) RETURNING a'),
    qr/^1$/m, 'the default privileges are there');
my @stored = partitions($node, 'postgres', 'r');
my ($live) = partitions($node, 'postgres', 'f');
my ($day) = grep { /_\d{8}$/ && ask($node, "SELECT count(*) FROM $_ WHERE query ~ 'zqpeek'") } @stored;
$app->told(
    'zq_attacker', q{CREATE FUNCTION zq.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
  $$BEGIN IF $1 ~ ('zq' || 'peek') THEN RAISE NOTICE 'seen: %', $1; END IF; RETURN true; END$$});

is( ask($node,
        "SELECT string_agg(c.oid::regclass || ' ' || privilege_type, ', ') FROM pg_class c, aclexplode(relacl) WHERE grantee = 'zq_attacker'::regrole "
            . "AND (c.oid = 'pg_stat_monitor'::regclass OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'pg_stat_monitor'::regclass)) AND privilege_type <> 'SELECT'"
    ),
    '',
    'default privileges reach neither the table nor a partition');
is( ask($node,
        "SELECT count(*) FROM pg_class c, aclexplode(relacl) WHERE grantee IN ('zq_attacker'::regrole, 0) AND c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'pg_stat_monitor'::regclass)"
    ),
    0,
    'partitions have none at all');

# Reading.
for my $from ('pg_stat_monitor', $live, @stored, 'pg_stat_monitor_internal()')
{
    next if $from =~ /_\d{8}$/ && $from ne $day;
    $app->nothing("$from: read", "SELECT m::text FROM $from AS m");
    $app->nothing("$from: UNION ALL", "SELECT query FROM (SELECT * FROM $from UNION ALL SELECT * FROM $from) AS x");
    $app->nothing("$from: a cheap function", "SELECT 1 FROM $from AS m WHERE zq.leak(query)");
    next if $from =~ /internal/;
    # What a write looks at and what it says.
    $app->nothing(
        "$from: UPDATE that looks",
        "UPDATE $from SET calls = calls WHERE zq.leak(query) RETURNING query",
        control => ["SELECT query FROM $from"]);
    $app->nothing(
        "$from: DELETE that looks",
        [ 'BEGIN', "DELETE FROM $from WHERE zq.leak(query) RETURNING query", 'ROLLBACK' ],
        control => ["SELECT query FROM $from"]);
    $app->nothing("$from: FOR UPDATE", "SELECT query FROM $from FOR UPDATE", control => ["SELECT query FROM $from"]);
    my ($right, $wrong) = map {
        $app->told('zq_attacker',
            "DELETE FROM $from WHERE query ~ ('$_' || 'peek') AND userid <> 'zq_attacker'::regrole") =~
            s/.*ERROR:\s+(\w+).*/$1/sr
    } ('zq', 'no');
    is($right, $wrong, "$from: DELETE does not tell whether a row is there");
}
$app->refused("$day: the estimate", "EXPLAIN SELECT * FROM $day WHERE query < 'zzzz'", '42501');

# Destroying and forging: for whom pg_stat_monitor_reset() is, and for nobody else.
my $count = sub {
    return ask($node,
        "SELECT count(*) || ' ' || count(*) FILTER (WHERE exported_at = 'infinity') FROM pg_stat_monitor WHERE username = 'zq_victim'"
    );
};
my $before = $count->();
like($before, qr/^[1-9]\d+ [1-9]/, 'there is something to destroy, stored and live');
for my $relation ('pg_stat_monitor', $live, @stored)
{
    $app->refused("TRUNCATE $relation", [ 'BEGIN', "TRUNCATE $relation", 'ROLLBACK' ], '42501');
    $app->refused("DELETE FROM $relation", "DELETE FROM $relation WHERE exported_at < 'infinity'", '42501');
    $app->refused("UPDATE $relation", "UPDATE $relation SET calls = 0 WHERE exported_at < 'infinity'", '42501|0A000');
    $app->refused(
        "INSERT INTO $relation",
        "INSERT INTO $relation (userid, calls, exported_at) SELECT 'zq_victim'::regrole, 1, '2001-01-01'",
        '42501|23514|0A000');
}
$app->refused('TRUNCATE of all and something else', 'TRUNCATE of_the_application, pg_stat_monitor', '42501');
$app->refused('COPY FROM', 'COPY pg_stat_monitor (calls) FROM STDIN', '42501|0A000');
$app->refused('a rule', 'CREATE RULE r AS ON INSERT TO pg_stat_monitor DO ALSO NOTIFY x', '42501');
is($count->(), $before, 'nothing is destroyed');

# A trigger runs with the rights of whoever writes: that is the owner, a superuser.
$app->told(
    'zq_attacker',
    q{CREATE TABLE zq.loot (who text, what text)},
    q{GRANT ALL ON SCHEMA zq TO PUBLIC; GRANT ALL ON zq.loot TO PUBLIC},
    q{CREATE FUNCTION zq.spy() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO zq.loot VALUES (current_user, NEW.query); RETURN NEW; END$$}
);
for my $relation ('pg_stat_monitor', $live, @stored)
{
    $app->refused("a trigger on $relation",
        "CREATE TRIGGER zq_spy AFTER INSERT ON $relation FOR EACH ROW EXECUTE FUNCTION zq.spy()", '42501');
}
$app->refused('a trigger for TRUNCATE',
    'CREATE TRIGGER zq_spy2 BEFORE TRUNCATE ON pg_stat_monitor EXECUTE FUNCTION zq.spy()', '42501');
victim_works($node, 'postgres');
ask($node, 'SELECT pg_stat_monitor_export()');
is(ask($node, q{SELECT DISTINCT who FROM zq.loot}), '', 'no code of the application\'s role has run as the owner');
$app->nothing(
    'nor written down what it saw',
    'SELECT what FROM zq.loot',
    control => ['SELECT query FROM pg_stat_monitor']);

# Days that come later are no different, wherever they lie.
ask($node, 'ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO zq_attacker');
$node->append_conf('postgresql.conf',
    "pg_stat_monitor.pgsm_bucket_time = 1\npg_stat_monitor.pgsm_export_database = 'postgres'\n");
ask($node, "DROP EXTENSION pg_stat_monitor CASCADE; CREATE EXTENSION pg_stat_monitor");
$node->restart;
ok( $node->poll_query_until(
        'postgres',
        "SELECT count(*) > 0 FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'pg_stat_monitor'::regclass AND relname ~ '\\d{8}\$'"
    ),
    'a day is made');
is( ask($node,
        "SELECT string_agg(DISTINCT privilege_type, ', ') FROM pg_class c, aclexplode(relacl) WHERE grantee = 'zq_attacker'::regrole AND c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'pg_stat_monitor'::regclass)"
    ),
    '',
    'and the application\'s role has no privilege on it');
is( ask($node,
        "SELECT string_agg(nspname, ', ') FROM pg_namespace, aclexplode(nspacl) WHERE grantee = 'zq_attacker'::regrole AND privilege_type = 'CREATE' AND nspname LIKE 'pgsm%'"
    ),
    '',
    'nor may it make anything in a schema of ours');
$node->stop;

# The table belongs to an ordinary role. What is stored is in its hands, as PostgreSQL has it; what is in memory comes from
# every database and every role, and is not.
$node = fortress('ordinary');
my $mallory = attacker($node, 'zq_attacker');
@stored = partitions($node, 'postgres', 'r');
($live) = partitions($node, 'postgres', 'f');
ask($node,
    'CREATE ROLE zq_nobody LOGIN; GRANT CREATE ON SCHEMA public TO zq_attacker; GRANT USAGE ON SCHEMA zq TO zq_nobody');
ask($node, "ALTER TABLE $_ OWNER TO zq_attacker") for ('pg_stat_monitor', @stored);
ask($node, "ALTER FOREIGN TABLE $live OWNER TO zq_attacker");
ask($node, "SELECT pg_stat_monitor_serve_2_3('zq_nobody')");
my $IN_MEMORY = "exported_at = 'infinity'";
$mallory->nothing('live rows through the table', "SELECT query FROM pg_stat_monitor WHERE $IN_MEMORY");
$mallory->nothing('live rows of the partition', "SELECT query FROM $live");
$mallory->nothing('live rows in an append', "SELECT query FROM $live UNION ALL SELECT query FROM $live");
$mallory->nothing(
    'live rows without a policy',
    [
        'BEGIN',
        'ALTER TABLE pg_stat_monitor DISABLE ROW LEVEL SECURITY',
        "SELECT query FROM pg_stat_monitor WHERE $IN_MEMORY", 'ROLLBACK'
    ]);
$mallory->nothing(
    'live rows by another policy',
    [
        'BEGIN',
        'CREATE POLICY mine ON pg_stat_monitor USING (true)',
        'ALTER TABLE pg_stat_monitor FORCE ROW LEVEL SECURITY',
        "SELECT query FROM pg_stat_monitor WHERE $IN_MEMORY",
        'ROLLBACK'
    ]);
$mallory->nothing(
    'live rows under another parent',
    [
        'BEGIN',
        "ALTER TABLE pg_stat_monitor DETACH PARTITION $live",
        'CREATE TABLE zq.over (LIKE pg_stat_monitor) PARTITION BY RANGE (exported_at)',
        "ALTER TABLE zq.over ATTACH PARTITION $live FOR VALUES FROM ('infinity') TO (MAXVALUE)",
        'SELECT query FROM zq.over',
        'ROLLBACK'
    ],
    control => ["SELECT query FROM $live"]);
$mallory->nothing(
    'live rows in a child of its own',
    [
        'BEGIN',
        "ALTER TABLE pg_stat_monitor DETACH PARTITION $live",
        'CREATE TABLE zq.base (LIKE pg_stat_monitor)',
        "ALTER FOREIGN TABLE $live INHERIT zq.base",
        'SELECT query FROM zq.base',
        'ROLLBACK'
    ],
    control => ["SELECT query FROM $live"]);
$mallory->nothing(
    'live rows in a view that all may read',
    [
        "CREATE VIEW zq.shown AS SELECT * FROM pg_stat_monitor WHERE $IN_MEMORY",
        'GRANT SELECT ON zq.shown TO PUBLIC',
        'SELECT query FROM zq.shown'
    ],
    control => ["SELECT query FROM $live"]);
unlike($mallory->told('zq_nobody', 'SELECT query FROM zq.shown'), qr/zqpeek/, 'nor does a third role read them there');
$mallory->nothing('the row function', 'SELECT m::text FROM pg_stat_monitor_internal() AS m');
# The view reads as the table's owner: of live rows it shows his own, to whoever asks.
$mallory->nothing(
    'the view of 2.3',
    "SELECT m::text FROM pgsm_2_3.pg_stat_monitor AS m WHERE NOT bucket_done",
    control => []);
my $nobody = attacker($node, 'zq_nobody');
$nobody->nothing("a role with nothing: $_", "SELECT m::text FROM $_ AS m")
    for ('public.pg_stat_monitor', 'pgsm_2_3.pg_stat_monitor', 'pg_stat_monitor_internal()');
$nobody->refused("a role with nothing: $_", "SELECT query FROM $_") for ($live, @stored);
$mallory->refused("an owner of the table alone: $_", "SELECT $_")
    for ('pg_stat_monitor_export()', 'pg_stat_monitor_reset()', 'pg_stat_monitor_fdw_handler()');
$node->stop;
done_testing();
