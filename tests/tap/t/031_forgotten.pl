# A backend remembers the constants of the statements that it has parsed, in bounded memory. Of those that it has
# forgotten (statements prepared long ago) it guesses them from the text: same text, same pgsm_query_id.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Each ends with a semicolon at the end of a line.
my $CORPUS = <<'END';
SELECT n FROM t WHERE n = 1 AND s = 'x';
SELECT n FROM t WHERE n = -5 AND d > -1.5;
SELECT n - 5, n -5, -n, (n) - 1, 3 - -2 FROM t;
SELECT n, s FROM t ORDER BY 1, 2 DESC LIMIT 10 OFFSET 2;
SELECT n, count(*) FROM t GROUP BY 1 HAVING count(*) > 1 ORDER BY 1;
SELECT n, s, count(*) FROM t GROUP BY GROUPING SETS ((1), (1, 2), ()) ORDER BY 1;
SELECT DISTINCT ON (1) n, s FROM t ORDER BY 1, s;
SELECT rank() OVER (PARTITION BY n % 2 ORDER BY n DESC) FROM t;
SELECT array_agg(n ORDER BY n + 1, 1) FROM t;
SELECT 12.5::numeric(10,2), CAST(3 AS numeric(5)), '1'::varchar(20), numeric(4,1) '7.5';
SELECT '2020-01-01'::timestamp(3), timestamp(0) '2020-01-01', time(2) '10:00';
SELECT interval '1 day', interval(2) '3 seconds', '4 hours'::interval hour to minute, interval '5' year;
SELECT current_timestamp(3) IS NULL, localtime(0) IS NOT NULL;
SELECT true, false, NULL, n IS NULL, n IS NOT NULL, (n = 1) IS TRUE, (n = 2) IS NOT FALSE FROM t;
SELECT n IS DISTINCT FROM NULL, n IS NOT DISTINCT FROM 4 FROM t;
SELECT extract(year FROM date '2020-02-03'), extract('month' FROM date '2020-02-03');
SELECT E'a\'b', $$dollar's$$, $x$ 'in' $x$, B'101', X'1F', U&'d\0061t';
SELECT 'it''s', 'two'
  ' parts';
SELECT n FROM t WHERE n IN (1, 2, 3) AND s LIKE 'a%' ESCAPE '!';
SELECT n FROM t WHERE n NOT IN (-1, +2) AND s IN ( 'x', NULL ) AND n IN (5) OR n IN (n, 7) OR n IN (1, 1 + 1);
SELECT 4 = ANY (ARRAY[ 1, -2 ]), ARRAY[n, 3], ARRAY[true, false], n IN (SELECT 1) FROM t WHERE d IN (1.5, 2);
SELECT n FROM t WHERE n IN (1::bigint, cast(2 AS int), ('3'), (4)::numeric(5)) AND interval '1 d' IN ( interval '1' day, '2 h' );
SELECT n FROM t WHERE n IN ((ARRAY[1,2])[1], 2) OR s = ANY (ARRAY['a'::text, date '2020-01-01'::text, upper('b')]);
SELECT (ARRAY[1,2,3])[2], '{1,2}'::int[], ARRAY[[1],[2]]::int[2][1];
SELECT CASE WHEN n > 5 THEN 'big' WHEN n = 0 THEN NULL ELSE 'small' END FROM t;
SELECT n FROM (SELECT n FROM t ORDER BY 1 LIMIT 3) q WHERE n <> 9;
SELECT n FROM t WHERE n > (SELECT 7) UNION ALL SELECT 8 ORDER BY 1 LIMIT ALL;
WITH w AS (SELECT 1 AS a, 'q' AS b) SELECT a + 1 FROM w WHERE b = 'q' FETCH FIRST 3 ROWS ONLY;
SELECT sum(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING) FROM t;
SELECT * FROM generate_series(1, 10, 2) AS g(x) WHERE x > 3;
SELECT n FROM t TABLESAMPLE system (50) REPEATABLE (7);
INSERT INTO t VALUES (1, 'a', 1.5), (2, NULL, -2.5);
UPDATE t SET n = n - 1, s = 'new', d = NULL WHERE n > 100;
DELETE FROM t WHERE n = 4711 RETURNING n + 1;
SELECT coalesce(n, 0), nullif(s, ''), greatest(1, n, -3) FROM t;
SELECT n /* 5 comment */ FROM t -- 'another' 6
 WHERE n = 7;
SELECT s COLLATE "C" || 'x', s || 5 FROM t WHERE s !~ '^[0-9]+$';
SELECT normalize('x', NFC), 'y' IS NFC NORMALIZED;
SELECT ROW(1, 'a'), (2, 'b') = (3, 'c');
SELECT row_number() OVER (), trim(both 'x' FROM s), substring(s FROM 2 FOR 3), position('a' IN s) FROM t;
SELECT x.n FROM t AS x JOIN t AS y ON x.n = y.n AND y.n = 3 WHERE EXISTS (SELECT 1 FROM t);
SELECT now() AT TIME ZONE 'utc' IS NULL, s::char(3), s::bit varying(3) IS NULL FROM t WHERE false;
VALUES (1, 'one'), (2, 'two');
TABLE t;
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY n) FROM t;
SELECT count(*) FILTER (WHERE n > 3) FROM t;
SELECT ((1 + 2) * 3 - 4) / 5;
SELECT max(n) - min(n) - 1 FROM t;
SELECT n FROM t WHERE n BETWEEN 1 AND 10 OR n BETWEEN -20 AND -10;
SELECT - n, -(5)::int8, +3, n ^ -2 FROM t;
END

my $node = monitored_node('forgotten', $NEVER_ENDS . $NO_EXPORTER);
ask($node, 'CREATE TABLE t (n integer, s text, d numeric); CREATE TABLE seen (i integer, round text, query text, '
        . 'id bigint)');
my @statements = split /;\n/, $CORPUS;
cmp_ok(scalar(@statements), '>', 40, 'there are statements');

# More statements, all different to PostgreSQL, than a backend remembers.
my $others = <<'END';
SET pg_stat_monitor.pgsm_track = 'all';
DO $$
DECLARE
    statement text;
    result integer;
BEGIN
    FOR k IN 0 .. 4095 LOOP
        statement := 'SELECT 1';
        FOR b IN 0 .. 11 LOOP
            statement := statement || CASE WHEN (k >> b) & 1 = 1 THEN ' + 1' ELSE ' - 1' END;
        END LOOP;
        EXECUTE statement INTO result;
    END LOOP;
END $$;
SET pg_stat_monitor.pgsm_track = 'top';
END

my $session = "SET pg_stat_monitor.pgsm_normalized_query = on; SET plan_cache_mode = force_generic_plan;\n";
$session .= "PREPARE p$_ AS $statements[$_];\n" foreach 0 .. $#statements;
foreach my $round ('known', 'forgotten', 'simple')
{
    $session .= $others if $round eq 'forgotten';
    foreach my $i (0 .. $#statements)
    {
        my $statement = $round eq 'simple' ? $statements[$i] : "EXECUTE p$i";
        $session .= "SELECT FROM pg_stat_monitor_reset();\n$statement \n;\n"
            . "INSERT INTO seen SELECT $i, '$round', query, pgsm_query_id FROM pg_stat_monitor "
            . "WHERE query !~ 'pg_stat_monitor';\n";
    }
}
ask($node, $session);
# In a session that is new the store has all texts, so constants are not looked for until a statement has come often.
# When the store has lost them, they are looked for again.
foreach my $round ('new session', 'often')
{
    my $settings = "SET pg_stat_monitor.pgsm_normalized_query = on;\n";
    my $all = join('', map { "$_ \n;\n" } @statements);
    ask($node, "$settings SELECT FROM pg_stat_monitor_reset();\n$all");
    $session = $settings . $all x ($round eq 'often' ? 20 : 1);
    $session .= "SELECT FROM pg_stat_monitor_reset();\n$statements[$_] \n;\n"
        . "INSERT INTO seen SELECT $_, '$round', query, pgsm_query_id FROM pg_stat_monitor "
        . "WHERE query !~ 'pg_stat_monitor';\n"
        foreach 0 .. $#statements;
    ask($node, $session);
}
is(ask($node, 'SELECT count(*) FROM seen'), 5 * @statements, 'each was recorded once in each round');
is(ask($node, 'SELECT count(*) FROM seen WHERE query ~ $$\$\d$$ AND query !~ $$^PREPARE$$') > 3 * 40, 1,
    'texts are normalised');
foreach my $i (0 .. $#statements)
{
    is(ask($node, "SELECT string_agg(DISTINCT query, ' <> ') FROM seen WHERE i = $i AND round <> 'known'"),
        ask($node, "SELECT query FROM seen WHERE i = $i AND round = 'known'"), "text of $statements[$i]");
    is(ask($node, "SELECT count(DISTINCT id) FROM seen WHERE i = $i"), 1, "id of $statements[$i]");
}
$node->stop;

done_testing();
