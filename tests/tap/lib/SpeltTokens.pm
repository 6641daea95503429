# The words of Spellings.pm: two streams of random numbers, constants in all their forms, and how tokens are written
# down. What is said comes from the one stream, how it is spelt from the other; nothing that is said may be asked for
# where only some spellings come by.
package SpeltTokens;
use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(begin said spelt rarely mark literal parens cast typed integer quote_mark count number string bits
    interval moment truth written cores);

my ($version, $shape, $spell, $serial, @cores, @literals) = (0, 0, 0, 0);

# Starts a statement of a server of that version.
sub begin
{
    ($version, $shape, $spell) = ($_[0], $_[1] & 0x7fffffff, $_[2] & 0x7fffffff);
    (@cores, @literals) = ();
    said(2), spelt(0) foreach 1 .. 3;
}
sub cores { return [@cores] }

sub draw
{
    my ($state, $n) = @_;
    $$state = ($$state * 1103515245 + 12345) & 0x7fffffff;
    return ($$state >> 9) % $n;
}
sub said { return draw(\$shape, $_[0]) }
sub spelt { return $_[ draw(\$spell, scalar @_) ] }
sub rarely { return draw(\$spell, $_[0]) == 0 }

# A constant as a token of its own. What of it must be nowhere: its core, which is in it if not said otherwise.
sub literal
{
    my ($text, $core) = @_;
    push @cores, $core if defined $core;
    push @literals, $text;
    return "\x02$#literals";
}
sub mark { return 77_000_000 + ++$serial % 1_000_000 }
sub parens { return rarely(7) ? "( $_[0] )" : $_[0] }
sub cast { return spelt("CAST ( $_[0] AS $_[1] )", "$_[0] :: $_[1]") }
sub typed { return spelt("$_[1] $_[0]", "$_[0] :: $_[1]", "CAST ( $_[0] AS $_[1] )") }

sub integer
{
    my $mark = mark();
    return parens(cast(literal("'$mark'", $mark), 'INT')) if rarely(20);
    return typed(literal("'$mark'", $mark), 'INTEGER') if rarely(20);
    return cast(literal($mark, $mark), 'INT4') if rarely(20);
    return literal(spelt('-', '-', '- ') . $mark, $mark) if rarely(6);
    return '+ ' . literal($mark, $mark) if rarely(40);
    return spelt('- ( ' . literal($mark, $mark) . ' )', '- - ' . literal($mark, $mark)) if rarely(200);
    if ($version >= 16 && rarely(8))
    {
        my $text = spelt(sprintf('0x%08X', $mark), sprintf('0o%o', $mark), $mark =~ s/(...)(...)$/_$1_$2/r);
        return literal($text, $text);
    }
    return literal($mark, $mark);
}
sub quote_mark { my $mark = mark(); return literal("'$mark'", $mark) }
# Where no cast and no sign may stand.
sub count { my $mark = mark(); return literal($mark, $mark) }

sub number
{
    my $mark = mark();
    my $text = spelt("$mark.5", "$mark.", ".$mark", "${mark}e2", "$mark.25e-3", "${mark}E+1", "-$mark.75", "0.$mark");
    return $text !~ /^-/ && rarely(10) ? typed(literal("'$text'", $mark), 'NUMERIC') : literal($text, $mark);
}

sub string
{
    my $core = 'zq' . mark();
    my $text = spelt("'$core'", "'$core'", "'$core'", "'$core'", "'it''s $core'", "E'$core\\n\\'x'", "\$\$$core 'x\$\$",
        "\$q\$$core\$q\$", "U&'$core\\0061'", "'$core -- x'", "'/* $core'", "'$core;'", "'a'\n '$core'", "e'$core'",
        "'$core' -- more\n\t'b'", "'$core\"'");
    return literal("U&'$core!0061'", $core) . " UESCAPE " . literal("'!'") if rarely(30);
    return rarely(12) ? typed(literal($text, $core), 'TEXT') : rarely(40) ? literal("N'$core'", $core)
        : literal($text, $core);
}
sub quoted { my ($text, $type) = @_; return typed(literal("'$text'", $text), $type) }
sub bits
{
    my $mark = mark();
    my ($binary, $hex) = (sprintf('%027b', $mark), sprintf('%08X', $mark));
    return spelt(literal("B'$binary'", $binary), literal("b'$binary'", $binary), literal("X'$hex'", $hex));
}
sub interval
{
    my $mark = mark();
    return 'INTERVAL ' . literal("'$mark'", $mark) . ' SECOND' if said(5) == 0;
    return quoted("$mark seconds", 'INTERVAL');
}
sub moment
{
    my $mark = mark();
    return quoted(sprintf('%d-%02d-%02d', 1000 + $mark % 9000, 1 + $mark % 12, 1 + $mark % 28), 'TIMESTAMP');
}
sub truth { return spelt('TRUE', 'FALSE', "CAST ( 't' AS BOOLEAN )", "BOOL 'f'") }

# A token as it may be written, and what may stand between two.
sub word
{
    my ($token) = @_;
    return $literals[$1] if $token =~ /^\x02(\d+)$/;
    return $token if $token =~ /["']/ || $token !~ /^[A-Za-z]/;
    return spelt($token, lc $token, lc $token, ucfirst lc $token) if $token !~ /^[a-z]/;
    return join('.', map { spelt($_, $_, $_, "\"$_\"", uc $_) } split(/\./, $token));
}
sub between
{
    my ($left, $right, $noise) = @_;
    my $joins = $right =~ /^[(),\[\]]/ || $left =~ /[(),\[\]]$/ || "$left $right" =~ /:: /
        || $left =~ /^[=<>*|@&+!-]+$/ && $right =~ /^[\w"'(.\$]/ && $left !~ /^-$/
        || $left eq '-' && $right =~ /^\d/;
    return $joins && rarely(2) ? '' : ' ' unless $noise;
    return '' if $joins && rarely(3);
    return ' ' unless rarely(6);
    return spelt('  ', "\n", "\t", "\n    ", "\r\n", ' /* note */ ', " -- it's a remark\n", ' /**/ ',
        ' /* one /* in */ another */ ', " /* 'a' */\n", " --\n");
}

# A statement of tokens with a space between two, as a text.
sub written
{
    my ($first, @tokens) = split(/ +/, $_[0] =~ s/^ +//r);
    my $noise = rarely(2);
    my $last = my $text = word($first);
    foreach my $token (@tokens)
    {
        my $next = word($token);
        $text .= between($last, $next, $noise) . $next;
        $last = $next;
    }
    return $text;
}

1;
