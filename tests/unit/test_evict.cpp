#include "store_fixture.hpp"

#include <algorithm>
#include <random>

using namespace pgsm::core;
using namespace pgsm::core::test;

namespace {

/// Records new statements until something is evicted.
std::int64_t fill_up(Store store, std::int64_t id, std::uint32_t userid = 10, double ms = 1) {
    const std::uint64_t before = store.header().usage.evictions;
    while (store.header().usage.evictions == before)
        REQUIRE(record_now(store, statement(++id, userid), execution(ms)) == Status::kOk);
    return id;
}

Statement of_two(std::int64_t id) { return statement(id, 10 + static_cast<std::uint32_t>(id % 2)); }

}  // namespace

TEST_CASE("evict: the lightest go into the residual entry of their owner, and no sum changes") {
    OwnStore own(config_of(kMinStoreBytes, kMinTextBytes));
    const Store store = own.store;
    std::int64_t id = 0;
    while (own.header().usage.evictions == 0) {
        ++id;
        REQUIRE(record_now(store, of_two(id), execution(id % 3 == 0 ? 1 : 100)) == Status::kOk);
    }
    const Bucket& bucket = store.running();
    CHECK(bucket.residuals == 2);
    CHECK(bucket.floor == 1.0F);
    each_entry(store, bucket, [&](const Entry& entry) {
        if ((entry.flags & kResidual) == 0) return;
        CHECK(entry.hot.exec.max == 1.0);
        CHECK(entry.queryid == 0);
        CHECK(entry.text == 0);
        CHECK(unpack_session(store.text(entry.session)).user == "user" + std::to_string(entry.userid));
        CHECK(find_residual(store, bucket, executions_of(entry.userid, entry.dbid)) == &entry);
    });
    CHECK(find_residual(store, bucket, executions_of(99, 5)) == nullptr);
    CHECK(sums_of(store).counters.hot.exec.count == id);
    CHECK(sums_of(store).cells[0] == id);
    CHECK(find_now(store, of_two(id))->floor == 1.0F);
    CHECK(store_check(store));
}

TEST_CASE("evict: nothing to evict, nothing done") {
    OwnStore own(default_config());
    const Store store = own.store;
    CHECK_FALSE(evict(store, store.running(), nullptr));
    REQUIRE(record_now(store, statement(1), execution(1)) == Status::kOk);
    Entry* only = find_now(store, statement(1));
    CHECK_FALSE(evict(store, store.running(), only));
    CHECK(evict(store, store.running(), nullptr));
    CHECK_FALSE(evict(store, store.running(), nullptr));  // only a residual is left
    CHECK(find_now(store, statement(1)) == nullptr);
    CHECK(store.running().entries == 1);
    CHECK(store.running().residuals == 1);
    CHECK(store_check(store));
}

// Folding gives parts to the residual entry while room is made for that very entry's parts.
TEST_CASE("evict: what a residual entry is given while room is made for it is neither lost nor leaked") {
    for (std::uint32_t spread = 0; spread < 2; ++spread) {
        OwnStore own(config_of(kMinStoreBytes, kMinTextBytes));
        const Store store = own.store;
        Bucket& bucket = store.running();
        std::int64_t id = 0;
        Counters with_parts = execution(1);
        with_parts.io.wal_records = 1;
        with_parts.plan.plan = moments_of(0.5);
        Sums all;
        REQUIRE(record_now(store, statement(++id), execution(0.5), 0) == Status::kOk);
        all.add(execution(0.5), 0);
        REQUIRE(evict(store, bucket, nullptr));
        Entry& residual = *find_residual(store, bucket, executions_of(10, 5));
        while (true) {
            ++id;
            REQUIRE(record_now(store, statement(id), with_parts, 1) == Status::kOk);
            all.add(with_parts, 1);
            if (spread != 0) {
                for (const std::uint32_t cell : {2u, 3u, 4u}) {
                    REQUIRE(record_now(store, statement(id), with_parts, cell) == Status::kOk);
                    all.add(with_parts, cell);
                }
            }
            if (bucket.used_bytes + 1000 > heap_total_bytes(own.header().heap) / 2) break;
        }
        REQUIRE(own.header().usage.evictions == 1);
        REQUIRE(residual.parts[static_cast<std::size_t>(Part::io)] == 0);
        std::uint32_t fillers = 0;
        while (take_block(store, bucket, 8) != 0) ++fillers;
        Counters more = execution(2);
        more.io.wal_records = 5;
        more.plan.plan = moments_of(0.25);
        for (const std::uint32_t cell : {5u, 6u, 7u, 8u}) {
            REQUIRE(ensure_parts(store, bucket, residual, more, cell));
            REQUIRE(try_apply(store, residual, more, cell));
            all.add(more, cell);
        }
        std::uint32_t blocks = 0;
        each_entry(store, bucket, [&](const Entry& entry) {
            for (const Ref part : entry.parts) blocks += part != 0;
            blocks += 1 + (entry.cells != 0);
        });
        CHECK(own.header().heap.blocks == blocks + fillers);
        check_equal(sums_of(store).counters, all.counters);
        CHECK(std::memcmp(sums_of(store).cells, all.cells, sizeof all.cells) == 0);
    }
}

TEST_CASE("evict: cells of every kind meet in a residual entry") {
    for (const std::uint32_t cells : {4u, 22u, 23u, 24u, 52u}) {
        CAPTURE(cells);
        OwnStore own(config_of(256 * 1024, 64 * 1024, cells));
        const Store store = own.store;
        Bucket& bucket = store.running();
        Sums all;
        std::mt19937 random(cells);
        for (std::int64_t id = 1; id <= 60; ++id) {
            const auto kinds = static_cast<std::uint32_t>(1 + random() % 4);
            for (std::uint32_t i = 0; i < kinds * 3; ++i) {
                const auto spot = static_cast<std::uint32_t>(random() % kinds);
                const std::uint32_t cell = (static_cast<std::uint32_t>(id * 5) + spot) % cells;
                REQUIRE(record_now(store, of_two(id), execution(1), cell) == Status::kOk);
                all.add(execution(1), cell);
            }
        }
        while (evict(store, bucket, nullptr)) {
            CHECK(store_check(store));
            CHECK(std::memcmp(sums_of(store).cells, all.cells, sizeof all.cells) == 0);
        }
        CHECK(bucket.entries == 2);
        CHECK(own.header().usage.cells_lost == 0);
        CHECK(sums_of(store).counters.hot.exec.count == all.counters.hot.exec.count);
    }
}

TEST_CASE("evict: cells for which there is no room at all are counted") {
    OwnStore own(config_of(kMinStoreBytes, kMinTextBytes, 52));
    const Store store = own.store;
    Bucket& bucket = store.running();
    for (std::uint32_t id = 1; id <= 2; ++id)
        for (std::uint32_t cell = 0; cell < 3; ++cell)
            REQUIRE(record_now(store, statement(id), execution(1), id * 3 + cell) == Status::kOk);
    // Small blocks, so that no two free ones lie side by side for 52 cells when an entry goes.
    while (take_block(store, bucket, 8) != 0) {
    }
    while (evict(store, bucket, nullptr)) {
    }
    CHECK(own.header().usage.cells_lost == 3);
    CHECK(sums_of(store).cell_sum() == 3);
    CHECK(sums_of(store).counters.hot.exec.count == 6);
}

TEST_CASE("evict: there is always something left to evict, however many owners there are") {
    OwnStore own(config_of(kMinStoreBytes, kMinTextBytes));
    const Store store = own.store;
    Counters sample = execution(1);
    sample.io.wal_records = 1;
    sample.buffers.temp_blks_read = 1;
    sample.plan.plan = moments_of(1);
    sample.jit.jit_functions = 1;
    for (std::uint32_t i = 0; i < 5000; ++i)
        REQUIRE(record_now(store, statement(i, 10 + i % 1000), sample, i % 22) == Status::kOk);
    CHECK(own.header().usage.calls_without_room == 0);
    CHECK(own.header().usage.samples_folded == 0);
    CHECK(store.running().residuals < 16);
    CHECK(store.running().entries - store.running().residuals > 10);
    CHECK(sums_of(store).counters.jit.jit_functions == 5000);
    CHECK(sums_of(store).cell_sum() == 5000);
    CHECK(store_check(store));
}

TEST_CASE("evict: a residual entry without names takes those that come") {
    OwnStore own(default_config());
    const Store store = own.store;
    Statement nameless = statement(1);
    nameless.session.clear();
    REQUIRE(record_now(store, nameless, execution(1)) == Status::kOk);
    REQUIRE(evict(store, store.running(), nullptr));
    CHECK(find_residual(store, store.running(), executions_of(10, 5))->session == 0);
    REQUIRE(record_now(store, statement(2), execution(1)) == Status::kOk);
    REQUIRE(evict(store, store.running(), nullptr));
    CHECK(unpack_session(store.text(find_residual(store, store.running(), executions_of(10, 5))->session))
              .user == "user10");
    CHECK(store_check(store));
}

TEST_CASE("evict: a bucket takes half of the store, then buckets before it, exported ones first") {
    OwnStore own(config_of(256 * 1024, 256 * 1024));
    const Store store = own.store;
    const std::uint64_t half = heap_total_bytes(own.header().heap) / 2;
    std::int64_t id = 0;
    for (int bucket = 0; bucket < 2; ++bucket) {
        id = fill_up(store, id);
        CHECK(store.running().used_bytes <= half);
        CHECK(store.running().used_bytes > half * 9 / 10);
        rotate(store, kNoon + (bucket + 1) * kMinute);
    }
    CHECK(own.header().usage.buckets_lost == 0);
    store.bucket(1).exported = true;
    static_cast<void>(fill_up(store, id));
    CHECK(own.header().usage.buckets_lost == 0);
    CHECK(store.bucket(0).number == 1);
    each_bucket(store, [](const Bucket& bucket) { CHECK_FALSE(bucket.exported); });
    rotate(store, kNoon + 3 * kMinute);
    static_cast<void>(fill_up(store, id));
    CHECK(own.header().usage.buckets_lost == 1);
    count_losses(store);
    CHECK(own.header().usage.calls_lost > 0);
    CHECK(store_check(store));
}

TEST_CASE("evict: no room even for a residual entry: the loss is counted") {
    OwnStore own(config_of(kMinStoreBytes, kMinTextBytes));
    const Store store = own.store;
    Bucket& bucket = store.running();
    while (take_block(store, bucket, 8) != 0) {
    }
    CHECK(record_now(store, statement(1), execution(1)) == Status::kLost);
    CHECK(own.header().usage.calls_without_room == 1);
    CHECK(bucket.entries == 0);
    CHECK(sums_of(store).counters.hot.exec.count == 0);
}

TEST_CASE("evict: where there is a residual entry but no room, samples go into it") {
    OwnStore own(config_of(kMinStoreBytes, kMinTextBytes));
    const Store store = own.store;
    Bucket& bucket = store.running();
    REQUIRE(record_now(store, statement(1, 10), execution(1)) == Status::kOk);
    REQUIRE(evict(store, bucket, nullptr));
    while (take_block(store, bucket, 8) != 0) {
    }
    CHECK(record_now(store, statement(2, 10), execution(1)) == Status::kFolded);
    CHECK(record_now(store, statement(3, 11), execution(1)) ==
          Status::kFolded);  // of another owner: totals count
    Counters needs_part = execution(1);
    needs_part.io.wal_bytes = 1;
    CHECK(record_now(store, statement(4, 10), needs_part) == Status::kLost);
    CHECK(own.header().usage.samples_folded == 2);
    CHECK(own.header().usage.calls_without_room == 1);
    CHECK(sums_of(store).counters.hot.exec.count == 3);
    CHECK(sums_of(store).cell_sum() == 3);
}

// Metwally, Agrawal, El Abbadi 2005: with k entries, who has more than 1/k of the whole is among them.
TEST_CASE("evict: 50 heavy statements among 100,000 light ones are all there at the end") {
    for (std::uint32_t seed = 1; seed <= 3; ++seed) {
        std::mt19937 random(seed);
        struct Event {
            std::int64_t queryid;
            float ms;
        };
        std::vector<Event> events;
        double light = 0;
        for (std::int64_t id = 1; id <= 100'000; ++id) {
            const float ms = 0.5F + static_cast<float>(random() % 1000) / 1000;
            events.push_back({id, ms});
            light += static_cast<double>(ms);
        }
        // Shares of 0.05 % to 1 %, each in 20 to 500 executions.
        double share_sum = 0;
        std::vector<double> shares;
        for (int i = 0; i < 50; ++i)
            shares.push_back(0.0005 + 0.0095 * static_cast<double>(random() % 1000) / 1000);
        shares[0] = 0.0005;
        for (const double share : shares) share_sum += share;
        const double total = light / (1 - share_sum);
        for (std::size_t i = 0; i < shares.size(); ++i) {
            const auto runs = static_cast<std::uint32_t>(20 + random() % 480);
            for (std::uint32_t n = 0; n < runs; ++n)
                events.push_back(
                    {1'000'000 + static_cast<std::int64_t>(i), static_cast<float>(total * shares[i] / runs)});
        }
        std::shuffle(events.begin(), events.end(), random);

        OwnStore own(default_config());
        for (const Event& event : events) {
            Statement s = statement(event.queryid);
            s.query.resize(100, '.');
            Counters sample = execution(static_cast<double>(event.ms));
            sample.io.wal_bytes = 1;
            REQUIRE(record_now(own.store, s, sample, 1) == Status::kOk);
        }
        for (std::int64_t i = 0; i < 50; ++i) {
            CAPTURE(i);
            Entry* entry = find_now(own.store, statement(1'000'000 + i));
            REQUIRE(entry != nullptr);
            CHECK(own.store.text(entry->text).starts_with("select " + std::to_string(1'000'000 + i)));
            // What it lacks went into the residual before, and its weight says how much that can be at most.
            const double share = total * shares[static_cast<std::size_t>(i)];
            CHECK(weight(*entry) * 1.001 >= share);
        }
        CHECK(sums_of(own.store).counters.hot.exec.count == static_cast<std::int64_t>(events.size()));
        CHECK(own.header().usage.texts_missing == 0);
        CHECK(own.header().usage.entries_evicted > 90'000);
        // Whoever is not there has at most the floor, and that is at most the share of one of the entries
        // that stay when a 64th goes.
        const Bucket& bucket = own.store.running();
        CHECK(static_cast<double>(bucket.floor) < total / (bucket.entries * 15.0 / 16) * 1.02);
        if (seed == 1)
            MESSAGE(own.store.running().entries, " entries, floor ", own.store.running().floor, " ms of ",
                    total, " ms");
    }
}
