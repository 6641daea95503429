#include "core/heap.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <vector>

using namespace pgsm::core;

namespace {

struct OwnHeap {
    explicit OwnHeap(std::uint64_t bytes, std::uint64_t offset = 8) : words((offset + bytes + 7) / 8) {
        heap_init(base(), heap, offset, bytes);
    }
    std::byte* base() { return reinterpret_cast<std::byte*>(words.data()); }
    std::byte* at(Ref block) { return base() + std::uint64_t{block} * kUnitBytes; }
    bool good() { return heap_check(base(), heap); }

    std::vector<std::uint64_t> words;
    Heap heap{};
};

}  // namespace

TEST_CASE("heap: random blocks keep their bytes, and all of it comes back") {
    for (const std::uint64_t bytes : {64u, 1000u, 4096u, 100'000u, 1'000'003u}) {
        OwnHeap own(bytes);
        CAPTURE(bytes);
        REQUIRE(own.good());
        std::mt19937 random(static_cast<std::uint32_t>(bytes));
        std::map<Ref, std::pair<std::uint32_t, unsigned char>> blocks;
        std::uint64_t cost = 0;
        std::uint32_t refused = 0;
        for (int i = 0; i < 20'000; ++i) {
            if (random() % 5 < 3) {
                const auto size =
                    static_cast<std::uint32_t>(random() % 20 == 0 ? random() % (bytes / 2) : random() % 300);
                const Ref block = heap_alloc(own.base(), own.heap, size);
                if (block == 0) {
                    ++refused;
                    continue;
                }
                const auto fill = static_cast<unsigned char>(random());
                REQUIRE(blocks.emplace(block, std::pair{size, fill}).second);
                REQUIRE(heap_holds(own.base(), own.heap, block, size));
                REQUIRE(heap_block_bytes(own.base(), block) >= heap_cost(size));
                REQUIRE(heap_block_bytes(own.base(), block) <= heap_cost(size) + kUnitBytes);
                std::memset(own.at(block), fill, size);
                cost += heap_block_bytes(own.base(), block);
            } else if (!blocks.empty()) {
                auto it = blocks.lower_bound(static_cast<Ref>(random() % own.heap.end));
                if (it == blocks.end()) it = blocks.begin();
                const std::byte* bytes_of = own.at(it->first);
                REQUIRE(std::count(bytes_of, bytes_of + it->second.first, std::byte{it->second.second}) ==
                        it->second.first);
                cost -= heap_block_bytes(own.base(), it->first);
                heap_free(own.base(), own.heap, it->first);
                blocks.erase(it);
            }
            REQUIRE(heap_used_bytes(own.heap) == cost);
            REQUIRE(own.heap.blocks == blocks.size());
            Ref end = own.heap.first;
            if (!blocks.empty())
                end = blocks.rbegin()->first +
                      heap_block_bytes(own.base(), blocks.rbegin()->first) / kUnitBytes;
            REQUIRE(own.heap.high_water == end);
            if (i % 100 == 0) REQUIRE(own.good());
        }
        CHECK(refused > 0);
        for (const auto& block : blocks) heap_free(own.base(), own.heap, block.first);
        CHECK(own.good());
        CHECK(heap_used_bytes(own.heap) == 0);
        CHECK(own.heap.high_water == own.heap.first);
        // One free block again: it can be had as a whole.
        CHECK(heap_alloc(own.base(), own.heap, static_cast<std::uint32_t>(heap_total_bytes(own.heap)) - 4) !=
              0);
    }
}

TEST_CASE("heap: the hole of one block serves blocks of another size") {
    OwnHeap own(4096);
    std::vector<Ref> blocks;
    while (const Ref block = heap_alloc(own.base(), own.heap, 184)) blocks.push_back(block);
    REQUIRE(blocks.size() == 4096 / 192);
    heap_free(own.base(), own.heap, blocks[5]);
    heap_free(own.base(), own.heap, blocks[7]);
    CHECK(heap_alloc(own.base(), own.heap, 200) == 0);
    heap_free(own.base(), own.heap, blocks[6]);
    CHECK(heap_alloc(own.base(), own.heap, 3 * 192 - 4) == blocks[5]);
    CHECK(own.good());
}

TEST_CASE("heap: a wrong tag, link or number is seen") {
    const auto damaged = [](auto damage) {
        OwnHeap own(4096);
        const Ref a = heap_alloc(own.base(), own.heap, 100);
        const Ref b = heap_alloc(own.base(), own.heap, 100);
        static_cast<void>(heap_alloc(own.base(), own.heap, 100));
        heap_free(own.base(), own.heap, b);
        REQUIRE(own.good());
        damage(own, a, b);
        return !own.good();
    };
    CHECK(damaged([](OwnHeap& own, Ref a, Ref) { own.at(a)[-4] ^= std::byte{8}; }));
    CHECK(damaged([](OwnHeap& own, Ref a, Ref) { own.at(a)[-4] ^= std::byte{1}; }));
    CHECK(damaged([](OwnHeap& own, Ref a, Ref) { own.at(a)[-1] ^= std::byte{0x80}; }));
    CHECK(damaged([](OwnHeap& own, Ref, Ref b) { own.at(b)[0] ^= std::byte{1}; }));
    CHECK(damaged([](OwnHeap& own, Ref, Ref b) { own.at(b)[4] ^= std::byte{1}; }));
    CHECK(damaged([](OwnHeap& own, Ref, Ref b) { own.at(b)[heap_cost(100) - 8] ^= std::byte{1}; }));
    CHECK(damaged([](OwnHeap& own, Ref, Ref) { ++own.heap.used_units; }));
    CHECK(damaged([](OwnHeap& own, Ref, Ref) { ++own.heap.blocks; }));
    CHECK(damaged([](OwnHeap& own, Ref a, Ref) { own.heap.high_water = a; }));
    CHECK(damaged([](OwnHeap& own, Ref, Ref) { own.heap.bin_map[0] = 0; }));
    CHECK(damaged([](OwnHeap& own, Ref, Ref) { own.heap.bin_map[3] |= std::uint64_t{1} << 63; }));
    CHECK(damaged([](OwnHeap& own, Ref, Ref b) { own.heap.bins[heap_cost(100) / 8] = b + 1; }));
    CHECK(damaged([](OwnHeap& own, Ref, Ref) { --own.heap.end; }));
}
