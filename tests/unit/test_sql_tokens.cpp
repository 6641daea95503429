#include "core/sql_tokens.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using namespace pgsm::core;

namespace {

/// The tokens with a bar behind each, a bad one as !, so that boundaries can be read.
std::string bars(std::string_view text, bool plain_backslashes = true) {
    SqlTokens tokens{text, plain_backslashes};
    std::string out;
    for (SqlToken token = tokens.next(); token.kind != TokenKind::end; token = tokens.next()) {
        if (token.kind == TokenKind::bad) return out + "!";
        out += std::string{text.substr(token.begin, token.end - token.begin)} + "|";
    }
    return out;
}

std::vector<TokenKind> kinds(std::string_view text) {
    SqlTokens tokens{text};
    std::vector<TokenKind> found;
    for (SqlToken token = tokens.next(); token.kind != TokenKind::end; token = tokens.next())
        found.push_back(token.kind);
    return found;
}

}  // namespace

TEST_CASE("tokens: white space and comments separate, and nested comments end where they should") {
    CHECK(bars("select a,b") == "select|a|,|b|");
    CHECK(bars("a/* x /* y */ z */b--c\nd") == "a|b|d|");
    CHECK(bars("a /*/ b */ c") == "a|c|");
    CHECK(bars("a /* b") == "a|!");
    CHECK(bars("a -- b") == "a|");
    SqlTokens plain{"a b"}, commented{"a -- b"};
    while (plain.next().kind != TokenKind::end) {}
    while (commented.next().kind != TokenKind::end) {}
    CHECK_FALSE(plain.met_comment());
    CHECK(commented.met_comment());
}

TEST_CASE("tokens: literals of every kind are one token") {
    for (const std::string_view literal :
         {"'a'", "'it''s'", "E'a\\'b'", "e'\\\\'", "U&'d\\0061t'", "B'01'", "x'1F'", "$$a'b$$", "$x$ $y$ $x$",
          "'a'\n 'b'", "'a' -- c\n 'b'", "E'a'\n'\\''", "$a$ $aa$a$", "'--'", "'/*'"})
        CHECK(bars(literal) == std::string{literal} + "|");
    CHECK(bars("'a' 'b'") == "'a'|'b'|");
    CHECK(bars("'a' /* \n */ 'b'") == "'a'|'b'|");
    CHECK(bars("N'a'") == "N|'a'|");
    CHECK(bars("'a\\'") == "'a\\'|");
    CHECK(bars("'a\\'b'", false) == "'a\\'b'|");
    CHECK(bars("b'01''1'") == "b'01'|'1'|");
    CHECK(bars("a$b$c") == "a$b$c|");
    CHECK(bars("$1$a$b$a$") == "$1|$a$b$a$|");
    for (const std::string_view open : {"'a", "E'a\\'", "$$a$", "$x$a$y$", "\"a", "U&\"a", "B'0", "'a'\n'b"})
        CHECK(bars(open).back() == '!');
}

TEST_CASE("tokens: names, numbers, parameters, operators") {
    CHECK(bars("\"a\"\"b\".c") == "\"a\"\"b\"|.|c|");
    CHECK(bars("U&\"a\" uescape '!'") == "U&\"a\"|uescape|'!'|");
    CHECK(bars("u & a") == "u|&|a|");
    CHECK(bars("1.5e-3,.5,1.,1..2,0x1F,1_000,12abc,1e") == "1.5e-3|,|.5|,|1.|,|1|..|2|,|0x1F|,|1_000|,|12abc|,|1e|");
    CHECK(bars("$1,$23x") == "$1|,|$23x|");
    CHECK(bars("a<=-5") == "a|<=|-|5|");
    CHECK(bars("a=-5") == "a|=|-|5|");
    CHECK(bars("a@-5") == "a|@-|5|");
    CHECK(bars("a+-+5") == "a|+|-|+|5|");
    CHECK(bars("a*/**/b") == "a|*|b|");
    CHECK(bars("a->>'b'") == "a|->>|'b'|");
    CHECK(bars("a::b:=c=>d") == "a|::|b|:=|c|=>|d|");
    CHECK(bars("a[1:2]") == "a|[|1|:|2|]|");
    CHECK(kinds("a \"b\" 'c' b'1' 2 $3 ( ::") ==
          std::vector{TokenKind::identifier, TokenKind::quoted_identifier, TokenKind::string, TokenKind::bit_string,
                      TokenKind::number, TokenKind::parameter, TokenKind::symbol, TokenKind::operation});
}

TEST_CASE("tokens: any text is read to its end, in order, within its bounds") {
    std::mt19937 random{11};
    const std::string_view pieces[]{"'", "''", "\"", "$", "$a$", "\\", "E'", "U&'", "/*", "*/", "--", "\n", " ",
                                    "a",  "1",  ".",  "-", "+",   "@",  ":",  "(",   "\xC3\xA4", "e", "_"};
    for (int round = 0; round < 50000; ++round) {
        std::string text;
        for (auto n = random() % 24; n > 0; --n) text += pieces[random() % std::size(pieces)];
        SqlTokens tokens{text, round % 2 == 0};
        std::uint32_t last = 0;
        for (;;) {
            const SqlToken token = tokens.next();
            if (token.kind == TokenKind::end) break;
            REQUIRE(token.begin >= last);
            REQUIRE(token.end <= text.size());
            REQUIRE(token.end + (token.kind == TokenKind::bad ? 1 : 0) > token.begin);
            if (token.kind == TokenKind::bad) {
                CHECK(tokens.next().kind == TokenKind::bad);
                break;
            }
            last = token.end;
        }
    }
}
