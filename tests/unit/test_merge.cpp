// Two ended buckets that become one: every counter, cell, text and time span, in pieces of any size.
#include "store_fixture.hpp"

#include "core/import.hpp"

using namespace pgsm::core;
using namespace pgsm::core::test;

namespace {

constexpr std::int64_t kAligned = kNoon - kMinute / 2;

const Entry* find_in(Store store, const Bucket& bucket, const Statement& s) {
    return find(store, bucket.seq, s.key());
}

Statement failing(std::int64_t queryid, const char* message) {
    Statement s = failed(statement(queryid), "22012");
    char packed[128];
    s.notes = {packed, pack_notes({message, ""}, packed, sizeof packed)};
    return s;
}

}  // namespace

TEST_CASE("merge: the same statement is added up, others come along, the span is that of both") {
    OwnStore own(default_config());
    const Store store = own.store;
    Counters first = execution(2);
    first.io.wal_bytes = 7;
    Counters second = execution(6);
    second.io.wal_bytes = 5;
    second.jit.jit_functions = 3;
    for (std::uint32_t cell = 0; cell < 3; ++cell)
        REQUIRE(record_now(store, statement(1), first, cell) == Status::kOk);
    REQUIRE(record_now(store, statement(2), execution(1), 1) == Status::kOk);
    rotate(store, kAligned + kMinute);
    const std::int64_t later = kAligned + kMinute + 1000;
    for (std::uint32_t cell = 3; cell < 9; ++cell)
        REQUIRE(record_now(store, statement(1), second, cell, later) == Status::kOk);
    REQUIRE(record_now(store, statement(3), execution(4), 1, later) == Status::kOk);
    rotate(store, kAligned + 2 * kMinute);
    const Sums before = sums_of(store);

    REQUIRE(merge_oldest(store));
    CHECK(own.header().buckets == 2);
    const Bucket& bucket = store.bucket(0);
    CHECK(bucket.number == 1);
    CHECK(bucket.start_us == kNoon);
    CHECK(bucket.end_us == kAligned + 2 * kMinute);
    CHECK(bucket.entries == 4);
    while (own.header().unsettled != 0) {
        CHECK(store_check(store));
        check_equal(sums_of(store).counters, before.counters);
        CHECK_FALSE(merge_oldest(store));
        CHECK(continue_merge(store, 1));
    }
    CHECK_FALSE(continue_merge(store, 1));
    CHECK(store_check(store));
    CHECK(bucket.entries == 3);
    const Sums after = sums_of(store);
    check_equal(after.counters, before.counters);
    for (std::uint32_t i = 0; i < kMaxHistogramCells; ++i) CHECK(after.cells[i] == before.cells[i]);
    const Entry* both = find_in(store, bucket, statement(1));
    REQUIRE(both != nullptr);
    CHECK(both->hot.exec.count == 9);
    CHECK(both->hot.exec.min == 2);
    CHECK(both->hot.exec.max == 6);
    CHECK(since_us(*both) == 0);
    const Entry* newer = find_in(store, bucket, statement(3));
    REQUIRE(newer != nullptr);
    CHECK(since_us(*newer) == later - kNoon);
    CHECK(own.header().usage.buckets_merged == 1);
    CHECK(own.header().usage.buckets_lost == 0);
    release(store, store.bucket(0));
    reclaim_all(store);
    CHECK(own.header().heap.blocks == 0);
    CHECK(own.header().texts.texts == 0);
}

TEST_CASE("merge: an error has its latest message, a text is there if one of the two had it") {
    OwnStore own(default_config());
    const Store store = own.store;
    Statement no_text = statement(5);
    no_text.query.clear();
    REQUIRE(record_now(store, failing(1, "old"), execution(1)) == Status::kOk);
    REQUIRE(record_now(store, no_text, execution(1)) == Status::kOk);
    rotate(store, kAligned + kMinute);
    REQUIRE(record_now(store, failing(1, "new"), execution(1)) == Status::kOk);
    REQUIRE(record_now(store, statement(5), execution(1)) == Status::kOk);
    rotate(store, kAligned + 2 * kMinute);
    REQUIRE(merge_oldest(store));
    finish_merge(store);
    CHECK(store_check(store));
    const Entry* error = find_in(store, store.bucket(0), failing(1, ""));
    REQUIRE(error != nullptr);
    CHECK(error->hot.exec.count == 2);
    CHECK(unpack_notes(store.text(error->notes)).message == "new");
    const Entry* statement_5 = find_in(store, store.bucket(0), statement(5));
    REQUIRE(statement_5 != nullptr);
    CHECK(store.text(statement_5->text) == "select 5");
}

TEST_CASE("merge: residual entries of the same owner become one, others stay apart") {
    OwnStore own(default_config());
    const Store store = own.store;
    for (int bucket = 1; bucket <= 2; ++bucket) {
        for (std::uint32_t owner = 10; owner < 12 + static_cast<std::uint32_t>(bucket); ++owner)
            for (int i = 0; i < 20; ++i)
                REQUIRE(record_now(store, statement(i, owner), execution(1)) == Status::kOk);
        while (store.running().entries != store.running().residuals)
            REQUIRE(evict(store, store.running(), nullptr));
        rotate(store, kAligned + bucket * kMinute);
    }
    REQUIRE(store.bucket(0).residuals == 3);
    REQUIRE(store.bucket(1).residuals == 4);
    REQUIRE(merge_oldest(store));
    finish_merge(store);
    CHECK(store_check(store));
    CHECK(store.bucket(0).residuals == 4);
    CHECK(store.bucket(0).entries == 4);
    for (std::uint32_t owner = 10; owner < 14; ++owner) {
        std::int64_t calls = 0;
        each_entry(store, store.bucket(0), [&](const Entry& entry) {
            if (entry.userid == owner) calls += entry.hot.exec.count;
        });
        CHECK(calls == (owner == 13 ? 20 : 40));
    }
}

TEST_CASE("merge: two hundred buckets of the same statements take the room of one") {
    OwnStore own(config_of(256 * 1024, 64 * 1024));
    const Store store = own.store;
    std::int64_t recorded = 0;
    for (int bucket = 1; bucket <= 200; ++bucket) {
        for (int i = 0; i < 8; ++i, ++recorded)
            REQUIRE(record_now(store, statement(i), execution(1), static_cast<std::uint32_t>(bucket % 22),
                               kAligned + bucket * kMinute) == Status::kOk);
        rotate(store, kAligned + (bucket + 1) * kMinute);
    }
    CHECK(own.header().usage.buckets_lost == 0);
    CHECK(own.header().usage.cells_lost == 0);
    CHECK(own.header().usage.buckets_merged == 200 + 1 - own.header().ring_slots);
    finish_merge(store);
    CHECK(store.bucket(0).entries == 8);
    CHECK(store_check(store));
    CHECK(sums_of(store).counters.hot.exec.count == recorded);
    CHECK(sums_of(store).cell_sum() == recorded);
}

TEST_CASE("merge: what is being exported is left alone, and so is what is being merged") {
    OwnStore own(default_config());
    const Store store = own.store;
    for (int bucket = 1; bucket <= 5; ++bucket) {
        for (int i = 0; i < 300; ++i) REQUIRE(record_now(store, statement(i), execution(1)) == Status::kOk);
        rotate(store, kAligned + bucket * kMinute);
    }
    store.bucket(1).stamp = 4711;
    REQUIRE(merge_oldest(store));  // 1 and 3
    CHECK(store.bucket(0).number == 1);
    CHECK(store.bucket(1).number == 2);
    CHECK(store.bucket(1).entries == 300);
    REQUIRE(merge_oldest(store));  // 4 and 5
    CHECK(own.header().unsettled == 2);
    CHECK_FALSE(merge_oldest(store));
    CHECK(store_check(store));
    // A bucket may go in the middle of it.
    REQUIRE(give_up_oldest(store));
    CHECK(own.header().unsettled == 1);
    CHECK(store_check(store));
    count_losses(store);
    CHECK(own.header().usage.calls_lost == 600);
    finish_merge(store);
    CHECK(store_check(store));
    CHECK(sums_of(store).counters.hot.exec.count == 900);
    CHECK(own.header().usage.buckets_merged == 2);
}
