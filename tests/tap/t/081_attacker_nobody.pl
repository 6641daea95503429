# What a role without any privilege can learn of other people's statements: nothing, by whatever SQL it can send.
use strict;
use warnings;

use Attack;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = fortress('nobody');
my $nobody = attacker($node, 'zq_attacker');
my ($day) = grep { /_\d{8}$/ } partitions($node, 'postgres', 'r');
ask($node, "SELECT pg_stat_monitor_serve_2_3('zq_victim')");
my $VIEW = 'pgsm_2_3.pg_stat_monitor';
my $WORD = q{'zq' || 'peek'};

# Just read it.
$nobody->nothing('the table', 'SELECT m::text FROM pg_stat_monitor AS m');
$nobody->nothing('its live part', "SELECT m::text FROM pg_stat_monitor AS m WHERE exported_at = 'infinity'");
$nobody->nothing('its stored part', "SELECT m::text FROM pg_stat_monitor AS m WHERE exported_at < 'infinity'");
$nobody->refused("partition $_", "SELECT query FROM $_") for partitions($node, 'postgres', 'rf');
my $HIS = "WHERE username = 'zq_victim'";
$nobody->nothing(
    "column $_ of the row function",
    "SELECT $_ FROM pg_stat_monitor_internal(true) $HIS",
    $_ eq 'client_ip' ? (leak => qr/\d/) : ()) for private_columns();
$nobody->nothing('the whole row function', 'SELECT m::text FROM pg_stat_monitor_internal() AS m');
$nobody->nothing(
    'the row function without texts',
    'SELECT m::text FROM pg_stat_monitor_internal(false) AS m',
    control => []);
$nobody->nothing('the view of 2.3', "SELECT m::text FROM $VIEW AS m");
$nobody->nothing("column $_ of the view", "SELECT $_ FROM $VIEW $HIS", $_ eq 'client_ip' ? (leak => qr/\d/) : ())
    for private_columns();
is( $nobody->told('zq_attacker', "SELECT DISTINCT query FROM $VIEW WHERE username = 'zq_victim'"),
    "<insufficient privilege>\n",
    'where the rows are masked');

# Functions, operators, casts and errors of its own, run on other people's rows.
my $LEAK = q{CREATE FUNCTION zq.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
  $$BEGIN IF $1 ~ ('zq' || 'peek') THEN RAISE NOTICE 'seen: %', $1; END IF; RETURN true; END$$;
  CREATE FUNCTION zq.leaks(text, text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$BEGIN RETURN zq.leak($1); END$$;
  CREATE OPERATOR zq.<< (LEFTARG = text, RIGHTARG = text, FUNCTION = zq.leaks);
  CREATE DOMAIN zq.spy AS text CHECK (zq.leak(VALUE));
  CREATE AGGREGATE zq.gather(text) (SFUNC = textcat, STYPE = text)};
$nobody->told('zq_attacker', $LEAK);
for my $from ('pg_stat_monitor', $VIEW, 'pg_stat_monitor_internal()')
{
    $nobody->nothing("a cheap function in WHERE on $from", "SELECT 1 FROM $from AS m WHERE zq.leak(query)");
    $nobody->nothing("an operator on $from", "SELECT 1 FROM $from AS m WHERE query OPERATOR(zq.<<) 'x'");
    $nobody->nothing("a domain on $from", "SELECT query::zq.spy FROM $from AS m");
    $nobody->nothing("a cast that fails on $from", "SELECT query::integer FROM $from AS m WHERE query ~ ($WORD)");
    $nobody->nothing(
        "a division by zero on $from",
        "SELECT 1 FROM $from AS m WHERE 1 / (CASE WHEN query ~ ($WORD) THEN 0 ELSE 1 END) = 1",
        leak => qr/division by zero/);
    $nobody->nothing("an aggregate on $from", "SELECT zq.gather(query ORDER BY query) FROM $from AS m");
    $nobody->nothing(
        "ORDER BY, HAVING, windows on $from",
        "SELECT lag(query) OVER (ORDER BY zq.leak(query)) FROM $from AS m GROUP BY query HAVING zq.leak(min(query)) ORDER BY zq.leak(query)"
    );
}
$nobody->nothing('a lateral join',
    'SELECT s FROM pg_stat_monitor AS m, LATERAL (SELECT zq.leak(m.query) AS s OFFSET 0) AS x');
$nobody->nothing('a whole row', 'SELECT 1 FROM pg_stat_monitor AS m WHERE zq.leak(m::text)');

# What the planner and the executor say. The control asks the rows themselves.
for my $column (grep { $_ ne 'client_ip' } private_columns())
{
    $nobody->alike(
        "the estimate for $column",
        "EXPLAIN SELECT * FROM pg_stat_monitor WHERE exported_at < 'infinity' AND $column < '{}'",
        '!!!!',
        'zzzz',
        control =>
            "SELECT count(*) FROM pg_stat_monitor WHERE exported_at < 'infinity' AND $column < '{}' COLLATE \"C\"");
}
$nobody->alike(
    'the estimate for client_ip',
    "EXPLAIN SELECT * FROM pg_stat_monitor WHERE exported_at < 'infinity' AND client_ip = '{}'",
    '10.0.0.7', '10.0.0.9', control => "SELECT count(*) FROM pg_stat_monitor WHERE client_ip = '{}'");
$nobody->alike(
    'the estimate for one day',
    "EXPLAIN SELECT * FROM pg_stat_monitor WHERE exported_at < 'infinity' AND exported_at > '2002-01-01' AND query < '{}'",
    '!!!!',
    'zzzz',
    control => "SELECT count(*) FROM pg_stat_monitor WHERE query < '{}' COLLATE \"C\"");
$nobody->alike(
    'the estimate for the live part',
    "EXPLAIN SELECT * FROM pg_stat_monitor WHERE exported_at = 'infinity' AND query < '{}'",
    '!!!!', 'zzzz', control => "SELECT count(*) FROM pg_stat_monitor WHERE query < '{}' COLLATE \"C\"");
$nobody->alike(
    'the estimate of a prefix',
    "EXPLAIN SELECT * FROM pg_stat_monitor WHERE exported_at < 'infinity' AND starts_with(query, '{}') AND query >= '{}' AND query < '{}~'",
    'zq' . 'peek',
    'sesam1',
    control => "SELECT count(*) FROM pg_stat_monitor WHERE query LIKE '{}%'");
$nobody->alike(
    'the estimate of NULLs',
    'EXPLAIN SELECT * FROM pg_stat_monitor WHERE exported_at < now() AND {} IS NULL',
    'comments', 'message', control => 'SELECT count(*) FROM pg_stat_monitor WHERE exported_at < now() AND {} IS NULL');
$nobody->told(
    'zq_attacker',
    q{CREATE TABLE zq.guess1 AS SELECT 'zq' || 'peek_' || g AS q FROM generate_series(1, 40) g; CREATE TABLE zq.guess2 AS SELECT 'zq' || 'nope_' || g AS q FROM generate_series(1, 40) g;
  ANALYZE zq.guess1; ANALYZE zq.guess2; GRANT SELECT ON zq.guess1, zq.guess2 TO PUBLIC; GRANT USAGE ON SCHEMA zq TO PUBLIC}
);
$nobody->alike(
    'the estimate of a join',
    "EXPLAIN SELECT * FROM pg_stat_monitor AS m JOIN zq.{} AS g ON m.query = g.q WHERE exported_at < 'infinity'",
    'guess1',
    'guess2',
    control => 'SELECT count(*) FROM pg_stat_monitor AS m JOIN zq.{} AS g ON m.query = g.q');
$nobody->alike(
    'the counts of EXPLAIN ANALYZE',
    "$PLAN SELECT * FROM pg_stat_monitor WHERE query = '{}'",
    'zq' . 'peek_1',
    'other_1', control => "SELECT count(*) FROM pg_stat_monitor WHERE query = '{}'");
$nobody->alike(
    'the counts of a join',
    "$PLAN SELECT * FROM pg_stat_monitor AS m JOIN zq.{} AS g ON m.query = g.q",
    'guess1', 'guess2', control => 'SELECT count(*) FROM pg_stat_monitor AS m JOIN zq.{} AS g ON m.query = g.q');
$nobody->alike(
    'what an index scan finds',
    "SET enable_seqscan = off; $PLAN SELECT * FROM pg_stat_monitor WHERE exported_at < '2002-01-01' AND query = '{}'",
    'zq' . 'peek_1',
    'other_1',
    control => "SELECT count(*) FROM pg_stat_monitor WHERE query = '{}'");
my %own_width = map { /(\w+) (\d+)/ } split(/\n/,
    $nobody->told('zq_attacker', 'CREATE TABLE zq.never (query text)', 'EXPLAIN SELECT query FROM zq.never') =~
        s/.*width=(\d+).*/never $1/r);
my @widths = $nobody->told('zq_attacker', "EXPLAIN SELECT query FROM pg_stat_monitor WHERE exported_at < 'infinity'") =~
    /Scan on .* width=(\d+)/g;
is(join(' ', grep { $_ != $own_width{never} } @widths),
    '', 'the width that the planner takes texts for is that of any text');
$nobody->nothing(
    "$_ tells nothing", "SELECT * FROM $_ WHERE tablename LIKE 'pg\\_stat\\_monitor%'",
    leak => qr/./,
    control => []) for qw(pg_stats pg_stats_ext pg_stats_ext_exprs);
$nobody->refused("$_ is closed", "SELECT * FROM $_") for qw(pg_statistic pg_statistic_ext_data);

# A text that lies outside of its row is only fetched when its length is the right one.
ask($node,
    "INSERT INTO pg_stat_monitor (userid, query, calls, exported_at) SELECT 'zq_victim'::regrole, string_agg(md5(g::text), ''), 1, '2001-01-02' FROM generate_series(1, 100) g"
);
my $length = ask($node, 'SELECT octet_length(query) FROM pg_stat_monitor ORDER BY 1 DESC NULLS LAST LIMIT 1');
my %hits = map {
    my $n = $_;
    my $sql =
        "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) SELECT 1 FROM pg_stat_monitor WHERE exported_at < 'infinity' AND query = repeat('x', $n)";
    ($n => join(' ', ($nobody->told('zq_attacker', ($sql) x 3) =~ /Buffers: shared hit=(\d+)/g)[ -2, -1 ]))
} ($length, $length + 1);
is($hits{$length}, $hits{ $length + 1 }, 'the pages read do not depend on a guess at the length');

$node->stop;
done_testing();
