-- compat-2.3.md 3.3 and the cleaning of 3.2 as far as comments go.
CREATE EXTENSION pg_stat_monitor;
SET pg_stat_monitor.pgsm_extract_comments = on;
SELECT FROM pg_stat_monitor_reset();
SELECT 1 AS c01;
SELECT /* one */ 1 + 1 AS c02;
SELECT /* one */ 1 + 1 + 1 AS c03 /* two */;
SELECT 1 - 1 AS c04 -- not this one
;
SELECT 1 - 1 - 1 AS c05 /* adjacent *//* pair */;
SELECT '/* in a string */' AS c06;
SELECT 1 * 1 AS c07 /* nested /* inner */ rest */;
SELECT 1 * 1 * 1 AS c08 /* tags: {"app": "shop"} */;
BEGIN /* of a utility statement */;
COMMIT;
SELECT 1 / 0 AS c09 /* of an error */;
SELECT substring(query, 'c\d\d|BEGIN') AS statement, elevel, comments
FROM pg_stat_monitor WHERE query ~ '^(SELECT.*c\d\d|BEGIN)' AND query NOT LIKE '%substring%' ORDER BY 1;

-- 256 bytes at most, cut between two characters.
SELECT repeat('ä', 200) AS long_comment \gset
\set statement 'SELECT upper(''c11'') /* ' :long_comment ' */'
:statement;
SELECT octet_length(comments) BETWEEN 253 AND 256 AS cut, comments LIKE '/* ä%ä' AS whole_characters
FROM pg_stat_monitor WHERE query LIKE 'SELECT upper(%';

-- The first that an entry sees stays.
SELECT lower('c12') /* first */;
SELECT lower('c12') /* second */;
SELECT calls, comments FROM pg_stat_monitor WHERE query LIKE 'SELECT lower(%';

-- With normalised texts a comment mark inside of a constant is none: it is not in the text that is kept.
SET pg_stat_monitor.pgsm_normalized_query = on;
SELECT FROM pg_stat_monitor_reset();
SELECT '/* secret */' AS c13, 4 /* open */ AS d;
SELECT comments, query FROM pg_stat_monitor WHERE query LIKE '%c13%';

-- Off: nothing is extracted.
RESET pg_stat_monitor.pgsm_normalized_query;
RESET pg_stat_monitor.pgsm_extract_comments;
SELECT FROM pg_stat_monitor_reset();
SELECT /* unseen */ 5 AS c14;
SELECT comments IS NULL AS none FROM pg_stat_monitor WHERE query LIKE 'SELECT /* unseen%';
