// Kinds of residual rows, room for errors, and what an export keeps apart.
#include "store_fixture.hpp"

#include <algorithm>
#include <map>

using namespace pgsm::core;
using namespace pgsm::core::test;

namespace {

std::int64_t calls_of(Store store, const Bucket& bucket, const ResidualKey& key) {
    const Entry* entry = find_residual(store, bucket, key);
    return entry == nullptr ? 0 : entry->hot.exec.count;
}

ResidualKey errors_of(std::uint32_t userid, std::string_view of_class, std::uint8_t elevel = kErrorLevel,
                      std::uint8_t flags = kTopLevel | kError) {
    return {userid, 5, make_sqlstate(of_class), elevel, flags};
}

std::map<std::uint32_t, std::vector<double>> kept_by_user(Store store, const Bucket& bucket, bool errors) {
    std::map<std::uint32_t, std::vector<double>> kept;
    each_entry(store, bucket, [&](const Entry& entry) {
        if (!is_residual(entry) && is_error(entry) == errors)
            kept[entry.userid].push_back(errors ? static_cast<double>(entry.hot.exec.count)
                                                : entry.hot.exec.total);
    });
    for (auto& [user, weights] : kept) std::sort(weights.rbegin(), weights.rend());
    return kept;
}

}  // namespace

TEST_CASE("residual: a row for each SQLSTATE and level of one statement") {
    OwnStore own(default_config());
    const Statement s = statement(1);
    REQUIRE(record_now(own.store, s, execution(1)) == Status::kOk);
    for (int i = 0; i < 3; ++i)
        REQUIRE(record_now(own.store, failed(s, "23505"), execution(0)) == Status::kOk);
    REQUIRE(record_now(own.store, failed(s, "23514"), execution(0)) == Status::kOk);
    REQUIRE(record_now(own.store, failed(s, "23514", kWarningLevel), execution(0)) == Status::kOk);
    CHECK(own.store.running().entries == 4);
    const Entry* unique = find_now(own.store, failed(s, "23505"));
    REQUIRE(unique != nullptr);
    CHECK(unique->hot.exec.count == 3);
    Row row;
    fill_row(own.store, own.store.running(), *unique, kLive, row);
    CHECK(row.sqlcode == make_sqlstate("23505"));
    CHECK(row.message == "failed with 23505");
    CHECK(row.elevel == 21);
}

TEST_CASE("residual: what is folded keeps user, database, depth, level and class of SQLSTATE") {
    OwnStore own(default_config());
    const Store store = own.store;
    Statement nested = statement(2);
    nested.flags = nested.identity.flags = 0;
    for (const Statement& s :
         {statement(1), nested, statement(3, 11), statement(4, 10, 6), failed(statement(1), "22012"),
          failed(statement(5), "22003"), failed(statement(1), "23505"), failed(nested, "22012"),
          failed(statement(1), "22012", kWarningLevel)})
        REQUIRE(record_now(store, s, execution(2)) == Status::kOk);
    while (evict(store, store.running(), nullptr)) {
    }
    const Bucket& bucket = store.running();
    CHECK(bucket.residuals == 8);
    CHECK(calls_of(store, bucket, executions_of(10, 5)) == 1);
    CHECK(calls_of(store, bucket, {10, 5, 0, 0, 0}) == 1);
    CHECK(calls_of(store, bucket, executions_of(11, 5)) == 1);
    CHECK(calls_of(store, bucket, executions_of(10, 6)) == 1);
    CHECK(calls_of(store, bucket, errors_of(10, "22")) == 2);
    CHECK(calls_of(store, bucket, errors_of(10, "23")) == 1);
    CHECK(calls_of(store, bucket, errors_of(10, "22", kErrorLevel, kError)) == 1);
    CHECK(calls_of(store, bucket, errors_of(10, "22", kWarningLevel)) == 1);
    Row row;
    fill_row(store, bucket, *find_residual(store, bucket, errors_of(10, "22")), kLive, row);
    CHECK(row.sqlcode == make_sqlstate("22000"));
    CHECK_FALSE(row.is_null[static_cast<int>(Column::sqlcode)]);
    CHECK(row.elevel == 21);
    CHECK(row.total_exec_time == 4);
    CHECK(row.query == "<other statements>");
    CHECK(row.username == "user10");
    CHECK(row.is_null[static_cast<int>(Column::queryid)]);
    CHECK(row.is_null[static_cast<int>(Column::message)]);
    CHECK(store_check(store));
}

TEST_CASE(
    "residual: what comes when there are too many is nobody's, of its database while that is possible") {
    OwnStore own(default_config());
    const Store store = own.store;
    Bucket& bucket = store.running();
    for (std::uint32_t user = 0; user < 1000; ++user)
        for (int i = 0; i < 3; ++i)
            REQUIRE(record_now(store, statement(i * 1000 + user, 10 + user, 5 + user % 2), execution(1)) ==
                    Status::kOk);
    while (evict(store, bucket, nullptr)) {
    }
    CHECK(bucket.residuals <= kMaxResiduals);
    CHECK(bucket.residuals > 100);
    std::int64_t others = 0;
    each_entry(store, bucket, [&](const Entry& entry) {
        if (entry.userid != 0) {
            CHECK(entry.hot.exec.count == 3);  // all of a user's, and nothing else
            return;
        }
        others += entry.hot.exec.count;
        Row row;
        fill_row(store, bucket, entry, kLive, row);
        CHECK(row.username == "<other users>");
        CHECK(row.datname == "db" + std::to_string(entry.dbid));
    });
    CHECK(others == 3000 - 3 * (bucket.residuals - 2));
    CHECK(calls_of(store, bucket, executions_of(0, 5)) > 0);
    CHECK(calls_of(store, bucket, executions_of(0, 6)) > 0);
    CHECK(store_check(store));
}

TEST_CASE("residual: one user's kinds do not take the rows of others, live or exported") {
    OwnStore own(default_config());
    const Store store = own.store;
    Bucket& bucket = store.running();
    for (int i = 0; i < 700; ++i) {
        const char code[] = {
            static_cast<char>('A' + i % 26), static_cast<char>('A' + i / 26), '0', '0', '1', 0};
        REQUIRE(record_now(store, failed(statement(i), code), execution(0)) == Status::kOk);
    }
    REQUIRE(record_now(store, failed(statement(1, 11), "22012"), execution(0)) == Status::kOk);
    const auto check = [](Store of, const Bucket& in) {
        CHECK(calls_of(of, in, errors_of(11, "22")) == 1);
        std::uint32_t own_rows = 0;
        std::int64_t calls = 0;
        each_entry(of, in, [&](const Entry& entry) {
            own_rows += entry.userid == 10;
            calls += entry.hot.exec.count;
        });
        CHECK(own_rows == kMaxResidualsOfUser);
        CHECK(calls == 701);
    };
    OwnCopy copy(store);
    copy.fold(copy.store.running(), 0);
    check(copy.store, copy.store.running());
    CHECK(copy.store.running().residuals <= 64 + 256 + 2);
    while (evict(store, bucket, nullptr)) {
    }
    check(store, bucket);
    // Beyond the rows of a class there is one of the level.
    const ResidualKey level{0, 0, 0, kErrorLevel, kTopLevel | kError};
    CHECK(calls_of(store, bucket, level) > 0);
    Row row;
    fill_row(store, bucket, *find_residual(store, bucket, level), kLive, row);
    CHECK(row.datname == "<other databases>");
    CHECK(row.is_null[static_cast<int>(Column::sqlcode)]);
    CHECK(row.elevel == 21);
    CHECK(store_check(store));
}

TEST_CASE("residual: without room for another one, one that is there becomes wider") {
    OwnStore own(config_of(kMinStoreBytes, kMinTextBytes));
    const Store store = own.store;
    Bucket& bucket = store.running();
    REQUIRE(record_now(store, statement(1, 10, 5), execution(1)) == Status::kOk);
    REQUIRE(record_now(store, failed(statement(1, 10, 5), "22012"), execution(1)) == Status::kOk);
    while (evict(store, bucket, nullptr)) {
    }
    while (take_block(store, bucket, 8) != 0) {
    }
    CHECK(record_now(store, statement(2, 11, 5), execution(1)) == Status::kFolded);
    CHECK(calls_of(store, bucket, executions_of(0, 5)) == 2);
    CHECK(record_now(store, statement(2, 11, 6), execution(1)) == Status::kFolded);
    CHECK(calls_of(store, bucket, executions_of(0, 0)) == 3);
    CHECK(record_now(store, failed(statement(2, 11, 5), "22003"), execution(1)) == Status::kFolded);
    CHECK(calls_of(store, bucket, errors_of(0, "22")) == 2);
    CHECK(record_now(store, failed(statement(2, 11, 5), "40001"), execution(1)) == Status::kFolded);
    CHECK(calls_of(store, bucket, {0, 0, 0, kErrorLevel, kTopLevel | kError}) == 3);
    // A level that has no row is not added to another one.
    CHECK(record_now(store, failed(statement(2), "01000", kWarningLevel), execution(1)) == Status::kLost);
    CHECK(own.header().usage.calls_without_room == 1);
    CHECK(bucket.residuals == 2);
}

TEST_CASE("evict: errors and executions do not take each other's room") {
    OwnStore own(config_of(256 * 1024, 1024 * 1024));
    const Store store = own.store;
    const Statement rare = failed(statement(1'000'001), "40P01");
    for (int i = 0; i < 2; ++i) REQUIRE(record_now(store, rare, execution(0)) == Status::kOk);
    // Heavier than any error can be.
    for (std::int64_t id = 1; id <= 3000; ++id)
        REQUIRE(record_now(store, statement(id), execution(1000)) == Status::kOk);
    CHECK(own.header().usage.evictions > 0);
    REQUIRE(find_now(store, rare) != nullptr);
    // More errors than there is room for, one of them often.
    REQUIRE(record_now(store, statement(5000), execution(2000)) == Status::kOk);
    const Statement often = failed(statement(1'000'002), "23505");
    for (std::int64_t id = 1; id <= 3000; ++id) {
        REQUIRE(record_now(store, failed(statement(id), "22012"), execution(0)) == Status::kOk);
        if (id % 20 == 0) REQUIRE(record_now(store, often, execution(0)) == Status::kOk);
    }
    std::uint32_t errors = 0, executions = 0;
    each_entry(store, store.running(), [&](const Entry& entry) {
        errors += !is_residual(entry) && is_error(entry);
        executions += !is_residual(entry) && !is_error(entry);
    });
    MESSAGE(errors, " errors beside ", executions, " executions");
    CHECK(errors >= 50);
    CHECK(executions > errors * 6);
    CHECK(find_now(store, statement(5000)) != nullptr);
    CHECK(find_now(store, often) != nullptr);
    CHECK(calls_of(store, store.running(), errors_of(10, "22")) > 2000);
    CHECK(store_check(store));
}

TEST_CASE("export: errors by number with room of their own, however light, and those of one user") {
    OwnStore own(default_config());
    const Store store = own.store;
    for (std::uint32_t id = 1; id <= 320; ++id)
        REQUIRE(record_now(store, statement(id), execution(10)) == Status::kOk);
    for (int i = 0; i < 5; ++i)
        REQUIRE(record_now(store, failed(statement(1), "22012"), execution(0)) == Status::kOk);
    for (std::uint32_t id = 1; id <= 300; ++id)
        for (std::uint32_t n = 0; n < 6 + id; ++n)
            REQUIRE(record_now(store, failed(statement(id, 11), "23505"), execution(0)) == Status::kOk);
    OwnCopy copy(store);
    Bucket& bucket = copy.store.running();
    copy.fold(bucket, 300);
    auto kept = kept_by_user(copy.store, bucket, true);
    CHECK(kept[10] == std::vector<double>{5});
    CHECK(kept[11].size() == 99);
    CHECK(kept[11].back() == 6 + 300 - 98);
    CHECK(kept_by_user(copy.store, bucket, false)[10].size() == 300);
    CHECK(bucket.residuals == 2);
    CHECK(calls_of(copy.store, bucket, executions_of(10, 5)) == 20);
}

TEST_CASE("export: half of the rows is shared out among users, the rest goes by time") {
    OwnStore own(default_config());
    const Store store = own.store;
    // One has many heavy statements, one a few light ones, one many light ones.
    for (std::uint32_t id = 1; id <= 1000; ++id) {
        REQUIRE(record_now(store, statement(id, 10), execution(1000 + id)) == Status::kOk);
        if (id <= 20) REQUIRE(record_now(store, statement(id, 11), execution(id)) == Status::kOk);
        REQUIRE(record_now(store, statement(id, 12), execution(id / 8.0)) == Status::kOk);
    }
    const auto kept_of = [&](std::uint32_t top) {
        OwnCopy copy(store);
        copy.fold(copy.store.running(), top);
        return kept_by_user(copy.store, copy.store.running(), false);
    };
    auto kept = kept_of(300);
    CHECK(kept[11].size() == 20);
    CHECK(kept[12].size() == 65);  // 150 in turns: 20 turns of three, 45 of two
    CHECK(kept[12].back() == (1000 - 64) / 8.0);
    CHECK(kept[10].size() == 215);
    CHECK(kept[10].back() == 2000 - 214);
    kept = kept_of(1);
    CHECK(kept.size() == 1);
    CHECK(kept[10] == std::vector<double>{2000});
    CHECK(kept_of(0).empty());
    kept = kept_of(2020);
    CHECK(kept[10].size() + kept[11].size() + kept[12].size() == 2020);
}

TEST_CASE("export: as many residual rows as there are users") {
    OwnStore own(default_config());
    const Store store = own.store;
    for (std::uint32_t user = 0; user < 3000; ++user)
        REQUIRE(record_now(store, statement(7, 10 + user), execution(user)) == Status::kOk);
    REQUIRE(own.header().usage.evictions == 0);
    OwnCopy copy(store);
    copy.fold(copy.store.running(), 300);
    CHECK(copy.store.running().residuals == 2700);
    std::map<std::uint32_t, std::int64_t> calls;
    each_entry(copy.store, copy.store.running(),
               [&](const Entry& entry) { calls[entry.userid] += entry.hot.exec.count; });
    CHECK(calls.size() == 3000);
    CHECK(std::all_of(calls.begin(), calls.end(), [](const auto& of) { return of.second == 1; }));
}
