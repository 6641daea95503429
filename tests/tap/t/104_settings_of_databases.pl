# What ALTER DATABASE sets does not reach the export worker: each setting that could keep it from working, one after the
# other, and then every setting that there is, at its least, at its greatest, and with a text that is none.
use strict;
use warnings;

use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = monitored_node('settings', "pg_stat_monitor.pgsm_bucket_time = 1\nlog_statement = none\n"
      . "pg_stat_monitor.pgsm_export_database = 'postgres'\n");
# Whoever looks does so from here.
ask($node, 'CREATE DATABASE other; CREATE ROLE nobody; CREATE ROLE nobody_either NOINHERIT');
ask_in('other', $node, 'CREATE EXTENSION pg_stat_monitor');
sub status_of { return ask_in('other', $node, "SELECT $_[0] FROM pg_stat_monitor_status") }

my $TOMORROW = q{'pgsm_history.pg_stat_monitor_' || to_char(now() AT TIME ZONE 'UTC' + interval '1 day', 'YYYYMMDD')};
ok($node->poll_query_until('postgres', "SELECT to_regclass($TOMORROW) IS NOT NULL"), 'the exporter works');

# Takes tomorrow away, and runs SQL in the same transaction: the next worker has a day to make and rows to write.
# Returns '' when two exports have worked, else what the status says.
sub goes_on
{
    my ($sql) = @_;
    $node->poll_query_until('postgres', "SELECT to_regclass($TOMORROW) IS NOT NULL");
    my $failures = status_of('export_failures');
    ask($node, "DO \$\$BEGIN EXECUTE 'ALTER EXTENSION pg_stat_monitor DROP TABLE ' || $TOMORROW; "
          . "EXECUTE 'DROP TABLE ' || $TOMORROW; END\$\$; $sql");
    my $before = status_of('exports');
    my $done = waits(sub { status_of("exports > $before + 1") eq 't' });
    my $told = $done ? '' : 'no export; ';
    $told .= status_of(q{concat_ws('; ', nullif(state, 'ok'), reason, history_error)}) =~ s/^exporting;? ?//r;
    $told .= ' failures' if status_of('export_failures') != $failures;
    ask_in('other', $node, 'SET default_transaction_read_only = off; ALTER DATABASE postgres RESET ALL; '
          . 'ALTER ROLE CURRENT_USER RESET ALL; ALTER ROLE CURRENT_USER IN DATABASE postgres RESET ALL');
    $told .= ' no day' if ask($node, "SELECT to_regclass($TOMORROW) IS NULL") eq 't';
    return $told;
}
sub of_database { return "ALTER DATABASE postgres SET $_[0] = $_[1]" }

my @settings = (
    [ statement_timeout => "'1ms'" ], [ lock_timeout => "'1ms'" ], [ idle_in_transaction_session_timeout => "'1ms'" ],
    [ transaction_timeout => "'1ms'" ], [ idle_session_timeout => "'1ms'" ], [ exit_on_error => 'on' ],
    [ default_transaction_read_only => 'on' ], [ default_transaction_isolation => 'serializable' ],
    [ default_transaction_deferrable => 'on' ], [ default_tablespace => 'pg_global' ],
    [ default_table_access_method => 'none_such' ], [ temp_tablespaces => 'pg_global' ],
    [ session_replication_role => 'replica' ], [ row_security => 'off' ], [ search_path => 'pg_temp' ],
    [ role => 'nobody' ], [ session_authorization => 'nobody' ], [ zero_damaged_pages => 'on' ],
    [ standard_conforming_strings => 'off' ], [ DateStyle => "'SQL, DMY'" ], [ max_stack_depth => "'100kB'" ],
    [ restrict_nonsystem_relation_kind => "'view, foreign-table'" ], [ enable_partition_pruning => 'off' ],
    [ client_encoding => "'LATIN1'" ], [ temp_file_limit => '0' ],);
for my $setting (@settings)
{
    my ($name, $value) = @$setting;
    SKIP:
    {
        skip("no $name here", 1)
          if ask($node, "SELECT current_setting('$name', true) IS NULL") eq 't';
        skip("no other $name here", 1) if $name eq 'standard_conforming_strings' && $node->pg_version >= '19devel';
        is(goes_on(of_database($name, $value)), '', "$name = $value");
    }
}
is(goes_on("ALTER ROLE CURRENT_USER IN DATABASE postgres SET statement_timeout = '1ms'; "
      . "ALTER ROLE CURRENT_USER SET default_transaction_read_only = on"), '', 'of the role that the worker is');

# Whatever there is, if PostgreSQL takes the value.
my $EVERY = q{DO $do$
DECLARE s record;
BEGIN
    FOR s IN SELECT name, %s AS value FROM pg_settings
             WHERE context IN ('user', 'superuser') AND name NOT LIKE 'pg_stat_monitor.%%'
    LOOP
        BEGIN
            EXECUTE format('ALTER DATABASE postgres SET %%I = %%L', s.name, s.value);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END $do$};
my %values = (
    least => q{CASE vartype WHEN 'bool' THEN 'off' WHEN 'enum' THEN enumvals[1] WHEN 'string' THEN '' ELSE min_val END},
    greatest => q{CASE vartype WHEN 'bool' THEN 'on' WHEN 'enum' THEN enumvals[cardinality(enumvals)] WHEN 'string' THEN 'nonsense' ELSE max_val END},
);
for my $which (sort keys %values)
{
    is(goes_on('SET client_min_messages = error; ' . sprintf($EVERY, $values{$which})), '', "every setting at its $which");
}
unlike(slurp_file($node->logfile), qr/pg_stat_monitor does not export|cannot maintain/, 'the log has no complaint');
$node->stop;
done_testing();
