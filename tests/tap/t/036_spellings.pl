# Thousands of random statements, each in two spellings of one query id with other constants: what was learnt of the
# first must not garble the text of the second. A text is what pg_stat_statements makes of that spelling, keeps none
# of its constants, and has the pgsm_query_id of that text (compat-2.3.md 3.2, 4.6).
#
# PGSM_PAIRS: how many pairs (10000). PGSM_SEED: of the random numbers (20250). PGSM_SHOWN: how many wrong ones are
# printed (10). PGSM_FRESH: a new session for each phase, which then has nothing to mix up: what is still wrong isn't
# for what a backend remembers.
use strict;
use warnings;

use IPC::Run;
use Monitor;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Spellings;
use Test::More;

my $pairs = $ENV{PGSM_PAIRS} || 10000;
my $seed = $ENV{PGSM_SEED} || 20250;
my $shown = $ENV{PGSM_SHOWN} // 10;
my $batch = 250;
my $folder = PostgreSQL::Test::Utils::tempdir();

my $node = monitored_node('spellings', $NEVER_ENDS . $NO_EXPORTER . <<'END');
shared_preload_libraries = 'pg_stat_statements,pg_stat_monitor'
pg_stat_monitor.pgsm_normalized_query = on
pg_stat_monitor.pgsm_track = all
pg_stat_monitor.pgsm_max = 64
pg_stat_monitor.pgsm_query_shared_buffer = 64MB
pg_stat_monitor.pgsm_query_max_len = 100000
pg_stat_monitor.pgsm_export_top_n = 1000000
pg_stat_statements.track = all
jit = off
log_statement = none
END
my $major = $node->pg_version->major;
ask($node, 'CREATE EXTENSION pg_stat_statements');
ask($node, "CREATE TABLE $_ ${\TABLE}") foreach qw(w u sink);
ask($node, <<'END');
CREATE TABLE seen (phase integer, utility boolean, query text, id bigint, id_ok boolean);
CREATE TABLE expected (phase integer, query text, queryid bigint, id bigint);
CREATE FUNCTION run(statement text) RETURNS void LANGUAGE plpgsql AS 'BEGIN EXECUTE statement; END';
CREATE FUNCTION id_of(statement text) RETURNS bigint LANGUAGE sql AS $$
SELECT hashtextextended(btrim(regexp_replace(regexp_replace(statement, '/\*([^*]|\*+[^*/])*(\*+/|\**$)|--[^\n]*', '',
    'g'), '[ \t\n\r\f\v]+', ' ', 'g')), 0)
$$;
CREATE FUNCTION take(p integer) RETURNS integer LANGUAGE sql SET pg_stat_monitor.pgsm_track = 'none' AS $$
INSERT INTO seen SELECT p, coalesce(cmd_type_text = 'UTILITY', false), query, coalesce(pgsm_query_id, 0),
    coalesce(pgsm_query_id = id_of(query), false) FROM pg_stat_monitor WHERE query !~ 'take|pg_stat_';
SELECT 1;
$$;
CREATE FUNCTION expect(p integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO expected SELECT p, query, queryid, id_of(query) FROM pg_stat_statements
        WHERE toplevel AND query !~ 'expect';
    PERFORM pg_stat_statements_reset();
    RETURN 1;
END $$;
END

# Runs a script in one session, with psql or with pgbench and the protocol that is named.
sub run_script
{
    my ($script, $protocol) = @_;
    open(my $file, '>', "$folder/script") or die $!;
    print $file $script;
    close($file);
    my @server = ('-h', $node->host, '-p', $node->port);
    my @command = $protocol ? ('pgbench', '-n', '-t', 1, '-M', $protocol, '-f', "$folder/script", @server, 'postgres')
        : ('psql', '-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', "$folder/script", @server,
            'postgres');
    my $ok = IPC::Run::run(\@command, '>', \my $out, '2>', \my $err);
    die "@command: $err" unless $ok && $err !~ /aborted|ERROR/;
}

# How a statement is sent: by its number in the batch, its text, and the phase.
my %WAYS = (
    simple => sub { "$_[1];" },
    unnormalized => sub { "$_[1];" },
    several => sub { $_[1] . ($_[0] % 5 == 4 ? ';' : '\\;') },
    nested => sub { "SELECT run(\$lit\$$_[1]\$lit\$);" },
    prepare => sub { "PREPARE p$_[0]_$_[2] (integer) AS $_[1]; EXECUTE p$_[0]_$_[2](77${\(123456 + $_[0])});" },
    explain => sub { (('EXPLAIN ', 'EXPLAIN (ANALYZE, COSTS OFF) ', 'explain verbose ')[ $_[0] % 3 ]) . "$_[1];" },
    cursor => sub { "BEGIN; DECLARE c CURSOR FOR $_[1]; FETCH ALL FROM c; CLOSE c; COMMIT;" },
    extended => sub { "$_[1];" },
    prepared => sub { "$_[1];" },
);
# The ways of the batches, over and over.
my @TURNS = (qw(simple prepare nested simple several extended simple prepare nested unnormalized explain several
        simple prepared simple cursor extended simple nested several));

# The texts of a batch: [phase][number within the batch] = [text, cores].
sub texts_of
{
    my ($b, $way) = @_;
    my @texts;
    foreach my $i (0 .. $batch - 1)
    {
        my $n = $b * $batch + $i;
        last if $n >= $pairs;
        my @seeds = ($seed * 31 + $n * 7919, $seed + $n * 104729, $seed + 1 + $n * 130363);
        # The third is spelt as the first, with other constants.
        push @{ $texts[$_] }, [ spelling($n % 10000, $seeds[0], $seeds[ $_ == 2 ? 2 : 1 ], $major, $way eq 'cursor',
                $way eq 'prepare') ]
            foreach 1 .. 3;
    }
    return @texts;
}

# What runs a batch, as one script for one session, or with PGSM_FRESH as one for each phase.
sub scripts_of
{
    my ($b, $way, @texts) = @_;
    my @scripts = ('');
    foreach my $phase (1 .. 3)
    {
        $scripts[-1] .= "SET pg_stat_monitor.pgsm_normalized_query = off;\n" if $way eq 'unnormalized';
        foreach my $i (0 .. $#{ $texts[1] })
        {
            $scripts[-1] .= $way eq 'prepare' && $phase == 3 && !$ENV{PGSM_FRESH} ? "EXECUTE p${i}_1(77234567);\n"
                : $WAYS{$way}->($i, $texts[$phase][$i][0], $phase) . "\n";
        }
        $scripts[-1] =~ s/\\;\n\z/;\n/;
        $scripts[-1] .= "SELECT pg_stat_monitor_export();\nSELECT take(${\($b * 10 + $phase)});\n"
            . "SELECT pg_stat_monitor_reset();\n";
        push @scripts, '' if $ENV{PGSM_FRESH} && $phase < 3;
    }
    return @scripts;
}

# Rows of a query as lists of columns.
sub rows
{
    my ($sql) = @_;
    my %escapes = (n => "\n", t => "\t", r => "\r", '\\' => '\\');
    return map { [ map { s/\\(.)/$escapes{$1} \/\/ $1/ger } split(/\t/, $_, -1) ] }
        split(/\n/, ask($node, "COPY ($sql) TO STDOUT"));
}

ask($node, 'SELECT pg_stat_monitor_reset()');
my @batches;
foreach my $b (0 .. ($pairs - 1) / $batch)
{
    my $way = $TURNS[ $b % @TURNS ];
    my @texts = texts_of($b, $way);
    push @batches, { way => $way, texts => \@texts };
    my $control = "SET pg_stat_monitor.pgsm_track = 'none';\nSELECT pg_stat_statements_reset();\n";
    foreach my $phase (1, 2)
    {
        foreach my $i (0 .. $#{ $texts[1] })
        {
            $control .= $WAYS{ $way eq 'prepare' ? $way : 'simple' }->($i, $texts[$phase][$i][0], $phase) . "\n";
        }
        $control .= "SELECT expect(${\($b * 10 + $phase)});\n";
    }
    run_script($control);
    run_script($_, $way =~ /^(extended|prepared)$/ ? $way : undef) foreach scripts_of($b, $way, @texts);
}

my %expected;
foreach my $row (rows('SELECT phase, query, queryid, id FROM expected'))
{
    my ($phase, $text, $queryid, $id) = @$row;
    my $tag = tag_of($text);
    $expected{$phase}{$tag} = { text => $text, queryid => $queryid, id => $id } if defined $tag;
}
my (%seen, @strangers);
foreach my $row (rows('SELECT phase, utility, query, id, id_ok FROM seen'))
{
    my $tag = tag_of($row->[2]);
    if (defined $tag) { push @{ $seen{ $row->[0] }{$tag} }, $row }
    elsif ($row->[2] =~ /77\d{6}/ && $batches[ $row->[0] / 10 ]{way} ne 'unnormalized') { push @strangers, $row->[2] }
}

# What of the text is nothing of the statement itself.
sub bare
{
    my ($text) = @_;
    return $text =~ s/^(PREPARE \w+ \(integer\) AS|EXPLAIN( \([^)]*\)| VERBOSE)?|DECLARE c CURSOR FOR)\s+//ir
        =~ s/[;\s]+\z//r;
}

# What is wrong with a row of ours. What pg_stat_statements has of the statement, whether it keeps a constant, the
# constants that were sent, the ids that the same spelling had before.
sub kinds_of
{
    my ($row, $way, $theirs, $keeps, $cores, $ids) = @_;
    my (undef, $utility, $ours, $id, $id_ok) = @$row;
    $utility = $utility eq 't';
    my @kinds;
    if ($way eq 'unnormalized')
    {
        push @kinds, 'id of another text' if !$keeps && $id ne $$theirs{id};
    }
    else
    {
        push @kinds, 'a constant is kept' if grep { index($ours, $_) >= 0 } @$cores;
        push @kinds, 'id of another text' if $id_ok ne 't';
        my ($mine, $right) = (bare($ours), bare($$theirs{text}));
        push @kinds, $mine =~ s/\$\d+/\$n/gr eq $right =~ s/\$\d+/\$n/gr ? 'other numbers of $n' : 'another text'
            if !$utility && !$keeps && $mine ne $right;
    }
    push @kinds, 'id varies with constants' if ($$ids{$utility} //= $id) ne $id;
    return @kinds;
}

my (%count, %wrong);
my ($one_id, $left) = (0, 0);
foreach my $b (0 .. $#batches)
{
    my ($way, $texts) = @{ $batches[$b] }{qw(way texts)};
    foreach my $i (0 .. $#{ $texts->[1] })
    {
        my $tag = ($b * $batch + $i) % 10000;
        my (%kinds, @told, @ids);
        foreach my $phase (1 .. 3)
        {
            # The third is the first again, or spelt as the first.
            my $spelt = $phase == 2 ? 2 : 1;
            my ($text, $cores) = @{ $texts->[ $way eq 'prepare' && !$ENV{PGSM_FRESH} ? $spelt : $phase ][$i] };
            my $theirs = $expected{ $b * 10 + $spelt }{$tag};
            die "pg_stat_statements has no $text" unless defined $theirs;
            my $keeps = grep { index($$theirs{text}, $_) >= 0 } @{ $texts->[$spelt][$i][1] };
            $left++ if $keeps && $phase < 3;
            $one_id++ if $phase == 2 && $$theirs{queryid} eq $expected{ $b * 10 + 1 }{$tag}{queryid};
            my $found = $way eq 'cursor';
            foreach my $row (@{ $seen{ $b * 10 + $phase }{$tag} // [] })
            {
                my $utility = $row->[1] eq 't';
                $found ||= !$utility;
                my $kind = join(', ', kinds_of($row, $way, $theirs, $keeps, $cores, $ids[$spelt] //= {})) or next;
                my $theirs_too = $keeps ? ' (pg_stat_statements keeps it, too)' : '';
                $kinds{ ($utility ? 'utility: ' : '') . $kind . $theirs_too } = 1;
                push @told, "phase $phase, $kind", "sent   $text", "theirs $$theirs{text}", "ours   $row->[2]";
            }
            $kinds{'no row'} = 1, push @told, "phase $phase, no row of $text" unless $found;
        }
        $count{"$way: $_"}++ foreach keys %kinds;
        next unless %kinds;
        my $what = grep({ !/^utility/ } keys %kinds) ? 'statements' : 'utility statements';
        # Not diag(): run_tap shows what goes to standard output.
        note(join("\n    ", "pair $i of batch $b, $way", @told)) if $wrong{$what}++ < $shown;
    }
}
note("seed $seed, $pairs pairs, $one_id of them with one query id; $left texts in which pg_stat_statements keeps a "
        . 'constant');
note("$_: $count{$_}") foreach sort keys %count;
note("wrong: $wrong{$_} of $_") foreach sort keys %wrong;
is($wrong{statements} // 0, 0, "$pairs pairs of spellings: each text and each id is its own");
is($wrong{'utility statements'} // 0, 0, 'no constants in texts of EXPLAIN and DECLARE');
is(scalar(@strangers), 0, 'no constants in texts of anything else') or note(join("\n", @strangers[ 0 .. 2 ]));
$node->stop;

done_testing();
