# Attackers: a server on which a victim has left private things, all with the word zqpeek in them, live and stored; and
# roles that try to learn of them. Each attempt has a control: the same done by a superuser shows what it is after.
package Attack;
use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(fortress attacker victim_works partitions private_columns refusals $PLAN);

# EXPLAIN with nothing in it that differs from one run to the next.
our $PLAN = 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF)';

# Texts, plans, comments, parents, messages and addresses are private.
sub private_columns { return qw(query comments query_plan top_query message client_ip); }

# The victim's statements: every private column gets something. Words that no normalisation takes away.
sub victim_works
{
    my ($node, $database) = @_;
    local $ENV{PGOPTIONS} = '-c pg_stat_monitor.pgsm_track=all -c pg_stat_monitor.pgsm_extract_comments=on '
        . '-c pg_stat_monitor.pgsm_enable_query_plan=on -c client_min_messages=error';
    my @sql = (
        q{SELECT zq_parent() AS zqpeek_text /* zqpeek_comment */ FROM pg_class AS zqpeek_plan WHERE relname = 'pg_class'},
        'SELECT zqpeek_message',
        q{DO $$BEGIN RAISE WARNING 'zqpeek_warning'; END$$});
    for my $n (1 .. 40)
    {
        push @sql, 'SELECT /* zqpeek */ ' . join(', ', map { "$_ AS zqpeek_${n}_$_" } 1 .. $n);
    }
    IPC::Run::run(
        [
            'psql', '-XAtq', '-U', 'zq_victim', '-h', $node->host, '-p', $node->port, '-d', $database,
            map { ('-c', $_) } @sql
        ],
        '>',
        \my $out,
        '2>',
        \my $err);
    return;
}

# A started server. %is: before (SQL before CREATE EXTENSION), database, owner (of the database), conf.
sub fortress
{
    my ($name, %is) = @_;
    my $database = $is{database} // 'postgres';
    my $node = PostgreSQL::Test::Cluster->new($name);
    $node->init;
    $node->append_conf('postgresql.conf',
              "shared_preload_libraries = 'pg_stat_monitor'\nautovacuum = off\njit = off\n"
            . "pg_stat_monitor.pgsm_bucket_time = 1\npg_stat_monitor.pgsm_export_database = '$database'\n"
            . ($is{conf} // ''));
    $node->start;
    ask($node, 'CREATE ROLE zq_victim LOGIN; CREATE ROLE zq_attacker LOGIN');
    ask($node, "CREATE DATABASE $database OWNER zq_attacker") if $database ne 'postgres';
    ask_in($database, $node, $is{before}) if $is{before};
    ask_in($database, $node,
              'CREATE EXTENSION pg_stat_monitor; GRANT CREATE ON SCHEMA public TO zq_victim; '
            . 'CREATE SCHEMA zq AUTHORIZATION zq_attacker; '
            . 'CREATE FUNCTION zq_parent() RETURNS bigint LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT count(*) AS zqpeek_inside FROM pg_class); END$$'
    );
    # Days as the exporter makes them; then a bucket that does not end, so that live rows stay.
    $node->poll_query_until($database,
              "SELECT count(*) > 0 FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid "
            . "WHERE inhparent = 'pg_stat_monitor'::regclass AND relname ~ '^pg_stat_monitor_\\d{8}\$'")
        or die 'no day was made';
    $node->append_conf('postgresql.conf', $NEVER_ENDS . $NO_EXPORTER);
    $node->restart;
    victim_works($node, $database);
    ask_in(
        $database, $node, q{SELECT pg_stat_monitor_export();
INSERT INTO pg_stat_monitor (bucket, bucket_start_time, userid, username, query, comments, query_plan, top_query, message, client_ip, calls, exported_at)
  SELECT -1, '2001-01-01', 'zq_victim'::regrole, 'zq_victim', 'zqpeek_' || g, 'zqpeek', 'zqpeek', 'zqpeek', 'zqpeek', '10.0.0.7', 1, '2001-01-02'
  FROM generate_series(1, 40) AS g;
ANALYZE pg_stat_monitor});
    ask_in($database, $node, "ANALYZE $_") for partitions($node, $database, 'r');
    victim_works($node, $database);
    return $node;
}

# The partitions of these kinds (r: stored, f: live).
sub partitions
{
    my ($node, $database, $kinds) = @_;
    return split(
        /\n/,
        ask_in(
            $database,
            $node,
            "SELECT c.oid::regclass FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid "
                . "WHERE inhparent = 'pg_stat_monitor'::regclass AND relkind IN ('"
                . join("', '", split(//, $kinds))
                . "') ORDER BY 1"));
}

sub attacker
{
    my ($node, $role, $database) = @_;
    return bless { node => $node, role => $role, database => $database // 'postgres' }, 'Attack';
}

# All that a role is told when it sends these strings in one session. What it sends is not recorded, so that one
# attempt is as good as the next.
sub told
{
    my ($self, $role, @sql) = @_;
    local $ENV{PGOPTIONS} = '-c pg_stat_monitor.pgsm_track=none';
    my $node = $self->{node};
    IPC::Run::run(
        [
            'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-U', $role, '-h', $node->host, '-p', $node->port, '-d',
            $self->{database}, map { ('-c', $_) } @sql
        ],
        '<',
        \undef,
        '>',
        \my $out,
        '2>',
        \my $err);
    return $out . $err;
}

# In what the attacker is told there is nothing private. %is: control (strings for the superuser, by default the same;
# none when it is []), leak (what it looks like).
sub nothing
{
    my ($self, $name, $sql, %is) = @_;
    my @sql = ref $sql ? @$sql : ($sql);
    my $leak = $is{leak} // qr/zqpeek/;
    my @control = @{ $is{control} // \@sql };
    my $answer = $self->told($self->{role}, @sql);
    my $verdict = $answer =~ /$leak/ ? "learnt: $&" : 'nothing learnt';
    $verdict .= ', and the control shows nothing' if @control && $self->told(superuser(), @control) !~ /$leak/;
    # A slip in the attempt itself is no defence.
    $verdict = "not tried: $&" if $answer =~ /ERROR:  (?!42501|42809)42.*/;
    is($verdict, 'nothing learnt', $name) or diag(substr($answer, 0, 600));
    return;
}

sub superuser { return getpwuid($>) // 'postgres'; }

# It is not allowed: one of these SQLSTATEs, a regular expression.
sub refused
{
    my ($self, $name, $sql, $state) = @_;
    $state //= '42501';
    my $answer = $self->told($self->{role}, ref $sql ? @$sql : $sql);
    my ($got) = $answer =~ /ERROR:\s+(\w{5})/;
    like($got // 'allowed', qr/^(?:$state)$/, $name) or diag(substr($answer, 0, 600));
    return;
}

# A right and a wrong guess are answered alike; {} is the guess. `control` is what tells a superuser the difference.
sub alike
{
    my ($self, $name, $sql, $right, $wrong, %is) = @_;
    my %answer;
    for my $guess ($right, $wrong)
    {
        $answer{$guess} = $self->told($self->{role}, $sql =~ s/\{\}/$guess/gr);
        $answer{$guess} =~ s/\Q$guess\E/?/g;
        $answer{"control $guess"} =
            $self->told(superuser(), ($is{control} // $sql) =~ s/\{\}/$guess/gr) =~ s/\Q$guess\E/?/gr;
    }
    my $verdict =
        $answer{$right} =~ /ERROR/ ? 'not tried' : $answer{$right} eq $answer{$wrong} ? 'alike' : 'told apart';
    $verdict .= ', and so by the control' if $answer{"control $right"} eq $answer{"control $wrong"};
    is($verdict, 'alike', $name) or note(substr("$answer{$right}\n$answer{$wrong}\n" . $answer{"control $right"} . $answer{"control $wrong"}, 0, 2500));
    return;
}

# What nobody but the owner may do with the relation, the wrapper and the functions; $stored is a day.
sub refusals
{
    my ($stored) = @_;
    return (
        'CREATE STATISTICS' => 'CREATE STATISTICS zq.s (mcv) ON query, userid FROM pg_stat_monitor',
        'CREATE STATISTICS on a day' => "CREATE STATISTICS zq.s ON (query || ''), userid FROM $stored",
        'CREATE INDEX' => "CREATE INDEX ON pg_stat_monitor ((query || ''))",
        'CREATE RULE' => 'CREATE RULE r AS ON INSERT TO pg_stat_monitor DO ALSO NOTIFY x',
        'CREATE POLICY' => 'CREATE POLICY p ON pg_stat_monitor USING (true)',
        'ALTER POLICY' => 'ALTER POLICY pg_stat_monitor_read ON pg_stat_monitor USING (true)',
        'DISABLE ROW LEVEL SECURITY' => "ALTER TABLE $stored DISABLE ROW LEVEL SECURITY",
        'ALTER COLUMN ... SET STATISTICS' => "ALTER TABLE $stored ALTER COLUMN query SET STATISTICS 10000",
        'DETACH' => "ALTER TABLE pg_stat_monitor DETACH PARTITION $stored",
        'ATTACH of an own table' => [
            'CREATE TABLE zq.mine (LIKE pg_stat_monitor)',
            q{ALTER TABLE pg_stat_monitor ATTACH PARTITION zq.mine FOR VALUES FROM ('2002-01-01') TO ('2002-01-02')}
        ],
        'PARTITION OF' =>
            q{CREATE TABLE zq.mine2 PARTITION OF pg_stat_monitor FOR VALUES FROM ('2002-01-01') TO ('2002-01-02')},
        'ATTACH of a day to an own table' => [
            'CREATE TABLE zq.over (LIKE pg_stat_monitor) PARTITION BY RANGE (exported_at)',
            "ALTER TABLE zq.over ATTACH PARTITION $stored FOR VALUES FROM ('2002-01-01') TO ('2002-01-02')"
        ],
        'ATTACH of the live part to an own table' => [
            'CREATE TABLE zq.over2 (LIKE pg_stat_monitor) PARTITION BY RANGE (exported_at)',
            q{ALTER TABLE zq.over2 ATTACH PARTITION pg_stat_monitor_live FOR VALUES FROM ('infinity') TO (MAXVALUE)}
        ],
        'a foreign table on the server' =>
            'CREATE FOREIGN TABLE zq.own (query text, userid oid) SERVER pg_stat_monitor',
        'a server on the wrapper' => 'CREATE SERVER zq_own FOREIGN DATA WRAPPER pg_stat_monitor',
        'a user mapping' => 'CREATE USER MAPPING FOR CURRENT_USER SERVER pg_stat_monitor',
        'IMPORT FOREIGN SCHEMA' => 'IMPORT FOREIGN SCHEMA x FROM SERVER pg_stat_monitor INTO zq',
        'a wrapper with the handler' => 'CREATE FOREIGN DATA WRAPPER zq_own HANDLER pg_stat_monitor_fdw_handler',
        'ALTER EXTENSION ... DROP' => "ALTER EXTENSION pg_stat_monitor DROP TABLE $stored",
        'ALTER EXTENSION ... SET SCHEMA' => 'ALTER EXTENSION pg_stat_monitor SET SCHEMA zq',
        'ALTER EXTENSION ... UPDATE' => q{ALTER EXTENSION pg_stat_monitor UPDATE TO '2.4'},
        'DROP EXTENSION' => 'DROP EXTENSION pg_stat_monitor CASCADE',
        'OWNER TO' => 'ALTER TABLE pg_stat_monitor OWNER TO CURRENT_USER',
        'RENAME' => "ALTER TABLE $stored RENAME TO x",
        'SET STORAGE' => 'ALTER FOREIGN TABLE pg_stat_monitor_live OPTIONS (ADD x \'y\')',
        'a histogram of its own' => 'ALTER FUNCTION histogram(integer, bigint) SET search_path = zq',
        'PUBLICATION' => 'CREATE PUBLICATION zq_own FOR TABLE pg_stat_monitor',
        'CLUSTER' => "CLUSTER $stored USING nothing",
        'REINDEX' => "REINDEX TABLE $stored",
        'pg_stat_monitor_reset()' => 'SELECT pg_stat_monitor_reset()',
        'pg_stat_monitor_export()' => 'SELECT pg_stat_monitor_export()',
        'pg_stat_monitor_serve_2_3()' => q{SELECT pg_stat_monitor_serve_2_3('zq_attacker')},
        'ALTER SYSTEM' => q{ALTER SYSTEM SET pg_stat_monitor.pgsm_track = 'none'},
        'another role' => 'SET ROLE zq_victim',);
}

1;
