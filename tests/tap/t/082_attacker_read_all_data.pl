# What a member of pg_read_all_data, who has SELECT on every relation, can learn of other people's statements: nothing.
# Such a role makes dumps and reports of the data; statements are not data.
use strict;
use warnings;

use Attack;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = fortress('read_all_data');

sub victim_says
{
    local $ENV{PGOPTIONS} =
        '-c pg_stat_monitor.pgsm_track=all -c pg_stat_monitor.pgsm_enable_query_plan=on -c pg_stat_monitor.pgsm_extract_comments=on';
    IPC::Run::run(
        [ 'psql', '-XAtq', '-U', 'zq_victim', '-h', $node->host, '-p', $node->port, '-d', 'postgres', '-c', $_[0] ],
        '>', \my $out, '2>', \my $err);
    return;
}
my $reader = attacker($node, 'zq_attacker');
ask($node, 'GRANT pg_read_all_data TO zq_attacker');
ask($node, "SELECT pg_stat_monitor_serve_2_3('zq_victim')");
my @stored = partitions($node, 'postgres', 'r');
my ($day) = grep { /_\d{8}$/ && ask($node, "SELECT count(*) FROM $_ WHERE query ~ 'zqpeek'") } @stored;
ok(defined $day, 'a day has rows of the victim');
my $live = (partitions($node, 'postgres', 'f'))[0];
my ($hidden) = ask($node, 'SELECT count(*) FROM pg_stat_monitor') =~ /(\d+)/;
cmp_ok($hidden, '>', 100, 'there is something to see');
$reader->told(
    'zq_attacker', q{CREATE FUNCTION zq.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
  $$BEGIN IF $1 ~ ('zq' || 'peek') THEN RAISE NOTICE 'seen: %', $1; END IF; RETURN true; END$$});

for my $from ('pg_stat_monitor', $live, $day, 'pg_stat_monitor_default', 'pgsm_2_3.pg_stat_monitor',
    'pg_stat_monitor_internal()')
{
    $reader->nothing("$from: all of it", "SELECT m::text FROM $from AS m");
    $reader->nothing("$from: a cheap function", "SELECT 1 FROM $from AS m WHERE zq.leak(query)");
    $reader->nothing("$from: a cast that fails",
        "SELECT query::integer FROM $from AS m WHERE query ~ ('zq' || 'peek')");
    $reader->nothing("$from: COPY of a query", "COPY (SELECT m::text FROM $from AS m) TO STDOUT");
    $reader->nothing("$from: CREATE TABLE AS",
        [ "CREATE TEMP TABLE t AS SELECT * FROM $from", 'SELECT t::text FROM t' ]);
    $reader->nothing("$from: a cursor WITH HOLD",
        [ "DECLARE c CURSOR WITH HOLD FOR SELECT query FROM $from", 'FETCH ALL FROM c' ]);
    # Branches of UNION ALL are children of an append, as partitions are.
    $reader->nothing("$from: UNION ALL with itself",
        "SELECT query FROM (SELECT * FROM $from UNION ALL SELECT * FROM $from) AS x");
    $reader->nothing("$from: UNION ALL with another", "SELECT query FROM $from UNION ALL SELECT 'x'");
    $reader->nothing(
        "$from: UNION ALL, filtered outside",
        "SELECT query FROM (SELECT query, calls FROM $from UNION ALL SELECT query, calls FROM $from) AS x WHERE calls > 0"
    );
    $reader->nothing("$from: a view with UNION ALL",
        [ "CREATE TEMP VIEW v AS SELECT query FROM $from UNION ALL SELECT query FROM $from", 'SELECT * FROM v' ]);
    $reader->nothing(
        "$from: UNION ALL below a join",
        "SELECT x.query FROM (SELECT query, userid FROM $from UNION ALL SELECT query, userid FROM $from) AS x JOIN pg_roles AS r ON r.oid = x.userid"
    );
    $reader->nothing(
        "$from: UNION ALL with the table",
        "SELECT query FROM (SELECT query FROM pg_stat_monitor UNION ALL SELECT query FROM $from) AS x",
        control => ["SELECT query FROM $from"]);
    $reader->nothing("$from: UNION, EXCEPT, a CTE",
        "WITH a AS (SELECT query FROM $from UNION SELECT query FROM $from EXCEPT SELECT 'x') SELECT query FROM a");
    $reader->nothing(
        "$from: recursion",
        "WITH RECURSIVE a AS (SELECT query, 1 AS n FROM $from UNION ALL SELECT m.query, n + 1 FROM a JOIN $from AS m ON m.query = a.query WHERE n < 2) SELECT query FROM a"
    );
    $reader->nothing(
        "$from: LATERAL, EXISTS, a scalar subquery",
        "SELECT (SELECT max(query) FROM $from WHERE query ~ ('zq' || 'peek')), l.query FROM (VALUES (1)) AS v, LATERAL (SELECT query FROM $from WHERE EXISTS (SELECT FROM $from)) AS l"
    );
    $reader->nothing("$from: GROUPING SETS",
        "SELECT query FROM $from GROUP BY GROUPING SETS ((query), (query, calls))");
    $reader->nothing(
        "$from: MERGE",
        [
            'CREATE TEMP TABLE t (q text)',
            "MERGE INTO t USING $from AS m ON t.q = m.query WHEN NOT MATCHED THEN INSERT VALUES (m.query)",
            'SELECT q FROM t'
        ]);
    $reader->nothing(
        "$from: UPDATE ... FROM",
        [
            'CREATE TEMP TABLE t AS SELECT NULL::text AS q',
            "UPDATE t SET q = m.query FROM $from AS m WHERE m.query ~ ('zq' || 'peek') RETURNING q"
        ]);
    $reader->nothing(
        "$from: in a parallel worker",
        [
            'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET enable_parallel_append = on',
            "SELECT query FROM $from"
        ]);
}
$reader->nothing("$_: as a partition of all", "SELECT query FROM pg_stat_monitor WHERE tableoid = '$_'::regclass")
    for ($live, $day);
$reader->nothing("$_: by ctid", "SELECT query FROM $_ WHERE ctid >= '(0,1)' AND ctid < '(1000,1)'") for $day;
$reader->nothing('TABLESAMPLE', "SELECT query FROM $day TABLESAMPLE SYSTEM (100)");
$reader->nothing('ONLY', "SELECT query FROM ONLY $day");
$reader->nothing('COPY of a day', "COPY $day TO STDOUT");
$reader->refused('COPY of the live part', "COPY $live TO STDOUT", '42809|42501');
$reader->nothing(
    'a plan without seqscan',
    [
        'SET enable_seqscan = off; SET enable_bitmapscan = off',
        "SELECT query FROM $day WHERE queryid <> 0 AND exported_at > '2000-01-01' ORDER BY exported_at"
    ]);

# The live part in partitioned tables and append plans of the reader's own, and where it was given the server by mistake.
ask($node, 'GRANT USAGE ON FOREIGN SERVER pg_stat_monitor TO zq_attacker');
my $columns = ask($node,
    "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END, ', ' ORDER BY attnum) FROM pg_attribute "
        . "WHERE attrelid = 'pg_stat_monitor'::regclass AND attnum > 0 AND NOT attisdropped");
$reader->nothing(
    'a foreign table of its own',
    [ "CREATE FOREIGN TABLE zq.own ($columns) SERVER pg_stat_monitor", 'SELECT query FROM zq.own' ],
    control => ["SELECT query FROM $live"]);
$reader->nothing(
    'in a partitioned table of its own',
    [
        'CREATE TABLE zq.over (LIKE pg_stat_monitor) PARTITION BY RANGE (exported_at)',
        "CREATE FOREIGN TABLE zq.part PARTITION OF zq.over FOR VALUES FROM ('infinity') TO (MAXVALUE) SERVER pg_stat_monitor",
        'SELECT query FROM zq.over'
    ],
    control => ["SELECT query FROM $live"]);
$reader->nothing(
    'in a table that it inherits from',
    [
        "CREATE TABLE zq.base ($columns)",
        'CREATE FOREIGN TABLE zq.heir () INHERITS (zq.base) SERVER pg_stat_monitor',
        'SELECT query FROM zq.base'
    ],
    control => ["SELECT query FROM $live"]);
ask($node, 'REVOKE USAGE ON FOREIGN SERVER pg_stat_monitor FROM zq_attacker');
my $nested =
    'SELECT query FROM (SELECT * FROM (SELECT * FROM %1$s UNION ALL SELECT * FROM pg_stat_monitor) AS a UNION ALL SELECT * FROM %1$s) AS b';
$reader->nothing('the live part in an append of an append', sprintf($nested, $live));
$reader->nothing('the live part under the parent in the same statement',
    "SELECT l.query FROM pg_stat_monitor AS p, $live AS l UNION ALL SELECT query FROM $live");

# What the planner has been told of the partitions, by which this role may be told.
$reader->nothing(
    "no statistics: pg_stats.$_",
    "SELECT $_ FROM pg_stats WHERE tablename ~ '^pg_stat_monitor' AND attname IN ('query', 'query_plan', 'top_query', 'message', 'comments')",
    control => []) for qw(most_common_vals histogram_bounds);
$reader->nothing(
    'nothing in pg_statistic',
    q{SELECT stavalues1, stavalues2, stavalues3 FROM pg_statistic},
    control => []);
is(ask($node, "SELECT count(*) FROM pg_stats WHERE tablename = 'pg_stat_monitor_default' AND attname = 'queryid'"),
    1, 'though the tables were analyzed');
$reader->nothing('nothing in pg_statistic_ext_data', 'SELECT d::text FROM pg_statistic_ext_data AS d', control => []);
for my $from ($day, 'pg_stat_monitor_default', $live)
{
    $reader->alike(
        "$from: the estimate for $_",
        "EXPLAIN SELECT * FROM $from WHERE $_ < '{}'",
        '!!!!', 'zzzz', control => qq{SELECT count(*) FROM pg_stat_monitor WHERE $_ < '{}' COLLATE "C"}
    ) for grep { $_ ne 'client_ip' } private_columns();
    $reader->alike(
        "$from: the counts of EXPLAIN ANALYZE",
        "$PLAN SELECT * FROM $from WHERE username <> 'zq_attacker' AND query < '{}'",
        '!!!!', 'zzzz', control => qq{SELECT count(*) FROM pg_stat_monitor WHERE query < '{}' COLLATE "C"});
}

# Texts that lie outside of their row are in a TOAST table, which can have no policy: so they must not be there, not
# even with the longest texts that the settings take by default.
my $seed = 1;

sub noise
{
    return join('', map { chr(97 + ($seed = $seed * 69069 % 2147483647) / 7 % 26) } 1 .. $_[0]);
}

sub wide
{
    return join(', ', map { sprintf('%d AS zqpeek_%s', $_, noise(40)) } 1 .. 40);
}
my @joined = map { 'zqpeek_' . noise(50) } 1 .. 8;
my $inside =
      'SELECT count(*), '
    . wide()
    . ' FROM '
    . join(', ', map { "pg_am AS $_" } @joined)
    . ' WHERE '
    . join(' AND ', map { "$_.oid = $joined[0].oid" } @joined);
ask($node,
    "CREATE FUNCTION zq_deep() RETURNS integer LANGUAGE plpgsql AS \$\$BEGIN PERFORM * FROM ($inside) AS x; RETURN 1; END\$\$"
);
victim_says('SELECT zq_deep(), ' . wide());
ask($node, 'SELECT pg_stat_monitor_export()');
cmp_ok(
    ask($node,
        "SELECT max(octet_length(query) + octet_length(top_query) + octet_length(query_plan)) FROM pg_stat_monitor WHERE exported_at < 'infinity'"
    ),
    '>', 3000,
    'a row with three long texts is stored');
for my $table (@stored)
{
    my $toast = ask($node, "SELECT reltoastrelid::regclass FROM pg_class WHERE oid = '$table'::regclass");
    next if $toast eq '-';
    is($reader->told('zq_attacker', "SELECT count(*) FROM $toast"), "0\n", "no text of $table is in its TOAST table");
}

# Dumps, and sessions of others.
my @dump = ('pg_dump', '-U', 'zq_attacker', '-h', $node->host, '-p', $node->port, '--data-only', 'postgres');
for my $how (
    [], ['--enable-row-security'], ['--inserts'],
    [ '--enable-row-security', '-t', 'pg_stat_monitor*' ],
    [ '--enable-row-security', '-t', $day, '-e', 'pg_stat_monitor' ])
{
    IPC::Run::run([ @dump, @$how ], '>', \my $out, '2>', \my $err);
    unlike($out . $err, qr/zqpeek/, "pg_dump @$how");
}
is( ask($node,
        q{SET pg_stat_monitor.pgsm_track = none; SET ROLE zq_attacker; SELECT count(*) FROM pg_stat_monitor WHERE userid <> 'zq_attacker'::regrole}
    ),
    0,
    'by SET ROLE');
my $answer = $reader->told(
    Attack::superuser(), "PREPARE p AS SELECT query FROM $live UNION ALL SELECT query FROM $day",
    'EXECUTE p', '\echo ======', 'SET ROLE zq_attacker',
    'EXECUTE p');
like($answer, qr/zqpeek.*======/s, 'a plan of a superuser sees it');
unlike($answer, qr/======.*zqpeek/s, 'but not when it is run as the attacker');
$answer = $reader->told(
    Attack::superuser(),
    'SET ROLE zq_attacker',
    "PREPARE p AS SELECT query FROM $day",
    'EXECUTE p', '\echo ======', 'RESET ROLE', 'EXECUTE p');
unlike($answer, qr/zqpeek.*======/s, 'nor is a plan made as the attacker more');

# The control of all: who is to see, sees.
ask($node, 'CREATE ROLE zq_watcher LOGIN IN ROLE pg_read_all_stats');
like($reader->told('zq_watcher', 'SELECT query FROM pg_stat_monitor'),
    qr/zqpeek/, 'a member of pg_read_all_stats sees other people\'s texts');
$node->stop;
done_testing();
