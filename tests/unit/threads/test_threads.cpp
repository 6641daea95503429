// The store under real threads, for ThreadSanitizer: recorders, readers and an exporter at once, with the
// locks that the glue takes where it takes them (collect.cpp, reader.cpp, export_stamps.cpp). A counter that
// is read or written without the lock that core/store.hpp asks for is a report; and what was recorded is
// there in the end, exported or live.
//
// The entries' spinlocks are beside the store here: a private copy takes their bytes along, which never
// matters and would be reported.
#include "../store_fixture.hpp"

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <thread>

using namespace pgsm::core;
using namespace pgsm::core::test;

namespace {

constexpr int kRecorders = 4;
constexpr std::uint32_t kExecutions = 10'000;  // of each
constexpr std::uint32_t kStatements = 700;
constexpr std::int64_t kTick = kMinute / 400;  // a bucket ends after some hundred executions

class Shared {
public:
    OwnStore own{config_of(256 * 1024, 128 * 1024)};
    std::shared_mutex lock;
    std::atomic<std::int64_t> now{kNoon};
    std::atomic<std::int64_t> ended{0};
    std::atomic<bool> over{false};
    std::int64_t exported = 0;  // by the exporter alone

    Store store() const { return own.store; }
    std::mutex& entry_lock(const Entry& entry) { return locks_[store().ref_of(entry) % locks_.size()]; }

private:
    std::array<std::mutex, 512> locks_;
};

bool record_known(Shared& shared, const Key& key, const Counters& sample, std::uint32_t cell,
                  std::int64_t now) {
    const Store store = shared.store();
    const std::shared_lock held(shared.lock);
    if (rotation_due(store, now)) return false;
    Entry* entry = find(store, store.running().seq, key);
    if (entry == nullptr) return false;
    const std::lock_guard spin(shared.entry_lock(*entry));
    return try_apply(store, *entry, sample, cell);
}

void run_recorder(Shared& shared, std::uint32_t seed) {
    std::mt19937 random(seed);
    for (std::uint32_t i = 0; i < kExecutions; ++i) {
        const std::uint32_t range = random() % 2 == 0 ? 20 : kStatements;
        const Statement s = statement(1 + random() % range, 10 + random() % 3);
        Counters sample = execution(random() % 100);
        if (random() % 5 == 0) sample.io.shared_blks_read = 1;
        const std::uint32_t cell = random() % 22;
        const std::int64_t now = shared.now.fetch_add(kTick) + kTick;
        if (!record_known(shared, s.key(), sample, cell, now)) {
            const std::lock_guard held(shared.lock);
            if (rotation_due(shared.store(), now)) rotate(shared.store(), now, UINT32_MAX);
            const Description description = s.description();
            static_cast<void>(record(shared.store(), s.key(), &description, false, sample, cell, now));
        }
        shared.ended.fetch_add(1);
    }
}

std::int64_t calls_of(Store store, const Bucket& bucket) {
    return sums_of(store, bucket).counters.hot.exec.count;
}

/// As reader.cpp: only the running bucket's entries are locked.
void run_reader(Shared& shared, std::atomic<std::uint32_t>& readings) {
    const Store from = shared.store();
    while (!shared.over.load()) {
        std::vector<std::uint64_t> memory;
        Store copy{};
        {
            const std::shared_lock held(shared.lock);
            memory.resize((copy_bytes(from) + 7) / 8);
            copy = copy_frame(from, std::as_writable_bytes(std::span{memory}));
            each_bucket(from, [&](const Bucket& bucket) {
                each_entry(from, bucket, [&](const Entry& entry) {
                    std::unique_lock spin(shared.entry_lock(entry), std::defer_lock);
                    if (bucket.state == BucketState::running) spin.lock();
                    copy_entry(from, copy, entry);
                });
            });
            copy_texts(from, copy);
        }
        each_bucket(copy, [&](const Bucket& bucket) {
            each_entry(copy, bucket, [&](const Entry& entry) {
                Row row{};
                fill_row(copy, bucket, entry, kLive, row);
                if (row.calls <= 0) FAIL_CHECK("an entry without calls");
                if (row.min_exec_time > row.max_exec_time) FAIL_CHECK("a torn entry");
            });
        });
        readings.fetch_add(1);
    }
}

/// Reads ended buckets as the export does, without the entries' locks, and lets go of them.
void run_exporter(Shared& shared) {
    const Store store = shared.store();
    while (!shared.over.load()) {
        std::map<std::int64_t, std::int64_t> read;
        {
            const std::shared_lock held(shared.lock);
            each_bucket(store, [&](const Bucket& bucket) {
                if (bucket.state == BucketState::ended) read[bucket.number] = calls_of(store, bucket);
            });
        }
        const std::lock_guard held(shared.lock);
        for (std::uint32_t i = 0; i + 1 < store.header().buckets;) {
            Bucket& bucket = store.bucket(i++);
            if (bucket.state != BucketState::ended || !read.contains(bucket.number)) continue;
            if (calls_of(store, bucket) != read[bucket.number]) FAIL_CHECK("an ended bucket has changed");
            shared.exported += read[bucket.number];
            release(store, bucket);
            i = 0;  // the ring may have been trimmed
        }
        reclaim(store, 64);
    }
}

}  // namespace

TEST_CASE("recorders, readers and an exporter at once: nothing is lost, no counter is met without its lock") {
    Shared shared;
    std::atomic<std::uint32_t> readings{0};
    std::vector<std::thread> recorders, others;
    for (int i = 0; i < 2; ++i) others.emplace_back([&] { run_reader(shared, readings); });
    others.emplace_back([&] { run_exporter(shared); });
    for (std::uint32_t i = 0; i < kRecorders; ++i)
        recorders.emplace_back([&shared, i] { run_recorder(shared, i); });
    for (std::thread& thread : recorders) thread.join();
    shared.over.store(true);
    for (std::thread& thread : others) thread.join();

    CHECK(shared.ended.load() == std::int64_t{kRecorders} * kExecutions);
    CHECK(readings.load() > 0);
    CHECK(shared.exported > 0);
    const Usage& usage = shared.own.header().usage;
    const auto lost = static_cast<std::int64_t>(usage.calls_lost + usage.calls_without_room);
    CHECK(shared.exported + sums_of(shared.store()).counters.hot.exec.count + lost == shared.ended.load());
}
