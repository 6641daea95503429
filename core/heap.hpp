#pragma once
#include "core/firewall.hpp"
#include "core/pod.hpp"

#include <cstddef>
#include <cstdint>

namespace pgsm::core {

/// A reference into the region: its distance from the region's first byte, in units of 8 bytes. 0 refers to
/// nothing.
using Ref = std::uint32_t;
constexpr std::uint32_t kUnitBytes = 8;

/// A boundary-tag allocator over one part of the region. It serves blocks of every size class from one pool,
/// so that the hole of an evicted entry can become a counter part, a histogram or another entry.
///
/// Memory: each block has a 4-byte tag in front of its payload (size, used, previous used); a free block also
/// holds its list links and, in its last 4 bytes, its size, by which the next block finds it. Free blocks of
/// up to 1 kB have one list per size, larger ones four lists per power of two. Locks: everything here needs
/// the store lock, exclusive.
struct Heap {
    static constexpr std::uint32_t kExactBins = 128;
    static constexpr std::uint32_t kBins = kExactBins + 25 * 4;

    Ref first;                 ///< first block; set once
    Ref end;                   ///< tag of the end sentinel; set once
    Ref high_water;            ///< no block in use ends behind this
    std::uint32_t used_units;  ///< in blocks that are in use, tags included
    std::uint32_t blocks;      ///< blocks in use
    std::uint32_t reserved;
    std::uint64_t bin_map[(kBins + 63) / 64];
    Ref bins[kBins];
};
static_assert(ShmemPod<Heap>);

/// Turns [offset, offset + bytes) of the region into one free block. At most 8 GB are used.
void heap_init(std::byte* base, Heap& heap, std::uint64_t offset, std::uint64_t bytes) noexcept;

/// Returns a block with room for `bytes`, 8-byte aligned, or 0 when there is none.
Ref heap_alloc(std::byte* base, Heap& heap, std::uint32_t bytes) noexcept;
void heap_free(std::byte* base, Heap& heap, Ref block) noexcept;

/// Bytes that a request of `bytes` takes out of the heap.
constexpr std::uint32_t heap_cost(std::uint32_t bytes) noexcept {
    const std::uint32_t units = (bytes + 4 + kUnitBytes - 1) / kUnitBytes;
    return (units < 2 ? 2 : units) * kUnitBytes;
}

/// What a block in use takes out of the heap.
std::uint32_t heap_block_bytes(const std::byte* base, Ref block) noexcept;

std::uint64_t heap_total_bytes(const Heap& heap) noexcept;
std::uint64_t heap_used_bytes(const Heap& heap) noexcept;

/// Walks all blocks and lists; false when a tag or a link is wrong. For tests and for images read from disk;
/// `first` and `end` must lie within the region.
bool heap_check(const std::byte* base, const Heap& heap) noexcept;

/// Whether `block` may be a block in use with room for `bytes`: looks at its place and its tag alone.
bool heap_holds(const std::byte* base, const Heap& heap, Ref block, std::uint64_t bytes) noexcept;

}  // namespace pgsm::core
