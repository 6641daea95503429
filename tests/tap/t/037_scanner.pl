# The server's scanner and ours (core/sql_tokens) read the same tokens: boundaries and kinds, on random texts made of what
# is special in either. A text that the server refuses is compared up to there; a literal, quoted name or comment that does
# not end is bad to both. PGSM_TEXTS: how many (50000). PGSM_SEED: which.
use strict;
use warnings;

use Monitor;
use Test::More;

my $texts = $ENV{PGSM_TEXTS} || 50000;
my $seed = $ENV{PGSM_SEED} || 1;

my $node = monitored_node('scanner', $NEVER_ENDS . $NO_EXPORTER);
my $library = $node->config_data('--pkglibdir') . '/scanner_beside.so';
plan(skip_all => 'built without the module of the tests (-Dtests=true)') unless -e $library;

ask($node, "CREATE FUNCTION scanner_beside(text) RETURNS text LANGUAGE c STRICT AS '$library'");
ask($node, <<'END');
CREATE TABLE pieces (i serial, piece text);
INSERT INTO pieces (piece) SELECT unnest(ARRAY[
    '''', '''''', 'E''', 'e''', 'U&''', 'u&"', 'B''', 'x''', 'N''', 'n', '"', '""', '$$', '$a$', '$a_1$', '$', '$1', '$12x', '$a',
    '\', '\''', '\\', '--', '/*', '*/', '/', '*', '-', '+', '+-', '@-', '<', '<=', '<>', '!=', '=>', '=', ':', '::', ':=', '..', '.',
    ',', ';', '(', ')', '[', ']', '~', '!', '@', '#', '%', '^', '&', '|', '`', '?', '{', '}', '1', '42', '1.5', '.5', '1.', '1..2',
    '1e5', '1e', '1e+', '1e-7', '0x1F', '0x', '0b01', '0o17', '1_000', '1__0', '_1', '0x_1', '123abc', '1a', 'a', 'b1', 'select',
    'from', 'uescape', 'SELECT', 'nchar', 'é', '日本', 'ß', 'x y', ' ', '  ', E'\n', E'\n', E'\t', E'\r', E'\f',
    E'''\n''', E'''--\n''', E'''/**/\n''', E'-- ''\n', '/* '' */', '/* /* */ */', '\x41', '\101', '\u0041', '\u00', '\U00000041']);
CREATE UNIQUE INDEX ON pieces (i);
CREATE FUNCTION random_text(seed bigint) RETURNS text LANGUAGE sql AS $$
SELECT string_agg(piece, '' ORDER BY j) FROM generate_series(1, 1 + abs(hashint8extended(seed, 0) % 14)) j
JOIN pieces ON i = 1 + abs(hashint8extended(j, seed) % 106)
$$;
END
ask($node, 'INSERT INTO pieces (piece) VALUES (chr(11))') if $node->pg_version->major >= 16;
foreach my $strings ('on', 'off')
{
    # 19 knows them no other way.
    next if $strings eq 'off' && $node->pg_version->major >= 19;
    my $set = "SET client_min_messages = error; SET standard_conforming_strings = $strings;";
    $set .= ' SET escape_string_warning = off;' if $strings eq 'off';
    my $compared = $texts / ($strings eq 'on' ? 1 : 4);
    ask($node, "$set CREATE TABLE different_$strings AS SELECT t, said FROM (SELECT t, scanner_beside(t) AS said "
        . "FROM generate_series(1, $compared) g, random_text($seed * 1000000000 + g) t) s WHERE said IS NOT NULL");
    is(ask($node, "SELECT count(*) FROM different_$strings"), 0, "$compared texts, standard_conforming_strings $strings")
        or note(ask($node, "SELECT quote_literal(t), said FROM different_$strings ORDER BY length(t) LIMIT 20"));
}
cmp_ok(ask($node, 'SELECT count(*) FROM pieces'), '>=', 106, 'all pieces are used');
cmp_ok(ask($node, "SELECT count(DISTINCT random_text(g)) FROM generate_series(1, 1000) g"), '>', 900, 'texts differ');
$node->stop;

done_testing();
