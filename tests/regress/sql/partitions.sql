-- What the partitions show to roles that may read every table, and what they keep where no policy holds.
CREATE ROLE regress_pgsm_victim;
CREATE ROLE regress_pgsm_data IN ROLE pg_read_all_data;
CREATE ROLE regress_pgsm_app;
-- Default privileges are meant for an application's tables.
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_pgsm_app, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO regress_pgsm_app;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO regress_pgsm_app;
CREATE EXTENSION pg_stat_monitor;
SELECT pg_stat_monitor_serve_2_3('regress_pgsm_app');
SELECT coalesce(c.oid::regclass::text, n.nspname) AS object, g.grantee::regrole::text AS grantee, g.privilege_type
FROM pg_depend AS d LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
LEFT JOIN pg_namespace AS n ON d.classid = 'pg_namespace'::regclass AND n.oid = d.objid
CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, n.nspacl)) AS g
WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass AND g.grantee <> coalesce(c.relowner, n.nspowner)
ORDER BY 1, 2, 3;
SELECT p.oid::regprocedure AS function FROM pg_proc AS p
WHERE p.oid IN ('pg_stat_monitor_reset()'::regprocedure, 'pg_stat_monitor_export()'::regprocedure,
                'pg_stat_monitor_serve_2_3(name)'::regprocedure, 'pg_stat_monitor_fdw_handler()'::regprocedure)
  AND has_function_privilege('regress_pgsm_app', p.oid, 'EXECUTE');
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM regress_pgsm_app, PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM regress_pgsm_app;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM regress_pgsm_app;

SELECT pg_stat_monitor_reset();
SET ROLE regress_pgsm_victim;
SELECT 'PEEK' AS word;
RESET ROLE;
-- Ways to the live partition: only in a scan of pg_stat_monitor itself its policy stands before it.
CREATE FUNCTION peek() RETURNS TABLE (way text, told bigint) LANGUAGE plpgsql AS $$
BEGIN
    FOR way IN
        SELECT unnest(ARRAY[
            'pg_stat_monitor_live',
            '(SELECT * FROM pg_stat_monitor_live UNION ALL SELECT * FROM pg_stat_monitor_live) AS x',
            '(SELECT * FROM pg_stat_monitor UNION ALL SELECT * FROM pg_stat_monitor_live) AS x',
            '(SELECT query FROM pg_stat_monitor_live UNION ALL SELECT relname FROM pg_class) AS x',
            '(SELECT * FROM pg_stat_monitor UNION ALL (SELECT * FROM pg_stat_monitor_live OFFSET 0)) AS x',
            'pg_stat_monitor AS m JOIN pg_stat_monitor_live AS x USING (queryid, calls)',
            'generate_series(1, 2) AS g, LATERAL (SELECT * FROM pg_stat_monitor_live WHERE g > 0 UNION ALL '
            'SELECT * FROM pg_stat_monitor_live WHERE g > 1) AS x',
            '(WITH RECURSIVE w AS (SELECT query FROM pg_stat_monitor_live UNION SELECT query FROM w) TABLE w) AS x',
            '(SELECT * FROM pg_stat_monitor_live EXCEPT ALL SELECT * FROM pg_stat_monitor_default) AS x',
            'over_tree AS x', 'over_arms AS x', 'above AS x', 'pg_stat_monitor AS x'])
    LOOP
        EXECUTE format('SELECT count(*) FROM %s WHERE x::text ~ ''PEEK''',
                       regexp_replace(way, '^(\w+)$', '\1 AS x')) INTO told;
        RETURN NEXT;
    END LOOP;
END $$;
-- Views that run as their reader; and a table that has pg_stat_monitor for a partition, with no policy.
CREATE VIEW over_tree WITH (security_invoker = true, security_barrier = true) AS SELECT query FROM pg_stat_monitor;
CREATE VIEW over_arms WITH (security_invoker = true) AS
    SELECT query FROM pg_stat_monitor UNION ALL SELECT query FROM pg_stat_monitor_live;
GRANT SELECT ON over_tree, over_arms TO regress_pgsm_data;
CREATE TABLE above (LIKE pg_stat_monitor) PARTITION BY RANGE (exported_at);
ALTER TABLE above ATTACH PARTITION pg_stat_monitor FOR VALUES FROM ('2000-01-01') TO (MAXVALUE);
SET ROLE regress_pgsm_data;
SELECT way FROM peek() WHERE told > 0;
-- A plan that outlives the role, a cursor, parallel workers.
PREPARE arms AS SELECT count(*) FROM (SELECT * FROM pg_stat_monitor_live UNION ALL SELECT * FROM pg_stat_monitor_live) AS x
    WHERE x.query ~ 'PEEK' AND x.username = 'regress_pgsm_victim';
PREPARE tree AS SELECT count(*) FROM pg_stat_monitor WHERE query ~ 'PEEK' AND username = 'regress_pgsm_victim';
SET plan_cache_mode = force_generic_plan;
RESET ROLE;
EXECUTE arms;
EXECUTE tree;
SET ROLE regress_pgsm_data;
EXECUTE arms;
EXECUTE tree;
BEGIN;
DECLARE c CURSOR FOR SELECT count(*) FROM (SELECT * FROM pg_stat_monitor_live UNION ALL SELECT * FROM pg_stat_monitor_live)
    AS x WHERE x.query ~ 'PEEK' AND x.username = 'regress_pgsm_victim';
FETCH c;
COMMIT;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXECUTE arms;
EXECUTE tree;
COPY (SELECT count(*) FROM (TABLE pg_stat_monitor_live UNION ALL TABLE pg_stat_monitor_live) AS x
      WHERE x.username = 'regress_pgsm_victim') TO STDOUT;
SELECT count(*) FROM pg_stat_monitor_default TABLESAMPLE SYSTEM (100) WHERE username = 'regress_pgsm_victim';
RESET ROLE;
ALTER TABLE above DETACH PARTITION pg_stat_monitor;
DROP TABLE above;

-- Texts stay where the policy holds. A row as long as the default settings let it be, of text that is not compressed:
CREATE FUNCTION noise(bytes integer) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(chr(33 + (random() * 93)::integer), '') FROM generate_series(1, bytes) $$;
INSERT INTO pg_stat_monitor (bucket, userid, username, datname, application_name, query, top_query, comments, query_plan,
                             message, relations, resp_calls, sqlcode, cmd_type_text, exported_at)
SELECT 1, 10, noise(63), noise(63), noise(63), noise(1536), noise(1536), noise(256), noise(1023), noise(99),
       ARRAY(SELECT noise(129) FROM generate_series(1, 10)), ARRAY(SELECT g::text FROM generate_series(1, 22) AS g),
       'XX000', 'UTILITY', now()
FROM generate_series(1, 20);
SELECT pg_relation_size(c.reltoastrelid) AS toasted FROM pg_class AS c WHERE c.oid = 'pg_stat_monitor_default'::regclass;
-- With a pgsm_query_max_len that is much more, they do not (docs/reliability.md).
INSERT INTO pg_stat_monitor (bucket, query, exported_at) VALUES (1, noise(9000), now());
SELECT pg_relation_size(c.reltoastrelid) > 0 AS toasted FROM pg_class AS c
WHERE c.oid = 'pg_stat_monitor_default'::regclass;

-- Neither estimates nor statistics tell what is in rows that somebody may not see.
TRUNCATE pg_stat_monitor;
INSERT INTO pg_stat_monitor (bucket, userid, queryid, query, comments, calls, exported_at)
SELECT g, 10, g, 'the PIN is ' || 4711 + g % 2, 'of PIN 4711', 1, now() FROM generate_series(1, 200) AS g;
ANALYZE pg_stat_monitor;
ANALYZE pg_stat_monitor_default;
SELECT string_agg(DISTINCT attname, ' ' ORDER BY attname) AS analysed FROM pg_stats WHERE tablename LIKE 'pg\_stat\_monitor%';
CREATE FUNCTION estimate(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) SELECT * FROM pg_stat_monitor WHERE ' || condition INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
SET ROLE regress_pgsm_app;
SELECT count(DISTINCT estimate(format('query < %L', word))) AS below, count(DISTINCT estimate(format('query = %L', word))) AS equal,
       count(DISTINCT estimate(format('comments >= %L', word))) AS above
FROM unnest(ARRAY['a', 'the PIN is 4710', 'the PIN is 4711', 'the PIN is 4711x', 'the PIN is 4712', 'z']) AS word;
RESET ROLE;
DROP VIEW over_tree, over_arms;
DROP FUNCTION peek(), noise(integer), estimate(text);
SET client_min_messages = warning;
DROP EXTENSION pg_stat_monitor;
RESET client_min_messages;
DROP OWNED BY regress_pgsm_victim, regress_pgsm_data, regress_pgsm_app;
DROP ROLE regress_pgsm_victim, regress_pgsm_data, regress_pgsm_app;
