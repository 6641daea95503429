-- compat-2.3.md 3.1 (planid, query_plan), 3.5 (planning).
CREATE EXTENSION pg_stat_monitor;
CREATE TABLE numbers (n integer);
SET pg_stat_monitor.pgsm_enable_query_plan = on;
SELECT FROM pg_stat_monitor_reset();
SELECT 1 AS p01;
SELECT n AS p02 FROM numbers WHERE n = 7;
INSERT INTO numbers VALUES (1);
SELECT planid, query_plan FROM pg_stat_monitor WHERE query LIKE 'SELECT 1 AS p01%';
SELECT query_plan, planid = hashtextextended(E'Seq Scan on numbers Filter: (n = $1)', 0) AS hash_of_text
FROM pg_stat_monitor WHERE query LIKE '%p02 FROM numbers%' AND query LIKE 'SELECT n%';
SELECT planid IS NULL AS no_plan, query_plan IS NULL AS no_text FROM pg_stat_monitor WHERE query LIKE 'INSERT%';
-- Another plan of the same statement is another row.
CREATE INDEX ON numbers (n);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT n AS p02 FROM numbers WHERE n = 7;
RESET enable_seqscan;
RESET enable_bitmapscan;
SELECT count(*) AS rows, count(DISTINCT queryid) AS ids, count(DISTINCT planid) AS plans
FROM pg_stat_monitor WHERE query LIKE 'SELECT n AS p02%';
-- Other constants, the same plan; the numbers of a type are none.
SET enable_bitmapscan = off;
SET enable_indexscan = off;
SELECT n AS p08 FROM numbers WHERE n < 10 AND n::numeric(5,2) <> 2.5;
SELECT n AS p08 FROM numbers WHERE n < 77 AND n::numeric(5,2) <> 3.75;
RESET enable_bitmapscan;
RESET enable_indexscan;
SELECT calls, query_plan FROM pg_stat_monitor WHERE query LIKE 'SELECT n AS p08%';
-- At most 1023 bytes.
SELECT format('SELECT upper(%L) FROM numbers WHERE %s', 'p03', string_agg(format('n <> %s + length(%L)', i, 'ä'), ' AND '))
    AS statement FROM generate_series(1, 80) AS i \gset
:statement \g /dev/null
SELECT octet_length(query_plan) BETWEEN 1020 AND 1023 AS cut FROM pg_stat_monitor WHERE query LIKE 'SELECT upper%';

-- A plan that can't be explained at its end (a function in it is gone by then) does the statement no harm, and
-- leaves nothing behind in the session: twice, then a good one.
CREATE FUNCTION vanish() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'DROP FUNCTION vanishing(integer)';
    RETURN true;
END $$;
CREATE FUNCTION vanishing(integer) RETURNS boolean LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN true; END';
SELECT n AS p04 FROM numbers WHERE vanishing(n) AND vanish();
CREATE FUNCTION vanishing(integer) RETURNS boolean LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN true; END';
BEGIN;
SELECT n AS p05 FROM numbers WHERE vanishing(n) AND vanish();
SELECT n AS p06 FROM numbers;
COMMIT;
SELECT substring(query, 'p0[456]') AS statement, calls, query_plan IS NOT NULL AS plan, relations
FROM pg_stat_monitor WHERE query ~ '^SELECT n AS p0[456]' ORDER BY 1;
SELECT texts_missing > 0 AS counted FROM pg_stat_monitor_status;

-- A reader with the setting on sees everything.
SELECT count(*) > 5 AS all_rows FROM pg_stat_monitor;
RESET pg_stat_monitor.pgsm_enable_query_plan;

-- Planning: plans are real planner calls, times are there when asked for.
SELECT FROM pg_stat_monitor_reset();
SELECT n AS p11 FROM numbers;
SELECT plans, total_plan_time, min_plan_time, max_plan_time, mean_plan_time, stddev_plan_time
FROM pg_stat_monitor WHERE query LIKE 'SELECT n AS p11%';
SET pg_stat_monitor.pgsm_track_planning = on;
SET plan_cache_mode = force_generic_plan;
SELECT FROM pg_stat_monitor_reset();
PREPARE p AS SELECT n AS p12 FROM numbers;
EXECUTE p;
EXECUTE p;
EXECUTE p;
SELECT n AS p13 FROM numbers WHERE n = 1;
SELECT n AS p13 FROM numbers WHERE n = 2;
SELECT substring(query, 'p1[23]') AS statement, calls, plans, total_plan_time > 0 AS time,
       abs(total_plan_time - plans * mean_plan_time) < 1e-6 AS mean, min_plan_time <= max_plan_time AS range,
       shared_blks_hit > 0 AS hit
FROM pg_stat_monitor WHERE query ~ 'SELECT n AS p1[23]' ORDER BY 1;
SHOW work_mem \g /dev/null
SELECT sum(plans) AS plans, count(*) AS rows FROM pg_stat_monitor WHERE cmd_type_text = 'UTILITY';
