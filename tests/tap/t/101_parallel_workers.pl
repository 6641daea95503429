# CPU time of parallel workers is the statement's, as their blocks are; the workers' part of a statement is no statement.
# Where the leader does not take part, nearly all of it is the workers'.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('workers', $NEVER_ENDS . $NO_EXPORTER
        . "parallel_setup_cost = 0\nparallel_tuple_cost = 0\nmin_parallel_table_scan_size = 0\n"
        . "max_parallel_workers = 8\nmax_worker_processes = 16\nparallel_leader_participation = off\njit = off\n");
ask($node, 'CREATE TABLE big AS SELECT n, (n % 7)::numeric AS m FROM generate_series(1, 200000) AS n; '
        . 'CREATE FUNCTION inside() RETURNS numeric LANGUAGE plpgsql AS '
        . '$$ BEGIN RETURN (SELECT sum(sqrt(m + n)) AS of_function FROM big); END $$; '
        . 'CREATE FUNCTION heavy(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT sqrt($1 * $1 + 1) $$');
ask($node, 'VACUUM ANALYZE big');

# Milliseconds of CPU that executions with this word took, and how many they were.
sub cpu
{
    my ($word, $elevel) = @_;
    $elevel //= '= 0';
    return split(/\|/, ask($node, 'SELECT coalesce(sum(cpu_user_time + cpu_sys_time), 0), coalesce(sum(calls), 0) '
                . "FROM pg_stat_monitor WHERE query LIKE '%$word%' AND query NOT LIKE '%pg_stat_monitor%' AND elevel $elevel"));
}

# Once without workers, once with; the workers' own starts come on top.
sub compare
{
    my ($name, $sql, $settings) = @_;
    my @found;
    foreach my $workers (0, 2)
    {
        ask($node, 'SELECT pg_stat_monitor_reset()');
        ask($node, "SET max_parallel_workers_per_gather = $workers; SET max_parallel_maintenance_workers = $workers; "
                . "$settings; $sql");
        push @found, [ cpu('measured') ];
    }
    my ($serial, $parallel) = map { $_->[0] } @found;
    note("$name: $serial ms without, $parallel ms with workers");
    is($found[1][1], $found[0][1], "$name: workers count no executions");
    cmp_ok($parallel, '>', 0.6 * $serial, "$name: CPU of the workers is in it");
    cmp_ok($parallel, '<', 6 * $serial + 300, "$name: and is not counted twice");
    return;
}

my $top = "SET pg_stat_monitor.pgsm_track = 'top'";
my $all = "SET pg_stat_monitor.pgsm_track = 'all'";
compare('an aggregate', join('; ', ('SELECT sum(sqrt(m * n)) AS measured FROM big') x 3), $top);
compare('inside of a function', 'SELECT inside() + inside() AS measured', $top);
compare('of a function that is tracked', 'SELECT inside() - inside() AS measured', $all);
compare('an index build', 'CREATE INDEX ON big (heavy(m * n)) /* measured */', "SET maintenance_work_mem = '200MB'");

# What the workers of a statement that failed had used belongs to no other one.
ask($node, 'SELECT pg_stat_monitor_reset()');
my $fails = 'SELECT sum(sqrt(m * n)), sum(1 / (n - 199999)) AS d FROM big /* failing */';
is((failure($node, $fails))[0], '22012', 'an error in a worker');
is((cpu('failing', '> 0'))[1], 1, 'is one error of the statement');
$node->psql('postgres', "$fails;\nSELECT 1 AS behind", on_error_stop => 0);
cmp_ok((cpu('behind'))[0], '<', 5, 'the statement behind it has its own CPU alone');

done_testing();
