#include "store_fixture.hpp"

#include <random>

using namespace pgsm::core;
using namespace pgsm::core::test;

TEST_CASE("store: budgets and settings that cannot work are refused") {
    const auto status = [](StoreConfig config, std::size_t cut = 0) {
        Region memory(region_bytes(config));
        Store store{};
        return store_create(memory.bytes().first(memory.bytes().size() - cut), config, kNoon, store);
    };
    const StoreConfig least = config_of(kMinStoreBytes, kMinTextBytes);
    CHECK(status(least) == Status::kOk);
    CHECK(status(least, 1) == Status::kTooSmall);
    CHECK(status(config_of(kMinStoreBytes - 1, kMinTextBytes)) == Status::kTooSmall);
    CHECK(status(config_of(kMinStoreBytes, kMinTextBytes - 1)) == Status::kTooSmall);
    CHECK(status(config_of(kMinStoreBytes, kMinTextBytes, 0)) == Status::kTooSmall);
    CHECK(status(config_of(kMinStoreBytes, kMinTextBytes, kMaxHistogramCells)) == Status::kOk);
    CHECK(status(config_of(kMinStoreBytes, kMinTextBytes, kMaxHistogramCells + 1)) == Status::kTooSmall);
    StoreConfig config = least;
    config.bucket_us = 0;
    CHECK(status(config) == Status::kTooSmall);
    config = least;
    config.max_buckets = 0;
    CHECK(status(config) == Status::kTooSmall);
    config.max_buckets = UINT32_MAX;
    CHECK(status(config) == Status::kOk);
}

TEST_CASE("store: a new one uses no byte outside and holds together") {
    for (const std::uint64_t store_bytes : {kMinStoreBytes, kMinStoreBytes + 13, std::uint64_t{1'000'000}}) {
        for (const std::uint64_t text_bytes : {kMinTextBytes, kMinTextBytes + 5, std::uint64_t{400'001}}) {
            OwnStore own(config_of(store_bytes, text_bytes));
            CHECK(own.bytes().size() == region_bytes(own.header().config));
            CHECK(own.bytes().size() <= store_bytes + text_bytes + 2 * kUnitBytes);
            CHECK(store_check(own.store));
            CHECK(own.header().heap.blocks == 0);
            CHECK(own.store.running().number == 1);
        }
    }
}

TEST_CASE("store: first sight needs a description, then none") {
    OwnStore own(default_config());
    const Statement s = statement(42);
    CHECK(record(own.store, s.key(), nullptr, false, execution(1), 3, kNoon) == Status::kNeedsDescription);
    CHECK(own.store.running().entries == 0);
    CHECK(record_now(own.store, s, execution(1), 3, kNoon + 5) == Status::kOk);
    Entry* entry = find_now(own.store, s);
    REQUIRE(entry != nullptr);
    CHECK(try_apply(own.store, *entry, execution(4), 3));
    CHECK(record(own.store, s.key(), nullptr, false, execution(2), 3, kNoon) == Status::kOk);
    CHECK(entry->hot.exec.count == 3);
    CHECK(entry->hot.exec.total == 7);
    CHECK(entry->hot.rows == 3);
    CHECK(since_us(*entry) == 5);
    CHECK(own.store.text(entry->text) == "select 42");
    CHECK(sums_of(own.store).cells[3] == 3);
}

TEST_CASE("store: a statement is kept apart by each part of its key") {
    OwnStore own(default_config());
    const Statement base = statement(1, 10, 5);
    Statement other_user = statement(1, 11, 5), other_id = statement(2, 10, 5), nested = base;
    nested.identity.parent_queryid = 9;
    for (const Statement& s : {base, other_user, other_id, nested})
        REQUIRE(record_now(own.store, s, execution(1)) == Status::kOk);
    CHECK(own.store.running().entries == 4);
    CHECK(find_now(own.store, nested) != find_now(own.store, base));
    CHECK(find(own.store, own.store.running().seq + 1, base.key()) == nullptr);
}

TEST_CASE("store: parts and cells appear when they are needed, not before") {
    OwnStore own(default_config());
    const Statement s = statement(1);
    REQUIRE(record_now(own.store, s, execution(1), 0) == Status::kOk);
    Entry& entry = *find_now(own.store, s);
    CHECK(own.header().heap.blocks == 1);
    Counters sample = execution(1);
    sample.buffers.temp_blk_write_time = 0.5;
    CHECK_FALSE(try_apply(own.store, entry, sample, 0));
    CHECK(entry.hot.exec.count == 1);
    REQUIRE(record_now(own.store, s, sample, 1) == Status::kOk);
    CHECK(own.header().heap.blocks == 2);
    CHECK(try_apply(own.store, entry, sample, 2));
    CHECK_FALSE(try_apply(own.store, entry, sample, 3));  // the fourth cell
    CHECK(try_apply(own.store, entry, sample, kNoCell));
    REQUIRE(record_now(own.store, s, sample, 3) == Status::kOk);
    CHECK(own.header().heap.blocks == 3);
    CHECK(try_apply(own.store, entry, sample, 21));
    const Sums sums = sums_of(own.store);
    CHECK(sums.counters.buffers.temp_blk_write_time == 2.5);
    CHECK(sums.counters.hot.exec.count == 6);
    for (const std::uint32_t cell : {0u, 1u, 2u, 3u, 21u}) CHECK(sums.cells[cell] == 1);
    CHECK(sums.cell_sum() == 5);
}

TEST_CASE("store: an inline count that is full goes on with 64 bits") {
    OwnStore own(default_config());
    const Statement s = statement(1);
    REQUIRE(record_now(own.store, s, execution(1), 5) == Status::kOk);
    Entry& entry = *find_now(own.store, s);
    entry.cell[0] = (kMostInlineCount - 1) << kCellIndexBits | 5;
    CHECK(try_apply(own.store, entry, execution(1), 5));
    CHECK_FALSE(try_apply(own.store, entry, execution(1), 5));
    REQUIRE(record_now(own.store, s, execution(1), 5) == Status::kOk);
    CHECK(entry.cells != 0);
    CHECK(sums_of(own.store).cells[5] == std::int64_t{kMostInlineCount} + 1);
}

TEST_CASE("store: since is exact for years and never before the bucket") {
    Entry entry{};
    for (const std::int64_t us : {std::int64_t{0}, std::int64_t{1}, std::int64_t{0xffffffff},
                                  std::int64_t{0x100000000}, kMostSince}) {
        set_since(entry, us);
        CHECK(since_us(entry) == us);
    }
    set_since(entry, -1);
    CHECK(since_us(entry) == 0);
    set_since(entry, kMostSince + 1);
    CHECK(since_us(entry) == kMostSince);
    CHECK(kMostSince > std::int64_t{8} * 365 * 24 * 3600 * 1'000'000);
}

TEST_CASE("store: the bucket before lends its texts, if they are of the wanted kind") {
    OwnStore own(default_config());
    const Store store = own.store;
    Statement plain = statement(1), normalized = statement(2), error = statement(3);
    normalized.flags |= kNormalizedText;
    error.flags |= kError;
    error.identity.flags = error.flags;
    plain.relations = "public.t";
    for (const Statement* s : {&plain, &normalized, &error})
        REQUIRE(record_now(store, *s, execution(1)) == Status::kOk);
    const std::uint32_t texts = own.header().texts.texts;
    rotate(store, kNoon + kMinute, 2);
    const auto again = [&](const Statement& s, bool wanted) {
        return record(store, s.key(), nullptr, wanted, execution(1), 0, kNoon + kMinute);
    };
    CHECK(again(plain, true) == Status::kNeedsDescription);
    CHECK(again(plain, false) == Status::kOk);
    CHECK(again(normalized, false) == Status::kNeedsDescription);
    CHECK(again(normalized, true) == Status::kOk);
    CHECK(again(error, false) == Status::kNeedsDescription);
    CHECK(again(statement(4), false) == Status::kNeedsDescription);
    CHECK(own.header().texts.texts == texts);
    release(store, store.bucket(0));
    CHECK(reclaim(store, 100) == 3);
    const Entry& entry = *find_now(store, plain);
    CHECK(store.text(entry.text) == "select 1");
    CHECK(store.text(entry.relations) == "public.t");
    CHECK(unpack_session(store.text(entry.session)).user == "user10");
    CHECK(int{entry.cmd_type} == int{1});
    CHECK(entry.pgsm_query_id == 2);
    CHECK(entry.userid == 10);
    CHECK(entry.dbid == 5);
    CHECK((entry.flags & kTopLevel) != 0);
    CHECK(store_check(store));
}

TEST_CASE("store: an entry whose texts found no room is counted once, and asked for them again") {
    OwnStore own(config_of(1024 * 1024, kMinTextBytes));
    const Store store = own.store;
    Statement s = statement(1);
    s.query.assign(kMinTextBytes, 'x');
    s.flags |= kHasParent;
    s.nest.assign(kMinTextBytes, 'n');
    REQUIRE(record_now(store, s, execution(1)) == Status::kOk);
    CHECK(own.header().usage.texts_missing == 1);
    set_notes(store, *find_now(store, s), std::string(kMinTextBytes, 'm'), 21);
    CHECK(own.header().usage.texts_missing == 1);
    CHECK(find_now(store, s)->text == 0);
    CHECK(find_now(store, s)->session != 0);
    rotate(store, kNoon + kMinute, 2);
    CHECK(record(store, s.key(), nullptr, false, execution(1), 0, kNoon + kMinute) ==
          Status::kNeedsDescription);
    CHECK(store_check(store));
}

TEST_CASE("store: texts of released buckets make room for new ones") {
    OwnStore own(config_of(1024 * 1024, kMinTextBytes));
    const Store store = own.store;
    std::int64_t id = 0;
    while (own.header().usage.texts_missing == 0)
        REQUIRE(record_now(store, statement(++id), execution(1)) == Status::kOk);
    rotate(store, kNoon + kMinute, 2);
    release(store, store.bucket(0));
    Statement long_one = statement(++id);
    long_one.query.assign(kMinTextBytes / 2, 'x');
    REQUIRE(record_now(store, long_one, execution(1), 0, kNoon + kMinute) == Status::kOk);
    CHECK(own.header().usage.texts_missing == 1);
    CHECK(store.text(find_now(store, long_one)->text).size() == kMinTextBytes / 2);
    CHECK(store_check(store));
}

TEST_CASE("store: the latest notes replace those before") {
    OwnStore own(default_config());
    const Statement s = statement(1);
    REQUIRE(record_now(own.store, s, execution(1)) == Status::kOk);
    Entry& entry = *find_now(own.store, s);
    const std::uint32_t texts = own.header().texts.texts;
    set_notes(own.store, entry, "first", 21);
    set_notes(own.store, entry, "second", 19);
    set_notes(own.store, entry, "second", 22);
    CHECK(own.store.text(entry.notes) == "second");
    CHECK(int{entry.elevel} == int{22});
    CHECK(own.header().texts.texts == texts + 1);
    set_notes(own.store, entry, "", 0);
    CHECK(own.header().texts.texts == texts);
    CHECK(store_check(own.store));
}

TEST_CASE("store: every command and level of PostgreSQL's fits") {
    Entry entry{};
    for (std::uint8_t n = 0; n < 8; ++n) {
        set_command(entry, n);
        CHECK(int{entry.cmd_type} == int{n});
    }
    set_command(entry, 8);
    CHECK(int{entry.cmd_type} == int{0});
    for (std::uint8_t n = 0; n < 24; ++n) {
        set_elevel(entry, n);
        CHECK(int{entry.elevel} == int{n});
    }
    set_elevel(entry, 200);
    CHECK(int{entry.elevel} == int{31});
}

TEST_CASE("store: two buckets of 4000 statements with their texts, counters and cells fit into 3 MB") {
    OwnStore own(default_config());
    const Store store = own.store;
    std::int64_t id = 0;
    for (int bucket = 0; bucket < 2; ++bucket) {
        const std::int64_t now = kNoon + bucket * kMinute;
        if (bucket != 0) rotate(store, now, 2);
        for (int i = 0; i < 4000; ++i) {
            Statement s = statement(++id);
            s.query.resize(100, '.');
            Counters sample = execution(1);
            sample.io.wal_bytes = 100;
            for (const std::uint32_t cell : {2u, 3u, 9u})
                REQUIRE(record_now(store, s, sample, cell, now) == Status::kOk);
        }
    }
    const Usage& usage = own.header().usage;
    CHECK(usage.entries_evicted == 0);
    CHECK(usage.buckets_lost == 0);
    CHECK(usage.texts_missing == 0);
    CHECK(own.header().texts.texts == 8001);
    CHECK(store.bucket(0).entries == 4000);
    CHECK(store.bucket(1).entries == 4000);
    each_entry(store, store.bucket(0), [&](const Entry& entry) {
        REQUIRE(store.text(entry.text).size() == 100);
        REQUIRE(entry.parts[static_cast<std::size_t>(Part::io)] != 0);
    });
    const Sums sums = sums_of(store);
    CHECK(sums.counters.hot.exec.count == 24'000);
    CHECK(sums.counters.io.wal_bytes == 2'400'000);
    CHECK(sums.cells[9] == 8000);
    MESSAGE("entry heap: ", heap_used_bytes(own.header().heap), " of ", heap_total_bytes(own.header().heap),
            " bytes; text heap: ", heap_used_bytes(own.header().texts.heap), " of ",
            heap_total_bytes(own.header().texts.heap), "; sizeof Entry ", sizeof(Entry), ", Bucket ",
            sizeof(Bucket), ", Header ", sizeof(Header), ", ring slots ", own.header().ring_slots,
            ", chains ", own.header().heads_mask + 1);
}

TEST_CASE("store: everything goes on after a move to another address") {
    OwnStore own(config_of(256 * 1024, 64 * 1024));
    Sums all;
    for (std::uint32_t i = 0; i < 3000; ++i) {
        Counters sample = execution(i % 50);
        sample.io.wal_records = i % 2;
        REQUIRE(record_now(own.store, statement(i % 900), sample, i % 22) == Status::kOk);
        all.add(sample, i % 22);
        if (i % 100 == 99) own.move();
    }
    CHECK(own.header().usage.entries_evicted > 0);
    const Sums sums = sums_of(own.store);
    check_equal(sums.counters, all.counters);
    CHECK(std::memcmp(sums.cells, all.cells, sizeof all.cells) == 0);
    CHECK(store_check(own.store));
}
