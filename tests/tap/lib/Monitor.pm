# What the TAP tests share: servers with the library preloaded, known loads, and the sums that must come out.
package Monitor;
use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes ();

our @EXPORT = qw(monitored_node ask ask_in calls_of failure pgbench kill_hard waits $NEVER_ENDS $NO_EXPORTER);

# A bucket that no clock ends during a test.
our $NEVER_ENDS = "pg_stat_monitor.pgsm_bucket_time = 2147483647\n";

# The exporter has nowhere to go: only the test itself exports.
our $NO_EXPORTER = "pg_stat_monitor.pgsm_export_database = 'no_such_database'\n";

# A started server with the library preloaded and the extension in database postgres. %init goes to init(). Constants
# are shown unless $conf says otherwise: most tests tell their statements by them.
sub monitored_node
{
    my ($name, $conf, %init) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    $node->init(%init);
    $node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_monitor'\nautovacuum = off\n"
        . "pg_stat_monitor.pgsm_normalized_query = off\n$conf");
    $node->start;
    ask($node, 'CREATE EXTENSION pg_stat_monitor');
    return $node;
}

# What SQL that must succeed prints, in database postgres or another.
sub ask
{
    my ($node, $sql) = @_;
    return $node->safe_psql('postgres', $sql);
}

sub ask_in
{
    my ($database, $node, $sql) = @_;
    return $node->safe_psql($database, $sql);
}

# How many executions of statements whose text begins with $text the relation shows; $where restricts the
# rows.
sub calls_of
{
    my ($node, $text, $where) = @_;
    $where = defined $where ? "AND $where" : '';
    return ask($node, "select coalesce(sum(calls), 0) from pg_stat_monitor where query like '$text%' $where");
}

# Runs one statement that must fail; returns its SQLSTATE and everything that the client was told.
sub failure
{
    my ($node, $sql, $database) = @_;
    my ($stdout, $stderr) = ('', '');
    my $status = $node->psql($database // 'postgres', $sql,
        stdout => \$stdout, stderr => \$stderr, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
    return ('succeeded', "printed: $stdout") if $status == 0;
    my ($state) = $stderr =~ /(?:ERROR|FATAL):\s+(\w{5}):/;
    return ($state // 'unknown', $stderr);
}

# Kills a process of the server so that the server restarts, and returns when it has: until the postmaster sees the
# death it takes connections, only to end them.
sub kill_hard
{
    my ($node, $pid) = @_;
    my $offset = -s $node->logfile;
    kill('KILL', $pid) == 1 or die "no process $pid to kill";
    $node->wait_for_log(qr/database system is ready to accept connections/, $offset);
}

# True when $condition->() came true within half a minute.
sub waits
{
    my ($condition) = @_;
    my $end = Time::HiRes::time() + 30;
    while (Time::HiRes::time() < $end)
    {
        return 1 if $condition->();
        Time::HiRes::usleep(50_000);
    }
    return 0;
}

# Runs pgbench on database postgres and returns the number of transactions that it says it processed.
sub pgbench
{
    my ($node, @options) = @_;
    my ($stdout, $stderr) = run_command([ 'pgbench', '-h', $node->host, '-p', $node->port, @options,
        'postgres' ]);
    my ($processed) = $stdout =~ /number of transactions actually processed: (\d+)/;
    die "pgbench @options: $stderr" unless defined $processed || grep { $_ eq '-i' } @options;
    return $processed;
}

1;
