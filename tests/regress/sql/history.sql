-- What a partition that holds history is made of (the exporter makes them, TAP 060), and by whom it may be read.
CREATE EXTENSION pg_stat_monitor;
SET timezone = 'UTC';
-- As the exporter does it; no exporter runs here.
CREATE TABLE pg_stat_monitor_20200101 (LIKE pg_stat_monitor INCLUDING DEFAULTS INCLUDING INDEXES);
ALTER EXTENSION pg_stat_monitor ADD TABLE pg_stat_monitor_20200101;
ALTER TABLE pg_stat_monitor ATTACH PARTITION pg_stat_monitor_20200101 FOR VALUES FROM ('2020-01-01') TO ('2020-01-02');
INSERT INTO pg_stat_monitor (bucket, bucket_start_time, userid, query, calls, exported_at)
SELECT g, '2020-01-01'::timestamptz + g * interval '1 hour', 10, 'fed', g, '2020-01-01'::timestamptz + g * interval '1 hour'
FROM generate_series(0, 30) AS g;
SELECT tableoid::regclass, count(*), sum(calls) FROM pg_stat_monitor WHERE query = 'fed' GROUP BY 1 ORDER BY 1;

-- Retention by hand works with the live partition in the plan, and with all tables published.
SET client_min_messages = error;
CREATE PUBLICATION everything FOR ALL TABLES;
RESET client_min_messages;
DELETE FROM pg_stat_monitor_default WHERE exported_at < '2020-01-02 03:00';
SELECT tableoid::regclass, count(*), sum(calls) FROM pg_stat_monitor WHERE query = 'fed' GROUP BY 1 ORDER BY 1;
DROP PUBLICATION everything;

-- A day of ours cannot be dropped by accident; who wants it for himself takes it out of the extension.
\set VERBOSITY terse
DROP TABLE pg_stat_monitor_20200101;
ALTER EXTENSION pg_stat_monitor DROP TABLE pg_stat_monitor_20200101;
DROP TABLE pg_stat_monitor_20200101;
SELECT sum(calls) FROM pg_stat_monitor WHERE query = 'fed';

-- Each has its own off.
SELECT replace(name, 'pg_stat_monitor.', '') AS name, current_setting(name) AS value, min_val AS off
FROM pg_settings WHERE name LIKE 'pg\_stat\_monitor.pgsm\_history%' ORDER BY name COLLATE "C";

-- A schema of the name that days are made in, but not ours, is left alone.
SET client_min_messages = warning;
DROP EXTENSION pg_stat_monitor;
RESET client_min_messages;
CREATE SCHEMA pgsm_history;
CREATE EXTENSION pg_stat_monitor;
SELECT count(*) FROM pg_stat_monitor_default;
DROP EXTENSION pg_stat_monitor;
DROP SCHEMA pgsm_history;
CREATE EXTENSION pg_stat_monitor;
DROP EXTENSION pg_stat_monitor;
SELECT to_regnamespace('pgsm_history') AS left_behind;
