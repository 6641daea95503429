# History by day: partitions made ahead, rows moved into the day they belong to, old days dropped, the size
# kept, users' own partitions left alone; and what dump, rename, move and drop make of it.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('days', "pg_stat_monitor.pgsm_bucket_time = 1\npg_stat_monitor.pgsm_history_rollup_after = 0\n");

# Waits until a query is true; its own buckets make the exporter work.
sub becomes
{
    my ($sql, $what) = @_;
    ok($node->poll_query_until('postgres', $sql), $what)
      or diag(ask($node, 'TABLE pg_stat_monitor_status'));
}

# SQL for the start of a UTC day, and for the name of its partition.
sub day  { my ($days) = @_; return "(date_trunc('day', now(), 'UTC') + '$days day')" }
sub name { my ($days) = @_; return "to_char(" . day($days) . " AT TIME ZONE 'UTC', '\"pg_stat_monitor_\"YYYYMMDD')" }
# The same with its schema.
sub table { my ($days) = @_; return "'pgsm_history.' || " . name($days) }
sub there
{
    my ($days) = @_;
    return "EXISTS (SELECT FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE relname = " . name($days)
      . " AND inhparent = 'pg_stat_monitor'::regclass)";
}
sub fed
{
    my ($days, $calls, $table) = @_;
    return "INSERT INTO pg_stat_monitor (bucket, bucket_start_time, userid, query, calls, exported_at) "
      . "SELECT -1, " . day($days) . " + interval '1 hour', 10, 'fed', $calls, " . day($days) . " + interval '2 hours'";
}
my $FED = "SELECT sum(calls) FROM pg_stat_monitor WHERE query = 'fed'";
my $OWN = "pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_depend d ON d.objid = c.oid AND d.deptype = 'e' "
  . "WHERE i.inhparent = 'pg_stat_monitor'::regclass AND c.relkind = 'r' AND c.relname <> 'pg_stat_monitor_default'";

# Made ahead, whatever the time zone of the server.
ask($node, "ALTER SYSTEM SET timezone = 'Pacific/Kiritimati'; SELECT pg_reload_conf()");
becomes('SELECT ' . there(0) . ' AND ' . there(1), 'today and tomorrow have partitions');
is(ask($node, "SELECT count(*) FROM $OWN"), 2, 'which are members of the extension');
is(ask($node, "SELECT count(*) FROM $OWN AND c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p JOIN pg_policy q "
        . "ON pg_get_expr(p.polqual, p.polrelid) = pg_get_expr(q.polqual, q.polrelid) AND p.polcmd = q.polcmd "
        . "AND p.polroles = q.polroles WHERE p.polrelid = c.oid AND q.polrelid = i.inhparent) AND relacl IS NULL"),
    2, 'each with the policy of the parent, and no privilege of its own');
is(ask($node, "SELECT count(*) FROM pg_inherits WHERE inhparent = (SELECT indexrelid FROM pg_index WHERE indrelid = "
        . "'pg_stat_monitor'::regclass AND indexrelid::regclass::text = 'pg_stat_monitor_queryid_idx')"),
    3, 'and its indexes');
becomes("SELECT count(*) > 0 FROM pg_stat_monitor WHERE exported_at < 'infinity'", 'rows are stored');
is(ask($node, 'SELECT count(*) FROM pg_stat_monitor_default'), 0, 'none of them in the default partition');

# Nobody without pg_read_all_stats sees others' rows in a partition, not even with SELECT on everything.
ask($node, 'CREATE ROLE regress_reader LOGIN IN ROLE pg_read_all_data');
my $today = ask($node, 'SELECT ' . table(0));
is(ask($node, "SET ROLE regress_reader; SELECT count(*) FROM $today"), 0, 'the policy of a partition holds');

# Rows that no day took are moved into theirs, old ones dropped with it, and a user's partition is his.
my $user = ask($node, "SELECT format('CREATE TABLE mine PARTITION OF pg_stat_monitor FOR VALUES FROM (%L) TO (%L)', "
        . day(-30) . ', ' . day(-20) . ')');
ask($node, 'ALTER SYSTEM SET pg_stat_monitor.pgsm_history_retention = 0; SELECT pg_reload_conf()');
ask($node, $user);
ask($node, fed(-25, 1) . "; " . fed(-9, 10) . "; " . fed(-3, 100) . "; " . fed(0, 1000));
is(ask($node, $FED), 1111, 'all fed rows are there');
becomes("SELECT NOT EXISTS (SELECT FROM pg_stat_monitor_default) AND " . there(-9) . ' AND ' . there(-3),
    'rows of the default partition get partitions of their days');
is(ask($node, $FED), 1111, 'and none is lost or doubled');
is(ask($node, 'SELECT sum(calls) FROM mine'), 1, "a user's partition takes its rows");
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_history_retention = '5d'; SELECT pg_reload_conf()");
becomes('SELECT NOT ' . there(-9), 'a day that is too old is dropped');
is(ask($node, $FED), 1101, 'it alone');
is(ask($node, 'SELECT to_regclass(' . table(-9) . ') IS NULL'), 't', 'its table is gone');

# A partition that the user took out of the extension, and one that he renamed.
my $third = ask($node, 'SELECT ' . table(-3));
ask($node, "ALTER EXTENSION pg_stat_monitor DROP TABLE $third");
ask($node, fed(-4, 20));
becomes('SELECT ' . there(-4), 'one more day');
my $fourth = ask($node, 'SELECT ' . table(-4));
ask($node, "ALTER TABLE $fourth RENAME TO renamed");
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_history_retention = '2d'; SELECT pg_reload_conf()");
becomes("SELECT to_regclass('pgsm_history.renamed') IS NULL", 'a renamed day of ours is dropped in its time');
is(ask($node, "SELECT to_regclass('$third') IS NOT NULL"), 't', 'one that was taken over is not');
is(ask($node, $FED), 1101, 'and its rows stay');

# A view on a partition keeps that one, says so, and does not keep the others.
ask($node, 'ALTER SYSTEM SET pg_stat_monitor.pgsm_history_retention = 0; SELECT pg_reload_conf()');
ask($node, fed(-8, 5) . '; ' . fed(-7, 6));
becomes('SELECT ' . there(-8) . ' AND ' . there(-7), 'two more days');
my $eighth = ask($node, 'SELECT ' . table(-8));
ask($node, "CREATE VIEW depends AS SELECT calls FROM $eighth");
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_history_retention = '5d'; SELECT pg_reload_conf()");
becomes('SELECT NOT ' . there(-7), 'a younger day is dropped');
becomes("SELECT history_error LIKE 'cannot drop table $eighth %' AND state = 'ok' FROM pg_stat_monitor_status",
    'the status says what is in the way, and the export goes on');
is(ask($node, "SELECT count(*) FROM $OWN AND c.oid = '$eighth'::regclass"), 1, 'the day is still a member');
ask($node, 'DROP VIEW depends');
becomes('SELECT NOT ' . there(-8), 'and dropped when nothing is in the way any more');

# A hard limit of size: the oldest of ours first.
ask($node, 'ALTER SYSTEM SET pg_stat_monitor.pgsm_history_retention = 0; SELECT pg_reload_conf()');
my $wide = "INSERT INTO pg_stat_monitor (bucket, userid, query, calls, exported_at) SELECT -1, 10, 'wide', g, ";
ask($node, $wide . day($_) . " + interval '1 hour' FROM generate_series(1, 20000) g") for (-2, -1);
becomes('SELECT ' . there(-2) . ' AND ' . there(-1), 'two big days');
ask($node, 'VACUUM pg_stat_monitor_default');
my $size = ask($node, "SELECT sum(pg_total_relation_size(c.oid)) > 3 * 1024 * 1024 FROM $OWN");
is($size, 't', 'together above the limit');
ask($node, 'ALTER SYSTEM SET pg_stat_monitor.pgsm_history_max_size = 3; SELECT pg_reload_conf()');
becomes('SELECT NOT ' . there(-2), 'above the limit the oldest day goes');
becomes("SELECT sum(pg_total_relation_size(c.oid)) <= 3 * 1024 * 1024 FROM $OWN", 'and the limit is kept');
is(ask($node, 'SELECT ' . there(0)), 't', 'today is there');
is(ask($node, "SELECT to_regclass('mine') IS NOT NULL AND to_regclass('$third') IS NOT NULL"), 't',
    "users' partitions are, too");

ask($node, 'ALTER SYSTEM SET pg_stat_monitor.pgsm_history_max_size = 0; SELECT pg_reload_conf()');

# A table that is locked: the export waits for nobody, and nobody for us.
ask($node, 'ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_reader');
my $blocker = $node->background_psql('postgres');
$blocker->query_safe('BEGIN; SELECT count(*) FROM pg_stat_monitor');
ask($node, fed(-6, 7));
becomes("SELECT history_error LIKE '%lock timeout%' FROM pg_stat_monitor_status", 'an open reader is not waited for');
my ($exports) = ask($node, 'SELECT exports FROM pg_stat_monitor_status');
becomes("SELECT exports > $exports + 1 FROM pg_stat_monitor_status", 'exports go on meanwhile');
$blocker->query_safe('COMMIT');
$blocker->quit;
becomes('SELECT ' . there(-6), 'afterwards the day is made');

# Grants on days of ours are nothing that a dump could restore.
my $dumps = "SELECT count(*) > 0 FROM pg_class c JOIN pg_init_privs p ON p.objoid = c.oid WHERE c.oid = '$today'::regclass "
  . 'AND c.relacl = p.initprivs';
ask($node, 'GRANT SELECT ON ALL TABLES IN SCHEMA pgsm_history TO regress_reader; '
      . "GRANT SELECT (calls), UPDATE (rows) ON $today TO PUBLIC");
becomes($dumps, 'they are no news to it');
# pg_dump leaves partitions of ours out; VACUUM, ANALYZE and a publication of all tables work.
my ($dump) = run_command([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-d', 'postgres' ]);
my $sixth = ask($node, 'SELECT ' . table(-6));
is(ask($node, "SELECT has_table_privilege('regress_reader', '$sixth', 'INSERT')"), 'f', 'default privileges are not for it');
unlike($dump, qr/\Q$today\E|\Q$sixth\E|SCHEMA pgsm_history/, 'pg_dump leaves them out, with schema, privileges and policies');
like($dump, qr/CREATE EXTENSION IF NOT EXISTS pg_stat_monitor/, 'and has the extension');
my ($upgrade) = run_command([ 'pg_dump', '--binary-upgrade', '-s', '-h', $node->host, '-p', $node->port, '-d', 'postgres' ]);
like($upgrade, qr/ALTER EXTENSION pg_stat_monitor ADD TABLE \Q$today\E/, 'pg_upgrade keeps them as members');
ask($node, 'VACUUM ANALYZE pg_stat_monitor');

# Moved: the table, its live and its default partition, not the days; and dropped, all of it.
sub lies { my ($table) = @_; return ask($node, "SELECT relnamespace::regnamespace FROM pg_class WHERE relname = '$table'") }
ask($node, "DROP TABLE mine; DROP TABLE $third; CREATE SCHEMA monitoring; CREATE ROLE regress_other");
my ($state) = failure($node, 'SET ROLE regress_other; ALTER EXTENSION pg_stat_monitor SET SCHEMA monitoring');
is($state, '42501', 'the extension is moved by its owner alone');
is(ask($node, "SELECT count(*) > 0 FROM $OWN"), 't', 'days are members as before');
ask($node, 'ALTER EXTENSION pg_stat_monitor SET SCHEMA monitoring');
is(join(' ', map { lies("pg_stat_monitor$_") } '', '_live', '_default', '_status'), join(' ', ('monitoring') x 4),
    'the extension moves to another schema');
is(ask($node, "SET search_path = monitoring; SELECT count(*) FROM $OWN AND c.oid = '$today'::regclass"), 1,
    'days stay, partitions and members as before');
ask($node, 'SET search_path = monitoring; ' . fed(-5, 8));
ok($node->poll_query_until('postgres', 'SELECT to_regclass(' . table(-5) . ') IS NOT NULL'), 'new ones are made beside them');
ask($node, 'ALTER TABLE monitoring.pg_stat_monitor SET SCHEMA public; ' . fed(-4, 8));
ok($node->poll_query_until('postgres', 'SELECT to_regclass(' . table(-4) . ') IS NOT NULL'), 'when the table alone moves, too');
ask($node, 'ALTER TABLE pg_stat_monitor SET SCHEMA monitoring; SET search_path = monitoring; '
      . "ALTER EXTENSION pg_stat_monitor DROP SCHEMA pgsm_history; " . fed(-3, 8));
ok($node->poll_query_until('postgres', "SELECT to_regclass('monitoring.' || " . name(-3) . ') IS NOT NULL'),
    'days are made beside the table when that schema is not the extension\'s');
ask($node, 'ALTER EXTENSION pg_stat_monitor ADD SCHEMA pgsm_history');
ask($node, 'DROP EXTENSION pg_stat_monitor');
is(ask($node, "SELECT count(*) FROM pg_class WHERE relname LIKE 'pg_stat_monitor%'"), 0, 'nothing stays behind');
is(ask($node, "SELECT to_regnamespace('pgsm_history') IS NULL"), 't', 'nor the schema');
ask($node, 'CREATE EXTENSION pg_stat_monitor');
becomes('SELECT ' . there(0), 'and it begins anew');
done_testing();
