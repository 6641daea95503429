# What a backend holds for us does not grow with the number of statements, with everything switched on: simple,
# nested, prepared, failing, in DO loops (architecture P1). MEMORY_LOOPS sets the length of the long batch: 300000
# are more than a million statements.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $loops = $ENV{MEMORY_LOOPS} || 20000;
my $node = monitored_node('memory', $NO_EXPORTER . join('', map { "pg_stat_monitor.pgsm_$_\n" } "track = 'all'",
        'track_planning = on', 'normalized_query = on', 'enable_query_plan = on', 'extract_comments = on',
        'bucket_time = 1'));
ask($node, 'CREATE TABLE t (n integer); INSERT INTO t SELECT generate_series(1, 10); '
        . 'CREATE TABLE sizes (batch integer, ours bigint, total bigint)');
ask($node, <<'END');
CREATE FUNCTION nested(k integer) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF k % 5 = 0 THEN
        BEGIN
            PERFORM 1 / (k - k);
        EXCEPTION WHEN division_by_zero THEN NULL;
        END;
    END IF;
    RETURN (SELECT count(*) /* comment */ FROM t WHERE n = k);
END $$;
END

# One batch: $loops rounds of new and of known statements, some of which fail.
sub batch
{
    my ($number, $loops) = @_;
    my $sql = "DO \$\$ DECLARE r bigint; BEGIN FOR k IN 1 .. $loops LOOP r := nested(k); "
        . "IF k % 20 = 0 THEN EXECUTE format('SELECT %s FROM t LIMIT 1', repeat('n + ', (k / 20) % 200) || '1') INTO r; "
        . "END IF; END LOOP; END \$\$;\n";
    $sql .= "SELECT nested($_);\nEXECUTE p($_);\nSELECT n FROM t WHERE n = $_;\n" foreach 1 .. $loops / 100;
    return $sql . "INSERT INTO sizes SELECT $number, sum(total_bytes) FILTER (WHERE name LIKE 'pg_stat_monitor%'), "
        . "sum(total_bytes) FROM pg_backend_memory_contexts;\n";
}

ask($node, "PREPARE p (integer) AS SELECT n FROM t WHERE n = \$1;\n" . batch(1, 1000) . batch(2, 1000)
        . batch(3, $loops));
is(ask($node, 'SELECT (SELECT ours FROM sizes WHERE batch = 3) - (SELECT ours FROM sizes WHERE batch = 2)'), 0,
    "our memory contexts are as large after $loops rounds as after 1000");
cmp_ok(ask($node, 'SELECT ours FROM sizes WHERE batch = 3'), '<=', 65536, 'and no larger than 64 kB');
cmp_ok(ask($node, 'SELECT (SELECT total FROM sizes WHERE batch = 3) - (SELECT total FROM sizes WHERE batch = 2)'),
    '<', 262144, 'and nothing of ours grows in contexts of the server');
unlike(slurp_file($node->logfile), qr/WARNING|PANIC|leak/, 'nothing is leaked');
$node->stop;

done_testing();
