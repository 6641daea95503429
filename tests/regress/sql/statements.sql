-- What is recorded of plain, nested, utility and failing statements, and with which values.
\set VERBOSITY sqlstate
CREATE EXTENSION pg_stat_monitor;
CREATE TABLE numbers (n integer);
SELECT pg_stat_monitor_reset();

INSERT INTO numbers SELECT generate_series(1, 1000);
UPDATE numbers SET n = n + 1 WHERE n <= 10;
DELETE FROM numbers WHERE n > 900;
SELECT count(*) FROM numbers;
SELECT n FROM numbers WHERE n < 3 ORDER BY n;
SELECT n FROM numbers WHERE n < 4 ORDER BY n;
VACUUM numbers;

SELECT cmd_type_text, calls, rows, query FROM pg_stat_monitor
WHERE query ~ '^(INSERT|UPDATE|DELETE|SELECT count|SELECT n|VACUUM)' ORDER BY query COLLATE "C";

-- Values that must hold for every row of an execution.
SELECT count(*) > 5 AS several,
       bool_and(bucket_start_time <= now() AND bucket >= 0 AND NOT bucket_done) AS bucket,
       bool_and(userid::regrole::text = username) AS names,
       bool_and(dbid = (SELECT oid FROM pg_database WHERE datname = d.datname)) AS database,
       bool_and(client_ip = '127.0.0.1') AS address,
       bool_and(toplevel AND top_queryid IS NULL AND top_query IS NULL) AS top,
       bool_and(application_name LIKE 'pg_regress/statements') AS application,
       bool_and(queryid IS NOT NULL AND pgsm_query_id IS NOT NULL) AS ids,
       bool_and(elevel = 0 AND sqlcode IS NULL AND message IS NULL) AS no_error,
       bool_and(total_exec_time > 0 AND min_exec_time <= mean_exec_time AND mean_exec_time <= max_exec_time
                AND abs(total_exec_time - calls * mean_exec_time) < 1e-6 * total_exec_time) AS exec_time,
       bool_and(stddev_exec_time >= 0 AND (calls > 1 OR stddev_exec_time = 0)) AS deviation,
       bool_and(cpu_user_time >= 0 AND cpu_sys_time >= 0) AS cpu,
       bool_and(stats_since >= bucket_start_time AND minmax_stats_since = stats_since) AS since,
       bool_and(exported_at = 'infinity') AS live
FROM pg_stat_monitor d WHERE query ~ '^(INSERT|UPDATE|DELETE|SELECT count|SELECT n|VACUUM)';
SELECT cmd_type_text, shared_blks_hit > 0 AS hit, shared_blks_dirtied > 0 AS dirtied,
       wal_records >= 1000 AS wal, wal_bytes > 0 AS wal_bytes, relations
FROM pg_stat_monitor WHERE query LIKE 'INSERT INTO numbers%';

-- No NULL where client programs can not take one.
SELECT count(*) FROM pg_stat_monitor
WHERE num_nulls(bucket, bucket_start_time, client_ip, query, datname, userid, username, dbid, calls, rows,
                plans, cmd_type, elevel, total_exec_time, min_exec_time, max_exec_time, mean_exec_time,
                stddev_exec_time,
                shared_blks_hit, local_blks_hit, temp_blks_read, shared_blk_read_time, local_blk_read_time,
                temp_blk_read_time, cpu_user_time, cpu_sys_time, wal_records, wal_fpi, wal_bytes,
                jit_functions, jit_deform_time, total_plan_time, bucket_done, toplevel, exported_at) > 0;

-- Errors: one row with what went wrong. Twice in one session, then a good statement.
SELECT pg_stat_monitor_reset();
SELECT 1 / (n - n) FROM numbers LIMIT 1;
SELECT 1 / (n - n) FROM numbers LIMIT 1;
SELECT FROM no_such_table;
SELEKT;
SELECT 'good' AS after;
SELECT sum(calls) AS calls, elevel, decode_error_level(elevel) AS level, sqlcode, message
FROM pg_stat_monitor WHERE elevel > 0 GROUP BY 2, 3, 4, 5 ORDER BY sqlcode;
SELECT calls, elevel FROM pg_stat_monitor WHERE query LIKE 'SELECT ''good''%';

-- Nested statements: with 'top' only the outer one, with 'all' the inner ones under it.
CREATE FUNCTION nested(times integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found bigint := 0;
BEGIN
    FOR i IN 1 .. times LOOP
        SELECT found + count(*) INTO found FROM numbers AS inner_one WHERE n = i;
    END LOOP;
    RETURN found;
END $$;
SELECT pg_stat_monitor_reset();
SELECT nested(5) >= 0 AS done;
SELECT toplevel, calls FROM pg_stat_monitor WHERE query ~ 'nested\(5\)|inner_one' ORDER BY toplevel;
SET pg_stat_monitor.pgsm_track = 'all';
SELECT pg_stat_monitor_reset();
SELECT nested(5) >= 0 AS done;
SELECT toplevel, sum(calls) AS calls, bool_and(top_queryid IS NOT NULL) AS has_parent,
       bool_and(top_query LIKE 'SELECT nested(5)%') AS parent_text
FROM pg_stat_monitor WHERE query ~ '^SELECT (nested|found)' GROUP BY toplevel ORDER BY toplevel;
SET pg_stat_monitor.pgsm_track = 'none';
SELECT pg_stat_monitor_reset();
SELECT 'unseen' AS word;
RESET pg_stat_monitor.pgsm_track;
SELECT count(*) FROM pg_stat_monitor WHERE query LIKE 'SELECT ''unseen''%';

-- A password is never kept.
CREATE ROLE regress_pgsm_secret PASSWORD 'xyzzy';
SELECT count(*) FROM pg_stat_monitor WHERE query LIKE '%xy' || 'zzy%';
DROP ROLE regress_pgsm_secret;
