#include "core/import.hpp"
#include "store_fixture.hpp"

#include <random>

using namespace pgsm::core;
using namespace pgsm::core::test;

namespace {

StoreConfig middle() { return config_of(512 * 1024, 64 * 1024); }

/// Buckets with entries of many owners, with and without parts and cells of their own, and residual entries.
/// The first bucket is exported.
void live_a_little(Store store, int buckets, std::uint32_t statements) {
    std::uint32_t id = 0;
    for (int bucket = 1; bucket <= buckets; ++bucket) {
        for (std::uint32_t i = 0; i < statements; ++i, ++id) {
            Statement s = statement(id % (statements * 2), 10 + id % 3, 5 + id % 2);
            s.relations = "public.t" + std::to_string(id % 5);
            Counters sample = execution(1 + id % 64);
            sample.io.wal_bytes = id % 2;
            sample.buffers.local_blks_hit = id % 3;
            sample.plan.plan = moments_of(id % 4);
            for (std::uint32_t n = 0; n < 1 + id % 6; ++n)
                REQUIRE(record_now(store, s, sample, (id + n) % 22, kNoon + bucket * kMinute) == Status::kOk);
        }
        if (bucket == 2) static_cast<void>(evict(store, store.running(), nullptr));
        if (bucket < buckets) rotate(store, kNoon + bucket * kMinute, UINT32_MAX);
    }
    store.bucket(0).exported = true;
    REQUIRE(store.header().usage.buckets_lost == 0);
    REQUIRE(store_check(store));
}

/// What the importer has to bring over: exported buckets are in the table.
Sums kept_sums(Store store) {
    Sums sums;
    each_bucket(store, [&](const Bucket& bucket) {
        if (!bucket.exported) sums.add(sums_of(store, bucket));
    });
    return sums;
}

bool same(const std::int64_t (&left)[kMaxHistogramCells], const std::int64_t (&right)[kMaxHistogramCells]) {
    return std::memcmp(left, right, sizeof left) == 0;
}

/// Imports into a new store, and goes on in it.
struct Imported {
    Imported(Store from, const StoreConfig& config) : own(config, kNoon + 900 * kMinute) {
        import_store(from, own.store);
        CHECK(store_check(own.store));
    }
    void use() {
        for (std::uint32_t i = 0; i < 200; ++i)
            CHECK(record_now(own.store, statement(i), execution(1), kNoCell, own.header().last_start_us) !=
                  Status::kNeedsDescription);
        rotate(own.store, own.header().last_start_us + kMinute, UINT32_MAX);
        while (give_up_oldest(own.store)) {
        }
        reset(own.store, own.header().last_start_us);
        CHECK(own.header().heap.blocks == 0);
        CHECK(store_check(own.store));
    }
    OwnStore own;
};

}  // namespace

TEST_CASE("import: a larger store takes everything as it was") {
    OwnStore old(middle());
    live_a_little(old.store, 4, 120);
    const Sums before = kept_sums(old.store);
    const Usage usage = old.header().usage;
    StoreConfig larger = middle();
    larger.store_bytes *= 4;
    larger.text_bytes *= 4;
    larger.max_buckets = 17;
    Imported now(old.store, larger);
    const Sums after = sums_of(now.own.store);
    check_equal(after.counters, before.counters);
    CHECK(same(after.cells, before.cells));
    CHECK(std::memcmp(&now.own.header().usage, &usage, sizeof usage) == 0);
    CHECK(now.own.header().next_number == old.header().next_number);
    CHECK(now.own.header().last_start_us == old.header().last_start_us);
    REQUIRE(now.own.header().buckets == 3);
    for (std::uint32_t i = 0; i < 3; ++i) {
        const Bucket& was = old.store.bucket(i + 1);
        const Bucket& is = now.own.store.bucket(i);
        CAPTURE(i);
        CHECK(is.number == was.number);
        CHECK(is.start_us == was.start_us);
        CHECK(is.end_us == was.end_us);
        CHECK(is.state == was.state);
        CHECK(is.entries == was.entries);
        CHECK(is.residuals == was.residuals);
        CHECK(is.floor == was.floor);
        each_entry(old.store, was, [&](const Entry& entry) {
            if ((entry.flags & kResidual) != 0) return;
            const Entry* found = find(now.own.store, is.seq, {entry.queryid, entry.identity});
            REQUIRE(found != nullptr);
            Row left, right;
            fill_row(old.store, was, entry, kLive, left);
            fill_row(now.own.store, is, *found, kLive, right);
            CHECK(left.query == right.query);
            CHECK(left.relations == right.relations);
            CHECK(left.username == right.username);
            CHECK(left.calls == right.calls);
            CHECK(left.total_exec_time == right.total_exec_time);
            CHECK(left.stats_since == right.stats_since);
            CHECK(same(left.resp_calls.cell, right.resp_calls.cell));
        });
    }
    now.use();
}

TEST_CASE("import: a smaller store folds, and every sum stays what it was, bucket by bucket") {
    for (const std::uint64_t kilobytes : {64, 96, 128, 200, 300}) {
        CAPTURE(kilobytes);
        OwnStore old(config_of(2 * 1024 * 1024, 256 * 1024));
        live_a_little(old.store, 5, 600);
        StoreConfig smaller = config_of(kilobytes * 1024, 16 * 1024);
        Imported now(old.store, smaller);
        CHECK(now.own.header().usage.entries_evicted > old.header().usage.entries_evicted);
        CHECK(now.own.header().usage.calls_without_room == 0);
        CHECK(now.own.header().usage.statements_lost == 0);
        CHECK(now.own.header().usage.buckets_lost == 0);
        REQUIRE(now.own.header().buckets == 4);
        std::int64_t cells = 0;
        for (std::uint32_t i = 0; i < 4; ++i) {
            const Sums was = sums_of(old.store, old.store.bucket(i + 1));
            const Sums is = sums_of(now.own.store, now.own.store.bucket(i));
            CAPTURE(i);
            CHECK(now.own.store.bucket(i).number == old.store.bucket(i + 1).number);
            check_equal(is.counters, was.counters);
            cells += was.cell_sum() - is.cell_sum();
        }
        CHECK(cells == static_cast<std::int64_t>(now.own.header().usage.cells_lost));
        // Room is left for what runs next, so that nothing has to be given up for it.
        CHECK(record_now(now.own.store, statement(99'999), execution(1), 0, now.own.header().last_start_us) ==
              Status::kOk);
        CHECK(now.own.header().usage.buckets_lost == 0);
        now.use();
    }
}

TEST_CASE("import: the heaviest statement stays apart in a store that is too small") {
    OwnStore old(config_of(2 * 1024 * 1024, 256 * 1024));
    live_a_little(old.store, 3, 600);
    const Statement heavy = statement(1'000'001, 77, 78);
    REQUIRE(record_now(old.store, heavy, execution(1e6)) == Status::kOk);
    Imported now(old.store, config_of(64 * 1024, 16 * 1024));
    const Entry* found = find_now(now.own.store, heavy);
    REQUIRE(found != nullptr);
    CHECK(found->hot.exec.total == 1e6);
}

TEST_CASE("import: cells of another histogram are left out and counted, calls are not") {
    OwnStore old(middle());
    live_a_little(old.store, 3, 100);
    const Sums before = kept_sums(old.store);
    REQUIRE(before.cell_sum() > 0);
    const auto with = [&](std::uint32_t count, std::uint64_t bounds) {
        StoreConfig config = middle();
        config.histogram_cells = count;
        config.bounds_hash = bounds;
        Imported now(old.store, config);
        const Sums after = sums_of(now.own.store);
        check_equal(after.counters, before.counters);
        CHECK(after.cell_sum() == 0);
        CHECK(now.own.header().usage.cells_lost == static_cast<std::uint64_t>(before.cell_sum()));
        now.use();
    };
    with(22, 0x9999);
    with(5, 0x9999);
    with(52, 0x9999);
}

TEST_CASE("import: buckets that find no slot are folded into the oldest that does") {
    StoreConfig many = config_of(4 * 1024 * 1024, 64 * 1024);
    many.max_buckets = 200;
    OwnStore old(many);
    live_a_little(old.store, 120, 3);
    const Sums before = kept_sums(old.store);
    const StoreConfig few = config_of(64 * 1024, 16 * 1024);
    Imported now(old.store, few);
    const Sums after = sums_of(now.own.store);
    CHECK(after.counters.hot.exec.count == before.counters.hot.exec.count);
    CHECK(after.counters.hot.rows == before.counters.hot.rows);
    CHECK(now.own.header().buckets < now.own.header().ring_slots);
    CHECK(now.own.header().buckets < 119);
    CHECK(now.own.store.running().number == old.store.running().number);
    CHECK(now.own.header().usage.calls_without_room == 0);
    // The next bucket costs none of them.
    rotate(now.own.store, old.header().last_start_us + kMinute, UINT32_MAX);
    CHECK(sums_of(now.own.store).counters.hot.exec.count == before.counters.hot.exec.count);
    now.use();
}

TEST_CASE("import: buckets that find no slot, but room, lose nothing") {
    StoreConfig many = config_of(4 * 1024 * 1024, 64 * 1024);
    many.max_buckets = 600;
    OwnStore old(many);
    live_a_little(old.store, 500, 3);
    const Sums before = kept_sums(old.store);
    Imported now(old.store, config_of(2 * 1024 * 1024, 64 * 1024));
    CHECK(now.own.header().buckets == now.own.header().ring_slots - 1);
    const Sums after = sums_of(now.own.store);
    check_equal(after.counters, before.counters);
    CHECK(same(after.cells, before.cells));
    now.use();
}

TEST_CASE("import: an empty store, and one of which everything is exported") {
    OwnStore empty(middle());
    Imported none(empty.store, config_of(64 * 1024, 16 * 1024));
    CHECK(none.own.store.running().number == empty.store.running().number);
    CHECK(none.own.store.running().start_us == empty.store.running().start_us);
    none.use();
    OwnStore old(middle());
    live_a_little(old.store, 3, 10);
    old.store.bucket(1).exported = true;
    Imported running(old.store, config_of(128 * 1024, 16 * 1024));
    CHECK(running.own.header().buckets == 1);
    check_equal(sums_of(running.own.store).counters, sums_of(old.store, old.store.running()).counters);
    running.use();
}

TEST_CASE("import: many owners in hardly any room: what has a residual entry is in it, the rest is counted") {
    OwnStore old(config_of(8 * 1024 * 1024, 256 * 1024));
    std::int64_t calls = 0;
    for (int bucket = 0; bucket < 12; ++bucket) {
        for (std::uint32_t i = 0; i < 500; ++i, ++calls) {
            Counters sample = execution(1);
            sample.io.wal_bytes = 1;
            REQUIRE(record_now(old.store, statement(i, 1000 + i, 2000 + i), sample, i % 22,
                               kNoon + bucket * kMinute) == Status::kOk);
        }
        rotate(old.store, kNoon + bucket * kMinute, UINT32_MAX);
    }
    Imported now(old.store, config_of(64 * 1024, 16 * 1024));
    const Usage& usage = now.own.header().usage;
    CHECK(sums_of(now.own.store).counters.hot.exec.count + static_cast<std::int64_t>(usage.calls_without_room) ==
          calls);
    CHECK(usage.calls_without_room == 0);
    now.use();
}
