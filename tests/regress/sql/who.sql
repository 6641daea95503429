-- Whose statement it is: user, application name and address of when it began, however often they change in it.
CREATE EXTENSION pg_stat_monitor;
\set VERBOSITY terse
CREATE ROLE regress_one;
CREATE ROLE regress_two SUPERUSER;
GRANT CREATE ON SCHEMA public TO regress_one;
SET pg_stat_monitor.pgsm_track = 'all';
CREATE VIEW seen AS
SELECT username, application_name, substring(query FROM 'w\d\d') AS name, toplevel, elevel, calls FROM pg_stat_monitor WHERE query ~ 'w\d\d';
SELECT FROM pg_stat_monitor_reset();
SET application_name = 'before';
CREATE PROCEDURE renames(fails boolean) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 6 LOOP
        PERFORM set_config('application_name', 'inside ' || i, false);
        PERFORM 'w01';
    END LOOP;
    IF fails THEN RAISE 'it fails'; END IF;
END $$;
CREATE FUNCTION renames_too() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    CALL renames(false);
    RETURN 1;
END $$;
CREATE FUNCTION fails_too() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    CALL renames(true);
    RETURN 1;
END $$;
CALL renames(false) /* w02 */;
SET application_name = 'before';
SELECT renames_too() AS w03;
SET application_name = 'before';
CALL renames(true) /* w04 */;
SHOW application_name;
SELECT fails_too() AS w05;
SELECT * FROM seen WHERE name <> 'w01' ORDER BY name;
SELECT application_name, calls FROM seen WHERE name = 'w01' ORDER BY application_name;

-- Roles.
SELECT FROM pg_stat_monitor_reset();
CREATE FUNCTION changes_role() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 6 LOOP
        PERFORM set_config('role', CASE i % 2 WHEN 0 THEN 'regress_one' ELSE 'regress_two' END, false);
        PERFORM set_config('application_name', 'inside ' || i, false);
    END LOOP;
    RETURN 1;
END $$;
SELECT current_user AS me \gset
SELECT changes_role() AS w11;
RESET ROLE;
SET application_name = 'before';
DO $$
BEGIN
    SET SESSION AUTHORIZATION regress_one;
    PERFORM 'w12';
    PERFORM 1 / 0;
EXCEPTION WHEN division_by_zero THEN NULL;
END $$;
DO $$ BEGIN SET SESSION AUTHORIZATION regress_one; PERFORM 'w13'; END $$;
SELECT 'w14';
SELECT 1 / 0 AS w15;
SELEKT w16;
RESET SESSION AUTHORIZATION;
SELECT replace(username, :'me', 'me') AS username, application_name, name, toplevel, elevel, calls FROM seen ORDER BY name;

-- A role that gets another name, in this session and beside it (TAP 100).
SELECT FROM pg_stat_monitor_reset();
SET ROLE regress_one;
SELECT 'w21';
RESET ROLE;
ALTER ROLE regress_one RENAME TO regress_uno;
SET ROLE regress_uno;
SELECT 'w21';
SELECT 'w21';
SELECT 1 / 0 AS w22;
RESET ROLE;
SELECT username, name, elevel, calls FROM seen ORDER BY name, username;

RESET application_name;
RESET pg_stat_monitor.pgsm_track;
DROP VIEW seen;
DROP FUNCTION renames_too, fails_too, changes_role;
DROP PROCEDURE renames;
REVOKE CREATE ON SCHEMA public FROM regress_uno;
DROP ROLE regress_uno, regress_two;
DROP EXTENSION pg_stat_monitor;
