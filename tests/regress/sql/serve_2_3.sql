-- pg_stat_monitor_serve_2_3(): the view for tools of 2.3, and the role's way to it. What it shows while
-- buckets come and go: TAP 021. Who sees what: masking.
\set SHOW_CONTEXT never
CREATE EXTENSION pg_stat_monitor;
CREATE ROLE regress_pgsm_tool LOGIN;
CREATE ROLE regress_pgsm_own LOGIN;
CREATE ROLE regress_pgsm_plain LOGIN;
ALTER ROLE regress_pgsm_own SET search_path = apart, "$user", public;

-- Its argument.
SELECT pg_stat_monitor_serve_2_3('no_such_role');
SELECT pg_stat_monitor_serve_2_3('no_such_role');
SELECT pg_stat_monitor_serve_2_3(NULL);
SET ROLE regress_pgsm_plain;
SELECT pg_stat_monitor_serve_2_3('regress_pgsm_plain');
RESET ROLE;
GRANT EXECUTE ON FUNCTION pg_stat_monitor_serve_2_3(name) TO regress_pgsm_plain;
SET ROLE regress_pgsm_plain;
SELECT pg_stat_monitor_serve_2_3('regress_pgsm_plain');
RESET ROLE;
SELECT to_regnamespace('pgsm_2_3') AS made_by_failures;

-- A schema of that name that is not ours is left alone.
CREATE SCHEMA pgsm_2_3;
SELECT pg_stat_monitor_serve_2_3('regress_pgsm_tool');
DROP SCHEMA pgsm_2_3;

-- Idempotent; the path that the role has stays behind ours; the caller's own is as before.
SET search_path = public, pg_temp;
SELECT pg_stat_monitor_serve_2_3('regress_pgsm_tool');
SELECT pg_stat_monitor_serve_2_3('regress_pgsm_tool');
SELECT pg_stat_monitor_serve_2_3('regress_pgsm_own');
SELECT pg_stat_monitor_serve_2_3('regress_pgsm_own');
SHOW search_path;
RESET search_path;
SELECT s.setrole::regrole, d.datname = current_database() AS here, s.setconfig
FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase
WHERE s.setrole <> 0 ORDER BY s.setrole::regrole::text;

-- Names, order and types of 2.3's view on this major (compat-2.3.md 2.4), and of no other.
WITH shape AS (
    SELECT current_setting('server_version_num')::int / 10000 AS major,
           'bucket bucket_start_time userid username dbid datname client_ip pgsm_query_id queryid toplevel '
           'top_queryid query comments planid query_plan top_query application_name relations cmd_type '
           'cmd_type_text elevel sqlcode message calls total_exec_time min_exec_time max_exec_time '
           'mean_exec_time stddev_exec_time rows shared_blks_hit shared_blks_read shared_blks_dirtied '
           'shared_blks_written local_blks_hit local_blks_read local_blks_dirtied '
           'local_blks_written temp_blks_read '
           'temp_blks_written ' AS head,
           'resp_calls cpu_user_time cpu_sys_time wal_records wal_fpi wal_bytes ' AS middle,
           'bucket_done plans total_plan_time min_plan_time max_plan_time mean_plan_time stddev_plan_time '
           'jit_functions jit_generation_time jit_inlining_count jit_inlining_time jit_optimization_count '
           'jit_optimization_time jit_emission_count jit_emission_time' AS tail),
wanted AS (
    SELECT head
           || CASE WHEN major < 17 THEN 'blk_read_time blk_write_time '
                   ELSE 'shared_blk_read_time shared_blk_write_time local_blk_read_time '
                        'local_blk_write_time ' END
           || 'temp_blk_read_time temp_blk_write_time ' || middle
           || CASE WHEN major >= 18 THEN 'wal_buffers_full ' ELSE '' END
           || tail
           || CASE WHEN major >= 17 THEN ' jit_deform_count jit_deform_time' ELSE '' END
           || CASE WHEN major >= 18 THEN ' parallel_workers_to_launch parallel_workers_launched' ELSE '' END
           || CASE WHEN major >= 17 THEN ' stats_since minmax_stats_since' ELSE '' END AS names,
           CASE WHEN major >= 18 THEN 74 WHEN major >= 17 THEN 71 ELSE 65 END AS columns
    FROM shape)
SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) = (SELECT names FROM wanted) AS names,
       count(*) = (SELECT columns FROM wanted) AS columns
FROM pg_attribute AS a WHERE a.attrelid = 'pgsm_2_3.pg_stat_monitor'::regclass AND a.attnum > 0;
SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute AS a
WHERE a.attrelid = 'pgsm_2_3.pg_stat_monitor'::regclass
  AND a.attname IN ('bucket', 'bucket_start_time', 'userid', 'dbid', 'client_ip', 'relations', 'resp_calls',
                    'cmd_type', 'elevel', 'wal_bytes', 'total_exec_time', 'toplevel', 'bucket_done')
ORDER BY a.attnum;

-- The tool finds it by its bare name, and everything else where it was.
\c - regress_pgsm_tool
SHOW search_path;
SELECT 'pg_stat_monitor'::regclass AS relation, pg_stat_monitor_version() ~ '^\d+\.\d+\.\d+$' AS version;
SELECT 'of the tool' AS word;
SELECT query, calls, bucket BETWEEN 0 AND 9 AS cyclic, bucket_done FROM pg_stat_monitor
WHERE query LIKE 'SELECT ''of the tool''%';
SELECT sum(h.freq) AS executions
FROM (SELECT bucket, queryid FROM pg_stat_monitor WHERE query LIKE 'SELECT ''of the tool''%') AS s,
    histogram(s.bucket::int, s.queryid) AS h(range text, freq int, bar text);
\c - postgres

-- Stored or live, a row is there once.
SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT query, calls, bucket_done FROM pgsm_2_3.pg_stat_monitor WHERE query LIKE 'SELECT ''of the tool''%';
-- The ten newest buckets, each under a number of its own.
SELECT 'one' AS word \; SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT 'two' AS word \; SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT 'three' AS word \; SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT 'four' AS word \; SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT 'five' AS word \; SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT 'six' AS word \; SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT 'seven' AS word \; SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT 'eight' AS word \; SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT 'nine' AS word \; SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT 'ten' AS word \; SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT count(DISTINCT bucket_start_time) AS buckets, count(DISTINCT bucket) AS numbers,
       min(bucket), max(bucket),
       count(DISTINCT bucket_start_time) FILTER (WHERE NOT bucket_done) AS running
FROM pgsm_2_3.pg_stat_monitor;
SELECT count(DISTINCT bucket_start_time) > 10 AS stored_are_more FROM pg_stat_monitor;
-- Sorted by the bucket's start, as 2.3's is.
SELECT array_agg(bucket_start_time) = array_agg(bucket_start_time ORDER BY bucket_start_time) AS sorted
FROM (SELECT bucket_start_time FROM pgsm_2_3.pg_stat_monitor) AS rows;

-- An index leads to them, whatever is stored.
INSERT INTO pg_stat_monitor (bucket, bucket_start_time, exported_at)
SELECT -n / 100, now(), now() FROM generate_series(1, 20000) AS n;
CREATE FUNCTION scans(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || statement INTO plan;
    RETURN QUERY SELECT DISTINCT m[1] || ' ' || m[2]
        FROM regexp_matches(
            plan::text, '"Node Type": "([^"]*Scan)"[^{}]*?"Relation Name": "([a-z_]+)"', 'g') AS m;
END $$;
SELECT regexp_replace(s, '^Bitmap Heap|^Index', 'By index:') AS scan
FROM scans('SELECT * FROM pgsm_2_3.pg_stat_monitor') AS s ORDER BY 1;
ANALYZE pg_stat_monitor_default;
SELECT regexp_replace(s, '^Bitmap Heap|^Index', 'By index:') AS scan
FROM scans('SELECT * FROM pgsm_2_3.pg_stat_monitor') AS s ORDER BY 1;

-- The extension moves to another schema, and what is apart stays what it was.
CREATE SCHEMA moved;
ALTER EXTENSION pg_stat_monitor SET SCHEMA pgsm_2_3;
ALTER EXTENSION pg_stat_monitor SET SCHEMA moved;
SELECT 'moved.pg_stat_monitor'::regclass, count(*) FILTER (WHERE d.objid = 'pgsm_2_3.pg_stat_monitor'::regclass) AS view,
       count(*) FILTER (WHERE d.objid = 'pgsm_2_3.histogram'::regproc) AS histogram
FROM pg_depend AS d WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_stat_monitor');
SELECT count(*) > 0 AS rows FROM pgsm_2_3.pg_stat_monitor;
SELECT moved.pg_stat_monitor_serve_2_3('regress_pgsm_tool');
ALTER EXTENSION pg_stat_monitor SET SCHEMA public;
DROP SCHEMA moved;

-- A user's view on it is in the way of dropping, and nothing else.
CREATE VIEW mine AS SELECT calls FROM pgsm_2_3.pg_stat_monitor;
DROP EXTENSION pg_stat_monitor;
DROP VIEW mine;
SET client_min_messages = warning;
DROP EXTENSION pg_stat_monitor;
RESET client_min_messages;
SELECT to_regnamespace('pgsm_2_3') AS left_behind;
CREATE EXTENSION pg_stat_monitor;
SELECT pg_stat_monitor_serve_2_3('regress_pgsm_tool');
SELECT count(*) > 0 AS rows FROM pgsm_2_3.pg_stat_monitor;
DROP EXTENSION pg_stat_monitor;
DROP ROLE regress_pgsm_tool, regress_pgsm_own, regress_pgsm_plain;
