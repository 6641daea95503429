-- DELETE and TRUNCATE ask for what pg_stat_monitor_reset() asks for, whatever was granted on the tables.
CREATE EXTENSION pg_stat_monitor;
CREATE ROLE regress_pgsm_all;
CREATE ROLE regress_pgsm_owner;
-- A day as the exporter makes it; no exporter runs here.
CREATE TABLE pgsm_history.pg_stat_monitor_20200101 (LIKE pg_stat_monitor INCLUDING ALL);
ALTER TABLE pg_stat_monitor ATTACH PARTITION pgsm_history.pg_stat_monitor_20200101
    FOR VALUES FROM ('2020-01-01') TO ('2020-01-02');
CREATE FUNCTION fill() RETURNS void LANGUAGE sql AS $$
    INSERT INTO pg_stat_monitor (bucket, userid, query, calls, exported_at) VALUES
        (1, 10, 'in a day', 1, '2020-01-01 12:00'), (2, 10, 'in no day', 1, '2020-01-05 12:00');
$$;
SELECT fill();
CREATE VIEW stored AS SELECT count(*) AS stored FROM pg_stat_monitor WHERE exported_at < 'infinity';
GRANT ALL ON ALL TABLES IN SCHEMA public TO regress_pgsm_all;
\set SHOW_CONTEXT never

-- Everything is granted, and the statement refused: by the table, by its partitions, in every way to delete.
SET ROLE regress_pgsm_all;
DELETE FROM pg_stat_monitor WHERE exported_at < now();
DELETE FROM pg_stat_monitor WHERE exported_at < now();
DELETE FROM pg_stat_monitor WHERE false;
DELETE FROM pg_stat_monitor_default;
DELETE FROM pg_stat_monitor_live;
WITH gone AS (DELETE FROM pg_stat_monitor RETURNING 1) SELECT count(*) FROM gone;
MERGE INTO pg_stat_monitor_default AS d USING (VALUES (1)) AS v(n) ON true WHEN MATCHED THEN DELETE;
\set VERBOSITY sqlstate
PREPARE del AS DELETE FROM pg_stat_monitor WHERE exported_at < $1;
EXECUTE del('2020-02-01');
TRUNCATE pg_stat_monitor;
TRUNCATE ONLY pg_stat_monitor_default;
TRUNCATE pg_stat_monitor_live;
SELECT pg_stat_monitor_reset();
\set VERBOSITY default
RESET ROLE;
SELECT stored FROM stored;
SELECT count(*) > 0 AS live FROM pg_stat_monitor_live;

-- With EXECUTE on the reset it deletes what it sees, the rest as well when it may read that.
GRANT EXECUTE ON FUNCTION pg_stat_monitor_reset() TO regress_pgsm_all;
SET ROLE regress_pgsm_all;
EXECUTE del('2020-02-01');
RESET ROLE;
SELECT stored FROM stored;
GRANT pg_read_all_stats TO regress_pgsm_all;
SET ROLE regress_pgsm_all;
EXECUTE del('2020-01-02');
RESET ROLE;
SELECT query FROM pg_stat_monitor WHERE exported_at < 'infinity';
SET ROLE regress_pgsm_all;
DELETE FROM pg_stat_monitor WHERE exported_at < now() - interval '7 days';
RESET ROLE;
SELECT stored FROM stored;
SELECT fill();
SET ROLE regress_pgsm_all;
DELETE FROM pg_stat_monitor_default;
TRUNCATE pg_stat_monitor;
RESET ROLE;
SELECT stored FROM stored;
SELECT count(*) AS live FROM pg_stat_monitor_live WHERE query ~ 'fill';

-- The owner needs no grant; neither does what we do in his name.
SELECT fill();
ALTER TABLE pg_stat_monitor OWNER TO regress_pgsm_owner;
ALTER TABLE pg_stat_monitor_default OWNER TO regress_pgsm_owner;
GRANT USAGE, CREATE ON SCHEMA public TO regress_pgsm_owner;
SET ROLE regress_pgsm_owner;
EXECUTE del('2020-01-02');
DELETE FROM pg_stat_monitor_default;
RESET ROLE;
SELECT stored FROM stored;
SELECT fill();
SELECT pg_stat_monitor_reset();
SELECT stored FROM stored;
-- Superusers neither.
SELECT fill();
EXECUTE del('2020-02-01');
SELECT fill();
TRUNCATE pg_stat_monitor;
SELECT stored FROM stored;

-- Called otherwise.
SELECT pgsm_check_delete();
CREATE TABLE other (a integer);
CREATE TRIGGER other BEFORE DELETE ON other EXECUTE FUNCTION pgsm_check_delete();
DELETE FROM other;
DROP TABLE other;
DROP VIEW stored;
DROP FUNCTION fill();
DROP EXTENSION pg_stat_monitor;
REVOKE ALL ON SCHEMA public FROM regress_pgsm_owner;
DROP ROLE regress_pgsm_all, regress_pgsm_owner;
