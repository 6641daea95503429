# What client programs cannot take (clients.md 6, 14 to 18, 30, 33): a reader like PMM's agent scans every
# row of the relation and of the view for tools of 2.3 while statements fail, transactions are aborted, users
# and databases come and go, and finds no NULL where there may be none.
use strict;
use warnings;

use IPC::Run;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = monitored_node('clients',
    "pg_stat_monitor.pgsm_bucket_time = 1\npg_stat_monitor.pgsm_track = 'all'\n"
    . "pg_stat_monitor.pgsm_max = 1MB\npg_stat_monitor.pgsm_query_shared_buffer = 512kB\n");
ask($node, 'CREATE ROLE tool LOGIN IN ROLE pg_read_all_stats');
ask($node, "SELECT pg_stat_monitor_serve_2_3('tool')");

my @never_null = split(/ /, 'bucket bucket_start_time client_ip query datname userid username dbid calls '
    . 'rows plans '
    . 'cmd_type cmd_type_text elevel shared_blks_hit shared_blks_read shared_blks_dirtied '
        . 'shared_blks_written '
    . 'local_blks_hit local_blks_read local_blks_dirtied local_blks_written temp_blks_read temp_blks_written '
    . 'total_exec_time min_exec_time max_exec_time mean_exec_time stddev_exec_time total_plan_time '
        . 'min_plan_time '
    . 'max_plan_time mean_plan_time stddev_plan_time cpu_user_time cpu_sys_time wal_records wal_fpi '
        . 'wal_bytes '
    . 'bucket_done toplevel');
my @times_17 = qw(shared_blk_read_time shared_blk_write_time local_blk_read_time local_blk_write_time);
my @times = $node->pg_version >= 17 ? @times_17 : qw(blk_read_time blk_write_time);

# A count for each kind of fault that a row can have.
sub faults_of
{
    my ($relation, @columns) = @_;
    return join(' ', "SELECT count(*), count(*) FILTER (WHERE num_nulls(" . join(', ', @columns) . ") > 0),",
        "count(*) FILTER (WHERE array_position(relations, NULL) > 0 OR array_position(resp_calls, NULL) > "
            . "0),",
        "count(*) FILTER (WHERE cardinality(resp_calls) <> 22),",
        "count(*) FILTER (WHERE array_to_string(resp_calls, ',') !~ '^\\d+(,\\d+)*\$'),",
        "count(*) FILTER (WHERE wal_bytes::text !~ '^\\d+\$' OR cmd_type_text <> upper(cmd_type_text)),",
        "count(*) FILTER (WHERE cmd_type NOT BETWEEN 0 AND 7 OR elevel NOT BETWEEN 0 AND 23),",
        "count(*) FILTER (WHERE calls <= 0 OR total_exec_time < 0 OR min_exec_time > max_exec_time)",
        "FROM $relation");
}

# Something of everything that may leave a hole in a row.
my $load = <<'SQL';
SELECT 1 / (g - 3) FROM generate_series(1, 5) g;
BEGIN;
SELECT no_such_column;
SELECT 'in an aborted transaction';
ROLLBACK;
DO $$ BEGIN RAISE WARNING 'careful %', now(); END $$;
SET ROLE passing;
SELECT count(*) FROM pg_class, pg_namespace WHERE relnamespace = pg_namespace.oid;
RESET ROLE;
PREPARE p AS SELECT $1::int + 1;
EXECUTE p(4);
DEALLOCATE p;
CREATE TEMP TABLE t AS SELECT generate_series(1, 1000) n;
UPDATE t SET n = n + 1;
COPY t TO '/dev/null';
SELECT n FROM t ORDER BY n LIMIT 1;
DROP TABLE t;
SELEKT;
SQL
my %seen = (table => 0, view => 0);
my %faults;
my $rounds = 0;
my $end = time + 15;
my ($in, $out, $err) = ('', '', '');
my $bench = IPC::Run::start([ 'pgbench', '-n', '-i', '-q', '-h', $node->host, '-p', $node->port, 'postgres' ],
    \$in, \$out, \$err);
$bench->finish;
$bench = IPC::Run::start([ 'pgbench', '-n', '-c', '4', '-T', '15', '-M', 'prepared', '-h', $node->host, '-p',
        $node->port, 'postgres' ], \$in, \$out, \$err);
while (time < $end)
{
    $rounds++;
    ask($node, 'CREATE ROLE passing');
    ask($node, 'CREATE DATABASE passing');
    $node->psql('passing', $load, on_error_stop => 0);
    $node->psql('postgres', $load, on_error_stop => 0);
    ask($node, 'DROP DATABASE passing');
    ask($node, 'DROP ROLE passing');
    my %read = (table => faults_of('pg_stat_monitor', @never_null, @times_17),
        view => faults_of('pgsm_2_3.pg_stat_monitor', @never_null, @times));
    for my $what (sort keys %read)
    {
        my ($rows, @bad) = split(/\|/, ask($node, $read{$what}));
        $seen{$what} += $rows;
        $faults{"$what: " . join(' ', @bad)}++ if grep { $_ > 0 } @bad;
    }
}
$bench->finish;
cmp_ok($rounds, '>', 3, "$rounds rounds of dropped users and databases");
cmp_ok($seen{$_}, '>', 200, "$seen{$_} rows of the $_ were read") for sort keys %seen;
is(join('; ', map { "$_ ($faults{$_} times)" } sort keys %faults), '',
    'no NULL, no odd value in any of them');
is(ask($node, "SELECT count(*) > 0 FROM pg_stat_monitor WHERE username = 'passing' AND datname = 'passing'"),
    't',
    'rows of dropped users and databases keep their names');
is(ask($node, "SELECT count(DISTINCT sqlcode) >= 3 FROM pg_stat_monitor WHERE elevel >= 19"), 't',
    'errors were among them');

# Types that clients declare (14); settings as PMM reads them (30).
is(ask($node, "SELECT string_agg(format_type(atttypid, atttypmod), ',' ORDER BY attname COLLATE \"C\") "
    . "FROM pg_attribute "
        . "WHERE attrelid = 'pg_stat_monitor'::regclass AND attname IN ('bucket', 'planid', 'userid', "
            . "'dbid', 'client_ip', "
        . "'relations', 'resp_calls', 'cmd_type', 'elevel', 'total_exec_time', 'wal_bytes', "
            . "'bucket_start_time', 'toplevel')"),
    'bigint,timestamp with time zone,inet,integer,oid,integer,bigint,text[],text[],boolean,double '
        . 'precision,oid,numeric',
    'types of the columns');
is(ask($node, "SELECT count(userid::regrole::text) = count(*) FROM pg_stat_monitor"), 't',
    'userid can be cast to regrole');
like(ask($node, "SELECT setting FROM pg_settings WHERE name = 'pg_stat_monitor.pgsm_bucket_time'"), qr/^\d+$/,
    'pgsm_bucket_time is a bare number');
like(ask($node, 'SELECT pg_stat_monitor_version()'), qr/^\d+\.\d+\.\d+$/,
    'the version has digits and dots only');

# The reset inside PL/pgSQL, a transaction, a function with its owner's rights; counts afterwards are exact
# (29).
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_track = 'top'; SELECT pg_reload_conf()");
ask($node, 'CREATE FUNCTION empty_it() RETURNS void LANGUAGE plpgsql SECURITY DEFINER '
        . 'AS $$ BEGIN PERFORM pg_stat_monitor_reset(); END $$; GRANT EXECUTE ON FUNCTION empty_it() TO '
            . 'PUBLIC');
for my $reset ('SELECT empty_it()', 'BEGIN; SELECT pg_stat_monitor_reset(); COMMIT',
    'DO $$ BEGIN PERFORM pg_stat_monitor_reset(); END $$', 'SET ROLE tool; SELECT empty_it(); RESET ROLE')
{
    ask($node, "SELECT 'before', 'the', 'reset'");
    ask($node, $reset);
    ask($node, "SELECT 'after', 'the', 'reset', 1") for 1 .. 3;
    is(ask($node, "SELECT coalesce(sum(calls) FILTER (WHERE query LIKE 'SELECT ''before%'), 0), "
            . "sum(calls) FILTER (WHERE query LIKE 'SELECT ''after%') FROM pg_stat_monitor"), '0|3',
                "$reset: exact counts");
}

# Clients with CREATE rights in template1; again and again; without a message above WARNING (6).
($out, $err) = ('', '');
$node->psql('template1', 'CREATE EXTENSION IF NOT EXISTS pg_stat_monitor; CREATE EXTENSION IF NOT EXISTS '
    . 'pg_stat_monitor; '
    . 'ALTER EXTENSION pg_stat_monitor UPDATE', stdout => \$out, stderr => \$err);
unlike($err, qr/ERROR|FATAL/, 'the extension in template1');
# Nothing is exported meanwhile, lest the rows leave memory before they are looked for.
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_export_database = 'no_such_database'; SELECT "
    . "pg_reload_conf()");
ask($node, 'CREATE DATABASE born_with_it');
is(ask_in('born_with_it', $node, "SELECT count(*) FROM pg_stat_monitor WHERE exported_at = 'infinity' "
        . "AND datname = 'postgres'") > 0, 1, 'a database made of it sees the statistics of the others');
ask_in('born_with_it', $node, 'DROP EXTENSION pg_stat_monitor');
is(ask($node, "SELECT string_agg(extname || ' ' || extversion, ',') FROM pg_extension WHERE extname = "
    . "'pg_stat_monitor'"),
    'pg_stat_monitor 2.4', 'one row in pg_extension');
is(ask($node, "SELECT to_regclass('pg_stat_monitor_settings') IS NULL"), 't', 'no pg_stat_monitor_settings');

$node->stop;
done_testing();
