// Who has a text when there is no room for all.
#include "store_fixture.hpp"

#include <random>

using namespace pgsm::core;
using namespace pgsm::core::test;

namespace {

Statement long_one(std::int64_t queryid, std::uint32_t userid = 10, std::size_t bytes = 1500) {
    Statement s = statement(queryid, userid);
    s.query.resize(bytes, 'x');
    return s;
}

bool has_text(Store store, const Statement& s) {
    const Entry* entry = find_now(store, s);
    REQUIRE(entry != nullptr);
    return entry->text != 0 && store.text(entry->text) == s.query;
}

/// References that the entries of a store hold are those that its texts count.
void check_texts(Store store) { REQUIRE(store_check(store)); }

}  // namespace

TEST_CASE("texts: the heaviest have theirs, whoever came first") {
    OwnStore own(default_config());
    const Store store = own.store;
    for (std::int64_t id = 1; id <= 3000; ++id) {
        REQUIRE(record_now(store, long_one(id), execution(1 + static_cast<double>(id % 7) / 8)) ==
                Status::kOk);
        if (id % 100 == 0)
            REQUIRE(record_now(store, long_one(10'000 + id), execution(50 + static_cast<double>(id))) ==
                    Status::kOk);
    }
    CHECK(own.header().usage.texts_missing > 0);
    for (std::int64_t id = 100; id <= 3000; id += 100) CHECK(has_text(store, long_one(10'000 + id)));
    std::uint32_t with_text = 0;
    each_entry(store, store.running(), [&](const Entry& entry) { with_text += entry.text != 0; });
    CHECK(with_text > 550);  // the arena is in use all the same
    check_texts(store);
}

TEST_CASE("texts: a statement that found no room gets its text when it has become heavy") {
    OwnStore own(default_config());
    const Store store = own.store;
    for (std::int64_t id = 1; id <= 1000; ++id)
        REQUIRE(record_now(store, long_one(id), execution(10)) == Status::kOk);
    const Statement late = long_one(5000);
    REQUIRE(record_now(store, late, execution(1)) == Status::kOk);
    REQUIRE_FALSE(has_text(store, late));
    Entry& entry = *find_now(store, late);
    CHECK((entry.flags & kTextMissing) != 0);
    CHECK_FALSE(texts_due(store, entry));
    std::uint32_t asked = 0;
    for (int i = 0; i < 100 && !has_text(store, late); ++i) {
        REQUIRE(try_apply(store, entry, execution(1), 0));
        if (!texts_due(store, entry)) continue;
        ++asked;
        give_texts(store, entry, late.description(), 0);
    }
    CHECK(has_text(store, late));
    CHECK(asked <= 8);
    CHECK((entry.flags & kTextMissing) == 0);
    CHECK_FALSE(texts_due(store, entry));
    check_texts(store);
}

TEST_CASE("texts: one user's, many and long and heavy, do not take those of others") {
    OwnStore own(default_config());
    const Store store = own.store;
    for (std::int64_t id = 1; id <= 100; ++id)
        REQUIRE(record_now(store, statement(id, 11), execution(0.25)) == Status::kOk);
    for (std::int64_t id = 1; id <= 1300; ++id)
        REQUIRE(record_now(store, long_one(1000 + id, 10), execution(1000)) == Status::kOk);
    CHECK(own.header().usage.texts_missing > 0);
    for (std::int64_t id = 1; id <= 100; ++id) CHECK(has_text(store, statement(id, 11)));
    // Those that come later find room, too, at the cost of his.
    for (std::int64_t id = 101; id <= 300; ++id) {
        REQUIRE(record_now(store, long_one(id, 11), execution(0.25)) == Status::kOk);
        REQUIRE(record_now(store, long_one(3000 + id, 10), execution(1000)) == Status::kOk);
    }
    for (std::int64_t id = 101; id <= 300; ++id) CHECK(has_text(store, long_one(id, 11)));
    std::uint32_t his = 0;
    each_entry(store, store.running(),
               [&](const Entry& entry) { his += entry.userid == 10 && entry.text != 0; });
    CHECK(his > 200);
    check_texts(store);
}

TEST_CASE("texts: what a heavier statement shows as well stays, and what an ended bucket shows") {
    OwnStore own(config_of(1024 * 1024, 64 * 1024));
    const Store store = own.store;
    Statement light = long_one(1), heavy = long_one(2);
    heavy.query = light.query;
    const Statement ended = long_one(3);
    REQUIRE(record_now(store, ended, execution(1)) == Status::kOk);
    rotate(store, kNoon + kMinute);
    const auto now = [&](const Statement& s, double ms) {
        REQUIRE(record_now(store, s, execution(ms), 0, kNoon + kMinute) == Status::kOk);
    };
    now(light, 1);
    now(heavy, 500);
    now(ended, 1);
    for (std::int64_t id = 10; id < 500; ++id) now(long_one(id), 2 + static_cast<double>(id) / 4);
    CHECK(has_text(store, heavy));
    CHECK(has_text(store, light));
    CHECK(has_text(store, ended));
    const Entry& before = *find(store, store.bucket(0).seq, ended.key());
    CHECK(store.text(before.text) == ended.query);
    CHECK(own.header().usage.texts_missing > 0);
    check_texts(store);
}

TEST_CASE("texts: without its parent's text a row still tells whose child it is") {
    OwnStore own(config_of(1024 * 1024, 64 * 1024));
    const Store store = own.store;
    const auto child = [](std::int64_t id) {
        char packed[2048];
        Statement s = statement(id);
        s.flags = s.identity.flags = kHasParent;
        s.identity.parent_queryid = 100 + id;
        const std::string parent(1500, 'p');
        const std::string text = parent + std::to_string(id);
        s.nest = {packed, pack_nest({100 + id, 0, text, ""}, packed, sizeof packed)};
        return s;
    };
    for (std::int64_t id = 1; id <= 200; ++id)
        REQUIRE(record_now(store, child(id), execution(static_cast<double>(id))) == Status::kOk);
    std::uint32_t bare = 0;
    for (std::int64_t id = 1; id <= 200; ++id) {
        Row row;
        fill_row(store, store.running(), *find_now(store, child(id)), kLive, row);
        CHECK(row.top_queryid == 100 + id);
        CHECK_FALSE(row.is_null[static_cast<int>(Column::top_queryid)]);
        bare += row.is_null[static_cast<int>(Column::top_query)];
    }
    CHECK(bare > 100);
    CHECK(bare < 190);
    check_texts(store);
}

TEST_CASE("texts: random statements of random users, never a reference too many or too few") {
    std::random_device device;
    for (int round = 0; round < 3; ++round) {
        const std::uint32_t seed = device();
        MESSAGE("seed ", seed);
        std::mt19937 random(seed);
        OwnStore own(config_of(512 * 1024, kMinTextBytes << random() % 4));
        const Store store = own.store;
        std::int64_t now = kNoon;
        for (int i = 0; i < 6000; ++i) {
            Statement s = long_one(1 + random() % 300, 10 + random() % 5, 10 + random() % 900);
            s.relations = random() % 3 == 0 ? "public." + std::string(random() % 200, 'r') : "";
            if (random() % 4 == 0) s = failed(s, "22012");
            const double ms = static_cast<double>(random() % 4000) / 8;
            REQUIRE(record_now(store, s, execution(ms), 0, now) == Status::kOk);
            if (random() % 800 == 0) {
                now += kMinute;
                rotate(store, now);
                if (random() % 2 == 0) release(store, store.bucket(0));
            }
            if (i % 500 == 0) check_texts(store);
        }
        check_texts(store);
        CHECK(own.header().usage.texts_missing > 0);
    }
}
