-- The relation: 72 columns, its key, its partitions and indexes, who owns and reads it.
CREATE EXTENSION pg_stat_monitor;
SELECT extversion FROM pg_extension WHERE extname = 'pg_stat_monitor';

-- The three more columns of PostgreSQL 18 are behind the 72.
SELECT count(*) - CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 3 ELSE 0 END AS columns
FROM information_schema.columns WHERE table_name = 'pg_stat_monitor';
SELECT column_name, data_type, is_nullable FROM information_schema.columns
WHERE table_name = 'pg_stat_monitor' AND ordinal_position IN (1, 2, 7, 18, 24, 47, 52, 53, 71, 72)
ORDER BY ordinal_position;
SELECT count(*) AS columns_without_comment FROM pg_attribute
WHERE attrelid = 'pg_stat_monitor'::regclass AND attnum > 0 AND col_description(attrelid, attnum) IS NULL;

SELECT pg_get_partkeydef('pg_stat_monitor'::regclass) AS key;
SELECT c.oid::regclass AS partition, c.relkind, pg_get_expr(c.relpartbound, c.oid) AS bound
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'pg_stat_monitor'::regclass
  AND c.relname IN ('pg_stat_monitor_live', 'pg_stat_monitor_default')
ORDER BY c.relname;
SELECT indexdef FROM pg_indexes WHERE tablename = 'pg_stat_monitor' ORDER BY indexname;
SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = 'pg_stat_monitor'::regclass;
SELECT has_table_privilege('public', 'pg_stat_monitor', 'SELECT') AS parent,
       has_table_privilege('public', 'pg_stat_monitor', 'INSERT, UPDATE, DELETE, TRUNCATE') AS parent_write,
       has_table_privilege('public', 'pg_stat_monitor_live', 'SELECT') AS live,
       has_table_privilege('public', 'pg_stat_monitor_default', 'SELECT') AS stored;

-- A condition on exported_at leaves only the partitions that can have such rows.
CREATE FUNCTION scanned(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || statement INTO plan;
    RETURN QUERY SELECT m[1] FROM regexp_matches(plan::text, '"Relation Name": "(\w+)"', 'g') m ORDER BY 1;
END $$;
SELECT scanned('SELECT calls FROM pg_stat_monitor');
SELECT scanned('SELECT calls FROM pg_stat_monitor WHERE exported_at = ''infinity''');
SELECT scanned('SELECT calls FROM pg_stat_monitor WHERE exported_at < ''2020-01-01''');
DROP FUNCTION scanned;

-- Everything goes with the extension.
DROP EXTENSION pg_stat_monitor;
SELECT count(*) AS left_behind FROM pg_class WHERE relname LIKE 'pg\_stat\_monitor%';
