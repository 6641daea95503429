-- The histogram functions (compat-2.3.md 5) with the default settings; other bounds: unit tests and TAP 020.
CREATE EXTENSION pg_stat_monitor;
SELECT get_histogram_timings();
SELECT cardinality(range()) AS ranges, (range())[1], (range())[2], (range())[22];
SELECT range() = string_to_array(get_histogram_timings(), ',') AS split_at_commas;
-- Every element has its bounds as decimal numbers.
SELECT count(*) FILTER (WHERE r ~ '\d+\.\d{3} - (\d+\.\d{3}|\.\.\.)\}') AS with_bounds
FROM unnest(range()) AS r;

-- One row a range, in order; the fast ones are in the first, the slow ones where they belong.
SELECT pg_stat_monitor_reset();
SELECT 'counted' AS word;
SELECT 'counted' AS word;
SELECT 'counted' AS word;
SELECT 'counted', pg_sleep(0.12);
SELECT h.* FROM (SELECT bucket, queryid FROM pg_stat_monitor WHERE query LIKE 'SELECT ''counted'' AS%') AS s,
    histogram(s.bucket::int, s.queryid) AS h(range text, freq int, bar text) WHERE h.freq > 0;
SELECT count(*) AS ranges, sum(freq) AS executions, min(freq) AS least, max(length(bar)) AS longest
FROM (SELECT bucket, queryid FROM pg_stat_monitor WHERE query LIKE 'SELECT ''counted'' AS%') AS s,
    histogram(s.bucket::int, s.queryid) AS h(range text, freq int, bar text);
SELECT h.freq, btrim(h.range) ~ '^\((101\.000|178\.827|317\.226)' AS slow
FROM (SELECT bucket, queryid FROM pg_stat_monitor WHERE query LIKE 'SELECT ''counted'', pg_sleep%') AS s,
    histogram(_bucket => s.bucket::int, _quryid => s.queryid) AS h(range text, freq int, bar text)
WHERE h.freq > 0;
SELECT count(*) AS of_none FROM histogram(-1, 0) AS h(range text, freq int, bar text);
SELECT count(*) AS of_null FROM histogram(NULL, 0) AS h(range text, freq int, bar text);

-- Errors and warnings count as no time at all: the first range.
DO $$ BEGIN RAISE WARNING 'careful'; END $$;
SELECT resp_calls[1] AS first, (SELECT sum(c::bigint) FROM unnest(resp_calls) AS c) = calls AS no_other
FROM pg_stat_monitor WHERE elevel = 19;

-- The same for every row, live and stored: as many cells as ranges, and every call in one.
SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT 'counted' AS word;
SELECT bool_and(cardinality(resp_calls) = cardinality(range())) AS as_many,
       bool_and((SELECT sum(c::bigint) FROM unnest(resp_calls) AS c) = calls) AS all_in,
       count(DISTINCT exported_at = 'infinity') AS kinds
FROM pg_stat_monitor;
-- One bucket, not the two that the statement has run in.
SELECT bucket_done, sum(freq) AS executions
FROM (SELECT bucket, queryid, bucket_done FROM pg_stat_monitor
      WHERE query LIKE 'SELECT ''counted'' AS%') AS s,
    histogram(s.bucket::int, s.queryid) AS h(range text, freq int, bar text)
GROUP BY bucket_done ORDER BY bucket_done DESC;
-- Rows of a bucket of another life with the same number (a promotion) do not mix in.
INSERT INTO pg_stat_monitor (bucket, bucket_start_time, queryid, userid, resp_calls, exported_at)
SELECT bucket, '2001-01-01', queryid, userid, ARRAY['1000'], '2001-01-01'
FROM pg_stat_monitor WHERE query LIKE 'SELECT ''counted'' AS%' AND bucket_done;
SELECT sum(freq) AS executions
FROM (SELECT bucket, queryid FROM pg_stat_monitor
      WHERE query LIKE 'SELECT ''counted'' AS%' AND bucket_done) AS s,
    histogram(s.bucket::int, s.queryid) AS h(range text, freq int, bar text);

-- Any role may ask, as in 2.3: counts are not private.
CREATE ROLE regress_pgsm_plain;
CREATE TABLE asked AS SELECT bucket, queryid FROM pg_stat_monitor
WHERE query LIKE 'SELECT ''counted'' AS%' AND bucket_done;
GRANT SELECT ON asked TO regress_pgsm_plain;
SET ROLE regress_pgsm_plain;
SELECT count(*) AS rows FROM pg_stat_monitor WHERE queryid = (SELECT queryid FROM asked LIMIT 1);
SELECT sum(freq) AS executions FROM (SELECT DISTINCT * FROM asked) AS s,
    histogram(s.bucket::int, s.queryid) AS h(range text, freq int, bar text);
SELECT cardinality(range()) AS ranges;
RESET ROLE;
DROP TABLE asked;
DROP ROLE regress_pgsm_plain;
