-- All settings of 2.3 and ours (compat-2.3.md 1): type, unit, range, context, boot value; SET at run time.
CREATE EXTENSION pg_stat_monitor;
SELECT replace(name, 'pg_stat_monitor.', '') AS name, vartype AS type, unit, boot_val AS boot, min_val AS min,
       max_val AS max, context, enumvals AS words
FROM pg_settings WHERE name LIKE 'pg\_stat\_monitor.%' ORDER BY name COLLATE "C";
SELECT count(*) AS of_2_3 FROM pg_settings
WHERE replace(name, 'pg_stat_monitor.', '') IN (
    'pgsm_max', 'pgsm_query_max_len', 'pgsm_max_buckets', 'pgsm_bucket_time', 'pgsm_histogram_min',
    'pgsm_histogram_max', 'pgsm_histogram_buckets', 'pgsm_query_shared_buffer', 'pgsm_overflow_target',
    'pgsm_enable_overflow', 'pgsm_track', 'pgsm_track_utility', 'pgsm_track_planning',
    'pgsm_track_application_names', 'pgsm_enable_pgsm_query_id', 'pgsm_normalized_query',
    'pgsm_enable_query_plan', 'pgsm_extract_comments');
SELECT count(*) AS nulls, count(*) FILTER (WHERE category <> 'Customized Options') AS elsewhere,
       count(*) FILTER (WHERE short_desc !~ '\.$') AS without_description
FROM pg_settings WHERE name LIKE 'pg\_stat\_monitor.%' AND (setting IS NULL
     OR category <> 'Customized Options' OR short_desc !~ '\.$');

\set VERBOSITY sqlstate
-- Any role changes the session settings, and no other.
CREATE ROLE regress_pgsm_plain;
SET ROLE regress_pgsm_plain;
SET pg_stat_monitor.pgsm_track = 'all';
SET pg_stat_monitor.pgsm_track = none;
SET pg_stat_monitor.pgsm_track = ALL;
SET pg_stat_monitor.pgsm_track = top;
SET pg_stat_monitor.pgsm_track = 'some';
SET pg_stat_monitor.pgsm_track_utility = no;
SHOW pg_stat_monitor.pgsm_track_utility;
SET pg_stat_monitor.pgsm_track_utility = 1;
SHOW pg_stat_monitor.pgsm_track_utility;
SET pg_stat_monitor.pgsm_track_planning = yes;
SHOW pg_stat_monitor.pgsm_track_planning;
SET pg_stat_monitor.pgsm_track_planning = 0;
SHOW pg_stat_monitor.pgsm_track_planning;
SET pg_stat_monitor.pgsm_normalized_query = on;
SET pg_stat_monitor.pgsm_enable_pgsm_query_id = off;
SET pg_stat_monitor.pgsm_enable_query_plan = true;
SET pg_stat_monitor.pgsm_extract_comments = 't';
SET pg_stat_monitor.pgsm_export_top_n = 5;
SET pg_stat_monitor.pgsm_export_database = 'x';
RESET ALL;
RESET ROLE;
DROP ROLE regress_pgsm_plain;

-- The others need a restart or a reload.
SET pg_stat_monitor.pgsm_max = 1;
SET pg_stat_monitor.pgsm_query_max_len = 1024;
SET pg_stat_monitor.pgsm_max_buckets = 1;
SET pg_stat_monitor.pgsm_bucket_time = 1;
SET pg_stat_monitor.pgsm_histogram_min = 1;
SET pg_stat_monitor.pgsm_histogram_max = 1000;
SET pg_stat_monitor.pgsm_histogram_buckets = 2;
SET pg_stat_monitor.pgsm_query_shared_buffer = '2MB';
SET pg_stat_monitor.pgsm_enable_overflow = on;
SET pg_stat_monitor.pgsm_overflow_target = 0;

-- ALTER SYSTEM looks at the value, with its unit.
ALTER SYSTEM SET pg_stat_monitor.pgsm_max = '512kB';
ALTER SYSTEM SET pg_stat_monitor.pgsm_max = '11GB';
ALTER SYSTEM SET pg_stat_monitor.pgsm_max = '2parsec';
ALTER SYSTEM SET pg_stat_monitor.pgsm_query_shared_buffer = 20;
ALTER SYSTEM SET pg_stat_monitor.pgsm_query_shared_buffer = '511kB';
ALTER SYSTEM SET pg_stat_monitor.pgsm_bucket_time = '400ms';
ALTER SYSTEM SET pg_stat_monitor.pgsm_histogram_max = 9;
ALTER SYSTEM SET pg_stat_monitor.pgsm_histogram_max = 50000001;

-- The prefix is reserved.
SET pg_stat_monitor.pgsm_unheard_of = 1;
SHOW pg_stat_monitor.pgsm_unheard_of;

\set VERBOSITY default
-- What has no effect says so once a session, and not again in its parallel workers.
SET pg_stat_monitor.pgsm_track_application_names = off;
SET pg_stat_monitor.pgsm_track_application_names = on;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
CREATE TABLE wide AS SELECT generate_series(1, 10000) AS n;
EXPLAIN (COSTS OFF) SELECT count(*) FROM wide;
SELECT count(*) FROM wide;
DROP TABLE wide;
\c -
SET pg_stat_monitor.pgsm_track_application_names = off;
-- An application's name is tracked all the same.
SET application_name = 'named';
SELECT 'by name' AS word;
SELECT application_name FROM pg_stat_monitor WHERE query LIKE 'SELECT ''by name''%';
