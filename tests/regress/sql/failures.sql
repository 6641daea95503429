-- What a statement has used until it failed is in the row of its error: once, and in no row of an execution.
CREATE EXTENSION pg_stat_monitor;
\set VERBOSITY terse
SET pg_stat_monitor.pgsm_track_planning = on;
CREATE TABLE numbers AS SELECT n, repeat('x', 100) AS filler FROM generate_series(1, 20000) AS n;
CREATE TABLE parents (n integer PRIMARY KEY);
CREATE TABLE children (n integer REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.03); RAISE 'no'; END $$;
CREATE TABLE watched (n integer);
CREATE CONSTRAINT TRIGGER slowly AFTER INSERT ON watched DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slowly();
CREATE FUNCTION folded() RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_sleep(0.03); RAISE 'no'; END $$;
CREATE PROCEDURE fails() LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 / (n - 15000) FROM numbers; END $$;
CREATE FUNCTION inner_one() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*) AS inside FROM numbers WHERE 1 / (n - 15000) < 10);
END $$;
-- (What utility statements plan counts by PostgreSQL's major.)
CREATE VIEW failed AS
SELECT substring(query FROM 'f\d\d') AS name, elevel, sqlcode, calls, cmd_type_text AS command, toplevel AS top, rows,
       total_exec_time > 0 AS time, shared_blks_hit + shared_blks_read >= 200 AS blocks, wal_records >= 5000 AS wal,
       CASE WHEN cmd_type <> 6 THEN plans END AS plans, CASE WHEN cmd_type <> 6 THEN total_plan_time > 0 END AS planned
FROM pg_stat_monitor WHERE query ~ 'f\d\d' AND query !~ 'pg_stat_monitor|failed';

-- A run, on the top and further inside; what the planner does; what it evaluates; a lock that the parser waits for.
SELECT FROM pg_stat_monitor_reset();
SELECT count(*) AS f01 FROM numbers WHERE 1 / (n - 15000) < 10;
SELECT n, 1 / (n - 15000) AS f02 FROM numbers \g /dev/null
UPDATE numbers SET filler = 'f03' WHERE n < 15000 AND 1 / (n - 14000) < 10;
SELECT inner_one() AS f04;
SELECT 1 / 0 AS f05;
SELECT folded() AS f06;
SET statement_timeout = 50;
SELECT pg_sleep(10) AS f07;
SET pg_stat_monitor.pgsm_track_planning = off;
SELECT folded(), 1 AS f08;
RESET statement_timeout;
SET pg_stat_monitor.pgsm_track_planning = on;
INSERT INTO children VALUES (1) /* f09, at the commit */;
BEGIN;
INSERT INTO watched VALUES (1);
COMMIT /* f10 */;
CREATE TABLE f11 AS SELECT 1 / (n - 15000) FROM numbers;
COPY (SELECT 1 / (n - 15000) AS f12 FROM numbers) TO '/dev/null';
EXPLAIN (ANALYZE, COSTS OFF) SELECT 1 / (n - 15000) AS f13 FROM numbers;
CALL fails() /* f14 */;
PREPARE f15 AS SELECT 1 / (n - $1) FROM numbers;
EXECUTE f15(15000) \g /dev/null
BEGIN;
DECLARE f16 CURSOR FOR SELECT 1 / (n - 15000) FROM numbers;
FETCH 100 FROM f16 \g /dev/null
FETCH 19999 FROM f16 \g /dev/null
ROLLBACK;
CREATE ROLE regress_nobody;
SET ROLE regress_nobody;
SELECT count(*) AS f17 FROM numbers;
RESET ROLE;
SELECT f18 FROM missing;
SELEKT f19;
-- (\g /dev/null: psql reads what was fetched before the error.)
SELECT * FROM failed WHERE elevel > 0 ORDER BY name;
SELECT name, total_exec_time >= 20 AS executed, total_plan_time >= 20 AS planned
FROM (SELECT substring(query FROM 'f\d\d') AS name, total_exec_time, total_plan_time FROM pg_stat_monitor WHERE elevel > 0) AS f
WHERE name IN ('f06', 'f07', 'f08') ORDER BY name;
SELECT count(*) FROM pg_stat_monitor WHERE query ~ 'f(01|02|03|04|11|12|13|14)' AND elevel > 0 AND cpu_user_time + cpu_sys_time > 0;
-- None of them is also an execution, but what failed at the commit had been executed.
SELECT name, calls FROM failed WHERE elevel = 0 AND name NOT IN ('f16') ORDER BY name;
-- The time of an error is not counted twice: f10's trigger was no part of its COMMIT.
SELECT elevel, total_exec_time >= 20 AS long FROM pg_stat_monitor WHERE query LIKE 'COMMIT /* f10%' ORDER BY elevel;
-- Caught: the row of the statement that the block ran, with what it had used. The others go on.
SET pg_stat_monitor.pgsm_track = 'all';
SELECT FROM pg_stat_monitor_reset();
DO $$
BEGIN
    FOR i IN 1 .. 3 LOOP
        BEGIN
            PERFORM count(*) AS f21 FROM numbers WHERE 1 / (n - 15000) < 10;
        EXCEPTION WHEN division_by_zero THEN NULL;
        END;
        BEGIN
            PERFORM inner_one() AS f22;
        EXCEPTION WHEN division_by_zero THEN NULL;
        END;
        BEGIN
            EXECUTE 'SELECT 1 / 0 AS f23';
        EXCEPTION WHEN division_by_zero THEN NULL;
        END;
    END LOOP;
    BEGIN
        CREATE TABLE f24 (n integer DEFAULT 1 / 'x');
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    BEGIN
        CREATE TABLE f25 AS SELECT 1 / (n - 15000) FROM numbers;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
END $$;
SELECT * FROM failed ORDER BY name, elevel;
SELECT query, top_query, message FROM pg_stat_monitor WHERE elevel > 0 AND query LIKE '%f22%';
SELECT calls FROM pg_stat_monitor WHERE query LIKE '%inside%';

-- What a function raises may quote what it was handed: no message.
SET pg_stat_monitor.pgsm_normalized_query = on;
CREATE FUNCTION quotes(what text) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'no such thing: %', what; END $$;
CREATE FUNCTION hands_over(what text) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM quotes(what);
    RETURN 1;
EXCEPTION WHEN OTHERS THEN RETURN 2;
END $$;
SELECT hands_over('private');
DO $$
BEGIN
    PERFORM hands_over('private');
    EXECUTE 'ALTER ROLE regress_no_such_role PASSWORD ''private''';
EXCEPTION WHEN OTHERS THEN NULL;
END $$;
SELECT query, calls, message FROM pg_stat_monitor WHERE elevel > 0 AND query ~ 'quotes|ALTER ROLE' ORDER BY query COLLATE "C";
SELECT count(*) FROM pg_stat_monitor WHERE message ~ 'private' OR query ~ 'private';
RESET pg_stat_monitor.pgsm_normalized_query;

-- Caught, and raised again: one error. Raised as another one: two.
SELECT FROM pg_stat_monitor_reset();
CREATE FUNCTION again() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 / (n - 15000) AS f31 FROM numbers;
EXCEPTION WHEN division_by_zero THEN RAISE;
END $$;
CREATE FUNCTION another() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 / (n - 15000) AS f32 FROM numbers;
EXCEPTION WHEN division_by_zero THEN RAISE 'another';
END $$;
SELECT again() AS f33;
SELECT another() AS f34;
SELECT name, sqlcode, calls, top, plans FROM failed ORDER BY name;
SELECT sum(calls) FROM pg_stat_monitor WHERE elevel = 21;

-- Steps of CREATE TABLE and elements of CREATE SCHEMA are no statements of their own.
SELECT FROM pg_stat_monitor_reset();
CREATE SCHEMA several CREATE TABLE first (n serial PRIMARY KEY, m integer GENERATED ALWAYS AS IDENTITY UNIQUE) CREATE VIEW second AS SELECT n FROM first;
CREATE TABLE third (n serial PRIMARY KEY, m integer REFERENCES numbers_not);
CREATE TABLE third (n serial PRIMARY KEY, m integer REFERENCES parents);
ALTER TABLE third ADD COLUMN o bigserial UNIQUE;
SELECT query, toplevel, elevel, calls FROM pg_stat_monitor WHERE query ~ '^(CREATE|ALTER)' ORDER BY query COLLATE "C", elevel;
-- In PL/pgSQL each execution is one, whatever plans are kept.
SELECT FROM pg_stat_monitor_reset();
CREATE FUNCTION utilities() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 4 LOOP SET LOCAL work_mem = 4096; CREATE TEMP TABLE fleeting (n integer); DROP TABLE fleeting; END LOOP;
END $$;
SELECT utilities();
SELECT utilities();
SELECT query, toplevel, calls FROM pg_stat_monitor WHERE query ~ 'work_mem|fleeting' AND NOT toplevel ORDER BY query COLLATE "C";

RESET pg_stat_monitor.pgsm_track;
DROP SCHEMA several CASCADE;
DROP TABLE third, children, parents, watched, numbers CASCADE;
DROP PROCEDURE fails;
DROP FUNCTION slowly, folded, inner_one, again, another, utilities, quotes, hands_over;
DROP ROLE regress_nobody;
DROP VIEW failed;
DROP EXTENSION pg_stat_monitor;
