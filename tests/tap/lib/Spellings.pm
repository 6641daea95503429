# Random statements in two spellings: what the server makes one query id of, with other words, other places for
# the constants, and constants that occur nowhere else, so that a text which keeps one gives itself away.
# Everything that is said in a statement comes from one stream of random numbers, how it is spelt from
# another. Tables w, u and sink: TABLE.
package Spellings;
use strict;
use warnings;

use Exporter 'import';

use SpeltExpressions;
use SpeltTokens;

our @EXPORT = qw(spelling tag_of TABLE);

# Columns k and l are for tags alone: a pair of them names the statement, in whatever a server makes of its text.
use constant TABLE => '(' . join(', ', (map {; "k$_ integer", "l$_ integer" } 0 .. 99), (map {; "a$_ integer" } 0 .. 5),
    (map {; "s$_ text" } 0 .. 3), (map {; "n$_ numeric" } 0 .. 2), (map {; "t$_ timestamp" } 0 .. 1),
    'b0 boolean', 'b1 boolean', 'j0 jsonb', 'r0 integer[]', 'v0 bit varying') . ')';

my $tag;

sub labelled { my ($x, $n) = @_; return $x . spelt('', '', " AS o$n", " o$n", " AS \"O'$n\"") }

sub windowed
{
    my $what = said(4);
    my $order = 'ORDER BY ' . column('a') . direction();
    my ($low, $high) = (count(), count());
    my $frame = $what == 0 ? " ROWS BETWEEN $low PRECEDING AND $high FOLLOWING"
        : $what == 1 ? " ROWS $low PRECEDING" : '';
    my $inside = 'PARTITION BY ' . integers(3) . " $order$frame";
    my $call = 'sum ( ' . column('a') . ' ) OVER';
    return rarely(2) ? ("$call ( $inside )", '') : ("$call win", " WINDOW win AS ( $inside )");
}

sub from
{
    my $first = table('w');
    my $what = said(9);
    return $first if $what < 4;
    return $first . ' TABLESAMPLE ' . spelt('SYSTEM', 'BERNOULLI', 'system') . ' ( ' . literal('77.5', '77.5')
        . ' ) REPEATABLE ( ' . count() . ' )' if $what == 8;
    if ($what == 4)
    {
        my $rows = join(' , ', map { '( ' . integer() . ' , ' . string() . ' )' } 0 .. said(2));
        return "$first CROSS JOIN ( VALUES $rows ) " . spelt('AS ', '') . 'v ( x , y )';
    }
    if ($what == 5)
    {
        my $inner = subquery('a', 2);
        return "$first , " . "( $inner ) " . spelt('AS ', '') . other_name('d', '"D;d"', 'dd') . ' ( q )';
    }
    my $join = said(2) ? spelt('JOIN', 'INNER JOIN') : spelt('LEFT JOIN', 'LEFT OUTER JOIN');
    my $second = table(said(3) ? 'u' : 'w');
    return "$first $join $second ON " . condition(3) . ' AND ' . condition(3);
}

sub tagged
{
    my ($where) = @_;
    my ($x, $y) = map { @scope > 1 || rarely(3) ? "$scope[0].$_" : $_ } @$tag;
    return "( $x = $y )" . ' AND ' . $where if said(2);
    return "$where AND $x = $y";
}

# Of two expressions that are the same, with their constants, the server keeps one, and pg_stat_statements knows of no
# other place.
sub twice
{
    my ($column, $from) = @_;
    my $mark = mark();
    my ($x, $y) = map { parens("$column + " . literal($mark, $mark)) } 1 .. 2;
    my $what = said(8);
    return "SELECT $x , count ( * ) $from GROUP BY $y" if $what < 2;
    return "SELECT $x , $column $from ORDER BY $y" . direction() if $what == 2;
    return "SELECT DISTINCT ON ( $x ) $y $from" if $what == 3;
    return "SELECT rank ( ) OVER ( PARTITION BY $x ) , $y $from" if $what == 4;
    return "SELECT sum ( $column ) OVER ( ORDER BY $x ) , max ( $column ) OVER ( ORDER BY $y ) $from" if $what == 7;
    return "SELECT array_agg ( $x ORDER BY $y ) $from" if $what == 5;
    return "SELECT $x , GROUPING ( $y ) $from GROUP BY ROLLUP ( $y )";
}

sub query
{
    @scope = ();
    my $from = from();
    my $kind = said(10);
    my $where = ' WHERE ' . tagged(condition(0));
    if ($kind < 2)
    {
        my ($a, $s) = ($scope[0] . '.a' . said(6), $scope[0] . '.s' . said(4));
        my $having = said(2) ? '' : ' HAVING count ( * ) > ' . integer();
        my $group = said(2) ? "$a , $s" : "ROLLUP ( $a , $s )";
        $group = spelt($group, '1 , 2') if $group !~ /ROLLUP/;
        return "SELECT $a , $s , sum ( $scope[0].a0 + " . integer() . " ) FROM $from$where GROUP BY $group$having"
            . ' ORDER BY ' . spelt($a, '1') . direction() . limits();
    }
    return twice("$scope[0].a1", "FROM $from$where") if $kind == 2 && said(3) == 0;
    my ($window, $windows) = $kind == 3 ? windowed() : ('', '');
    my $first = $scope[0] . '.a' . said(6);
    my @items = (labelled($first, 1), map { labelled(said(2) ? integers(1) : texts(1), $_) } 2 .. 2 + said(2));
    push @items, $window if $window;
    my $distinct = $kind == 4 ? 'DISTINCT ' : $kind == 5 ? "DISTINCT ON ( $first ) " : spelt('', '', 'ALL ');
    my $order = said(3) == 0 && $kind != 5 ? '' : ' ORDER BY ' . spelt($first, '1') . direction();
    $order .= ' , ' . column('a') . ' + ' . integer() . direction() if $order && $kind > 5 && said(3) == 0;
    my $limits = said(2) ? '' : limits();
    my $lock = $kind == 6 ? " FOR UPDATE OF $scope[0]" : '';
    return "SELECT $distinct" . join(' , ', @items) . " FROM $from$where$windows$order$limits$lock";
}

sub row { return '( ' . integer() . ' , ' . spelt(integer(), 'NULL') . ' , ' . string() . ' , ' . number() . ' )' }

sub statement
{
    my ($reads) = @_;
    my $what = said($reads ? 72 : 100);
    @scope = ();
    my ($k, $l) = @$tag;
    return query() if $what < 50;
    if ($what < 56)
    {
        my ($one, $two) = map { subquery('a', 1) } 1 .. 2;
        my $set = (qw(UNION EXCEPT INTERSECT))[ said(3) ] . (said(2) ? ' ALL' : spelt('', ' DISTINCT'));
        my $mine = table('w');
        $one = "SELECT " . integers(1) . " FROM $mine WHERE " . tagged(condition(1));
        return "( $one ) $set ( $two )" . (said(2) ? '' : ' ORDER BY 1' . limits()) if $two =~ /LIMIT|FETCH|OFFSET/;
        return spelt("( $one ) $set ( $two )", "$one $set $two", "$one $set ( $two )") . (said(2) ? '' : ' ORDER BY 1');
    }
    if ($what == 56)
    {
        my $mine = table('w');
        return "WITH RECURSIVE cte ( a9 ) AS ( SELECT $scope[0].a1 FROM $mine WHERE " . tagged(condition(2))
            . ' UNION ALL SELECT a9 + ' . integer() . ' FROM cte ) CYCLE a9 SET found TO ' . quote_mark() . ' DEFAULT '
            . quote_mark() . ' USING path SELECT a9 FROM cte';
    }
    if ($what < 65)
    {
        my $inner = subquery('a', 1);
        my $rows = join(' , ', map { '( ' . integer() . ' )' } 0 .. said(3));
        my $with = said(3) ? $inner : "VALUES $rows";
        my $mine = table('w');
        push @scope, 'cte';
        return "WITH cte ( a9 ) AS ( $with ) SELECT cte.a9 + " . integer() . " FROM $mine , cte WHERE "
            . tagged("cte.a9 > " . integer());
    }
    if ($what < 72)
    {
        my $row = sub { '( ' . integer() . ' , ' . string() . ' , ' . number() . ' )' };
        my $mine = table('w');
        return 'VALUES ( ( SELECT ' . integers(2) . " FROM $mine WHERE " . tagged(condition(2)) . ' LIMIT '
            . count() . ' ) , ' . string() . ' , ' . number() . ' ) , ' . join(' , ', map { $row->() } 0 .. said(2));
    }
    my $returning = said(3) == 0;
    if ($what < 80)
    {
        my $rows = join(' , ', map { row() } 0 .. said(3));
        return "INSERT INTO sink" . spelt('', ' AS z') . " ( $k , $l , s0 , n0 ) VALUES $rows"
            . ($returning ? ' RETURNING a0 + ' . integer() : '') ;
    }
    if ($what < 84)
    {
        my $mine = table('w');
        return "INSERT INTO sink ( a0 , s0 ) SELECT " . integers(1) . ' , ' . texts(1) . " FROM $mine WHERE "
            . tagged(condition(1));
    }
    my $mine = table('w');
    my $set = said(3) ? 'a1 = ' . integers(1) . ' , s1 = ' . texts(1)
        : '( a1 , s1 ) = ' . spelt('', 'ROW ') . '( ' . integers(1) . ' , ' . texts(1) . ' )';
    if ($what < 90)
    {
        my $more = said(3) ? '' : ' FROM ( ' . subquery('s', 1) . ' ) ' . spelt('AS ', '') . 'f ( q )';
        return "UPDATE $mine SET $set$more WHERE " . tagged(condition(1))
            . ($returning ? ' RETURNING ' . integers(2) : '');
    }
    return "DELETE FROM $mine WHERE " . tagged(condition(1)) . ($returning ? ' RETURNING ' . texts(2) : '')
        if $what < 95;
    my ($target, $using) = ($scope[0], table('u'));
    my $matched = condition(2);
    my $source = $scope[1];
    @scope = ($source);
    return "MERGE INTO $mine USING $using ON $target.$k = $source.$l WHEN MATCHED AND $matched THEN UPDATE SET a2 = "
        . integer() . " WHEN NOT MATCHED AND $source.a0 > " . integer() . ' THEN INSERT ( a1 , s1 ) VALUES ( '
        . integers(2) . ' , ' . string() . ' )';
}

# The statement number $n of 10000, said as $shape_seed and spelt as $spell_seed would have it; $reads: it only reads,
# $params: it may have a parameter, which is an integer. Returns its text and the cores of its constants.
sub spelling
{
    my ($n, $shape_seed, $spell_seed, $version, $reads, $params) = @_;
    begin($version, $shape_seed, $spell_seed);
    begin_scopes($version, $params);
    $tag = [ 'k' . int($n / 100), 'l' . $n % 100 ];
    return (written(statement($reads)), cores());
}

# The number of the statement that a text is of, or undef.
sub tag_of
{
    my ($text) = @_;
    return $text =~ /\bk(\d\d?)\b.*?\bl(\d\d?)\b/is ? $1 * 100 + $2 : undef;
}

1;
