-- Queries that end where a transaction ends: cursors that nobody closed (compat-2.3.md 4.2). They are recorded, with
-- their relations, in the middle of the commit.
CREATE EXTENSION pg_stat_monitor;
CREATE TABLE numbers (n integer);
INSERT INTO numbers SELECT generate_series(1, 5);
CREATE FUNCTION opens(name text) RETURNS refcursor LANGUAGE plpgsql AS $$
DECLARE
    c refcursor := name;
BEGIN
    OPEN c FOR SELECT n AS in_cursor FROM numbers ORDER BY n;
    RETURN c;
END $$;
CREATE VIEW seen AS
SELECT calls, rows, toplevel, relations, query_plan IS NOT NULL AS plan, query FROM pg_stat_monitor
WHERE query LIKE 'SELECT n AS in_%';
SET pg_stat_monitor.pgsm_track = 'all';
SET pg_stat_monitor.pgsm_enable_query_plan = on;
SELECT FROM pg_stat_monitor_reset();
-- Ended by the implicit commit, by COMMIT, by ROLLBACK (not recorded), by CLOSE, inside of a savepoint.
SELECT opens('first');
SELECT * FROM seen;
BEGIN;
SELECT opens('second');
FETCH 2 FROM second;
COMMIT;
BEGIN;
SELECT opens('third');
FETCH 2 FROM third;
ROLLBACK;
BEGIN;
SELECT opens('fourth');
SAVEPOINT s;
SELECT opens('fifth');
RELEASE s;
FETCH 1 FROM fifth;
CLOSE fourth;
COMMIT;
SELECT * FROM seen;
-- A held cursor is materialised by the commit.
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT n AS in_held FROM numbers ORDER BY n;
COMMIT;
FETCH 1 FROM held;
CLOSE held;
SELECT pg_stat_monitor_version() IS NOT NULL AS alive;
-- The loop of a procedure holds its cursor over COMMITs.
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$
DECLARE
    i integer;
BEGIN
    FOR i IN SELECT n AS in_loop FROM numbers ORDER BY n LOOP
        UPDATE numbers SET n = n WHERE n = i;
        COMMIT;
    END LOOP;
END $$;
SELECT FROM pg_stat_monitor_reset();
CALL commits();
SELECT calls, rows > 0 AS rows, toplevel, cmd_type_text FROM pg_stat_monitor WHERE query ~ '^(CALL|SELECT n AS in_loop|UPDATE numbers)'
ORDER BY query COLLATE "C";
