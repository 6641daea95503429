-- The export: what it returns, what it writes, and that nothing is live and stored at once.
\set VERBOSITY sqlstate
CREATE EXTENSION pg_stat_monitor;
SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT pg_stat_monitor_export() AS only_the_call_before;

SELECT 'once' AS word;
SELECT current_date > '2000-01-01' AS other;
SELECT current_date > '2000-01-01' AS other;
-- The call before, the two statements above.
SELECT pg_stat_monitor_export() AS written;
SELECT calls, bucket_done, exported_at < 'infinity' AS stored, exported_at >= bucket_start_time AS after_start
FROM pg_stat_monitor WHERE query ~ '^SELECT (''once''|current_date)' ORDER BY query COLLATE "C";
SELECT count(DISTINCT bucket) = 1 AND count(DISTINCT bucket_start_time) = 1 AS one_bucket
FROM pg_stat_monitor WHERE query ~ '^SELECT (''once''|current_date)';
SELECT count(*) FROM pg_stat_monitor
WHERE tableoid <> 'pg_stat_monitor_live'::regclass AND query ~ '^SELECT (''once''|current_date)';

-- Rolled back, it is live again; by a savepoint, too.
SELECT 'twice' AS word, 1 AS n;
BEGIN;
SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT calls, exported_at < 'infinity' AS stored FROM pg_stat_monitor WHERE query LIKE 'SELECT ''twice''%';
ROLLBACK;
SELECT calls, exported_at < 'infinity' AS stored FROM pg_stat_monitor WHERE query LIKE 'SELECT ''twice''%';
BEGIN;
SAVEPOINT before;
SELECT pg_stat_monitor_export() > 0 AS wrote;
ROLLBACK TO before;
COMMIT;
SELECT calls, exported_at < 'infinity' AS stored FROM pg_stat_monitor WHERE query LIKE 'SELECT ''twice''%';

-- The same bucket, exported in the end once, and by two calls in one transaction.
BEGIN;
SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT pg_stat_monitor_export() >= 0 AS wrote;
COMMIT;
SELECT calls, exported_at < 'infinity' AS stored FROM pg_stat_monitor WHERE query LIKE 'SELECT ''twice''%';

-- No two buckets share a number or a start.
SELECT count(DISTINCT bucket) = count(DISTINCT bucket_start_time) AS own_start,
       count(DISTINCT bucket) > 3 AS several
FROM pg_stat_monitor;

-- In a read-only transaction it is refused, twice the same way, and nothing is lost.
SELECT 'kept' AS word, 1 AS n, 2 AS m;
BEGIN READ ONLY;
SELECT pg_stat_monitor_export();
ROLLBACK;
BEGIN READ ONLY;
SELECT pg_stat_monitor_export();
ROLLBACK;
SELECT calls FROM pg_stat_monitor WHERE query LIKE 'SELECT ''kept''%';

-- Texts arrive as they were, whatever is in them.
SELECT 'it''s "quoted" \ and $1 %s' AS "odd; -- name", 'ünïcödé' AS word;
SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT query, calls FROM pg_stat_monitor WHERE query LIKE 'SELECT ''it''''s%' AND exported_at < 'infinity';
