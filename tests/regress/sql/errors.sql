-- compat-2.3.md 4.7: rows of errors and warnings.
CREATE EXTENSION pg_stat_monitor;
CREATE TABLE numbers (n integer CHECK (n > 0), m integer UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE VIEW seen AS
SELECT elevel, decode_error_level(elevel) AS level, sqlcode, message, calls, cmd_type, cmd_type_text, toplevel,
       rows, total_exec_time >= 10 AS long, query, queryid
FROM pg_stat_monitor WHERE elevel > 0;
CREATE FUNCTION warn() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'look out'; END $$;
CREATE FUNCTION fail() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'own code' USING ERRCODE = 'ZZ001'; END $$;
CREATE FUNCTION caught() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 / 0;
EXCEPTION WHEN division_by_zero THEN RAISE NOTICE 'not recorded';
END $$;
SELECT FROM pg_stat_monitor_reset();
SELECT 1 / 0 AS e01;
SELECT 1 / 0 AS e01;
SELEKT 1 AS e02;
SELECT FROM missing_e03;
INSERT INTO numbers VALUES (-1) /* e04 */;
SET statement_timeout = 20;
SELECT pg_sleep(10) AS e05;
RESET statement_timeout;
SELECT warn() AS e06;
SELECT fail() AS e07;
SELECT caught();
COMMIT /* e09, the client's own */;
INSERT INTO numbers (m) VALUES (1), (1) /* e08, at the commit */;
SELECT level, sqlcode, message, calls, cmd_type, cmd_type_text, toplevel, rows, long
FROM seen ORDER BY sqlcode, message COLLATE "C";

-- A failing statement has no row of an execution; one that only warns has two rows.
SELECT count(*) FROM pg_stat_monitor WHERE elevel = 0 AND query ~ 'e0[1-57]';
SELECT elevel, calls FROM pg_stat_monitor WHERE query LIKE '%e06%' ORDER BY elevel;
-- What PostgreSQL could not parse has the hash of its text, all else the statement's own id.
SELECT queryid = hashtextextended(query, 0) AS hash_of_text FROM seen WHERE query LIKE 'SELEKT%';
SELECT 1 / 1 AS e01;
SELECT count(DISTINCT queryid) AS ids, count(*) AS rows FROM pg_stat_monitor WHERE query LIKE 'SELECT 1 / _ AS e01%';

-- Several statements in one string: text and id are those of the statement that failed.
SELECT FROM pg_stat_monitor_reset();
SELECT 1 AS e11\; SELECT 1 / 0 AS e12;
SELECT 1 AS e13\; SELECT no_such_column AS e14;
SELECT 1 AS e15\; SELEKT 'x' AS e16\; SELECT 1 AS e17;
SELECT 2 / 1 AS e12;
SELECT query, queryid = (SELECT queryid FROM pg_stat_monitor WHERE query = 'SELECT 2 / 1 AS e12') AS own_id,
       queryid = hashtextextended(query, 0) AS hash_of_text FROM seen ORDER BY query;

-- A later, shorter message replaces a longer one wholly; a long one ends within 99 bytes, between characters.
SELECT FROM pg_stat_monitor_reset();
CREATE FUNCTION complain(message text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', message;
END $$;
SELECT complain('a message that is rather longer than the next one');
SELECT complain('short');
SELECT message, calls FROM seen;
SELECT complain(repeat('ä', 100));
SELECT octet_length(message), message = repeat('ä', 49) AS whole_characters FROM seen WHERE message <> 'short';

-- log_min_messages decides.
SET log_min_messages = fatal;
SELECT FROM pg_stat_monitor_reset();
SELECT 1 / 0 AS unlogged;
RESET log_min_messages;
SELECT count(*) FROM seen;

-- Passwords: neither in the text nor in the message of a row.
SELECT FROM pg_stat_monitor_reset();
CREATE ROLE postgres PASSWORD 'xyzzy1';
CREATE ROLE regress_none PASSWORD 'xyzzy2' NO_SUCH_OPTION;
ALTER ROLE regress_none PASSWORD 'xyzzy3';
ALTER ROLE regress_none PASSWORD xyzzy4;
ALTER ROLE regress_none ENCRYPTED PASSWORD $$xyzzy5$$;
SELECT count(*) AS rows, count(*) FILTER (WHERE message LIKE '%xyzzy%' OR query ~ 'xyzzy[^4]') AS leaks
FROM pg_stat_monitor AS p WHERE elevel > 0;
