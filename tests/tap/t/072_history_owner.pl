# The history of a table whose owner is an ordinary role; who may read, empty and name the days that the exporter made;
# messages of failures for those who may read others' statements; and pg_upgrade.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('owner', "pg_stat_monitor.pgsm_bucket_time = 1\npg_stat_monitor.pgsm_history_rollup_after = 0\n"
      . "pg_stat_monitor.pgsm_history_retention = 0\n");
sub becomes
{
    my ($sql, $what) = @_;
    ok($node->poll_query_until('postgres', $sql), $what)
      or diag(ask($node, 'TABLE pg_stat_monitor_status'));
}
sub fed
{
    my ($days) = @_;
    return "INSERT INTO pg_stat_monitor (bucket, bucket_start_time, userid, query, calls, exported_at) SELECT -1, "
      . "now() - interval '$days days', 10, 'fed', 1, now() - interval '$days days'";
}
my $DAYS = "FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid WHERE i.inhparent = 'pg_stat_monitor'::regclass "
  . "AND c.relnamespace = 'pgsm_history'::regnamespace";
becomes("SELECT count(*) = 2 $DAYS", 'days are made in pgsm_history');
is(ask($node, "SELECT nspacl IS NULL OR nspacl::text !~ '[{,]=' FROM pg_namespace WHERE nspname = 'pgsm_history'"), 't',
    'where PUBLIC has no privileges');
is(ask($node, "SELECT string_agg(DISTINCT a.attname, ' ') $DAYS AND a.attstorage NOT IN ('p', 'm')" =~ s/WHERE/JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE/r),
    '', 'and keep texts in the row');
my $today = ask($node, "SELECT min(c.oid::regclass::text) $DAYS");

# Whatever is granted on days: DELETE and TRUNCATE are for who may call the reset.
ask($node, 'CREATE ROLE app LOGIN; GRANT ALL ON SCHEMA pgsm_history TO app; GRANT ALL ON ALL TABLES IN SCHEMA pgsm_history '
      . 'TO app; GRANT ALL ON ALL TABLES IN SCHEMA public TO app');
for my $sql ("DELETE FROM $today", "TRUNCATE $today", 'TRUNCATE pg_stat_monitor', "DELETE FROM pg_stat_monitor")
{
    my ($state, $error) = failure($node, "SET ROLE app; $sql");
    is($state, '42501', "$sql is refused");
    like($error, qr/HINT:.*pg_stat_monitor_reset\(\)/, 'with what it needs');
}
becomes("SELECT count(*) > 0 FROM $today", 'nothing is gone');
ask($node, fed(9));
becomes("SELECT count(*) = 3 $DAYS", 'one more day');
ask($node, 'GRANT EXECUTE ON FUNCTION pg_stat_monitor_reset() TO app; GRANT pg_read_all_stats TO app');
ask($node, "SET ROLE app; DELETE FROM pg_stat_monitor WHERE exported_at < now() - interval '7 days'");
is(ask($node, "SELECT count(*) FROM pg_stat_monitor WHERE query = 'fed'"), 0, 'with that, retention by DELETE works');
is(ask($node, "SELECT count(*) > 0 FROM $today"), 't', 'and takes no more');

# An ordinary owner: what is there becomes his, and the work is done as him.
ask($node, 'CREATE ROLE keeper LOGIN; GRANT USAGE ON SCHEMA public TO keeper; ALTER TABLE pg_stat_monitor OWNER TO keeper; '
      . fed(5));
becomes("SELECT count(*) = 4 AND bool_and(c.relowner = 'keeper'::regrole) $DAYS", 'days go to the owner, and are made as him');
is(ask($node, "SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'pgsm_history'"), 'keeper', 'the schema is his');
is(ask($node, "SELECT relowner::regrole FROM pg_class WHERE relname = 'pg_stat_monitor_default'"), 'keeper',
    'the default partition is');
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_history_retention = '3d'; SELECT pg_reload_conf()");
becomes("SELECT count(*) = 2 $DAYS", 'and dropped');
ask($node, fed(2) . "; ALTER SYSTEM SET pg_stat_monitor.pgsm_history_rollup_after = '1h'; SELECT pg_reload_conf()");
becomes("SELECT EXISTS (SELECT $DAYS AND obj_description(c.oid, 'pg_class') LIKE 'Exported statistics in hours%')", 'and merged');
my $exports = ask($node, 'SELECT exports FROM pg_stat_monitor_status');
becomes("SELECT exports > $exports FROM pg_stat_monitor_status", 'exports go on');
is(ask($node, 'SELECT coalesce(last_error, history_error, $$none$$) FROM pg_stat_monitor_status'), 'none', 'no error');
ask($node, 'REASSIGN OWNED BY keeper TO postgres');
is(ask($node, "SELECT count(*) $DAYS AND c.relowner <> 'postgres'::regrole"), 0, 'REASSIGN OWNED takes all of it');
is(ask($node, "SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'pgsm_history'"), 'postgres', 'the schema, too');

# An error quotes what was to be stored: not for everybody.
ask($node, 'CREATE ROLE plain LOGIN; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS '
      . q{$$ BEGIN RAISE EXCEPTION 'not %', NEW.query; END $$; }
      . 'CREATE TRIGGER refuse BEFORE INSERT ON pg_stat_monitor FOR EACH ROW EXECUTE FUNCTION refuse()');
becomes("SELECT state = 'failing' AND reason LIKE 'not %' AND last_error LIKE 'not %' FROM pg_stat_monitor_status",
    'a trigger speaks of what it saw');
is(ask($node, "SET ROLE plain; SELECT state, reason, last_error, coalesce(lost_reason, '<insufficient privilege>') "
        . 'FROM pg_stat_monitor_status'), 'failing' . '|<insufficient privilege>' x 3, 'which others do not see');
is(ask($node, "SET ROLE app; SELECT last_error LIKE 'not %' FROM pg_stat_monitor_status"), 't', 'members of pg_read_all_stats do');
ask($node, 'DROP TRIGGER refuse ON pg_stat_monitor; DROP FUNCTION refuse()');
becomes("SELECT state = 'ok' FROM pg_stat_monitor_status", 'it goes on');
is(ask($node, 'SET ROLE plain; SELECT reason IS NULL FROM pg_stat_monitor_status'), 't', 'where there is nothing to say, nothing is hidden');

# pg_upgrade takes the days along, as members in their schema.
my $members = "SELECT string_agg(o, ' ' ORDER BY o) FROM (SELECT pg_describe_object(classid, objid, 0) AS o FROM pg_depend "
  . "WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_stat_monitor')) AS m";
ask($node, "SELECT pg_stat_monitor_serve_2_3('app')");
$node->stop;
$node->append_conf('postgresql.conf', $NO_EXPORTER);
$node->start;
my $rows = ask($node, "SELECT count(*) FROM pg_stat_monitor WHERE exported_at < 'infinity'");
my $old = ask($node, $members);
$node->stop;
my $new = PostgreSQL::Test::Cluster->new('upgraded');
$new->init;
$new->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_monitor'\n$NO_EXPORTER$NEVER_ENDS");
my $bin = $node->config_data('--bindir');
chdir(PostgreSQL::Test::Utils::tempdir());
command_ok([ 'pg_upgrade', '-d', $node->data_dir, '-D', $new->data_dir, '-b', $bin, '-B', $bin, '-s', $new->host, '-p',
        $node->port, '-P', $new->port ], 'pg_upgrade')
  or diag(map { slurp_file($_) } glob($new->data_dir . '/pg_upgrade_output.d/*/log/pg_upgrade_dump_*.log'));
$new->start;
is(ask($new, $members), $old, 'the extension has its members');
is(ask($new, "SELECT count(*) FROM pg_stat_monitor WHERE exported_at < 'infinity'"), $rows, 'and the table its rows');
is(ask($new, "SELECT count(*) FROM pg_class WHERE relnamespace = 'pgsm_history'::regnamespace AND relkind = 'r'"), 3, 'by day');
is(ask($new, "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attname = 'query' AND "
        . "a.attstattarget IS DISTINCT FROM 0 AND c.relkind IN ('r', 'p', 'f') AND c.relname LIKE 'pg\\_stat\\_monitor%'"), 0,
    'without statistics of texts');
$new->stop;
done_testing();
