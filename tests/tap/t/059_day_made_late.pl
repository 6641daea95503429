# A day's partition that is made when the default one has rows of that day already: they are moved, and readers who
# come at that moment see every row, once.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('late', "pg_stat_monitor.pgsm_bucket_time = 1\npg_stat_monitor.pgsm_export_top_n = 5000\n"
      . "pg_stat_monitor.pgsm_max = 8MB\nlog_statement = none\n" . $NO_EXPORTER);
my $DAYS = q{SELECT inhrelid::regclass FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
  WHERE inhparent = 'pg_stat_monitor'::regclass AND relkind = 'r' AND relname <> 'pg_stat_monitor_default'};
my $dir = PostgreSQL::Test::Utils::tempdir();
my $sql = join('', map { my $n = $_; 'SELECT 1' . join('', map { ($n >> $_ & 1 ? ' + ' : ' - ') . '1' } 0 .. 10) . ";\n" }
      1 .. 1000);
ask($node, 'CREATE ROLE loader LOGIN');

sub export_into
{
    my ($database) = @_;
    ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_export_database = '$database'; SELECT pg_reload_conf()");
}

ask($node, "ALTER EXTENSION pg_stat_monitor DROP TABLE $_; DROP TABLE $_") for split(/\n/, ask($node, $DAYS));
$node->safe_psql('postgres', $sql, extra_params => [ '-U', 'loader' ]);
ask($node, 'SELECT pg_stat_monitor_export()');
my $rest = "SELECT count(*) FROM pg_stat_monitor_default WHERE userid = 'loader'::regrole";
is(ask($node, $rest), 1000, 'the default partition has rows of today');

# As far as a reader is who has looked which partitions there are, and has none of them open yet.
my $reader = $node->background_psql('postgres');
$reader->query_safe('BEGIN; LOCK TABLE ONLY pg_stat_monitor IN ACCESS SHARE MODE');
append_to_file("$dir/sum.sql", "SELECT 1 / (sum(calls) = 1000)::int FROM pg_stat_monitor WHERE userid = 'loader'::regrole;\n");
my $readers = IPC::Run::start([ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-c', '4', '-T', '8', '-f',
        "$dir/sum.sql", 'postgres' ], '>', \my $out, '2>', \my $err);
$node->poll_query_until('postgres', "SELECT count(*) = 4 FROM pg_stat_activity WHERE query LIKE 'SELECT 1 /%'");
export_into('postgres');
sleep 3;
is(ask($node, $rest), 1000, 'they stay there while such a reader has to find them');
is($reader->query_safe("SELECT sum(calls) FROM pg_stat_monitor WHERE userid = 'loader'::regrole"), 1000, 'and does');
$reader->query_safe('COMMIT');
$reader->quit;
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM ($rest) r WHERE count > 0"), 'then they are moved');
$readers->finish;
unlike($err, qr/ERROR|aborted/, 'and whoever read meanwhile saw each row once');
$node->stop;
done_testing();
