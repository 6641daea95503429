# A configuration file that ran with 2.3 runs with us: what its values mean, what is refused and how, and what
# is said about settings that have no effect (compat-2.3.md 1, 1.1, 9.3).
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('old');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_monitor'\nautovacuum = off\n");

# Starts the server with these settings alone; returns what it shows of them, in order, and what it logged.
sub started_with
{
    my @settings = @_;
    my (@shown, @names);
    for my $line (@settings)
    {
        my ($name, $value) = split(/ = /, $line, 2);
        $node->append_conf('postgresql.conf', "pg_stat_monitor.$name = $value\n");
        push @names, $name;
    }
    my $offset = -s $node->logfile // 0;
    $node->start;
    my $log = slurp_file($node->logfile, $offset);
    for my $name (@names)
    {
        push @shown, ask($node, "SELECT coalesce(current_setting('pg_stat_monitor.$name', true), 'unknown')");
    }
    ask($node, 'SELECT 1');
    $node->stop;
    $node->adjust_conf('postgresql.conf', "pg_stat_monitor.$_", undef) for @names;
    return (join(' ', @shown), $log);
}

sub warnings_in
{
    my ($log) = @_;
    return scalar(my @found = $log =~ /WARNING:/g);
}

# The complete file of a server that used the defaults of 2.3, every name spelt out, with units.
my ($shown, $log) = started_with("pgsm_max = '256MB'", "pgsm_query_max_len = 2048", "pgsm_max_buckets = 10",
    "pgsm_bucket_time = 60", "pgsm_histogram_min = 1", "pgsm_histogram_max = 100000",
    "pgsm_histogram_buckets = 20", "pgsm_query_shared_buffer = '20MB'", "pgsm_track = 'top'",
    "pgsm_track_utility = 'yes'", "pgsm_track_planning = 'no'", "pgsm_enable_pgsm_query_id = 1",
    "pgsm_normalized_query = 0", "pgsm_enable_query_plan = 'off'", "pgsm_extract_comments = 'on'");
is($shown, '256MB 2kB 10 1min 1ms 100s 20 20MB top on off on off off on', "2.3's defaults, spelt out, hold");
is(warnings_in($log), 0, 'without a warning');

# The same with bare numbers: megabytes for pgsm_max still, kilobytes for the text buffer.
($shown, $log) = started_with('pgsm_max = 256', 'pgsm_query_shared_buffer = 20');
is($shown, '256MB 1MB', 'bare numbers: pgsm_max in MB; a text buffer of 20 kB is refused for the default');
like($log, qr/WARNING:.*20 kB is outside the valid range for .*"pg_stat_monitor.pgsm_query_shared_buffer"/,
    'and the log says so');
is(warnings_in($log), 1, 'once');

# Units of all kinds: [ written, shown ].
my %written = (
    pgsm_max => [ [ "'1GB'", '1GB' ], [ "'10240kB'", '10MB' ], [ "'1MB'", '1MB' ], [ '1', '1MB' ],
        [ '2048', '2GB' ] ],
    pgsm_query_shared_buffer => [ [ "'512kB'", '512kB' ], [ "'1024kB'", '1MB' ], [ "'20000kB'", '20000kB' ],
        [ "'1GB'", '1GB' ] ],
    pgsm_bucket_time => [ [ "'1min'", '1min' ], [ '10000', '10000s' ], [ '1', '1s' ] ],
    pgsm_query_max_len => [ [ '1024', '1kB' ], [ "'2kB'", '2kB' ], [ '10240', '10kB' ] ],
    pgsm_max_buckets => [ [ '1', '1' ], [ '20000', '20000' ] ],
    pgsm_histogram_max => [ [ '10.5', '10500us' ], [ '50', '50ms' ] ],
    pgsm_histogram_buckets => [ [ '5', '5' ], [ '50', '50' ] ]);
for my $name (sort keys %written)
{
    for my $pair (@{ $written{$name} })
    {
        my ($value, $wanted) = @$pair;
        ($shown, $log) = started_with("$name = $value");
        is("$shown, " . warnings_in($log), "$wanted, 0", "$name = $value");
    }
}

# Out of range, in no unit that there is, no word of the list: the server starts, warns and uses the default.
for my $case ([ 'pgsm_max', "'512kB'", '2MB' ], [ 'pgsm_max', '0', '2MB' ],
    [ 'pgsm_bucket_time', "'400ms'", '1min' ],
    [ 'pgsm_query_max_len', '1000', '1536B' ], [ 'pgsm_max_buckets', '0', '2' ],
    [ 'pgsm_histogram_max', '1', '100s' ],
    [ 'pgsm_histogram_buckets', '100', '20' ], [ 'pgsm_track', 'foo', 'top' ],
    [ 'pgsm_track_utility', 'perhaps', 'on' ],
    [ 'pgsm_max', "'3 parsec'", '2MB' ])
{
    my ($name, $value, $default) = @$case;
    ($shown, $log) = started_with("$name = $value");
    is("$shown, " . warnings_in($log), "$default, 1", "$name = $value: the default and one warning");
}

# The histogram's bounds depend on each other.
($shown, $log) = started_with('pgsm_histogram_min = 150000');
is($shown, '1ms', 'a lower bound above 99999 starts the server, with the default pair');
like($log, qr/WARNING:.*pgsm_histogram_max must be greater than pgsm_histogram_min by at least 1/,
    'and a warning');
($shown, $log) = started_with('pgsm_histogram_min = 150000', 'pgsm_histogram_max = 200000');
is($shown . ', ' . warnings_in($log), '150s 200s, 0', 'with an upper bound beyond it, it is good');
($shown, $log) = started_with('pgsm_histogram_min = 50', 'pgsm_histogram_max = 50');
is($shown, '1ms 100s', 'equal bounds: the default pair');
($shown, $log) = started_with('pgsm_histogram_min = 49', 'pgsm_histogram_max = 50');
like($log, qr/WARNING:.*histogram.*coincide/, 'bounds 1 apart: one warning about cells that coincide');

# What has no effect says so once, and starts.
($shown, $log) = started_with('pgsm_enable_overflow = on', 'pgsm_overflow_target = 1',
    'pgsm_track_application_names = off');
is($shown, 'on 1 off', 'settings without effect are accepted');
for my $name ('pgsm_enable_overflow', 'pgsm_overflow_target', 'pgsm_track_application_names')
{
    is(scalar(my @found = $log =~ /WARNING:.*\.$name has no effect/g), 1, "$name: one warning");
}
($shown, $log) = started_with('pgsm_enable_overflow = off');
is(warnings_in($log), 0, 'no warning where nothing was expected of it');

# A name that nobody knows is removed with a warning.
($shown, $log) = started_with('pgsm_of_the_future = 1');
is($shown, 'unknown', 'an unknown setting is not there');
like($log, qr/WARNING:.*invalid configuration parameter name "pg_stat_monitor.pgsm_of_the_future"/,
    'the log says so');

# The histogram's cells follow the settings (compat-2.3.md 5), as many as ranges in every row.
for my $case ([ 0, 100000, 20, 21, '{{0.000 - 1.778}' ], [ 1, 10000, 3, 5, '{{0.000 - 1.000}' ],
    [ 10, 20, 5, 7, '{{0.000 - 10.000}' ], [ 1, 50000000, 20, 21, '{{0.000 - 1.000}' ],
    [ 0, 50000000, 50, 50, '{{0.000 - 1.426}' ], [ 1, 1000, 50, 52, '{{0.000 - 1.000}' ])
{
    my ($min, $max, $cells, $ranges, $first) = @$case;
    $node->append_conf('postgresql.conf', "pg_stat_monitor.pgsm_histogram_min = $min\n"
            . "pg_stat_monitor.pgsm_histogram_max = $max\npg_stat_monitor.pgsm_histogram_buckets = $cells\n");
    $node->start;
    ask($node, 'CREATE EXTENSION IF NOT EXISTS pg_stat_monitor; SELECT 1');
    is(ask($node, 'SELECT cardinality(range()), (range())[1]'), "$ranges|$first",
        "histogram of $min, $max, $cells: ranges");
    is(ask($node, "SELECT min(cardinality(resp_calls)), max(cardinality(resp_calls)) FROM pg_stat_monitor "
            . "WHERE exported_at = 'infinity'"), "$ranges|$ranges", 'and as many cells in every row');
    $node->stop;
}

# A session that inherits a setting without effect, or reads the file again, is not told each time.
$node->start;
ask($node, "ALTER ROLE CURRENT_USER SET pg_stat_monitor.pgsm_track_application_names = off");
my $offset = -s $node->logfile;
ask($node, 'SELECT 1') for 1 .. 3;
ask($node, "ALTER SYSTEM SET pg_stat_monitor.pgsm_track_application_names = off");
my $session = $node->background_psql('postgres');
ask($node, 'SELECT pg_reload_conf()');
$node->wait_for_log(qr/pgsm_track_application_names" changed/, $offset);
$session->query_safe('SELECT 1');
$session->quit;
$log = slurp_file($node->logfile, $offset);
cmp_ok(warnings_in($log), '<=', 1, 'neither sessions nor a reload repeat the warning');

$node->stop;
done_testing();
