#include "core/heap.hpp"

#include "core/check.hpp"

#include <bit>
#include <cstring>

namespace pgsm::core {
namespace {

constexpr std::uint32_t kUsed = 1;
constexpr std::uint32_t kPrevUsed = 2;
constexpr std::uint32_t kMinUnits = 2;

std::uint32_t load(const std::byte* at) noexcept {
    std::uint32_t value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

void store(std::byte* at, std::uint32_t value) noexcept { std::memcpy(at, &value, sizeof value); }

std::byte* payload(std::byte* base, Ref block) noexcept { return base + std::uint64_t{block} * kUnitBytes; }
const std::byte* payload(const std::byte* base, Ref block) noexcept {
    return base + std::uint64_t{block} * kUnitBytes;
}

std::uint32_t tag(const std::byte* base, Ref block) noexcept { return load(payload(base, block) - 4); }
void set_tag(std::byte* base, Ref block, std::uint32_t units, std::uint32_t flags) noexcept {
    store(payload(base, block) - 4, units << 2 | flags);
}
std::uint32_t units_of(const std::byte* base, Ref block) noexcept { return tag(base, block) >> 2; }

Ref next_free(const std::byte* base, Ref block) noexcept { return load(payload(base, block)); }
Ref prev_free(const std::byte* base, Ref block) noexcept { return load(payload(base, block) + 4); }
void set_next_free(std::byte* base, Ref block, Ref to) noexcept { store(payload(base, block), to); }
void set_prev_free(std::byte* base, Ref block, Ref to) noexcept { store(payload(base, block) + 4, to); }

void set_footer(std::byte* base, Ref block, std::uint32_t units) noexcept {
    store(payload(base, block) + std::uint64_t{units} * kUnitBytes - 8, units);
}

std::uint32_t bin_of(std::uint32_t units) noexcept {
    if (units < Heap::kExactBins) return units;
    const auto log = static_cast<std::uint32_t>(std::bit_width(units)) - 1;  // 7 or more
    const std::uint32_t quarter = units >> (log - 2) & 3;
    return Heap::kExactBins + (log - 7) * 4 + quarter;
}

void set_bit(Heap& heap, std::uint32_t bin) noexcept {
    heap.bin_map[bin / 64] |= std::uint64_t{1} << bin % 64;
}
void clear_bit(Heap& heap, std::uint32_t bin) noexcept {
    heap.bin_map[bin / 64] &= ~(std::uint64_t{1} << bin % 64);
}

void push(std::byte* base, Heap& heap, Ref block, std::uint32_t units) noexcept {
    const std::uint32_t bin = bin_of(units);
    const Ref head = heap.bins[bin];
    set_next_free(base, block, head);
    set_prev_free(base, block, 0);
    if (head != 0) set_prev_free(base, head, block);
    heap.bins[bin] = block;
    set_bit(heap, bin);
    set_footer(base, block, units);
}

void unlink(std::byte* base, Heap& heap, Ref block, std::uint32_t units) noexcept {
    const std::uint32_t bin = bin_of(units);
    const Ref next = next_free(base, block);
    const Ref prev = prev_free(base, block);
    if (next != 0) set_prev_free(base, next, prev);
    if (prev != 0) {
        set_next_free(base, prev, next);
    } else {
        heap.bins[bin] = next;
        if (next == 0) clear_bit(heap, bin);
    }
}

/// First bin at or behind `bin` that holds a block, or kBins.
std::uint32_t first_filled(const Heap& heap, std::uint32_t bin) noexcept {
    for (std::uint32_t word = bin / 64; word < sizeof heap.bin_map / sizeof heap.bin_map[0]; ++word) {
        std::uint64_t bits = heap.bin_map[word];
        if (word == bin / 64) bits &= ~std::uint64_t{0} << bin % 64;
        if (bits != 0) return word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
    }
    return Heap::kBins;
}

Ref find_fit(const std::byte* base, const Heap& heap, std::uint32_t units) noexcept {
    std::uint32_t bin = bin_of(units);
    if (bin >= Heap::kExactBins) {
        // The blocks of such a list differ in size; those of the lists behind it are all large enough.
        for (Ref block = heap.bins[bin]; block != 0; block = next_free(base, block))
            if (units_of(base, block) >= units) return block;
        ++bin;
    }
    bin = first_filled(heap, bin);
    return bin < Heap::kBins ? heap.bins[bin] : 0;
}

}  // namespace

void heap_init(std::byte* base, Heap& heap, std::uint64_t offset, std::uint64_t bytes) noexcept {
    constexpr std::uint64_t kMaxUnits = std::uint64_t{1} << 30;
    heap = Heap{};
    heap.first = static_cast<Ref>((offset + 4 + kUnitBytes - 1) / kUnitBytes);
    std::uint64_t end = (offset + bytes) / kUnitBytes;
    if (end - heap.first > kMaxUnits - 1) end = heap.first + kMaxUnits - 1;
    heap.end = static_cast<Ref>(end);
    heap.high_water = heap.first;
    const std::uint32_t units = heap.end - heap.first;
    set_tag(base, heap.first, units, kPrevUsed);
    push(base, heap, heap.first, units);
    set_tag(base, heap.end, 0, kUsed);
}

Ref heap_alloc(std::byte* base, Heap& heap, std::uint32_t bytes) noexcept {
    const std::uint32_t want = heap_cost(bytes) / kUnitBytes;
    const Ref block = find_fit(base, heap, want);
    if (block == 0) return 0;
    std::uint32_t units = units_of(base, block);
    unlink(base, heap, block, units);
    const std::uint32_t flags = (tag(base, block) & kPrevUsed) | kUsed;
    if (units - want >= kMinUnits) {
        const Ref rest = block + want;
        set_tag(base, rest, units - want, kPrevUsed);
        push(base, heap, rest, units - want);
        units = want;
    } else {
        const Ref next = block + units;
        set_tag(base, next, units_of(base, next), (tag(base, next) & kUsed) | kPrevUsed);
    }
    set_tag(base, block, units, flags);
    heap.used_units += units;
    ++heap.blocks;
    if (block + units > heap.high_water) heap.high_water = block + units;
    PGSM_CHECK(heap_holds(base, heap, block, bytes));
    return block;
}

void heap_free(std::byte* base, Heap& heap, Ref block) noexcept {
    PGSM_CHECK(heap_holds(base, heap, block, 0));  // neither foreign nor freed already
    std::uint32_t units = units_of(base, block);
    PGSM_CHECK(heap.used_units >= units && heap.blocks > 0);
    heap.used_units -= units;
    --heap.blocks;
    const Ref next = block + units;
    if ((tag(base, next) & kUsed) == 0) {
        const std::uint32_t next_units = units_of(base, next);
        unlink(base, heap, next, next_units);
        units += next_units;
    }
    std::uint32_t flags = tag(base, block) & kPrevUsed;
    if (flags == 0) {
        const std::uint32_t prev_units = load(payload(base, block) - 8);
        block -= prev_units;
        unlink(base, heap, block, prev_units);
        units += prev_units;
        flags = tag(base, block) & kPrevUsed;
    }
    set_tag(base, block, units, flags);
    push(base, heap, block, units);
    const Ref after = block + units;
    set_tag(base, after, units_of(base, after), tag(base, after) & kUsed);
    if (after >= heap.high_water) heap.high_water = block;
}

std::uint32_t heap_block_bytes(const std::byte* base, Ref block) noexcept {
    return units_of(base, block) * kUnitBytes;
}

std::uint64_t heap_total_bytes(const Heap& heap) noexcept {
    return std::uint64_t{heap.end - heap.first} * kUnitBytes;
}

std::uint64_t heap_used_bytes(const Heap& heap) noexcept {
    return std::uint64_t{heap.used_units} * kUnitBytes;
}

bool heap_check(const std::byte* base, const Heap& heap) noexcept {
    std::uint64_t used = 0;
    std::uint64_t free_refs = 0;  // sum of the free blocks: those in the lists must be the same ones
    std::uint32_t free_blocks = 0;
    std::uint32_t used_blocks = 0;
    std::uint32_t last_used = heap.first;
    bool prev_used = true;
    Ref block = heap.first;
    while (block != heap.end) {
        const std::uint32_t word = tag(base, block);
        const std::uint32_t units = word >> 2;
        if (units < kMinUnits || units > heap.end - block) return false;
        if (((word & kPrevUsed) != 0) != prev_used) return false;
        const bool is_used = (word & kUsed) != 0;
        if (is_used) {
            used += units;
            ++used_blocks;
            last_used = block + units;
        } else {
            if (!prev_used || load(payload(base, block) + std::uint64_t{units} * kUnitBytes - 8) != units)
                return false;
            ++free_blocks;
            free_refs += block;
        }
        prev_used = is_used;
        block += units;
    }
    if (tag(base, heap.end) != (kUsed | (prev_used ? kPrevUsed : 0))) return false;
    if (used != heap.used_units || used_blocks != heap.blocks) return false;
    if (heap.high_water < last_used || heap.high_water > heap.end) return false;
    std::uint32_t listed = 0;
    for (std::uint32_t bin = 0; bin < Heap::kBins; ++bin) {
        if ((heap.bins[bin] != 0) != ((heap.bin_map[bin / 64] >> bin % 64 & 1) != 0)) return false;
        Ref prev = 0;
        for (Ref at = heap.bins[bin]; at != 0; at = next_free(base, at)) {
            if (at < heap.first || at >= heap.end || (tag(base, at) & kUsed) != 0) return false;
            if (bin_of(units_of(base, at)) != bin || prev_free(base, at) != prev) return false;
            if (++listed > free_blocks) return false;
            free_refs -= at;
            prev = at;
        }
    }
    for (std::uint32_t bit = Heap::kBins; bit < sizeof heap.bin_map * 8; ++bit)
        if ((heap.bin_map[bit / 64] >> bit % 64 & 1) != 0) return false;
    return listed == free_blocks && free_refs == 0;
}

bool heap_holds(const std::byte* base, const Heap& heap, Ref block, std::uint64_t bytes) noexcept {
    if (block < heap.first || block >= heap.end || (tag(base, block) & kUsed) == 0) return false;
    const std::uint32_t units = units_of(base, block);
    return units <= heap.end - block && std::uint64_t{units} * kUnitBytes >= bytes + sizeof(std::uint32_t);
}

}  // namespace pgsm::core
