-- compat-2.3.md 4.5 and the parents of 3.1: which statements inside others are recorded, and under whom.
CREATE EXTENSION pg_stat_monitor;
CREATE TABLE parent (a integer PRIMARY KEY);
CREATE TABLE child (a integer REFERENCES parent);
CREATE FUNCTION plain() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*) FROM parent AS in_plain);
END $$;
CREATE FUNCTION deep() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT plain() AS in_deep);
END $$;
CREATE FUNCTION constant() RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (SELECT abs(42) AS in_planner);
END $$;
CREATE FUNCTION before_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 + 1 AS in_before;
    RETURN NEW;
END $$;
CREATE FUNCTION after_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 * 1 AS in_after;
    RETURN NULL;
END $$;
CREATE TRIGGER before_row BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION before_row();
CREATE TRIGGER after_row AFTER INSERT ON child FOR EACH ROW EXECUTE FUNCTION after_row();
CREATE PROCEDURE steps() LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO parent VALUES (101);
    COMMIT;
    INSERT INTO parent VALUES (102) /* after the commit */;
END $$;
CREATE FUNCTION quiet_error() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT 1 / 0 AS in_caught);
EXCEPTION WHEN division_by_zero THEN
    RETURN 'caught';
END $$;
CREATE FUNCTION switches() RETURNS bigint LANGUAGE plpgsql SET pg_stat_monitor.pgsm_track = 'all' AS $$
BEGIN
    RETURN (SELECT count(*) + 0 FROM parent AS in_switches);
END $$;
CREATE VIEW seen AS
SELECT toplevel, calls, rows, substring(query, '(in_\w+|deep\(\)|constant\(\)|CALL|DO|INSERT INTO \w+|EXPLAIN|CREATE TABLE \w+|DECLARE|FETCH|CLOSE|quiet_error|switches)')
       AS statement,
       top_queryid IS NOT NULL AS has_parent, substring(top_query, '(SELECT deep|in_deep|INSERT INTO \w+|SELECT quiet|SELECT switches)') AS parent
FROM pg_stat_monitor WHERE query !~ 'pg_stat_monitor|FROM seen|TRANSACTION|^(SET|RESET|BEGIN|COMMIT)' AND elevel = 0;
\set look 'SELECT statement, toplevel, calls, has_parent, parent FROM seen WHERE statement IS NOT NULL ORDER BY statement COLLATE "C", toplevel, has_parent;'

SELECT FROM pg_stat_monitor_reset();
SELECT deep();
SELECT constant();
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (1);
DO $$ BEGIN PERFORM 1 - 1 AS in_do; END $$;
CALL steps();
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT 1 = 1 AS in_explain \g /dev/null
CREATE TABLE made AS SELECT 1 AS in_create;
BEGIN;
DECLARE c CURSOR FOR SELECT a FROM parent AS in_cursor ORDER BY a;
FETCH 2 FROM c;
CLOSE c;
COMMIT;
SELECT quiet_error();
SELECT switches();
-- top: what the client sent, and what a function asks for by itself, which is not top-level.
:look
SELECT rows FROM seen WHERE statement = 'FETCH';

SET pg_stat_monitor.pgsm_track = 'all';
SELECT FROM pg_stat_monitor_reset();
SELECT deep();
SELECT constant();
INSERT INTO parent VALUES (2);
INSERT INTO child VALUES (2);
DO $$ BEGIN PERFORM 1 - 1 AS in_do; END $$;
CALL steps();
DELETE FROM parent WHERE a > 100;
CALL steps();
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT 1 = 1 AS in_explain \g /dev/null
SELECT quiet_error();
-- all: parents are the executor runs directly around; DO, CALL, EXPLAIN, AFTER triggers are none.
:look
-- The checks of foreign keys run behind the statement: nested, without a parent.
SELECT bool_and(NOT toplevel AND top_queryid IS NULL AND top_query IS NULL) AS nested, sum(calls) >= 1 AS some
FROM pg_stat_monitor WHERE query LIKE '%FROM ONLY "public"%';
-- The inner statement of EXPLAIN shows its own text.
SELECT query FROM pg_stat_monitor WHERE NOT toplevel AND query LIKE '%in_explain%';

-- Utility statements that are not recorded nest all the same.
SET pg_stat_monitor.pgsm_track = 'top';
SET pg_stat_monitor.pgsm_track_utility = off;
SELECT FROM pg_stat_monitor_reset();
DO $$ BEGIN PERFORM 1 - 1 AS in_do; END $$;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT 1 = 1 AS in_explain \g /dev/null
:look

-- none: nothing but errors, and what a function asks for itself.
RESET pg_stat_monitor.pgsm_track_utility;
SET pg_stat_monitor.pgsm_track = 'none';
SELECT FROM pg_stat_monitor_reset();
SELECT deep();
SELECT 1 / 0 AS failing;
SELECT switches();
SELECT calls, elevel, sqlcode FROM pg_stat_monitor WHERE query !~ 'pg_stat_monitor' ORDER BY elevel;
