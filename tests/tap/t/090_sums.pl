# A statement may lose its row, never its count: sums by user, depth, level and SQLSTATE are those of what ran, live,
# after a restart, exported, and merged into hours. With ten users whose statements do not fit into the exported rows, and
# with three thousand who do not fit into memory.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $QUIET = "log_min_messages = warning\nlog_min_error_statement = panic\n";
my $TRACK = "pg_stat_monitor.pgsm_track = 'all'\n";

sub columns { my ($n) = @_; return join(', ', map { "c$_" } grep { $n >> $_ & 1 } 0 .. 16); }

sub make_database
{
    my ($node) = @_;
    ask($node, 'CREATE DATABASE load');
    ask_in('load', $node, 'CREATE TABLE wide (' . join(', ', map { "c$_ integer" } 0 .. 16) . '); INSERT INTO wide DEFAULT VALUES;'
            . 'CREATE TABLE one (n integer UNIQUE CHECK (n < 5)); INSERT INTO one VALUES (1); GRANT ALL ON wide, one TO PUBLIC;'
            . 'CREATE FUNCTION warn() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING $q$look out$q$; END $$;'
            . 'CREATE FUNCTION fail(state text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = state; END $$;'
            . 'CREATE FUNCTION nested() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM c1, c2 FROM wide; PERFORM c3 FROM wide; END $$');
}

# Runs a script of statements some of which fail.
sub run_script
{
    my ($node, $role, $script) = @_;
    IPC::Run::run([ 'psql', '-X', '-q', '-At', '-o', '/dev/null', '-h', $node->host, '-p', $node->port, '-U', $role, 'load' ],
        '<', \$script, '2>', \my $stderr);
}

# Calls, rows and blocks by user, depth, level and SQLSTATE (or its class) of what ran in database load, and of whatever
# belongs to no database.
sub sums
{
    my ($node, $state) = @_;
    return ask($node, "SELECT userid, toplevel, elevel, $state, sum(calls), sum(rows), sum(shared_blks_hit), "
            . "round(sum(total_exec_time)::numeric, 3) FROM pg_stat_monitor "
            . "WHERE dbid IN (0, (SELECT oid FROM pg_database WHERE datname = 'load')) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4");
}

# Puts the exported rows of the database into two buckets of one hour of the day before yesterday, and waits until they are
# merged. Returns the sums of both buckets before and after.
sub merge_into_hours
{
    my ($node, $state) = @_;
    ask($node, <<'SQL');
CREATE TABLE moved AS SELECT * FROM pg_stat_monitor
WHERE exported_at < 'infinity' AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = 'load'));
DELETE FROM pg_stat_monitor WHERE exported_at < 'infinity';
UPDATE moved SET bucket_start_time = date_trunc('day', now(), 'UTC') - interval '43 hours', bucket = 1;
INSERT INTO moved (SELECT * FROM moved);
UPDATE moved SET bucket = 2, bucket_start_time = bucket_start_time + interval '1 minute'
WHERE ctid IN (SELECT max(ctid) FROM moved GROUP BY ROW(userid, dbid, toplevel, elevel, sqlcode, queryid, top_queryid)::text);
UPDATE moved SET exported_at = bucket_start_time + interval '1 minute';
INSERT INTO pg_stat_monitor SELECT * FROM moved;
SQL
    my $rows = ask($node, 'SELECT count(*) FROM moved');
    my $before = sums($node, $state);
    $node->append_conf('postgresql.conf', "pg_stat_monitor.pgsm_bucket_time = 1\npg_stat_monitor.pgsm_export_database = ''\n"
        . "pg_stat_monitor.pgsm_history_rollup_after = '1h'\n");
    $node->restart;
    ok($node->poll_query_until('postgres', "SELECT count(*) = $rows / 2 FROM pg_stat_monitor WHERE bucket_start_time < now() - interval '1 day'"),
        'two buckets have become an hour') or diag(ask($node, 'TABLE pg_stat_monitor_status'));
    is(sums($node, $state), $before, 'merged into hours the sums are the same');
}

# Ten users, a hundred statements each; the first one's are the heaviest.
my $node = monitored_node('ten', $NEVER_ENDS . $NO_EXPORTER . $TRACK . $QUIET);
make_database($node);
my @states = qw(22012 22P02 23505 23514 42P01 ZZ001);
my @failing = ('SELECT 1 / 0', q(SELECT 'x'::integer), 'INSERT INTO one VALUES (1)', 'INSERT INTO one VALUES (7)',
    'SELECT FROM no_such_table', q(SELECT fail('ZZ001')));
my %expected;
foreach my $user (1 .. 10)
{
    ask($node, "CREATE ROLE user_$user LOGIN");
    my $script = '';
    foreach my $n (1 .. 100)
    {
        my $sleep = $user == 1 ? ', pg_sleep(0.001)' : '';
        $script .= 'SELECT ' . columns($user * 128 + $n) . "$sleep FROM wide;\n";
    }
    foreach my $k (0 .. 5) { $script .= "$failing[$k];\n" x ($user + $k); $expected{"$user|21|$states[$k]"} = $user + $k; }
    $script .= "SELECT warn();\n" x $user;
    $expected{"$user|19|01000"} = $user;
    $script .= "SELECT nested();\n" x $user;
    $expected{"$user|0|nested"} = 2 * $user;
    $expected{"$user|0|"} = 100 + 2 * $user;
    run_script($node, "user_$user", $script);
}
my $expected = join("\n", sort map { "$_|$expected{$_}" } keys %expected);
my $by_kind = "SELECT substr(username, 6), elevel, CASE WHEN elevel = 0 AND NOT toplevel THEN 'nested' ELSE coalesce(sqlcode, '') END, "
    . "sum(calls) FROM pg_stat_monitor WHERE username LIKE 'user\\_%' GROUP BY 1, 2, 3";
sub kinds { return join("\n", sort split /\n/, ask($node, $by_kind)); }
is(kinds(), $expected, 'ten users: what ran is counted, by user, depth, level and SQLSTATE');
is(ask($node, q(SELECT count(*) || ' ' || count(DISTINCT message) FROM pg_stat_monitor WHERE username = 'user_3' AND sqlcode LIKE '23%')),
    '2 2', 'each SQLSTATE has a row and a message of its own');
my $live = sums($node, 'sqlcode');
$node->restart;
is(sums($node, 'sqlcode'), $live, 'the same after a restart');
ask($node, 'SELECT pg_stat_monitor_export()');
is(kinds(), $expected, 'and exported');
is(sums($node, 'sqlcode'), $live, 'with rows, blocks and times');
my $apart = 'FROM pg_stat_monitor WHERE queryid IS NOT NULL AND exported_at < $$infinity$$';
is(ask($node, "SELECT count(*) <= 300 $apart AND elevel = 0"), 't', 'no more than 300 statements have rows of their own');
is(ask($node, "SELECT min(n) >= 13 FROM (SELECT count(*) AS n $apart AND elevel = 0 AND username LIKE 'user\\_%' GROUP BY userid) AS s"), 't',
    'each user has his share of them');
is(ask($node, "SELECT count(*) $apart AND elevel > 0 AND username LIKE 'user\\_%'"), 70, 'errors and warnings have rows beside them');
is(ask($node, q(SELECT bool_and(queryid IS NULL AND pgsm_query_id IS NULL AND message IS NULL AND client_ip = '127.0.0.1')
        FROM pg_stat_monitor WHERE query = '<other statements>')), 't', 'residual rows say nothing of any one statement');
$node->restart;
is(sums($node, 'sqlcode'), $live, 'a restart changes nothing of it');
merge_into_hours($node, 'sqlcode');
$node->stop;

# Three thousand users, each with two statements and some with errors and warnings: neither memory nor the exported rows
# have room for all.
$node = monitored_node('many', $NEVER_ENDS . $NO_EXPORTER . $TRACK . $QUIET);
make_database($node);
my $users = 3000;
ask($node, "DO \$\$ BEGIN FOR i IN 1 .. $users LOOP EXECUTE format('CREATE ROLE many_%s', i); END LOOP; END \$\$");
ask($node, 'CREATE ROLE plain LOGIN; CREATE ROLE reader LOGIN IN ROLE pg_read_all_stats');
my $superuser = ask($node, 'SELECT current_user');
my $script = '';
foreach my $user (1 .. $users)
{
    $script .= "SET ROLE many_$user;\nSELECT c1 FROM wide;\nSELECT c2 FROM wide;\n";
    $script .= "SELECT 1 / 0;\n" if $user % 10 == 0;
    $script .= "INSERT INTO one VALUES (1);\n" if $user % 20 == 0;
    $script .= "SELECT warn();\n" if $user % 30 == 0;
    $script .= "RESET ROLE;\n";
}
my $load = "dbid IN (0, (SELECT oid FROM pg_database WHERE datname = 'load'))";
my $total = "SELECT coalesce(sum(calls), 0) FROM pg_stat_monitor WHERE $load";
my $already = ask($node, $total);
run_script($node, $superuser, $script);
ask($node, 'CREATE TABLE ran AS SELECT r.oid AS userid, 3 + (i % 10 = 0)::int + (i % 20 = 0)::int + 2 * (i % 30 = 0)::int AS calls '
        . "FROM generate_series(1, $users) AS i JOIN pg_roles AS r ON r.rolname = 'many_' || i");

sub check_many
{
    my ($when) = @_;
    is(ask($node, "$total") - $already, 4 * $users + 100 + 550, "$users users, $when: all that ran");
    is(ask($node, "SELECT elevel, left(sqlcode, 2), sum(calls) FROM pg_stat_monitor WHERE $load AND elevel > 0 GROUP BY 1, 2 ORDER BY 1, 2"),
        "19|01|100\n21|22|300\n21|23|150", 'errors and warnings by class');
    is(ask($node, <<'SQL'), '0 t', 'nobody has what another ran: what a user lacks belongs to nobody');
WITH shown AS (SELECT userid, sum(calls) AS calls FROM pg_stat_monitor GROUP BY userid),
     beside AS (SELECT ran.calls AS ran, coalesce(shown.calls, 0) AS shown FROM ran LEFT JOIN shown USING (userid))
SELECT count(*) FILTER (WHERE shown > ran) || ' '
       || (sum(ran - shown) BETWEEN 1 AND (SELECT calls FROM shown WHERE userid = 0))::text::char(1) FROM beside
SQL
}
# The bucket ends, and stays in memory.
ask($node, 'BEGIN; SELECT pg_stat_monitor_export(); ROLLBACK');
check_many('live');
$live = sums($node, 'left(sqlcode, 2)');
is(ask($node, 'SELECT bool_and(username = $$<other users>$$ AND query = $$<other statements>$$) FROM pg_stat_monitor WHERE userid = 0'), 't',
    'what is nobody\'s says so');
is(ask($node, 'SELECT count(*) FROM pg_stat_monitor WHERE dbid = 0'), 0, 'and of which database');

# Only whoever may read everybody's sees nobody's.
ask($node, 'SELECT pg_stat_monitor_serve_2_3($$plain$$)');
sub of_nobody
{
    my ($when) = @_;
    foreach my $relation ('public.pg_stat_monitor', 'pg_stat_monitor_internal(true)', 'pgsm_2_3.pg_stat_monitor')
    {
        my $count = "SELECT count(*) > 0 FROM $relation WHERE userid = 0";
        next if $relation =~ /internal/ && $when eq 'stored';
        is($node->safe_psql('postgres', $count, extra_params => [ '-U', 'plain' ]), 'f', "$when, $relation: not for a plain role");
        is($node->safe_psql('postgres', $count, extra_params => [ '-U', 'reader' ]), 't', "$when, $relation: but for a reader of all");
    }
}
of_nobody('live');
$node->restart;
is(sums($node, 'left(sqlcode, 2)'), $live, 'the same after a restart');
ask($node, 'SELECT pg_stat_monitor_export()');
check_many('exported');
is(sums($node, 'left(sqlcode, 2)'), $live, 'user by user, with rows, blocks and times');
of_nobody('stored');
merge_into_hours($node, 'left(sqlcode, 2)');
$node->stop;

done_testing();
