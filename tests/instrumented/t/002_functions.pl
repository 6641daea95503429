# Our own functions may fail, with a clean error: each call in them that may fail fails once. Memory and table
# show the same executions afterwards, nothing is stored twice, and the next call works.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $BATCH = 20;
my $node = monitored_node('functions', $NEVER_ENDS . $NO_EXPORTER
      . "pg_stat_monitor.pgsm_extract_comments = on\nlog_statement = none\nautovacuum = off\n");
# The load is of one user and the walks are of another, who is not recorded.
ask($node, 'CREATE ROLE loader SUPERUSER LOGIN; CREATE ROLE walker SUPERUSER LOGIN; '
    . 'ALTER ROLE walker SET pg_stat_monitor.pgsm_track = none; CREATE TABLE x AS SELECT 1 AS a');
sub load
{
    $node->safe_psql('postgres', "SELECT a, 'comment' FROM x /* comment */;\nSELECT 2;\nANALYZE x;\n",
        extra_params => [ '-U', 'loader' ]);
    return 3;
}
sub sum_of
{
    my ($where) = @_;
    return $node->safe_psql('postgres', 'SELECT coalesce(sum(calls), 0) FROM pg_stat_monitor '
          . "WHERE userid = 'loader'::regrole $where", extra_params => [ '-U', 'walker' ]);
}

# What it does not call anew for each value of each row: of those the first hundred will do.
my $BUT_FOR_ROWS = join(' ', qw(LockSharedObject LockRelationOid MemoryContextAlloc GetCurrentTransactionId SPI_connect
      SPI_execute SPI_execute_plan SPI_prepare CommandCounterIncrement RegisterXactCallback RegisterSubXactCallback
      RelationGetIndexList SPI_getbinval index_open table_open try_relation_open try_table_open get_extension_oid systable_beginscan
      systable_getnext set_config_option AllocSetContextCreateInternal));
my $EXPORTS = 'SELECT pg_stat_monitor_export() >= 0';
my %functions = (
    'read' => [ "SELECT count(*) > 0 FROM (SELECT * FROM pg_stat_monitor WHERE exported_at = 'infinity' AND calls > 0) s" ],
    'read with an estimate' => [ 'SELECT count(*) > 0 FROM pg_stat_monitor WHERE queryid > 1 OR queryid < 1' ],
    'the old entry point' => [ 'SELECT count(*) > 0 FROM pg_stat_monitor_internal()' ],
    'status' => [ 'SELECT count(*) = 1 FROM pg_stat_monitor_status' ],
    'histogram' => [ 'SELECT count(*) >= 0 FROM histogram(1, 1) AS h(range text, freq int, bar text)' ],
    'range' => [ 'SELECT array_length(range(), 1) > 0' ],
    'decode' => [ "SELECT decode_error_level(21) = 'ERROR'" ],
    'export' => [ $EXPORTS, 1, 100 ],
    'export, but for rows' => [ $EXPORTS, 1, 400, $BUT_FOR_ROWS ],
    'export in a savepoint' => [ "BEGIN; SAVEPOINT s; $EXPORTS; ROLLBACK TO s; RELEASE s; $EXPORTS; COMMIT", 1, 400,
        $BUT_FOR_ROWS ],
    'truncate' => [ 'BEGIN; TRUNCATE pg_stat_monitor_live; ROLLBACK; SELECT true', 0 ],
);
my $started = ask($node, 'SELECT pg_postmaster_start_time()');
my ($ran, %all) = (load());
for my $name (sort keys %functions)
{
    my ($sql, $loads, $most, $among) = @{ $functions{$name} };
    my ($at, $fired, %sites, @wrong) = (0, 'yes');
    while ($fired ne '' && $at < ($most // 400))
    {
        my $script = '';
        for (1 .. $BATCH)
        {
            $at++;
            # Something new to export; and a backend that has exported nothing yet has callbacks to register.
            $script .= "\\c -reuse-previous=on \"user=loader\"\nSELECT $at;\n"
              . "\\c -reuse-previous=on \"user=walker\"\nSET pg_stat_monitor.fault_sites = '@{[$among // '']}';\n"
              if $loads;
            $ran++ if $loads;
            $script .= "SET pg_stat_monitor.fault_at = $at;\n\\echo <$at>\n$sql;\n\\echo >\nROLLBACK;\n"
              . "SHOW pg_stat_monitor.fault_fired;\nSET pg_stat_monitor.fault_at = 0;\n\\echo =\n";
        }
        my ($out, $err) = ('', '');
        $node->psql('postgres', $script, stdout => \$out, stderr => \$err, on_error_stop => 0,
            extra_params => [ '-U', 'walker' ]);
        my ($complete, $injected) = (0, 0);
        while ($out =~ /^<(\d+)>\n(.*?)^>\n(\w*)\n=$/msg)
        {
            my ($number, $printed);
            ($number, $printed, $fired) = ($1, $2, $3);
            $complete++;
            $sites{$fired}++ if $fired ne '';
            push @wrong, "$number ($fired): $printed" if $printed !~ /^t(\nt)?\n$/ && ($fired eq '' || $printed =~ /f/);
        }
        push @wrong, "$complete of $BATCH were complete" if $complete != $BATCH;
        push @wrong, grep { /(ERROR|FATAL|PANIC|WARNING):|server closed/ && !/ERROR: .*injected fault/
              && !/WARNING:.*no transaction/ && !/ERROR: .*current transaction is aborted/ } split(/\n/, $err);
    }
    push @wrong, "fault $at still fired in $fired" if $fired ne '' && ($most // 400) != 100;
    is(join("\n", @wrong), '', "$name: " . scalar(keys %sites) . ' functions failed, with a clean error or none');
    is(sum_of(''), $ran, "$name: live and stored together are the $ran executions that ran");
    $all{$_}++ for keys %sites;
}
ask($node, $EXPORTS);
is(sum_of("AND exported_at < 'infinity'"), $ran, 'all of it can be stored');
is(ask($node, 'SELECT count(*) FROM (SELECT FROM pg_stat_monitor GROUP BY bucket, queryid, userid, dbid, '
        . 'pgsm_query_id, application_name, client_ip, cmd_type, toplevel HAVING count(*) > 1) r'), 0, 'no row twice');

# A reset that fails leaves all of it or nothing.
my ($at, $fired, @wrong) = (0, 'yes');
while ($fired ne '' && $at < 200)
{
    $at++;
    load();
    my ($out, $err) = ('', '');
    $node->psql('postgres', "SELECT true; SET pg_stat_monitor.fault_at = $at; SELECT 'reset', pg_stat_monitor_reset();"
          . "\nSHOW pg_stat_monitor.fault_fired;\n", stdout => \$out, stderr => \$err, on_error_stop => 0,
        extra_params => [ '-U', 'walker' ]);
    ($fired) = $out =~ /(\w*)\n?\z/;
    $all{$fired}++ if $fired ne '';
    my $left = sum_of('');
    push @wrong, "$at ($fired): $left executions are left" if $out =~ /reset/ ? $left != 0 : $left == 0;
    push @wrong, "$at: $err" if $err =~ /(ERROR|FATAL|PANIC|WARNING):(?!.*injected fault)/;
}
is(join("\n", @wrong), '', "$at resets, each complete or without any effect");

note(join(' ', sort keys %all));
cmp_ok(scalar(keys %all), '>=', 30, scalar(keys %all) . ' functions have failed');
is(ask($node, 'SELECT pg_postmaster_start_time()'), $started, 'the server is the same');
my $log = slurp_file($node->logfile);
unlike($log, qr/was terminated by signal|PANIC|TRAP|leak|still referenced|not closed|while holding/, 'nothing leaks');
unlike($log, qr/fault under the store lock/, 'nothing that may fail is called under the store lock');
is(ask($node, "SELECT calls_lost + calls_without_room + calls_without_memory FROM pg_stat_monitor_status"), 0, 'nothing is lost');
$node->stop;
done_testing();
