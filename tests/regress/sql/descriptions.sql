-- Whatever belongs to the extension says what it is, in full sentences.
CREATE EXTENSION pg_stat_monitor;
CREATE ROLE regress_described;
SELECT pg_stat_monitor_serve_2_3('regress_described');
SELECT pg_describe_object(d.classid, d.objid, 0) AS without_description
FROM pg_depend AS d JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'pg_stat_monitor' AND d.deptype = 'e'
  AND d.classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_namespace'::regclass)
  AND coalesce(obj_description(d.objid, d.classid::regclass::name), '') !~ '\.$'
ORDER BY 1;
-- A number says its unit; what may be NULL says when. \d+ shows each of them alone.
SELECT a.attname AS time_without_unit FROM pg_attribute AS a
WHERE a.attrelid = 'pg_stat_monitor'::regclass AND a.atttypid = 'double precision'::regtype
  AND col_description(a.attrelid, a.attnum) !~ 'in milliseconds';
SELECT a.attname AS null_when, substring(col_description(a.attrelid, a.attnum) FROM 'NULL when .*') AS it_says
FROM pg_attribute AS a
WHERE a.attrelid = 'pg_stat_monitor'::regclass AND a.attname IN ('queryid', 'top_query', 'sqlcode', 'message')
ORDER BY a.attnum;
-- The levels that rows have, in the words of their column's comment.
SELECT pg_stat_monitor_reset();
SELECT 1 / 0 AS failing;
COMMIT;
SELECT DISTINCT s.elevel, decode_error_level(s.elevel) AS word,
       col_description(a.attrelid, a.attnum) ~ (s.elevel || ' ' || decode_error_level(s.elevel)) AS said
FROM pg_stat_monitor AS s JOIN pg_attribute AS a
     ON a.attrelid = 'pg_stat_monitor'::regclass AND a.attname = 'elevel'
WHERE s.elevel > 0 ORDER BY 1;
DROP EXTENSION pg_stat_monitor;
DROP OWNED BY regress_described;
DROP ROLE regress_described;
