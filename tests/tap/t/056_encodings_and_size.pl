# Names, comments and texts in every encoding that a database may have, read from databases of other ones; a
# statement of 100 MB; one that touches very many partitions (10,000 with MANY_PARTITIONS=10000).
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $partitions = $ENV{MANY_PARTITIONS} // 1000;
my $node = monitored_node('extremes', $NEVER_ENDS . $NO_EXPORTER . "log_statement = none\nlog_min_error_statement = panic\n"
      . "pg_stat_monitor.pgsm_extract_comments = on\npg_stat_monitor.pgsm_normalized_query = on\n"
      . "pg_stat_monitor.pgsm_enable_query_plan = on\nmax_locks_per_transaction = " . ($partitions / 50 + 64) . "\n"
      . "pg_stat_monitor.pgsm_max = 8MB\npg_stat_monitor.pgsm_query_shared_buffer = 8MB\n", extra => [ '--encoding=UTF8', '--no-locale' ]);

# Name of the encoding, bytes that are a name there; valid.
my %encodings = (
    UTF8 => "\xc3\xa4\xe6\xbc\xa2", LATIN1 => "\xe4\xdf", LATIN9 => "\xa4uro", WIN1251 => "\xcf\xf0\xe8", KOI8R => "\xc1\xc2",
    WIN1252 => "\x80uro", EUC_JP => "\xb4\xc1\xbb\xfa", EUC_KR => "\xc7\xd1", EUC_TW => "\xa4\xa4", EUC_CN => "\xba\xba",
    LATIN2 => "\xe6", ISO_8859_5 => "\xd0", ISO_8859_7 => "\xe1", WIN1256 => "\xc7", WIN874 => "\xa1", MULE_INTERNAL => "\x81\xe4",
    SQL_ASCII => "\xff\xfe\xe4",
);
# PostgreSQL 19 has it no more.
delete $encodings{MULE_INTERNAL} if ask($node, "SELECT pg_char_to_encoding('MULE_INTERNAL')") < 0;
my $dir = PostgreSQL::Test::Utils::tempdir();
for my $encoding (sort keys %encodings)
{
    my $name = $encodings{$encoding};
    my $database = lc("in_$encoding");
    ask($node, "CREATE DATABASE $database TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
    open(my $file, '>:raw', "$dir/$encoding.sql") or die $!;
    print {$file} "SET client_encoding = $encoding;\nSET application_name = 'app';\nCREATE TABLE \"t$name\" (\"c$name\" int);\n"
      . "SELECT \"c$name\" FROM \"t$name\" /* $name */ WHERE '$name' <> '';\nSELECT '$name'::int;\n";
    close($file);
    my $ran = run_log([ 'psql', '-X', '-q', '-h', $node->host, '-p', $node->port, '-f', "$dir/$encoding.sql", $database ],
        '>', \my $out, '2>', \my $err);
    my @errors = $err =~ /ERROR: .*/g;
    is(scalar(@errors), 1, "$encoding: the statements run, the wrong one fails") or diag($err);
    # Its own rows, from a database of the same encoding and from one of UTF8.
    ask_in($database, $node, 'CREATE EXTENSION pg_stat_monitor');
    my $mine = "datname = '$database'";
    my $own = ask_in($database, $node, "SELECT count(*), count(relations) > 0, count(nullif(comments, '')) > 0, "
          . "bool_or(message <> '') FROM pg_stat_monitor WHERE $mine");
    like($own, qr/^[4-9]\d*\|t\|t\|t$/, "$encoding: relation, comment and message are shown in their own database");
    my $rows = ask($node, "SELECT count(*), sum(length(query || coalesce(comments, '') || coalesce(message, '') "
          . "|| coalesce(query_plan, '') || coalesce(relations::text, ''))) > 0 FROM pg_stat_monitor WHERE $mine");
    like($rows, qr/^\d+\|t$/, "$encoding: and as valid text in a database of UTF8");
}
cmp_ok(ask($node, 'SELECT pg_stat_monitor_export()'), '>', 60, 'all of it can be exported into UTF8');
is(ask($node, 'SELECT count(*) FROM pg_stat_monitor WHERE octet_length(query) <> '
        . "octet_length(convert_from(convert_to(query, 'UTF8'), 'UTF8'))"), 0, 'as valid text');

# 100 MB.
my $bytes = 100 * 1024 * 1024;
open(my $file, '>', "$dir/large.sql") or die $!;
print {$file} "SELECT length('";
print {$file} 'x' x (1024 * 1024) for 1 .. 100;
print {$file} "') AS hundred_mb;\n";
close($file);
my $begin = time();
my ($length) = run_command([ 'psql', '-X', '-At', '-h', $node->host, '-p', $node->port, '-f', "$dir/large.sql", 'postgres' ]);
is($length, $bytes, 'a statement of 100 MB runs');
note(sprintf('in %.1f s', time() - $begin));
unlink("$dir/large.sql");
is(calls_of($node, 'SELECT length('), 1, 'and is counted');

# Partitions.
ask($node, 'CREATE TABLE p (a int) PARTITION BY RANGE (a)');
ask($node, "DO \$\$BEGIN FOR i IN 1 .. $partitions LOOP EXECUTE format('CREATE TABLE p%s PARTITION OF p FOR VALUES "
      . "FROM (%s) TO (%s)', i, i, i + 1); END LOOP; END\$\$");
is(ask($node, "INSERT INTO p SELECT generate_series(1, $partitions); SELECT count(a) FROM p"), $partitions,
    "$partitions partitions");
is(ask($node, 'SELECT array_length(relations, 1) > 0 FROM pg_stat_monitor '
        . "WHERE query LIKE 'INSERT INTO p %'"), 't', 'are counted with some names');
is(calls_of($node, 'SELECT count(a) FROM p'), 1, 'read ones, too');
unlike(slurp_file($node->logfile), qr/was terminated by signal|PANIC|TRAP/, 'nothing has died');
$node->stop;
done_testing();
