# Statements with something in them that must not be kept, each spelling with markers of its own.
#
# {s} is a secret (never kept, whatever pgsm_normalized_query says), {c} a word and {n} a number that are plain constants
# (not kept where texts are normalised), {k} the digits of the other markers, {r} a role of that statement's own.
package Secrets;
use strict;
use warnings;

use Exporter 'import';
our @EXPORT = qw(plants filled markers_of $MARKER $FIXTURE);

# Any marker of ours: what it is, then pass and number of the plant.
our $MARKER = qr/zq(sec|con)(\d{4})zq|(917000)(\d{4})917/;

# What the statements need, in a plain server and in one with the library.
our $FIXTURE = <<'SQL';
CREATE ROLE zq_bob; CREATE ROLE zq_plain LOGIN;
CREATE TABLE zq_t (note text, n integer); INSERT INTO zq_t SELECT 'row', g FROM generate_series(1, 10) g;
CREATE TABLE zq_log (note text); CREATE VIEW zq_v AS SELECT note FROM zq_t;
CREATE RULE zq_away AS ON INSERT TO zq_v DO INSTEAD INSERT INTO zq_log SELECT new.note;
CREATE FUNCTION zq_nested() RETURNS bigint LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT count(*) FROM zq_t); END$$;
CREATE FUNCTION zq_sql(text) RETURNS SETOF text LANGUAGE sql VOLATILE STRICT SECURITY DEFINER AS 'SELECT note FROM zq_t WHERE note <> $1';
CREATE FUNCTION zq_password(digits integer) RETURNS void LANGUAGE plpgsql AS $$BEGIN
  EXECUTE format('ALTER ROLE zq_bob PASSWORD %L', 'zq' || 'sec' || digits || 'zq'); END$$;
CREATE FUNCTION zq_refused(digits integer) RETURNS void LANGUAGE plpgsql AS $$BEGIN
  EXECUTE format('ALTER ROLE zq_none PASSWORD %L', 'zq' || 'sec' || digits || 'zq');
  EXCEPTION WHEN undefined_object THEN NULL; END$$;
CREATE FUNCTION zq_says(text) RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION '%', $1; END$$;
CREATE FUNCTION zq_warns(text) RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE WARNING '%', $1; END$$;
CREATE PROCEDURE zq_call(text) LANGUAGE plpgsql AS $$BEGIN PERFORM count(*) FROM zq_t; END$$;
CREATE FUNCTION zq_trigger() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN new; END$$;
CREATE FUNCTION dblink(text, text) RETURNS integer LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT count(*) FROM zq_t); END$$;
CREATE FOREIGN DATA WRAPPER zq_fdw; CREATE SERVER zq_server FOREIGN DATA WRAPPER zq_fdw;
SQL

my @all;

# One string of the simple protocol each. %is: before and after (strings around it), fails, stdin, extended (sent by
# pgbench instead, with {s} or {c} bound to :v where `bound` says which).
sub plant { my ($name, $sql, %is) = @_; push @all, { name => $name, sql => $sql, %is }; return; }
sub fails { my ($name, $sql, %is) = @_; return plant($name, $sql, %is, fails => 1); }

sub passwords
{
    plant('CREATE ROLE', q{CREATE ROLE {r} PASSWORD '{s}'});
    plant('CREATE USER', q{CREATE USER {r} WITH LOGIN PASSWORD '{s}' VALID UNTIL 'infinity'});
    plant('CREATE GROUP', q{CREATE GROUP {r} ENCRYPTED PASSWORD '{s}'});
    plant('ALTER ROLE', q{ALTER ROLE zq_bob PASSWORD '{s}'});
    plant('ALTER USER, mixed case', q{aLtEr uSeR zq_bob pAsSwOrD '{s}'});
    plant('lower case, no space', q{alter role zq_bob encrypted password'{s}'});
    plant("E''", q{ALTER ROLE zq_bob PASSWORD E'a\\'{s}'});
    plant("E'' with a quote escaped by a backslash", q{ALTER ROLE zq_bob PASSWORD E'\' {s}'});
    plant("U&''", q{ALTER ROLE zq_bob PASSWORD U&'\0041{s}'});
    plant("U&'' with UESCAPE", q{ALTER ROLE zq_bob PASSWORD U&'!0041{s}' UESCAPE '!'});
    plant('$$', q{ALTER ROLE zq_bob PASSWORD $${s}$$});
    plant('$tag$', q{ALTER ROLE zq_bob PASSWORD $tag$it's $$ {s}$tag$});
    fails("N''", q{ALTER ROLE zq_bob PASSWORD N'{s}'});
    fails("B''", q{ALTER ROLE zq_bob PASSWORD B'{s}'});
    plant('continued over a line', qq{ALTER ROLE zq_bob PASSWORD 'x'\n '{s}'});
    plant('continued over lines and a comment', qq{ALTER ROLE zq_bob PASSWORD 'x' -- more\n\t\n 'y'\n'{s}'});
    plant('doubled quotes', q{ALTER ROLE zq_bob PASSWORD 'it''s {s}'''});
    plant('a backslash before the quote', q{ALTER ROLE zq_bob PASSWORD '{s}\'});
    plant('comments between', qq{ALTER ROLE zq_bob PASSWORD /* 'a' /* nested ' */ */ -- it's\n '{s}'});
    plant('with a quoted role', q{ALTER ROLE "zq_bob" WITH NOLOGIN PASSWORD '{s}' CONNECTION LIMIT 7});
    plant('two in a string', q{ALTER ROLE zq_bob PASSWORD 'x'; ALTER ROLE zq_plain PASSWORD '{s}'});
    plant('first of a string', q{ALTER ROLE zq_bob PASSWORD '{s}'; SELECT '{c}' AS other});
    plant('last of a string', q{SELECT '{c}' AS other; ALTER ROLE zq_bob PASSWORD '{s}'});
    plant('DO', q{DO $$BEGIN ALTER ROLE zq_bob PASSWORD '{s}'; END$$});
    plant('DO with EXECUTE', q{DO $$BEGIN EXECUTE 'create role {r} password ''{s}'''; END$$});
    plant("DO '' with EXECUTE", q{DO 'BEGIN EXECUTE ''alter role zq_bob password ''''{s}''''''; END'});
    plant('DO with EXECUTE format', q{DO $$BEGIN EXECUTE format('alter role %I password %L', 'zq_bob', '{s}'); END$$});
    plant('EXECUTE format in a function', q{SELECT zq_password({k})});
    plant('a failure in a function, caught', q{SELECT zq_refused({k})});
    plant('in the body of a function that is run', q{CREATE OR REPLACE FUNCTION zq_f() RETURNS void LANGUAGE plpgsql AS $f$BEGIN
        ALTER ROLE zq_bob PASSWORD '{s}'; END$f$}, after => ['SELECT zq_f()']);
    fails('no such role', q{ALTER ROLE zq_none PASSWORD '{s}'});
    fails('a role that is there', q{CREATE ROLE zq_bob PASSWORD '{s}'});
    fails('without privilege', q{ALTER ROLE zq_bob PASSWORD '{s}'}, before => ['SET ROLE zq_plain'], after => ['RESET ROLE']);
    fails('in an aborted transaction', q{ALTER ROLE zq_bob PASSWORD '{s}'}, before => [ 'BEGIN', 'SELECT 1/0' ], after => ['ROLLBACK']);
    fails('PASSWRD', q{ALTER ROLE zq_bob PASSWRD '{s}'});
    fails('no quote at the end', q{ALTER ROLE zq_bob PASSWORD '{s}});
    fails('no $$ at the end', q{ALTER ROLE zq_bob PASSWORD $${s}});
    fails('"double quotes"', q{ALTER ROLE zq_bob PASSWORD "{s}"});
    fails('"double quotes", not closed', q{ALTER ROLE zq_bob PASSWORD "{s}});
    fails('a bare word', q{ALTER ROLE zq_bob PASSWORD {s}});
    fails('an equals sign', q{ALTER ROLE zq_bob SET PASSWORD '{s}'});
    fails('PASSWORD = string', q{ALTER ROLE zq_bob PASSWORD = '{s}'});
    fails('IDENTIFIED BY', q{CREATE USER {r} IDENTIFIED BY '{s}'});
    fails('GRANT ... IDENTIFIED BY', q{GRANT ALL ON zq_t TO zq_bob IDENTIFIED BY '{s}'});
    fails("SET PASSWORD FOR", q{SET PASSWORD FOR zq_bob = '{s}'});
    fails('UNENCRYPTED', q{ALTER ROLE zq_bob UNENCRYPTED PASSWORD '{s}'});
    fails('a syntax error behind it', q{ALTER ROLE zq_bob PASSWORD '{s}' LOGIN SUPERDUPER});
    fails('a syntax error in another statement of the string', q{ALTER ROLE zq_bob PASSWORD '{s}'; SELEC 1});
    fails('an error in another statement of the string', q{ALTER ROLE zq_bob PASSWORD '{s}'; SELECT 1/0});
    plant('beside a nested statement', q{ALTER ROLE zq_bob PASSWORD '{s}'; SELECT zq_nested()});
    plant('beside EXPLAIN', q{ALTER ROLE zq_bob PASSWORD '{s}'; EXPLAIN SELECT 1});
    plant('beside EXPLAIN ANALYZE', q{ALTER ROLE zq_bob PASSWORD '{s}'; EXPLAIN (ANALYZE) SELECT zq_nested()});
    plant('beside a DO INSTEAD rule', q{ALTER ROLE zq_bob PASSWORD '{s}'; INSERT INTO zq_v VALUES ('{c}')});
    plant('beside a function in SQL', q{ALTER ROLE zq_bob PASSWORD '{s}'; SELECT zq_sql('{c}') LIMIT 1});
    plant('beside a cursor', q{ALTER ROLE zq_bob PASSWORD '{s}'; BEGIN; DECLARE zq_c CURSOR FOR SELECT note FROM zq_t; FETCH 2 FROM zq_c; COMMIT});
    plant('beside a warning', q{ALTER ROLE zq_bob PASSWORD '{s}'; SELECT zq_warns('careful'); COMMIT});
    plant('extended protocol', q{ALTER ROLE zq_bob PASSWORD '{s}'}, extended => 1);
    plant('extended protocol, DO', q{DO 'BEGIN EXECUTE ''alter role zq_bob password ''''{s}''''''; END'}, extended => 1);
    fails('extended protocol, no such role', q{ALTER ROLE zq_none PASSWORD '{s}'}, extended => 1);
    fails('extended protocol, syntax error', q{ALTER ROLE zq_bob PASSWRD '{s}'}, extended => 1);
    return;
}

sub options_and_settings
{
    plant('USER MAPPING', q{CREATE USER MAPPING FOR zq_bob SERVER zq_server OPTIONS (user 'u', password '{s}')},
        after => ['DROP USER MAPPING FOR zq_bob SERVER zq_server']);
    plant('USER MAPPING, "password"', q{CREATE USER MAPPING FOR zq_bob SERVER zq_server OPTIONS ("password" '{s}')});
    plant('USER MAPPING, SET', q{ALTER USER MAPPING FOR zq_bob SERVER zq_server OPTIONS (SET password '{s}')});
    plant('USER MAPPING, ADD sslpassword', q{ALTER USER MAPPING FOR zq_bob SERVER zq_server OPTIONS (ADD sslpassword '{s}')});
    plant('USER MAPPING, a backslash', q{ALTER USER MAPPING FOR zq_bob SERVER zq_server OPTIONS (SET password 'a\', SET sslpassword '{s}')});
    plant('USER MAPPING, api_key', q{ALTER USER MAPPING FOR zq_bob SERVER zq_server OPTIONS (ADD api_key '{s}')},
        after => ['DROP USER MAPPING FOR zq_bob SERVER zq_server']);
    fails('USER MAPPING, no such server', q{CREATE USER MAPPING FOR zq_bob SERVER zq_none OPTIONS (password '{s}')});
    fails('USER MAPPING, syntax error', q{CREATE USER MAPPING FOR zq_bob SERVER zq_server OPTIONS (password = '{s}')});
    plant('SERVER', q{CREATE SERVER {r} FOREIGN DATA WRAPPER zq_fdw OPTIONS (passfile '{s}', host 'h')});
    plant('SERVER, SET', q{ALTER SERVER zq_server OPTIONS (ADD secret_access_key '{s}')}, after => ['ALTER SERVER zq_server OPTIONS (DROP secret_access_key)']);
    plant('FOREIGN TABLE', q{CREATE FOREIGN TABLE {r} (a text OPTIONS (token '{s}')) SERVER zq_server OPTIONS (key 'k')});
    plant('FOREIGN TABLE, connection string', q{CREATE FOREIGN TABLE {r} (a text) SERVER zq_server OPTIONS (conn 'host=h password={s}')});
    plant('FOREIGN DATA WRAPPER', q{CREATE FOREIGN DATA WRAPPER {r} OPTIONS (auth '{s}')});
    my $sub = '{r}';
    my @drop = ("ALTER SUBSCRIPTION $sub SET (slot_name = NONE)", "DROP SUBSCRIPTION $sub");
    plant('SUBSCRIPTION, URI', q{CREATE SUBSCRIPTION {r} CONNECTION 'postgresql://u:{s}@127.0.0.1:1/db' PUBLICATION p WITH (connect = false)}, after => \@drop);
    plant('SUBSCRIPTION, key=value', q{CREATE SUBSCRIPTION {r} CONNECTION 'host=127.0.0.1 port=1 password={s}' PUBLICATION p WITH (connect = false)}, after => \@drop);
    plant('SUBSCRIPTION, ALTER', q{ALTER SUBSCRIPTION {r} CONNECTION 'dbname=d password = ''a {s}'''},
        before => [q{CREATE SUBSCRIPTION {r} CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false)}], after => \@drop);
    fails('SUBSCRIPTION, refused', q{CREATE SUBSCRIPTION {r} CONNECTION 'postgresql://u:{s}@127.0.0.1:1/db' PUBLICATION p});
    fails('SUBSCRIPTION, no URI', q{CREATE SUBSCRIPTION {r} CONNECTION 'postgresql://u:{s}@[::1/db' PUBLICATION p WITH (connect = false)});
    fails('SUBSCRIPTION, no connection string', q{CREATE SUBSCRIPTION {r} CONNECTION 'password=x {s}' PUBLICATION p WITH (connect = false)});
    fails('SUBSCRIPTION, not there', q{ALTER SUBSCRIPTION zq_none CONNECTION 'password={s}'});
    for my $setting (qw(primary_conninfo archive_command restore_command ssl_passphrase_command))
    {
        plant("ALTER SYSTEM SET $setting", "ALTER SYSTEM SET $setting = 'postgresql://u:{s}\@h/db'", after => ["ALTER SYSTEM RESET $setting"]);
    }
    plant('ALTER SYSTEM SET, a command', q{ALTER SYSTEM SET archive_cleanup_command TO 'PGPASS=x curl -u me:{s} h'}, after => ['ALTER SYSTEM RESET archive_cleanup_command']);
    fails('ALTER SYSTEM SET, no such setting', q{ALTER SYSTEM SET primary_coninfo = 'host=h password={s}'});
    plant('ALTER ROLE SET', q{ALTER ROLE zq_bob SET app.secret_token = '{s}'}, after => ['ALTER ROLE zq_bob RESET ALL']);
    plant('ALTER DATABASE SET', q{ALTER DATABASE postgres SET app.api_key TO '{s}'}, after => ['ALTER DATABASE postgres RESET app.api_key']);
    plant('SET', q{SET app.secret_token = '{s}'});
    plant('SET LOCAL SESSION', q{BEGIN; SET LOCAL app.jwt_secret TO '{s}'; SET SESSION app.password = '{c}'; COMMIT});
    plant('SET, a bare word', q{SET app.password = {s}});
    plant('set_config', q{SELECT set_config('app.secret_token', '{s}', false)});
    plant('a function with SET', q{CREATE FUNCTION {r}() RETURNS integer LANGUAGE sql SET app.secret_token = '{s}' AS 'SELECT 1'});
    return;
}

sub connection_strings
{
    plant('COPY TO PROGRAM', q{COPY (SELECT 1) TO PROGRAM 'cat > /dev/null # PGPASSWORD={s}'});
    plant('COPY FROM PROGRAM', q{COPY zq_log FROM PROGRAM 'true --token {s}'});
    fails('COPY TO PROGRAM that fails', q{COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; false {s}'});
    fails('COPY PROGRAM without privilege', q{COPY (SELECT 1) TO PROGRAM 'true {s}'}, before => ['SET ROLE zq_plain'], after => ['RESET ROLE']);
    fails('COPY FROM STDIN, a bad line', q{COPY zq_t (n) FROM STDIN}, stdin => "password={s}\n\\.\n");
    plant('dblink', q{SELECT dblink('host=127.0.0.1 user=u password={s}', 'SELECT 1')});
    plant('dblink, spaces and quotes', q{SELECT dblink('host = h password = ''{s}'' user = u', 'SELECT 1')});
    plant('dblink, URI', q{SELECT dblink('postgres://u:{s}@h:5433/db?sslmode=require', 'SELECT 1')});
    plant('dblink, nested', q{DO $$BEGIN PERFORM dblink('host=h password={s}', 'x'); END$$});
    plant('URI, percent-encoded', q{SELECT 'postgresql://%75:%20{s}%40@h/db' AS uri});
    plant('URI, another scheme', q{SELECT 'amqps://guest:{s}@queue.example/v' AS uri});
    plant('URI, password as a parameter', q{SELECT 'postgresql://h/db?user=u&password={s}' AS uri});
    plant('URI in the middle of a text', q{SELECT 'see https://me:{s}@h/x or ask {c}' AS note});
    plant('upper case', q{SELECT 'HOST=h PASSWORD={s}' AS conn});
    plant('in E, $$ and U&', q{SELECT E'password=\x20{s}a', $$password={s}$$, U&'password={s}'});
    plant('in a condition', q{SELECT count(*) FROM zq_t WHERE note = 'password={s}'});
    plant('in a condition, URI', q{SELECT count(*) FROM zq_t WHERE note IN ('postgresql://u:{s}@h/db', '{c}')});
    plant('INSERT', q{INSERT INTO zq_log VALUES ('user=u password={s}'), ('{c}')});
    plant('UPDATE', q{UPDATE zq_log SET note = 'postgresql://u:{s}@h/db' WHERE note = '{c}'});
    fails('quoted identifier by mistake', q{SELECT dblink("host=h password={s}", 'SELECT 1')});
    fails('a URI as an integer', q{SELECT 'postgresql://u:{s}@h/db'::integer});
    fails('RAISE', q{SELECT zq_says('could not connect with host=h password={s}')});
    plant('RAISE WARNING', q{SELECT zq_warns('trying postgresql://u:{s}@h/db')});
    fails('RAISE in DO', q{DO $$BEGIN RAISE EXCEPTION 'no route to postgresql://u:{s}@h/db'; END$$});
    fails('a syntax error before it', q{SELEC dblink('host=h password={s}')});
    fails('not closed', q{SELECT dblink('host=h password={s})});
    plant('EXPLAIN', q{EXPLAIN SELECT * FROM zq_t WHERE note = 'password={s}'});
    plant('EXPLAIN ANALYZE', q{EXPLAIN (ANALYZE) SELECT * FROM zq_t WHERE note = 'password={s}' AND note <> '{c}'});
    plant('PREPARE', q{PREPARE zq_p AS SELECT * FROM zq_t WHERE note = 'password={s}' AND note <> $1}, after => [ "EXECUTE zq_p('x')", 'DEALLOCATE zq_p' ]);
    plant('EXECUTE', q{EXECUTE zq_p('password={s}')}, before => ['PREPARE zq_p(text) AS SELECT * FROM zq_t WHERE note = $1'], after => ['DEALLOCATE zq_p']);
    plant('DECLARE', q{DECLARE zq_d CURSOR WITH HOLD FOR SELECT * FROM zq_t WHERE note <> 'password={s}'}, after => [ 'FETCH 3 FROM zq_d', 'CLOSE zq_d' ]);
    plant('CREATE TABLE AS', q{CREATE TABLE {r} AS SELECT 'password={s}' AS note});
    plant('VIEW', q{CREATE VIEW {r} AS SELECT 'postgresql://u:{s}@h/db' AS note}, after => ['TABLE {r}']);
    plant('RULE', q{CREATE RULE {r} AS ON UPDATE TO zq_v DO ALSO SELECT 'password={s}'}, after => ['DROP RULE {r} ON zq_v']);
    plant('FUNCTION, quoted body', q{CREATE FUNCTION {r}() RETURNS text LANGUAGE sql AS 'SELECT ''password={s}''::text'}, after => ['SELECT {r}()']);
    plant('FUNCTION, BEGIN ATOMIC', q{CREATE FUNCTION {r}() RETURNS SETOF text LANGUAGE sql VOLATILE SECURITY DEFINER BEGIN ATOMIC SELECT note FROM zq_t WHERE note <> 'password={s}'; END}, after => ['SELECT {r}()']);
    plant('FUNCTION, DEFAULT', q{CREATE FUNCTION {r}(a text DEFAULT 'password={s}') RETURNS text LANGUAGE sql AS 'SELECT $1'});
    plant('PROCEDURE, CALL', q{CALL zq_call('host=h password={s}')});
    plant('NOTIFY', q{NOTIFY zq_channel, 'password={s}'});
    plant('COMMENT', q{COMMENT ON TABLE zq_t IS 'see postgresql://u:{s}@h/db'});
    fails('SECURITY LABEL', q{SECURITY LABEL FOR zq ON TABLE zq_t IS 'password={s}'});
    plant('/* */', q{SELECT /* password={s} */ 1 AS commented});
    plant('/* */, URI', q{SELECT 1 AS commented /* postgresql://u:{s}@h/db */});
    plant('--', qq{SELECT 1 -- password='{s}'\n + 1 AS commented});
    plant('/* */ of a utility statement', q{/* password={s} */ SET app.x = 1});
    fails('/* */ of a failing statement', q{SELECT /* password={s} */ 1/0});
    plant('extended protocol, literal', q{SELECT dblink('host=h password={s}', 'x')}, extended => 1);
    plant('extended protocol, bound', q{SELECT dblink(:v, 'x')}, extended => 1, bound => 'password={s}');
    fails('extended protocol, bound, message', q{SELECT :v::text::integer}, extended => 1, bound => 'password={s}');
    return;
}

sub constants
{
    my @select = ("'{c}'", "E'{c}\\n'", "U&'{c}'", '$${c}$$', "'a'\n'{c}'", "N'{c}'", "'{c}'::text", "text '{c}'", '{n}', '-{n}', '{n}.5',
        "ARRAY['{c}', 'b']", "'{\"a\": \"{c}\"}'::jsonb", "interval '1 day', '{c}'", "CASE '{c}' WHEN 'x' THEN {n} END", "('{c}' || 'x') COLLATE \"C\"");
    plant("SELECT $_", "SELECT $_") for @select;
    plant("WHERE $_", "SELECT * FROM zq_t WHERE $_") for ("note = '{c}'", "note IN ('{c}', 'b') LIMIT {n}", "note LIKE '{c}%' AND n < {n} ORDER BY n ASC OFFSET {n}",
        "note BETWEEN '{c}' AND 'z' FETCH FIRST {n} ROWS ONLY", "note ~ '{c}' AND n = ANY ('{1,2}')", "EXISTS (SELECT FROM zq_t b WHERE b.note = '{c}')", "(note, n) = ('{c}', {n})");
    plant('two spellings of one query', q{SELECT * FROM zq_t a WHERE note = '{c}' AND n = 1 ORDER BY n}, before => [q{SELECT * FROM zq_t WHERE note='x' AND n=2 ORDER BY n ASC}]);
    plant('INSERT', q{INSERT INTO zq_log VALUES ('{c}') RETURNING '{c}'});
    plant('UPDATE, DELETE', q{UPDATE zq_log SET note = '{c}' WHERE note = '{c}'; DELETE FROM zq_log WHERE note = '{c}'});
    plant('MERGE', q{MERGE INTO zq_log USING zq_t ON zq_log.note = '{c}' WHEN MATCHED THEN UPDATE SET note = '{c}' WHEN NOT MATCHED AND zq_t.n > {n} THEN DO NOTHING});
    plant('VALUES', q{VALUES ('{c}', {n})});
    plant('utility: SET', q{SET app.x = '{c}'});
    plant('utility: CREATE TABLE', q{CREATE TABLE {r} (a text DEFAULT '{c}' CHECK (a <> '{c}'), b bigint DEFAULT {n})});
    plant('utility: ALTER TABLE', q{ALTER TABLE zq_log ADD CONSTRAINT {r} CHECK (note <> 'x{c}') NOT VALID}, after => ['ALTER TABLE zq_log DROP CONSTRAINT {r}']);
    plant('utility: partition', q{CREATE TABLE {r}_p PARTITION OF {r} FOR VALUES IN ('{c}')}, before => ['CREATE TABLE {r} (a text) PARTITION BY LIST (a)']);
    plant('utility: VIEW', q{CREATE VIEW {r} AS SELECT * FROM zq_t WHERE note = '{c}'}, after => ['SELECT count(*) FROM {r}']);
    plant('utility: MATERIALIZED VIEW', q{CREATE MATERIALIZED VIEW {r} AS SELECT '{c}' AS note}, after => ['REFRESH MATERIALIZED VIEW {r}']);
    plant('utility: INDEX', q{CREATE INDEX {r} ON zq_t (note) WHERE note = '{c}'});
    plant('utility: POLICY', q{CREATE POLICY {r} ON zq_t USING (note = '{c}')});
    plant('utility: TRIGGER', q{CREATE TRIGGER {r} BEFORE INSERT ON zq_log FOR EACH ROW EXECUTE FUNCTION zq_trigger('{c}', {n})}, after => ['DROP TRIGGER {r} ON zq_log']);
    plant('utility: ENUM', q{CREATE TYPE {r} AS ENUM ('{c}')});
    plant('utility: COMMENT', q{COMMENT ON TABLE zq_t IS '{c}'});
    plant('utility: NOTIFY', q{NOTIFY zq_channel, '{c}'});
    plant('utility: COPY', q{COPY (SELECT '{c}', {n}) TO STDOUT (NULL '{c}')});
    plant('utility: EXPLAIN', q{EXPLAIN SELECT * FROM zq_t WHERE note = '{c}'});
    plant('utility: EXPLAIN ANALYZE', q{EXPLAIN (ANALYZE) SELECT * FROM zq_t WHERE note = '{c}' AND n < {n}});
    plant('utility: EXECUTE', q{EXECUTE zq_p('{c}')}, before => ['PREPARE zq_p(text) AS SELECT * FROM zq_t WHERE note = $1'], after => ['DEALLOCATE zq_p']);
    plant('utility: PREPARE', q{PREPARE zq_p(text) AS SELECT * FROM zq_t WHERE note = '{c}'}, after => [ "EXECUTE zq_p('x')", 'DEALLOCATE zq_p' ]);
    plant('utility: DECLARE', q{DECLARE zq_d CURSOR WITH HOLD FOR SELECT * FROM zq_t WHERE note <> '{c}'}, after => [ 'FETCH 3 FROM zq_d', 'CLOSE zq_d' ]);
    plant('utility: CREATE TABLE AS', q{CREATE TABLE {r} AS SELECT '{c}' AS note, {n} AS n});
    plant('utility: CALL', q{CALL zq_call('{c}')});
    plant('utility: FUNCTION', q{CREATE FUNCTION {r}(a text DEFAULT '{c}') RETURNS bigint LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT count(*) FROM zq_t WHERE note = '{c}'); END$$}, after => ['SELECT {r}()']);
    plant('utility: DO', q{DO $$BEGIN PERFORM count(*) FROM zq_t WHERE note = '{c}'; END$$});
    plant('parent', q{SELECT zq_nested(), '{c}' AS parent});
    plant('parent, SQL function', q{SELECT zq_sql('{c}') LIMIT 1});
    plant('nested in a rule', q{INSERT INTO zq_v VALUES ('{c}')});
    fails("error: $_", $_) for (q{SELECT '{c}'::integer}, q{SELECT * FROM zq_t WHERE n = '{c}'}, q{SELECT '{c}'::date}, "SELECT '{{c}'::text[]", q{SELECT '{c}'::json},
        q{SELECT '{c}', 1/0}, q{SELECT '{c}' FROM zq_none}, q{SELEC '{c}'}, q{SELECT '{c}' FORM zq_t}, q{SELECT '{c}}, q{SET work_mem = '{c}'},
        q{SELECT set_config('work_mem', '{c}', false)}, q{COPY zq_t FROM '/none/{c}'}, q{SELECT '{c}'::regclass}, q{SELECT {n}::integer},
        q{SELECT '{c}' AS a; SELECT 1/0}, q{DO $$BEGIN PERFORM '{c}'::integer; END$$}, q{INSERT INTO zq_t VALUES ('x', '{c}')});
    fails('error: COPY FROM STDIN', q{COPY zq_t (n) FROM STDIN}, stdin => "{c}\n\\.\n");
    plant('extended protocol', q{SELECT * FROM zq_t WHERE note = '{c}' AND n < {n}}, extended => 1);
    plant('extended protocol, utility', q{SET app.x = '{c}'}, extended => 1);
    plant('extended protocol, bound', q{SELECT * FROM zq_t WHERE note = :v}, extended => 1, bound => '{c}');
    fails('extended protocol, message', q{SELECT '{c}'::integer}, extended => 1);
    fails('extended protocol, bound, message', q{SELECT :v::text::integer}, extended => 1, bound => '{c}');
    return;
}

# All of them, with their numbers.
sub plants
{
    return @all if @all;
    for my $group ([ 'password', \&passwords ], [ 'option', \&options_and_settings ], [ 'string', \&connection_strings ], [ 'constant', \&constants ])
    {
        my $from = @all;
        $group->[1]->();
        $all[$_]{name} = "$group->[0]: $all[$_]{name}" =~ s/\s+/ /gr for $from .. $#all;
    }
    $all[$_]{number} = $_ for 0 .. $#all;
    return @all;
}

# A text of a plant in a pass of 1 to 9.
sub filled
{
    my ($text, $plant, $pass) = @_;
    my $digits = sprintf('%d%03d', $pass, $plant->{number});
    my %mark = (s => "zqsec${digits}zq", c => "zqcon${digits}zq", n => "917000${digits}917", k => $digits, r => "zq_r_$digits");
    return $text =~ s/\{([scnkr])\}/$mark{$1}/gr;
}

# Which kinds of markers are in it: s, c.
sub markers_of
{
    my ($plant) = @_;
    my $text = $plant->{sql} . ($plant->{stdin} // '') . ($plant->{bound} // '');
    return ($text =~ /\{[sk]\}/ ? 's' : (), $text =~ /\{[cn]\}/ ? 'c' : ());
}

1;
