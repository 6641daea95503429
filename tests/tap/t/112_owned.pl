# REASSIGN OWNED and DROP OWNED of whoever made the extension, and of the role that got it.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('owned');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_monitor'\nautovacuum = off\n"
      . "pg_stat_monitor.pgsm_normalized_query = off\npg_stat_monitor.pgsm_bucket_time = 1\n");
$node->start;
sub becomes
{
    my ($sql, $what) = @_;
    ok($node->poll_query_until('postgres', $sql), $what) or diag(ask($node, 'TABLE pg_stat_monitor_status'));
    return;
}
sub stored { my ($text) = @_; return "SELECT count(*) > 0 FROM pg_stat_monitor WHERE query = \$q\$$text\$q\$ AND exported_at < 'infinity'" }
# What a role owns: classes of objects with their number, of the cluster and this database.
sub owned_by
{
    my ($role) = @_;
    return ask($node, "SELECT coalesce(string_agg(class || ' ' || n, ', ' ORDER BY class), 'nothing') FROM (SELECT classid::regclass AS class, "
          . "count(*) AS n FROM pg_shdepend WHERE refobjid = '$role'::regrole AND deptype = 'o' GROUP BY 1) AS o");
}

ask($node, 'CREATE ROLE admin SUPERUSER LOGIN; CREATE ROLE app LOGIN; CREATE ROLE other LOGIN; GRANT USAGE ON SCHEMA public TO app, other');
ask($node, "SET ROLE admin; CREATE EXTENSION pg_stat_monitor; SELECT pg_stat_monitor_serve_2_3('other')");
ask($node, "SELECT 'of admin'");
becomes(stored("SELECT 'of admin'"), 'it is stored');
unlike(owned_by('admin'), qr/wrapper|nothing/, 'admin owns all but the wrapper');

my ($state, $error) = failure($node, 'REASSIGN OWNED BY admin TO app');
is($state, 'succeeded', 'REASSIGN OWNED to an ordinary role') or diag($error);
is(owned_by('admin'), 'nothing', 'leaves nothing');
ask($node, 'DROP OWNED BY admin; DROP ROLE admin');
ask($node, "SELECT 'of app'");
becomes(stored("SELECT 'of app'"), 'exports go on');
becomes("SELECT count(*) >= 2 AND bool_and(c.relowner = 'app'::regrole) FROM pg_class AS c WHERE relnamespace = 'pgsm_history'::regnamespace AND relkind = 'r'",
    'into days of the new owner');
ask($node, "INSERT INTO pg_stat_monitor (bucket, bucket_start_time, userid, query, calls, exported_at) SELECT -1, "
      . "now() - interval '5 days', 10, 'five days ago', 1, now() - interval '5 days'");
becomes("SELECT count(*) = 1 FROM pg_class WHERE relowner = 'app'::regrole AND relname = 'pg_stat_monitor_' || "
      . "to_char((now() - interval '5 days') AT TIME ZONE 'UTC', 'YYYYMMDD')", 'which are made');
becomes("SELECT EXISTS (SELECT FROM pg_stat_monitor WHERE query = 'five days ago' AND obj_description(tableoid, 'pg_class') LIKE '%in hours%')", 'and merged');
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_history_retention = '3d'; SELECT pg_reload_conf()");
becomes("SELECT NOT EXISTS (SELECT FROM pg_stat_monitor WHERE query = 'five days ago')", 'and dropped, as him');
is(ask($node, 'SELECT coalesce(last_error, $$none$$) FROM pg_stat_monitor_status'), 'none', 'no error');
is(ask($node, 'SELECT count(*) >= 0 FROM histogram(1, 1) AS h(range text, freq int, bar text)'), 't', 'functions work');

# From one ordinary role to the next, and back to a superuser.
ask($node, 'REASSIGN OWNED BY app TO other');
is(owned_by('app'), 'nothing', 'again to an ordinary role');
ask($node, "SELECT 'of other'");
becomes(stored("SELECT 'of other'"), 'exports go on');

# The table's owner alone: the extension needs the table, so PostgreSQL refuses; REASSIGN OWNED before is what the page says.
ask($node, 'CREATE ROLE keeper LOGIN; GRANT USAGE ON SCHEMA public TO keeper; ALTER TABLE pg_stat_monitor OWNER TO keeper');
($state, $error) = failure($node, 'DROP OWNED BY keeper');
is($state, '2BP01', "DROP OWNED of the table's owner is refused") or diag($error);
($state, $error) = failure($node, 'REASSIGN OWNED BY keeper TO other; DROP OWNED BY keeper; DROP ROLE keeper');
is($state, 'succeeded', 'and passes after REASSIGN OWNED') or diag($error);
becomes("SELECT count(*) >= 2 AND bool_and(c.relowner = 'other'::regrole) FROM pg_class AS c WHERE relnamespace = 'pgsm_history'::regnamespace AND relkind = 'r'",
    'with the days');

# Whoever owns the extension: it goes, whole, and can be made again.
($state, $error) = failure($node, 'DROP OWNED BY other');
is($state, 'succeeded', "DROP OWNED of the extension's owner") or diag($error);
is(ask($node, "SELECT count(*) FROM pg_class WHERE relname ~ '^pg_stat_monitor'") . ask($node, "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^pgsm'")
      . ask($node, 'SELECT count(*) FROM pg_foreign_data_wrapper'), '000', 'drops all of it');
ask($node, 'DROP ROLE other; CREATE EXTENSION pg_stat_monitor');
ask($node, "SELECT 'made again'");
becomes(stored("SELECT 'made again'"), 'it can be made again');
$node->stop;
done_testing();
