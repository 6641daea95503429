# A database that has the extension is dumped and restored, whatever was granted, said, set and made on the days, which
# are not dumped, and on the other objects: plain in one transaction, custom, schema only, data only, the whole cluster.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('source', "pg_stat_monitor.pgsm_bucket_time = 1\nwal_level = logical\n"
      . "pg_stat_monitor.pgsm_history_rollup_after = 0\n");
my @at = ('-h', $node->host, '-p', $node->port);
ask($node, "SELECT 'stored'");
my $DAYS = "SELECT c.oid::regclass FROM pg_class AS c WHERE c.relnamespace = 'pgsm_history'::regnamespace AND c.relkind = 'r'";
ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_monitor WHERE query LIKE 'SELECT _stored_' AND exported_at < 'infinity'"), 'something is stored');
# From here on nobody makes or tidies anything: what is done to a day is dumped as it was done.
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_export_database = 'none'; SELECT pg_reload_conf()");
ok($node->poll_query_until('postgres', "SELECT reason ~ 'does not exist' FROM pg_stat_monitor_status"), 'the exporter rests');
my ($day) = split /\n/, ask($node, "$DAYS ORDER BY 1");

ask($node, 'CREATE ROLE app; CREATE ROLE "odd role"; CREATE ROLE keeper; CREATE TABLE theirs (a int); CREATE SCHEMA own');
# PostgreSQL 18 dumps that a publication names a day (docs/history.md).
my $published = $node->pg_version >= 18 ? 'theirs' : "$day, theirs";
my %done = (
    'grants in schemas' => 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO app; GRANT ALL ON ALL TABLES IN SCHEMA pgsm_history TO app WITH GRANT OPTION; '
      . 'GRANT USAGE, CREATE ON SCHEMA pgsm_history TO app; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO app; GRANT ALL ON ALL SEQUENCES IN SCHEMA pgsm_history TO app',
    'grants by name' => qq{GRANT SELECT (bucket, query), UPDATE (calls) ON $day TO "odd role", PUBLIC; GRANT TRIGGER ON $day, pg_stat_monitor, pg_stat_monitor_live, pg_stat_monitor_default TO "odd role"; }
      . 'GRANT USAGE ON FOREIGN SERVER pg_stat_monitor TO app; GRANT USAGE ON FOREIGN DATA WRAPPER pg_stat_monitor TO app; GRANT SELECT (calls) ON pg_stat_monitor TO app',
    'grants taken back' => "REVOKE SELECT ON $day FROM app; REVOKE SELECT ON pg_stat_monitor FROM PUBLIC; REVOKE ALL ON $day FROM CURRENT_USER",
    'grants by app' => qq{GRANT USAGE ON SCHEMA pgsm_history TO app; GRANT SELECT ON $day TO app WITH GRANT OPTION; SET ROLE app; GRANT SELECT ON $day TO "odd role"; RESET ROLE},
    'a grantee that is gone' => qq{GRANT SELECT ON $day TO app, keeper; REVOKE SELECT ON $day FROM app; DROP OWNED BY keeper},
    'an owner that is gone' => qq{GRANT SELECT ON $day TO app; ALTER TABLE $day OWNER TO keeper; REASSIGN OWNED BY keeper TO "odd role"},
    'default privileges' => 'ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO app; ALTER DEFAULT PRIVILEGES IN SCHEMA pgsm_history GRANT SELECT ON TABLES TO app; ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO app',
    'comments' => "COMMENT ON TABLE $day IS 'mine'; COMMENT ON COLUMN $day.query IS 'mine'; COMMENT ON TABLE pg_stat_monitor IS 'mine'; COMMENT ON SCHEMA pgsm_history IS 'mine'; COMMENT ON EXTENSION pg_stat_monitor IS 'mine'",
    'settings' => "ALTER TABLE $day SET (fillfactor = 70, autovacuum_enabled = off); ALTER TABLE pg_stat_monitor_default SET (fillfactor = 70); ALTER TABLE $day ALTER COLUMN query SET STORAGE EXTERNAL; ALTER TABLE $day ALTER COLUMN calls SET STATISTICS 500; ALTER TABLE $day REPLICA IDENTITY NOTHING",
    'indexes' => "CREATE INDEX mine ON $day (calls); CREATE INDEX mine_all ON pg_stat_monitor_default (calls); CLUSTER $day USING mine",
    'constraints' => "ALTER TABLE $day ADD CONSTRAINT mine CHECK (calls >= 0)",
    'triggers' => "CREATE FUNCTION own.quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER mine BEFORE UPDATE ON $day FOR EACH ROW EXECUTE FUNCTION own.quiet(); CREATE TRIGGER mine BEFORE UPDATE ON pg_stat_monitor_default FOR EACH ROW EXECUTE FUNCTION own.quiet()",
    'rules' => "CREATE RULE mine AS ON UPDATE TO $day DO ALSO NOTIFY mine",
    'policies' => "CREATE POLICY mine ON $day FOR SELECT TO app USING (false); CREATE POLICY mine ON pg_stat_monitor FOR SELECT TO app USING (true)",
    'statistics' => "CREATE STATISTICS own.mine ON bucket, calls FROM $day",
    'publications' => "CREATE PUBLICATION mine FOR TABLE $published; CREATE PUBLICATION others FOR ALL TABLES; CREATE PUBLICATION in_schema FOR TABLES IN SCHEMA pgsm_history; CREATE PUBLICATION named FOR TABLE pg_stat_monitor",
    'owners' => "ALTER TABLE $day OWNER TO keeper; ALTER SCHEMA pgsm_history OWNER TO keeper; ALTER TABLE pg_stat_monitor OWNER TO keeper; ALTER FUNCTION pg_stat_monitor_export() OWNER TO keeper",
    'serve 2.3' => "SELECT pg_stat_monitor_serve_2_3('app'); GRANT SELECT ON ALL TABLES IN SCHEMA pgsm_2_3 TO app",
    'a name' => "ALTER TABLE $day RENAME TO mine",);

# Restores it in these ways; what PostgreSQL says against it.
my $n = 0;
sub restored
{
    my ($database, $way) = @_;
    my $file = $node->backup_dir . '/dump' . $n++;
    my %options = (plain => [], custom => ['-Fc'], schema => ['-s'], data => ['-a']);
    my ($out, $err) = ('', '');
    IPC::Run::run([ 'pg_dump', @at, @{ $options{$way} }, '-f', $file, $database ], '>', \$out, '2>', \$err) or return "pg_dump: $err";
    my $target = "target$n";
    ask($node, "CREATE DATABASE $target TEMPLATE template0");
    # Data come to objects that are there.
    ask_in($target, $node, 'CREATE EXTENSION pg_stat_monitor; CREATE TABLE theirs (a int)') if $way eq 'data';
    my @restore = $way eq 'custom' ? ('pg_restore', @at, '--exit-on-error', '-1', '-d', $target, $file)
      : ('psql', @at, '-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-f', $file, $target);
    my $done = IPC::Run::run(\@restore, '>', \$out, '2>', \$err);
    my ($error) = $err =~ /(ERROR: .*|error: .*)/;
    $error = '' if $done;
    $error = 'no extension' if $done && ask_in($target, $node, "SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_monitor'") != 1;
    ask($node, "DROP DATABASE $target");
    return $error // $err;
}
mkdir $node->backup_dir;
# Each is done to a copy, with its days, which is made by somebody who is not connected to it.
ask($node, 'CREATE DATABASE elsewhere');
for my $name (sort keys %done)
{
    $node->safe_psql('elsewhere', 'CREATE DATABASE tried TEMPLATE postgres');
    my ($state, $error) = failure($node, $done{$name}, 'tried');
    is($state, 'succeeded', "$name: can be done") or diag($error);
    is(restored('tried', $_), '', "$name: $_") for 'plain', 'custom', 'schema', 'data';
    $node->safe_psql('elsewhere', 'DROP DATABASE tried');
}

# All of it on one database, which goes with the cluster into another one.
ask($node, $done{$_}) for grep { !/owner|taken back|publications|^a name/ } sort keys %done;
my $file = $node->backup_dir . '/cluster';
my ($out, $err) = ('', '');
ok(IPC::Run::run([ 'pg_dumpall', @at, '-f', $file ], '>', \$out, '2>', \$err), 'pg_dumpall') or diag($err);
my $target = PostgreSQL::Test::Cluster->new('target');
$target->init;
$target->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_monitor'\n$NO_EXPORTER$NEVER_ENDS");
$target->start;
IPC::Run::run([ 'psql', '-X', '-q', '-h', $target->host, '-p', $target->port, '-f', $file, 'postgres' ], '>', \$out, '2>', \$err);
my $superuser = getpwuid($>);
is(join("\n", grep { /ERROR/ && !/role "$superuser" already exists/ } split /\n/, $err), '', 'is restored into another cluster');
is(ask($target, "SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_monitor'"), 1, 'with the extension');
is(ask($target, "SELECT has_table_privilege('app', 'pg_stat_monitor_default', 'SELECT')"), 't', 'and what was granted on what is there');
$target->stop;
$node->stop;
done_testing();
