# What a tool of 2.3 sees while buckets come, end, are exported and go (clients.md 21 to 24, 26 to 28): a
# reader that keeps what it has read notices a bucket that vanishes and returns, changes, or is there twice.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = monitored_node('served', "pg_stat_monitor.pgsm_bucket_time = 1\n");
ask($node, 'CREATE ROLE tool LOGIN IN ROLE pg_read_all_stats');
ask($node, "SELECT pg_stat_monitor_serve_2_3('tool')");
my $tool = "host=" . $node->host . " port=" . $node->port . " user=tool dbname=postgres";

sub as_tool
{
    my ($sql) = @_;
    my $out = '';
    $node->psql('postgres', $sql, stdout => \$out, connstr => $tool, on_error_die => 1);
    return $out;
}

# Each finished bucket as the tool sees it in one read: its number, start, rows, calls and a hash of all.
my $buckets = "SELECT bucket, extract(epoch FROM bucket_start_time), bucket_done, count(*), sum(calls), "
    . "md5(string_agg(md5(row(m.*)::text), '' ORDER BY md5(row(m.*)::text))), "
    . "count(*) - count(DISTINCT (queryid, userid, dbid, toplevel, top_queryid, planid, application_name, "
    . "client_ip, elevel)) FROM pg_stat_monitor AS m GROUP BY 1, 2, 3 ORDER BY 2";

my $first = ask($node, 'SELECT min(extract(epoch FROM bucket_start_time)) FROM pg_stat_monitor');
my (%unaligned, %content, %gone, @faults, $most, $reads);
my $end = time + 22;
$most = $reads = 0;
while (time < $end)
{
    ask($node, "SELECT 1 AS load; SELECT 2 + 2 AS more_load;");
    my (%now, %numbers);
    my $running = 0;
    for my $line (split(/\n/, as_tool($buckets)))
    {
        my ($number, $start, $done, $rows, $calls, $hash, $twice) = split(/\|/, $line);
        $running += $done eq 'f';
        push @faults, "number $number outside 0 to 9" if $number < 0 || $number > 9;
        push @faults, "two buckets share number $number" if $numbers{$number}++;
        push @faults, "bucket $start is there twice" if $now{$start}++;
        push @faults, "bucket $start has $twice rows of one key twice" if $twice > 0;
        $unaligned{$start} = 1 if $start !~ /^\d+(\.0+)?$/;
        push @faults, "bucket $start has returned" if $gone{$start};
        next if $done eq 'f';
        push @faults, "done bucket $start has changed"
            if exists $content{$start} && $content{$start} ne "$rows $calls $hash";
        $content{$start} = "$rows $calls $hash";
    }
    push @faults, "$running running buckets" if $running > 1;
    # A bucket may only go when ten newer ones are there.
    my @seen = sort { $b <=> $a } keys %content;
    for my $place (0 .. $#seen)
    {
        $gone{ $seen[$place] } = 1 if !$now{ $seen[$place] };
        push @faults, "bucket $seen[$place] went too early"
            if $place < 9 - $running && !$now{ $seen[$place] };
    }
    $most = keys %now if keys %now > $most;
    $reads++;
    sleep 0.05;
}
is(join("\n", @faults), '', "a tool's $reads reads of " . keys(%content) . " buckets find no fault");
is(join(' ', grep { $_ ne $first } sort keys %unaligned), '',
    'all but the first of the server start at a multiple of the bucket time');
is($most, 10, 'ten buckets are visible at most and at last');
cmp_ok(scalar(keys %content), '>=', 15, 'many buckets came and went');
cmp_ok(ask($node, "SELECT count(DISTINCT bucket) FROM pg_stat_monitor WHERE exported_at < 'infinity'"), '>=',
    12,
    'and were exported meanwhile');

# Live or stored, in one snapshot: an export in a transaction of the reader's changes nothing but "running".
ask($node, 'SELECT 3, 3 AS fresh');
my $sums = "SELECT sum(calls), count(*) FROM pgsm_2_3.pg_stat_monitor WHERE query LIKE 'SELECT 3, 3 AS "
    . "fresh%'";
my $both = ask($node, "BEGIN ISOLATION LEVEL REPEATABLE READ; $sums; SELECT pg_stat_monitor_export() >= 0; "
    . "$sums; "
    . 'ROLLBACK');
is($both, "1|1\nt\n1|1", 'an export in mid-transaction neither hides nor doubles a row');

# A restart: what was seen before is there again, once.
ask($node, "SELECT 'just before' AS word");
$node->restart;
is(ask($node, "SELECT sum(calls) FROM pgsm_2_3.pg_stat_monitor WHERE query LIKE 'SELECT ''just before''%'"),
    1,
    'a restart neither loses nor repeats a row');

# Bounded, whatever is stored: an index finds the ten buckets in a week of history.
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_track = 'none'; SELECT pg_reload_conf()");
ask($node, "INSERT INTO pg_stat_monitor (bucket, bucket_start_time, userid, query, calls, bucket_done, "
    . "exported_at) "
        . "SELECT -n / 100, now() - n * interval '1 s', 10, repeat('history ', 20), 1, true, "
        . "now() - n * interval '1 s' "
        . "FROM generate_series(1, 200000) n");
for my $when ('before ANALYZE', 'after ANALYZE')
{
    my $plan = ask($node, "EXPLAIN (ANALYZE, COSTS OFF, BUFFERS, SUMMARY OFF, TIMING OFF) "
            . 'SELECT * FROM pgsm_2_3.pg_stat_monitor');
    unlike($plan, qr/Seq Scan on pg_stat_monitor_default/, "$when: history is not scanned");
    my ($hit, $read) = $plan =~ /Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?/;
    cmp_ok(($hit // 0) + ($read // 0), '<', 400, "$when: a read touches few blocks");
    ask($node, 'ANALYZE pg_stat_monitor_default');
}

# Rows that are older than an hour are not shown though no newer bucket is there: they may be hours by now.
ask($node, "DELETE FROM pg_stat_monitor WHERE exported_at < 'infinity'");
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_track = 'top'; SELECT pg_reload_conf()");
ask($node, "SELECT 'once' AS word; SELECT pg_stat_monitor_export()");
is(ask($node, "SELECT sum(calls) FROM pgsm_2_3.pg_stat_monitor WHERE query LIKE 'SELECT ''once''%'"), 1,
    'a row just stored is shown');
ask($node, "UPDATE pg_stat_monitor SET exported_at = exported_at - interval '2 hours' "
        . "WHERE exported_at < 'infinity' AND query LIKE 'SELECT ''once''%'");
is(ask($node, "SELECT count(*) FROM pgsm_2_3.pg_stat_monitor WHERE query LIKE 'SELECT ''once''%'"), 0,
    'an old one is not');

# In a database that nothing is exported into, the tool would miss every ended bucket: that is said.
ask($node, 'CREATE DATABASE elsewhere');
ask_in('elsewhere', $node, 'CREATE EXTENSION pg_stat_monitor');
my ($out, $err) = ('', '');
$node->psql('elsewhere', "SELECT pg_stat_monitor_serve_2_3('tool')", stdout => \$out, stderr => \$err);
like($err, qr/WARNING:.*exported/, 'a warning where ended buckets leave');
like($err, qr/database "postgres"/, 'names the database where they go');
# What ran before a reading may just have left with its bucket.
ok($node->poll_query_until('elsewhere', 'SELECT count(*) > 0 FROM pgsm_2_3.pg_stat_monitor'),
    'the view works there, too');

# Without the library it is 2.3's error.
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;
my ($state, $message) = failure($node, 'SELECT * FROM pgsm_2_3.pg_stat_monitor');
is($state, '55000', 'not preloaded: SQLSTATE 55000');
like($message, qr/HINT:.*shared_preload_libraries/, 'with the hint');

$node->stop;
done_testing();
