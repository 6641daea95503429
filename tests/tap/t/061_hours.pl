# Days that are over are merged into hours: exactly the figures that one bucket of an hour would have had, for
# every reader the whole time, and once.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('hours', "pg_stat_monitor.pgsm_bucket_time = 1\npg_stat_monitor.pgsm_history_rollup_after = 0\n"
    . "wal_level = logical\n");
ask($node, 'CREATE PUBLICATION everything FOR ALL TABLES WITH (publish_via_partition_root = true)');

sub becomes
{
    my ($sql, $what) = @_;
    ok($node->poll_query_until('postgres', $sql), $what)
      or diag(ask($node, 'TABLE pg_stat_monitor_status'));
}
sub setting
{
    my ($name, $value) = @_;
    ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_history_$name = '$value'; SELECT pg_reload_conf()");
}

# Every single execution of 30 statements by two users, in three hours of the day before yesterday; each minute
# is a bucket that is exported when it ends, the day's last one therefore on the day after.
ask($node, <<'SQL');
CREATE TABLE sample AS
SELECT k, u, m, 7000000 + m AS bucket, start, start + interval '1 minute 50 ms' AS exported,
       1 + (hashint4(k * 100000 + m * 100 + n) & 65535) / 7.0::float8 AS ms, hashint4(m + n * 7) & 3 AS rows,
       CASE WHEN (k + m) % 3 = 0 THEN 1 + (hashint4(k + m + n) & 1023) / 3.0::float8 END AS plan_ms
FROM (SELECT date_trunc('day', now(), 'UTC') - interval '2 days' AS day) AS d,
     generate_series(1, 30) AS k, generate_series(10, 11) AS u,
     (SELECT m, m % 60 AS minute, (ARRAY[0, 5, 23])[m / 60 + 1] AS hour FROM generate_series(0, 179) AS m) AS t,
     LATERAL (SELECT day + make_interval(hours => hour, mins => minute) AS start) AS s,
     generate_series(1, 1 + (k * m) % 4) AS n;
CREATE TABLE minute AS
SELECT k, u, bucket, start, exported, count(*) AS calls, sum(ms) AS total, min(ms) AS least, max(ms) AS most,
       sum(ms) / count(*) AS mean, stddev_pop(ms) AS deviation, sum(rows)::bigint AS rows,
       count(plan_ms) AS plans, coalesce(sum(plan_ms), 0) AS plan_total, coalesce(min(plan_ms), 0) AS plan_least,
       coalesce(max(plan_ms), 0) AS plan_most, coalesce(avg(plan_ms), 0) AS plan_mean,
       coalesce(stddev_pop(plan_ms), 0) AS plan_deviation,
       array_fill('0'::text, ARRAY[22]) AS cells
FROM sample GROUP BY k, u, bucket, start, exported;
ALTER TABLE minute REPLICA IDENTITY FULL;
UPDATE minute SET cells[k % 22 + 1] = calls;
INSERT INTO pg_stat_monitor (bucket, bucket_start_time, exported_at, userid, dbid, client_ip, queryid, toplevel, query,
    calls, total_exec_time, min_exec_time, max_exec_time, mean_exec_time, stddev_exec_time, rows, plans, total_plan_time,
    min_plan_time, max_plan_time, mean_plan_time, stddev_plan_time, resp_calls, wal_bytes, elevel, relations, bucket_done)
SELECT bucket, start, exported, u, 5, '127.0.0.1', k, true, format('fed %s /* %s */', k, bucket), calls, total, least, most,
    mean, deviation, rows, plans, plan_total, plan_least, plan_most, plan_mean, plan_deviation, cells, 10, 0,
    ARRAY['public.t' || bucket], true
FROM minute;
CREATE VIEW fed AS SELECT tableoid AS part, * FROM pg_stat_monitor WHERE query LIKE 'fed %';
SQL
my $days = "SELECT count(DISTINCT part) = 2 AND bool_and(part::regclass::text ~ '_2') FROM fed";
ask($node, 'ALTER SYSTEM SET timezone = UTC; SELECT pg_reload_conf()');
becomes($days, 'the rows are in partitions of two days');
my $sums = 'SELECT sum(calls), sum(rows), sum(plans), round(sum(total_exec_time)::numeric, 3), sum(wal_bytes) FROM fed';
my $before = ask($node, $sums);
is(ask($node, 'SELECT count(*) FROM fed'), ask($node, 'SELECT count(*) FROM minute'), 'one by one');

# An old snapshot, open before the work begins and used after it.
my $old = $node->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM minute');

# Readers that look all the time until there are hours.
setting('rollup_after', '1h');
my ($looks, $wrong, $merged) = (0, 0, 0);
my $MERGED = 'SELECT count(*) = 180 FROM fed';
for (1 .. 80)
{
    my ($now, $done) = split /\n/, ask($node, "$sums; $MERGED");
    $looks++;
    $wrong++ if $now ne $before;
}
is($wrong, 0, "the sums are the same in each of $looks looks");
is(ask($node, $MERGED), 'f', 'nothing is put in place while a snapshot is older than the hours');
is($old->query_safe($sums), $before, 'which goes on seeing everything');
$old->query_safe('COMMIT');
for (1 .. 300)
{
    my ($now, $done) = split /\n/, ask($node, "BEGIN ISOLATION LEVEL REPEATABLE READ; $sums; $MERGED; COMMIT");
    $wrong++ if $now ne $before;
    last if $merged = $done eq 't';
}
is($wrong, 0, 'nor is anything seen twice or not at all when the hours take their place');
is($merged, 1, 'each statement has one row an hour') or diag(ask($node, 'TABLE pg_stat_monitor_status'));
is(ask($node, $sums), $before, 'with the sums of before');
$old->quit;

# The hours against the single executions.
is(ask($node, <<'SQL'), 180, 'the figures are those of all executions of the hour');
SELECT count(*)
FROM fed AS f
JOIN (SELECT k, u, date_trunc('hour', start) AS hour, min(bucket) AS bucket, count(*) AS calls, sum(ms) AS total, min(ms) AS least, max(ms) AS most,
             avg(ms) AS mean, stddev_pop(ms) AS deviation, sum(rows) AS rows, count(plan_ms) AS plans,
             coalesce(sum(plan_ms), 0) AS plan_total, coalesce(min(plan_ms), 0) AS plan_least,
             coalesce(max(plan_ms), 0) AS plan_most, coalesce(avg(plan_ms), 0) AS plan_mean,
             coalesce(stddev_pop(plan_ms), 0) AS plan_deviation, count(DISTINCT start) AS minutes
      FROM sample GROUP BY k, u, hour) AS s
  ON f.queryid = s.k AND f.userid = s.u AND f.bucket_start_time = s.hour
WHERE f.bucket = (SELECT min(bucket) FROM sample WHERE date_trunc('hour', start) = s.hour)
  AND f.calls = s.calls AND f.rows = s.rows AND f.plans = s.plans AND f.wal_bytes = 10 * s.minutes
  AND abs(f.total_exec_time - s.total) < 1e-9 * s.total
  AND f.min_exec_time = s.least AND f.max_exec_time = s.most
  AND abs(f.mean_exec_time - s.mean) < 1e-9 * s.mean
  AND abs(f.stddev_exec_time - s.deviation) < 1e-9 * s.deviation
  AND abs(f.total_plan_time - s.plan_total) <= 1e-9 * s.plan_total
  AND f.min_plan_time = s.plan_least AND f.max_plan_time = s.plan_most
  AND abs(f.mean_plan_time - s.plan_mean) <= 1e-9 * s.plan_mean
  AND abs(f.stddev_plan_time - s.plan_deviation) <= 1e-9 * s.plan_deviation
  AND cardinality(f.resp_calls) = 22 AND f.resp_calls[s.k % 22 + 1]::bigint = s.calls
  AND (SELECT sum(c::bigint) FROM unnest(f.resp_calls) AS c) = s.calls
SQL
is(ask($node, <<'SQL'), 180, 'the text is that of the bucket with most time, what is the last comes from the last');
SELECT count(*) FROM fed AS f
WHERE f.query = (SELECT format('fed %s /* %s */', k, bucket) FROM minute AS m WHERE m.k = f.queryid AND m.u = f.userid
                 AND date_trunc('hour', m.start) = f.bucket_start_time ORDER BY m.total DESC, m.bucket LIMIT 1)
  AND f.relations = (SELECT ARRAY['public.t' || max(bucket)] FROM minute AS m WHERE m.k = f.queryid
                     AND m.u = f.userid AND date_trunc('hour', m.start) = f.bucket_start_time)
SQL
is(ask($node, "SELECT count(DISTINCT part) FROM fed"), 1, "the day's last bucket is in its own day");
is(ask($node, "SELECT count(*) FROM pg_class WHERE relname LIKE '%hours' AND relkind = 'r'"), 0, 'nothing stays beside');
is(ask($node, "SELECT count(*) FROM pg_class c JOIN pg_depend d ON d.objid = c.oid AND d.deptype = 'e' WHERE c.oid = "
        . "(SELECT DISTINCT part FROM fed) AND relrowsecurity AND relname = 'pg_stat_monitor_' || to_char(now() AT TIME ZONE 'UTC' "
        . "- interval '2 days', 'YYYYMMDD')"), 1, 'the day has its name, its policy, and is a member');
is(ask($node, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'pg_stat_monitor_queryid_idx'::regclass"),
    ask($node, "SELECT count(*) - 1 FROM pg_inherits WHERE inhparent = 'pg_stat_monitor'::regclass"), 'and indexes');

# What is merged is not merged again, and a day that is emptied meanwhile stays empty.
my $oid = ask($node, 'SELECT DISTINCT part FROM fed');
ask($node, "INSERT INTO pg_stat_monitor (bucket, bucket_start_time, exported_at, userid, query, calls) SELECT g, day + g * "
    . "interval '1 minute', day + g * interval '1 minute', 10, 'gone', 1 FROM generate_series(1, 1300) g, "
    . "(SELECT date_trunc('day', now(), 'UTC') - interval '3 days' AS day) d");
becomes("SELECT count(*) = 22 FROM pg_stat_monitor WHERE query = 'gone'", 'another day is merged');
is(ask($node, 'SELECT DISTINCT part FROM fed'), $oid, 'the first one is left as it is');
my $hold = $node->background_psql('postgres');
$hold->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM minute');
ask($node, "INSERT INTO pg_stat_monitor (bucket, bucket_start_time, exported_at, userid, query, calls) SELECT g, day + g * "
    . "interval '1 minute', day + g * interval '1 minute', 10, 'emptied', 1 FROM generate_series(1, 300) g, "
    . "(SELECT date_trunc('day', now(), 'UTC') - interval '4 days' AS day) d");
becomes("SELECT count(*) = 1 FROM pg_class WHERE relname LIKE '%hours' AND relkind = 'r'", 'hours are being made');
ask($node, "DELETE FROM pg_stat_monitor WHERE query = 'emptied' AND bucket <> 7");
$hold->query_safe('COMMIT');
$hold->quit;
becomes("SELECT count(*) = 1 FROM pg_stat_monitor WHERE query = 'emptied' AND obj_description(tableoid, 'pg_class') LIKE '%in hours%'",
    'and, made anew, put in place');
is(ask($node, "SELECT sum(calls) FROM pg_stat_monitor WHERE query = 'emptied'"), 1, 'what was deleted does not come back');

# The limit of size counts the hours that are being made: with them it is passed, without them it is not.
setting('rollup_after', '0');
my $big = "INSERT INTO pg_stat_monitor (bucket, exported_at, userid, query, calls) SELECT g, day, 10, 'big', 1 FROM "
    . "generate_series(1, %d) g, (SELECT date_trunc('day', now(), 'UTC') - interval '5 days' AS day) d";
ask($node, sprintf($big, 1));
becomes('SELECT NOT EXISTS (SELECT FROM pg_stat_monitor_default)', 'one more day');
ask($node, sprintf($big, 40000));
$hold = $node->background_psql('postgres');
$hold->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM minute');
setting('rollup_after', '1h');
my $SIDE = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname LIKE 'pg_stat_monitor%hours' AND relkind = 'r'";
my $DAYS = "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'pg_stat_monitor'::regclass";
becomes("SELECT ($SIDE) > 4 * 1024 * 1024", 'its rows are on the side as well');
my $limit = ask($node, "SELECT ceil(($DAYS) / 1024.0 / 1024) + 2");
setting('max_size', $limit);
becomes("SELECT count(*) = 0 FROM pg_stat_monitor WHERE query = 'big'", 'the day goes');
becomes("SELECT ($SIDE) IS NULL", 'and what was made of it');
$hold->quit;
is(ask($node, 'SELECT coalesce(last_error, history_error, $$none$$) FROM pg_stat_monitor_status'), 'none', 'no error');
done_testing();
