-- Who may read, export and empty.
\set VERBOSITY sqlstate
CREATE EXTENSION pg_stat_monitor;
CREATE ROLE regress_pgsm_plain;
CREATE ROLE regress_pgsm_reader IN ROLE pg_read_all_stats;
CREATE ROLE regress_pgsm_member NOINHERIT IN ROLE pg_read_all_stats;
SELECT pg_stat_monitor_reset();
SELECT 'of the owner' AS word;
SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT 'live of the owner' AS word, 1 AS n;

-- A plain role sees its own rows only, live and stored, and gets no error.
SET ROLE regress_pgsm_plain;
SELECT 'of the plain role' AS word, 1 AS n, 2 AS m;
SELECT count(*) FILTER (WHERE query LIKE 'SELECT ''of the plain role''%') AS own,
       count(*) FILTER (WHERE userid <> CURRENT_USER::regrole) AS of_others
FROM pg_stat_monitor;
SELECT count(*) FROM pg_stat_monitor_live;
SELECT count(*) FROM pg_stat_monitor_default;
SELECT pg_stat_monitor_export();
SELECT pg_stat_monitor_export();
SELECT pg_stat_monitor_reset();
DELETE FROM pg_stat_monitor;
INSERT INTO pg_stat_monitor (calls) VALUES (1);
-- The function shows the row and hides what is private of it.
SELECT count(*) > 0 AS rows, bool_and(query = '<insufficient privilege>') AS text_hidden,
       bool_and(client_ip IS NULL) AS address_hidden,
       bool_and(comments IS NULL AND message IS NULL) AS no_leak
FROM pg_stat_monitor_internal() WHERE userid <> CURRENT_USER::regrole;
SELECT count(*) AS statuses FROM pg_stat_monitor_status;
RESET ROLE;

-- Members of pg_read_all_stats see everything, inherited or not.
SET ROLE regress_pgsm_reader;
SELECT count(*) FILTER (WHERE query ~ '^SELECT ''(live )?of the owner''') AS of_others FROM pg_stat_monitor;
SELECT pg_stat_monitor_export();
RESET ROLE;
SET ROLE regress_pgsm_member;
SELECT count(*) FILTER (WHERE query ~ '^SELECT ''(live )?of the owner''') AS of_others FROM pg_stat_monitor;
RESET ROLE;

-- EXECUTE can be granted; the rows are written as the table's owner.
GRANT EXECUTE ON FUNCTION pg_stat_monitor_export(), pg_stat_monitor_reset() TO regress_pgsm_plain;
SET ROLE regress_pgsm_plain;
SELECT pg_stat_monitor_export() > 0 AS wrote;
RESET ROLE;
SELECT count(*) FROM pg_stat_monitor
WHERE query ~ '^SELECT ''(live )?of the owner''' AND exported_at < 'infinity';

-- A hostile search_path does not reach into the export.
CREATE SCHEMA hostile AUTHORIZATION regress_pgsm_plain;
SET ROLE regress_pgsm_plain;
CREATE TABLE hostile.pg_stat_monitor (calls bigint);
CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'reached'; END $$;
SET search_path = hostile, pg_catalog, public;
SELECT public.pg_stat_monitor_export() > 0 AS wrote;
RESET search_path;
SELECT pg_stat_monitor_reset();
RESET ROLE;
SELECT count(*) FROM hostile.pg_stat_monitor;
SELECT count(*) FROM pg_stat_monitor WHERE query ~ '^SELECT ''(live )?of the owner''';

SET client_min_messages = warning;
DROP SCHEMA hostile CASCADE;
REVOKE EXECUTE ON FUNCTION pg_stat_monitor_export(), pg_stat_monitor_reset() FROM regress_pgsm_plain;
DROP ROLE regress_pgsm_plain, regress_pgsm_reader, regress_pgsm_member;
