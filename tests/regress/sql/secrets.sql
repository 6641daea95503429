-- No secret is kept, whatever the settings: decided by what a statement is (docs/operating.md, "What is kept of a text").
-- Every secret carries the word SESAME.
CREATE EXTENSION pg_stat_monitor;
\set VERBOSITY sqlstate
CREATE VIEW kept AS SELECT query, message, calls, elevel, sqlcode FROM pg_stat_monitor
WHERE query !~ '^(SELECT FROM pg_stat|SELECT query|SELECT count|SET pg_stat|CREATE VIEW|RESET)';
CREATE TABLE users (name text, password text, pin integer);
CREATE FOREIGN DATA WRAPPER regress_wrapper;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_wrapper;
CREATE FUNCTION connect_to(text) RETURNS integer LANGUAGE sql AS 'SELECT 1';
SET pg_stat_monitor.pgsm_normalized_query = off;
SELECT FROM pg_stat_monitor_reset();
CREATE ROLE regress_pgsm_role PASSWORD 'SESAME'
    'SESAME' /* SESAME */ CONNECTION LIMIT 5;
alter role regress_pgsm_role encrypted password $a$SESAME$a$ valid until '2040-01-01';
ALTER USER regress_pgsm_role PASSWORD U&'SES\0041ME';
ALTER ROLE regress_pgsm_role PASSWRD 'SESAME';
ALTER ROLE regress_pgsm_role PASSWORD "SESAME";
ALTER ROLE regress_pgsm_role PASSWORD SESAME;
CREATE USER regress_pgsm_role IDENTIFIED BY SESAME;
ALTER ROLE regress_pgsm_role SET app.token = 'SESAME';
SET app.secret = SESAME;
SET app.harmless = 'shown';
CREATE USER MAPPING FOR CURRENT_USER SERVER regress_server OPTIONS ("password" 'SESAME', sslkey 'SESAME');
ALTER SERVER regress_server OPTIONS (ADD passfile 'SESAME');
CREATE SUBSCRIPTION regress_sub CONNECTION 'postgresql://u:SESAME@h/db' PUBLICATION p WITH (connect = false, foo = 'SESAME');
COPY users FROM PROGRAM 'echo SESAME >&2; false';
DO $$ BEGIN EXECUTE 'create role regress_pgsm_role password ''SESAME'''; END $$;
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'SESAME' $$;
CREATE FUNCTION g() RETURNS text LANGUAGE sql BEGIN ATOMIC; SELECT 'SESAME'; END;
INSERT INTO users VALUES ('bob', 'shown'), ('joe', NULL);
INSERT INTO users (name, password) VALUES ('bob', 'SESAME');
SELECT connect_to('host=h password=SESAME'), connect_to('postgresql://u:SESAME@h/db');
SELECT connect_to(E'host=h pass\167ord=SESAME'), connect_to('https://h/path');
SELECT connect_to("host=h password=SESAME");
SELECT 'postgresql://u:SESAME@h/db'::integer;
SELECT /* password=SESAME */ 2 -- pwd: SESAME
;
/* kept */ SELECT 3;
SELECT query, message, calls FROM kept ORDER BY query COLLATE "C", message;
SELECT count(*) AS leaks FROM pg_stat_monitor AS p WHERE p::text LIKE '%SESAME%';

-- With constants replaced, as is the default.
SET pg_stat_monitor.pgsm_normalized_query = on;
SELECT FROM pg_stat_monitor_reset();
ALTER ROLE regress_pgsm_role PASSWORD 'SESAME' CONNECTION LIMIT 5;
ALTER ROLE regress_pgsm_role PASSWRD 'SESAME';
SET app.secret = SESAME;
SET app.harmless = 'replaced';
DO 'BEGIN RAISE WARNING $x$SESAME$x$; END';
SELECT connect_to('host=h password=SESAME'), 'constant' /* pwd SESAME */;
CREATE TABLE made (a numeric(10,2) NOT NULL DEFAULT 1.5, b varchar(20) CHECK (b <> 'replaced'));
COMMENT ON TABLE made IS 'replaced';
SELECT 'value'::integer, 4711;
SELECT a FROM made GROUP BY a, a || 'twice' HAVING a || 'twice' <> 'x' ORDER BY 1;
SELEKT 'replaced', 4711;
SELECT query, message, calls FROM kept ORDER BY query COLLATE "C", message;

-- Ids are those of the blanked texts: nobody can confirm a guess.
SELECT FROM pg_stat_monitor_reset();
ALTER ROLE regress_pgsm_role PASSWORD 'SESAME1';
ALTER ROLE regress_pgsm_role PASSWORD 'SESAME2';
ALTER ROLE regress_pgsm_nobody PASSWORD 'SESAME1';
ALTER ROLE regress_pgsm_nobody PASSWORD 'SESAME2';
SELECT calls, elevel, queryid = hashtextextended(query, 0) AS of_text, pgsm_query_id = hashtextextended(query, 0) AS both
FROM pg_stat_monitor WHERE query LIKE 'ALTER%' ORDER BY elevel;
DROP OWNED BY regress_pgsm_role;
DROP ROLE regress_pgsm_role;
