#include "core/secrets.hpp"
#include "core/sql_literal.hpp"
#include "core/sql_statements.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace pgsm::core;

namespace {

std::vector<SqlToken> tokens_of(std::string_view text) {
    SqlTokens tokens{text};
    std::vector<SqlToken> all;
    for (SqlToken token = tokens.next(); token.kind != TokenKind::end && token.kind != TokenKind::bad;
         token = tokens.next())
        all.push_back(token);
    return all;
}

StatementKind kind(std::string_view text) { return statement_kind(text, tokens_of(text)); }

/// What is kept of a statement that sets a secret.
std::string kept(std::string_view text, std::size_t (*cut)(std::string_view, std::span<const SqlToken>) noexcept) {
    const auto tokens = tokens_of(text);
    const std::size_t at = cut(text, tokens);
    return at < tokens.size() ? std::string{text.substr(0, tokens[at].begin)} + "***" : std::string{text};
}

std::string value(std::string_view literal) {
    LiteralValue reader{literal};
    std::string out;
    for (int c = reader.next(); c >= 0; c = reader.next()) out += static_cast<char>(c);
    return out;
}

}  // namespace

TEST_CASE("secrets: what a statement is decides") {
    for (const std::string_view text :
         {"create role a password 'x'", "ALTER USER a", "create user mapping for a server s", "alter server s",
          "create subscription s connection 'x'", "do $$x$$", "create or replace function f() returns int as 'x'",
          "create procedure p() as 'x'", "alter system set x = 'y'", "alter database d set x = 'y'",
          "import foreign schema s", "create foreign data wrapper w", "copy t from program 'x'", "set app.token = 'x'",
          "SET SESSION app.\"api_key\" TO x", "/* c */ alter group g", "set local my.secret = 1"})
        CHECK_MESSAGE(kind(text) == StatementKind::secret, text);
    for (const std::string_view text : {"select 1", "((select 1))", "WITH a AS (SELECT 1) SELECT", "values (1)", "table t"})
        CHECK_MESSAGE(kind(text) == StatementKind::query, text);
    for (const std::string_view text :
         {"create table t (a int)", "set work_mem = '4MB'", "copy t from 'f'", "", "set password_encryption = 'md5'",
          "explain select 1", "create index on t (a)", "set session authorization 'a'"})
        CHECK_MESSAGE(kind(text) == StatementKind::utility, text);
}

TEST_CASE("secrets: values of settings and what follows a word are cut") {
    CHECK(kept("SET app.token = abc", secret_value) == "SET app.token = ***");
    CHECK(kept("set local app.jwt to 'x', 'y'", secret_value) == "set local app.jwt to ***");
    CHECK(kept("ALTER ROLE a IN DATABASE b SET app.secret TO x", secret_value) ==
          "ALTER ROLE a IN DATABASE b SET app.secret TO ***");
    CHECK(kept("SET work_mem = '4MB'", secret_value) == "SET work_mem = '4MB'");
    CHECK(kept("ALTER TABLE t SET (token = 1)", secret_value) == "ALTER TABLE t SET (token = 1)");
    CHECK(kept("alter role a passwrd x", behind_secret_word) == "alter role a passwrd ***");
    CHECK(kept("create user a identified by x", behind_secret_word) == "create user a identified ***");
    CHECK(kept("selekt x", behind_secret_word) == "selekt x");
}

TEST_CASE("secrets: words, URIs, misquoted connection strings") {
    for (const std::string_view text : {"password", "a PassWord=b", "sslpassword", "x_pwd", "the Secret",
                                        "postgresql://u:p@h/db", "see http://u@h", "API-Key"})
        CHECK_MESSAGE(speaks_of_secret(text), text);
    for (const std::string_view text : {"", "passive", "pass", "a@b.c", "http://h/path", "http://h x@y", ":/", "://"})
        CHECK_MESSAGE(!speaks_of_secret(text), text);
    CHECK(is_misquoted_secret("host=h password=x"));
    CHECK_FALSE(is_misquoted_secret("password"));
    CHECK(literal_speaks_of_secret("E'pass\\x77ord'"));
    CHECK(literal_speaks_of_secret("U&'p\\0061ssword'"));
    CHECK(literal_speaks_of_secret("E'" + std::string(2000, 'x') + "\\160assword'"));
    CHECK_FALSE(literal_speaks_of_secret("'pass\\x77ord'"));
    const std::string_view insert = "insert into users (password) values ('x')";
    CHECK(names_secret(insert, tokens_of(insert)));
    const std::string_view format = "select format('create role %I password %L', 'a', 'x')";
    CHECK(names_secret(format, tokens_of(format)));
    const std::string_view plain = "select 'x' from users";
    CHECK_FALSE(names_secret(plain, tokens_of(plain)));
}

TEST_CASE("secrets: what literals mean") {
    CHECK(value("'it''s'") == "it's");
    CHECK(value("E'a\\n\\x41\\101\\u0042'") == "a\nAAB");
    CHECK(value("U&'\\0041\\+000042\\\\'") == "AB\\");
    CHECK(value("$x$a'b$x$") == "a'b");
    CHECK(value("'a'\n  'b'") == "ab");
    CHECK(value("'a\\n'") == "a\\n");
    CHECK(value("") == "");
    CHECK(value("'") == "");
}

TEST_CASE("statements: of several the one that has a place") {
    const std::string_view text = "a 'x;y'; b /* ; */ ; c";
    CHECK(statement_at(text, 3, true) == "a 'x;y'");
    CHECK(statement_at(text, 9, true) == " b /* ; */ ");
    CHECK(statement_at(text, 21, true) == " c");
    CHECK(statement_at("a; 'b", 4, true) == " 'b");
    CHECK(statement_at("create rule r as on insert to t do (select 1; select 2); x", 45, true) ==
          "create rule r as on insert to t do (select 1; select 2)");
    const std::string_view atomic = "create function f() begin atomic select case when a then b end; end; x";
    CHECK(statement_at(atomic, 66, true) == "create function f() begin atomic select case when a then b end; end");
    CHECK_FALSE(has_several_statements("select 1;", true));
    CHECK_FALSE(has_several_statements(" ; select 1 ; ; -- x", true));
    CHECK(has_several_statements("select 1; select 2", true));
    CHECK(has_several_statements("select 'x", true));
}

TEST_CASE("statements: what EXPLAIN and PREPARE have inside") {
    CHECK(explained_part("explain select 1", true) == "select 1");
    CHECK(explained_part("EXPLAIN (ANALYZE, COSTS off) (select 1)", true) == "(select 1)");
    CHECK(explained_part("explain (select 1)", true) == "(select 1)");
    CHECK(explained_part("/* c */ explain analyze verbose select 1", true) == "select 1");
    CHECK(explained_part("prepare p as select 1", true) == "prepare p as select 1");
    CHECK(executed_part("prepare p (int, numeric(1,2)) as select 1 as x", true) == "select 1 as x");
    CHECK(executed_part("select 1", true) == "select 1");
    CHECK(executed_part("", true) == "");
}
