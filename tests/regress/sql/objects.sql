-- The SQL objects of 2.3 and 2.4 (compat-2.3.md 2.1 to 2.3), and the C entry points of every version before,
-- side by side.
\set VERBOSITY sqlstate
CREATE EXTENSION pg_stat_monitor VERSION '2.3';
CREATE VIEW members AS
SELECT pg_describe_object(d.classid, d.objid, 0) AS object FROM pg_depend AS d
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  AND d.classid <> 'pg_type'::regclass  -- row types are members from 18 on
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_stat_monitor');
CREATE VIEW functions AS
SELECT p.proname AS name, pg_get_function_identity_arguments(p.oid) AS arguments,
       pg_get_function_result(p.oid) AS returns, l.lanname AS language, p.proisstrict AS strict,
       p.provolatile AS volatile,
       p.proparallel AS parallel, p.prosecdef AS definer, p.proleakproof AS leakproof, p.prorows AS rows,
       has_function_privilege('public', p.oid, 'EXECUTE') AS public
FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
WHERE EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
              AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
              AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_stat_monitor'));

-- 2.3: fourteen functions and the view.
SELECT object FROM members ORDER BY object COLLATE "C";
SELECT name, CASE WHEN name <> 'pg_stat_monitor_internal' THEN arguments END AS arguments,
       CASE WHEN name <> 'pg_stat_monitor_internal' THEN returns END AS returns, language, strict, volatile,
       parallel, definer, leakproof, rows, public
FROM functions ORDER BY name COLLATE "C";
SELECT relkind, has_table_privilege('public', 'pg_stat_monitor', 'SELECT') AS public,
       pg_get_viewdef('pg_stat_monitor'::regclass) ~ 'ORDER BY [a-z_.]*bucket_start_time;$' AS sorted
FROM pg_class WHERE oid = 'pg_stat_monitor'::regclass;
SELECT extversion FROM pg_extension WHERE extname = 'pg_stat_monitor';

-- They answer with this library.
SELECT pg_stat_monitor_reset();
SELECT 'counted' AS word;
SELECT 'counted' AS word;
SELECT calls, client_ip, cmd_type_text, cardinality(resp_calls) AS cells FROM pg_stat_monitor
WHERE query LIKE 'SELECT ''counted''%';
SELECT sum(freq) AS executions
FROM (SELECT bucket, queryid FROM pg_stat_monitor WHERE query LIKE 'SELECT ''counted''%') AS s,
    histogram(_bucket => s.bucket::int, _quryid => s.queryid) AS h(range text, freq int, bar text);
-- 2.3's argument has no default; NULL gives no rows.
SELECT count(*) FROM pg_stat_monitor_internal(NULL);
SELECT count(*) FROM pg_stat_monitor_internal();
-- Names of the view on this major, those of the other helpers elsewhere.
SELECT count(*) - CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 74
                       WHEN current_setting('server_version_num')::int >= 170000 THEN 71 ELSE 65
                  END AS more_than_2_3
FROM pg_attribute WHERE attrelid = 'pg_stat_monitor'::regclass AND attnum > 0;
CREATE SCHEMA shapes;
SET search_path = shapes, public;
SELECT pgsm_create_13_view();
SELECT count(*) AS columns FROM pg_attribute
WHERE attrelid = 'shapes.pg_stat_monitor'::regclass AND attnum > 0;
DROP VIEW shapes.pg_stat_monitor;
SELECT pgsm_create_14_view();
SELECT count(*) AS columns FROM pg_attribute
WHERE attrelid = 'shapes.pg_stat_monitor'::regclass AND attnum > 0;
DROP VIEW shapes.pg_stat_monitor;
SELECT pgsm_create_15_view();
SELECT count(*) AS columns FROM pg_attribute
WHERE attrelid = 'shapes.pg_stat_monitor'::regclass AND attnum > 0;
DROP VIEW shapes.pg_stat_monitor;
SELECT pgsm_create_17_view();
SELECT count(*) AS columns FROM pg_attribute
WHERE attrelid = 'shapes.pg_stat_monitor'::regclass AND attnum > 0;
DROP VIEW shapes.pg_stat_monitor;
SELECT pgsm_create_18_view();
SELECT count(*) AS columns FROM pg_attribute
WHERE attrelid = 'shapes.pg_stat_monitor'::regclass AND attnum > 0;
SELECT calls FROM shapes.pg_stat_monitor WHERE query LIKE 'SELECT ''counted''%';
DROP VIEW shapes.pg_stat_monitor;
RESET search_path;

-- 2.4: the helpers are gone, the table and what serves it have come.
ALTER EXTENSION pg_stat_monitor UPDATE TO '2.4';
SELECT object FROM members WHERE object !~ 'partition|index' ORDER BY object COLLATE "C";
SELECT name, CASE WHEN name !~ 'internal' THEN arguments END AS arguments,
       CASE WHEN name !~ 'internal' THEN returns END AS returns, language, strict, volatile,
       parallel, definer, leakproof, public
FROM functions ORDER BY name COLLATE "C";
SELECT get_cmd_type(n) AS cmd_type, n FROM generate_series(-1, 8) AS n ORDER BY n;
SELECT decode_error_level(n) AS level, n
FROM unnest(ARRAY[-1, 0, 1, 9] || ARRAY(SELECT generate_series(10, 24))) AS n ORDER BY n;
SELECT get_cmd_type(NULL) IS NULL AND decode_error_level(NULL) IS NULL AS of_null;
-- Nothing of that name: users make it themselves.
CREATE VIEW pg_stat_monitor_settings AS SELECT name, setting FROM pg_settings
WHERE name LIKE 'pg_stat_monitor.%';
DROP VIEW pg_stat_monitor_settings;

-- The entry points of 2.0, 2.1 and 2.3, declared as those versions did, side by side.
CREATE FUNCTION rows_2_0(IN showtext boolean,
    OUT bucket int8, OUT userid oid, OUT username text, OUT dbid oid, OUT datname text, OUT client_ip int8,
    OUT queryid int8, OUT planid int8, OUT query text, OUT query_plan text, OUT pgsm_query_id int8,
    OUT top_queryid int8, OUT top_query text, OUT application_name text, OUT relations text, OUT cmd_type int,
    OUT elevel int, OUT sqlcode text, OUT message text, OUT bucket_start_time timestamptz, OUT calls int8,
    OUT total_exec_time float8, OUT min_exec_time float8, OUT max_exec_time float8, OUT mean_exec_time float8,
    OUT stddev_exec_time float8, OUT rows int8, OUT plans int8, OUT total_plan_time float8,
    OUT min_plan_time float8, OUT max_plan_time float8, OUT mean_plan_time float8,
    OUT stddev_plan_time float8, OUT shared_blks_hit int8,
    OUT shared_blks_read int8, OUT shared_blks_dirtied int8, OUT shared_blks_written int8,
    OUT local_blks_hit int8,
    OUT local_blks_read int8, OUT local_blks_dirtied int8, OUT local_blks_written int8,
    OUT temp_blks_read int8,
    OUT temp_blks_written int8, OUT blk_read_time float8, OUT blk_write_time float8,
    OUT temp_blk_read_time float8,
    OUT temp_blk_write_time float8, OUT resp_calls text, OUT cpu_user_time float8, OUT cpu_sys_time float8,
    OUT wal_records int8, OUT wal_fpi int8, OUT wal_bytes numeric, OUT comments text, OUT jit_functions int8,
    OUT jit_generation_time float8, OUT jit_inlining_count int8, OUT jit_inlining_time float8,
    OUT jit_optimization_count int8, OUT jit_optimization_time float8, OUT jit_emission_count int8,
    OUT jit_emission_time float8, OUT toplevel boolean, OUT bucket_done boolean)
RETURNS SETOF record AS '$libdir/pg_stat_monitor', 'pg_stat_monitor_2_0' 
LANGUAGE C STRICT VOLATILE PARALLEL SAFE;
CREATE FUNCTION rows_2_1(IN showtext boolean,
    OUT bucket int8, OUT userid oid, OUT username text, OUT dbid oid, OUT datname text, OUT client_ip int8,
    OUT queryid int8, OUT planid int8, OUT query text, OUT query_plan text, OUT pgsm_query_id int8,
    OUT top_queryid int8, OUT top_query text, OUT application_name text, OUT relations text, OUT cmd_type int,
    OUT elevel int, OUT sqlcode text, OUT message text, OUT bucket_start_time timestamptz, OUT calls int8,
    OUT total_exec_time float8, OUT min_exec_time float8, OUT max_exec_time float8, OUT mean_exec_time float8,
    OUT stddev_exec_time float8, OUT rows int8, OUT plans int8, OUT total_plan_time float8,
    OUT min_plan_time float8, OUT max_plan_time float8, OUT mean_plan_time float8,
    OUT stddev_plan_time float8, OUT shared_blks_hit int8,
    OUT shared_blks_read int8, OUT shared_blks_dirtied int8, OUT shared_blks_written int8,
    OUT local_blks_hit int8,
    OUT local_blks_read int8, OUT local_blks_dirtied int8, OUT local_blks_written int8,
    OUT temp_blks_read int8,
    OUT temp_blks_written int8, OUT shared_blk_read_time float8, OUT shared_blk_write_time float8,
    OUT local_blk_read_time float8, OUT local_blk_write_time float8, OUT temp_blk_read_time float8,
    OUT temp_blk_write_time float8, OUT resp_calls text, OUT cpu_user_time float8, OUT cpu_sys_time float8,
    OUT wal_records int8, OUT wal_fpi int8, OUT wal_bytes numeric, OUT comments text, OUT jit_functions int8,
    OUT jit_generation_time float8, OUT jit_inlining_count int8, OUT jit_inlining_time float8,
    OUT jit_optimization_count int8, OUT jit_optimization_time float8, OUT jit_emission_count int8,
    OUT jit_emission_time float8, OUT jit_deform_count int8, OUT jit_deform_time float8,
    OUT stats_since timestamptz,
    OUT minmax_stats_since timestamptz, OUT toplevel boolean, OUT bucket_done boolean)
RETURNS SETOF record AS '$libdir/pg_stat_monitor', 'pg_stat_monitor_2_1' 
LANGUAGE C STRICT VOLATILE PARALLEL SAFE;
-- What one says the others say, column by column and by name.
SELECT pg_stat_monitor_reset();
SELECT 'side by side' AS word;
CREATE TABLE said AS
SELECT '2.0' AS version, to_jsonb(r) AS r FROM rows_2_0(true) AS r WHERE query LIKE 'SELECT ''side by side''%'
UNION ALL
SELECT '2.1', to_jsonb(r) FROM rows_2_1(true) AS r WHERE query LIKE 'SELECT ''side by side''%'
UNION ALL
SELECT '2.3', to_jsonb(r) FROM pg_stat_monitor_internal(true) AS r
WHERE query LIKE 'SELECT ''side by side''%';
SELECT version, (SELECT count(*) FROM jsonb_object_keys(r)) AS columns, r ->> 'calls' AS calls,
       r ->> 'toplevel' AS toplevel, r ->> 'bucket_done' AS done FROM said ORDER BY version;
SELECT a.version, b.key FROM said AS a, said AS newest, jsonb_each(a.r) AS b
WHERE newest.version = '2.3' AND newest.r -> CASE b.key WHEN 'blk_read_time' THEN 'shared_blk_read_time'
                                                        WHEN 'blk_write_time' THEN 'shared_blk_write_time'
                                                        ELSE b.key END IS DISTINCT FROM b.value;
SELECT a.version, string_agg(n.key, ' ' ORDER BY n.key) AS without
FROM said AS a, said AS newest, jsonb_each(newest.r) AS n
WHERE newest.version = '2.3' AND NOT a.r ? n.key GROUP BY a.version ORDER BY a.version;
DROP TABLE said;

-- 1.0's two fail politely, twice; a wrong number of columns is refused.
CREATE FUNCTION rows_1_0(OUT a int8, OUT b int8) RETURNS SETOF record
AS '$libdir/pg_stat_monitor', 'pg_stat_monitor_1_0' LANGUAGE C;
CREATE FUNCTION rows_0(OUT a int8, OUT b int8) RETURNS SETOF record
AS '$libdir/pg_stat_monitor', 'pg_stat_monitor' LANGUAGE C;
CREATE FUNCTION rows_2(IN showtext boolean, OUT a int8, OUT b int8) RETURNS SETOF record
AS '$libdir/pg_stat_monitor', 'pg_stat_monitor_2_3' LANGUAGE C STRICT;
CREATE FUNCTION settings_1_0(OUT a int8, OUT b int8) RETURNS SETOF record
AS '$libdir/pg_stat_monitor', 'pg_stat_monitor_settings' LANGUAGE C;
\set VERBOSITY default
SELECT * FROM rows_1_0();
SELECT * FROM rows_1_0();
SELECT * FROM rows_0();
SELECT * FROM rows_0();
SELECT * FROM rows_2(true);
SELECT * FROM rows_2(true);
-- Upstream's 2.4 has its decoders in C; a database of theirs starts with this library.
CREATE FUNCTION cmd_type_2_4(int) RETURNS text AS '$libdir/pg_stat_monitor', 'pg_stat_monitor_get_cmd_type'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
CREATE FUNCTION error_level_2_4(int) RETURNS text 
AS '$libdir/pg_stat_monitor', 'pg_stat_monitor_decode_error_level'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
SELECT count(*) AS other FROM generate_series(-3, 40) AS n
WHERE (cmd_type_2_4(n), error_level_2_4(n)) IS DISTINCT FROM (get_cmd_type(n), decode_error_level(n));
SELECT cmd_type_2_4(NULL) IS NULL AND error_level_2_4(NULL) IS NULL AS of_null,
       cmd_type_2_4(-2147483648) IS NULL AND error_level_2_4(2147483647) IS NULL AS far_off;

-- Again and again, beside each other, moved; nothing above a WARNING, nothing left.
DROP FUNCTION rows_1_0, rows_0, rows_2, rows_2_0, rows_2_1;
DROP VIEW functions, members;
CREATE EXTENSION IF NOT EXISTS pg_stat_monitor;
ALTER EXTENSION pg_stat_monitor UPDATE;
CREATE SCHEMA elsewhere;
ALTER EXTENSION pg_stat_monitor SET SCHEMA elsewhere;
SELECT elsewhere.pg_stat_monitor_export() > 0 AS wrote;
SELECT count(*) > 0 AS rows FROM elsewhere.pg_stat_monitor;
SELECT cardinality(elsewhere.range()) AS ranges;
SELECT elsewhere.pg_stat_monitor_reset();
SET client_min_messages = warning;
DROP EXTENSION pg_stat_monitor;
RESET client_min_messages;
CREATE EXTENSION pg_stat_monitor;
DROP EXTENSION pg_stat_monitor;
SELECT count(*) AS left_behind FROM pg_class WHERE relname LIKE 'pg\_stat\_monitor%';
