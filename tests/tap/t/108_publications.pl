# Publications that take the history along: who creates the extension is warned, the exporter says it once, the status
# view as long as it is so. What our page advises is tried with a subscriber.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('publisher');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_monitor'\nautovacuum = off\n"
      . "pg_stat_monitor.pgsm_bucket_time = 1\nlog_statement = none\n");
$node->start;
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init;
$subscriber->start;
sub told
{
    my ($sql) = @_;
    my ($out, $err) = ('', '');
    $node->psql('postgres', $sql, stdout => \$out, stderr => \$err);
    return $err;
}
sub publications { return ask($node, 'SELECT publications FROM ' . ($_[0] // '') . 'pg_stat_monitor_status') }
sub becomes
{
    my ($sql, $name) = @_;
    ok($node->poll_query_until('postgres', $sql), $name);
}

ask($_, 'CREATE TABLE app (id int PRIMARY KEY)') for $node, $subscriber;
ask($node, 'CREATE PUBLICATION "All" FOR ALL TABLES; CREATE PUBLICATION home FOR TABLES IN SCHEMA public; '
      . "CREATE PUBLICATION app FOR TABLE app; CREATE PUBLICATION deletions FOR ALL TABLES WITH (publish = 'delete')");
my $told = told('CREATE EXTENSION pg_stat_monitor');
like($told, qr/WARNING:  publications contain pg_stat_monitor: "All", home\n/, 'CREATE EXTENSION names them');
like($told, qr/HINT:.*a database of its own/, 'and says what to do');
becomes(q{SELECT publications = '"All", home' FROM pg_stat_monitor_status}, 'the status view names them');
becomes('SELECT exports > 2 FROM pg_stat_monitor_status', 'after some exports');
my @said = slurp_file($node->logfile) =~ /LOG:  publications contain pg_stat_monitor: "All", home/g;
is(scalar @said, 1, 'the log has named them once');
ask($node, 'DROP PUBLICATION "All"');
becomes(q{SELECT publications = 'home' FROM pg_stat_monitor_status}, 'one that is gone is not named');
ask($node, 'DROP PUBLICATION home');
becomes(q{SELECT publications IS NULL FROM pg_stat_monitor_status}, 'nor is any, then');
ask($node, 'CREATE PUBLICATION wanted FOR TABLE pg_stat_monitor, TABLES IN SCHEMA public');
becomes('SELECT exports > 5 FROM pg_stat_monitor_status', 'after some more exports');
is(publications(), '', 'nor one that names the table');
ask($node, 'DROP PUBLICATION wanted');
SKIP:
{
    skip('before 19 a publication of all tables has no exceptions', 2) if $node->pg_version < '19devel';
    ask($node, 'CREATE PUBLICATION others FOR ALL TABLES EXCEPT (TABLE pg_stat_monitor)');
    becomes('SELECT exports > 8 FROM pg_stat_monitor_status', 'still more exports');
    is(publications(), '', 'nor one that leaves the table out');
    ask($node, 'DROP PUBLICATION others');
}
ask($node, 'DROP EXTENSION pg_stat_monitor');

# The extension in a schema of its own: a publication of the application's schema leaves it alone.
ask($node, 'CREATE PUBLICATION home FOR TABLES IN SCHEMA public; CREATE SCHEMA monitor');
unlike(told('CREATE EXTENSION pg_stat_monitor SCHEMA monitor'), qr/publications/, 'in a schema of its own there is no warning');
my $number = 0;
sub replicates
{
    my ($publication, $name) = @_;
    my $slot = "s$publication";
    ask($subscriber, "CREATE SUBSCRIPTION $slot CONNECTION '" . $node->connstr . " dbname=postgres' PUBLICATION $publication");
    $subscriber->wait_for_subscription_sync($node, $slot);
    my $exports = ask($node, 'SELECT exports FROM monitor.pg_stat_monitor_status');
    becomes("SELECT exports > $exports + 1 FROM monitor.pg_stat_monitor_status", "$name: exports while it replicates");
    ask($node, 'INSERT INTO app VALUES (' . ++$number . ')');
    my $arrives = waits(sub { ask($subscriber, "SELECT count(*) FROM app WHERE id = $number") == 1 });
    return $arrives ? 'goes on' : 'has stopped';
}
is(replicates('home', 'of the schema public'), 'goes on', 'a subscriber of the application\'s schema goes on');
is(publications('monitor.'), '', 'and the status view has nothing to say');
ask($subscriber, 'DROP SUBSCRIPTION shome');
ask($node, 'DROP EXTENSION pg_stat_monitor; CREATE DATABASE statistics');
ask_in('statistics', $node, 'CREATE EXTENSION pg_stat_monitor');
ask($node, 'CREATE PUBLICATION everything FOR ALL TABLES');
unlike(ask_in('statistics', $node, 'SELECT publications FROM pg_stat_monitor_status'), qr/./, 'in a database of its own nothing is published');
ask($subscriber, "CREATE SUBSCRIPTION severything CONNECTION '" . $node->connstr . " dbname=postgres' PUBLICATION everything WITH (copy_data = false)");
my $exports = ask_in('statistics', $node, 'SELECT exports FROM pg_stat_monitor_status');
ok($node->poll_query_until('statistics', "SELECT exports > $exports + 1 FROM pg_stat_monitor_status"), 'exports go on there');
ask($node, 'INSERT INTO app VALUES (' . ++$number . ')');
ok(waits(sub { ask($subscriber, "SELECT count(*) FROM app WHERE id = $number") == 1 }), 'and so does a subscriber of all tables here');

# And the other way round: that is what the warnings are about.
ask_in('statistics', $node, 'DROP EXTENSION pg_stat_monitor');
ask($node, 'CREATE EXTENSION pg_stat_monitor SCHEMA monitor');
ok(waits(sub { slurp_file($subscriber->logfile) =~ /target relation "(monitor|pgsm_history)\.pg_stat_monitor\w*" does not exist/ }),
    'a subscriber of all tables that has not ours does stop');
$subscriber->stop;
$node->stop;
done_testing();
