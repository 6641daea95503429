// What the store's operations take, with 4,000 statements in the running bucket.
#include "full_store.hpp"

#include <benchmark/benchmark.h>

namespace pgsm::core::bench {
namespace {

/// Stores that are filled for what then takes microseconds: Google Benchmark, which sees only those, would
/// fill them for minutes.
constexpr int kFullStores = 500;

/// `range(0)` statements take turns; 1 keeps everything in the first-level cache.
void known_statement(benchmark::State& state) {
    FullStore full;
    full.fill(kFull);
    const auto count = static_cast<std::uint32_t>(state.range(0));
    const Counters sample = execution(0.05);
    std::uint32_t i = 0;
    for (auto _ : state) {
        Entry* entry = find(full.store, full.bucket().seq, FullStore::key(i));
        if (entry == nullptr || !try_apply(full.store, *entry, sample, 1)) {
            state.SkipWithError("a statement is not there");
            break;
        }
        i = i + 1 < count ? i + 1 : 0;
    }
}
BENCHMARK(known_statement)->Arg(1)->Arg(kFull);

/// A new entry with a text of 100 bytes, as long as there is room.
void new_statement(benchmark::State& state) {
    std::int64_t made = 0;
    for (auto _ : state) {
        state.PauseTiming();
        FullStore full;
        state.ResumeTiming();
        full.fill(kFull);
        made += full.bucket().entries;
    }
    state.counters["per_statement"] = benchmark::Counter(
        static_cast<double>(made), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(new_statement)->Unit(benchmark::kMicrosecond);

/// The same in a full table: every sixteenth of the bucket is evicted at once.
void new_statement_in_full_store(benchmark::State& state) {
    FullStore full;
    full.fill(3 * kFull);
    std::uint32_t number = 3 * kFull;
    for (auto _ : state) benchmark::DoNotOptimize(full.add(number++, 0.2));
    state.counters["evicted"] = static_cast<double>(full.store.header().usage.entries_evicted);
}
BENCHMARK(new_statement_in_full_store);

void evict_batch(benchmark::State& state) {
    std::uint64_t evicted = 0;
    for (auto _ : state) {
        state.PauseTiming();
        FullStore full;
        full.fill(kFull);
        state.ResumeTiming();
        benchmark::DoNotOptimize(evict(full.store, full.bucket(), nullptr));
        state.PauseTiming();
        evicted = full.store.header().usage.entries_evicted;
        state.ResumeTiming();
    }
    state.counters["entries"] = static_cast<double>(evicted);
}
BENCHMARK(evict_batch)->Iterations(kFullStores)->Unit(benchmark::kMicrosecond);

/// What a statement waits for that comes when a bucket's time is over.
void rotate_bucket(benchmark::State& state) {
    for (auto _ : state) {
        state.PauseTiming();
        FullStore full;
        full.fill(kFull);
        state.ResumeTiming();
        rotate(full.store, kNowUs + kBucketUs);
    }
}
BENCHMARK(rotate_bucket)->Iterations(kFullStores)->Unit(benchmark::kMicrosecond);

/// The same, and the oldest bucket is given up, with 4,000 statements.
void rotate_and_give_up(benchmark::State& state) {
    for (auto _ : state) {
        state.PauseTiming();
        FullStore full;
        full.fill(kFull);
        rotate(full.store, kNowUs + kBucketUs);
        full.fill(kFull);
        state.ResumeTiming();
        rotate(full.store, kNowUs + 2 * kBucketUs);
        static_cast<void>(give_up_oldest(full.store));
    }
}
BENCHMARK(rotate_and_give_up)->Iterations(kFullStores)->Unit(benchmark::kMicrosecond);

/// The first time in a bucket for a statement that the bucket before had.
void known_in_bucket_before(benchmark::State& state) {
    const Counters sample = execution(0.05);
    std::int64_t made = 0;
    for (auto _ : state) {
        state.PauseTiming();
        FullStore full;
        full.fill(kFull);
        rotate(full.store, kNowUs + kBucketUs);
        state.ResumeTiming();
        for (std::uint32_t i = 0; i < kFull; ++i)
            static_cast<void>(
                record(full.store, FullStore::key(i), nullptr, true, sample, 1, kNowUs + kBucketUs));
        made += full.bucket().entries;
    }
    state.counters["per_statement"] = benchmark::Counter(
        static_cast<double>(made), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(known_in_bucket_before)->Unit(benchmark::kMicrosecond);

struct Copy {
    explicit Copy(Store from) : memory(new std::uint64_t[copy_bytes(from) / 8 + 1]) {
        store = copy_frame(from, {reinterpret_cast<std::byte*>(memory.get()), copy_bytes(from)});
        const Bucket& bucket = from.running();
        for (Ref at = bucket.first_entry; at != 0; at = from.entry(at)->list_next)
            copy_entry(from, store, *from.entry(at));
        copy_texts(from, store);
    }
    std::unique_ptr<std::uint64_t[]> memory;
    Store store{};
};

/// What a reader does under the shared lock.
void copy_bucket(benchmark::State& state) {
    FullStore full;
    full.fill(kFull);
    for (auto _ : state) benchmark::DoNotOptimize(Copy(full.store).store.base);
}
BENCHMARK(copy_bucket)->Unit(benchmark::kMicrosecond);

void fold_rest_of_bucket(benchmark::State& state) {
    FullStore full;
    full.fill(kFull);
    std::vector<Ref> scratch(full.bucket().entries);
    for (auto _ : state) {
        state.PauseTiming();
        Copy copy(full.store);
        state.ResumeTiming();
        fold_rest(copy.store, copy.store.running(), 300, scratch);
    }
}
BENCHMARK(fold_rest_of_bucket)->Unit(benchmark::kMicrosecond);

void fill_rows(benchmark::State& state) {
    FullStore full;
    full.fill(kFull);
    const Bucket& bucket = full.bucket();
    auto row = std::make_unique<Row>();
    std::int64_t rows = 0;
    for (auto _ : state) {
        for (Ref at = bucket.first_entry; at != 0; at = full.store.entry(at)->list_next) {
            fill_row(full.store, bucket, *full.store.entry(at), kLive, *row);
            benchmark::DoNotOptimize(row->calls);
            ++rows;
        }
    }
    state.counters["per_row"] = benchmark::Counter(static_cast<double>(rows),
                                                   benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(fill_rows)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace pgsm::core::bench
