# Exported into a database of SQL_ASCII, which takes any bytes: statements, messages, comments and names of every
# encoding, and bytes that are no text, can be read by clients of all encodings, live and stored.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('ascii', $NEVER_ENDS . "pg_stat_monitor.pgsm_export_database = 'none'\n"
      . "log_statement = none\nlog_min_error_statement = panic\n"
      . "pg_stat_monitor.pgsm_extract_comments = on\npg_stat_monitor.pgsm_enable_query_plan = on\n"
      . "pg_stat_monitor.pgsm_track = all\npg_stat_monitor.pgsm_export_top_n = 5000\n", extra => [ '--encoding=UTF8', '--no-locale' ]);
my $dir = PostgreSQL::Test::Utils::tempdir();
my @at = ('-X', '-q', '-h', $node->host, '-p', $node->port);

# Runs bytes in a database, whose encoding is the client's.
my $scripts = 0;
sub bytes
{
    my ($database, $sql) = @_;
    my $path = "$dir/" . $scripts++ . '.sql';
    open(my $file, '>:raw', $path) or die $!;
    print {$file} $sql;
    close($file);
    local $ENV{PGCLIENTENCODING} = ask_in($database, $node, 'SHOW server_encoding');
    IPC::Run::run([ 'psql', @at, '-f', $path, $database ], '>', \my $out, '2>', \my $err);
    return;
}

# What is wrong for a client of this encoding that reads everything; empty: nothing.
sub trouble
{
    my ($database, $encoding, $where) = @_;
    local $ENV{PGCLIENTENCODING} = $encoding;
    my ($out, $err) = ('', '');
    IPC::Run::run([ 'psql', @at, '-At', '-c', "SELECT * FROM pg_stat_monitor WHERE $where", $database ], '>', \$out, '2>', \$err);
    return $err . ($out eq '' ? 'no rows' : '');
}

my %names = (UTF8 => "\xc3\xa4\xe2\x82\xac", LATIN1 => "\xe4\xdf", EUC_JP => "\xb4\xc1\xbb\xfa", SQL_ASCII => "\xff\xfe\xe4");
for my $encoding (sort keys %names)
{
    ask($node, "CREATE DATABASE in_\L$encoding\E TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
}
my $store = 'in_sql_ascii';
ask_in($store, $node, 'CREATE EXTENSION pg_stat_monitor');
ask_in('in_utf8', $node, 'CREATE EXTENSION pg_stat_monitor');
for my $encoding (sort keys %names)
{
    my $name = $names{$encoding};
    my $database = "in_\L$encoding";
    # Role names are the cluster's, whatever encoding they were written in.
    bytes($database, "CREATE ROLE \"r$name\" LOGIN SUPERUSER;\nSET application_name = 'app$name';\nSET ROLE \"r$name\";\n"
          . "CREATE TABLE \"t$name\" (\"c$name\" text);\n"
          . "SELECT '$name', \"c$name\" FROM \"t$name\" /* $name */ WHERE \"c$name\" <> '$name';\n"
          . "SELECT '$name'::int;\nSELECT \"no$name\";\n"
          . "DO \$\$ BEGIN RAISE WARNING '$name'; PERFORM '$name'; END \$\$;\n");
    bytes($database, "ALTER ROLE \"r$name\" RENAME TO \"s$name\";\n");
}
bytes('postgres', "CREATE DATABASE \"d\xc3\xa4\" TEMPLATE template0 ENCODING LATIN1 LOCALE 'C';\n");
bytes("d\xc3\xa4", "SELECT 'in a database with a name of two bytes';\n");

sub readable
{
    my ($what, $where) = @_;
    for my $database ($store, 'in_utf8')
    {
        for my $encoding ('UTF8', 'SQL_ASCII', $database eq $store ? ('LATIN1', 'EUC_JP', 'WIN1251', 'SJIS', 'BIG5') : ())
        {
            next if $database eq 'in_utf8' && $where =~ /</;
            is(trouble($database, $encoding, $where), '', "$what, $database, client of $encoding");
        }
    }
    return;
}
readable('live', "exported_at = 'infinity'");
my $TEXTS = "SELECT count(*) FROM pg_stat_monitor WHERE query LIKE 'SELECT %\\\\xff\\\\xfe\\\\xe4%' AND "
  . "relations::text LIKE '%t\\\\\\\\xff%' AND comments LIKE '%\\\\xff%'";
is(ask_in($store, $node, "$TEXTS AND exported_at = 'infinity'"), 1, 'bytes can be told from each other: live');
cmp_ok(ask_in($store, $node, 'SELECT pg_stat_monitor_export()'), '>', 20, 'all of it is stored');
readable('stored', "exported_at < 'infinity'");
is(ask_in($store, $node, "$TEXTS AND exported_at < 'infinity'"), 1, 'and stored');
is(ask_in($store, $node, 'SELECT state IS NOT NULL FROM pg_stat_monitor_status'), 't', 'the status view, too');
$node->stop;
done_testing();
