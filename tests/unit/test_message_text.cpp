#include "core/message_text.hpp"
#include "core/plan_text.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace pgsm::core;

namespace {

struct Shown {
    std::string_view text = "select '4711', 99 from t where name = 'x'";
    bool hides_constants = true;
    bool hides_literals = false;

    std::string operator()(std::string_view message, MessageQuotes quotes) const {
        SqlTokens reader{text};
        std::vector<SqlToken> tokens;
        for (SqlToken token = reader.next(); token.kind != TokenKind::end; token = reader.next()) tokens.push_back(token);
        std::string out(200, '?');
        out.resize(shown_message(message, quotes, {text, tokens, true, hides_constants, hides_literals}, out));
        return out;
    }
};

std::string shape(std::string_view plan) {
    std::string out(plan_shape_cap(plan.size()), '?');
    out.resize(plan_shape(plan, out));
    return out;
}

}  // namespace

TEST_CASE("messages: values of the statement's literals are hidden, names stay") {
    const Shown shown;
    CHECK(shown("the PIN is 4711", MessageQuotes::names) == "the PIN is ...");
    CHECK(shown("14711 or 47110", MessageQuotes::names) == "14711 or 47110");
    CHECK(shown("not 99 of them", MessageQuotes::names) == "not ... of them");
    CHECK(shown("relation \"t\" does not exist", MessageQuotes::names) == "relation \"t\" does not exist");
    CHECK(shown("column \"password=a b\" does not exist", MessageQuotes::names) == "column \"...\" does not exist");
    CHECK(shown("syntax error at or near \"4711\"", MessageQuotes::names) == "syntax error at or near \"...\"");
}

TEST_CASE("messages: quoted values of the data are hidden") {
    const Shown shown;
    CHECK(shown("invalid input syntax for type integer: \"a\"b\"", MessageQuotes::values) ==
          "invalid input syntax for type integer: \"...\"");
    CHECK(shown("value for column \"c\" is \"z\"", MessageQuotes::values) == "value for column \"c\" is \"...\"");
    CHECK(shown("\"name\" is \"z\"", MessageQuotes::values) == "\"name\" is \"...\"");
    CHECK(shown("no customer 12.5 called \"bob\"", MessageQuotes::free) == "no customer ... called \"...\"");
    CHECK(shown("unrecognized role option \"name\"", MessageQuotes::unknown) == "unrecognized role option \"name\"");
    CHECK(shown("unrecognized role option \"role\" \"x", MessageQuotes::unknown) == "unrecognized role option \"...\"");
}

TEST_CASE("messages: with constants shown, secrets alone are hidden") {
    const Shown off{"select 'pwd 1', 'plain'", false, false};
    CHECK(off("this is pwd 1", MessageQuotes::names) == "this is ...");
    CHECK(off("bad: \"plain\"", MessageQuotes::values) == "bad: \"plain\"");
    const Shown secret{"select 'plain'", false, true};
    CHECK(secret("bad: plain", MessageQuotes::names) == "bad: ...");
}

TEST_CASE("messages: what does not fit is cut, a value at the cut is hidden") {
    const Shown shown{"select 'a long value'"};
    CHECK(shown("got a long v", MessageQuotes::names) == "got ...");
    std::string out(7, '?');
    const std::string_view message = "a message";
    out.resize(shown_message(message, MessageQuotes::names, {}, out));
    CHECK(out == "a messa");
}

TEST_CASE("plans: constants of expressions are replaced, numbers of EXPLAIN's own are not") {
    CHECK(shape("Seq Scan on t\n  Filter: ((a = 7) AND (b = 'x'::text))") ==
          "Seq Scan on t\n  Filter: ((a = $1) AND (b = $2::text))");
    CHECK(shape("Filter: ((a > $3) AND (b = 5))") == "Filter: ((a > $3) AND (b = $4))");
    CHECK(shape("Gather\n  Workers Planned: 2\n  ->  SubPlan 1") == "Gather\n  Workers Planned: 2\n  ->  SubPlan 1");
    CHECK(shape("Filter: ((a)::numeric(10,2) > 3)") == "Filter: ((a)::numeric(10,2) > $1)");
    CHECK(shape("Filter: ((a)::character varying(10) > '3')") == "Filter: ((a)::character varying(10) > $1)");
    CHECK(shape("Filter: f(10, 2)") == "Filter: f($1, $2)");
    CHECK(shape("Result") == "Result");
    CHECK(shape("CTE it's\n  Filter: (a = 'x')").empty());
    CHECK(shape("Filter: 'open").empty());
}
