# The same statement through the simple and the extended protocol, in databases of several encodings, over TCP,
# through a portal that is read in parts, and cancelled (compat-2.3.md 3.1, 4.2, 4.6, 4.7).
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

$ENV{PGCLIENTENCODING} = 'UTF8';
my $node = monitored_node('protocols', $NEVER_ENDS . $NO_EXPORTER
        . "pg_stat_monitor.pgsm_normalized_query = on\n");
pgbench($node, '-i', '-s', '1', '-q');
my $script = PostgreSQL::Test::Utils::tempdir() . '/script';
append_to_file($script, "\\set aid random(1, 100)\nSELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n");
foreach my $protocol (qw(simple extended prepared))
{
    ask($node, 'SELECT pg_stat_monitor_reset()');
    is(pgbench($node, '-n', '-M', $protocol, '-f', $script, '-t', '50'), 50, "$protocol: 50 selects ran");
    is(ask($node, "SELECT sum(calls), sum(rows), count(DISTINCT pgsm_query_id), min(query) FROM pg_stat_monitor "
                . "WHERE query LIKE 'SELECT abalance%'"),
        '50|50|1|SELECT abalance FROM pgbench_accounts WHERE aid = $1', "$protocol: counted under the normalised text");
    is(ask($node, 'SELECT pgsm_query_id = hashtextextended(query, 0) FROM pg_stat_monitor '
                . "WHERE query LIKE 'SELECT abalance%'"),
        't', "$protocol: the id is that of the text");
}

# The same when the text isn't normalised: pgsm_query_id does not depend on it.
$node->append_conf('postgresql.conf', "pg_stat_monitor.pgsm_normalized_query = off\n");
$node->reload;
ask($node, 'SELECT pg_stat_monitor_reset()');
pgbench($node, '-n', '-M', $_, '-f', $script, '-t', '5') foreach qw(simple extended prepared);
is(ask($node, 'SELECT sum(calls), count(DISTINCT pgsm_query_id), '
            . "count(DISTINCT pgsm_query_id) FILTER (WHERE pgsm_query_id = hashtextextended('"
            . 'SELECT abalance FROM pgbench_accounts WHERE aid = $1' . "', 0)) FROM pg_stat_monitor "
            . "WHERE query LIKE 'SELECT abalance%'"),
    '15|1|1', 'one pgsm_query_id for all protocols');

# An error row has the query id of its statement, whatever the protocol, also when nothing else is recorded.
ask($node, 'CREATE TABLE divisor AS SELECT 1 AS n');
my $divide = PostgreSQL::Test::Utils::tempdir() . '/divide';
append_to_file($divide, "SELECT 100 / n FROM divisor;\n");
foreach my $track (qw(top none))
{
    $node->append_conf('postgresql.conf', "pg_stat_monitor.pgsm_track = $track\n");
    $node->reload;
    foreach my $protocol (qw(simple extended prepared))
    {
        ask($node, "UPDATE divisor SET n = 1; SELECT pg_stat_monitor_reset(); SET pg_stat_monitor.pgsm_track = 'top'; "
                . 'SELECT 100 / n FROM divisor; UPDATE divisor SET n = 0');
        run_command([ 'pgbench', '-n', '-M', $protocol, '-f', $divide, '-t', 1, '-h', $node->host, '-p', $node->port,
                'postgres' ]);
        is(ask($node, 'SELECT count(*), count(DISTINCT queryid), sum(calls) FROM pg_stat_monitor '
                    . "WHERE query LIKE 'SELECT 100 / n%' AND elevel IN (0, 21)"),
            '2|1|2', "pgsm_track = $track, $protocol: execution and error have one query id");
    }
}
$node->append_conf('postgresql.conf', "pg_stat_monitor.pgsm_track = top\n");
$node->reload;

# A cursor: many statements, each with its own rows.
ask($node, 'SELECT pg_stat_monitor_reset()');
ask($node, 'BEGIN; DECLARE parts CURSOR FOR SELECT generate_series(1, 25) AS parts; '
        . 'FETCH FORWARD 10 FROM parts; FETCH FORWARD 10 FROM parts; FETCH FORWARD 10 FROM parts; COMMIT');
is(ask($node, "SELECT sum(rows) FROM pg_stat_monitor WHERE query LIKE 'FETCH FORWARD 10%'"), 25,
    'rows of a cursor are those of its FETCHes');

# Encodings: what is stored in one database is readable in all.
ask($node, "CREATE DATABASE $_->[0] ENCODING '$_->[1]' LOCALE 'C' TEMPLATE template0")
    foreach [ 'latin', 'LATIN1' ], [ 'ascii', 'SQL_ASCII' ];
ask_in($_, $node, 'CREATE EXTENSION pg_stat_monitor') foreach qw(latin ascii);
ask($node, 'SELECT pg_stat_monitor_reset()');
ask_in('postgres', $node, "SELECT 'Größe' AS utf");
ask_in('latin', $node, "SELECT 'Größe' AS latin");
ask_in('ascii', $node, "SET client_encoding = 'SQL_ASCII'; SELECT 'Gr\xf6\xdfe' AS ascii");
foreach my $database (qw(postgres latin ascii))
{
    is(ask_in($database, $node, 'SELECT count(*) FROM pg_stat_monitor WHERE length(query) > 0 '
                . "AND query ~ ' AS (utf|latin|ascii)\$' AND datname IN ('postgres', 'latin', 'ascii')"),
        3, "$database reads the texts of all databases");
}
is(ask($node, "SELECT query FROM pg_stat_monitor WHERE datname = 'latin' AND query LIKE '%AS latin'"),
    "SELECT 'Größe' AS latin", 'a text of a LATIN1 database reads the same in UTF8');

# A text cut inside of characters, in each encoding.
my $long = 'ö' x 2000;
ask_in('postgres', $node, "SELECT '$long' || 'x' AS long_one");
ask_in('latin', $node, "SELECT '$long' || 'x' AS long_one");
is(ask($node, "SELECT string_agg(datname || length(query), ',' ORDER BY datname) FROM pg_stat_monitor "
            . "WHERE query LIKE 'SELECT ''ööö%'"),
    'latin1536,postgres772', 'cut at pgsm_query_max_len bytes, between characters');

# Over TCP the address is the client's; over the socket it is 127.0.0.1.
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\n");
$node->append_conf('pg_hba.conf', "host all all 127.0.0.1/32 trust\n");
$node->restart;
ask($node, 'SELECT pg_stat_monitor_reset()');
$node->safe_psql('postgres', "SELECT 'tcp' AS way", connstr => 'host=127.0.0.1 dbname=postgres port=' . $node->port);
is(ask($node, "SELECT client_ip FROM pg_stat_monitor WHERE query LIKE 'SELECT ''tcp''%'"), '127.0.0.1',
    'the address of a TCP client');

# Cancelled: an error row, no execution.
ask($node, 'SELECT pg_stat_monitor_reset()');
is((failure($node, "SET statement_timeout = '50ms'; SELECT pg_sleep(20) AS cancelled"))[0], '57014', 'cancelled');
is(ask($node, "SELECT string_agg(elevel || ' ' || calls, ',') FROM pg_stat_monitor WHERE query LIKE '%cancelled%' "
            . "AND query NOT LIKE '%string_agg%'"),
    '21 1', 'one error, no execution');
$node->stop;

done_testing();
