-- compat-2.3.md 3.4: the relations a statement touches, and 3.1 top-level statements keep theirs whatever runs
-- inside.
CREATE EXTENSION pg_stat_monitor;
CREATE TABLE one (a integer PRIMARY KEY);
CREATE TABLE two (a integer REFERENCES one);
CREATE VIEW of_one AS SELECT a FROM one;
CREATE VIEW of_view AS SELECT a FROM of_one;
CREATE SCHEMA "Odd, schema";
CREATE TABLE "Odd, schema"."T 1" (a integer);
CREATE SEQUENCE numbers;
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM count(*) FROM "Odd, schema"."T 1";
    RETURN NEW;
END $$;
CREATE TRIGGER audit BEFORE INSERT ON two FOR EACH ROW EXECUTE FUNCTION audit();
SELECT FROM pg_stat_monitor_reset();

SELECT 'none' AS t01;
SELECT 'table' AS t02 FROM one;
SELECT 'twice' AS t03 FROM one AS x, one AS y;
SELECT 'view' AS t04 FROM of_one;
SELECT 'odd name' AS t05 FROM "Odd, schema"."T 1";
SELECT 'subquery' AS t06 FROM (SELECT a FROM one OFFSET 0) AS q, (VALUES (1)) AS v;
SELECT 'sequence' AS t07 FROM numbers;
SELECT 'function' AS t08 FROM generate_series(1, 2) AS g;
INSERT INTO one VALUES (1);
-- A trigger and a foreign-key check run inside.
INSERT INTO two VALUES (1);
COPY one TO '/dev/null';
BEGIN;
COMMIT;
SELECT substring(query, '(t0\d|INSERT INTO \w+|COPY|BEGIN|COMMIT)') AS statement, relations
FROM pg_stat_monitor WHERE query ~ '^(SELECT ''|INSERT|COPY|BEGIN|COMMIT)' ORDER BY 1;

-- A view inside a view: each with its star, the table without.
SELECT 'nested view' AS t11 FROM of_view;
SELECT (SELECT array_agg(r ORDER BY r) FROM unnest(relations) AS r) AS relations
FROM pg_stat_monitor WHERE query LIKE '%t11%' AND query LIKE 'SELECT ''%';

-- Ten at most.
SELECT format('CREATE TABLE many_%s (a integer)', lpad(i::text, 2, '0')) FROM generate_series(1, 12) AS i \gexec
SELECT 'many' AS t12 FROM many_01, many_02, many_03, many_04, many_05, many_06, many_07, many_08, many_09,
                          many_10, many_11, many_12;
SELECT cardinality(relations) AS count, relations[1] AS first, relations[10] AS last
FROM pg_stat_monitor WHERE query LIKE 'SELECT ''many''%';

-- Dropped before the statement ends: the statement is recorded all the same.
CREATE TEMPORARY TABLE passing (a integer) ON COMMIT DROP;
BEGIN;
CREATE TEMPORARY TABLE passing (a integer) ON COMMIT DROP;
SELECT 'passing' AS t13 FROM passing;
COMMIT;
SELECT calls, relations[1] ~ '^pg_temp_\d+\.passing$' AS temporary
FROM pg_stat_monitor WHERE query LIKE 'SELECT ''passing''%';
