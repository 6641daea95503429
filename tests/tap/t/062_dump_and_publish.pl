# History and PostgreSQL's own tools: a dump that is restored, logical replication of the table; and rows that a user
# wrote by hand with less than a bucket's row has.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('publisher', "pg_stat_monitor.pgsm_bucket_time = 1\n"
    . "pg_stat_monitor.pgsm_history_rollup_after = 0\n", allows_streaming => 'logical');
sub becomes
{
    my ($where, $sql, $what) = @_;
    ok($where->poll_query_until('postgres', $sql), $what)
      or diag(ask($node, 'TABLE pg_stat_monitor_status'));
}
sub day_sql { my ($days) = @_; return "(date_trunc('day', now(), 'UTC') + '$days day')" }
sub fed
{
    my ($days, $query, $start) = @_;
    return "INSERT INTO pg_stat_monitor (bucket, bucket_start_time, userid, queryid, query, calls, exported_at) "
      . "SELECT -g, $start, 10, hashtext('$query'), '$query', 1, " . day_sql($days) . " + g * interval '1 minute' FROM generate_series(1, 90) g";
}
my $start = day_sql(-3) . " + g * interval '1 minute' - interval '1 minute'";

# A subscriber without the library gets what is exported from now on, from all days, under the table's name.
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init;
$subscriber->start;
ask($subscriber, 'CREATE TABLE pg_stat_monitor (' . ask($node, "SELECT string_agg(format('%I %s', attname, "
    . "format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND "
    . "attrelid = 'pg_stat_monitor'::regclass") . ')');
ask($node, 'CREATE PUBLICATION stats FOR TABLE pg_stat_monitor WITH (publish_via_partition_root = true)');
ask($subscriber, "CREATE SUBSCRIPTION stats CONNECTION '" . $node->connstr . ' dbname=postgres'
    . "' PUBLICATION stats WITH (copy_data = false)");
ask($node, "SELECT 'published'");
becomes($node, "SELECT count(*) > 0 FROM pg_stat_monitor WHERE query LIKE 'SELECT _published_' AND exported_at < 'infinity'",
    'a statement is exported');
$node->wait_for_catchup('stats');
becomes($subscriber, "SELECT count(*) > 0 FROM pg_stat_monitor WHERE query LIKE 'SELECT %published%'",
    'and comes to the subscriber, compressed values as well');
is(ask($subscriber, "SELECT count(*) > 0 FROM pg_stat_monitor WHERE cardinality(resp_calls) < 10"), 'f', 'readable');

# A day that is merged meanwhile: the subscriber keeps its minutes, and goes on.
ask($node, fed(-3, 'opens the day', $start));
becomes($node, "SELECT NOT EXISTS (SELECT FROM pg_stat_monitor_default)", 'a day is made for older rows');
ask($node, fed(-3, 'by the minute', $start) . ';' . fed(-3, 'no start', 'NULL') . ';' . fed(-3, 'at infinity', "timestamptz 'infinity'"));
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_history_rollup_after = '1h'; SELECT pg_reload_conf()");
becomes($node, "SELECT count(*) = 2 AND sum(calls) = 90 FROM pg_stat_monitor WHERE query = 'by the minute'", 'it is merged');
is(ask($node, "SELECT count(*), count(DISTINCT tableoid), sum(calls) FROM pg_stat_monitor "
        . "WHERE query IN ('no start', 'at infinity')"), '180|1|180', 'rows that belong to no hour stay as they are');
is(ask($node, "SELECT count(*) FROM pg_class c JOIN pg_stat_monitor m ON m.tableoid = c.oid WHERE m.query = 'no start' AND "
        . "obj_description(c.oid, 'pg_class') LIKE 'Exported statistics in hours%'"), 90, 'in the merged day');
ask($node, "SELECT 'afterwards'");
becomes($node, "SELECT count(*) > 0 FROM pg_stat_monitor WHERE query LIKE 'SELECT %afterwards%' AND exported_at < 'infinity'",
    'exports go on');
$node->wait_for_catchup('stats');
becomes($subscriber, "SELECT count(*) > 0 FROM pg_stat_monitor WHERE query LIKE 'SELECT %afterwards%'", 'to the subscriber, too');
is(ask($subscriber, "SELECT count(*) FROM pg_stat_monitor WHERE query = 'by the minute'"), 90,
    'which has the minutes of the merged day');
ask($subscriber, 'DROP SUBSCRIPTION stats');

# VACUUM, ANALYZE and REINDEX of the table and of a day.
my $day = ask($node, "SELECT min(tableoid::regclass::text) FROM pg_stat_monitor WHERE query = 'no start'");
ask($node, "VACUUM ANALYZE $day");
ask($node, "VACUUM FULL $day");
ask($node, "VACUUM FREEZE pg_stat_monitor");
ask($node, "REINDEX TABLE $day");
ask($node, 'ANALYZE pg_stat_monitor');
is(ask($node, "SELECT count(*) > 0 FROM pg_stats WHERE schemaname || '.' || tablename = '$day'"), 't', 'a day is analysed');
is(ask($node, "SELECT sum(calls) FROM pg_stat_monitor WHERE query = 'by the minute'"), 90, 'and has its rows');

# Dumped and restored: the extension anew, none of our days.
mkdir $node->backup_dir;
my @at = ('-h', $node->host, '-p', $node->port);
sub dumped
{
    my ($database) = @_;
    my $file = $node->backup_dir . "/$database.dump";
    command_ok([ 'pg_dump', @at, '-Fc', '-f', $file, 'postgres' ], "pg_dump, $database");
    ask($node, "CREATE DATABASE $database");
    return $file;
}
my $STORED = "SELECT count(*) FROM pg_stat_monitor WHERE exported_at < 'infinity'";
command_ok([ 'pg_restore', @at, '--exit-on-error', '-d', 'plain', dumped('plain') ], 'pg_restore finds nothing amiss');
is(ask_in('plain', $node, $STORED), 0, 'the history stays where it was');

# A partition that was taken over comes along. PostgreSQL indexes it when it is attached, and then cannot attach the
# indexes of the dump: an index of the extension's table is not in the dump for them to wait for.
ask($node, "ALTER EXTENSION pg_stat_monitor DROP TABLE $day");
my ($out, $errors) = run_command([ 'pg_restore', @at, '-d', 'taken', dumped('taken') ]);
my @errors = grep { /error:/ && !/errors ignored/ } split /\n/, $errors;
is(scalar(@errors), scalar(grep { /cannot attach index/ } @errors), 'pg_restore names nothing but such indexes')
  or diag($errors);
is(ask_in('taken', $node, "SELECT string_agg(inhrelid::regclass::text, ' ' ORDER BY inhrelid::regclass::text COLLATE \"C\") FROM pg_inherits "
        . "WHERE inhparent = 'pg_stat_monitor'::regclass"), "pg_stat_monitor_default pg_stat_monitor_live $day",
    'the taken partition is where it was');
is(ask_in('taken', $node, $STORED), ask($node, "SELECT count(*) FROM $day"), 'with its rows');
is(ask($node, 'SELECT coalesce(last_error, history_error, $$none$$) FROM pg_stat_monitor_status'), 'none', 'no error');
done_testing();
