# From the SQL objects of 2.3 to 2.4 (compat-2.3.md 2.5): 2.3's answer with this library, the update takes
# along who may read, stops at what depends on the view, and says what tools of 2.3 should do.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('upgrade');
$node->init;
$node->append_conf('postgresql.conf',
    "shared_preload_libraries = 'pg_stat_monitor'\nautovacuum = off\npg_stat_monitor.pgsm_normalized_query = off\n" . $NEVER_ENDS);
$node->start;

sub told
{
    my ($sql) = @_;
    my ($out, $err) = ('', '');
    my $status = $node->psql('postgres', $sql, stdout => \$out, stderr => \$err,
        extra_params => [ '-v', 'VERBOSITY=verbose' ]);
    return ($status, $err);
}

# 2.3's objects alone in the cluster: no export, what is in memory stays there as in 2.3.
ask($node, "CREATE EXTENSION pg_stat_monitor VERSION '2.3'");
ask($node, "SELECT 'of old', 1 AS word;\n" x 5);
my $calls = "SELECT sum(calls) FROM pg_stat_monitor WHERE query LIKE 'SELECT ''of old''%'";
is(ask($node, $calls), 5, "2.3's view shows what this library counts");
is(ask($node, 'SELECT pg_stat_monitor_version()') =~ /^2\.4\.\d+$/, 1, 'the version is the library\'s');
$node->restart;
is(ask($node, $calls), 5, 'a restart keeps it, which 2.3 did not');

# Grants of all kinds.
ask($node, 'CREATE ROLE reader; CREATE ROLE granter; CREATE ROLE column_reader; CREATE ROLE writer; CREATE '
    . 'ROLE tool LOGIN');
ask($node, 'REVOKE SELECT ON pg_stat_monitor FROM PUBLIC; GRANT SELECT ON pg_stat_monitor TO reader; '
        . 'GRANT SELECT ON pg_stat_monitor TO granter WITH GRANT OPTION; GRANT TRUNCATE, DELETE ON '
            . 'pg_stat_monitor TO writer');
my $old_name = $node->pg_version >= 17 ? 'shared_blk_read_time' : 'blk_read_time';
ask($node, "GRANT SELECT (calls, $old_name) ON pg_stat_monitor TO column_reader");
ask($node, 'GRANT EXECUTE ON FUNCTION pg_stat_monitor_reset() TO reader');

# What depends on the view stops the update; nothing has changed then.
ask($node, 'CREATE VIEW mine AS SELECT sum(calls) AS calls FROM pg_stat_monitor; CREATE VIEW "A b" AS TABLE mine; '
      . 'CREATE SCHEMA s; CREATE MATERIALIZED VIEW s.stored AS TABLE "A b"; '
      . 'CREATE VIEW s.memory AS SELECT username, query FROM pg_stat_monitor_internal(true); CREATE VIEW above AS TABLE s.memory; '
      . 'GRANT USAGE ON SCHEMA s TO PUBLIC; GRANT SELECT ON above, s.memory TO PUBLIC');
for my $again (1, 2)
{
    my ($status, $err) = told("ALTER EXTENSION pg_stat_monitor UPDATE TO '2.4'");
    like($err, qr/ERROR:\s+2BP01: .*DETAIL:.*view mine depends on view pg_stat_monitor/s,
        "PostgreSQL's own message, $again");
    like($err, qr/WARNING:.*before the update: public\."A b", public\.mine, s\.stored\n.*HINT:.*security_invoker = true.*ERROR/s,
        'and before it a warning with all views that are in the way, and what to do');
}
is(ask($node, "SELECT extversion FROM pg_extension WHERE extname = 'pg_stat_monitor'"), '2.3', 'still 2.3');
is(ask($node, 'SELECT calls > 0 FROM mine'), 't', "the user's view answers");
ask($node, 'DROP VIEW mine CASCADE');

my ($status, $notice) = told("ALTER EXTENSION pg_stat_monitor UPDATE TO '2.4'");
is($status, 0, 'without it the update runs');
like($notice, qr/NOTICE:.*pg_stat_monitor is now a table/, 'a notice says what has changed');
like($notice, qr/DETAIL:.*blk_read_time for shared_blk_read_time/, 'which names');
like($notice, qr/HINT:.*pg_stat_monitor_serve_2_3/, 'and what tools of 2.3 should do');
like($notice, qr/HINT:.*security_invoker = true/, 'and how views are created again');
like($notice, qr/NOTICE:.*pg_stat_monitor_internal\(\) show what is in memory.*: public\.above, s\.memory\n/,
    'views over the function are named');
unlike($notice, qr/WARNING|ERROR/, 'nothing worse');
is(ask($node, $calls), 5, 'what was counted is there');

sub may
{
    my ($role, $privilege, $column) = @_;
    return ask($node, defined $column ? "SELECT has_column_privilege('$role', 'pg_stat_monitor', "
        . "'$column', '$privilege')"
        : "SELECT has_table_privilege('$role', 'pg_stat_monitor', '$privilege')");
}
is(may('public', 'SELECT'), 'f', "PUBLIC's revoked grant stays revoked");
is(may('reader', 'SELECT'), 't', 'a reader still reads');
is(may('reader', 'SELECT WITH GRANT OPTION'), 'f', 'and cannot grant');
is(may('granter', 'SELECT WITH GRANT OPTION'), 't', 'who could still can');
is(may('column_reader', 'SELECT', 'calls'), 't', 'a grant on a column');
is(may('column_reader', 'SELECT', 'shared_blk_read_time'), 't', 'by its new name');
is(may('column_reader', 'SELECT', 'query'), 'f', 'not on others');
is(may('writer', $_), 'f', "$_ was good for nothing on the view and is not carried over") for ('TRUNCATE',
    'DELETE');
is(ask($node, "SELECT has_function_privilege('reader', 'pg_stat_monitor_reset()', 'EXECUTE')"), 't',
    'EXECUTE on the reset stays');

# As the notice says: the tool's old query runs again, on a view that PUBLIC may not read either.
ask($node, "SELECT pg_stat_monitor_serve_2_3('tool')");
my $as_tool = "host=" . $node->host . " port=" . $node->port . " user=tool dbname=postgres";
my $out = '';
$node->psql('postgres', "SELECT sum(calls) > 0, sum($old_name) >= 0 FROM pg_stat_monitor", stdout => \$out,
    connstr => $as_tool);
is($out, 't|t', "a tool's query by 2.3's names runs");
is(ask($node, "SELECT has_table_privilege('public', 'pgsm_2_3.pg_stat_monitor', 'SELECT')"), 'f',
    'PUBLIC may not');

# Views that are created again as the page says hide what others ran, as 2.3's did; its example, word for word.
ask($node, 'GRANT SELECT ON pg_stat_monitor TO PUBLIC; CREATE ROLE other LOGIN');
my $page = slurp_file("$ENV{DOCS}/operating.md");
my ($example) = $page =~ /security_invoker = true\)`:\n\n   ```sql\n(.*?)   ```/s;
ask($node, $example);
sub seen
{
    my ($view) = @_;
    return $node->safe_psql('postgres', "SELECT count(*) FROM $view WHERE query LIKE 'SELECT ''of old''%'",
        extra_params => [ '-U', 'other' ]);
}
is(seen('slowest'), 0, "the page's view shows others nothing");
ask($node, 'CREATE VIEW careless AS SELECT * FROM pg_stat_monitor; GRANT SELECT ON careless TO PUBLIC');
isnt(seen('careless'), 0, 'one without the option does');
is(seen('above'), 0, 'one over the function masks');
is(ask($node, "SELECT count(*) > 0 FROM above WHERE query LIKE 'SELECT ''of old''%'"), 't', 'and shows members of pg_read_all_stats');

$node->stop;
done_testing();
