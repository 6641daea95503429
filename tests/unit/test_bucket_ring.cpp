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

TEST_CASE("ring: where nothing is stored, what is given up is no loss, and counted apart") {
    OwnStore own(default_config());
    const Store store = own.store;
    own.header().stores_nothing = true;
    for (int i = 1; i <= 3; ++i) fill_and_rotate(store, kAligned + i * kMinute, 1);
    CHECK(own.header().usage.buckets_dropped == 2);
    CHECK(own.header().usage.calls_dropped == 2);
    CHECK(own.header().usage.buckets_lost == 0);
    CHECK(own.header().usage.statements_lost == 0);
    CHECK(own.header().usage.calls_lost == 0);
    own.header().stores_nothing = false;
    fill_and_rotate(store, kAligned + 4 * kMinute, 1);
    CHECK(own.header().usage.buckets_dropped == 2);
    CHECK(own.header().usage.buckets_lost == 1);
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
    CHECK(own.header().early_stamp == 0);
    store.bucket(0).stamp = 4711;
    CHECK(give_up_oldest(store));
    CHECK(own.header().usage.buckets_lost == 1);
    CHECK(own.header().early_stamp == 4711);
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

TEST_CASE("ring: a full ring gives up what is exported, then its oldest bucket") {
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
    CHECK(own.header().usage.buckets_lost == 1);
    CHECK(number_at(store, 0) == 2);
    CHECK(number_at(store, 1) == 3);
    CHECK(number_at(store, 2) == 5);
    fill_and_rotate(store, now += kMinute);
    fill_and_rotate(store, now += kMinute);
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

TEST_CASE("ring: reset leaves nothing but the numbers") {
    OwnStore own(default_config());
    const Store store = own.store;
    for (int i = 1; i <= 5; ++i) fill_and_rotate(store, kAligned + i * kMinute, 3);
    release(store, store.bucket(1));
    CHECK(own.header().usage.buckets_lost == 2);
    REQUIRE(record_now(store, statement(1), execution(1)) == Status::kOk);
    const std::int64_t number = store.running().number;
    reset(store, kAligned + 5 * kMinute + 9);
    CHECK(own.header().buckets == 1);
    CHECK(own.header().heap.blocks == 0);
    CHECK(own.header().texts.texts == 0);
    CHECK(own.header().usage.buckets_lost == 0);
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

namespace {

/// A full ring: a statement in each bucket, the running one still empty.
void fill_ring(Store store) {
    for (std::int64_t at = kNoon; store.header().buckets < store.header().ring_slots; at += kMinute) {
        REQUIRE(record_now(store, statement(at / kMinute), execution(1), kNoCell, at) == Status::kOk);
        rotate(store, at, UINT32_MAX);
    }
    REQUIRE(store.header().usage.buckets_lost == 0);
}

bool is_there(Store store, std::int64_t number) {
    bool found = false;
    each_bucket(store, [&](const Bucket& bucket) { found = found || bucket.number == number; });
    return found;
}

void next_bucket(Store store) {
    const std::int64_t now = store.header().last_start_us + kMinute;
    REQUIRE(record_now(store, statement(1), execution(1), kNoCell, now) == Status::kOk);
    rotate(store, now, UINT32_MAX);
    CHECK(store_check(store));
}

}  // namespace

TEST_CASE("ring: a limit is for buckets that nobody is exporting") {
    OwnStore own(default_config());
    const std::int64_t first = number_at(own.store, 0);
    for (int i = 1; i <= 2; ++i) fill_and_rotate(own.store, kAligned + i * kMinute, 2);
    own.store.bucket(0).stamp = own.store.bucket(1).stamp = 4711;
    for (int i = 3; i <= 4; ++i) fill_and_rotate(own.store, kAligned + i * kMinute, 2);
    CHECK(own.header().usage.buckets_lost == 0);
    fill_and_rotate(own.store, kAligned + 5 * kMinute, 2);
    CHECK(own.header().usage.buckets_lost == 1);
    CHECK(is_there(own.store, first));
    CHECK(is_there(own.store, first + 1));
    CHECK(!is_there(own.store, first + 2));
}

TEST_CASE("ring: the bucket that is being exported is given up last") {
    OwnStore own(default_config());
    fill_ring(own.store);
    const std::int64_t first = own.store.bucket(0).number;
    own.store.bucket(0).stamp = own.store.bucket(1).stamp = 4711;
    REQUIRE(give_up_oldest(own.store));
    CHECK(is_there(own.store, first));
    CHECK(is_there(own.store, first + 1));
    CHECK(!is_there(own.store, first + 2));
    // A full ring takes the slot of the gap, the next time that of the next bucket that nobody exports.
    next_bucket(own.store);
    CHECK(own.header().usage.buckets_lost == 1);
    next_bucket(own.store);
    CHECK(!is_there(own.store, first + 3));
    CHECK(is_there(own.store, first + 4));
    next_bucket(own.store);
    CHECK(!is_there(own.store, first + 4));
    CHECK(own.header().usage.buckets_lost == 3);
    CHECK(is_there(own.store, first));
    CHECK(is_there(own.store, first + 1));
    CHECK(own.header().leaving_stamp == 0);
}

TEST_CASE("ring: whose export a bucket belonged to is kept when it had to be given up") {
    OwnStore own(default_config());
    const Store store = own.store;
    for (int i = 1; i <= 2; ++i) fill_and_rotate(store, kAligned + i * kMinute);
    store.bucket(0).stamp = store.bucket(1).stamp = 4711;
    REQUIRE(give_up_oldest(store));
    CHECK(own.header().leaving_stamp == 4711);
    CHECK(own.header().early_stamp == 0);
    CHECK(own.header().usage.buckets_lost == 1);
    own.header().leaving_stamp = 0;
    store.bucket(0).exported = true;
    REQUIRE(give_up_oldest(store));
    CHECK(own.header().leaving_stamp == 0);
    CHECK(own.header().early_stamp == 4711);
    CHECK(own.header().usage.buckets_lost == 1);
}

TEST_CASE("ring: an exported bucket in the middle of a full ring makes room without a loss") {
    OwnStore own(default_config());
    fill_ring(own.store);
    const std::int64_t first = own.store.bucket(0).number;
    own.store.bucket(5).exported = true;
    own.store.bucket(5).stamp = 4711;
    next_bucket(own.store);
    CHECK(own.header().usage.buckets_lost == 0);
    CHECK(own.header().early_stamp == 4711);
    CHECK(is_there(own.store, first));
    CHECK(!is_there(own.store, first + 5));
    next_bucket(own.store);
    CHECK(own.header().usage.buckets_lost == 1);
    CHECK(!is_there(own.store, first));
}

TEST_CASE("ring: a loss that was none is taken back") {
    OwnStore own(default_config());
    fill_ring(own.store);
    own.store.bucket(0).stamp = 1;
    const Bucket given_up = own.store.bucket(1);
    REQUIRE(give_up_oldest(own.store));
    CHECK(own.header().usage.calls_lost == 1);
    take_back_loss(own.store, given_up.entries, 1);
    take_back_loss(own.store, 1, 1);
    CHECK(own.header().usage.buckets_lost == 0);
    CHECK(own.header().usage.statements_lost == 0);
    CHECK(own.header().usage.calls_lost == 0);
}

TEST_CASE("ring: numbers go on behind those that somebody else has given out") {
    OwnStore own(default_config());
    const Store store = own.store;
    for (int i = 1; i <= 3; ++i) fill_and_rotate(store, kAligned + i * kMinute);
    REQUIRE(record_now(store, statement(7), execution(3)) == Status::kOk);
    static_cast<void>(evict(store, store.bucket(1), nullptr));
    const Sums before = sums_of(store);
    REQUIRE(number_at(store, 0) == 1);
    CHECK(continue_numbers(store, 0));
    CHECK(number_at(store, 0) == 1);
    store.bucket(0).stamp = 4711;
    CHECK(continue_numbers(store, 1000));
    CHECK(number_at(store, 0) == 1);  // its rows may be about to be stored under it
    CHECK(number_at(store, 1) == 1001);
    CHECK(store.running().number == 1003);
    CHECK(own.header().next_number == 1004);
    CHECK(store_check(store));
    CHECK(find_now(store, statement(7)) != nullptr);
    check_equal(sums_of(store).counters, before.counters);
    CHECK(continue_numbers(store, 1000));
    CHECK(own.header().next_number == 1004);
    store.bucket(0).stamp = 0;
    store.bucket(1).stamp = 4711;
    CHECK(!continue_numbers(store, 2000));
    CHECK(number_at(store, 0) == 1);
    CHECK(own.header().next_number == 1004);
}
