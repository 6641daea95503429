# Settings: the defaults, what is accepted, and what a value out of range does.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('settings', '');

sub shown
{
    my ($name) = @_;
    return ask($node, "SHOW pg_stat_monitor.$name");
}

# Restarts with one setting changed; returns what the server then shows and what it logged meanwhile.
sub restarted_with
{
    my ($name, $value) = @_;
    my $offset = -s $node->logfile;
    $node->append_conf('postgresql.conf', "pg_stat_monitor.$name = '$value'\n");
    $node->restart;
    my $log = slurp_file($node->logfile, $offset);
    my $shown = shown($name);
    $node->adjust_conf('postgresql.conf', "pg_stat_monitor.$name", undef);
    return ($shown, $log);
}

my %default = (
    pgsm_max => '2MB',
    pgsm_query_max_len => '1536B',
    pgsm_max_buckets => '2',
    pgsm_bucket_time => '1min',
    pgsm_query_shared_buffer => '1MB',
    pgsm_histogram_buckets => '20',
    pgsm_track => 'top',
    pgsm_track_minimum => 'none',
    pgsm_track_utility => 'on',
    pgsm_track_planning => 'off',
    pgsm_normalized_query => 'off',
    pgsm_enable_pgsm_query_id => 'on',
    pgsm_enable_query_plan => 'off',
    pgsm_extract_comments => 'off',
    pgsm_export_top_n => '300',
    pgsm_history_retention => '7d',
    pgsm_history_rollup_after => '1d',
    pgsm_history_max_size => '1GB',
    pgsm_export_database => '');
is(shown($_), $default{$_}, "$_ is $default{$_} by default") for sort keys %default;
is(ask($node, "select count(*) from pg_settings where name like 'pg_stat_monitor.%' and setting is null"),
    0, 'no setting is NULL');

# Out of range in a file: the server starts, says so, and the default is in force.
my %refused = (
    pgsm_max => [ '512kB', '20000MB' ],
    pgsm_query_shared_buffer => ['20'],
    pgsm_query_max_len => ['100'],
    pgsm_max_buckets => [ '0', '20001' ],
    pgsm_bucket_time => ['0'],
    pgsm_histogram_buckets => [ '1', '51' ]);
for my $name (sort keys %refused)
{
    for my $value (@{ $refused{$name} })
    {
        my ($shown, $log) = restarted_with($name, $value);
        is($shown, $default{$name}, "$name = $value: the default is in force");
        like($log, qr/WARNING:.*"pg_stat_monitor\.$name"/, "$name = $value: the log says so");
    }
}
is((restarted_with('pgsm_max', '256MB'))[0], '256MB', "2.3's pgsm_max is accepted");
is((restarted_with('pgsm_query_shared_buffer', '20MB'))[0], '20MB',
    "2.3's pgsm_query_shared_buffer is accepted");
is((restarted_with('pgsm_max_buckets', '10'))[0], '10', "2.3's pgsm_max_buckets is accepted");
my ($shown, $log) = restarted_with('pgsm_histogram_min', '200000');
like($log, qr/WARNING:.*histogram/, 'a lower bound above the upper one starts the server, with a warning');
(undef, $log) = restarted_with('pgsm_enable_overflow', 'on');
my @warnings = $log =~ /WARNING:.*pgsm_enable_overflow/g;
is(scalar @warnings, 1, 'pgsm_enable_overflow = on: one warning');

# At run time.
my ($state, $message) = failure($node, "SET pg_stat_monitor.pgsm_max = '4MB'");
is($state, '55P02', 'the size of the store can not change at run time');
($state) = failure($node, "SET pg_stat_monitor.pgsm_track = 'some'");
is($state, '22023', 'an unknown word is refused');
($state, $message) = failure($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_export_top_n = '-1'");
is($state, '22023', 'a number of rows below the range is refused');
like($message, qr/outside the valid range/, 'with the range');
($state) = failure($node, 'SET pg_stat_monitor.no_such_setting = 1');
is($state, '42602', 'the prefix is reserved');
ask($node, "SET pg_stat_monitor.pgsm_track = 'none'; SELECT 1 AS hidden");
is(calls_of($node, 'SELECT 1 AS hidden'), 0, 'pgsm_track = none records nothing');
ask($node, "SET pg_stat_monitor.pgsm_track = 'all'; SELECT 1 AS shown");
is(calls_of($node, 'SELECT 1 AS shown'), 1, 'pgsm_track = all records');

# The number of rows that an export writes one by one; the others are added up, so that sums stay true.
$node->append_conf('postgresql.conf', "pg_stat_monitor.pgsm_export_top_n = 5\n" . $NEVER_ENDS . $NO_EXPORTER);
$node->restart;
ask($node, 'CREATE TABLE wide (' . join(', ', map { "c$_ integer" } 1 .. 40) . ')');
ask($node, 'SELECT pg_stat_monitor_export()');
ask($node, join(";\n", map { "SELECT c$_ FROM wide" } 1 .. 40));
# 40 and the export before them: 5 rows and a residual one.
is(ask($node, 'SELECT pg_stat_monitor_export()'), 6,
'the export writes the top five and the rest in one row');
my $last = "bucket = (SELECT max(bucket) FROM pg_stat_monitor WHERE exported_at < 'infinity')";
is(ask($node, "SELECT sum(calls) FROM pg_stat_monitor WHERE $last"), 41,
    'together they hold every call');
is(ask($node, "SELECT calls, queryid IS NULL FROM pg_stat_monitor WHERE $last "
        . "AND query = '<other statements>'"),
    '36|t', 'the rest are the other calls, under no queryid');

$node->stop;
done_testing();
