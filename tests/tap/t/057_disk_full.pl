# A disk that is really full. The stored table lies on it: exports fail and say so, buckets wait, and all is stored
# when there is room again. A clean stop that cannot save its memory. Then the WAL lies on it, too: PostgreSQL
# crashes, which costs no more than a crash.
# Small disk: 160 MB
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);

plan skip_all => $ENV{NO_SMALL_DISK} // 'no small disk' if !defined $ENV{SMALL_DISK};
my $disk = $ENV{SMALL_DISK};
my $ballast = "$disk/ballast";
my $full = qr/No space left on device/;
my ($node, $ran) = (undef, 0);

sub start_node
{
    my ($name, $conf, @initdb) = @_;
    $node = PostgreSQL::Test::Cluster->new($name);
    mkdir("$disk/$name", 0700) or die "$disk/$name: $!";
    symlink("$disk/$name", $node->data_dir) or die $node->data_dir . ": $!";
    $node->init(extra => [ '--wal-segsize=1', @initdb ]);
    $node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_monitor'\nautovacuum = off\npg_stat_monitor.pgsm_normalized_query = off\n"
          . "log_statement = none\nlog_min_error_statement = panic\nmin_wal_size = 2MB\n"
          . "pg_stat_monitor.pgsm_bucket_time = 1\npg_stat_monitor.pgsm_max = 16MB\n" . $conf);
    $node->start;
    ask($node, 'CREATE EXTENSION pg_stat_monitor');
    $ran = 0;
}

# Nothing fits any more, or only so much.
sub fill
{
    my ($room) = @_;
    open(my $file, '>>:raw', $ballast) or die "$ballast: $!";
    my $block = 'x' x 4096;
    while ((syswrite($file, $block) // 0) > 0) { }
    truncate($file, (-s $ballast) - $room) if $room;
    close($file);
}
sub make_room { unlink($ballast) or die "$ballast: $!" }

# Many statements, so that their rows do not fit into pages that the table already has. What differs in names and
# constants alone would be one.
sub load
{
    ask($node, join('', map { 'SELECT 4711' . ' + 1' x $_ . " AS load;\n" } 1 .. 200));
    $ran += 200;
}
sub shown { return calls_of($node, 'SELECT 4711 + 1', @_) }
sub stored { return shown("exported_at < 'infinity'") }
sub status_of { return ask($node, "SELECT $_[0] FROM pg_stat_monitor_status") }
sub all_stored { return waits(sub { stored() == $ran }) }
sub nothing_twice
{
    is(ask($node, 'SELECT count(*) FROM (SELECT FROM pg_stat_monitor GROUP BY bucket, queryid, userid, dbid, '
            . 'pgsm_query_id, application_name, client_ip, cmd_type, toplevel, elevel HAVING count(*) > 1) r'),
        0, 'no row twice');
}

start_node('full', '', '--waldir=' . PostgreSQL::Test::Utils::tempdir() . '/wal');
load();
ok(all_stored(), 'the exporter works');
fill();
load();
my ($state, $message) = failure($node, 'SELECT pg_stat_monitor_export()');
is($state, '53100', 'an export by hand on a full disk is told so');
like($message, $full, 'in words');
ok(waits(sub { status_of('state') eq 'failing' }), 'the exporter says that it fails');
like(status_of('reason'), $full, 'and why');
like(status_of('last_error'), $full, 'which is the last error, too');
my $failures = status_of('export_failures');
my $begin = time();
while (time() < $begin + 5) { load(); usleep(500_000) }
my $tries = status_of('export_failures') - $failures;
ok($tries >= 1 && $tries <= 5, "it backs off: $tries tries in five seconds");
is(shown(), $ran, 'everything is shown');
cmp_ok(stored(), '<=', $ran - 200, 'from memory');
cmp_ok(status_of('ended_buckets'), '>', 0, 'where buckets wait');
make_room();
ok(all_stored(), 'when there is room all of it is stored') or diag(stored() . " of $ran");
ok(waits(sub { status_of("state || coalesce(reason, '')") eq 'ok' }), 'and all is well');
is(status_of('buckets_lost + calls_lost + statements_lost'), 0, 'nothing is lost');
nothing_twice();

# A stop on a full disk. There is room for what a start needs, but not for the memory.
my $before = stored();
fill(1024 * 1024);
$node->append_conf('postgresql.conf', $NO_EXPORTER);
$node->reload;
load();
my $offset = -s $node->logfile;
ok($node->stop, 'a server whose disk is full stops');
like(slurp_file($node->logfile, $offset), qr/LOG:.*could not write file "pg_stat.*image.new".*$full/,
    'and says what it could not');
is(join(' ', glob($node->data_dir . '/pg_stat/pg_stat_monitor.*')), '', 'no piece of the file stays behind');
ok($node->start, 'it starts again');
is(shown(), $before, 'with what was stored, and without what was only in memory');
$ran = $before;
load();
is(shown(), $ran, 'and goes on counting');
make_room();
$node->restart;
is(shown(), $ran, 'with room again a restart keeps everything');
ask($node, 'SELECT pg_stat_monitor_export()');
is(stored(), $ran, 'which can be stored');
nothing_twice();
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal/, 'nothing has died');
$node->stop;

# The WAL, too.
system_or_bail('rm', '-rf', "$disk/full");
start_node('wal', '');
load();
ok(all_stored(), 'with the WAL on the same disk: the exporter works');
$before = $ran;
ask($node, 'CREATE TABLE wal AS SELECT 1 AS a');
fill();
load();
($state) = failure($node, 'SELECT pg_stat_monitor_export()');
is($state, '53100', 'an export is told that the disk is full');
is(shown(), $ran, 'which costs nothing');
my $fill_wal = "SELECT count(pg_logical_emit_message(false, 'x', repeat('x', 100000))) FROM generate_series(1, 50)";
waits(sub { $node->psql('postgres', $fill_wal) != 0 });
ok(waits(sub { !-e $node->data_dir . '/postmaster.pid' }), 'but the server dies of its own WAL');
like(slurp_file($node->logfile), qr/PANIC:.*$full/, 'by its own words');
make_room();
$node->_update_pid(0);
ok($node->start, 'with room again it starts');
is(shown(), $before, 'and has what was stored, once');
nothing_twice();
$ran = $before;
load();
ok(all_stored(), 'and goes on') or diag(stored() . " of $ran");
nothing_twice();
$node->stop;
done_testing();
