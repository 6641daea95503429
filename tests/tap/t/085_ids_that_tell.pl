# An id is no oracle: everybody sees the ids of other people's statements, so those of a statement with a secret in it must
# be the same whatever the secret is, and no hash of its text. Nor does the id of a plan say anything of constants.
use strict;
use warnings;

use IPC::Run;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('ids',
    "pg_stat_monitor.pgsm_normalized_query = on\n" .    $NEVER_ENDS . $NO_EXPORTER . "pg_stat_monitor.pgsm_max = 16MB\npg_stat_monitor.pgsm_query_shared_buffer = 16MB\n");
ask($node,
    q{CREATE ROLE zq_bob; CREATE ROLE zq_plain LOGIN; CREATE TABLE zq_t (note text, n integer); GRANT SELECT ON zq_t TO PUBLIC;
CREATE FUNCTION dblink(text, text) RETURNS integer LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT count(*) FROM zq_t); END$$;
CREATE FUNCTION zq_says(text) RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION '%', $1; END$$;
CREATE FOREIGN DATA WRAPPER zq_fdw; CREATE SERVER zq_server FOREIGN DATA WRAPPER zq_fdw; CREATE USER MAPPING FOR zq_bob SERVER zq_server OPTIONS (password 'x')}
);

# By name: strings of one session. {} is what has to be guessed.
my %secret = (
    'ALTER ROLE' => [q{ALTER ROLE zq_bob PASSWORD '{}'}],
    'ALTER ROLE, E and comments' => [qq{alter role zq_bob /* x */ password E'a\\'{}'}],
    'ALTER ROLE, continued' => [qq{ALTER ROLE zq_bob PASSWORD 'x'\n'{}'}],
    'ALTER ROLE, $$' => ['ALTER ROLE zq_bob PASSWORD $${}$$'],
    'ALTER ROLE, refused' => [ 'SET ROLE zq_plain', q{ALTER ROLE zq_bob PASSWORD '{}'} ],
    'ALTER ROLE, no such role' => [q{ALTER ROLE zq_none PASSWORD '{}'}],
    'ALTER ROLE, syntax error' => [q{ALTER ROLE zq_bob PASSWRD '{}'}],
    'ALTER ROLE, not closed' => [q{ALTER ROLE zq_bob PASSWORD '{}}],
    'ALTER ROLE, bare' => [q{ALTER ROLE zq_bob PASSWORD {}}],
    'ALTER ROLE in DO' => [q{DO $$BEGIN EXECUTE 'ALTER ROLE zq_bob PASSWORD ''{}'''; END$$}],
    'ALTER ROLE and another' => [q{ALTER ROLE zq_bob PASSWORD '{}'; SELECT dblink('x', 'y')}],
    'IDENTIFIED BY' => [q{CREATE USER zq_x IDENTIFIED BY '{}'}],
    'USER MAPPING' => [q{ALTER USER MAPPING FOR zq_bob SERVER zq_server OPTIONS (SET password '{}')}],
    'SUBSCRIPTION' => [q{CREATE SUBSCRIPTION zq_sub CONNECTION 'postgresql://u:{}@127.0.0.1:1/db' PUBLICATION p}],
    'SET' => [q{SET app.secret_token = '{}'}],
    'ALTER ROLE SET' => [q{ALTER ROLE zq_bob SET app.secret_token = '{}'}],
    'ALTER SYSTEM' => [q{ALTER SYSTEM SET primary_conninfo = 'host=h password={}'}],
    'COPY PROGRAM' => [q{COPY (SELECT 1) TO PROGRAM 'cat > /dev/null # {}'}],
    'dblink' => [q{SELECT dblink('host=h password={}', 'x')}],
    'dblink, syntax error' => [q{SELEC dblink('host=h password={}', 'x')}],
    'RAISE' => [q{SELECT zq_says('password={}')}],
    'NOTIFY' => [q{NOTIFY zq_channel, 'password={}'}],
    'COMMENT' => [q{COMMENT ON TABLE zq_t IS 'password={}'}],
    'a comment in the text' => [q{SELECT /* password={} */ count(*) FROM zq_t}],
    'a comment before SET' => [q{/* password={} */ SET app.x = 1}],
    'FUNCTION' => [q{CREATE OR REPLACE FUNCTION zq_f() RETURNS text LANGUAGE sql AS 'SELECT ''password={}''::text'}],
    'EXECUTE' => [ 'PREPARE p(text) AS SELECT * FROM zq_t WHERE note = $1', q{EXECUTE p('password={}')} ],
    'DECLARE' => [q{BEGIN; DECLARE c CURSOR FOR SELECT * FROM zq_t WHERE note = 'password={}'; FETCH c; COMMIT}],
    'EXPLAIN' => [q{EXPLAIN (ANALYZE) SELECT * FROM zq_t WHERE note = 'password={}'}],);
my %constant = (
    'SELECT with a plan' => [q{SELECT * FROM zq_t WHERE note = '{}' AND n < 7}],
    'SELECT with a plan, by index' => [q{SELECT relkind FROM pg_class WHERE relname = '{}'}],
    'INSERT' => [q{INSERT INTO zq_t VALUES ('{}', 1)}],
    'SET' => [q{SET app.x = '{}'}],
    'CREATE TABLE' => [q{CREATE TEMP TABLE zq_temp (a text DEFAULT '{}')}],
    'a value that does not fit' => [q{SELECT '{}'::integer}],
    'a syntax error' => [q{SELEC '{}'}],
    'COPY' => [q{COPY (SELECT '{}') TO STDOUT}],
    'DO' => [q{DO $$BEGIN PERFORM count(*) FROM zq_t WHERE note = '{}'; END$$}],);

# Runs them with a guess; returns the ids of all that was recorded of it: the text of each is told apart by its command.
my $OPTIONS =
    '-c pg_stat_monitor.pgsm_track=all -c pg_stat_monitor.pgsm_enable_query_plan=on -c client_min_messages=error';
my $runs = 0;

sub ids_of
{
    my ($guess, @sql) = @_;
    my $name = 'run' . ++$runs;
    local $ENV{PGOPTIONS} = $OPTIONS;
    local $ENV{PGAPPNAME} = $name;
    IPC::Run::run(
        [
            'psql', '-XAtq', '-h', $node->host, '-p', $node->port, '-d', 'postgres',
            map { ('-c', s/\{\}/$guess/gr) } @sql
        ],
        '>',
        \my $out,
        '2>',
        \my $err);
    return (
        $name,
        ask($node,
            "SELECT format('%s %s %s %s %s', cmd_type_text, elevel, sqlcode, toplevel, string_agg(format('queryid %s, pgsm_query_id %s, planid %s, top_queryid %s', queryid, pgsm_query_id, planid, top_queryid), '; ' "
                . "ORDER BY queryid, pgsm_query_id)) FROM pg_stat_monitor WHERE application_name = '$name' GROUP BY cmd_type_text, elevel, sqlcode, toplevel ORDER BY 1"
        ));
}

# As many as have one of the hashes that a text could have.
sub confirmed
{
    my ($name, $guess, @sql) = @_;
    my @texts = map {
        my $text = s/\{\}/$guess/gr;
        ($text, "$text;", lc($text), map { s/^\s+|\s+$//gr } split(/;/, $text))
    } @sql;
    my $texts = join(', ',
        map { my $text = s/\x27/\x27\x27/gr; " E'" . ($text =~ s/\\/\\\\/gr) . "'" } grep { /\Q$guess\E/ } @texts);
    local $ENV{PGOPTIONS} = '-c pg_stat_monitor.pgsm_track=none';
    return ask($node,
        "SELECT count(*) FROM pg_stat_monitor AS m, unnest(ARRAY[$texts]) AS t, LATERAL (SELECT hashtextextended(t, 0) AS long, hashtext(t)::bigint AS short) AS h "
            . "WHERE application_name = '$name' AND (h.long IN (queryid, pgsm_query_id, planid, top_queryid) OR h.short IN (queryid, pgsm_query_id, planid, top_queryid))"
    );
}

for my $group ([ 'secret', \%secret ], [ 'constant', \%constant ])
{
    my ($what, $all) = @$group;
    for my $name (sort keys %$all)
    {
        my ($run, $one) = ids_of('zqright4711', @{ $all->{$name} });
        my (undef, $two) = ids_of('zqwrong0815x', @{ $all->{$name} });
        like($one, qr/queryid -?\d+/, "$what in $name: is recorded");
        is($one, $two, "$what in $name: the ids do not depend on it");
        is(confirmed($run, 'zqright4711', @{ $all->{$name} }), 0, "$what in $name: no id is a hash of the text");
    }
}
# What is not a constant does make a difference: ids tell statements apart as ever.
isnt((ids_of('x', q{SET app.x = '{}'}))[1], (ids_of('x', q{SET app.y = '{}'}))[1], 'another setting has other ids');
isnt(
    (ids_of('x', q{SELECT '{}' FROM zq_t}))[1],
    (ids_of('x', q{SELECT '{}' FROM pg_am}))[1],
    'another table has other ids');
isnt(
    (ids_of('x', q{ALTER ROLE zq_bob PASSWORD '{}'}))[1],
    (ids_of('x', q{ALTER ROLE zq_plain PASSWORD '{}'}))[1],
    'another role has other ids');

# The plan of a statement, though the constants in it differ, is one.
local $ENV{PGOPTIONS} = $OPTIONS;
for my $n (1 .. 20) { ask($node, "SELECT * FROM zq_t WHERE note = 'zqplan$n'"); }
is( ask($node,
        q{SELECT count(DISTINCT planid) || ' ' || count(*) || ' ' || sum(calls) FROM pg_stat_monitor WHERE query LIKE 'SELECT * FROM zq_t WHERE note = %' AND application_name !~ '^run'}
    ),
    '1 1 20',
    'twenty constants: one plan, one row');
$node->stop;
done_testing();
