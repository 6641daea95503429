// How long the store lock is held at most, by what is done under it, in a small and in a large store: the pieces of
// work are those of the glue. In CPU time of the thread, so that a busy machine does not show.
#include "full_store.hpp"

#include "core/sweep.hpp"

#include <algorithm>
#include <cstring>
#include <ctime>

namespace pgsm::core::bench {
namespace {

constexpr int kEntriesAtOnce = 64;
constexpr std::uint64_t kBytesAtOnce = 64 * 1024;
constexpr std::uint64_t kChainsAtOnce = 8 * 1024;

double now_us() {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

/// The longest of many calls.
class Longest {
  public:
    template <typename Call>
    auto operator()(Call call) {
        const double start = now_us();
        auto result = call();
        us = std::max(us, now_us() - start);
        return result;
    }
    double us = 0;
};

StoreConfig config_of(std::uint64_t megabytes) {
    StoreConfig config = default_config();
    config.store_bytes = megabytes * 1024 * 1024;
    config.text_bytes = megabytes * 512 * 1024;
    return config;
}

/// Statements with a part and a text each, from `first` on, until the bucket has that share of the store.
std::uint32_t fill_to(FullStore& full, std::uint32_t first, double share) {
    const auto most = static_cast<std::uint64_t>(static_cast<double>(heap_total_bytes(full.store.header().heap)) * share);
    std::uint32_t number = first;
    while (full.bucket().used_bytes < most && full.store.header().usage.evictions == 0) static_cast<void>(full.add(number++, 1));
    return number;
}

/// A copy of the running bucket, as a reader makes it.
double read_holds(FullStore& full) {
    std::vector<std::uint64_t> memory(copy_bytes(full.store) / 8 + 1);
    const Store copy = copy_frame(full.store, std::as_writable_bytes(std::span{memory}));
    std::vector<Ref> noted(full.bucket().entries + kSweepRoom);
    Sweep sweep = begin_sweep(full.store, copy);
    sweep.noted = noted;
    Longest longest;
    while (longest([&] {
        Ref again[Changes::kKept];
        std::uint32_t agains = 0;
        static_cast<void>(follow_changes(sweep, again, agains));
        std::uint64_t bytes = 0;
        int entries = 0;
        for (std::uint64_t chains = 0; sweep.chain < chain_count(full.store) && entries < kEntriesAtOnce &&
                                       bytes < kBytesAtOnce && chains < kChainsAtOnce; ++chains, ++sweep.chain)
            for (Ref at = next_in_chain(sweep, 0); at != 0; at = next_in_chain(sweep, at), ++entries) {
                copy_entry(full.store, copy, *full.store.entry(at));
                bytes += copy_texts_of(full.store, copy, *full.store.entry(at));
                sweep.noted[sweep.notes++] = at;
            }
        return sweep.chain < chain_count(full.store);
    })) {
    }
    return longest.us;
}

/// A copy of the oldest ended bucket, as an export makes it.
double export_holds(FullStore& full) {
    std::vector<std::uint64_t> memory(copy_bytes(full.store) / 8 + 1);
    const Store copy = copy_frame(full.store, std::as_writable_bytes(std::span{memory}));
    Longest longest;
    Ref at = full.store.bucket(0).first_entry;
    while (longest([&] {
        for (int i = 0; i < kEntriesAtOnce && at != 0; ++i) {
            copy_entry(full.store, copy, *full.store.entry(at));
            at = full.store.entry(at)->list_next;
        }
        return at != 0;
    })) {
    }
    Ref text = 0;
    while (longest([&] { return copy_text_piece(full.store, copy, text); })) {
    }
    return longest.us;
}

struct Holds {
    double evict, read, rotate, merge, exporting, give_up, reclaim, reset;
    std::uint32_t entries;
};

Holds measure(std::uint64_t megabytes) {
    Holds holds{};
    const auto full = std::make_unique<FullStore>(config_of(megabytes));
    const Store store = full->store;
    std::uint32_t number = fill_to(*full, 0, 1);
    holds.entries = full->bucket().entries;
    Longest evict;
    for (int i = 0; i < 50'000; ++i) static_cast<void>(evict([&] { return full->add(number++, 0.2); }));
    holds.evict = evict.us;
    holds.read = read_holds(*full);
    // A reset of all that, and what was in it is taken apart.
    Longest reset_hold;
    reset_hold([&] {
        reset(store, kNowUs + kBucketUs);
        return 0;
    });
    holds.reset = reset_hold.us;
    Longest reclaim_hold;
    while (reclaim_hold([&] { return reclaim(store, kEntriesAtOnce); }) != 0) {
    }
    // Two large buckets of mostly the same statements, then small ones until two must become one.
    Longest rotate_hold;
    std::int64_t now = kNowUs + kBucketUs;
    const auto end_bucket = [&] {
        now += kBucketUs;
        rotate_hold([&] {
            rotate(store, now);
            return 0;
        });
    };
    fill_to(*full, 0, 0.2);
    end_bucket();
    fill_to(*full, 1000, 0.2);
    end_bucket();
    holds.exporting = export_holds(*full);
    Longest merge_hold;
    while (store.header().usage.buckets_merged == 0) {
        static_cast<void>(full->add(1, 1));
        end_bucket();
    }
    while (merge_hold([&] { return continue_merge(store, kEntriesAtOnce); })) {
    }
    holds.rotate = rotate_hold.us;
    holds.merge = merge_hold.us;
    Longest give_up_hold;
    give_up_hold([&] { return give_up_oldest(store); });
    holds.give_up = give_up_hold.us;
    while (reclaim_hold([&] { return reclaim(store, kEntriesAtOnce); }) != 0) {
    }
    holds.reclaim = reclaim_hold.us;
    return holds;
}

void print(const char* what, double small, double large) { std::printf("%-34s %12.0f %12.0f\n", what, small, large); }

}  // namespace
}  // namespace pgsm::core::bench

int main(int argc, char** argv) {
    using namespace pgsm::core::bench;
    const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
    const std::uint64_t large_megabytes = quick ? 128 : 1024;
    const Holds small = measure(2);
    const Holds large = measure(large_megabytes);
    std::printf("%-34s %9s 2 MB %7lu MB\n", "longest hold, microseconds", "pgsm_max", static_cast<unsigned long>(large_megabytes));
    print("statements in the bucket", small.entries, large.entries);
    print("a new statement, with eviction", small.evict, large.evict);
    print("a reader", small.read, large.read);
    print("an export", small.exporting, large.exporting);
    print("the end of a bucket, with a merge", small.rotate, large.rotate);
    print("merging", small.merge, large.merge);
    print("giving up a bucket", small.give_up, large.give_up);
    print("a reset", small.reset, large.reset);
    print("taking entries apart", small.reclaim, large.reclaim);
    return 0;
}
