-- Nothing of another user leaks (compat-2.3.md 4.10, decisions.md): through no function, view, partition,
-- column or error text. Everything private that the owner leaves carries the word PEEK.
\set VERBOSITY sqlstate
CREATE EXTENSION pg_stat_monitor;
CREATE ROLE regress_pgsm_victim SUPERUSER;
CREATE ROLE regress_pgsm_plain;
CREATE ROLE regress_pgsm_stats NOINHERIT IN ROLE pg_read_all_stats;
CREATE ROLE regress_pgsm_data IN ROLE pg_read_all_data;
SELECT pg_stat_monitor_serve_2_3('regress_pgsm_plain');
SELECT pg_stat_monitor_reset();

SET ROLE regress_pgsm_victim;
SET pg_stat_monitor.pgsm_track = 'all';
SET pg_stat_monitor.pgsm_extract_comments = on;
SET pg_stat_monitor.pgsm_enable_query_plan = on;
CREATE FUNCTION parent() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*) FROM pg_class WHERE relname = 'PEEK in the child');
END $$;
SELECT parent() /* PEEK in a comment */, 'PEEK in the text' AS peek FROM pg_class AS "PEEK in the plan"
WHERE relname = 'constants are in no plan';
SELECT parent(), 'PEEK';
CREATE FUNCTION warn() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'PEEK in the message'; END $$;
SELECT warn();
RESET pg_stat_monitor.pgsm_track;
RESET pg_stat_monitor.pgsm_extract_comments;
RESET pg_stat_monitor.pgsm_enable_query_plan;
RESET ROLE;
SELECT bool_or(query ~ 'PEEK') AS query, bool_or(comments ~ 'PEEK') AS comments,
       bool_or(query_plan ~ 'PEEK') AS plan,
       bool_or(top_query ~ 'PEEK') AS parent, bool_or(message ~ 'PEEK') AS message
FROM pg_stat_monitor WHERE username = 'regress_pgsm_victim';

-- All ways to read, run by a role: whether it gets rows of the victim, how many of them tell something,
-- and how many show an address.
CREATE FUNCTION peek(OUT way text, OUT answer text, OUT told bigint, OUT addresses bigint)
RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    FOR way IN
        SELECT unnest(ARRAY['pg_stat_monitor', 'pg_stat_monitor_live', 'pg_stat_monitor_default',
                            'pg_stat_monitor_internal(true)', 'pg_stat_monitor_internal(false)',
                            'pgsm_2_3.pg_stat_monitor'])
    LOOP
        BEGIN
            EXECUTE format('SELECT CASE WHEN count(*) > 0 THEN ''rows'' ELSE ''no rows'' END,
                                   count(*) FILTER (WHERE r::text ~ ''PEEK''), count(r.client_ip)
                            FROM %s AS r WHERE r.username = ''regress_pgsm_victim''', way)
            INTO answer, told, addresses;
        EXCEPTION WHEN insufficient_privilege THEN
            answer := 'refused';
            told := 0;
            addresses := 0;
        END;
        RETURN NEXT;
    END LOOP;
END $$;
GRANT EXECUTE ON FUNCTION peek() TO PUBLIC;
SET ROLE regress_pgsm_plain;
SELECT * FROM peek();
SET ROLE regress_pgsm_data;
SELECT * FROM peek();
SET ROLE regress_pgsm_stats;
SELECT way, answer, told > 0 AS told, addresses > 0 AS addresses FROM peek();
RESET ROLE;
-- The same when the rows are stored.
SELECT pg_stat_monitor_export() > 0 AS wrote;
SET ROLE regress_pgsm_plain;
SELECT * FROM peek();
SET ROLE regress_pgsm_data;
SELECT * FROM peek();
SET ROLE regress_pgsm_stats;
SELECT way, answer, told > 0 AS told, addresses > 0 AS addresses FROM peek();
RESET ROLE;

-- 2.3's masking in the view of 2.3's shape: the row is there, the private columns say that they are hidden.
SET ROLE regress_pgsm_plain;
SELECT 'own text' AS word;
SELECT count(*) > 3 AS rows, bool_and(query = '<insufficient privilege>') AS query,
       bool_and(query_plan = '<insufficient privilege>') AS plan, bool_and(client_ip IS NULL) AS address,
       bool_or(comments = '<insufficient privilege>') AS comments, bool_or(comments IS NULL) AS no_comments,
       bool_or(top_query = '<insufficient privilege>') AS parent,
       bool_or(message = '<insufficient privilege>') AS message,
       bool_and(queryid IS NOT NULL AND calls > 0 AND datname = current_database()) AS the_rest
FROM pgsm_2_3.pg_stat_monitor WHERE username = 'regress_pgsm_victim';
SELECT query, client_ip, query_plan FROM pgsm_2_3.pg_stat_monitor WHERE query LIKE 'SELECT ''own text''%';

-- A function of the reader's in the condition, cheaper than everything, gets no more to see.
RESET ROLE;
CREATE SCHEMA AUTHORIZATION regress_pgsm_plain;
SET ROLE regress_pgsm_plain;
CREATE FUNCTION regress_pgsm_plain.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
AS $$ BEGIN IF $1 ~ ('PE' || 'EK') THEN RAISE EXCEPTION 'leaked'; END IF; RETURN true; END $$;
SELECT count(*) > 0 AS rows FROM pg_stat_monitor AS m WHERE regress_pgsm_plain.leak(m::text);
SELECT count(*) > 0 AS rows FROM pgsm_2_3.pg_stat_monitor AS m WHERE regress_pgsm_plain.leak(m::text);
SELECT count(*) > 0 AS rows FROM pg_stat_monitor_internal() AS m WHERE regress_pgsm_plain.leak(m::text);
-- Neither does a value that cannot be converted: its text would be in the error message.
\set VERBOSITY terse
SELECT count(query::integer) FROM pg_stat_monitor WHERE username = 'regress_pgsm_victim';
SELECT count(query::integer) FROM pgsm_2_3.pg_stat_monitor WHERE username = 'regress_pgsm_victim';
\set VERBOSITY sqlstate
-- Nor do the statistics about the table, or a copy of it.
RESET ROLE;
ANALYZE pg_stat_monitor;
ANALYZE pg_stat_monitor_default;
SELECT count(*) > 0 AS statistics FROM pg_stats WHERE tablename = 'pg_stat_monitor_default';
SET ROLE regress_pgsm_data;
SELECT count(*) AS statistics FROM pg_stats WHERE tablename LIKE 'pg\_stat\_monitor%';
COPY (SELECT count(*) FROM pg_stat_monitor_default WHERE username = 'regress_pgsm_victim') TO STDOUT;
RESET ROLE;

-- Who may not read the table does not read the view: PUBLIC's grant is taken over.
REVOKE SELECT ON pg_stat_monitor FROM PUBLIC;
REVOKE SELECT ON pgsm_2_3.pg_stat_monitor FROM PUBLIC;
SELECT pg_stat_monitor_serve_2_3('regress_pgsm_plain');
SET ROLE regress_pgsm_plain;
SELECT count(*) > 0 AS rows FROM pgsm_2_3.pg_stat_monitor;
RESET ROLE;
REVOKE pg_read_all_data FROM regress_pgsm_data;
SET ROLE regress_pgsm_data;
SELECT count(*) FROM pgsm_2_3.pg_stat_monitor;
SELECT count(*) FROM pg_stat_monitor;
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA regress_pgsm_plain CASCADE;
DROP FUNCTION peek(), parent(), warn();
DROP EXTENSION pg_stat_monitor;
DROP OWNED BY regress_pgsm_plain;
DROP ROLE regress_pgsm_victim, regress_pgsm_plain, regress_pgsm_stats, regress_pgsm_data;
