# Rows that are moved out of the default partition into the day that is made for them are in one of the two for every
# reader, also for one that has planned just before.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $DAYS = 60;
my $node = monitored_node('readers', "pg_stat_monitor.pgsm_bucket_time = 1\npg_stat_monitor.pgsm_history_retention = 0\n"
    . "pg_stat_monitor.pgsm_history_rollup_after = 0\n");
my $script = PostgreSQL::Test::Utils::tempdir() . '/look.sql';
append_to_file($script, "SELECT 1 / (count(*) = $DAYS)::integer FROM pg_stat_monitor WHERE query = 'moved';\n");

ask($node, "INSERT INTO pg_stat_monitor (bucket, bucket_start_time, exported_at, userid, query, calls) SELECT 1, at, at, 10, "
    . "'moved', 1 FROM generate_series(1, $DAYS) AS g, LATERAL (SELECT now() - g * interval '1 day' AS at) AS t");
my $looking = IPC::Run::start([ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-c', '3', '-T', '15', '-f', $script,
        'postgres' ], '>', \my $out, '2>', \my $err);
ok($node->poll_query_until('postgres', "SELECT count(DISTINCT tableoid) = $DAYS AND bool_and(tableoid::regclass::text ~ '_2') "
        . "FROM pg_stat_monitor WHERE query = 'moved'"), 'each row comes into its day');
$looking->finish;
unlike($err, qr/ERROR/, 'and every reader finds all of them all the while');
like($out, qr/actually processed: [1-9]/, 'there were readers');
$node->stop;
done_testing();
