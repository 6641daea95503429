# A query that had run to its end when the transaction failed is counted, though PostgreSQL drops its portal without
# ending it; one that failed or was left halfway is not (promise P2).
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('portals', $NEVER_ENDS . $NO_EXPORTER . "pg_stat_monitor.pgsm_normalized_query = on\n");
# A table for each query: aliases do not make queries differ.
ask($node, "CREATE TABLE $_ AS SELECT g AS id FROM generate_series(1, 7) g")
    foreach qw(failing syntax terminated inside good whole looped seen);
my $dir = PostgreSQL::Test::Utils::tempdir();

# Executions and rows, and errors, of the statements that begin with a text.
sub figures
{
    my ($text) = @_;
    return ask($node, 'SELECT coalesce(sum(calls) FILTER (WHERE elevel = 0), 0), '
            . 'coalesce(sum(rows) FILTER (WHERE elevel = 0), 0), '
            . 'coalesce(sum(calls) FILTER (WHERE elevel <> 0), 0) '
            . "FROM pg_stat_monitor WHERE query LIKE '$text%'");
}

# pgbench ends a client at its first error, so each client runs the script once.
sub extended
{
    my ($name, @statements) = @_;
    my $script = "$dir/$name";
    append_to_file($script, join('', map { "$_;\n" } @statements));
    my ($out, $err) = run_command([ 'pgbench', '-n', '-M', 'extended', '-c', 4, '-t', 1, '-f', $script,
            '-h', $node->host, '-p', $node->port, 'postgres' ]);
    return $err;
}

like(extended('failing', 'BEGIN', 'SELECT id FROM failing', 'SELECT 1 / 0 AS culprit', 'END'),
    qr/division by zero/, 'a block whose second statement fails');
is(figures('SELECT id FROM failing'), '4|28|0', 'what ran before the failing statement is counted with its rows');
is(figures('SELECT $1 / $2 AS culprit'), '0|0|4', 'the failing statement is counted as an error, not as executed');

extended('syntax', 'BEGIN', 'SELECT id FROM syntax', 'SELECT FROM WHERE', 'END');
is(figures('SELECT id FROM syntax'), '4|28|0', 'the next statement cannot be parsed');

like(extended('terminated', 'BEGIN', 'SELECT id FROM terminated', 'SELECT pg_terminate_backend(pg_backend_pid())'),
    qr/terminating connection/, 'a connection that is terminated');
is(figures('SELECT id FROM terminated'), '4|28|0', 'its open portal is counted');

extended('subtransaction', 'BEGIN', 'SAVEPOINT s', 'SELECT id FROM inside', 'SELECT 1 / 0', 'ROLLBACK TO s');
is(figures('SELECT id FROM inside'), '4|28|0', 'in a subtransaction');

extended('good', 'BEGIN', 'SELECT id FROM good', 'SELECT id + 1 FROM good', 'END');
is(figures('SELECT id FROM good') . ' ' . figures('SELECT id + $1 FROM good'), '4|28|0 4|28|0',
    'nothing is counted twice where nothing fails');

# Cursors, read to the end or not.
$node->psql('postgres', "BEGIN; DECLARE whole CURSOR FOR SELECT id FROM whole; FETCH ALL FROM whole; SELECT 1 / 0");
is((split /\|/, figures('DECLARE whole'))[0], 1, 'a cursor that is read to its end, then an error: DECLARE');
is((split /\|/, figures('FETCH ALL FROM whole'))[0], 1, 'and FETCH are counted');

# Statements inside functions.
ask($node, <<'SQL');
CREATE FUNCTION loops(fails integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
    FOR r IN SELECT id FROM looped LOOP
        PERFORM 1 / (fails - r.id);
    END LOOP;
END $$;
CREATE FUNCTION raises() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
CREATE TRIGGER t AFTER INSERT ON seen FOR EACH ROW EXECUTE FUNCTION raises();
SQL
$node->psql('postgres', "SET pg_stat_monitor.pgsm_track = 'all'; SELECT loops(3)");
is(figures('SELECT id FROM looped'), '1|7|0', 'the query of a loop whose body fails had been read to its end');
is(figures('SELECT loops'), '0|0|1', 'the call of the function has failed');
$node->psql('postgres', 'INSERT INTO seen VALUES (8)');
is(figures('INSERT INTO seen'), '0|0|1', 'a trigger that fails after the statement fails the statement');
is(ask($node, 'SELECT count(*) FROM seen'), 7, 'and leaves nothing');

$node->stop;
done_testing();
