# A clock that is set wrong for a while: nothing is dropped by it, the log says it once; and when it goes back, buckets,
# exports and days go on. While the server runs, and across a restart.
use strict;
use warnings;

use Clock;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'no C compiler for a clock that can be moved' unless movable_clock();
my $DAY = 86400;
my $node = PostgreSQL::Test::Cluster->new('clock');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_monitor'\nautovacuum = off\n"
      . "pg_stat_monitor.pgsm_normalized_query = off\npg_stat_monitor.pgsm_bucket_time = 1\n");
start_with_clock($node);
ask($node, 'CREATE EXTENSION pg_stat_monitor');

sub becomes
{
    my ($sql, $what) = @_;
    ok($node->poll_query_until('postgres', $sql), $what)
      or diag(ask($node, 'TABLE pg_stat_monitor_status') . "\n"
        . ask($node, 'SELECT tableoid::regclass, min(exported_at), max(exported_at), count(*) FROM pg_stat_monitor GROUP BY 1'));
    return;
}
# Two exports have worked, so what the second one's worker had to do is done, too.
my $mark = 0;
# A statement that no other one shares its entry, and so its text, with.
sub mark { return 'SELECT 1' . join('', map { ($mark >> $_ & 1 ? ' + ' : ' - ') . '1' } 0 .. 6) }
sub exports
{
    my ($what) = @_;
    for my $nth (1, 2)
    {
        $mark++;
        ask($node, mark());
        becomes("SELECT count(*) > 0 FROM pg_stat_monitor WHERE query = '" . mark() . "' AND exported_at < 'infinity'",
            "$what: exported $nth");
    }
    return;
}
sub jumps
{
    my ($text) = @_;
    my $log = slurp_file($node->logfile);
    return scalar(() = $log =~ /LOG:  system clock $text/g);
}
my $FED = "SELECT count(*) FROM pg_stat_monitor WHERE query = 'days ago'";
my $MERGED = "SELECT count(*) FROM pg_stat_monitor WHERE query = 'days ago' AND obj_description(tableoid, 'pg_class') LIKE '%in hours%'";
exports('at first');
ask($node, "INSERT INTO pg_stat_monitor (bucket, bucket_start_time, userid, query, calls, exported_at) SELECT -g, "
      . "now() - g * interval '1 day', 10, 'days ago', 1, now() - g * interval '1 day' FROM generate_series(2, 6) g");
becomes("$MERGED AND tableoid::regclass::text !~ 'default'" =~ s/count\(\*\)/count(*) = 5/r, 'days are there, and merged');
my $before = ask($node, 'SELECT sum(calls) FROM pg_stat_monitor WHERE bucket < 0');

# Thirty days ahead, and back.
set_clock(0, 30 * $DAY);
exports('ahead');
is(ask($node, $FED), 5, 'thirty days ahead: nothing is dropped');
exports('still ahead');
is(jumps('was set forward by 2592\d\d\d seconds'), 1, 'the log says it once');
set_clock(0, 0);
exports('back again');
is(ask($node, $FED), 5, 'back again: nothing was dropped');
is(jumps('was set'), 1, 'and no other line is there');
is(ask($node, "SELECT count(*) FROM (SELECT FROM pg_stat_monitor WHERE bucket > 0 GROUP BY bucket HAVING count(DISTINCT bucket_start_time) > 1) b"),
    0, 'each bucket has one start');
is(ask($node, "SELECT count(*) FROM (SELECT FROM pg_stat_monitor WHERE bucket > 0 GROUP BY bucket_start_time HAVING count(DISTINCT bucket) > 1) b"),
    0, 'and each start one bucket');
is(ask($node, "SELECT count(*) FROM pg_stat_monitor WHERE query = 'days ago' AND tableoid::regclass::text ~ 'default'"), 0, 'in days');

# Thirty days back: exports go on, into a day of that time.
set_clock(0, -30 * $DAY);
exports('behind');
is(jumps('was set back by 2592\d\d\d seconds'), 1, 'thirty days back: a line in the log');
becomes("SELECT count(*) > 0 FROM pg_stat_monitor WHERE query LIKE 'SELECT 1 %' AND tableoid::regclass::text ~ to_char((now() AT TIME ZONE 'UTC'), 'YYYYMMDD')",
    'what runs is in that day');
# An export that failed there is tried again soon.
set_clock(0, 0);
ask($node, 'ALTER TABLE pg_stat_monitor RENAME TO elsewhere');
ok($node->poll_query_until('postgres', "SELECT reason <> '' FROM pg_stat_monitor_status"), 'exports fail');
set_clock(0, -30 * $DAY);
ask($node, 'ALTER TABLE elsewhere RENAME TO pg_stat_monitor');
exports('after a failure, behind');
set_clock(0, 0);
exports('right again');
is(ask($node, $FED), 5, 'nothing was dropped');

# Stopped, and started with a clock that is wrong.
$node->stop;
set_clock(0, 30 * $DAY);
start_with_clock($node);
exports('started ahead');
is(ask($node, $FED), 5, 'started thirty days ahead: nothing is dropped');
is(jumps('shows a time 259[12]\d\d\d seconds after pg_stat_monitor last noted it'), 1, 'the log says it once');
$node->stop('immediate');
start_with_clock($node);
exports('after a crash, still ahead');
is(ask($node, $FED), 5, 'a crash makes it no truer');
# It keeps that time for a day: time that really passes.
set_clock($DAY + 3600, 30 * $DAY);
exports('a day later');
becomes($FED =~ s/count\(\*\)/count(*) = 0/r, 'a clock that has kept its time for a day is believed');
is(ask($node, 'SELECT coalesce(last_error, $$none$$) FROM pg_stat_monitor_status'), 'none', 'no error');
$node->stop;
done_testing();
