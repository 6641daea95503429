# Texts are given by weight: no role's many long texts keep out those of others, and a statement that found no room for its
# text has it once it is heavy.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('texts', $NEVER_ENDS . $NO_EXPORTER . "log_statement = none\n");
ask($node, 'CREATE TABLE wide (' . join(', ', map { "c$_ integer" } 0 .. 16) . '); INSERT INTO wide DEFAULT VALUES; GRANT SELECT ON wide TO PUBLIC;'
        . 'CREATE ROLE greedy LOGIN; CREATE ROLE modest LOGIN');

# A statement of about 1,500 bytes, with a query id of its own.
sub long_one
{
    my ($n, $more) = @_;
    return 'SELECT ' . ' ' x 1400 . join(', ', map { "c$_" } grep { $n >> $_ & 1 } 0 .. 16) . ($more // '') . " FROM wide;\n";
}
sub run_as { my ($role, $script) = @_; $node->safe_psql('postgres', $script, extra_params => [ '-U', $role ]); }
sub count { my ($where) = @_; return ask($node, "SELECT count(*) FROM pg_stat_monitor WHERE $where"); }
my $MISSING = q(query = 'Query string not available');

run_as('modest', join('', map { long_one($_) } 1 .. 20));
run_as('greedy', join('', map { long_one($_, ', pg_sleep(0.001)') } 1 .. 800));
cmp_ok(count("username = 'greedy' AND $MISSING"), '>', 100, 'the texts of one role do not all find room');
is(count("username = 'modest' AND $MISSING"), 0, 'those of another stay');
run_as('modest', join('', map { long_one($_) } 21 .. 120));
is(count("username = 'modest' AND $MISSING"), 0, 'and those that come later find room');
cmp_ok(count("username = 'greedy' AND query LIKE 'SELECT%'"), '>', 300, 'at the cost of no more than that');
ask($node, 'CREATE TABLE ordinary (n integer)');
is(count("username = current_user AND query LIKE 'CREATE TABLE ordinary%'"), 1, 'the others have theirs, too');
cmp_ok(ask($node, 'SELECT texts_missing FROM pg_stat_monitor_status'), '>=', 100, 'what is missing is counted');

# Of one role alone: the lightest lose theirs.
ask($node, 'SELECT pg_stat_monitor_reset()');
ask($node, join('', map { long_one($_, ', pg_sleep(0.0003)') } 1 .. 800));
my @light = map { my $s = long_one(1000 + $_); $s =~ s/;\n//; $s } 1 .. 100;
my @ids = ask($node, 'SET compute_query_id = on; ' . join('; ', map { "EXPLAIN (VERBOSE, FORMAT json) $_" } @light)) =~ /"Query Identifier": (-?\d+)/g;
ask($node, join('; ', @light));
my ($late) = grep { count("queryid = $ids[$_] AND $MISSING") == 1 } 0 .. $#light;
ok(defined $late, 'among light statements some find no room');
ask($node, 'SELECT' . ' ' x 1400 . 'pg_sleep(0.05) AS heavy, c4, c5 FROM wide');
is(count("query LIKE 'SELECT%AS heavy%'"), 1, 'a heavy one does');
ask($node, "$light[$late]; " x 4000);
is(ask($node, "SELECT query = trim('$light[$late]') FROM pg_stat_monitor WHERE queryid = $ids[$late]"), 't',
    'and what was light has its text when it is heavy');
$node->stop;

done_testing();
