-- The functions of 2.3, called without a schema.
CREATE EXTENSION pg_stat_monitor;
SELECT pg_stat_monitor_version() ~ '^2\.4\.\d+$' AS version;
SELECT string_agg(coalesce(get_cmd_type(n), 'NULL'), ',' ORDER BY n) FROM generate_series(-1, 8) n;
SELECT string_agg(coalesce(decode_error_level(n), 'NULL'), ',' ORDER BY n) FROM generate_series(18, 24) n;

SELECT cardinality(range()) AS ranges, (range())[1], (range())[2], (range())[22];
SELECT left(get_histogram_timings(), 33) AS timings;

-- The histogram of one statement: one row a range, all executions in it.
SELECT pg_stat_monitor_reset();
SELECT 'counted' AS word;
SELECT 'counted' AS word;
SELECT 'counted' AS word;
SELECT count(*) AS ranges, sum(freq) AS executions
FROM (SELECT bucket, queryid FROM pg_stat_monitor WHERE query LIKE 'SELECT ''counted''%') s,
     histogram(s.bucket::int, s.queryid) AS h(range text, freq int, bar text);
SELECT cardinality(resp_calls) AS cells, (SELECT sum(c::bigint) FROM unnest(resp_calls) c) = calls AS all_in
FROM pg_stat_monitor WHERE query LIKE 'SELECT ''counted''%';

-- The rows of 2.3's function: with and without texts.
SELECT count(*) FROM pg_stat_monitor_internal() WHERE query LIKE 'SELECT ''counted''%';
SELECT sum(calls) FROM pg_stat_monitor_internal(true) WHERE query LIKE 'SELECT ''counted''%';
SELECT count(*) > 0 AS rows, count(*) FILTER (WHERE query <> '') AS texts
FROM pg_stat_monitor_internal(false);
SELECT count(*) FROM pg_stat_monitor_internal(NULL);

-- The status is one row whose figures add up.
SELECT count(*) = 1 AS one_row, bool_and(store_bytes_used <= store_bytes_total) AS store,
       bool_and(text_bytes_used <= text_bytes_total) AS texts, bool_and(entries > 0) AS entries,
       bool_and(calls_lost = 0) AS nothing_lost,
       bool_and(store_bytes_total + text_bytes_total <= 3 * 1024 * 1024) AS within_budget
FROM pg_stat_monitor_status;
SELECT running_bucket = (SELECT max(bucket) FROM pg_stat_monitor) AS running FROM pg_stat_monitor_status;
