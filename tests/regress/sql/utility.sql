-- compat-2.3.md 4.2, 4.4, 3.5 (rows): utility statements, PREPARE and EXECUTE, names taken before the statement.
CREATE EXTENSION pg_stat_monitor;
CREATE ROLE regress_pgsm_other SUPERUSER;
CREATE TABLE numbers (n integer);
CREATE VIEW seen AS
SELECT query, calls, rows, cmd_type, cmd_type_text, username, application_name, toplevel
FROM pg_stat_monitor WHERE query !~ 'pg_stat_monitor|FROM seen' AND elevel = 0;
SELECT FROM pg_stat_monitor_reset();
BEGIN;
SAVEPOINT s;
RELEASE s;
COMMIT;
COPY numbers FROM stdin;
1
2
3
\.
COPY (SELECT n FROM numbers WHERE n > 1 ORDER BY n) TO stdout;
CREATE TABLE made AS SELECT n FROM numbers;
SELECT n INTO made_too FROM numbers WHERE n = 1;
CREATE MATERIALIZED VIEW kept AS SELECT n FROM numbers;
REFRESH MATERIALIZED VIEW kept;
TRUNCATE made;
SET work_mem = '5MB';
SHOW work_mem;
BEGIN;
DECLARE c CURSOR FOR SELECT n FROM numbers;
FETCH 2 FROM c;
FETCH ALL FROM c;
CLOSE c;
ROLLBACK;
SELECT query, calls, rows, cmd_type, cmd_type_text FROM seen WHERE cmd_type_text = 'UTILITY'
ORDER BY query COLLATE "C";

-- PREPARE and DEALLOCATE are no rows; EXECUTE counts for the statement that was prepared.
SELECT FROM pg_stat_monitor_reset();
PREPARE p (integer) AS SELECT n FROM numbers WHERE n = $1;
EXECUTE p(1);
EXECUTE p(2);
EXECUTE p(99);
DEALLOCATE p;
SELECT calls, rows, cmd_type_text, query ~ 'SELECT n FROM numbers WHERE n = \$1$' AS text FROM seen;

-- Who and under which name is taken before the statement runs.
SELECT FROM pg_stat_monitor_reset();
SET ROLE regress_pgsm_other;
SET application_name = 'renamed';
SELECT 1 AS as_other;
RESET ROLE;
SET application_name = '';
SELECT 2 AS unnamed;
SELECT query, username, application_name FROM seen ORDER BY query COLLATE "C";

-- An aborted transaction: its statements fail, its end is recorded with names.
SELECT FROM pg_stat_monitor_reset();
BEGIN;
SELECT 1 / 0;
SELECT 1;
ROLLBACK;
SELECT query, calls, username, cmd_type_text FROM seen ORDER BY query COLLATE "C";
SELECT sqlcode, username, calls FROM pg_stat_monitor WHERE elevel > 0 ORDER BY sqlcode;

-- Off: none of them.
SET pg_stat_monitor.pgsm_track_utility = off;
SELECT FROM pg_stat_monitor_reset();
VACUUM numbers;
BEGIN;
COMMIT;
SELECT n FROM numbers WHERE n = 3;
SELECT query FROM seen;
RESET pg_stat_monitor.pgsm_track_utility;
DROP ROLE regress_pgsm_other;
