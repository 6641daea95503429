# Expressions over the tables in FROM, for Spellings.pm: of integers, of texts, and conditions.
package SpeltExpressions;
use strict;
use warnings;

use Exporter 'import';

use SpeltTokens;

our @EXPORT = qw(begin_scopes @scope column table integers texts list condition subquery limits direction
    other_name);

our @scope;  # names of the tables in FROM
my ($version, $alias, $alias_varies, $params);

# Starts a statement, of a server of that version; $parameter: $1 is an integer.
sub begin_scopes
{
    ($version, $params) = @_;
    $alias = 0;
    # From 18 on the names of tables are part of the query id.
    $alias_varies = said(4) == 0 || $version < 18;
}
sub other_name { return $alias_varies ? spelt(@_) : $_[0] }

# A column of that kind of one of the tables in scope.
sub column
{
    my ($kind, $number) = @_;
    my %last = (a => 6, s => 4, n => 3, t => 2, b => 2, j => 1, r => 1, v => 1);
    $number = said($last{$kind}) unless defined $number;
    my $from = $scope[ said(scalar @scope) ];
    return @scope > 1 || rarely(4) ? "$from.$kind$number" : "$kind$number";
}

sub integers
{
    my ($depth) = @_;
    my $what = said($depth > 2 ? 5 : 17);
    my $plus = said(2) ? '+' : '-';
    return column('a') if $what < 2;
    return integer() if $what < 4;
    return parens(column('a') . " $plus " . integer()) if $what < 6;
    return 'COALESCE ( ' . integers($depth + 1) . ' , ' . integer() . ' )' if $what == 6;
    return 'CASE WHEN ' . condition($depth + 1) . ' THEN ' . integer() . ' ELSE ' . integers($depth + 1) . ' END'
        if $what == 7;
    return 'CASE ' . column('a') . ' WHEN ' . integer() . ' THEN ' . integer() . ' END' if $what == 8;
    return 'NULLIF ( ' . column('a') . ' , ' . integer() . ' )' if $what == 9;
    return 'GREATEST ( ' . column('a') . ' , ' . integer() . ' , ' . integers($depth + 1) . ' )' if $what == 10;
    return 'abs ( ' . integers($depth + 1) . ' )' if $what == 11;
    return parens(cast('( ' . column('a') . ' + ' . integer() . ' )', 'INTEGER')) if $what == 12;
    return column('r') . ' [ ' . integer() . ' ]' if $what == 13;
    if ($what == 14)
    {
        my ($s, $part) = (column('s'), string());
        return spelt("POSITION ( $part IN $s )", "pg_catalog.position ( $s , $part )");
    }
    return '( ' . subquery('a', $depth + 1) . ' )' if $what == 15;
    return 'length ( ' . texts($depth + 1) . ' )';
}

sub texts
{
    my ($depth) = @_;
    my $what = said($depth > 2 ? 4 : 13);
    return column('s') if $what < 2;
    return string() if $what == 2;
    return '( ' . column('s') . ' || ' . string() . ' )' if $what == 3;
    return 'COALESCE ( ' . column('s') . ' , ' . string() . ' )' if $what == 4;
    if ($what == 5)
    {
        my ($s, $off) = (column('s'), string());
        return spelt("TRIM ( BOTH $off FROM $s )", "btrim ( $s , $off )");
    }
    if ($what == 6)
    {
        my ($s, $from, $for) = (column('s'), count(), count());
        return spelt("SUBSTRING ( $s FROM $from FOR $for )", "pg_catalog.substring ( $s , $from , $for )");
    }
    return 'lower ( ' . texts($depth + 1) . ' )' if $what == 7;
    return column('s') . ' COLLATE "C"' if $what == 8;
    return '( ' . column('j') . ' ->> ' . string() . ' )' if $what == 9;
    return cast('( ' . column('a') . ' - ' . integer() . ' )', 'TEXT') if $what == 10;
    return 'concat ( ' . column('s') . ' , ' . string() . ' , ' . integer() . ' )' if $what == 11;
    return 'OVERLAY ( ' . column('s') . ' PLACING ' . string() . ' FROM ' . count() . ' )';
}

sub list
{
    my ($make) = @_;
    my $length = 1 + said(4);
    $length = 1 + spelt(1 .. 4) if $version >= 18 && $length > 1;
    return join(' , ', map { $make->() } 1 .. $length);
}

sub condition
{
    my ($depth) = @_;
    my $what = said($depth > 2 ? 9 : 40);
    my $less = (qw(= < > >= <=))[ said(5) ];
    return parens(column('a') . " $less " . parens(rarely(8) ? quote_mark() : integer())) if $what < 4;
    return parens(integer() . " $less " . column('a')) if $what == 4;
    return parens(column('s') . " $less " . string()) if $what < 7;
    return column('n') . " $less " . number() if $what == 7;
    return column('b') . spelt(' IS NOT NULL', ' NOTNULL') if $what == 8;
    return integers($depth + 1) . spelt(' != ', ' <> ') . integers($depth + 1) if $what < 11;
    my $not = said(3) ? '' : ' NOT';
    if ($what < 15)
    {
        my ($x, $low, $high) = (column('a'), integer(), integer());
        return "( $x BETWEEN SYMMETRIC $low AND $high )" if $what == 11;
        return spelt("( $x NOT BETWEEN $low AND $high )", "( $x < $low OR $x > $high )") if $not;
        return spelt("( $x BETWEEN $low AND $high )", "( $x >= $low AND $x <= $high )");
    }
    if ($what < 18)
    {
        my ($x, $list) = $what == 15 ? (column('s'), list(\&string)) : (column('a'), list(\&integer));
        my $any = $not ? '<> ALL' : '= ANY';
        return parens(spelt("$x$not IN ( $list )", "$x$not IN ( $list )", "$x $any ( ARRAY [ $list ] )"));
    }
    if ($what < 20)
    {
        my ($x, $pattern) = (column('s'), string());
        return "$x$not LIKE $pattern ESCAPE " . literal("'!'") if said(3) == 0;
        return parens($x . spelt("$not LIKE ", $not ? ' !~~ ' : ' ~~ ') . $pattern);
    }
    return parens(condition($depth + 1) . ' AND ' . condition($depth + 1)) if $what < 22;
    return '( ' . condition($depth + 1) . ' OR ' . condition($depth + 1) . ' )' if $what < 24;
    if ($what == 24) { my $inner = column('a') . " $less " . integer(); return spelt("NOT ( $inner )", "NOT $inner") }
    return column('a') . " IS$not DISTINCT FROM " . integer() if $what == 25;
    return "$not EXISTS ( " . subquery('a', $depth + 1) . ' )' if $what == 26;
    return column('a') . "$not IN ( " . subquery('a', $depth + 1) . ' )' if $what == 27;
    if ($what == 28) { my $mark = mark(); return column('j') . ' @> ' . literal("'{\"a\": $mark}'", $mark) }
    return column('t') . " $less " . column('t') . ' - ' . interval() if $what == 29;
    return column('t') . " $less " . moment() if $what == 30;
    return 'EXTRACT ( ' . spelt('YEAR', "'year'", 'year') . ' FROM ' . column('t') . " ) $less " . count()
        if $what == 31;
    my ($x, $y) = (column('a'), column('a'));
    return spelt('', 'ROW ') . "( $x , " . integer() . ' ) = ' . spelt('', 'ROW ') . '( ' . integer() . " , $y )"
        if $what == 32;
    return column('v') . ' = ' . bits() if $what == 33;
    return column('b') . ' = ' . truth() if $what == 34;
    return column('r') . ' && ARRAY [ ' . list(\&integer) . ' ]' if $what == 35;
    return "$x = " . ($params ? spelt('$1', '( $1 )') : integer()) if $what < 38;
    my $pair = sub { '( ' . integer() . ' , ' . integer() . ' )' };
    return "( $x , $y )$not IN ( " . join(' , ', map { $pair->() } 0 .. said(2)) . ' )' if $what == 38;
    return column('n') . " $less " . cast(number(), 'NUMERIC ( 30 , 7 )');
}

# Table $name in FROM, under a name of its own that may be new.
sub table
{
    my ($name) = @_;
    my $own = $name . ++$alias;
    $own = spelt($own, "x$alias", "\"Odd-$name$alias\"", "\"$own\"") if $alias_varies;
    # The second time a name is needed.
    my $bare = $alias_varies && !grep({ $_ eq $name } @scope) && rarely(3);
    push @scope, $bare ? $name : $own;
    return $bare ? spelt($name, "public.$name", "$name *") : "$name " . spelt('AS ', '') . $own;
}

sub subquery
{
    my ($kind, $depth) = @_;
    local @scope = ();
    my $from = table(said(2) ? 'w' : 'u');
    my $item = $kind eq 'a' && said(2) ? integers(3) : column($kind);
    return "SELECT $item FROM $from WHERE " . condition($depth) . (said(3) ? '' : limits());
}

sub limits
{
    my ($limit, $offset, $what) = (count(), count(), said(4));
    my $rows = spelt(" LIMIT $limit", " LIMIT $limit", " FETCH FIRST $limit ROWS ONLY", " FETCH NEXT $limit ROW ONLY");
    return $rows if $what < 2;
    my $from = " OFFSET $offset" . spelt('', ' ROWS', ' ROW');
    return $from if $what == 2;
    return $rows =~ /FETCH/ || rarely(2) ? "$from$rows" : "$rows$from";
}

sub direction
{
    return said(3) ? spelt('', ' ASC', ' ASC NULLS LAST', ' USING <') : spelt(' DESC', ' DESC NULLS FIRST', ' USING >');
}

1;
