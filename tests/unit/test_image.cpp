#include "core/hash.hpp"
#include "store_fixture.hpp"

#include <random>

using namespace pgsm::core;
using namespace pgsm::core::test;

namespace {

StoreConfig small() { return config_of(128 * 1024, 32 * 1024); }

/// Buckets that are exported, waiting, released and running, residual entries, parts, cells, garbage.
void live_a_little(Store store) {
    std::uint32_t id = 0;
    for (int bucket = 1; bucket <= 4; ++bucket) {
        for (std::uint32_t i = 0; i < 60; ++i) {
            ++id;
            Statement s = statement(id % 90, 10 + id % 3);
            s.relations = "public.t" + std::to_string(id % 5);
            Counters sample = execution(id);
            sample.io.wal_bytes = id % 2;
            sample.plan.plan = moments_of(id % 3);
            for (std::uint32_t n = 0; n < 1 + id % 5; ++n)
                REQUIRE(record_now(store, s, sample, (id + n) % 22, kNoon + bucket * kMinute) == Status::kOk);
        }
        if (bucket % 2 == 0) static_cast<void>(evict(store, store.running(), nullptr));
        if (bucket < 4) rotate(store, kNoon + bucket * kMinute);
    }
    store.bucket(0).exported = true;
    release(store, store.bucket(1));
    static_cast<void>(reclaim(store, 20));
    REQUIRE(store.header().garbage != 0);
    REQUIRE(store_check(store));
}

/// All that a server may do with a store that it has loaded.
void use_everything(Store store) {
    OwnCopy copy(store);
    each_bucket(copy.store, [&](Bucket& bucket) {
        copy.fold(bucket, 10);
        each_entry(copy.store, bucket, [&](const Entry& entry) {
            Row row;
            fill_row(copy.store, bucket, entry, kLive, row);
            CHECK(row.resp_calls.count == 22);
        });
    });
    const std::int64_t now = store.header().last_start_us;
    for (std::uint32_t i = 0; i < 300; ++i) {
        const Statement s = statement(i % 120, 10 + i % 3);
        CHECK(record_now(store, s, execution(1), i % 22, now) != Status::kNeedsDescription);
        if (i % 100 == 50) rotate(store, now + 1);
        if (Entry* entry = find_now(store, s)) set_notes(store, *entry, "note", 21);
    }
    while (give_up_oldest(store)) {
    }
    reset(store, now);
    reclaim_all(store);
    CHECK(store.header().heap.blocks == 0);
}

Status adopt(std::span<std::byte> bytes, const ImageHead& head, Store& out) {
    return adopt_image(head, bytes, out);
}

}  // namespace

TEST_CASE("image: what is written is what is loaded") {
    OwnStore own(small());
    live_a_little(own.store);
    const Sums before = sums_of(own.store);
    own.store.entry(own.store.running().first_entry)->lock = 1;  // a spinlock that its owner never gave back
    const ImageHead head = image_head(own.store);
    CHECK(check_image_head(head, small()) == Status::kOk);
    own.move();
    Store loaded{};
    REQUIRE(adopt(own.bytes(), head, loaded) == Status::kOk);
    CHECK(loaded.base == own.bytes().data());
    CHECK(loaded.entry(loaded.running().first_entry)->lock == 0);
    check_equal(sums_of(loaded).counters, before.counters);
    CHECK(loaded.bucket(0).exported);
    use_everything(loaded);
}

TEST_CASE("image: another version, other settings, no image at all") {
    OwnStore own(small());
    const ImageHead head = image_head(own.store);
    const auto with = [&](auto change) {
        StoreConfig config = small();
        change(config);
        return check_image_head(head, config);
    };
    CHECK(with([](StoreConfig&) {}) == Status::kOk);
    CHECK(with([](StoreConfig& c) { c.store_bytes += 8; }) == Status::kForeignLayout);
    CHECK(with([](StoreConfig& c) { c.text_bytes += 8; }) == Status::kForeignLayout);
    CHECK(with([](StoreConfig& c) { c.histogram_cells += 1; }) == Status::kForeignLayout);
    CHECK(with([](StoreConfig& c) { c.bounds_hash += 1; }) == Status::kForeignLayout);
    CHECK(with([](StoreConfig& c) { c.max_buckets += 1; }) == Status::kForeignLayout);
    CHECK(with([](StoreConfig& c) { c.bucket_us *= 2; }) == Status::kOk);  // set_bucket_time()
    ImageHead other = head;
    ++other.magic;
    CHECK(check_image_head(other, small()) == Status::kDamaged);
    other = head;
    ++other.layout;
    CHECK(check_image_head(other, small()) == Status::kForeignLayout);
    Store loaded{};
    CHECK(adopt(own.bytes(), other, loaded) == Status::kDamaged);
    other = head;
    other.bytes -= 8;
    CHECK(check_image_head(other, small()) == Status::kForeignLayout);
    CHECK(adopt(own.bytes(), other, loaded) == Status::kDamaged);
    other.bytes = 3;
    CHECK(adopt(own.bytes(), other, loaded) == Status::kDamaged);
    CHECK(adopt(own.bytes().first(own.bytes().size() - 1), head, loaded) == Status::kDamaged);
    CHECK(loaded.base == nullptr);
}

TEST_CASE("image: a byte that changed on the disk is seen") {
    OwnStore own(small());
    live_a_little(own.store);
    const ImageHead head = image_head(own.store);
    std::mt19937 random(4);
    Store loaded{};
    for (int i = 0; i < 300; ++i) {
        std::byte& byte = own.bytes()[random() % own.bytes().size()];
        byte ^= std::byte{1};
        CHECK(adopt(own.bytes(), head, loaded) == Status::kDamaged);
        byte ^= std::byte{1};
    }
    CHECK(adopt(own.bytes(), head, loaded) == Status::kOk);
}

TEST_CASE("image: bytes that do not fit together are refused, whatever their checksum says") {
    std::uint32_t tried = 0;
    const auto refused = [&](auto damage) {
        OwnStore own(small());
        live_a_little(own.store);
        damage(own.store, own.header());
        Store loaded{};
        ++tried;
        CAPTURE(tried);
        const std::span<std::byte> bytes = own.bytes();
        // The head is made by hand: image_head() believes the header.
        const ImageHead head{0, own.header().layout, kCounterFingerprint, bytes.size(),
                             hash64(std::span<const std::byte>{bytes}, 0)};
        CHECK(adopt(bytes, head, loaded) == Status::kDamaged);
    };
    const auto first = [](Store store) -> Entry& { return *store.entry(store.running().first_entry); };
    refused([](Store, Header& h) { ++h.magic; });
    refused([](Store, Header& h) { h.config.store_bytes *= 2; });
    refused([](Store, Header& h) { h.config.histogram_cells = 52; });
    refused([](Store, Header& h) { h.config.bucket_us = 0; });
    refused([](Store, Header& h) { h.ring_offset += 1'000'000'000; });
    refused([](Store, Header& h) { h.ring_slots += 100'000; });
    refused([](Store, Header& h) { h.heads_offset = 0; });
    refused([](Store, Header& h) { h.heads_mask = UINT32_MAX; });
    refused([](Store, Header& h) { h.oldest = h.ring_slots; });
    refused([](Store, Header& h) { h.buckets = 0; });
    refused([](Store, Header& h) { ++h.buckets; });
    refused([](Store, Header& h) { h.next_number = 1; });
    refused([](Store, Header& h) { h.garbage = 0; });
    refused([](Store, Header& h) { h.garbage_tail += 1; });
    refused([](Store, Header& h) { h.spare_end = 8; });
    refused([](Store, Header& h) { h.heap.first = 0; });
    refused([](Store, Header& h) { h.heap.end += 1'000'000; });
    refused([](Store, Header& h) { h.heap.bins[5] = UINT32_MAX; });
    refused([](Store, Header& h) { h.texts.heads_mask = UINT32_MAX; });
    refused([](Store, Header& h) { h.texts.heads_offset = 8; });
    refused([](Store, Header& h) { h.texts.heap.end = UINT32_MAX; });
    refused([](Store, Header& h) { h.texts.reserve_bytes = UINT64_MAX; });
    refused([](Store s, Header&) { s.running().state = BucketState::ended; });
    refused([](Store s, Header&) { s.bucket(0).state = static_cast<BucketState>(17); });
    refused([](Store s, Header&) { s.bucket(0).state = BucketState::free; });
    refused([](Store s, Header& h) { s.bucket(h.buckets).state = BucketState::ended; });
    refused([](Store s, Header&) { std::memset(&s.bucket(0).exported, 2, 1); });
    refused([](Store s, Header&) { ++s.bucket(0).seq; });
    refused([](Store s, Header&) { ++s.running().entries; });
    refused([](Store s, Header&) { --s.running().residuals; });
    refused([](Store s, Header&) { s.running().used_bytes += 8; });
    refused([](Store s, Header&) { s.running().first_entry = UINT32_MAX; });
    refused([](Store s, Header&) { s.running().first_residual = s.running().first_entry; });
    refused([](Store s, Header&) { s.running().last_entry = s.running().first_entry; });
    // Released, between two that are not.
    refused([](Store s, Header&) { s.bucket(1).entries = UINT32_MAX / 3; });
    refused([](Store s, Header&) { s.bucket(1).residuals = 1; });
    refused([](Store s, Header&) { s.bucket(1).first_residual = s.running().first_residual; });
    refused([](Store s, Header&) { s.bucket(1).last_entry = s.running().last_entry; });
    refused([](Store s, Header&) { s.bucket(1).used_bytes = 8; });
    refused([](Store s, Header&) { s.bucket(1).stamp = 3; });
    refused([&](Store s, Header&) { first(s).list_next = s.running().first_entry; });
    refused([&](Store s, Header&) { first(s).list_next = 3; });
    refused([&](Store s, Header&) { first(s).hash_next = s.running().first_entry; });
    refused([&](Store s, Header&) { ++first(s).queryid; });
    refused([&](Store s, Header&) { ++first(s).bucket_seq; });
    refused([&](Store s, Header&) { first(s).flags ^= kResidual; });
    refused([&](Store s, Header&) { first(s).text = first(s).cells + 1; });
    refused([&](Store s, Header&) { first(s).session = 0; });
    refused([&](Store s, Header&) { first(s).relations = UINT32_MAX; });
    refused([&](Store s, Header&) { first(s).parts[2] = first(s).parts[0] + 1; });
    refused([&](Store s, Header&) { first(s).parts[1] = s.running().last_entry; });
    refused([&](Store s, Header&) { first(s).cells = UINT32_MAX / 2; });
    refused([&](Store s, Header&) { first(s).cell[0] = 1 << kCellIndexBits | 22; });
    refused([&](Store s, Header&) { first(s).hot.exec.total = __builtin_nan(""); });
}

TEST_CASE("image: whatever words are overwritten, it is refused or can be used") {
    OwnStore good(small());
    live_a_little(good.store);
    std::mt19937 random(11);
    std::uint32_t adopted = 0;
    Region memory(good.bytes().size());
    for (int i = 0; i < 1500; ++i) {
        std::memcpy(memory.bytes().data(), good.bytes().data(), good.bytes().size());
        const Store store{memory.bytes().data()};
        // Counters are left out: they may say anything, and sums of the absurd overflow.
        std::byte* at;
        if (i % 3 == 0) {
            at = store.base + random() % store.header().heads_offset;
        } else if (i % 3 == 1) {
            Ref ref = store.bucket(i % 2 == 0 ? 0 : store.header().buckets - 1).first_entry;
            for (auto skip = random() % 40; skip > 0 && store.entry(ref)->list_next != 0; --skip)
                ref = store.entry(ref)->list_next;
            at = reinterpret_cast<std::byte*>(store.entry(ref)) + random() % offsetof(Entry, hot);
        } else {
            at = store.base + small().store_bytes + random() % (small().text_bytes - 8);
        }
        const auto word = static_cast<std::uint32_t>(random() % 2 == 0 ? random() : random() % 30'000);
        const bool inside_usage = at >= reinterpret_cast<std::byte*>(&store.header().last_start_us) - 8 &&
                                  at < reinterpret_cast<std::byte*>(&store.header().garbage);
        if (inside_usage) continue;  // times near the ends of time
        std::memcpy(at, &word, random() % 2 == 0 ? 1 : sizeof word);
        const ImageHead head{0, store.header().layout, kCounterFingerprint, memory.bytes().size(),
                             hash64(std::span<const std::byte>{memory.bytes()}, 0)};
        Store loaded{};
        if (adopt(memory.bytes(), head, loaded) != Status::kOk) continue;
        ++adopted;
        use_everything(loaded);
    }
    CHECK(adopted > 20);
    CHECK(adopted < 1400);
}

TEST_CASE("image: other counters are told apart from other settings") {
    OwnStore own(default_config());
    ImageHead head = image_head(own.store);
    CHECK(check_image_head(head, own.header().config) == Status::kOk);
    ++head.fingerprint;
    CHECK(check_image_head(head, own.header().config) == Status::kForeignCounters);
    ++head.layout;
    CHECK(check_image_head(head, own.header().config) == Status::kForeignCounters);
}
