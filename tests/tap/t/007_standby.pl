# A hot standby: it shows what it runs itself and what the primary stored; an export is refused and loses
# nothing.
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

ask($primary, "SELECT 1 AS on_primary;\n" x 10);
ask($primary, 'SELECT pg_stat_monitor_export()');
ask($primary, 'SELECT 2 AS live_there');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('write'));
ask($standby, "SELECT current_date AS on_standby;\n" x 7);

is(calls_of($standby, 'SELECT 1 AS on_primary'), 10, 'the standby shows what the primary stored');
is(calls_of($standby, 'SELECT 2 AS live_there'), 0, 'not what is live on the primary');
is(calls_of($standby, 'SELECT current_date', "exported_at = 'infinity'"), 7,
    'it shows its own statements, live');

my ($state, $message) = failure($standby, 'SELECT pg_stat_monitor_export()');
is($state, '25006', 'an export is refused: the transaction is read-only');
like($message, qr/pg_stat_monitor_export|recovery|standby/i, 'in words that say why');
is(calls_of($standby, 'SELECT current_date', "exported_at = 'infinity'"), 7, 'nothing is lost by it');
$standby->restart;
is(calls_of($standby, 'SELECT current_date', "exported_at = 'infinity'"), 7, 'nor by a restart');

# A promotion: what was the standby's own is exported once.
$standby->promote;
ask($standby, 'SELECT pg_stat_monitor_export()');
is(calls_of($standby, 'SELECT current_date', "exported_at < 'infinity'"), 7,
    'after a promotion it is exported');
is(calls_of($standby, 'SELECT current_date'), 7, 'once');
is(calls_of($standby, 'SELECT 1 AS on_primary'), 10, "and the primary's rows stay");

$standby->stop;
$primary->stop;
done_testing();
