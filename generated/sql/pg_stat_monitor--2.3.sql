-- Made by schema/codegen.py from schema/columns.yaml: do not edit. To renew it: meson compile -C build regen
\echo Use "CREATE EXTENSION pg_stat_monitor" to load this file. \quit

CREATE FUNCTION pg_stat_monitor_reset()
RETURNS void
AS 'MODULE_PATHNAME', 'pg_stat_monitor_reset'
LANGUAGE C PARALLEL SAFE;
REVOKE ALL ON FUNCTION pg_stat_monitor_reset() FROM PUBLIC;

CREATE FUNCTION pg_stat_monitor_version()
RETURNS text
AS 'MODULE_PATHNAME', 'pg_stat_monitor_version'
LANGUAGE C PARALLEL SAFE;

CREATE FUNCTION get_histogram_timings()
RETURNS text
AS 'MODULE_PATHNAME', 'get_histogram_timings'
LANGUAGE C PARALLEL SAFE;
GRANT EXECUTE ON FUNCTION get_histogram_timings() TO PUBLIC;

CREATE FUNCTION range()
RETURNS text[]
LANGUAGE sql
RETURN pg_catalog.string_to_array(get_histogram_timings(), ',');
GRANT EXECUTE ON FUNCTION range() TO PUBLIC;

CREATE FUNCTION get_cmd_type(cmd_type integer)
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

CREATE FUNCTION decode_error_level(elevel integer)
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

CREATE FUNCTION pg_stat_monitor_internal(
    IN showtext boolean,
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

-- One function per shape of the view; 13 has that of 14, and 16 that of 15.
CREATE FUNCTION pgsm_create_13_view()
RETURNS integer
LANGUAGE plpgsql
AS $pgsm$
BEGIN
    CREATE VIEW pg_stat_monitor AS SELECT
        bucket,
        bucket_start_time,
        userid,
        username,
        dbid,
        datname,
        '0.0.0.0'::pg_catalog.inet + client_ip AS client_ip,
        pgsm_query_id,
        queryid,
        toplevel,
        top_queryid,
        query,
        comments,
        planid,
        query_plan,
        top_query,
        application_name,
        pg_catalog.string_to_array(relations, ',') AS relations,
        cmd_type,
        get_cmd_type(cmd_type) AS cmd_type_text,
        elevel,
        sqlcode,
        message,
        calls,
        total_exec_time,
        min_exec_time,
        max_exec_time,
        mean_exec_time,
        stddev_exec_time,
        rows,
        shared_blks_hit,
        shared_blks_read,
        shared_blks_dirtied,
        shared_blks_written,
        local_blks_hit,
        local_blks_read,
        local_blks_dirtied,
        local_blks_written,
        temp_blks_read,
        temp_blks_written,
        shared_blk_read_time AS blk_read_time,
        shared_blk_write_time AS blk_write_time,
        pg_catalog.string_to_array(resp_calls, ',') AS resp_calls,
        cpu_user_time,
        cpu_sys_time,
        wal_records,
        wal_fpi,
        wal_bytes,
        bucket_done,
        plans,
        total_plan_time,
        min_plan_time,
        max_plan_time,
        mean_plan_time,
        stddev_plan_time
    FROM pg_stat_monitor_internal(true)
    ORDER BY bucket_start_time;
    RETURN 0;
END
$pgsm$;
REVOKE ALL ON FUNCTION pgsm_create_13_view() FROM PUBLIC;

CREATE FUNCTION pgsm_create_14_view()
RETURNS integer
LANGUAGE plpgsql
AS $pgsm$
BEGIN
    CREATE VIEW pg_stat_monitor AS SELECT
        bucket,
        bucket_start_time,
        userid,
        username,
        dbid,
        datname,
        '0.0.0.0'::pg_catalog.inet + client_ip AS client_ip,
        pgsm_query_id,
        queryid,
        toplevel,
        top_queryid,
        query,
        comments,
        planid,
        query_plan,
        top_query,
        application_name,
        pg_catalog.string_to_array(relations, ',') AS relations,
        cmd_type,
        get_cmd_type(cmd_type) AS cmd_type_text,
        elevel,
        sqlcode,
        message,
        calls,
        total_exec_time,
        min_exec_time,
        max_exec_time,
        mean_exec_time,
        stddev_exec_time,
        rows,
        shared_blks_hit,
        shared_blks_read,
        shared_blks_dirtied,
        shared_blks_written,
        local_blks_hit,
        local_blks_read,
        local_blks_dirtied,
        local_blks_written,
        temp_blks_read,
        temp_blks_written,
        shared_blk_read_time AS blk_read_time,
        shared_blk_write_time AS blk_write_time,
        pg_catalog.string_to_array(resp_calls, ',') AS resp_calls,
        cpu_user_time,
        cpu_sys_time,
        wal_records,
        wal_fpi,
        wal_bytes,
        bucket_done,
        plans,
        total_plan_time,
        min_plan_time,
        max_plan_time,
        mean_plan_time,
        stddev_plan_time
    FROM pg_stat_monitor_internal(true)
    ORDER BY bucket_start_time;
    RETURN 0;
END
$pgsm$;
REVOKE ALL ON FUNCTION pgsm_create_14_view() FROM PUBLIC;

CREATE FUNCTION pgsm_create_15_view()
RETURNS integer
LANGUAGE plpgsql
AS $pgsm$
BEGIN
    CREATE VIEW pg_stat_monitor AS SELECT
        bucket,
        bucket_start_time,
        userid,
        username,
        dbid,
        datname,
        '0.0.0.0'::pg_catalog.inet + client_ip AS client_ip,
        pgsm_query_id,
        queryid,
        toplevel,
        top_queryid,
        query,
        comments,
        planid,
        query_plan,
        top_query,
        application_name,
        pg_catalog.string_to_array(relations, ',') AS relations,
        cmd_type,
        get_cmd_type(cmd_type) AS cmd_type_text,
        elevel,
        sqlcode,
        message,
        calls,
        total_exec_time,
        min_exec_time,
        max_exec_time,
        mean_exec_time,
        stddev_exec_time,
        rows,
        shared_blks_hit,
        shared_blks_read,
        shared_blks_dirtied,
        shared_blks_written,
        local_blks_hit,
        local_blks_read,
        local_blks_dirtied,
        local_blks_written,
        temp_blks_read,
        temp_blks_written,
        shared_blk_read_time AS blk_read_time,
        shared_blk_write_time AS blk_write_time,
        temp_blk_read_time,
        temp_blk_write_time,
        pg_catalog.string_to_array(resp_calls, ',') AS resp_calls,
        cpu_user_time,
        cpu_sys_time,
        wal_records,
        wal_fpi,
        wal_bytes,
        bucket_done,
        plans,
        total_plan_time,
        min_plan_time,
        max_plan_time,
        mean_plan_time,
        stddev_plan_time,
        jit_functions,
        jit_generation_time,
        jit_inlining_count,
        jit_inlining_time,
        jit_optimization_count,
        jit_optimization_time,
        jit_emission_count,
        jit_emission_time
    FROM pg_stat_monitor_internal(true)
    ORDER BY bucket_start_time;
    RETURN 0;
END
$pgsm$;
REVOKE ALL ON FUNCTION pgsm_create_15_view() FROM PUBLIC;

CREATE FUNCTION pgsm_create_17_view()
RETURNS integer
LANGUAGE plpgsql
AS $pgsm$
BEGIN
    CREATE VIEW pg_stat_monitor AS SELECT
        bucket,
        bucket_start_time,
        userid,
        username,
        dbid,
        datname,
        '0.0.0.0'::pg_catalog.inet + client_ip AS client_ip,
        pgsm_query_id,
        queryid,
        toplevel,
        top_queryid,
        query,
        comments,
        planid,
        query_plan,
        top_query,
        application_name,
        pg_catalog.string_to_array(relations, ',') AS relations,
        cmd_type,
        get_cmd_type(cmd_type) AS cmd_type_text,
        elevel,
        sqlcode,
        message,
        calls,
        total_exec_time,
        min_exec_time,
        max_exec_time,
        mean_exec_time,
        stddev_exec_time,
        rows,
        shared_blks_hit,
        shared_blks_read,
        shared_blks_dirtied,
        shared_blks_written,
        local_blks_hit,
        local_blks_read,
        local_blks_dirtied,
        local_blks_written,
        temp_blks_read,
        temp_blks_written,
        shared_blk_read_time,
        shared_blk_write_time,
        local_blk_read_time,
        local_blk_write_time,
        temp_blk_read_time,
        temp_blk_write_time,
        pg_catalog.string_to_array(resp_calls, ',') AS resp_calls,
        cpu_user_time,
        cpu_sys_time,
        wal_records,
        wal_fpi,
        wal_bytes,
        bucket_done,
        plans,
        total_plan_time,
        min_plan_time,
        max_plan_time,
        mean_plan_time,
        stddev_plan_time,
        jit_functions,
        jit_generation_time,
        jit_inlining_count,
        jit_inlining_time,
        jit_optimization_count,
        jit_optimization_time,
        jit_emission_count,
        jit_emission_time,
        jit_deform_count,
        jit_deform_time,
        stats_since,
        minmax_stats_since
    FROM pg_stat_monitor_internal(true)
    ORDER BY bucket_start_time;
    RETURN 0;
END
$pgsm$;
REVOKE ALL ON FUNCTION pgsm_create_17_view() FROM PUBLIC;

CREATE FUNCTION pgsm_create_18_view()
RETURNS integer
LANGUAGE plpgsql
AS $pgsm$
BEGIN
    CREATE VIEW pg_stat_monitor AS SELECT
        bucket,
        bucket_start_time,
        userid,
        username,
        dbid,
        datname,
        '0.0.0.0'::pg_catalog.inet + client_ip AS client_ip,
        pgsm_query_id,
        queryid,
        toplevel,
        top_queryid,
        query,
        comments,
        planid,
        query_plan,
        top_query,
        application_name,
        pg_catalog.string_to_array(relations, ',') AS relations,
        cmd_type,
        get_cmd_type(cmd_type) AS cmd_type_text,
        elevel,
        sqlcode,
        message,
        calls,
        total_exec_time,
        min_exec_time,
        max_exec_time,
        mean_exec_time,
        stddev_exec_time,
        rows,
        shared_blks_hit,
        shared_blks_read,
        shared_blks_dirtied,
        shared_blks_written,
        local_blks_hit,
        local_blks_read,
        local_blks_dirtied,
        local_blks_written,
        temp_blks_read,
        temp_blks_written,
        shared_blk_read_time,
        shared_blk_write_time,
        local_blk_read_time,
        local_blk_write_time,
        temp_blk_read_time,
        temp_blk_write_time,
        pg_catalog.string_to_array(resp_calls, ',') AS resp_calls,
        cpu_user_time,
        cpu_sys_time,
        wal_records,
        wal_fpi,
        wal_bytes,
        wal_buffers_full,
        bucket_done,
        plans,
        total_plan_time,
        min_plan_time,
        max_plan_time,
        mean_plan_time,
        stddev_plan_time,
        jit_functions,
        jit_generation_time,
        jit_inlining_count,
        jit_inlining_time,
        jit_optimization_count,
        jit_optimization_time,
        jit_emission_count,
        jit_emission_time,
        jit_deform_count,
        jit_deform_time,
        parallel_workers_to_launch,
        parallel_workers_launched,
        stats_since,
        minmax_stats_since
    FROM pg_stat_monitor_internal(true)
    ORDER BY bucket_start_time;
    RETURN 0;
END
$pgsm$;
REVOKE ALL ON FUNCTION pgsm_create_18_view() FROM PUBLIC;

CREATE FUNCTION pgsm_create_view()
RETURNS integer
LANGUAGE plpgsql
AS $pgsm$
DECLARE
    major CONSTANT integer := pg_catalog.current_setting('server_version_num')::integer / 10000;
BEGIN
    RETURN CASE
        WHEN major >= 18 THEN pgsm_create_18_view()
        WHEN major >= 17 THEN pgsm_create_17_view()
        WHEN major >= 15 THEN pgsm_create_15_view()
        WHEN major >= 14 THEN pgsm_create_14_view()
        ELSE pgsm_create_13_view()
    END;
END
$pgsm$;
REVOKE ALL ON FUNCTION pgsm_create_view() FROM PUBLIC;

SELECT pgsm_create_view();
GRANT SELECT ON pg_stat_monitor TO PUBLIC;

CREATE FUNCTION histogram(_bucket integer, _quryid bigint)
RETURNS SETOF record
LANGUAGE plpgsql
AS $pgsm$
BEGIN
    RETURN QUERY
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
            SELECT pg_catalog.row_number() OVER () AS place, found.resp_calls, range() AS ranges
            FROM (
                -- A server before a promotion may have given out the same number: never two buckets in one.
                SELECT row.resp_calls, row.bucket_start_time,
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
END
$pgsm$;
