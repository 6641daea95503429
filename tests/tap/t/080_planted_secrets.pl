# No secret of a statement is in any column, live or stored, nor in any byte that the library makes PostgreSQL write:
# table, TOAST, index, pg_statistic, WAL, image, log. Plain constants are in none of these either where texts are
# normalised. A second server without the library runs the same; what it writes, PostgreSQL writes by itself.
use strict;
use warnings;

use IPC::Run;
use Monitor;
use Planted;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Secrets;
use Test::More;

# By pass: the session's settings, and whether they are the default for constants.
my $EVERYTHING =
    '-c pg_stat_monitor.pgsm_track=all -c pg_stat_monitor.pgsm_extract_comments=on -c pg_stat_monitor.pgsm_enable_query_plan=on';
my $SHOWN = '-c pg_stat_monitor.pgsm_normalized_query=off';
my @settings = (
    undef, '', $EVERYTHING, $SHOWN, "$SHOWN $EVERYTHING", $EVERYTHING,
    "$SHOWN $EVERYTHING", $EVERYTHING, "$SHOWN $EVERYTHING");

# WAL stays whole, pages and texts are written as they are, and PostgreSQL's own log has no statement.
my $CONF =
      "autovacuum = off\nfull_page_writes = off\nwal_keep_size = 2GB\nmax_wal_size = 2GB\ncheckpoint_timeout = 1h\n"
    . "log_statement = none\nlog_min_error_statement = panic\nlog_min_duration_statement = -1\nlisten_addresses = ''\n";

sub started
{
    my ($name, $conf) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    my ($major) = $node->pg_version =~ /^(\d+)/;
    # With checksums hints make images of whole pages.
    $node->init(extra => [ $major >= 18 ? '--no-data-checksums' : () ]);
    $node->append_conf('postgresql.conf', $CONF . $conf);
    $node->start;
    ask($node, $FIXTURE);
    return $node;
}
my $node = started('secrets',
          "shared_preload_libraries = 'pg_stat_monitor'\n"
        . $NEVER_ENDS
        . $NO_EXPORTER
        . "pg_stat_monitor.pgsm_max = 64MB\npg_stat_monitor.pgsm_query_shared_buffer = 64MB\npg_stat_monitor.pgsm_export_top_n = 1000000\n"
);
my $plain = started('without', '');
ask($node, "CREATE EXTENSION pg_stat_monitor; SELECT pg_stat_monitor_serve_2_3('zq_plain')");

# Stored texts as they are, so that bytes can be looked for.
ask($node,
    q{SELECT format('ALTER TABLE %s %s', t, string_agg(format('ALTER COLUMN %I SET STORAGE EXTERNAL', attname), ', '))
  FROM (SELECT inhrelid::regclass AS t FROM pg_inherits WHERE inhparent = 'pg_stat_monitor'::regclass UNION ALL SELECT 'pg_stat_monitor') AS x
  JOIN pg_attribute ON attrelid = t AND atttypid = 'text'::regtype AND attnum > 0 AND NOT attisdropped
  JOIN pg_class c ON c.oid = t AND relkind <> 'f' GROUP BY t \gexec});

# What a server answered: number of the plant => SQLSTATE, or how pgbench ended.
sub run_pass
{
    my ($server, $pass, $to) = @_;
    local $ENV{PGOPTIONS} = "$settings[$pass] -c client_min_messages=error";
    my @psql =
        ('psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-h', $server->host, '-p', $server->port, '-d', 'postgres');
    my ($stdin, @many) = ('');
    for my $plant (plants())
    {
        my $sql = filled($plant->{sql}, $plant, $pass);
        if (!$plant->{extended})
        {
            # A row of its own for each, whatever its query id.
            push @psql, map { ('-c', filled($_, $plant, $pass)) } "SET application_name = 'p{k}'",
                @{ $plant->{before} // [] };
            push @psql, '-c', $sql, '-c', "\\echo ===$plant->{number} :SQLSTATE";
            push @psql, map { ('-c', filled($_, $plant, $pass)) } @{ $plant->{after} // [] };
            $stdin .= filled($plant->{stdin} // '', $plant, $pass);
            next;
        }
        my $file = PostgreSQL::Test::Utils::tempdir() . '/script';
        append_to_file($file, "$sql;\n");
        local $ENV{PGAPPNAME} = filled('p{k}', $plant, $pass);
        my @bound = $plant->{bound} ? ('-D', 'v=' . filled($plant->{bound}, $plant, $pass)) : ();
        IPC::Run::run(
            [
                'pgbench', '-n', '-t', 1, '-M', $pass % 2 ? 'prepared' : 'extended',
                '-f', $file, @bound, '-h', $server->host, '-p', $server->port, 'postgres'
            ],
            '>',
            \my $ignored,
            '2>',
            \my $err);
        $to->{ $plant->{number} } = $? == 0 ? '00000' : 'failed';
        diag("$plant->{name}: $err") if ($? != 0) != !!$plant->{fails};
    }
    IPC::Run::run(\@psql, '<', \$stdin, '>', \my $out, '2>', \my $err);
    $to->{$1} = $2 while $out =~ /===(\d+) (\w+)/g;
    return;
}

my (%found, %answered, $visible);
sub note_all { my ($place, $markers) = @_; $found{$_}{$place} = 1 for @$markers; return; }

# Every column of every relation that the extension has, and of its row function.
sub look_at_columns
{
    my ($when) = @_;
    local $ENV{PGOPTIONS} = '-c pg_stat_monitor.pgsm_track=none';
    my @relations = split(
        /\n/,
        ask($node,
            q{SELECT objid::regclass FROM pg_depend JOIN pg_class c ON c.oid = objid AND classid = 'pg_class'::regclass
      WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_stat_monitor') AND deptype = 'e' AND relkind IN ('r', 'p', 'v', 'm', 'f')}
        ));
    for my $from (@relations, 'pg_stat_monitor_internal(true)')
    {
        for my $line (
            split(
                /\n/,
                ask($node,
                    "SELECT DISTINCT key || ' ' || m[1] FROM $from AS r, jsonb_each_text(to_jsonb(r)), "
                        . q{regexp_matches(value, '(zq(?:sec|con|ali)\d{4}zq|917000\d{4}917)', 'g') AS m})))
        {
            my ($column, $marker) = split(/ /, $line);
            note_all("$when $from.$column", [$marker]);
            $visible->{"$when $from.$column"} = 1 if $marker =~ /zqali/;
        }
    }
    return;
}

# Whatever is in a file of ours and not in the same of the plain server.
sub judge_files
{
    my ($when, $ours, $theirs) = @_;
    # What PostgreSQL keeps in a catalog is in its WAL, too, but a page's end may cut it there.
    my %own = map { %{ $theirs->{$_} } } keys %$theirs;
    # COMMENT puts its text into pg_description, whole or compressed as it comes.
    for my $place (grep { $_ ne 'pg_description' } keys %$ours)
    {
        # The same for a page of the functions' catalog that one of the servers has pruned.
        my $known = $place =~ /^pg_(wal|proc)$/ ? \%own : $theirs->{$place};
        note_all("$when, file $place", [ grep { !$known->{$_} } keys %{ $ours->{$place} } ]);
    }
    return;
}

sub pass_on_both
{
    my ($pass) = @_;
    run_pass($plain, $pass, \my %expected);
    run_pass($node, $pass, $answered{$pass} = {});
    is_deeply($answered{$pass}, \%expected, "pass $pass: the same answers as without the library");
    # psql does not set SQLSTATE for what a COPY from the client fails with.
    my @wrong = grep { my $state = $expected{ $_->{number} } // 'none'; ($state ne '00000') != !!$_->{fails} }
        grep { !$_->{stdin} } plants();
    is(join(', ', map { "$_->{name} ($expected{$_->{number}})" } @wrong),
        '', "pass $pass: each statement does what it is meant to");
    # What is neither secret nor constant has to be found: the looking works.
    ask($_, "CREATE TABLE zqali${pass}000zq (a integer)") for ($node, $plain);
    return;
}

pass_on_both($_) for 1 .. 4;
look_at_columns('live');
my $before = ask($node, 'SELECT sum(calls) FROM pg_stat_monitor');
cmp_ok($before, '>', 4 * plants(), 'all of it was recorded');
is(ask($node, 'SELECT entries_evicted || texts_missing::text FROM pg_stat_monitor_status'),
    '00', 'and nothing lacked room');
ask($node, 'SELECT pg_stat_monitor_export()');
look_at_columns('stored');
ok($visible->{$_}, "the looking finds what may be found: $_")
    for (
    'live pg_stat_monitor.query',
    'live pg_stat_monitor_internal(true).query',
    'live pgsm_2_3.pg_stat_monitor.query',
    'stored pg_stat_monitor.query');

# A clean stop with something in memory.
for my $server ($node, $plain) { ask($server, q{ALTER SYSTEM SET log_min_messages = 'debug1'}); $server->reload; }
pass_on_both(5);
for my $server ($node, $plain) { ask($server, 'ALTER SYSTEM RESET log_min_messages'); $server->reload; }
pass_on_both(6);
ask($node, 'ANALYZE pg_stat_monitor; ANALYZE pg_stat_monitor_default');
ask($_, 'ANALYZE zq_t; CHECKPOINT') for ($node, $plain);
my %owner = owners_of_files($node);
my $relation = ask($node,
    "SELECT string_agg(relname, ' ') FROM pg_class WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'pg_stat_monitor'::regclass) AND relkind = 'r'"
);
my %owner_without = owners_of_files($plain);
$_->stop for ($node, $plain);
my $ours = look_at_files($node, %owner);
judge_files('stopped', $ours, look_at_files($plain, %owner_without));
ok((grep { $ours->{$_}{zqali1000zq} } split(/ /, $relation)), "the table's files are looked at") or diag($relation);
ok($ours->{pg_wal}{zqali1000zq}, 'so is the WAL');
ok((grep { /^pg_stat\/pg_stat_monitor/ && $ours->{$_}{zqali6000zq} } keys %$ours), 'so is the image');
my @open = grep { -f $_ && (stat($_))[2] & 077 }
    glob(join(' ', map { $node->data_dir . "/$_" } 'pg_stat_monitor*', 'pg_stat/*', 'pg_stat_tmp/*'));
is(join(' ', @open), '', 'and nobody but the server may read what is ours outside of tables');
for my $server ($node, $plain) { $server->start; }
look_at_columns('restarted');

# A crash with something in memory.
pass_on_both(7);
pass_on_both(8);
if (ask($node, "SELECT count(*) FROM pg_settings WHERE name = 'pg_stat_monitor.pgsm_spool_interval'"))
{
    my $spool = sub {
        join(' ',
            sort map { (stat)[9] // () }
                glob($node->data_dir . '/pg_stat_monitor* ' . $node->data_dir . '/pg_stat*/pg_stat_monitor*'));
    };
    my $was = $spool->();
    ok(waits(sub { $spool->() ne $was }), 'what is in memory was written for a crash');
}
%owner = owners_of_files($node);
%owner_without = owners_of_files($plain);
my @pids = map {
    (   (split(/\n/, slurp_file($_->data_dir . '/postmaster.pid')))[0],
        split(/\n/, ask($_, 'SELECT pid FROM pg_stat_activity')))
} ($node, $plain);
$_->kill9 for ($node, $plain);
ok( waits(
        sub {
            !grep { kill(0, $_) } @pids;
        }),
    'all of a killed server is gone');
judge_files('crashed', look_at_files($node, %owner), look_at_files($plain, %owner_without));
$_->start for ($node, $plain);
look_at_columns('crashed');

# The server's log: no line that the plain server has not.
my (%lines, %lines_without);
my $log = slurp_file($node->logfile);
my $log_without = slurp_file($plain->logfile);
$lines{$&}++ while $log =~ /$MARKER/g;
$lines_without{$&}++ while $log_without =~ /$MARKER/g;
note_all('log', [ grep { $lines{$_} > ($lines_without{$_} // 0) } keys %lines ]);
cmp_ok(scalar(keys %lines), '>', 0, 'messages of errors are in the log');
$_->stop for ($node, $plain);

# The verdict, plant by plant.
for my $plant (plants())
{
    for my $kind (markers_of($plant))
    {
        my %where;
        for my $pass (grep { $kind eq 's' || $settings[$_] !~ /normalized_query=off/ } 1 .. 8)
        {
            for my $marker ($kind eq 's'
                ? filled('{s}', $plant, $pass)
                : (filled('{c}', $plant, $pass), filled('{n}', $plant, $pass)))
            {
                push @{ $where{$_} }, $pass for keys %{ $found{$marker} // {} };
            }
        }
        my @where = map { "$_ (pass @{$where{$_}})" } sort keys %where;
        ok(!@where, ($kind eq 's' ? 'no secret: ' : 'no constant: ') . $plant->{name}) or note(join("\n", @where));
    }
}
done_testing();
