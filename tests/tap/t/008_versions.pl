# A library newer or older than the SQL objects: what can work works, everything else is a clear error that
# loses nothing.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('versions', $NEVER_ENDS . $NO_EXPORTER);
ask($node, "SELECT 1 AS counted;\n" x 12);
is(calls_of($node, 'SELECT 1 AS counted'), 12, 'twelve calls are counted');

# Library newer than the objects: 2.3's keep working, side by side with 2.4's elsewhere.
ask($node, 'CREATE DATABASE old');
ask_in('old', $node, "CREATE EXTENSION pg_stat_monitor VERSION '2.3'");
is(ask_in('old', $node, "SELECT relkind FROM pg_class WHERE oid = 'pg_stat_monitor'::regclass"), 'v',
    "2.3's relation is a view");
is(calls_of($node, 'SELECT 1 AS counted'), 12, 'nothing is lost by it');
is(ask_in('old', $node, "select sum(calls) from pg_stat_monitor where query like 'SELECT 1 AS counted%'"),
    12, "2.3's view shows what this library counts");

# The rows of the entry points of versions before: their number of columns.
my %columns = ('pg_stat_monitor_2_0' => 64, 'pg_stat_monitor_2_1' => 70);
my $outs = ask($node, "SELECT string_agg(n || ' ' || t::regtype::text, ',' ORDER BY o) FROM pg_proc, "
        . "unnest(proargnames, proallargtypes, proargmodes) WITH ORDINALITY a (n, t, m, o) "
        . "WHERE proname = 'pg_stat_monitor_internal' AND m = 'o'");
is(scalar(my @all = split(/,/, $outs)), 73, 'the internal function has 73 columns');
my %since = map { $_ => 2.3 } qw(wal_buffers_full parallel_workers_to_launch parallel_workers_launched);
$since{$_} = 2.1 for qw(local_blk_read_time local_blk_write_time jit_deform_count jit_deform_time);
$since{$_} = 2.1 for qw(stats_since minmax_stats_since);
for my $symbol (sort keys %columns)
{
    my ($version) = map { s/_/./r } $symbol =~ /(\d_\d)$/;
    my @kept = grep { ($since{ (split(/ /, $_))[0] } // 2.0) <= $version } @all;
    is(scalar @kept, $columns{$symbol}, "$symbol: $columns{$symbol} columns");
    my $arguments = join(', ', 'IN showtext boolean', map { "OUT $_" } @kept);
    ask($node, "CREATE FUNCTION old_$symbol($arguments) "
            . "RETURNS SETOF record AS '\$libdir/pg_stat_monitor', '$symbol' LANGUAGE C STRICT");
    is(ask($node, "select sum(calls) from old_$symbol(true) where query like 'SELECT 1 AS counted%'"),
        12, "$symbol shows what is counted");
}
for my $symbol ('pg_stat_monitor_1_0', 'pg_stat_monitor')
{
    ask($node, "CREATE FUNCTION old_$symbol(OUT a bigint, OUT b bigint) RETURNS SETOF record "
            . "AS '\$libdir/pg_stat_monitor', '$symbol' LANGUAGE C");
    my ($state, $message) = failure($node, "SELECT * FROM old_$symbol()");
    is($state, '0A000', "$symbol is refused");
    like($message, qr/HINT:.*ALTER EXTENSION pg_stat_monitor UPDATE/s, "$symbol: the hint names the way out");
}

# Library older than the objects: a column by another name than it knows.
ask($node, 'ALTER TABLE pg_stat_monitor RENAME COLUMN jit_deform_time TO of_the_future');
for my $sql ('SELECT * FROM pg_stat_monitor_live', 'SELECT pg_stat_monitor_export()')
{
    # Twice in one session: the error must leave nothing behind that makes the second one different.
    for my $text ($sql, "\\set ON_ERROR_STOP 0\n$sql;\n\\set ON_ERROR_STOP 1\n$sql")
    {
        my ($state, $message) = failure($node, $text);
        is($state, '55000', "$sql: objects that the library does not know are refused");
        like($message, qr/jit_deform_time|of_the_future/, "$sql: the error names the column");
        like($message, qr/HINT:.*ALTER EXTENSION pg_stat_monitor UPDATE/, "$sql: the hint names the way out");
    }
}
ask($node, 'ALTER TABLE pg_stat_monitor RENAME COLUMN of_the_future TO jit_deform_time');
is(calls_of($node, 'SELECT 1 AS counted'), 12, 'with the column everything is there again');

# A column that came and went leaves a hole in the table that neither reading nor exporting stumbles over.
ask($node, 'ALTER TABLE pg_stat_monitor ADD COLUMN passing bigint');
ask($node, 'ALTER TABLE pg_stat_monitor DROP COLUMN passing');
is(calls_of($node, 'SELECT 1 AS counted'), 12, 'a dropped column does not disturb reading');
ask($node, 'SELECT pg_stat_monitor_export()');
is(calls_of($node, 'SELECT 1 AS counted', "exported_at < 'infinity'"), 12, 'nor exporting');

# 2.3 to 2.4 keeps who may read and counts on.
ask_in('old', $node, 'CREATE ROLE reader; GRANT SELECT ON pg_stat_monitor TO reader WITH GRANT OPTION');
ask_in('old', $node, 'CREATE VIEW mine AS SELECT calls FROM pg_stat_monitor');
my ($state) = failure($node, "ALTER EXTENSION pg_stat_monitor UPDATE TO '2.4'", 'old');
is($state, '2BP01', "a user's view stops the update, it is not dropped");
is(ask_in('old', $node, 'SELECT count(*) >= 0 FROM mine'), 't', "the user's view is there");
ask_in('old', $node, "DROP VIEW mine; ALTER EXTENSION pg_stat_monitor UPDATE TO '2.4'");
is(ask_in('old', $node, "SELECT relkind FROM pg_class WHERE oid = 'pg_stat_monitor'::regclass"), 'p',
    'the update brings the table');
my $granted = "SELECT has_table_privilege('reader', 'pg_stat_monitor', 'SELECT WITH GRANT OPTION')";
is(ask_in('old', $node, $granted), 't', 'and takes grants along');

# Installed at once or updated: the same objects.
ask($node, 'CREATE DATABASE fresh');
ask_in('fresh', $node, 'CREATE EXTENSION pg_stat_monitor');
my $objects = q{SELECT string_agg(x, E'\n' ORDER BY x) FROM (
    SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend
     WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
       AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_stat_monitor')
    UNION ALL
    SELECT concat_ws(' ', a.attrelid::regclass, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),
        a.attnotnull,
           pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum))
      FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid::regclass::text LIKE 'pg_stat_monitor%' AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT regexp_replace(pg_get_functiondef(p.oid), '\s+', ' ', 'g') FROM pg_proc p JOIN pg_depend d
        ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
       AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_stat_monitor')
    UNION ALL
    SELECT concat_ws(' ', polname, polcmd, pg_get_expr(polqual, polrelid)) FROM pg_policy
    UNION ALL
    SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'pg_stat_monitor%') o (x)};
is(ask_in('old', $node, $objects), ask_in('fresh', $node, $objects), 'fresh and updated are the same');

$node->stop;
done_testing();
