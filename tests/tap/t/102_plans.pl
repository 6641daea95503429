# Planner calls and executions beside pg_stat_statements, also of statements that failed afterwards: it counts their
# plannings, we have them in the rows of the errors.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('plans');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_statements,pg_stat_monitor'\nautovacuum = off\n"
        . "pg_stat_statements.track = all\npg_stat_statements.track_planning = on\npg_stat_monitor.pgsm_track = all\n"
        . "pg_stat_monitor.pgsm_track_planning = on\n$NEVER_ENDS$NO_EXPORTER");
$node->start;
ask($node, 'CREATE EXTENSION pg_stat_monitor; CREATE EXTENSION pg_stat_statements');
ask($node, <<'SQL');
CREATE TABLE zeros AS SELECT 0 AS n FROM generate_series(1, 10);
CREATE TABLE goes AS SELECT 0 AS n FROM generate_series(1, 10);
CREATE TABLE kept (n integer CHECK (n > 0));
CREATE FUNCTION fails() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT max(1 / n) FROM zeros AS of_function); END $$;
CREATE FUNCTION catches() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 3 LOOP
        BEGIN
            PERFORM min(2 / n) FROM zeros AS caught;
        EXCEPTION WHEN division_by_zero THEN NULL;
        END;
    END LOOP;
    RETURN 1;
END $$;
CREATE ROLE nobody LOGIN;
SQL
ask($node, 'SELECT pg_stat_statements_reset()');
ask($node, 'SELECT pg_stat_monitor_reset()');
my @statements = (
    'SELECT count(*) FROM zeros AS good',
    'SELECT sum(1 / n) FROM zeros AS bad',
    'INSERT INTO kept VALUES (1)',
    'INSERT INTO kept VALUES (-1)',
    'UPDATE goes SET n = 1 / n',
    'DELETE FROM goes',
    'SELECT fails()',
    'SELECT catches()',
    "PREPARE p AS SELECT avg(\$1 / n) FROM zeros AS prepared;\nEXECUTE p(1)",
    "BEGIN;\nDECLARE c CURSOR FOR SELECT 3 / n FROM zeros AS of_cursor;\nFETCH c;\nROLLBACK",
    "SET ROLE nobody;\nSELECT count(*) + 1 FROM zeros AS forbidden",
    'DO $$ BEGIN UPDATE kept SET n = -n; END $$');
foreach my $sql (@statements)
{
    $node->psql('postgres', $sql, on_error_stop => 0) for 1 .. 2;
}
my $rows = ask($node, <<'SQL');
WITH theirs AS (SELECT queryid, sum(plans) AS plans, sum(calls) AS calls FROM pg_stat_statements GROUP BY queryid),
     ours AS (SELECT queryid, sum(plans) AS plans, sum(calls) FILTER (WHERE elevel = 0) AS calls, min(query) AS query
              FROM pg_stat_monitor GROUP BY queryid)
SELECT replace(query, E'\n', ' '), theirs.plans, ours.plans, theirs.calls, coalesce(ours.calls, 0)
FROM theirs JOIN ours USING (queryid)
WHERE query ~ 'good|bad|INSERT INTO kept|goes|catches|caught|forbidden' AND query !~ 'pg_stat' ORDER BY 1
SQL
my $compared = 0;
foreach my $row (split /\n/, $rows)
{
    my ($query, $their_plans, $our_plans, $their_calls, $our_calls) = split /\|/, $row;
    is("$our_plans plans, $our_calls calls", "$their_plans plans, $their_calls calls", "$query: the same");
    ++$compared;
}
cmp_ok($compared, '>=', 8, 'enough statements were compared');
# A statement that failed because one inside of it did has the plannings of both: the one inside is planned once a session.
is(ask($node, "SELECT sum(calls), sum(plans) FROM pg_stat_monitor WHERE query LIKE 'SELECT fails()%' AND elevel = 21"), '2|4',
    'plannings further inside are in the one row of the error');

done_testing();
