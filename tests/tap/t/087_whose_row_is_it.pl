# A row belongs to whoever sent the statement, or to whom the inner statement ran as, and shows him nothing of others: roles
# with odd names, roles that change in mid-string, functions that run as their owner, objects of 2.3.
use strict;
use warnings;

use Attack;
use IPC::Run;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = fortress('whose');
my $attacker = attacker($node, 'zq_attacker');

# What the victim sends, in one session, with settings of his.
sub victim_says
{
    my ($options, @sql) = @_;
    local $ENV{PGOPTIONS} = "$options -c client_min_messages=error";
    IPC::Run::run(
        [
            'psql', '-XAtq', '-U', 'zq_victim', '-h', $node->host, '-p', $node->port, '-d', 'postgres',
            map { ('-c', $_) } @sql
        ],
        '<',
        \undef,
        '>',
        \my $out,
        '2>',
        \my $err);
    return "$out$err";
}
my $ALL =
    '-c pg_stat_monitor.pgsm_track=all -c pg_stat_monitor.pgsm_extract_comments=on -c pg_stat_monitor.pgsm_enable_query_plan=on';
my @FROM = ('SELECT m::text FROM pg_stat_monitor AS m', 'SELECT m::text FROM pg_stat_monitor_internal() AS m');
# In others' rows and in his own, of which some are about others, there is no such word of the victim's.
sub learns_nothing
{
    my ($name, $word, @from) = @_;
    $attacker->nothing("$name ($_)", $_, leak => qr/zqpeek_$word/) for @from ? @from : @FROM;
    return;
}
my $WORKED = qr/(text|comment|plan|message|warning|inside|\d)/;

# Names that mean something else where a role is looked up by its name.
for my $role (
    '10', '-', '0', 'x.y', 'A "quoted" one', 'public2',
    "back\\slash", 'zq_victim ', 'current_user', 'l' x 63, "new\nline")
{
    # 19 has no such names.
    next if $role =~ /\n/ && $node->pg_version->major >= 19;
    my $quoted = '"' . ($role =~ s/"/""/gr) . '"';
    ask($node, "CREATE ROLE $quoted LOGIN");
    my $odd = attacker($node, $role);
    $odd->nothing("role $quoted" =~ s/\n/\\n/r, $FROM[0]);
    like(
        $odd->told(
            $role,
            'SET pg_stat_monitor.pgsm_track = top',
            'SELECT 1 AS own, 2, 3',
            "SELECT count(*) FROM pg_stat_monitor WHERE query LIKE 'SELECT % AS own,%'"),
        qr/^1$/m,
        'but its own');
}

# Roles that change within a session or a string.
ask($node, 'GRANT zq_attacker TO zq_victim');
for my $string (
    'SELECT 1 AS zqpeek_a; SET ROLE zq_attacker; SELECT 1/0',
    'SELECT 1 AS zqpeek_b; SET ROLE zq_attacker; SELECT no_such_column; RESET ROLE',
    'SET ROLE zq_attacker; SELECT 1; RESET ROLE; SELECT 2 AS zqpeek_c',
    'SELECT 1 AS zqpeek_d; SET SESSION ROLE zq_attacker; DO $$BEGIN RAISE WARNING \'w\'; END$$',
    "SELECT 1 AS zqpeek_e; SELECT set_config('role', 'zq_attacker', false); SELECT 'x'::integer",
    'BEGIN; SET LOCAL ROLE zq_attacker; SELECT count(*) FROM pg_class; COMMIT; SELECT 1 AS zqpeek_f',
    'SET ROLE zq_attacker; COMMIT; RESET ROLE; SELECT 1 AS zqpeek_g')
{
    victim_says($_, $string) for ('', $ALL);
}
learns_nothing('strings in which the victim becomes the attacker', qr/[a-g]\b/);

# Functions of the attacker that run as him, with which the victim's statements do something. PostgreSQL's current_query()
# gives the text away to their code; rows that everybody may copy and keep are no better for it.
$attacker->told(
    'zq_attacker',
    'GRANT USAGE ON SCHEMA zq TO PUBLIC',
    q{CREATE FUNCTION zq.fails(integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN RETURN 1 / $1; END$$},
    q{CREATE FUNCTION zq.warns() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN RAISE WARNING 'careful'; RETURN 1; END$$},
    q{CREATE FUNCTION zq.works() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET pg_stat_monitor.pgsm_track = 'all' AS $$BEGIN RETURN (SELECT count(*) FROM pg_class); END$$},
    q{CREATE TABLE zq.parent (a integer PRIMARY KEY); CREATE TABLE zq.child (a integer REFERENCES zq.parent); INSERT INTO zq.parent VALUES (1); GRANT INSERT ON zq.child TO PUBLIC}
);
victim_says('', 'SELECT zq.fails(0) AS zqpeek_failed /* zqpeek */');
is( ask($node,
        q{SELECT string_agg(DISTINCT userid::regrole::text, ',') FROM pg_stat_monitor WHERE query ~ 'zqpeek_failed'}),
    'zq_victim',
    'a statement that fails in a SECURITY DEFINER function belongs to whoever sent it');
learns_nothing('failing in a function of the attacker', 'failed');
victim_says('', 'SELECT zq.warns() AS zqpeek_warned /* zqpeek */');
is( ask($node,
        q{SELECT string_agg(DISTINCT userid::regrole::text, ',') FROM pg_stat_monitor WHERE query ~ 'zqpeek_warned'}),
    'zq_victim',
    'so does one that warns there');
learns_nothing('warning in a function of the attacker', 'warned');
victim_says($ALL, 'SELECT zq.works() AS zqpeek_parent /* zqpeek */');
is(ask($node, q{SELECT count(*) > 0 FROM pg_stat_monitor WHERE userid = 'zq_attacker'::regrole AND NOT toplevel}),
    't', 'what ran inside is the attacker\'s');
learns_nothing('the parent of a statement in a function of the attacker', 'parent');
victim_says($ALL, 'INSERT INTO zq.child SELECT 1 AS zqpeek_inserted /* zqpeek */');
learns_nothing('the parent of a foreign key\'s check on a table of the attacker', 'inserted');

# Functions of the victim that the attacker calls: what is inside is the victim's.
victim_says(
    '',
    q{CREATE FUNCTION zq_inside() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN RETURN (SELECT count(*) FROM pg_class AS zqpeek_private); END$$},
    q{CREATE FUNCTION zq_broken(integer) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN RETURN (SELECT 1 / $1 AS zqpeek_private2); END$$},
    'CREATE FUNCTION zq_sql() RETURNS SETOF name LANGUAGE sql SECURITY DEFINER AS $$SELECT relname FROM pg_class AS zqpeek_private3$$'
);
$attacker->told(
    'zq_attacker',
    q{SET pg_stat_monitor.pgsm_track = 'all'; SET pg_stat_monitor.pgsm_enable_query_plan = on},
    'SELECT zq_inside()',
    'SELECT zq_broken(0)',
    'SELECT count(*) FROM zq_sql()',
    'SELECT zq_sql() LIMIT 1');
is( ask($node,
        q{SELECT string_agg(DISTINCT userid::regrole::text, ',') FROM pg_stat_monitor WHERE query ~ 'zqpeek_private' AND query !~ 'CREATE'}
    ),
    'zq_victim',
    'inside a SECURITY DEFINER function the owner\'s');
learns_nothing('functions of the victim', 'private');

# In parallel workers and under a planner that runs all there is in them.
my $workers =
    q{DO $$DECLARE s record; BEGIN FOR s IN SELECT name, setting FROM (VALUES ('force_parallel_mode', 'on'), ('debug_parallel_query', 'on'), ('parallel_setup_cost', '0'),
  ('parallel_tuple_cost', '0'), ('min_parallel_table_scan_size', '0'), ('enable_partitionwise_join', 'on'), ('enable_partitionwise_aggregate', 'on')) AS v(name, setting)
  WHERE EXISTS (SELECT FROM pg_settings AS p WHERE p.name = v.name) LOOP PERFORM set_config(s.name, s.setting, false); END LOOP; END$$};
for my $sql (
    @FROM,
    'SELECT a.query FROM pg_stat_monitor AS a JOIN pg_stat_monitor AS b USING (exported_at)',
    'SELECT max(query) FROM pg_stat_monitor GROUP BY exported_at, query')
{
    $attacker->nothing("in parallel workers: $sql", [ $workers, $sql ], leak => qr/zqpeek_$WORKED/);
}

# Who has the extension at 2.3, with this library: between the restart and the update.
ask($node, 'DROP EXTENSION pg_stat_monitor CASCADE');
ask($node, q{CREATE EXTENSION pg_stat_monitor VERSION '2.3'; GRANT pg_read_all_data TO zq_attacker});
victim_works($node, 'postgres');
my ($view) = ('pg_stat_monitor');
for my $column (private_columns())
{
    $attacker->nothing(
        "objects of 2.3: column $column of the view",
        "SELECT $column FROM $view WHERE username = 'zq_victim'",
        $column eq 'client_ip' ? (leak => qr/\d/) : ());
    $attacker->nothing(
        "objects of 2.3: column $column of the function",
        "SELECT $column FROM pg_stat_monitor_internal(true) WHERE username = 'zq_victim'",
        $column eq 'client_ip' ? (leak => qr/\d/) : ());
}
$attacker->nothing('objects of 2.3: all of the view', "SELECT m::text FROM $view AS m", leak => qr/zqpeek_$WORKED/);
$attacker->refused('objects of 2.3: reset', 'SELECT pg_stat_monitor_reset()');
ask($node, q{ALTER EXTENSION pg_stat_monitor UPDATE TO '2.4'});
learns_nothing('after the update', $WORKED);
$attacker->nothing(
    'after the update: the live part',
    'SELECT query FROM pg_stat_monitor_live',
    leak => qr/zqpeek_$WORKED/);
ask($node, 'SELECT pg_stat_monitor_export()');
learns_nothing('after the update and an export', $WORKED, $FROM[0]);
$node->stop;
done_testing();
