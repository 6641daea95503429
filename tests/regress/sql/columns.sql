-- compat-2.3.md 3.1 and 3.5: what the counters of an execution mean.
CREATE EXTENSION pg_stat_monitor;
CREATE TABLE numbers (n integer, filler text);
INSERT INTO numbers SELECT i, repeat('x', 100) FROM generate_series(1, 20000) AS i;
CREATE TEMPORARY TABLE local_one (n integer, filler text);
INSERT INTO local_one SELECT i, repeat('x', 100) FROM generate_series(1, 20000) AS i;
SELECT FROM pg_stat_monitor_reset();

-- Times: sums, extremes, the population's deviation.
SELECT pg_sleep(0.01) AS c01;
SELECT pg_sleep(0.05) AS c01;
SELECT calls, rows, total_exec_time BETWEEN 60 AND 10000 AS total, min_exec_time BETWEEN 10 AND max_exec_time AS min,
       max_exec_time BETWEEN 50 AND total_exec_time AS max,
       abs(total_exec_time - min_exec_time - max_exec_time) < 1e-6 AS two_calls,
       abs(stddev_exec_time - (max_exec_time - min_exec_time) / 2) < 1e-6 AS deviation,
       (SELECT sum(c::bigint) FROM unnest(resp_calls) AS c) AS in_histogram,
       cardinality(resp_calls) AS cells
FROM pg_stat_monitor WHERE query LIKE 'SELECT pg_sleep(0.01)%';

-- CPU time of an outer statement holds that of the statements inside.
CREATE FUNCTION works() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    sum bigint := 0;
BEGIN
    FOR i IN 1 .. 20 LOOP
        SELECT sum + count(*) INTO sum FROM numbers WHERE filler LIKE '%y%' || i;
    END LOOP;
    RETURN sum;
END $$;
SET pg_stat_monitor.pgsm_track = 'all';
SELECT works() AS c02;
RESET pg_stat_monitor.pgsm_track;
SELECT o.cpu_user_time + o.cpu_sys_time >= 0.9 * sum(i.cpu_user_time + i.cpu_sys_time) AS outer_holds_inner,
       sum(i.calls) AS inner_calls
FROM pg_stat_monitor AS o, pg_stat_monitor AS i
WHERE o.query LIKE 'SELECT works%' AND i.top_queryid = o.queryid AND i.query LIKE 'SELECT sum +%'
GROUP BY o.cpu_user_time, o.cpu_sys_time;

-- WAL and shared blocks.
UPDATE numbers SET n = n + 1 WHERE n <= 100;
CHECKPOINT;
UPDATE numbers SET n = n + 1 WHERE n <= 10;
SELECT calls, rows, wal_records >= 110 AS records, wal_fpi > 0 AS page_images, wal_bytes > 8192 AS bytes,
       pg_typeof(wal_bytes) AS type, shared_blks_hit > 300 AS hit, shared_blks_dirtied > 0 AS dirtied,
       local_blks_hit AS local, temp_blks_written AS temp
FROM pg_stat_monitor WHERE query LIKE 'UPDATE numbers%';

-- Temporary files and temporary tables, with their times.
SET work_mem = '64kB';
SET track_io_timing = on;
SELECT count(*) AS c03 FROM (SELECT n FROM numbers ORDER BY filler, n OFFSET 0) AS sorted;
SELECT count(*) AS c04 FROM local_one;
RESET work_mem;
SELECT substring(query, 'c0[34]') AS statement, temp_blks_read > 0 AS temp_read, temp_blks_written > 0 AS temp_written,
       temp_blk_read_time + temp_blk_write_time > 0 AS temp_time, local_blks_hit + local_blks_read > 0 AS local
FROM pg_stat_monitor WHERE query ~ '^SELECT count\(\*\) AS c0[34]' ORDER BY 1;

-- JIT, where the server has it.
SET jit_above_cost = 0;
SET jit_inline_above_cost = 0;
SET jit_optimize_above_cost = 0;
SELECT sum(n + 1) AS c05 FROM numbers WHERE n > 0 OFFSET 1;
RESET jit_above_cost;
SELECT CASE WHEN pg_jit_available()
       THEN jit_functions > 0 AND jit_generation_time > 0 AND jit_emission_count = 1 AND jit_emission_time > 0
            AND jit_optimization_count = 1 AND jit_inlining_count = 1 AND jit_inlining_time > 0
       ELSE jit_functions = 0 END AS jit
FROM pg_stat_monitor WHERE query LIKE '%c05 FROM%' AND query LIKE 'SELECT sum(n%';
SELECT jit_functions, jit_emission_count FROM pg_stat_monitor WHERE query LIKE 'SELECT pg_sleep(0.01)%';

-- Since when: of the entry, within its bucket.
SELECT bool_and(stats_since BETWEEN bucket_start_time AND now()) AS since,
       bool_and(minmax_stats_since = stats_since) AS minmax, count(DISTINCT bucket_start_time) AS buckets
FROM pg_stat_monitor;

-- The workers of a parallel query: no rows of theirs, but their blocks.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
SET pg_stat_monitor.pgsm_track = 'all';
SELECT count(*) AS c06 FROM numbers WHERE n % 3 = 0;
RESET pg_stat_monitor.pgsm_track;
SELECT count(*) AS rows, sum(calls) AS calls, sum(shared_blks_hit + shared_blks_read) >= 300 AS blocks
FROM pg_stat_monitor WHERE query LIKE 'SELECT count(*) AS c06%';

-- pgsm_query_id can be left out.
SET pg_stat_monitor.pgsm_enable_pgsm_query_id = off;
SELECT 8 AS c07;
RESET pg_stat_monitor.pgsm_enable_pgsm_query_id;
SELECT pgsm_query_id IS NULL AS none, queryid IS NOT NULL AS queryid FROM pg_stat_monitor WHERE query LIKE 'SELECT 8 AS c07%';

-- Entries tell apart: application names, users, parents (above), databases (032_protocols.pl).
SET application_name = 'first';
SELECT 9 AS c08;
SET application_name = 'second';
SELECT 9 AS c08;
SELECT application_name, calls FROM pg_stat_monitor WHERE query LIKE 'SELECT 9 AS c08%' ORDER BY 1;
