#include "core/entry.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace pgsm::core;

TEST_CASE("packed texts: what goes in comes out") {
    char packed[4096];
    const ClientAddress address{6, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    const SessionNames names{address, 6, "äuser", "database", "psql ; x"};
    const SessionNames back = unpack_session({packed, pack_session(names, packed, sizeof packed)});
    CHECK(back.address == address);
    CHECK(back.encoding == 6);
    CHECK(back.user == "äuser");
    CHECK(back.database == "database");
    CHECK(back.application == "psql ; x");

    const NestTexts nest =
        unpack_nest({packed, pack_nest({-5, INT64_MIN, "select f()", "Seq Scan"}, packed, sizeof packed)});
    CHECK(nest.parent_queryid == -5);
    CHECK(nest.planid == INT64_MIN);
    CHECK(nest.parent == "select f()");
    CHECK(nest.plan == "Seq Scan");

    const Notes notes =
        unpack_notes({packed, pack_notes({"no such table", "/* c */"}, packed, sizeof packed)});
    CHECK(notes.message == "no such table");
    CHECK(notes.comments == "/* c */");
    const Notes comment = unpack_notes({packed, pack_notes({"", "/* c */"}, packed, sizeof packed)});
    CHECK(comment.message.empty());
    CHECK(comment.comments == "/* c */");
}

TEST_CASE("packed texts: nothing at all reads as nothing") {
    const SessionNames names = unpack_session({});
    CHECK(names.address == kLoopbackAddress);
    CHECK(names.user.empty());
    CHECK(names.application.empty());
    CHECK(unpack_nest({}).parent.empty());
    CHECK(unpack_nest({}).planid == 0);
    CHECK(unpack_notes({}).message.empty());
}

TEST_CASE("packed texts: a short buffer cuts, and never a byte is written behind it") {
    const std::string text(300, 't');
    for (std::size_t cap = 0; cap <= 700; ++cap) {
        std::string packed(cap + 8, '\x7f');
        const auto whole = [&](std::size_t len) {
            CHECK(len <= cap);
            CHECK(packed.substr(cap) == std::string(8, '\x7f'));
            return std::string_view{packed.data(), len};
        };
        const auto begins = [&](std::string_view part) { CHECK(text.starts_with(part)); };
        const SessionNames names =
            unpack_session(whole(pack_session({kLoopbackAddress, 6, text, text, text}, packed.data(), cap)));
        begins(names.user);
        begins(names.database);
        begins(names.application);
        const NestTexts nest = unpack_nest(whole(pack_nest({1, 2, text, text}, packed.data(), cap)));
        begins(nest.parent);
        begins(nest.plan);
        if (cap >= 620) CHECK(nest.parent.size() == 300);
        if (cap >= 620) CHECK(nest.plan.size() == 300);
        const Notes notes = unpack_notes(whole(pack_notes({text, text}, packed.data(), cap)));
        begins(notes.message);
        begins(notes.comments);
    }
}

TEST_CASE("identity: every field makes another one") {
    const Identity base{1, 2, 3, 4, 5, kTopLevel, 19, {}, make_sqlstate("01000")};
    const auto differs = [&](auto change) {
        Identity other = base;
        change(other);
        return identity_hash(other) != identity_hash(base);
    };
    CHECK_FALSE(differs([](Identity&) {}));
    CHECK(differs([](Identity& i) { ++i.userid; }));
    CHECK(differs([](Identity& i) { ++i.dbid; }));
    CHECK(differs([](Identity& i) { ++i.session_hash; }));
    CHECK(differs([](Identity& i) { ++i.parent_queryid; }));
    CHECK(differs([](Identity& i) { ++i.planid; }));
    CHECK(differs([](Identity& i) { i.flags = kTopLevel | kError; }));
    CHECK(differs([](Identity& i) { ++i.elevel; }));
    CHECK(differs([](Identity& i) { i.sqlstate = make_sqlstate("0100C"); }));
}
