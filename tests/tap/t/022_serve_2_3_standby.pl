# One reader per node attributes all rows it sees to that node (clients.md 7): the view for tools of 2.3 shows
# no rows of the primary on a standby, and none of the old primary's after a promotion, restarts included.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = monitored_node('primary', $NEVER_ENDS . $NO_EXPORTER, allows_streaming => 1);
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

sub served
{
    my ($node, $text) = @_;
    return ask($node, "SELECT coalesce(sum(calls), 0) FROM pgsm_2_3.pg_stat_monitor WHERE query LIKE "
        . "'$text%'");
}

ask($primary, 'CREATE ROLE tool LOGIN');
ask($primary, "SELECT pg_stat_monitor_serve_2_3('tool')");
ask($primary, "SELECT 1 AS on_primary;\n" x 10);
ask($primary, 'SELECT pg_stat_monitor_export()');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
is(served($primary, 'SELECT 1 AS on_primary'), 10, 'the primary serves what it stored');
is(calls_of($standby, 'SELECT 1 AS on_primary'), 10, 'the table has it on the standby, too');
is(served($standby, 'SELECT 1 AS on_primary'), 0, 'its view for tools does not show it');
ask($standby, "SELECT 2, 2 AS on_standby;\n" x 7);
is(served($standby, 'SELECT 2, 2 AS on_standby'), 7, 'but what the standby ran itself');
like(ask($standby, "SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'tool'::regrole"), qr/pgsm_2_3/,
    "the role's path has come along");
my ($state) = failure($standby, "SELECT pg_stat_monitor_serve_2_3('tool')");
is($state, '25006', 'serving is the primary\'s to arrange');
$standby->restart;
is(served($standby, 'SELECT 1 AS on_primary'), 0, 'after a restart still not');

$standby->promote;
ask($standby, "SELECT 3, 3, 3 AS promoted;\n" x 5);
is(served($standby, 'SELECT 1 AS on_primary'), 0, "after a promotion the old primary's rows are not shown");
ask($standby, 'SELECT pg_stat_monitor_export()');
is(served($standby, 'SELECT 3, 3, 3 AS promoted'), 5, 'what is stored from now on is');
is(served($standby, 'SELECT 2, 2 AS on_standby'), 7, 'and what the standby had in memory');
is(served($standby, 'SELECT 1 AS on_primary'), 0, "the old primary's are not");
$standby->restart;
is(served($standby, 'SELECT 3, 3, 3 AS promoted'), 5, 'a restart does not change that');
is(served($standby, 'SELECT 1 AS on_primary'), 0, 'in either way');
$standby->stop('immediate');
$standby->start;
is(served($standby, 'SELECT 1 AS on_primary'), 0, 'nor does a crash');
is(calls_of($standby, 'SELECT 1 AS on_primary'), 10, 'the table keeps everything');

$standby->stop;
$primary->stop;
done_testing();
