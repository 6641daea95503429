// What the parts that a statement passes through take by themselves.
#include "full_store.hpp"

#include <benchmark/benchmark.h>

namespace pgsm::core::bench {
namespace {

void hash_identity(benchmark::State& state) {
    Identity identity = FullStore::identity();
    for (auto _ : state) {
        benchmark::DoNotOptimize(identity);
        benchmark::DoNotOptimize(identity_hash(identity));
    }
}
BENCHMARK(hash_identity);

void cell_of_time(benchmark::State& state) {
    HistogramBounds bounds;
    if (!make_bounds(1, 100000, 20, bounds)) std::abort();
    double ms[64];
    for (int i = 0; i < 64; ++i) ms[i] = 0.01 * static_cast<double>(1u << (i % 20)) + i;
    std::size_t i = 0;
    for (auto _ : state) benchmark::DoNotOptimize(cell_of(bounds, ms[i++ % 64]));
}
BENCHMARK(cell_of_time);

void merge_moments(benchmark::State& state) {
    Moments into{};
    const Moments one = moments_of(0.05);
    for (auto _ : state) {
        merge(into, one);
        benchmark::DoNotOptimize(into);
    }
}
BENCHMARK(merge_moments);

/// A text that is there already: what another user or bucket of the same statement takes.
void intern_known_text(benchmark::State& state) {
    FullStore full;
    full.fill(kFull);
    const std::string text = FullStore::text(1234);
    TextArena& arena = full.store.header().texts;
    for (auto _ : state) {
        const Ref ref = text_intern(full.store.base, arena, text, TextUse::ordinary);
        text_release(full.store.base, arena, ref);
    }
}
BENCHMARK(intern_known_text);

/// Made and given back again, among 4,000 others.
void intern_new_text(benchmark::State& state) {
    FullStore full;
    full.fill(kFull);
    const std::string text = FullStore::text(99999);
    TextArena& arena = full.store.header().texts;
    for (auto _ : state) {
        const Ref ref = text_intern(full.store.base, arena, text, TextUse::ordinary);
        text_release(full.store.base, arena, ref);
    }
}
BENCHMARK(intern_new_text);

}  // namespace
}  // namespace pgsm::core::bench

BENCHMARK_MAIN();
