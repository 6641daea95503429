// Any sequence of operations leaves a store in which everything fits together, that can be read, and that
// adds up: what it shows, what was exported and what it counts as lost are the executions that were recorded.
#include "tests/fuzz/fuzz.hpp"

using namespace pgsm::core;
using namespace pgsm::core::fuzz;

namespace {

std::int64_t calls_of(Store store, const Bucket& bucket) {
    std::int64_t calls = 0;
    for (Ref at = bucket.first_entry; at != 0; at = store.entry(at)->list_next)
        calls += store.entry(at)->hot.exec.count;
    return calls;
}

std::int64_t gone(const Usage& usage) {
    return static_cast<std::int64_t>(usage.calls_lost + usage.calls_without_room);
}

struct Run {
    Memory memory{small_config()};
    std::int64_t now = kStart;
    std::int64_t recorded = 0;
    std::int64_t exported = 0;
    std::int64_t forgotten = 0;

    void operate(std::uint8_t operation, std::uint8_t a, std::uint8_t b) {
        const Store store = memory.store;
        switch (operation % 8) {
        case 0:
        case 1:
            for (std::uint32_t i = 0; i <= b; ++i, ++recorded)
                static_cast<void>(record_statement(store, a * 97u + i * (b % 5), b % 4, i % 22, now));
            break;
        case 2:
            now += a * kMinute / 64;
            if (b % 2 == 0 || rotation_due(store, now)) rotate(store, now, b % 3 == 0 ? b % 8 : UINT32_MAX);
            break;
        case 3:
            now -= a * kMinute / 16;
            break;
        case 4: {
            Bucket& bucket = store.bucket(a % store.header().buckets);
            if (bucket.state != BucketState::ended) break;
            if (!bucket.exported) exported += calls_of(store, bucket);
            bucket.exported = true;
            if (b % 2 == 0) release(store, bucket);
            break;
        }
        case 5:
            static_cast<void>(b % 2 == 0 ? reclaim(store, a) != 0 : evict(store, store.running(), nullptr));
            break;
        case 6:
            if (b % 4 == 0) static_cast<void>(give_up_oldest(store));
            if (b % 4 == 1) read_all(store);
            if (b % 4 == 2) set_bucket_time(store, kMinute / (1 + a));
            break;
        case 7:
            if (b != 0) break;
            for (std::uint32_t i = 0; i < store.header().buckets; ++i)
                if (!store.bucket(i).exported) forgotten += calls_of(store, store.bucket(i));
            forgotten += gone(store.header().usage);
            reset(store, now);
        }
    }

    void check() const {
        const Store store = memory.store;
        if (!store_check(store)) __builtin_trap();
        std::int64_t shown = 0;
        for (std::uint32_t i = 0; i < store.header().buckets; ++i)
            if (!store.bucket(i).exported) shown += calls_of(store, store.bucket(i));
        const std::int64_t lost = gone(store.header().usage);
        if (shown + exported + forgotten + lost != recorded) __builtin_trap();
    }
};

}  // namespace

// Three bytes an operation.
void pgsm::core::fuzz::operations(const std::uint8_t* data, std::size_t size) {
    Run run;
    for (std::size_t i = 0; size >= 3; data += 3, size -= 3, ++i) {
        run.operate(data[0], data[1], data[2]);
        if (i % 16 == 0) run.check();
    }
    run.check();
}
