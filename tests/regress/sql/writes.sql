-- Writing to the relation: live rows can be emptied, not made or changed; stored rows are a table's.
\set VERBOSITY sqlstate
CREATE EXTENSION pg_stat_monitor;
SELECT pg_stat_monitor_reset();
SELECT 'stored' AS word;
SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT 'live' AS word, 1 AS n;

-- Twice each in one session.
INSERT INTO pg_stat_monitor (bucket, exported_at) VALUES (1, 'infinity');
INSERT INTO pg_stat_monitor (bucket, exported_at) VALUES (1, 'infinity');
UPDATE pg_stat_monitor SET calls = 0;
UPDATE pg_stat_monitor SET calls = 0;
UPDATE pg_stat_monitor SET calls = 0 WHERE exported_at = 'infinity';
SELECT query, calls FROM pg_stat_monitor WHERE query ~ '^SELECT ''(stored|live)''' ORDER BY query COLLATE "C";

-- Retention by DELETE works with the live partition in the plan, and leaves what is live.
DELETE FROM pg_stat_monitor WHERE exported_at < now() - interval '7 days';
SELECT query, calls FROM pg_stat_monitor WHERE query ~ '^SELECT ''(stored|live)''' ORDER BY query COLLATE "C";
DELETE FROM pg_stat_monitor WHERE exported_at <= now();
SELECT query, calls FROM pg_stat_monitor WHERE query ~ '^SELECT ''(stored|live)''' ORDER BY query COLLATE "C";

-- TRUNCATE and the reset empty memory, too.
SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT 'live' AS word, 1 AS n;
TRUNCATE pg_stat_monitor;
SELECT count(*) FROM pg_stat_monitor WHERE query ~ '^SELECT ''(stored|live)''';
SELECT 'stored' AS word;
SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT 'live' AS word, 1 AS n;
SELECT pg_stat_monitor_reset();
SELECT count(*) FROM pg_stat_monitor WHERE query ~ '^SELECT ''(stored|live)''';
SELECT 'live' AS word, 1 AS n;
SELECT query, calls FROM pg_stat_monitor WHERE query LIKE 'SELECT ''live''%';

-- ANALYZE and a backup's lock take no offence at the foreign partition.
ANALYZE pg_stat_monitor;
SELECT count(*) > 0 AS answers FROM pg_stat_monitor;
