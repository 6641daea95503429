# The same load on a plain server and on one with the library and everything switched on: the same data comes out, and
# nothing is said in the log.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $plain = PostgreSQL::Test::Cluster->new('plain');
$plain->init;
$plain->start;
my $monitored = monitored_node('everything', join('', map { "pg_stat_monitor.pgsm_$_\n" } "track = 'all'",
        'track_planning = on', 'normalized_query = on', 'enable_query_plan = on', 'extract_comments = on',
        'bucket_time = 1'));

my $nested = <<'END';
CREATE TABLE log (k integer, n bigint);
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log SELECT new.tid, count(*) FROM pgbench_branches;
    RETURN new;
END $$;
CREATE TRIGGER noted AFTER UPDATE ON pgbench_tellers FOR EACH ROW EXECUTE FUNCTION noted();
CREATE FUNCTION steps(k integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r bigint;
BEGIN
    BEGIN
        EXECUTE format('SELECT %s / (%s %% 3)', k, k) INTO r;
    EXCEPTION WHEN division_by_zero THEN
        r := -1;
    END;
    UPDATE pgbench_tellers SET tbalance = tbalance + r WHERE tid = 1 + k % 10;
    RETURN r + (SELECT sum(tbalance) FROM pgbench_tellers);
END $$;
END

# Everything that the load leaves behind but times.
sub outcome
{
    my ($node) = @_;
    pgbench($node, '-i', '-q', '-s', '1');
    ask($node, $nested);
    my @done = map { pgbench($node, '-n', '-c', '1', '-t', '1000', '--random-seed=42', '-M', $_) }
        qw(simple extended prepared);
    return join(' ', @done, ask($node, 'SELECT sum(steps(k)) FROM generate_series(1, 2000) AS k'),
        ask($node, 'SELECT md5(string_agg(t::text, $$;$$ ORDER BY aid)) FROM pgbench_accounts AS t'),
        ask($node, 'SELECT md5(string_agg(t::text, $$;$$ ORDER BY tid)) FROM pgbench_tellers AS t'),
        ask($node, 'SELECT bbalance FROM pgbench_branches'),
        ask($node, 'SELECT md5(string_agg(concat(tid, bid, aid, delta), $$;$$ ORDER BY tid, aid, delta)) '
                . 'FROM pgbench_history'),
        ask($node, 'SELECT md5(string_agg(l::text, $$;$$ ORDER BY k, n)) FROM log AS l'));
}

my $expected = outcome($plain);
like($expected, qr/^1000 1000 1000 -?\d+ [0-9a-f]{32}/, 'the load ran on the plain server');
is(outcome($monitored), $expected, 'the same data with the library and everything switched on');
unlike(slurp_file($monitored->logfile), qr/(?:WARNING|ERROR|FATAL|PANIC):/, 'no error and no warning in the log');
cmp_ok(calls_of($monitored, 'UPDATE pgbench_accounts'), '==', 3000, 'and all of it was counted');
is(ask($monitored, 'SELECT calls_lost + calls_without_room + calls_without_memory FROM pg_stat_monitor_status'), 0, 'without a loss');
$_->stop foreach $plain, $monitored;

done_testing();
