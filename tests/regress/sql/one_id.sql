-- A statement has one pgsm_query_id, whatever became of it: executed, failed there or before, through PREPARE, in a
-- function, with texts normalised or not.
CREATE EXTENSION pg_stat_monitor;
\set VERBOSITY terse
CREATE TABLE x01 (n integer CHECK (n > 0), s text);
CREATE TABLE x02 (n integer);
CREATE TABLE x03 (n integer);
CREATE TABLE x05 (n integer);
INSERT INTO x02 VALUES (1);
INSERT INTO x03 VALUES (1);
INSERT INTO x05 VALUES (5);
CREATE FUNCTION nested(i integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE format('INSERT INTO x01 VALUES (%s, %L)', i, 'x');
    EXCEPTION WHEN check_violation THEN NULL;
    END;
    RETURN (SELECT 10 / (n - i) FROM x03 WHERE n IS NOT NULL);
END $$;
CREATE VIEW ids AS
SELECT substring(query FROM 'x\d\d') AS name, count(DISTINCT pgsm_query_id) AS ids, sum(calls) FILTER (WHERE elevel = 0) AS executed,
       sum(calls) FILTER (WHERE elevel > 0) AS failed
FROM pg_stat_monitor WHERE query ~ 'x\d\d' AND query !~ 'pg_stat' GROUP BY 1;

SET pg_stat_monitor.pgsm_track = 'all';
SET pg_stat_monitor.pgsm_normalized_query = on;
SELECT FROM pg_stat_monitor_reset();
INSERT INTO x01 VALUES (1, 'a');
INSERT INTO x01 VALUES (-1, 'b');
INSERT INTO x01 VALUES (-1, 'b')\; SELECT 1;
SELECT nested(-1), nested(2);
PREPARE x02 AS SELECT 10 / (n - $1) FROM x02 WHERE n > 0;
EXECUTE x02(2);
EXECUTE x02(1);
VACUUM x05;
BEGIN;
VACUUM x05;
ROLLBACK;
SELECT DATE '2001-01-01' AS x06;
SELECT DATE '2001-01-99' AS x06;
CREATE TABLE x07 (n integer);
CREATE TABLE x07 (n integer);
SELECT * FROM ids WHERE name <> 'x03' ORDER BY name;
DEALLOCATE ALL;

SET pg_stat_monitor.pgsm_normalized_query = off;
SELECT FROM pg_stat_monitor_reset();
INSERT INTO x01 VALUES (1, 'a');
INSERT INTO x01 VALUES (-1, 'b');
INSERT INTO x01 VALUES (-1, 'b')\; SELECT 1;
SELECT nested(-1), nested(2);
PREPARE x02 AS SELECT 10 / (n - $1) FROM x02 WHERE n > 0;
EXECUTE x02(2);
EXECUTE x02(1);
VACUUM x05;
BEGIN;
VACUUM x05;
ROLLBACK;
SELECT DATE '2001-01-01' AS x06;
SELECT DATE '2001-01-99' AS x06;
SELECT * FROM ids WHERE name <> 'x03' ORDER BY name;

RESET pg_stat_monitor.pgsm_track;
RESET pg_stat_monitor.pgsm_normalized_query;
DROP VIEW ids;
DROP FUNCTION nested;
DROP TABLE x01, x02, x03, x05, x07;
DROP EXTENSION pg_stat_monitor;
