# Beside pg_stat_statements and auto_explain, in either order of loading: each sees every statement
# (compat-2.3.md 4.9). Without query ids nothing is recorded.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @STATEMENTS = (
    'SELECT 1 AS plain',
    'CREATE TABLE made (a integer)',
    'INSERT INTO made VALUES (1), (2)',
    'VACUUM made',
    "COPY made TO '/dev/null'",
    'TRUNCATE made',
);

my $node;
foreach my $libraries ('pg_stat_statements,pg_stat_monitor', 'pg_stat_monitor,pg_stat_statements',
    'auto_explain,pg_stat_monitor', 'pg_stat_monitor,auto_explain')
{
    (my $name = $libraries) =~ tr/,/_/;
    my $statements = $libraries =~ /statements/;
    $node = monitored_node($name, $NEVER_ENDS . $NO_EXPORTER . "shared_preload_libraries = '$libraries'\n"
            . "auto_explain.log_min_duration = 0\nauto_explain.log_analyze = on\n");
    ask($node, 'CREATE EXTENSION pg_stat_statements') if $statements;
    ask($node, 'SELECT pg_stat_monitor_reset()');
    ask($node, 'SELECT pg_stat_statements_reset()') if $statements;
    ask($node, $_) foreach @STATEMENTS, @STATEMENTS[0, 3];
    foreach my $statement (@STATEMENTS)
    {
        my $expected = $statement =~ /plain|VACUUM/ ? 2 : 1;
        (my $pattern = $statement) =~ s/'/''/g;
        is(ask($node, "SELECT sum(calls) FROM pg_stat_monitor WHERE query = '$pattern' AND elevel = 0"),
            $expected, "$libraries: $statement is recorded");
        next unless $statements;
        is(ask($node, "SELECT sum(m.calls) = sum(s.calls) FROM pg_stat_statements AS s JOIN pg_stat_monitor AS m "
                    . "USING (queryid) WHERE m.query = '" . ($statement =~ s/'/''/gr) . "' AND m.elevel = 0"),
            't', "$libraries: $statement is in pg_stat_statements under the same id");
    }
    if (!$statements)
    {
        like(slurp_file($node->logfile), qr/plan:\s+Query Text: INSERT INTO made/,
            "$libraries: auto_explain has its plan");
    }
    $node->stop;
}

$node = monitored_node('no_ids', $NEVER_ENDS . $NO_EXPORTER);
$node->append_conf('postgresql.conf', "compute_query_id = off\n");
$node->reload;
ask($node, 'SELECT pg_stat_monitor_reset()');
ask($node, 'SELECT 1 AS without_id');
ask($node, 'VACUUM pg_class');
is((failure($node, 'SELECT 1 / 0'))[0], '22012', 'a statement fails');
is(ask($node, 'SELECT string_agg(sqlcode, $$,$$) FROM pg_stat_monitor'), '22012',
    'without query ids only the error is recorded');
$node->stop;

done_testing();
