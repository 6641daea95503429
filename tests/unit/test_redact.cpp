#include "core/redact.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>

using pgsm::core::redact_passwords;

namespace {
std::string redact(std::string_view text) {
    std::string out(pgsm::core::redacted_cap(text.size()), '?');
    out.resize(redact_passwords(text, out));
    return out;
}
}  // namespace

TEST_CASE("passwords are replaced wherever a utility statement writes them") {
    CHECK(redact("CREATE ROLE a LOGIN PASSWORD 'secret'") == "CREATE ROLE a LOGIN PASSWORD '***'");
    CHECK(redact("alter user a encrypted password E'sec\\'ret' valid until 'x'") ==
          "alter user a encrypted password '***' valid until 'x'");
    CHECK(redact("ALTER ROLE a PASSWORD 'it''s'") == "ALTER ROLE a PASSWORD '***'");
    CHECK(redact("ALTER ROLE a PASSWORD $x$secret$x$ LOGIN") == "ALTER ROLE a PASSWORD '***' LOGIN");
    CHECK(redact("ALTER ROLE a PASSWORD /* 'no' */ -- x\n 'secret'") ==
          "ALTER ROLE a PASSWORD /* 'no' */ -- x\n '***'");
    CHECK(redact("ALTER ROLE a PASSWORD U&'\\0061'") == "ALTER ROLE a PASSWORD '***'");
    CHECK(redact("CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'u', password 'p')") ==
          "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'u', password '***')");
    CHECK(redact("CREATE SUBSCRIPTION s CONNECTION 'host=h password=p dbname=d' PUBLICATION p") ==
          "CREATE SUBSCRIPTION s CONNECTION 'host=h password=*** dbname=d' PUBLICATION p");
    CHECK(redact("CREATE SUBSCRIPTION s CONNECTION 'password=p' PUBLICATION p") ==
          "CREATE SUBSCRIPTION s CONNECTION 'password=***' PUBLICATION p");
    CHECK(redact("CREATE SUBSCRIPTION s CONNECTION 'password=''p q'' x=1'") ==
          "CREATE SUBSCRIPTION s CONNECTION 'password=*** x=1'");
}

TEST_CASE("a password that is not closed does not get out either") {
    CHECK(redact("ALTER ROLE a PASSWORD 'secret") == "ALTER ROLE a PASSWORD '***'");
    CHECK(redact("ALTER ROLE a PASSWORD $$secret") == "ALTER ROLE a PASSWORD '***'");
}

TEST_CASE("what is no password stays") {
    for (const std::string_view text :
         {"", "password", "ALTER ROLE a PASSWORD NULL", "SET password_encryption = md5", "VACUUM t",
          "COMMENT ON COLUMN u.password IS NULL"})
        CHECK(redact(text) == text);
    CHECK_FALSE(pgsm::core::mentions_password("select pass word"));
    CHECK(pgsm::core::mentions_password("x PassWord y"));
}

TEST_CASE("redacting any text keeps within the announced room and never reads outside") {
    std::mt19937 random{7};
    const std::string_view pieces[]{"password", "PASSWORD ", "'",  "''", "=",  " ",   "$", "$a$",
                                    "/*",       "*/",        "--", "\n", "E'", "U&'", "x", "\\"};
    for (int round = 0; round < 20000; ++round) {
        std::string text;
        for (auto n = random() % 20; n > 0; --n) text += pieces[random() % std::size(pieces)];
        const std::string out = redact(text);
        CHECK(out.size() < pgsm::core::redacted_cap(text.size()));
        std::string shorter(text.size() / 2, '?');
        CHECK(redact_passwords(text, shorter) <= shorter.size());
    }
}
