-- compat-2.3.md 3.2 and 4.6, issue 3 done-when 4: normalised texts and pgsm_query_id.
CREATE EXTENSION pg_stat_monitor;
CREATE TABLE t1 (a integer, b text);
CREATE TABLE t2 (a integer);
CREATE TABLE t3 (c integer);
SELECT FROM pg_stat_monitor_reset();
-- The test vectors.
SELECT * FROM t1;
SELECT * FROM t2;
SELECT pg_stat_monitor_reset();
select 1;
SELECT * FROM t3 where c = 7;
SELECT   *  FROM
    t1 -- cleaned
;
SELECT * FROM /* inside */ t2;
SELECT query, pgsm_query_id FROM pg_stat_monitor WHERE query ~ '^(/|SELECT +\*|SELECT pg_|select)' ORDER BY query COLLATE "C";

-- Constants, in the parser's sense.
SET pg_stat_monitor.pgsm_normalized_query = on;
SELECT FROM pg_stat_monitor_reset();
SELECT a FROM t1 WHERE a = -1 AND b <> 'x' ORDER BY 1 LIMIT 3;
SELECT a::numeric(10,2), interval '1 day', NULL, true, a IS NULL FROM t1 WHERE a IN (SELECT 5);
INSERT INTO t1 VALUES (1, 'it''s'), (2, $$y$$);
UPDATE t1 SET a = a - 1, b = E'\\' WHERE a > 1.5;
SELECT a FROM t1 WHERE a = /* 7 */ 8 -- 9
    AND b = 'z';
CREATE TABLE made AS SELECT 10 AS utility_text;
SET search_path = "$user", public;
SELECT replace(query, '"$user"', '$1') AS query FROM pg_stat_monitor WHERE query !~ 'pg_stat_monitor' ORDER BY query COLLATE "C";

-- One statement, three ways to send it: one id, one text. With parameters and constants the constants count on.
SELECT FROM pg_stat_monitor_reset();
SELECT b FROM t1 WHERE a = 10 AND b LIKE 'k%';
PREPARE whole AS SELECT b FROM t1 WHERE a = 11 AND b LIKE 'l%';
EXECUTE whole;
PREPARE "as" (integer, text) AS SELECT b FROM t1 WHERE a = $1 AND b LIKE $2;
EXECUTE "as"(12, 'm%');
PREPARE mixed (integer) AS SELECT b FROM t1 WHERE a = $1 AND b LIKE 'n%';
EXECUTE mixed(13);
SELECT query, sum(calls) AS calls, count(DISTINCT pgsm_query_id) AS ids FROM pg_stat_monitor
WHERE query LIKE 'SELECT b FROM t1%' GROUP BY query;
-- Without normalisation the text is what was sent, the id stays the same.
SELECT DISTINCT pgsm_query_id AS normalized_id FROM pg_stat_monitor WHERE query LIKE 'SELECT b FROM t1%' \gset
RESET pg_stat_monitor.pgsm_normalized_query;
SELECT FROM pg_stat_monitor_reset();
EXECUTE whole;
SELECT b FROM t1 WHERE a = 20 AND b LIKE 'o%';
EXECUTE "as"(12, 'm%');
SELECT pgsm_query_id = :normalized_id AS same_id, calls, query ~ '(a = 11 AND b LIKE ''l%''|a = \$1 AND b LIKE \$2)$' AS as_sent
FROM pg_stat_monitor WHERE query ~ 'SELECT b FROM t1' AND query !~ 'pg_stat_monitor' ORDER BY 3;

-- Another spelling of a statement that the session knows has its own id, as the text says.
SELECT FROM pg_stat_monitor_reset();
SELECT 1 AS spelled;
SELECT FROM pg_stat_monitor_reset();
select   2   as  other;
SELECT query, pgsm_query_id = hashtextextended('select $1 as other', 0) AS id_of_the_text
FROM pg_stat_monitor WHERE query LIKE 'select   2%';

-- Cut at a character, below pgsm_query_max_len; the id is of the whole text.
SELECT 'SELECT ''' || repeat('ä', 1000) || ''' AS long_text' AS statement \gset
:statement \g /dev/null
SELECT octet_length(query) BETWEEN 1533 AND 1536 AS cut, query LIKE '%ä' AS whole_characters,
       pgsm_query_id = hashtextextended('SELECT $1 AS long_text', 0) AS id_of_whole
FROM pg_stat_monitor WHERE query LIKE 'SELECT ''ää%';
