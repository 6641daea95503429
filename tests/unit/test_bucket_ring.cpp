#include "store_fixture.hpp"

using namespace pgsm::core;
using namespace pgsm::core::test;

namespace {

constexpr std::int64_t kAligned = kNoon - kMinute / 2;

std::int64_t number_at(Store store, std::uint32_t position) { return store.bucket(position).number; }

/// Records something and ends the bucket.
void fill_and_rotate(Store store, std::int64_t now_us, std::uint32_t keep = UINT32_MAX) {
    REQUIRE(record_now(store, statement(7), execution(1), 0, now_us) == Status::kOk);
    rotate(store, now_us, keep);
}

}  // namespace

TEST_CASE("ring: starts are aligned, except the first and after a cut") {
    OwnStore own(default_config());
    const Store store = own.store;
    CHECK(store.running().start_us == kNoon);
    CHECK(store.running().end_us == kAligned + kMinute);
    CHECK_FALSE(rotation_due(store, kAligned + kMinute - 1));
    CHECK(rotation_due(store, kAligned + kMinute));

    fill_and_rotate(store, kAligned + kMinute + 123);
    CHECK(store.running().start_us == kAligned + kMinute);
    CHECK(store.bucket(0).end_us == kAligned + kMinute);

    const std::int64_t cut = kAligned + kMinute + 20'000'000;
    fill_and_rotate(store, cut);
    CHECK(store.bucket(1).end_us == cut);
    CHECK(store.running().start_us == cut);
    CHECK(store.running().end_us == kAligned + 2 * kMinute);
    fill_and_rotate(store, cut);  // within the same microsecond
    CHECK(store.bucket(2).end_us == cut);
    CHECK(store.running().start_us == cut + 1);

    fill_and_rotate(store, kAligned + 7 * kMinute);
    CHECK(store.running().start_us == kAligned + 7 * kMinute);
    CHECK(store.running().number == 5);
    CHECK(store.header().buckets == 5);
}

TEST_CASE("ring: alignment is that of the Unix epoch") {
    StoreConfig config = default_config();
    config.bucket_us = 7 * 1'000'000;
    OwnStore own(config);
    fill_and_rotate(own.store, kNoon + 100'000'000);
    const std::int64_t unix_us = own.store.running().start_us + 946'684'800'000'000;
    CHECK(unix_us % config.bucket_us == 0);
    CHECK(own.store.running().start_us <= kNoon + 100'000'000);
    CHECK(own.store.running().end_us > kNoon + 100'000'000);
}

TEST_CASE("ring: a clock that goes back gives no start twice") {
    OwnStore own(default_config());
    const Store store = own.store;
    fill_and_rotate(store, kAligned + kMinute);
    fill_and_rotate(store, kAligned + 2 * kMinute);
    // A little: time stands still.
    CHECK_FALSE(rotation_due(store, kAligned + 2 * kMinute - 5));
    fill_and_rotate(store, kAligned + 2 * kMinute - 5);
    CHECK(store.running().start_us == kAligned + 2 * kMinute + 1);
    CHECK(store.bucket(2).end_us == store.bucket(2).start_us);
    // By an hour: due at once, and the starts are those of the new clock, none of them one that was aligned
    // before.
    const std::int64_t back = kAligned - 60 * kMinute;
    CHECK(rotation_due(store, back));
    fill_and_rotate(store, back);
    CHECK(store.running().start_us == back + 1);
    CHECK(store.running().end_us == back + kMinute);
    fill_and_rotate(store, back + kMinute + 17);
    CHECK(store.running().start_us == back + kMinute + 17);
    fill_and_rotate(store, kAligned + 2 * kMinute + 3);  // the old time comes again
    CHECK(store.running().start_us == kAligned + 2 * kMinute + 3);
    fill_and_rotate(store, kAligned + 3 * kMinute + 3);
    CHECK(store.running().start_us == kAligned + 3 * kMinute);
    each_bucket(store, [&](const Bucket& left) {
        each_bucket(
            store, [&](const Bucket& right) { CHECK((&left == &right || left.start_us != right.start_us)); });
    });
}

TEST_CASE("ring: an empty bucket is not ended, and its number serves the next") {
    OwnStore own(default_config());
    const Store store = own.store;
    rotate(store, kNoon + 1, 2);
    CHECK(store.running().start_us == kNoon);  // its time is not over: a cut has nothing to cut
    rotate(store, kAligned + 3 * kMinute + 5, 2);
    CHECK(store.header().buckets == 1);
    CHECK(store.running().number == 1);
    CHECK(store.running().start_us == kAligned + 3 * kMinute);
    fill_and_rotate(store, kAligned + 4 * kMinute);
    CHECK(store.running().number == 2);
}

TEST_CASE("ring: what is too much is given up, oldest first, and counted") {
    OwnStore own(default_config());
    const Store store = own.store;
    for (int i = 1; i <= 4; ++i) {
        for (int n = 0; n < i; ++n) REQUIRE(record_now(store, statement(n + 1), execution(1)) == Status::kOk);
        rotate(store, kAligned + i * kMinute, 2);
    }
    CHECK(store.header().buckets == 3);
    CHECK(number_at(store, 0) == 3);
    CHECK(own.header().usage.buckets_lost == 2);
    CHECK(own.header().usage.statements_lost == 3);
    CHECK(own.header().usage.calls_lost == 3);
}

TEST_CASE("ring: buckets that are exported do not count as waiting, and are no loss") {
    OwnStore own(default_config());
    const Store store = own.store;
    for (int i = 1; i <= 3; ++i) fill_and_rotate(store, kAligned + i * kMinute);
    store.bucket(1).exported = true;
    fill_and_rotate(store, kAligned + 4 * kMinute,
                    2);  // three wait: the first one goes, not the exported one
    CHECK(number_at(store, 0) == 2);
    CHECK(store.bucket(0).exported);
    CHECK(own.header().usage.buckets_lost == 1);
    CHECK(give_up_oldest(store));
    CHECK(own.header().usage.buckets_lost == 1);
    CHECK(number_at(store, 0) == 3);
    CHECK(give_up_oldest(store));
    CHECK(give_up_oldest(store));
    CHECK(own.header().usage.buckets_lost == 3);
    CHECK_FALSE(give_up_oldest(store));
    CHECK(store.running().state == BucketState::running);
    CHECK(store_check(store));
}

TEST_CASE("ring: a bucket in the middle can go first") {
    OwnStore own(default_config());
    const Store store = own.store;
    for (int i = 1; i <= 4; ++i) fill_and_rotate(store, kAligned + i * kMinute);
    release(store, store.bucket(1));
    CHECK(store.header().buckets == 5);
    CHECK(store.bucket(1).state == BucketState::free);
    release(store, store.bucket(1));  // once is enough
    CHECK(store_check(store));
    release(store, store.bucket(2));
    CHECK(store.header().buckets == 5);
    release(store, store.bucket(0));  // takes the holes behind it along
    CHECK(store.header().buckets == 2);
    CHECK(number_at(store, 0) == 4);
    CHECK(own.header().usage.buckets_lost == 0);
    CHECK(store_check(store));
}

TEST_CASE("ring: a full ring gives up its oldest bucket alone, whatever is behind it") {
    StoreConfig config = config_of(kMinStoreBytes, kMinTextBytes);
    config.max_buckets = 10'000;
    OwnStore own(config);
    const Store store = own.store;
    const std::uint32_t slots = own.header().ring_slots;
    REQUIRE(slots >= 4);
    REQUIRE(slots < 64);
    std::int64_t now = kAligned;
    while (own.header().buckets < slots) fill_and_rotate(store, now += kMinute);
    store.bucket(3).exported = true;
    for (std::uint32_t i = 0; i < 2; ++i) fill_and_rotate(store, now += kMinute);
    CHECK(own.header().buckets == slots);
    CHECK(own.header().usage.buckets_lost == 2);
    CHECK(number_at(store, 0) == 3);
    CHECK(number_at(store, 1) == 4);
    CHECK(store.bucket(1).exported);
    fill_and_rotate(store, now += kMinute);
    fill_and_rotate(store, now += kMinute);  // the exported one is the oldest now
    CHECK(own.header().usage.buckets_lost == 3);
    for (std::uint32_t i = 0; i < 3 * slots; ++i)
        fill_and_rotate(store, now += kMinute);  // around more than once
    CHECK(number_at(store, 0) + slots - 1 == store.running().number);
    CHECK(store_check(store));
}

TEST_CASE("ring: entries of released buckets are found by nobody, and leave bit by bit") {
    OwnStore own(default_config());
    const Store store = own.store;
    for (int i = 0; i < 100; ++i) REQUIRE(record_now(store, statement(i), execution(1)) == Status::kOk);
    const std::uint32_t seq = store.running().seq;
    rotate(store, kAligned + kMinute, 2);
    for (int i = 50; i < 150; ++i)
        REQUIRE(record_now(store, statement(i), execution(2), 0, kAligned + kMinute) == Status::kOk);
    release(store, store.bucket(0));
    for (std::uint32_t left = 100; left > 0; left -= 10) {
        for (int i = 50; i < 150; ++i) REQUIRE(find_now(store, statement(i)) != nullptr);
        CHECK(find_now(store, statement(1)) == nullptr);
        CHECK(own.header().heap.blocks == left + 100);
        CHECK(store_check(store));
        CHECK(reclaim(store, 10) == 10);
    }
    CHECK(reclaim(store, 10) == 0);
    CHECK(find(store, seq, statement(60).key()) == nullptr);
    CHECK(own.header().texts.texts == 101);  // queries and one session
    CHECK(heap_used_bytes(own.header().heap) == store.running().used_bytes);
}

TEST_CASE("ring: reset leaves nothing but the counts of losses and the numbers") {
    OwnStore own(default_config());
    const Store store = own.store;
    for (int i = 1; i <= 5; ++i) fill_and_rotate(store, kAligned + i * kMinute, 3);
    release(store, store.bucket(1));
    REQUIRE(record_now(store, statement(1), execution(1)) == Status::kOk);
    const std::int64_t number = store.running().number;
    reset(store, kAligned + 5 * kMinute + 9);
    CHECK(own.header().buckets == 1);
    CHECK(own.header().heap.blocks == 0);
    CHECK(own.header().texts.texts == 0);
    CHECK(own.header().usage.buckets_lost == 2);
    CHECK(store.running().number == number + 1);
    CHECK(store.running().start_us == kAligned + 5 * kMinute + 9);  // the aligned start has been given out
    CHECK(store_check(store));
    CHECK(record_now(store, statement(1), execution(1)) == Status::kOk);
}

TEST_CASE("ring: another bucket time holds from the next bucket on") {
    OwnStore own(default_config());
    set_bucket_time(own.store, 0);
    CHECK(own.header().config.bucket_us == kMinute);
    set_bucket_time(own.store, 10'000'000);
    CHECK(own.store.running().end_us == kAligned + kMinute);
    fill_and_rotate(own.store, kAligned + kMinute);
    CHECK(own.store.running().end_us == kAligned + kMinute + 10'000'000);
    CHECK(store_check(own.store));
}
