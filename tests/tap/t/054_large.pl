# Statements of every size and depth: none fails because of us, each is counted.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('large', $NEVER_ENDS . $NO_EXPORTER
      . "pg_stat_monitor.pgsm_enable_query_plan = on\npg_stat_monitor.pgsm_extract_comments = on\n"
      . "pg_stat_monitor.pgsm_track = 'all'\nmax_locks_per_transaction = 512\n");
my $ten_mb = 10 * 1024 * 1024;
my $padding = 'x' x $ten_mb;

is(ask($node, "SELECT length('$padding') AS ten_mb"), $ten_mb, 'a statement of 10 MB runs');
is(ask($node, "/* $padding */ SELECT 1 AS commented"), 1, 'and one with a comment of 10 MB');
is(ask($node, "SET pg_stat_monitor.pgsm_normalized_query = on; SELECT length('$padding') AS ten_mb_normal"), $ten_mb,
    'and normalised');
is(ask($node, 'SELECT count(*) FROM (VALUES ' . join(', ', map { "($_)" } 1 .. 20000) . ') v'), 20000,
    'and one of 20,000 constants');
is(ask($node, "SELECT sum(calls) FROM pg_stat_monitor WHERE query LIKE 'SELECT length(%'"), 2, 'both are counted');
cmp_ok(ask($node, 'SELECT max(octet_length(query)) FROM pg_stat_monitor'), '<=', 64 * 1024, 'their texts are cut');

ask($node, 'CREATE TABLE wide (' . join(', ', map { "c$_ int" } 1 .. 1600) . ')');
ask($node, 'INSERT INTO wide (c1, c1600) VALUES (1, 2)');
is(ask($node, 'SELECT c1 + c1600 FROM (SELECT * FROM wide) w'), 3, 'a row of 1,600 columns');
is(ask($node, 'SELECT ' . join(', ', map { "c$_" } 1 .. 1600) . ' FROM wide') =~ tr/|//, 1599, 'each of them by name');
ask($node, join(";\n", map { "CREATE TABLE r$_ (a int)" } 1 .. 300));
is(ask($node, 'SELECT count(*) FROM (' . join(' UNION ALL ', map { "SELECT a FROM r$_" } 1 .. 300) . ') u'), 0,
    '300 relations');
ask($node, 'CREATE TABLE p (a int) PARTITION BY LIST (a)');
ask($node, join(";\n", map { "CREATE TABLE p$_ PARTITION OF p FOR VALUES IN ($_)" } 1 .. 400));
is(ask($node, 'INSERT INTO p SELECT generate_series(1, 400); SELECT count(*) FROM p'), 400, '400 partitions');

# Nesting until PostgreSQL's own check, and an error out of the depth: counting goes on at level one.
ask($node, q{CREATE FUNCTION deep(n int) RETURNS int LANGUAGE plpgsql AS
  'BEGIN IF n = 0 THEN RETURN 0; END IF; RETURN 1 + (SELECT deep(n - 1)); END'});
is(ask($node, 'SELECT deep(200)'), 200, '200 levels');
my ($state, $message) = failure($node, 'SELECT deep(1000000)');
is($state, '54001', 'endless recursion ends at the stack check');
like($message, qr/stack depth limit exceeded/, 'with its own message');
# In one session: an error of the depth, then a good statement.
my ($out, $err) = ('', '');
$node->psql('postgres', "SELECT deep(1000000);\nSELECT deep(1000000);\nSELECT abs(4711) AS afterwards;\n",
    on_error_stop => 0, stdout => \$out, stderr => \$err);
is($out, 4711, 'the same session goes on');
is(ask($node, "SELECT sum(calls), bool_and(toplevel) FROM pg_stat_monitor WHERE query LIKE 'SELECT abs(4711)%'"),
    '1|t', 'at top level again');
my $nested = '(' x 3000 . '1' . ')' x 3000;
is(ask($node, "SELECT $nested AS brackets"), 1, '3,000 brackets');
($state) = failure($node, 'SELECT ' . '(' x 200000 . '1' . ')' x 200000);
like($state, qr/^(54001|53200|42601)$/, 'very many: an error of PostgreSQL');
($state) = failure($node, 'SELECT 1' . ' + 1' x 200000);
like($state, qr/^(54001|succeeded)$/, 'a very deep expression, too');

# Cancel and terminate in the middle.
($state) = failure($node, "SET statement_timeout = '200ms'; SELECT pg_sleep(5)");
is($state, '57014', 'a cancelled statement is cancelled');
my $gone = $node->background_psql('postgres', on_error_stop => 0);
my $pid = $gone->query_safe('SELECT pg_backend_pid()');
is(ask($node, "SELECT pg_terminate_backend($pid, 5000)"), 't', 'a session can be terminated');
eval { $gone->quit };
is(ask($node, 'SELECT 4712 AS afterwards'), 4712, 'the server goes on');
cmp_ok(ask($node, 'SELECT pg_stat_monitor_export()'), '>', 0, 'and all of it can be exported');
unlike(slurp_file($node->logfile), qr/was terminated by signal|PANIC|TRAP/, 'nothing has died');
$node->stop;
done_testing();
