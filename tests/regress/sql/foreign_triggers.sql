-- Triggers that a role with GRANT ALL has put on the table: what the export and the reset write as the table's owner does
-- not run them, and so they see nothing and can do nothing.
\set VERBOSITY sqlstate
CREATE EXTENSION pg_stat_monitor;
CREATE ROLE regress_pgsm_all;
GRANT ALL ON ALL TABLES IN SCHEMA public TO regress_pgsm_all;
CREATE SCHEMA AUTHORIZATION regress_pgsm_all;
CREATE TABLE seen (who text, word text);
GRANT INSERT ON seen TO PUBLIC;
CREATE FUNCTION ours() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.seen VALUES ('ours', TG_OP); RETURN NULL; END $$;
SET ROLE regress_pgsm_all;
CREATE FUNCTION regress_pgsm_all.theirs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.seen VALUES (current_user, TG_OP); RETURN NULL; END $$;
CREATE FUNCTION regress_pgsm_all.looks(word text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.seen VALUES (current_user, word); RETURN false; END $$;
RESET ROLE;
CREATE FUNCTION kinds() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(DISTINCT who || ' ' || word, ', '), 'nothing') FROM public.seen $$;

-- The owner's own run.
CREATE TRIGGER ours AFTER INSERT OR DELETE ON pg_stat_monitor FOR EACH STATEMENT EXECUTE FUNCTION ours();
SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT pg_stat_monitor_reset();
SELECT kinds();
-- On the table, for rows and for statements, and on the default partition.
SET ROLE regress_pgsm_all;
CREATE TRIGGER by_row AFTER INSERT OR DELETE ON pg_stat_monitor FOR EACH ROW EXECUTE FUNCTION regress_pgsm_all.theirs();
RESET ROLE;
TRUNCATE seen;
SELECT 1 AS n;
SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT pg_stat_monitor_reset();
SELECT kinds();
DROP TRIGGER by_row ON pg_stat_monitor;
SET ROLE regress_pgsm_all;
CREATE TRIGGER before BEFORE INSERT OR DELETE ON pg_stat_monitor_default
    FOR EACH ROW EXECUTE FUNCTION regress_pgsm_all.theirs();
RESET ROLE;
SELECT 1 AS n;
SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT count(*) > 0 AS stored FROM pg_stat_monitor_default;
SELECT pg_stat_monitor_reset();
SELECT kinds();
DROP TRIGGER before ON pg_stat_monitor_default;
-- A function of PostgreSQL's, with a condition of theirs.
SET ROLE regress_pgsm_all;
CREATE TRIGGER conditional BEFORE INSERT ON pg_stat_monitor_default FOR EACH ROW
    WHEN (regress_pgsm_all.looks(NEW.query)) EXECUTE FUNCTION suppress_redundant_updates_trigger();
RESET ROLE;
SELECT 1 AS n;
SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT kinds();
-- Without it the owner's runs again.
DROP TRIGGER conditional ON pg_stat_monitor_default;
SELECT 1 AS n;
SELECT pg_stat_monitor_export() > 0 AS wrote;
SELECT kinds();
SHOW session_replication_role;
SET client_min_messages = warning;
DROP EXTENSION pg_stat_monitor;
DROP SCHEMA regress_pgsm_all CASCADE;
DROP FUNCTION ours(), kinds();
DROP TABLE seen;
DROP ROLE regress_pgsm_all;
