# A hundred thousand different statements through eight clients at the defaults: nothing is lost, memory stays as it is,
# and the statements that take the time are all there by name. Then each way to lose or fold something is forced, and
# its counter in pg_stat_monitor_status looked at.
use strict;
use warnings;

use IPC::Run;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $statements = 100_000;
my $clients = 8;
my $heavy = 100;

sub segment_bytes { return ask($_[0], 'select sum(allocated_size) from pg_shmem_allocations'); }
sub status { my ($node, $column) = @_; return ask($node, "select $column from pg_stat_monitor_status"); }

# Statement number $n: the columns that its bits name, so that each has a query id of its own.
sub statement
{
    my ($n, $slow) = @_;
    my @columns = map { "c$_" } grep { $n >> $_ & 1 } 0 .. 16;
    return 'SELECT ' . join(', ', @columns, $slow ? 'pg_sleep(0.004)' : ()) . " FROM wide;\n";
}

my $node = monitored_node('capacity', '');
my $bytes = segment_bytes($node);
ask($node, 'CREATE DATABASE load');
ask_in('load', $node, 'CREATE TABLE wide (' . join(', ', map { "c$_ integer" } 0 .. 16) . '); '
        . 'INSERT INTO wide DEFAULT VALUES');
my $before = ask($node, "select coalesce(sum(calls), 0) from pg_stat_monitor where datname = 'load'");

my $every = $statements / $heavy;
my @scripts = ('') x $clients;
$scripts[ $_ % $clients ] .= statement($_, $_ % $every == 0) foreach 1 .. $statements;
my @running = map {
    my $script = $_;
    IPC::Run::start([ 'psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-h', $node->host, '-p',
            $node->port, 'load' ], '<', \$script);
} @scripts;
is(scalar(grep { !$_->finish } @running), 0, "$clients clients have run $statements different statements");

my $mine = "datname = 'load'";
is(ask($node, "select sum(calls) from pg_stat_monitor where $mine") - $before, $statements,
    'live, stored and residual rows add up to what ran');
is(ask($node, "select count(distinct queryid) from pg_stat_monitor where $mine and query like '%pg_sleep%'"), $heavy,
    "the $heavy statements that took most time are all there by name");
is(segment_bytes($node), $bytes, 'shared memory is as at the start');
cmp_ok(status($node, 'entries_evicted'), '>', 0, 'entries that made room are counted');
is(status($node, 'calls_lost || $$ $$ || buckets_lost'), '0 0', 'nothing was lost');
ask($node, 'select pg_stat_monitor_export()');
is(ask($node, "select sum(calls) from pg_stat_monitor where $mine") - $before, $statements, 'the same after an export');
cmp_ok(ask($node, "select sum(calls) from pg_stat_monitor where $mine and queryid is null"), '>', 0,
    'with what was not kept apart in residual rows');
$node->stop;

# Texts: half a megabyte of them is full long before the entries are.
$node = monitored_node('texts', $NEVER_ENDS . $NO_EXPORTER . "pg_stat_monitor.pgsm_query_shared_buffer = '512kB'\n");
ask($node, 'CREATE TABLE wide (' . join(', ', map { "c$_ integer" } 0 .. 16) . ')');
$before = ask($node, 'select sum(calls) from pg_stat_monitor');
ask($node, join('', map { my $s = statement($_); $s =~ s/SELECT/'SELECT' . ' ' x 1400/er } 1 .. 600));
cmp_ok(status($node, 'texts_missing'), '>', 0, 'texts without room are counted');
cmp_ok(ask($node, "select count(*) from pg_stat_monitor where query = 'Query string not available'"), '>', 0,
    'their statements are kept apart all the same');
cmp_ok(ask($node, 'select sum(calls) from pg_stat_monitor') - $before, '>=', 600, 'and counted');
$node->stop;

# Buckets: where nothing can be exported, all wait as long as there is room, then the oldest gives way.
$node = monitored_node('buckets', $NO_EXPORTER . "pg_stat_monitor.pgsm_bucket_time = 1\n"
        . "pg_stat_monitor.pgsm_max = '1MB'\npg_stat_monitor.pgsm_max_buckets = 1\n");
ok($node->poll_query_until('postgres', 'select ended_buckets > 3 from pg_stat_monitor_status'), 'buckets wait');
is(status($node, 'buckets_lost || coalesce(lost_reason, $$$$)'), '0', 'and none is given up for their number');
ask($node, 'CREATE TABLE wide (' . join(', ', map { "c$_ integer" } 0 .. 16) . ')');
my $many = join('', map { statement($_) } 1 .. 4000);
ok(waits(sub { ask($node, $many); status($node, 'buckets_lost > 1 and statements_lost > 1 and calls_lost > 1') eq 't' }),
    'buckets that were given up are counted, with what was in them');
is(status($node, "lost_reason <> ''"), 't', 'and the status says why');
$node->stop;

done_testing();
