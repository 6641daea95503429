-- Made by schema/codegen.py from schema/columns.yaml: do not edit. To renew it: meson compile -C build regen
\echo Use "ALTER EXTENSION pg_stat_monitor UPDATE TO '2.4'" to load this file. \quit

-- The view makes room for a table of the same name. Who could read it shall read the table: remember that
-- ('' is the view itself, the other keys are columns) before it goes.
DO $pgsm$
BEGIN
    PERFORM pg_catalog.set_config('pgsm_update.grants', (
        SELECT pg_catalog.jsonb_object_agg(acl.name, acl.items)::text
        FROM (
            SELECT ''::text, coalesce(c.relacl::text, '{}')
            FROM pg_catalog.pg_class AS c
            WHERE c.oid = 'pg_stat_monitor'::regclass::oid
            UNION ALL
            SELECT a.attname::text, a.attacl::text
            FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = 'pg_stat_monitor'::regclass::oid AND a.attacl IS NOT NULL
        ) AS acl(name, items)), true);
END
$pgsm$;

-- No CASCADE: a view that a user built on it stops the update with PostgreSQL's own message. This is what he needs to
-- know before he creates it again: 2.3's view showed each reader what he may see, whoever owned a view over it.
DO $pgsm$
DECLARE
    views text;
BEGIN
    views := (
        WITH RECURSIVE found AS (
            SELECT 'pg_stat_monitor'::regclass::oid AS oid
            UNION
            SELECT r.ev_class FROM found AS f
            JOIN pg_catalog.pg_depend AS d
                ON d.classid = 'pg_catalog.pg_rewrite'::regclass::oid AND d.refobjid = f.oid
               AND d.refclassid IN ('pg_catalog.pg_class'::regclass::oid, 'pg_catalog.pg_proc'::regclass::oid)
            JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
        )
        SELECT pg_catalog.string_agg(pg_catalog.format('%I.%I', n.nspname, c.relname), ', '
                                     ORDER BY n.nspname, c.relname)
        FROM found AS f JOIN pg_catalog.pg_class AS c ON c.oid = f.oid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('v', 'm') AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend AS d
            WHERE d.classid = 'pg_catalog.pg_class'::regclass::oid AND d.objid = c.oid AND d.deptype = 'e'));
    IF views IS NOT NULL THEN
        RAISE WARNING 'views over pg_stat_monitor have to be dropped before the update: %', views
            USING DETAIL = 'It replaces the view pg_stat_monitor by a table.',
                  HINT = 'Save their definitions, drop them, update, and create them again WITH (security_invoker = '
                         'true). Without that a view runs as its owner and shows everyone''s statements to its readers.';
    END IF;
END
$pgsm$;

DROP VIEW pg_stat_monitor;
DROP FUNCTION pgsm_create_view();
DROP FUNCTION pgsm_create_13_view();
DROP FUNCTION pgsm_create_14_view();
DROP FUNCTION pgsm_create_15_view();
DROP FUNCTION pgsm_create_17_view();
DROP FUNCTION pgsm_create_18_view();

CREATE OR REPLACE FUNCTION pg_stat_monitor_reset()
RETURNS void
AS 'MODULE_PATHNAME', 'pg_stat_monitor_reset'
LANGUAGE C PARALLEL UNSAFE;
REVOKE ALL ON FUNCTION pg_stat_monitor_reset() FROM PUBLIC;

CREATE OR REPLACE FUNCTION pg_stat_monitor_version()
RETURNS text
AS 'MODULE_PATHNAME', 'pg_stat_monitor_version'
LANGUAGE C PARALLEL SAFE;

CREATE OR REPLACE FUNCTION get_histogram_timings()
RETURNS text
AS 'MODULE_PATHNAME', 'get_histogram_timings'
LANGUAGE C PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION get_histogram_timings() TO PUBLIC;

CREATE OR REPLACE FUNCTION range()
RETURNS text[]
LANGUAGE sql
RETURN pg_catalog.string_to_array(get_histogram_timings(), ',');
GRANT EXECUTE ON FUNCTION range() TO PUBLIC;

CREATE OR REPLACE FUNCTION get_cmd_type(cmd_type integer)
RETURNS text
LANGUAGE sql PARALLEL SAFE
RETURN CASE cmd_type
    WHEN 0 THEN ''
    WHEN 1 THEN 'SELECT'
    WHEN 2 THEN 'UPDATE'
    WHEN 3 THEN 'INSERT'
    WHEN 4 THEN 'DELETE'
    WHEN 5 THEN 'MERGE'
    WHEN 6 THEN 'UTILITY'
    WHEN 7 THEN 'NOTHING'
END;
GRANT EXECUTE ON FUNCTION get_cmd_type(integer) TO PUBLIC;

CREATE OR REPLACE FUNCTION decode_error_level(elevel integer)
RETURNS text
LANGUAGE sql PARALLEL SAFE
RETURN CASE elevel
    WHEN 0 THEN ''
    WHEN 10 THEN 'DEBUG5'
    WHEN 11 THEN 'DEBUG4'
    WHEN 12 THEN 'DEBUG3'
    WHEN 13 THEN 'DEBUG2'
    WHEN 14 THEN 'DEBUG1'
    WHEN 15 THEN 'LOG'
    WHEN 16 THEN 'LOG_SERVER_ONLY'
    WHEN 17 THEN 'INFO'
    WHEN 18 THEN 'NOTICE'
    WHEN 19 THEN 'WARNING'
    WHEN 20 THEN 'WARNING_CLIENT_ONLY'
    WHEN 21 THEN 'ERROR'
    WHEN 22 THEN 'FATAL'
    WHEN 23 THEN 'PANIC'
END;
GRANT EXECUTE ON FUNCTION decode_error_level(integer) TO PUBLIC;

CREATE OR REPLACE FUNCTION pg_stat_monitor_internal(
    IN showtext boolean DEFAULT true,
    OUT bucket bigint,
    OUT userid oid,
    OUT username text,
    OUT dbid oid,
    OUT datname text,
    OUT client_ip bigint,
    OUT queryid bigint,
    OUT planid bigint,
    OUT query text,
    OUT query_plan text,
    OUT pgsm_query_id bigint,
    OUT top_queryid bigint,
    OUT top_query text,
    OUT application_name text,
    OUT relations text,
    OUT cmd_type integer,
    OUT elevel integer,
    OUT sqlcode text,
    OUT message text,
    OUT bucket_start_time timestamp with time zone,
    OUT calls bigint,
    OUT total_exec_time double precision,
    OUT min_exec_time double precision,
    OUT max_exec_time double precision,
    OUT mean_exec_time double precision,
    OUT stddev_exec_time double precision,
    OUT rows bigint,
    OUT plans bigint,
    OUT total_plan_time double precision,
    OUT min_plan_time double precision,
    OUT max_plan_time double precision,
    OUT mean_plan_time double precision,
    OUT stddev_plan_time double precision,
    OUT shared_blks_hit bigint,
    OUT shared_blks_read bigint,
    OUT shared_blks_dirtied bigint,
    OUT shared_blks_written bigint,
    OUT local_blks_hit bigint,
    OUT local_blks_read bigint,
    OUT local_blks_dirtied bigint,
    OUT local_blks_written bigint,
    OUT temp_blks_read bigint,
    OUT temp_blks_written bigint,
    OUT shared_blk_read_time double precision,
    OUT shared_blk_write_time double precision,
    OUT local_blk_read_time double precision,
    OUT local_blk_write_time double precision,
    OUT temp_blk_read_time double precision,
    OUT temp_blk_write_time double precision,
    OUT resp_calls text,
    OUT cpu_user_time double precision,
    OUT cpu_sys_time double precision,
    OUT wal_records bigint,
    OUT wal_fpi bigint,
    OUT wal_bytes numeric,
    OUT wal_buffers_full bigint,
    OUT comments text,
    OUT jit_functions bigint,
    OUT jit_generation_time double precision,
    OUT jit_inlining_count bigint,
    OUT jit_inlining_time double precision,
    OUT jit_optimization_count bigint,
    OUT jit_optimization_time double precision,
    OUT jit_emission_count bigint,
    OUT jit_emission_time double precision,
    OUT jit_deform_count bigint,
    OUT jit_deform_time double precision,
    OUT parallel_workers_to_launch integer,
    OUT parallel_workers_launched integer,
    OUT stats_since timestamp with time zone,
    OUT minmax_stats_since timestamp with time zone,
    OUT toplevel boolean,
    OUT bucket_done boolean
)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'pg_stat_monitor_2_3'
LANGUAGE C STRICT PARALLEL SAFE;

CREATE FUNCTION pg_stat_monitor_export()
RETURNS integer
AS 'MODULE_PATHNAME', 'pg_stat_monitor_export'
LANGUAGE C STRICT VOLATILE;
REVOKE ALL ON FUNCTION pg_stat_monitor_export() FROM PUBLIC;

CREATE FUNCTION pg_stat_monitor_status_internal(
    OUT version text,
    OUT state text,
    OUT reason text,
    OUT running_bucket bigint,
    OUT running_bucket_start timestamp with time zone,
    OUT ended_buckets integer,
    OUT entries bigint,
    OUT store_bytes_total bigint,
    OUT store_bytes_used bigint,
    OUT text_bytes_total bigint,
    OUT text_bytes_used bigint,
    OUT texts bigint,
    OUT entries_evicted bigint,
    OUT samples_folded bigint,
    OUT texts_missing bigint,
    OUT cells_lost bigint,
    OUT buckets_merged bigint,
    OUT buckets_lost bigint,
    OUT statements_lost bigint,
    OUT calls_lost bigint,
    OUT lost_reason text,
    OUT calls_without_room bigint,
    OUT calls_without_memory bigint,
    OUT standby_buckets_dropped bigint,
    OUT standby_calls_dropped bigint,
    OUT export_database text,
    OUT last_export_at timestamp with time zone,
    OUT last_export_rows bigint,
    OUT last_export_ms double precision,
    OUT exports bigint,
    OUT export_failures bigint,
    OUT last_error text,
    OUT last_error_at timestamp with time zone,
    OUT history_bytes bigint,
    OUT history_oldest timestamp with time zone,
    OUT history_error text,
    OUT history_error_at timestamp with time zone,
    OUT publications text,
    OUT stats_since timestamp with time zone,
    OUT history_rows_folded bigint,
    OUT history_days_dropped bigint,
    OUT history_dropped_to timestamp with time zone,
    OUT history_dropped_at timestamp with time zone
)
RETURNS record
AS 'MODULE_PATHNAME', 'pg_stat_monitor_status_internal'
LANGUAGE C STRICT PARALLEL SAFE;

CREATE VIEW pg_stat_monitor_status AS SELECT
    version,
    state,
    reason,
    running_bucket,
    running_bucket_start,
    ended_buckets,
    entries,
    store_bytes_total,
    store_bytes_used,
    text_bytes_total,
    text_bytes_used,
    texts,
    entries_evicted,
    samples_folded,
    texts_missing,
    cells_lost,
    buckets_merged,
    buckets_lost,
    statements_lost,
    calls_lost,
    lost_reason,
    calls_without_room,
    calls_without_memory,
    standby_buckets_dropped,
    standby_calls_dropped,
    export_database,
    last_export_at,
    last_export_rows,
    last_export_ms,
    exports,
    export_failures,
    last_error,
    last_error_at,
    history_bytes,
    history_oldest,
    history_error,
    history_error_at,
    publications,
    stats_since,
    history_rows_folded,
    history_days_dropped,
    history_dropped_to,
    history_dropped_at
FROM pg_stat_monitor_status_internal();

CREATE FUNCTION pg_stat_monitor_fdw_handler()
RETURNS fdw_handler
AS 'MODULE_PATHNAME', 'pg_stat_monitor_fdw_handler'
LANGUAGE C STRICT;
REVOKE ALL ON FUNCTION pg_stat_monitor_fdw_handler() FROM PUBLIC;

CREATE FOREIGN DATA WRAPPER pg_stat_monitor HANDLER pg_stat_monitor_fdw_handler;
CREATE SERVER pg_stat_monitor FOREIGN DATA WRAPPER pg_stat_monitor;
-- A wrapper's owner has to be a superuser: as it is, REASSIGN OWNED can give all the rest to any role.
DO $pgsm$
BEGIN
    EXECUTE (SELECT pg_catalog.format('ALTER FOREIGN DATA WRAPPER pg_stat_monitor OWNER TO %I', a.rolname)
             FROM pg_catalog.pg_authid AS a WHERE a.oid = 10::oid);
END
$pgsm$;

CREATE TABLE pg_stat_monitor (
    bucket bigint,
    bucket_start_time timestamp with time zone,
    userid oid,
    username text,
    dbid oid,
    datname text,
    client_ip inet,
    pgsm_query_id bigint,
    queryid bigint,
    toplevel boolean,
    top_queryid bigint,
    query text,
    comments text,
    planid bigint,
    query_plan text,
    top_query text,
    application_name text,
    relations text[],
    cmd_type integer,
    cmd_type_text text,
    elevel integer,
    sqlcode text,
    message text,
    calls bigint,
    total_exec_time double precision,
    min_exec_time double precision,
    max_exec_time double precision,
    mean_exec_time double precision,
    stddev_exec_time double precision,
    rows bigint,
    shared_blks_hit bigint,
    shared_blks_read bigint,
    shared_blks_dirtied bigint,
    shared_blks_written bigint,
    local_blks_hit bigint,
    local_blks_read bigint,
    local_blks_dirtied bigint,
    local_blks_written bigint,
    temp_blks_read bigint,
    temp_blks_written bigint,
    shared_blk_read_time double precision,
    shared_blk_write_time double precision,
    local_blk_read_time double precision,
    local_blk_write_time double precision,
    temp_blk_read_time double precision,
    temp_blk_write_time double precision,
    resp_calls text[],
    cpu_user_time double precision,
    cpu_sys_time double precision,
    wal_records bigint,
    wal_fpi bigint,
    wal_bytes numeric,
    bucket_done boolean,
    plans bigint,
    total_plan_time double precision,
    min_plan_time double precision,
    max_plan_time double precision,
    mean_plan_time double precision,
    stddev_plan_time double precision,
    jit_functions bigint,
    jit_generation_time double precision,
    jit_inlining_count bigint,
    jit_inlining_time double precision,
    jit_optimization_count bigint,
    jit_optimization_time double precision,
    jit_emission_count bigint,
    jit_emission_time double precision,
    jit_deform_count bigint,
    jit_deform_time double precision,
    stats_since timestamp with time zone,
    minmax_stats_since timestamp with time zone,
    exported_at timestamp with time zone NOT NULL DEFAULT pg_catalog.now()
) PARTITION BY RANGE (exported_at);
COMMENT ON COLUMN pg_stat_monitor.bucket IS 'Number of the time bucket; it increases and is never used twice.';
COMMENT ON COLUMN pg_stat_monitor.bucket_start_time IS 'Start of the time bucket, the same instant in all of its rows; of rows that were merged, start of the hour.';
COMMENT ON COLUMN pg_stat_monitor.userid IS 'Object identifier (OID) of the role that ran the statement; 0 in a residual row that is of several roles.';
COMMENT ON COLUMN pg_stat_monitor.username IS 'Name of the role that ran the statement, when the statement was first counted in the time bucket; empty when it could not be determined.';
COMMENT ON COLUMN pg_stat_monitor.dbid IS 'Object identifier (OID) of the database in which the statement ran; 0 in a residual row that is of several databases.';
COMMENT ON COLUMN pg_stat_monitor.datname IS 'Name of the database in which the statement ran, when the statement was first counted in the time bucket; empty when it could not be determined.';
COMMENT ON COLUMN pg_stat_monitor.client_ip IS 'Network address of the client; 127.0.0.1 for Unix sockets and background workers, and in a residual row. NULL when the reader may not see the private columns of the row.';
COMMENT ON COLUMN pg_stat_monitor.pgsm_query_id IS 'Hash of the normalized query text without comments and extra white space, equal on every server and in every database. NULL when pgsm_enable_pgsm_query_id was off, and in a residual row.';
COMMENT ON COLUMN pg_stat_monitor.queryid IS 'Query identifier (a hash) computed by PostgreSQL, as in pg_stat_statements; for a statement without one, and where PostgreSQL''s would tell something that the text does not show, a hash of the text. NULL when the row is a residual one.';
COMMENT ON COLUMN pg_stat_monitor.toplevel IS 'True for a statement that the client sent itself, false for one that ran inside another, in a function for example.';
COMMENT ON COLUMN pg_stat_monitor.top_queryid IS 'Query identifier (a hash) of the statement inside which this one ran. NULL when the statement did not run inside another one, and in a residual row.';
COMMENT ON COLUMN pg_stat_monitor.query IS 'Text of the statement, at most pgsm_query_max_len bytes, with $1, $2 and so on for constants while pgsm_normalized_query is on; <other statements> in a residual row, which is the sum of statements that were not kept apart.';
COMMENT ON COLUMN pg_stat_monitor.comments IS 'Comments of the form /* */ in the text of the statement, joined by commas, at most 256 bytes. NULL when the text has none, and while pgsm_extract_comments is off.';
COMMENT ON COLUMN pg_stat_monitor.planid IS 'Hash of the text of the execution plan without its constants: equal for plans of the same shape. NULL when no plan was recorded (pgsm_enable_query_plan is off, or it is no SELECT).';
COMMENT ON COLUMN pg_stat_monitor.query_plan IS 'Execution plan of a SELECT as EXPLAIN (COSTS OFF) shows it, with $1, $2 and so on for constants, at most 1023 bytes. NULL when no plan was recorded (pgsm_enable_query_plan is off, or it is no SELECT).';
COMMENT ON COLUMN pg_stat_monitor.top_query IS 'Text of the statement inside which this one ran, at most pgsm_query_max_len bytes; "parent query text not available" where another role ran it. NULL when the statement did not run inside another one, and in a residual row.';
COMMENT ON COLUMN pg_stat_monitor.application_name IS 'Name of the application that sent the statement (application_name), when the statement began. NULL when it was not set, and in a residual row.';
COMMENT ON COLUMN pg_stat_monitor.relations IS 'Names with schema of the relations that the statement touched, ten at most; the name of a view has an asterisk at its end. NULL when the statement touched none, and in a residual row.';
COMMENT ON COLUMN pg_stat_monitor.cmd_type IS 'Kind of the statement as a number of PostgreSQL''s: 1 SELECT, 2 UPDATE, 3 INSERT, 4 DELETE, 5 MERGE, 6 utility; 0 when it is not known, and in a residual row.';
COMMENT ON COLUMN pg_stat_monitor.cmd_type_text IS 'Kind of the statement as a word: SELECT, UPDATE, INSERT, DELETE, MERGE or UTILITY; empty when cmd_type is 0.';
COMMENT ON COLUMN pg_stat_monitor.elevel IS 'Severity of the errors or warnings that the row counts, as a number of PostgreSQL''s: 19 WARNING, 21 ERROR, 22 FATAL, 23 PANIC (from PostgreSQL 19 on 24); 0 in a row that counts executions.';
COMMENT ON COLUMN pg_stat_monitor.sqlcode IS 'SQLSTATE of the errors or warnings that the row counts; in a residual row its class, as 22000 for 22012. NULL when elevel is 0, or a residual row is of several classes.';
COMMENT ON COLUMN pg_stat_monitor.message IS 'Message of the last error or warning that the row counts, at most 99 bytes, with an ellipsis (...) for values. NULL when elevel is 0.';
COMMENT ON COLUMN pg_stat_monitor.calls IS 'Number of executions, or of errors or warnings where elevel is not 0.';
COMMENT ON COLUMN pg_stat_monitor.total_exec_time IS 'Time spent executing the statement, in milliseconds, without its planning; in rows of errors, until the error.';
COMMENT ON COLUMN pg_stat_monitor.min_exec_time IS 'Time of the shortest execution of the statement, in milliseconds.';
COMMENT ON COLUMN pg_stat_monitor.max_exec_time IS 'Time of the longest execution of the statement, in milliseconds.';
COMMENT ON COLUMN pg_stat_monitor.mean_exec_time IS 'Mean time of an execution of the statement, in milliseconds.';
COMMENT ON COLUMN pg_stat_monitor.stddev_exec_time IS 'Population standard deviation of the execution times, in milliseconds; 0 after a single execution.';
COMMENT ON COLUMN pg_stat_monitor.rows IS 'Number of rows that the statement returned or changed; on PostgreSQL 15, of a cursor or portal that is read in parts, those of the last part.';
COMMENT ON COLUMN pg_stat_monitor.shared_blks_hit IS 'Number of blocks of ordinary relations found in the shared buffer cache.';
COMMENT ON COLUMN pg_stat_monitor.shared_blks_read IS 'Number of blocks of ordinary relations read.';
COMMENT ON COLUMN pg_stat_monitor.shared_blks_dirtied IS 'Number of blocks of ordinary relations dirtied.';
COMMENT ON COLUMN pg_stat_monitor.shared_blks_written IS 'Number of blocks of ordinary relations written.';
COMMENT ON COLUMN pg_stat_monitor.local_blks_hit IS 'Number of blocks of temporary relations found in the session''s own buffers.';
COMMENT ON COLUMN pg_stat_monitor.local_blks_read IS 'Number of blocks of temporary relations read.';
COMMENT ON COLUMN pg_stat_monitor.local_blks_dirtied IS 'Number of blocks of temporary relations dirtied.';
COMMENT ON COLUMN pg_stat_monitor.local_blks_written IS 'Number of blocks of temporary relations written.';
COMMENT ON COLUMN pg_stat_monitor.temp_blks_read IS 'Number of blocks of temporary files read, of sorts and hashes for example.';
COMMENT ON COLUMN pg_stat_monitor.temp_blks_written IS 'Number of blocks of temporary files written, of sorts and hashes for example.';
COMMENT ON COLUMN pg_stat_monitor.shared_blk_read_time IS 'Time spent reading blocks of ordinary relations (before PostgreSQL 17 of temporary relations as well), in milliseconds; 0 while track_io_timing is off.';
COMMENT ON COLUMN pg_stat_monitor.shared_blk_write_time IS 'Time spent writing blocks of ordinary relations (before PostgreSQL 17 of temporary relations as well), in milliseconds; 0 while track_io_timing is off.';
COMMENT ON COLUMN pg_stat_monitor.local_blk_read_time IS 'Time spent reading blocks of temporary relations, in milliseconds; 0 while track_io_timing is off, and before PostgreSQL 17.';
COMMENT ON COLUMN pg_stat_monitor.local_blk_write_time IS 'Time spent writing blocks of temporary relations, in milliseconds; 0 while track_io_timing is off, and before PostgreSQL 17.';
COMMENT ON COLUMN pg_stat_monitor.temp_blk_read_time IS 'Time spent reading blocks of temporary files, in milliseconds; 0 while track_io_timing is off.';
COMMENT ON COLUMN pg_stat_monitor.temp_blk_write_time IS 'Time spent writing blocks of temporary files, in milliseconds; 0 while track_io_timing is off.';
COMMENT ON COLUMN pg_stat_monitor.resp_calls IS 'Number of executions in each range of the response-time histogram, in the order of the function range().';
COMMENT ON COLUMN pg_stat_monitor.cpu_user_time IS 'CPU time of the backend and its parallel workers in user mode, in milliseconds; estimated from some of the executions when they take less than 0.25 milliseconds.';
COMMENT ON COLUMN pg_stat_monitor.cpu_sys_time IS 'CPU time of the backend and its parallel workers in the kernel, in milliseconds; estimated from some of the executions when they take less than 0.25 milliseconds.';
COMMENT ON COLUMN pg_stat_monitor.wal_records IS 'Number of WAL records written.';
COMMENT ON COLUMN pg_stat_monitor.wal_fpi IS 'Number of full-page images written to the WAL.';
COMMENT ON COLUMN pg_stat_monitor.wal_bytes IS 'Amount of WAL written, in bytes.';
COMMENT ON COLUMN pg_stat_monitor.bucket_done IS 'True when the time bucket has ended: no call is counted in it any more.';
COMMENT ON COLUMN pg_stat_monitor.plans IS 'Number of times that the statement was planned, in rows of errors those plannings whose statement failed; 0 while pgsm_track_planning is off.';
COMMENT ON COLUMN pg_stat_monitor.total_plan_time IS 'Time spent planning the statement, in milliseconds; 0 while pgsm_track_planning is off.';
COMMENT ON COLUMN pg_stat_monitor.min_plan_time IS 'Time of the shortest planning of the statement, in milliseconds; 0 while pgsm_track_planning is off.';
COMMENT ON COLUMN pg_stat_monitor.max_plan_time IS 'Time of the longest planning of the statement, in milliseconds; 0 while pgsm_track_planning is off.';
COMMENT ON COLUMN pg_stat_monitor.mean_plan_time IS 'Mean time of a planning of the statement, in milliseconds; 0 while pgsm_track_planning is off.';
COMMENT ON COLUMN pg_stat_monitor.stddev_plan_time IS 'Population standard deviation of the planning times, in milliseconds; 0 while pgsm_track_planning is off, and after a single planning.';
COMMENT ON COLUMN pg_stat_monitor.jit_functions IS 'Number of functions compiled by JIT.';
COMMENT ON COLUMN pg_stat_monitor.jit_generation_time IS 'Time spent generating JIT code, in milliseconds.';
COMMENT ON COLUMN pg_stat_monitor.jit_inlining_count IS 'Number of executions in which JIT inlined functions.';
COMMENT ON COLUMN pg_stat_monitor.jit_inlining_time IS 'Time spent by JIT inlining functions, in milliseconds.';
COMMENT ON COLUMN pg_stat_monitor.jit_optimization_count IS 'Number of executions in which JIT optimized code.';
COMMENT ON COLUMN pg_stat_monitor.jit_optimization_time IS 'Time spent by JIT optimizing code, in milliseconds.';
COMMENT ON COLUMN pg_stat_monitor.jit_emission_count IS 'Number of executions in which JIT emitted code.';
COMMENT ON COLUMN pg_stat_monitor.jit_emission_time IS 'Time spent by JIT emitting code, in milliseconds.';
COMMENT ON COLUMN pg_stat_monitor.jit_deform_count IS 'Number of executions in which JIT compiled tuple deforming; 0 before PostgreSQL 17.';
COMMENT ON COLUMN pg_stat_monitor.jit_deform_time IS 'Time spent by JIT compiling tuple deforming, in milliseconds; 0 before PostgreSQL 17.';
COMMENT ON COLUMN pg_stat_monitor.stats_since IS 'Time at which the statement was first counted in the time bucket.';
COMMENT ON COLUMN pg_stat_monitor.minmax_stats_since IS 'Time since which minima and maxima are kept: that at which the statement was first counted in the time bucket.';
COMMENT ON COLUMN pg_stat_monitor.exported_at IS 'Time at which the row was exported into this table (start of the transaction); infinity while it is in memory.';

DO $pgsm$
BEGIN
    IF pg_catalog.current_setting('server_version_num')::integer >= 180000 THEN
        ALTER TABLE pg_stat_monitor
            ADD COLUMN wal_buffers_full bigint,
            ADD COLUMN parallel_workers_to_launch integer,
            ADD COLUMN parallel_workers_launched integer;
        COMMENT ON COLUMN pg_stat_monitor.wal_buffers_full IS 'Number of times that the WAL buffers were full and had to be written to disk.';
        COMMENT ON COLUMN pg_stat_monitor.parallel_workers_to_launch IS 'Number of parallel workers that were planned to be launched.';
        COMMENT ON COLUMN pg_stat_monitor.parallel_workers_launched IS 'Number of parallel workers that were launched.';
    END IF;
END
$pgsm$;

CREATE INDEX pg_stat_monitor_queryid_idx ON pg_stat_monitor (queryid);
CREATE INDEX pg_stat_monitor_exported_at_idx ON pg_stat_monitor (exported_at);
CREATE INDEX pg_stat_monitor_bucket_queryid_idx ON pg_stat_monitor (bucket, queryid);

CREATE FOREIGN TABLE pg_stat_monitor_live PARTITION OF pg_stat_monitor
    FOR VALUES FROM ('infinity') TO (MAXVALUE) SERVER pg_stat_monitor;
CREATE TABLE pg_stat_monitor_default PARTITION OF pg_stat_monitor DEFAULT;

-- Days, and hours that are being made. No application's tools find them there, and no GRANT ON ALL TABLES.
DO $pgsm$
BEGIN
    IF pg_catalog.to_regnamespace('pgsm_history') IS NULL THEN
        CREATE SCHEMA pgsm_history;
        COMMENT ON SCHEMA pgsm_history IS 'Exported statistics by day: partitions of pg_stat_monitor.';
    ELSE
        RAISE WARNING 'schema "pgsm_history" does not belong to extension pg_stat_monitor'
            USING DETAIL = 'Exported statistics by day will lie in the schema of pg_stat_monitor.',
                  HINT = 'To have them apart, drop the extension, rename that schema, and create the extension again.';
    END IF;
END
$pgsm$;

-- Whoever could ask the planner about rows that he may not see must find it as ignorant as himself. Columns that
-- are added later have no statistics, either.
DO $pgsm$
BEGIN
    EXECUTE (
        SELECT 'ALTER TABLE pg_stat_monitor '
               || pg_catalog.string_agg(pg_catalog.format('ALTER COLUMN %I SET STATISTICS 0', a.attname), ', ')
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = 'pg_stat_monitor'::regclass::oid AND a.attnum > 0 AND NOT a.attisdropped
          AND a.attname <> ALL (ARRAY[
              'bucket',
              'bucket_start_time',
              'userid',
              'dbid',
              'pgsm_query_id',
              'queryid',
              'toplevel',
              'cmd_type',
              'elevel',
              'exported_at'
              ]::name[]));
END
$pgsm$;
-- TOAST tables have no policy: rows go there when they do not fit into a page, and not before.
ALTER TABLE pg_stat_monitor
    ALTER COLUMN username SET STORAGE MAIN,
    ALTER COLUMN datname SET STORAGE MAIN,
    ALTER COLUMN query SET STORAGE MAIN,
    ALTER COLUMN comments SET STORAGE MAIN,
    ALTER COLUMN query_plan SET STORAGE MAIN,
    ALTER COLUMN top_query SET STORAGE MAIN,
    ALTER COLUMN application_name SET STORAGE MAIN,
    ALTER COLUMN relations SET STORAGE MAIN,
    ALTER COLUMN cmd_type_text SET STORAGE MAIN,
    ALTER COLUMN sqlcode SET STORAGE MAIN,
    ALTER COLUMN message SET STORAGE MAIN,
    ALTER COLUMN resp_calls SET STORAGE MAIN;

ALTER TABLE pg_stat_monitor ENABLE ROW LEVEL SECURITY;
-- The scalar subqueries are run once a query, not once a row. The same on stored rows, for pg_read_all_data
-- has SELECT on every table; the live partition masks by itself.
CREATE POLICY pg_stat_monitor_read ON pg_stat_monitor FOR SELECT TO PUBLIC USING (
    (SELECT pg_catalog.pg_has_role('pg_read_all_stats'::name, 'MEMBER'::text))
    OR userid = (SELECT pg_catalog.quote_ident(CURRENT_USER::text)::regrole::oid));
-- Who may call the reset may delete what he sees; nobody else, whatever he was granted: an error says so.
CREATE POLICY pg_stat_monitor_delete ON pg_stat_monitor FOR DELETE TO PUBLIC USING (
    (SELECT pg_catalog.has_function_privilege('pg_stat_monitor_reset()'::regprocedure, 'EXECUTE'::text)));
CREATE POLICY pg_stat_monitor_read ON pg_stat_monitor_default FOR SELECT TO PUBLIC USING (
    (SELECT pg_catalog.pg_has_role('pg_read_all_stats'::name, 'MEMBER'::text))
    OR userid = (SELECT pg_catalog.quote_ident(CURRENT_USER::text)::regrole::oid));
-- Who may call the reset may delete what he sees; nobody else, whatever he was granted: an error says so.
CREATE POLICY pg_stat_monitor_delete ON pg_stat_monitor_default FOR DELETE TO PUBLIC USING (
    (SELECT pg_catalog.has_function_privilege('pg_stat_monitor_reset()'::regprocedure, 'EXECUTE'::text)));
CREATE FUNCTION pgsm_check_delete()
RETURNS trigger
AS 'MODULE_PATHNAME', 'pgsm_check_delete'
LANGUAGE C;
GRANT EXECUTE ON FUNCTION pgsm_check_delete() TO PUBLIC;
CREATE TRIGGER pg_stat_monitor_check_delete
    BEFORE DELETE OR TRUNCATE ON pg_stat_monitor
    FOR EACH STATEMENT EXECUTE FUNCTION pgsm_check_delete();
CREATE TRIGGER pg_stat_monitor_check_delete
    BEFORE DELETE OR TRUNCATE ON pg_stat_monitor_default
    FOR EACH STATEMENT EXECUTE FUNCTION pgsm_check_delete();
CREATE TRIGGER pg_stat_monitor_check_delete
    BEFORE DELETE ON pg_stat_monitor_live
    FOR EACH STATEMENT EXECUTE FUNCTION pgsm_check_delete();
ALTER TABLE pg_stat_monitor_default ENABLE ROW LEVEL SECURITY;
-- Rows go out of it into partitions of their day, even where somebody publishes all tables.
ALTER TABLE pg_stat_monitor_default REPLICA IDENTITY FULL;
-- What subscribers go by when the partitions are published as the one table.
ALTER TABLE pg_stat_monitor REPLICA IDENTITY FULL;

-- Cells of resp_calls mean what the settings said when they were counted. An export that finds others than those of
-- the last one notes them here: they hold from its first bucket on, up to the next row's.
CREATE TABLE pg_stat_monitor_bounds (
    bucket bigint PRIMARY KEY,
    bucket_start_time timestamp with time zone NOT NULL,
    ranges text[] NOT NULL
);
CREATE FUNCTION pg_stat_monitor_ranges(bucket bigint, exported_at timestamp with time zone)
RETURNS text[]
LANGUAGE sql
RETURN CASE WHEN exported_at < 'infinity'::timestamp with time zone THEN coalesce(
    (SELECT b.ranges FROM pg_stat_monitor_bounds AS b
     WHERE b.bucket <= pg_stat_monitor_ranges.bucket ORDER BY b.bucket DESC LIMIT 1), range())
    ELSE range() END;
GRANT EXECUTE ON FUNCTION pg_stat_monitor_ranges(bigint, timestamp with time zone) TO PUBLIC;

-- Everybody sees everybody's counts, as in 2.3; the policy would hide the rows. It gives nothing else away.
CREATE OR REPLACE FUNCTION histogram(_bucket integer, _quryid bigint)
RETURNS SETOF record
LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    SELECT bar.range, bar.freq,
           -- A black square; where the database's encoding may have none, a number sign.
           pg_catalog.repeat(
               pg_catalog.chr(CASE pg_catalog.getdatabaseencoding() WHEN 'UTF8' THEN 9632 ELSE 35 END),
               coalesce(pg_catalog.round(bar.share * 30::double precision)::integer, 0))
    FROM (
        SELECT cell.range, coalesce(least(cell.freq::bigint, 2147483647::bigint)::integer, 0) AS freq,
               entry.place AS entry_place, cell.place,
               cell.freq::double precision / nullif(pg_catalog.max(cell.freq::double precision) OVER (),
                                                    0::double precision) AS share
        FROM (
            SELECT pg_catalog.row_number() OVER () AS place, found.resp_calls, pg_stat_monitor_ranges(_bucket, found.exported_at) AS ranges
            FROM (
                -- A server before a promotion may have given out the same number: never two buckets in one.
                SELECT row.resp_calls, row.bucket_start_time, row.exported_at,
                       pg_catalog.max(row.bucket_start_time) OVER () AS newest
                FROM pg_stat_monitor AS row
                WHERE row.bucket = _bucket AND row.queryid = _quryid AND row.resp_calls IS NOT NULL
            ) AS found
            WHERE found.bucket_start_time = found.newest
        ) AS entry,
        ROWS FROM (pg_catalog.unnest(entry.ranges), pg_catalog.unnest(entry.resp_calls))
            WITH ORDINALITY AS cell(range, freq, place)
    ) AS bar
    ORDER BY bar.entry_place, bar.place;
END;

CREATE FUNCTION pg_stat_monitor_2_3_window(
    OUT first_bucket bigint,
    OUT last_bucket bigint,
    OUT stored_since timestamp with time zone,
    OUT reader oid,
    OUT reads_all boolean
)
RETURNS record
AS 'MODULE_PATHNAME', 'pg_stat_monitor_2_3_window'
LANGUAGE C STRICT STABLE PARALLEL SAFE;

CREATE FUNCTION pg_stat_monitor_serve_2_3(role name)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $pgsm$
DECLARE
    major CONSTANT integer := current_setting('server_version_num')::integer / 10000;
    extension CONSTANT oid := (SELECT e.oid FROM pg_extension AS e WHERE e.extname = 'pg_stat_monitor');
    home CONSTANT text := (SELECT quote_ident(n.nspname) FROM pg_extension AS e
                           JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.oid = extension);
    history CONSTANT regclass := (home || '.pg_stat_monitor')::regclass;
    owner CONSTANT oid := (SELECT c.relowner FROM pg_class AS c WHERE c.oid = history);
    shape CONSTANT integer := CASE WHEN major >= 18 THEN 74 WHEN major >= 17 THEN 71 ELSE 65 END;
    other_database text;
    has_columns integer;
    path text;
    command text;
BEGIN
    IF role IS NULL THEN
        RAISE null_value_not_allowed USING MESSAGE = 'role must not be null';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = role) THEN
        RAISE undefined_object USING MESSAGE = format('role "%s" does not exist', role);
    END IF;
    IF NOT pg_has_role(owner, 'USAGE') THEN
        RAISE insufficient_privilege USING MESSAGE = 'must be owner of table pg_stat_monitor';
    END IF;
    -- One at a time; neither readers nor exports wait for it.
    EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', history);

    -- A server that pg_upgrade brought here may lack what its major can show.
    IF EXISTS (SELECT FROM (VALUES
                   (18, 'wal_buffers_full'),
                   (18, 'parallel_workers_to_launch'),
                   (18, 'parallel_workers_launched')
               ) AS late(since, name)
               WHERE major >= late.since AND NOT EXISTS (
                   SELECT FROM pg_attribute AS a WHERE a.attrelid = history AND a.attname = late.name)) THEN
        EXECUTE replace($late$
DO $do$
BEGIN
    IF pg_catalog.current_setting('server_version_num')::integer >= 180000 THEN
        ALTER TABLE @home@.pg_stat_monitor
            ADD COLUMN IF NOT EXISTS wal_buffers_full bigint,
            ADD COLUMN IF NOT EXISTS parallel_workers_to_launch integer,
            ADD COLUMN IF NOT EXISTS parallel_workers_launched integer;
        COMMENT ON COLUMN @home@.pg_stat_monitor.wal_buffers_full IS 'Number of times that the WAL buffers were full and had to be written to disk.';
        COMMENT ON COLUMN @home@.pg_stat_monitor.parallel_workers_to_launch IS 'Number of parallel workers that were planned to be launched.';
        COMMENT ON COLUMN @home@.pg_stat_monitor.parallel_workers_launched IS 'Number of parallel workers that were launched.';
    END IF;
END
$do$
$late$, '@home@', home);
    END IF;

    IF to_regnamespace('pgsm_2_3') IS NULL THEN
        EXECUTE format('CREATE SCHEMA pgsm_2_3 AUTHORIZATION %I', pg_get_userbyid(owner));
        ALTER EXTENSION pg_stat_monitor ADD SCHEMA pgsm_2_3;
        COMMENT ON SCHEMA pgsm_2_3 IS 'pg_stat_monitor as tools written for 2.3 want it.';
        FOR command IN
            SELECT pg_catalog.format('REVOKE ALL ON %s FROM %s CASCADE', o.object, pg_catalog.string_agg(DISTINCT
                       CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::pg_catalog.regrole::text END, ', '))
            FROM (SELECT 'SCHEMA pgsm_2_3', n.nspowner, n.nspacl FROM pg_namespace AS n WHERE n.nspname = 'pgsm_2_3') AS o(object, owner, acl),
                 pg_catalog.aclexplode(o.acl) AS g
            WHERE g.grantee <> o.owner
            GROUP BY o.object
        LOOP
            EXECUTE command;
        END LOOP;
        GRANT USAGE ON SCHEMA pgsm_2_3 TO PUBLIC;
    ELSIF NOT EXISTS (SELECT FROM pg_depend AS d
                      WHERE d.classid = 'pg_namespace'::regclass::oid
                        AND d.objid = to_regnamespace('pgsm_2_3')
                        AND d.refclassid = 'pg_extension'::regclass::oid AND d.refobjid = extension) THEN
        RAISE duplicate_schema USING
            MESSAGE = 'schema "pgsm_2_3" does not belong to extension pg_stat_monitor',
            HINT = 'Rename or drop it, and try again.';
    END IF;

    has_columns := (SELECT count(*) FROM pg_attribute AS a
                    WHERE a.attrelid = to_regclass('pgsm_2_3.pg_stat_monitor') AND a.attnum > 0);
    IF has_columns <> 0 AND has_columns <> shape THEN
        -- That of the major before pg_upgrade.
        ALTER EXTENSION pg_stat_monitor DROP FUNCTION pgsm_2_3.histogram(integer, bigint);
        DROP FUNCTION pgsm_2_3.histogram(integer, bigint);
        ALTER EXTENSION pg_stat_monitor DROP VIEW pgsm_2_3.pg_stat_monitor;
        DROP VIEW pgsm_2_3.pg_stat_monitor;
        has_columns := 0;
    END IF;
    IF has_columns = 0 THEN
        EXECUTE replace(CASE
            WHEN major >= 18 THEN $view$
CREATE VIEW pgsm_2_3.pg_stat_monitor AS
WITH reader AS MATERIALIZED (SELECT w.* FROM @home@.pg_stat_monitor_2_3_window() AS w)
SELECT
    m.bucket % 10::bigint AS bucket,
    m.bucket_start_time,
    m.userid,
    m.username,
    m.dbid,
    m.datname,
    CASE WHEN m.seen THEN m.client_ip END AS client_ip,
    m.pgsm_query_id,
    m.queryid,
    m.toplevel,
    m.top_queryid,
    CASE WHEN m.seen THEN m.query ELSE '<insufficient privilege>' END AS query,
    CASE WHEN m.seen OR m.comments IS NULL THEN m.comments ELSE '<insufficient privilege>' END AS comments,
    m.planid,
    CASE WHEN m.seen THEN m.query_plan ELSE '<insufficient privilege>' END AS query_plan,
    CASE WHEN m.seen OR m.top_query IS NULL THEN m.top_query ELSE '<insufficient privilege>' END AS top_query,
    m.application_name,
    m.relations,
    m.cmd_type,
    m.cmd_type_text,
    m.elevel,
    m.sqlcode,
    CASE WHEN m.seen OR m.message IS NULL THEN m.message ELSE '<insufficient privilege>' END AS message,
    m.calls,
    m.total_exec_time,
    m.min_exec_time,
    m.max_exec_time,
    m.mean_exec_time,
    m.stddev_exec_time,
    m.rows,
    m.shared_blks_hit,
    m.shared_blks_read,
    m.shared_blks_dirtied,
    m.shared_blks_written,
    m.local_blks_hit,
    m.local_blks_read,
    m.local_blks_dirtied,
    m.local_blks_written,
    m.temp_blks_read,
    m.temp_blks_written,
    m.shared_blk_read_time,
    m.shared_blk_write_time,
    m.local_blk_read_time,
    m.local_blk_write_time,
    m.temp_blk_read_time,
    m.temp_blk_write_time,
    m.resp_calls,
    m.cpu_user_time,
    m.cpu_sys_time,
    m.wal_records,
    m.wal_fpi,
    m.wal_bytes,
    m.wal_buffers_full,
    m.bucket_done,
    m.plans,
    m.total_plan_time,
    m.min_plan_time,
    m.max_plan_time,
    m.mean_plan_time,
    m.stddev_plan_time,
    m.jit_functions,
    m.jit_generation_time,
    m.jit_inlining_count,
    m.jit_inlining_time,
    m.jit_optimization_count,
    m.jit_optimization_time,
    m.jit_emission_count,
    m.jit_emission_time,
    m.jit_deform_count,
    m.jit_deform_time,
    m.parallel_workers_to_launch,
    m.parallel_workers_launched,
    m.stats_since,
    m.minmax_stats_since
FROM (
    SELECT s.*,
           (SELECT r.reads_all FROM reader AS r) OR s.userid = (SELECT r.reader FROM reader AS r) AS seen
    FROM @home@.pg_stat_monitor AS s
    -- Two bounds each, so that an index is worth while for the planner.
    WHERE s.bucket >= (SELECT r.first_bucket FROM reader AS r)
      AND s.bucket <= (SELECT r.last_bucket FROM reader AS r)
      AND s.exported_at >= (SELECT r.stored_since FROM reader AS r)
      -- Residual rows of several roles are nobody's own.
      AND (s.userid IS DISTINCT FROM 0::oid OR (SELECT r.reads_all FROM reader AS r))
) AS m
ORDER BY m.bucket_start_time
$view$
            WHEN major >= 17 THEN $view$
CREATE VIEW pgsm_2_3.pg_stat_monitor AS
WITH reader AS MATERIALIZED (SELECT w.* FROM @home@.pg_stat_monitor_2_3_window() AS w)
SELECT
    m.bucket % 10::bigint AS bucket,
    m.bucket_start_time,
    m.userid,
    m.username,
    m.dbid,
    m.datname,
    CASE WHEN m.seen THEN m.client_ip END AS client_ip,
    m.pgsm_query_id,
    m.queryid,
    m.toplevel,
    m.top_queryid,
    CASE WHEN m.seen THEN m.query ELSE '<insufficient privilege>' END AS query,
    CASE WHEN m.seen OR m.comments IS NULL THEN m.comments ELSE '<insufficient privilege>' END AS comments,
    m.planid,
    CASE WHEN m.seen THEN m.query_plan ELSE '<insufficient privilege>' END AS query_plan,
    CASE WHEN m.seen OR m.top_query IS NULL THEN m.top_query ELSE '<insufficient privilege>' END AS top_query,
    m.application_name,
    m.relations,
    m.cmd_type,
    m.cmd_type_text,
    m.elevel,
    m.sqlcode,
    CASE WHEN m.seen OR m.message IS NULL THEN m.message ELSE '<insufficient privilege>' END AS message,
    m.calls,
    m.total_exec_time,
    m.min_exec_time,
    m.max_exec_time,
    m.mean_exec_time,
    m.stddev_exec_time,
    m.rows,
    m.shared_blks_hit,
    m.shared_blks_read,
    m.shared_blks_dirtied,
    m.shared_blks_written,
    m.local_blks_hit,
    m.local_blks_read,
    m.local_blks_dirtied,
    m.local_blks_written,
    m.temp_blks_read,
    m.temp_blks_written,
    m.shared_blk_read_time,
    m.shared_blk_write_time,
    m.local_blk_read_time,
    m.local_blk_write_time,
    m.temp_blk_read_time,
    m.temp_blk_write_time,
    m.resp_calls,
    m.cpu_user_time,
    m.cpu_sys_time,
    m.wal_records,
    m.wal_fpi,
    m.wal_bytes,
    m.bucket_done,
    m.plans,
    m.total_plan_time,
    m.min_plan_time,
    m.max_plan_time,
    m.mean_plan_time,
    m.stddev_plan_time,
    m.jit_functions,
    m.jit_generation_time,
    m.jit_inlining_count,
    m.jit_inlining_time,
    m.jit_optimization_count,
    m.jit_optimization_time,
    m.jit_emission_count,
    m.jit_emission_time,
    m.jit_deform_count,
    m.jit_deform_time,
    m.stats_since,
    m.minmax_stats_since
FROM (
    SELECT s.*,
           (SELECT r.reads_all FROM reader AS r) OR s.userid = (SELECT r.reader FROM reader AS r) AS seen
    FROM @home@.pg_stat_monitor AS s
    -- Two bounds each, so that an index is worth while for the planner.
    WHERE s.bucket >= (SELECT r.first_bucket FROM reader AS r)
      AND s.bucket <= (SELECT r.last_bucket FROM reader AS r)
      AND s.exported_at >= (SELECT r.stored_since FROM reader AS r)
      -- Residual rows of several roles are nobody's own.
      AND (s.userid IS DISTINCT FROM 0::oid OR (SELECT r.reads_all FROM reader AS r))
) AS m
ORDER BY m.bucket_start_time
$view$
            ELSE $view$
CREATE VIEW pgsm_2_3.pg_stat_monitor AS
WITH reader AS MATERIALIZED (SELECT w.* FROM @home@.pg_stat_monitor_2_3_window() AS w)
SELECT
    m.bucket % 10::bigint AS bucket,
    m.bucket_start_time,
    m.userid,
    m.username,
    m.dbid,
    m.datname,
    CASE WHEN m.seen THEN m.client_ip END AS client_ip,
    m.pgsm_query_id,
    m.queryid,
    m.toplevel,
    m.top_queryid,
    CASE WHEN m.seen THEN m.query ELSE '<insufficient privilege>' END AS query,
    CASE WHEN m.seen OR m.comments IS NULL THEN m.comments ELSE '<insufficient privilege>' END AS comments,
    m.planid,
    CASE WHEN m.seen THEN m.query_plan ELSE '<insufficient privilege>' END AS query_plan,
    CASE WHEN m.seen OR m.top_query IS NULL THEN m.top_query ELSE '<insufficient privilege>' END AS top_query,
    m.application_name,
    m.relations,
    m.cmd_type,
    m.cmd_type_text,
    m.elevel,
    m.sqlcode,
    CASE WHEN m.seen OR m.message IS NULL THEN m.message ELSE '<insufficient privilege>' END AS message,
    m.calls,
    m.total_exec_time,
    m.min_exec_time,
    m.max_exec_time,
    m.mean_exec_time,
    m.stddev_exec_time,
    m.rows,
    m.shared_blks_hit,
    m.shared_blks_read,
    m.shared_blks_dirtied,
    m.shared_blks_written,
    m.local_blks_hit,
    m.local_blks_read,
    m.local_blks_dirtied,
    m.local_blks_written,
    m.temp_blks_read,
    m.temp_blks_written,
    m.shared_blk_read_time AS blk_read_time,
    m.shared_blk_write_time AS blk_write_time,
    m.temp_blk_read_time,
    m.temp_blk_write_time,
    m.resp_calls,
    m.cpu_user_time,
    m.cpu_sys_time,
    m.wal_records,
    m.wal_fpi,
    m.wal_bytes,
    m.bucket_done,
    m.plans,
    m.total_plan_time,
    m.min_plan_time,
    m.max_plan_time,
    m.mean_plan_time,
    m.stddev_plan_time,
    m.jit_functions,
    m.jit_generation_time,
    m.jit_inlining_count,
    m.jit_inlining_time,
    m.jit_optimization_count,
    m.jit_optimization_time,
    m.jit_emission_count,
    m.jit_emission_time
FROM (
    SELECT s.*,
           (SELECT r.reads_all FROM reader AS r) OR s.userid = (SELECT r.reader FROM reader AS r) AS seen
    FROM @home@.pg_stat_monitor AS s
    -- Two bounds each, so that an index is worth while for the planner.
    WHERE s.bucket >= (SELECT r.first_bucket FROM reader AS r)
      AND s.bucket <= (SELECT r.last_bucket FROM reader AS r)
      AND s.exported_at >= (SELECT r.stored_since FROM reader AS r)
      -- Residual rows of several roles are nobody's own.
      AND (s.userid IS DISTINCT FROM 0::oid OR (SELECT r.reads_all FROM reader AS r))
) AS m
ORDER BY m.bucket_start_time
$view$
        END, '@home@', home);
        EXECUTE replace($function$
CREATE FUNCTION pgsm_2_3.histogram(_bucket integer, _quryid bigint)
RETURNS SETOF record
LANGUAGE sql
BEGIN ATOMIC
    SELECT bar.range, bar.freq,
           -- A black square; where the database's encoding may have none, a number sign.
           pg_catalog.repeat(
               pg_catalog.chr(CASE pg_catalog.getdatabaseencoding() WHEN 'UTF8' THEN 9632 ELSE 35 END),
               coalesce(pg_catalog.round(bar.share * 30::double precision)::integer, 0))
    FROM (
        SELECT cell.range, coalesce(least(cell.freq::bigint, 2147483647::bigint)::integer, 0) AS freq,
               entry.place AS entry_place, cell.place,
               cell.freq::double precision / nullif(pg_catalog.max(cell.freq::double precision) OVER (),
                                                    0::double precision) AS share
        FROM (
            SELECT pg_catalog.row_number() OVER () AS place, found.resp_calls, CASE WHEN found.bucket_done THEN coalesce(
                       (SELECT b.ranges FROM @home@.pg_stat_monitor_bounds AS b
                        WHERE b.bucket_start_time <= found.bucket_start_time
                        ORDER BY b.bucket_start_time DESC LIMIT 1), @home@.range())
                   ELSE @home@.range() END AS ranges
            FROM (
                -- A server before a promotion may have given out the same number: never two buckets in one.
                SELECT row.resp_calls, row.bucket_start_time, row.bucket_done,
                       pg_catalog.max(row.bucket_start_time) OVER () AS newest
                FROM pgsm_2_3.pg_stat_monitor AS row
                WHERE row.bucket = _bucket AND row.queryid = _quryid AND row.resp_calls IS NOT NULL
            ) AS found
            WHERE found.bucket_start_time = found.newest
        ) AS entry,
        ROWS FROM (pg_catalog.unnest(entry.ranges), pg_catalog.unnest(entry.resp_calls))
            WITH ORDINALITY AS cell(range, freq, place)
    ) AS bar
    ORDER BY bar.entry_place, bar.place;
END
$function$, '@home@', home);
        EXECUTE format('ALTER VIEW pgsm_2_3.pg_stat_monitor OWNER TO %I', pg_get_userbyid(owner));
        EXECUTE format('ALTER FUNCTION pgsm_2_3.histogram OWNER TO %I', pg_get_userbyid(owner));
        FOR command IN
            SELECT pg_catalog.format('REVOKE ALL ON %s FROM %s CASCADE', o.object, pg_catalog.string_agg(DISTINCT
                       CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::pg_catalog.regrole::text END, ', '))
            FROM (SELECT 'TABLE ' || c.oid::regclass::text, c.relowner, c.relacl FROM pg_class AS c
                  WHERE c.oid = 'pgsm_2_3.pg_stat_monitor'::regclass::oid) AS o(object, owner, acl),
                 pg_catalog.aclexplode(o.acl) AS g
            WHERE g.grantee <> o.owner
            GROUP BY o.object
        LOOP
            EXECUTE command;
        END LOOP;
        ALTER EXTENSION pg_stat_monitor ADD VIEW pgsm_2_3.pg_stat_monitor;
        ALTER EXTENSION pg_stat_monitor ADD FUNCTION pgsm_2_3.histogram(integer, bigint);
        COMMENT ON VIEW pgsm_2_3.pg_stat_monitor IS
            'What 2.3 would show: the ten newest buckets of this server, private columns masked.';
        COMMENT ON FUNCTION pgsm_2_3.histogram(integer, bigint) IS
            'Response-time histogram of one of these buckets and a query id.';
    END IF;
    IF has_table_privilege('public'::name, history, 'SELECT') THEN
        GRANT SELECT ON pgsm_2_3.pg_stat_monitor TO PUBLIC;
    ELSE
        EXECUTE format('GRANT SELECT ON pgsm_2_3.pg_stat_monitor TO %I', role);
    END IF;

    -- The path that the role has here now, from the narrowest setting to the server's.
    path := coalesce(
        (SELECT substr(c.setting, length('search_path=') + 1)
         FROM pg_db_role_setting AS s, unnest(s.setconfig) AS c(setting)
         WHERE c.setting LIKE 'search\_path=%'
           AND s.setdatabase IN (0, (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))
           AND s.setrole IN (0, (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = role))
         ORDER BY s.setdatabase <> 0 AND s.setrole <> 0 DESC, s.setrole <> 0 DESC, s.setdatabase <> 0 DESC
         LIMIT 1),
        -- The server's, unless it is hidden behind one that is the caller's own.
        (SELECT CASE WHEN EXISTS (SELECT FROM pg_db_role_setting AS own, unnest(own.setconfig) AS c(setting)
                                  WHERE own.setrole = (SELECT r.oid FROM pg_roles AS r
                                                       WHERE r.rolname = session_user)
                                    AND c.setting LIKE 'search\_path=%')
                     THEN s.boot_val ELSE s.reset_val END
         FROM pg_settings AS s WHERE s.name = 'search_path'));
    IF path !~ '^\s*"?pgsm_2_3"?\s*(,|$)' THEN
        command := format('ALTER ROLE %I IN DATABASE %I SET search_path FROM CURRENT', role, current_database());
        -- For the one command alone: what stands behind it must not find anybody's functions in the role's path.
        PERFORM set_config('search_path', concat_ws(', ', 'pgsm_2_3', nullif(btrim(path), '')), true);
        EXECUTE command;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    END IF;

    EXECUTE format('SELECT export_database FROM %s.pg_stat_monitor_status_internal()', home)
    INTO other_database;
    IF other_database <> current_database()::text THEN
        RAISE WARNING 'ended buckets leave this database''s pg_stat_monitor when they are exported'
            USING DETAIL = format('They are exported into database "%s".', other_database),
                  HINT = 'Let tools of 2.3 connect to that database, or set '
                         'pg_stat_monitor.pgsm_export_database to this one.';
    END IF;
END
$pgsm$;
REVOKE ALL ON FUNCTION pg_stat_monitor_serve_2_3(name) FROM PUBLIC;

-- Default privileges of whoever runs this are meant for his own tables and functions. Nothing is granted on the
-- partitions, so that the policy of the parent has no way around it.
DO $pgsm$
DECLARE
    extension CONSTANT oid := (SELECT e.oid FROM pg_catalog.pg_extension AS e WHERE e.extname = 'pg_stat_monitor');
    command text;
BEGIN
    FOR command IN
        SELECT pg_catalog.format('REVOKE ALL ON %s FROM %s CASCADE', o.object, pg_catalog.string_agg(DISTINCT
                   CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::pg_catalog.regrole::text END, ', '))
        FROM (
            SELECT 'TABLE ' || c.oid::regclass::text, c.relowner, c.relacl FROM pg_catalog.pg_class AS c
            JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_class'::regclass::oid AND d.objid = c.oid
            WHERE d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::regclass::oid AND d.refobjid = extension
            UNION ALL
            SELECT 'SCHEMA ' || n.oid::regnamespace::text, n.nspowner, n.nspacl FROM pg_catalog.pg_namespace AS n
            JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_namespace'::regclass::oid AND d.objid = n.oid
            WHERE d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::regclass::oid AND d.refobjid = extension
            UNION ALL
            SELECT 'FUNCTION ' || p.oid::regprocedure::text, p.proowner, p.proacl FROM pg_catalog.pg_proc AS p
            WHERE p.oid IN ('pg_stat_monitor_export()'::regprocedure::oid, 'pg_stat_monitor_serve_2_3(name)'::regprocedure::oid,
                            'pg_stat_monitor_fdw_handler()'::regprocedure::oid)) AS o(object, owner, acl),
             pg_catalog.aclexplode(o.acl) AS g
        WHERE g.grantee <> o.owner
        GROUP BY o.object
    LOOP
        EXECUTE command;
    END LOOP;
END
$pgsm$;
GRANT SELECT ON pg_stat_monitor, pg_stat_monitor_status, pg_stat_monitor_bounds TO PUBLIC;

COMMENT ON TABLE pg_stat_monitor IS
    'Statistics of the statements that ran, by time bucket: those in shared memory and those that are exported.';
COMMENT ON FOREIGN TABLE pg_stat_monitor_live IS
    'Statistics in shared memory, not exported yet: part of pg_stat_monitor.';
COMMENT ON TABLE pg_stat_monitor_default IS
    'Exported statistics outside of every daily partition: part of pg_stat_monitor.';
COMMENT ON TABLE pg_stat_monitor_bounds IS 'Ranges of the response-time histogram that exported buckets were counted with.';
COMMENT ON COLUMN pg_stat_monitor_bounds.bucket IS 'They hold from this bucket on, up to that of the next row.';
COMMENT ON COLUMN pg_stat_monitor_bounds.bucket_start_time IS 'When that bucket began.';
COMMENT ON COLUMN pg_stat_monitor_bounds.ranges IS 'What range() was, in milliseconds, in the order of resp_calls.';
COMMENT ON VIEW pg_stat_monitor_status IS 'How full the memory is, what was lost, what the exporter does.';
COMMENT ON COLUMN pg_stat_monitor_status.version IS 'Version of the library.';
COMMENT ON COLUMN pg_stat_monitor_status.state IS 'What the exporter is doing: ok, exporting, failing, disabled, no database, not started; on a standby: standby.';
COMMENT ON COLUMN pg_stat_monitor_status.reason IS 'Why it is neither ok nor exporting; masked without pg_read_all_stats.';
COMMENT ON COLUMN pg_stat_monitor_status.running_bucket IS 'Number of the running bucket.';
COMMENT ON COLUMN pg_stat_monitor_status.running_bucket_start IS 'Start of the running bucket.';
COMMENT ON COLUMN pg_stat_monitor_status.ended_buckets IS 'Ended buckets in memory that are not exported yet.';
COMMENT ON COLUMN pg_stat_monitor_status.entries IS 'Entries in memory.';
COMMENT ON COLUMN pg_stat_monitor_status.store_bytes_total IS 'Memory for entries.';
COMMENT ON COLUMN pg_stat_monitor_status.store_bytes_used IS 'Memory for entries in use.';
COMMENT ON COLUMN pg_stat_monitor_status.text_bytes_total IS 'Memory for texts.';
COMMENT ON COLUMN pg_stat_monitor_status.text_bytes_used IS 'Memory for texts in use.';
COMMENT ON COLUMN pg_stat_monitor_status.texts IS 'Texts in memory.';
COMMENT ON COLUMN pg_stat_monitor_status.entries_evicted IS 'Entries that were added to a residual row to make room.';
COMMENT ON COLUMN pg_stat_monitor_status.samples_folded IS 'Executions that went into a residual row at once because there was no room.';
COMMENT ON COLUMN pg_stat_monitor_status.texts_missing IS 'Entries without one of their texts, which could not be made, found no room, or made room for the text of another.';
COMMENT ON COLUMN pg_stat_monitor_status.cells_lost IS 'Executions that resp_calls does not show because there was no room for its counters.';
COMMENT ON COLUMN pg_stat_monitor_status.buckets_merged IS 'Ended buckets that became part of the one before them, because more waited for an export than there are places. Nothing is lost by it; their rows have the time of the first.';
COMMENT ON COLUMN pg_stat_monitor_status.buckets_lost IS 'Buckets that should have been stored and were given up for the memory they were in.';
COMMENT ON COLUMN pg_stat_monitor_status.statements_lost IS 'Statements in those buckets.';
COMMENT ON COLUMN pg_stat_monitor_status.calls_lost IS 'Executions in those buckets.';
COMMENT ON COLUMN pg_stat_monitor_status.lost_reason IS 'What kept the last bucket that was given up from being exported, as it was at that moment; masked without pg_read_all_stats.';
COMMENT ON COLUMN pg_stat_monitor_status.calls_without_room IS 'Executions that not even a residual row had room for.';
COMMENT ON COLUMN pg_stat_monitor_status.calls_without_memory IS 'Executions that could not be measured because their session had no memory.';
COMMENT ON COLUMN pg_stat_monitor_status.standby_buckets_dropped IS 'Buckets that were given up on a standby. It stores nothing, so they are no loss.';
COMMENT ON COLUMN pg_stat_monitor_status.standby_calls_dropped IS 'Executions in those buckets.';
COMMENT ON COLUMN pg_stat_monitor_status.export_database IS 'Database that the exporter works in.';
COMMENT ON COLUMN pg_stat_monitor_status.last_export_at IS 'When the last export was committed.';
COMMENT ON COLUMN pg_stat_monitor_status.last_export_rows IS 'Rows that it wrote.';
COMMENT ON COLUMN pg_stat_monitor_status.last_export_ms IS 'Milliseconds that it took.';
COMMENT ON COLUMN pg_stat_monitor_status.exports IS 'Exports that were committed.';
COMMENT ON COLUMN pg_stat_monitor_status.export_failures IS 'Exports that failed.';
COMMENT ON COLUMN pg_stat_monitor_status.last_error IS 'Message of the last export that failed; masked without pg_read_all_stats. Whether that is over says state.';
COMMENT ON COLUMN pg_stat_monitor_status.last_error_at IS 'When that was.';
COMMENT ON COLUMN pg_stat_monitor_status.history_bytes IS 'Bytes on disk of what is stored, as it was after the last export by the exporter.';
COMMENT ON COLUMN pg_stat_monitor_status.history_oldest IS 'When the oldest stored row was exported, as it was then.';
COMMENT ON COLUMN pg_stat_monitor_status.history_error IS 'What keeps days from being made, merged or dropped, as long as it does; masked without pg_read_all_stats.';
COMMENT ON COLUMN pg_stat_monitor_status.history_error_at IS 'When that happened last.';
COMMENT ON COLUMN pg_stat_monitor_status.publications IS 'Publications that take the history along without naming it. A subscriber without its tables stops.';
COMMENT ON COLUMN pg_stat_monitor_status.stats_since IS 'Since when these figures are counted.';
COMMENT ON COLUMN pg_stat_monitor_status.history_rows_folded IS 'Rows that were added to residual ones because the history nears pgsm_history_max_size.';
COMMENT ON COLUMN pg_stat_monitor_status.history_days_dropped IS 'Days of the history that were dropped before their time because it exceeded pgsm_history_max_size.';
COMMENT ON COLUMN pg_stat_monitor_status.history_dropped_to IS 'Rows that were exported before this may have been dropped because the history exceeded pgsm_history_max_size.';
COMMENT ON COLUMN pg_stat_monitor_status.history_dropped_at IS 'When a day was last dropped because the history exceeded pgsm_history_max_size.';
COMMENT ON FUNCTION pg_stat_monitor_export() IS
    'Ends the running time bucket, stores all ended ones in pg_stat_monitor, and returns the number of rows stored.';
COMMENT ON FUNCTION pg_stat_monitor_reset() IS
    'Removes all statistics in shared memory, and those that are stored in this database. What pg_stat_monitor_status counts, losses included, starts from zero.';
COMMENT ON FUNCTION pg_stat_monitor_version() IS 'Version of the library pg_stat_monitor.';
COMMENT ON FUNCTION pg_stat_monitor_internal(boolean) IS
    'Statistics in shared memory, in the columns of 2.3, times in milliseconds; without texts if showtext is false.';
COMMENT ON FUNCTION get_histogram_timings() IS
    'Ranges of the response-time histogram, in milliseconds, as one text with commas.';
COMMENT ON FUNCTION range() IS
    'Ranges of the response-time histogram by the settings of today, in milliseconds, in the order of the column resp_calls.';
COMMENT ON FUNCTION pg_stat_monitor_ranges(bigint, timestamp with time zone) IS
    'Ranges of the response-time histogram that a row of pg_stat_monitor was counted with, in milliseconds.';
COMMENT ON FUNCTION histogram(integer, bigint) IS
    'Response-time histogram of a bucket and queryid: h(range text, in milliseconds, freq integer, of executions, bar text).';
COMMENT ON FUNCTION get_cmd_type(integer) IS 'Word for a value of the column cmd_type; empty for 0.';
COMMENT ON FUNCTION decode_error_level(integer) IS 'Word for a value of the column elevel; empty for 0.';
COMMENT ON FUNCTION pg_stat_monitor_serve_2_3(name) IS
    'Makes the role find pg_stat_monitor in the shape of 2.3, by its search_path in this database.';
COMMENT ON FUNCTION pgsm_check_delete() IS
    'Trigger function: lets those who may call pg_stat_monitor_reset() delete and truncate, and nobody else.';
COMMENT ON FUNCTION pg_stat_monitor_2_3_window() IS
    'Which rows the view in schema pgsm_2_3 shows, and who reads them.';
COMMENT ON FUNCTION pg_stat_monitor_status_internal() IS 'The one row of the view pg_stat_monitor_status.';
COMMENT ON FUNCTION pg_stat_monitor_fdw_handler() IS 'Reads pg_stat_monitor_live out of shared memory.';

-- SELECT is all that a grant on the view was good for. On a table the others would be real, TRUNCATE even
-- past the policy: they are not carried over.
DO $pgsm$
DECLARE
    acls CONSTANT jsonb := pg_catalog.current_setting('pgsm_update.grants')::jsonb;
    item record;
    views text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.aclexplode((acls ->> '')::aclitem[]) AS g
                   WHERE g.grantee = 0 AND g.privilege_type = 'SELECT') THEN
        REVOKE SELECT ON pg_stat_monitor FROM PUBLIC;
    END IF;
    FOR item IN
        SELECT CASE acl.key
                   WHEN '' THEN ''
                   WHEN 'blk_read_time' THEN '(shared_blk_read_time)'
                   WHEN 'blk_write_time' THEN '(shared_blk_write_time)'
                   ELSE pg_catalog.format('(%I)', acl.key)
               END AS columns,
               CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END AS grantee,
               CASE WHEN g.is_grantable THEN 'WITH GRANT OPTION' ELSE '' END AS option
        FROM pg_catalog.jsonb_each_text(acls) AS acl, pg_catalog.aclexplode(acl.value::aclitem[]) AS g
        WHERE g.privilege_type = 'SELECT'
          AND g.grantee <> (SELECT c.relowner FROM pg_catalog.pg_class AS c
                            WHERE c.oid = 'pg_stat_monitor'::regclass::oid)
    LOOP
        EXECUTE pg_catalog.format('GRANT SELECT %s ON pg_stat_monitor TO %s %s',
                                  item.columns, item.grantee, item.option);
    END LOOP;
    PERFORM pg_catalog.set_config('pgsm_update.grants', '', true);

    -- While a script runs, the server keeps the client from seeing anything below WARNING.
    PERFORM pg_catalog.set_config('client_min_messages', 'notice', true);
    RAISE NOTICE 'pg_stat_monitor is now a table, with the same columns on every PostgreSQL version'
        USING DETAIL = 'The view that it replaces had other names on PostgreSQL 15 and 16: blk_read_time for shared_blk_read_time, blk_write_time for shared_blk_write_time.',
              HINT = 'SELECT pg_stat_monitor_serve_2_3(''role'') lets a tool written for 2.3, which connects '
                     'as that role, find a view with the old names. See docs/compatibility.md. Create your own views '
                     'on the table WITH (security_invoker = true): one that runs as its owner shows everyone''s '
                     'statements to its readers.';
    views := (
        WITH RECURSIVE found AS (
            SELECT 'pg_stat_monitor_internal(boolean)'::regprocedure::oid AS oid
            UNION
            SELECT r.ev_class FROM found AS f
            JOIN pg_catalog.pg_depend AS d
                ON d.classid = 'pg_catalog.pg_rewrite'::regclass::oid AND d.refobjid = f.oid
               AND d.refclassid IN ('pg_catalog.pg_class'::regclass::oid, 'pg_catalog.pg_proc'::regclass::oid)
            JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid
        )
        SELECT pg_catalog.string_agg(pg_catalog.format('%I.%I', n.nspname, c.relname), ', '
                                     ORDER BY n.nspname, c.relname)
        FROM found AS f JOIN pg_catalog.pg_class AS c ON c.oid = f.oid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('v', 'm') AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend AS d
            WHERE d.classid = 'pg_catalog.pg_class'::regclass::oid AND d.objid = c.oid AND d.deptype = 'e'));
    IF views IS NOT NULL THEN
        RAISE NOTICE 'views over pg_stat_monitor_internal() show what is in memory, and nothing that is stored: %',
            views
            USING HINT = 'To have both, create them again on the table pg_stat_monitor, WITH (security_invoker = '
                         'true).';
    END IF;
    PERFORM pg_catalog.set_config('client_min_messages', 'warning', true);
END
$pgsm$;
