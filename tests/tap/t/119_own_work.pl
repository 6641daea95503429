# What the library does around a GRANT, a DROP or a change of owner is not the statement's: its blocks and WAL are those
# that pg_stat_statements counts beside us.
use strict;
use warnings;

use Monitor;
use Test::More;

my $node = monitored_node('own_work', $NEVER_ENDS . $NO_EXPORTER
        . "shared_preload_libraries = 'pg_stat_statements,pg_stat_monitor'\n");
ask($node, 'CREATE EXTENSION pg_stat_statements; CREATE TABLE t (n integer); CREATE ROLE someone');
my @STATEMENTS = ('GRANT SELECT ON t TO someone', 'REVOKE SELECT ON t FROM someone', 'ALTER TABLE t OWNER TO someone',
    'REASSIGN OWNED BY someone TO postgres', 'DROP OWNED BY someone', 'DROP TABLE t');
my $blocks = 'shared_blks_hit + shared_blks_read, shared_blks_dirtied, wal_records, wal_bytes';
foreach my $statement (@STATEMENTS)
{
    ask($node, 'SELECT pg_stat_monitor_reset(); SELECT pg_stat_statements_reset()');
    ask($node, $statement);
    my $theirs = ask($node, "SELECT $blocks FROM pg_stat_statements WHERE query = '$statement'");
    is(ask($node, "SELECT $blocks FROM pg_stat_monitor WHERE query = '$statement'"), $theirs, $statement);
    like($theirs, qr/^\d+\|/, 'and there is something to compare');
}
$node->stop;

done_testing();
