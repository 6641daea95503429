# Random statements in two spellings: what the server makes one query id of, with other words, other places for
# the constants, and constants that occur nowhere else, so that a text which keeps one gives itself away.
# Everything that is said in a statement comes from one stream of random numbers ($shape), how it is spelt from
# another ($spell). Tables w and u: TABLE.
package Spellings;
use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(spelling tag_of TABLE);

# Columns k and l are for tags alone: a pair of them names the statement, in whatever a server makes of its text.
use constant TABLE => '(' . join(', ', (map {; "k$_ integer", "l$_ integer" } 0 .. 99), (map {; "a$_ integer" } 0 .. 5),
    (map {; "s$_ text" } 0 .. 3), (map {; "n$_ numeric" } 0 .. 2), (map {; "t$_ timestamp" } 0 .. 1),
    'b0 boolean', 'b1 boolean', 'j0 jsonb', 'r0 integer[]', 'v0 bit varying') . ')';

our @scope;  # names of the tables in FROM
my ($version, $shape, $spell, $serial, $alias, $alias_varies, $tag, $params, @cores, @literals) = (0, 0, 0, 0);

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
    return 'EXTRACT ( ' . spelt('YEAR', "'year'", 'year') . ' FROM ' . column('t') . " ) $less " . count() if $what == 31;
    my ($x, $y) = (column('a'), column('a'));
    return spelt('', 'ROW ') . "( $x , " . integer() . ' ) = ' . spelt('', 'ROW ') . '( ' . integer() . " , $y )"
        if $what == 32;
    return column('v') . ' = ' . bits() if $what == 33;
    return column('b') . ' = ' . truth() if $what == 34;
    return column('r') . ' && ARRAY [ ' . list(\&integer) . ' ]' if $what == 35;
    return "$x = " . ($params ? spelt('$1', '( $1 )') : integer()) if $what < 38;
    return "( $x , $y )$not IN ( " . join(' , ', map { '( ' . integer() . ' , ' . integer() . ' )' } 0 .. said(2)) . ' )'
        if $what == 38;
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
sub labelled { my ($x, $n) = @_; return $x . spelt('', '', " AS o$n", " o$n", " AS \"O'$n\"") }

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
        return "$first , " . "( $inner ) " . spelt('AS ', '') . ($alias_varies ? spelt('d', '"D;d"', 'dd') : 'd') . ' ( q )';
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
    my $what = said(7);
    return "SELECT $x , count ( * ) $from GROUP BY $y" if $what < 2;
    return "SELECT $x , $column $from ORDER BY $y" . direction() if $what == 2;
    return "SELECT DISTINCT ON ( $x ) $y $from" if $what == 3;
    return "SELECT rank ( ) OVER ( PARTITION BY $x ) , $y $from" if $what == 4;
    return "SELECT array_agg ( $x ORDER BY $y ) $from" if $what == 5;
    return "SELECT $x , GROUPING ( $y ) $from GROUP BY ROLLUP ( $y )";
}

sub query
{
    local @scope = ();
    my $from = from();
    my $kind = said(10);
    my $where = ' WHERE ' . tagged(condition(0));
    if ($kind < 2)
    {
        my ($a, $s) = ($scope[0] . '.a' . said(6), $scope[0] . '.s' . said(4));
        my $having = said(2) ? '' : ' HAVING count ( * ) > ' . integer();
        my $group = said(2) ? "$a , $s" : "ROLLUP ( $a , $s )";
        $group = spelt($group, '1 , 2') if $group !~ /ROLLUP/;
        return "SELECT $a , $s , sum ( $scope[0].a0 + " . integer() . " ) FROM $from$where GROUP BY $group$having ORDER BY "
            . spelt($a, '1') . direction() . limits();
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
    local @scope = ();
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
    return "DELETE FROM $mine WHERE " . tagged(condition(1)) . ($returning ? ' RETURNING ' . texts(2) : '') if $what < 95;
    my ($target, $using) = ($scope[0], table('u'));
    my $matched = condition(2);
    my $source = $scope[1];
    @scope = ($source);
    return "MERGE INTO $mine USING $using ON $target.$k = $source.$l WHEN MATCHED AND $matched THEN UPDATE SET a2 = "
        . integer() . " WHEN NOT MATCHED AND $source.a0 > " . integer() . ' THEN INSERT ( a1 , s1 ) VALUES ( '
        . integers(2) . ' , ' . string() . ' )';
}

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

# The statement number $n of 10000, said as $shape_seed and spelt as $spell_seed would have it. Returns its text and
# the cores of its constants.
sub spelling
{
    (my $n, my $shape_seed, my $spell_seed, $version, my $reads, $params) = @_;
    ($shape, $spell, $alias) = ($shape_seed & 0x7fffffff, $spell_seed & 0x7fffffff, 0);
    said(2), spelt(0) foreach 1 .. 3;
    (@cores, @literals) = ();
    $tag = [ 'k' . int($n / 100), 'l' . $n % 100 ];
    # From 18 on the names of tables are part of the query id.
    $alias_varies = said(4) == 0 || $version < 18;
    my @tokens = split(/ +/, statement($reads) =~ s/^ +//r);
    my $noise = rarely(2);
    my $text = word(shift @tokens);
    my $last = $text;
    foreach my $token (@tokens)
    {
        my $next = word($token);
        $text .= between($last, $next, $noise) . $next;
        $last = $next;
    }
    return ($text, [@cores]);
}

# The number of the statement that a text is of, or undef.
sub tag_of
{
    my ($text) = @_;
    return $text =~ /\bk(\d\d?)\b.*?\bl(\d\d?)\b/is ? $1 * 100 + $2 : undef;
}

1;
