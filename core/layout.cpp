#include "core/hash.hpp"
#include "core/store.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>

namespace pgsm::core {
namespace {

constexpr std::uint64_t kMagic = 0x31304d534750;  // "PGSM01"
constexpr std::uint32_t kStoreVersion = 2;

constexpr std::uint64_t align(std::uint64_t bytes) noexcept {
    return (bytes + kUnitBytes - 1) / kUnitBytes * kUnitBytes;
}

/// Ended buckets may wait beyond pgsm_max_buckets while an export is late. A slot is small, but the ring must
/// not eat the store when somebody asks for 20,000 buckets.
std::uint32_t ring_slots(const StoreConfig& config) noexcept {
    constexpr std::uint32_t kWaiting = 64;
    const std::uint64_t room = config.store_bytes / 16 / sizeof(Bucket);
    const std::uint64_t wanted = std::uint64_t{config.max_buckets} + kWaiting;
    return static_cast<std::uint32_t>(std::min(wanted, std::max<std::uint64_t>(room, 4)));
}

/// One chain for each entry of a store full of entries that have nothing else, rounded down: as many entries
/// as there usually are, and half the memory that rounding up takes.
std::uint32_t heads(const StoreConfig& config) noexcept {
    const std::uint64_t entries = config.store_bytes / heap_cost(sizeof(Entry));
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::bit_floor(entries), 1u << 28));
}

/// Where what lies, in bytes from the region's start.
struct Plan {
    std::uint64_t ring, heads, heap, texts;
};

Plan plan(const StoreConfig& config) noexcept {
    Plan at{};
    at.ring = align(sizeof(Header));
    at.heads = at.ring + align(ring_slots(config) * sizeof(Bucket));
    at.heap = at.heads + align(std::uint64_t{heads(config)} * sizeof(Ref));
    at.texts = align(config.store_bytes);
    return at;
}

bool config_works(const StoreConfig& config) noexcept {
    return config.store_bytes >= kMinStoreBytes && config.text_bytes >= kMinTextBytes &&
           config.bucket_us > 0 && config.max_buckets != 0 && config.histogram_cells != 0 &&
           config.histogram_cells <= kMaxHistogramCells;
}

}  // namespace

std::uint64_t region_bytes(const StoreConfig& config) noexcept {
    return align(config.store_bytes) + align(config.text_bytes);
}

std::uint64_t layout_hash(const StoreConfig& config) noexcept {
    // Byte order and word size show in the hash, since the numbers are hashed as they lie in memory.
    const std::array<std::uint64_t, 12> facts{kMagic,
                                              kStoreVersion,
                                              sizeof(Header),
                                              sizeof(Bucket),
                                              sizeof(Entry),
                                              sizeof(Counters),
                                              Entry::kInlineCells,
                                              config.store_bytes,
                                              config.text_bytes,
                                              config.max_buckets,
                                              config.histogram_cells,
                                              config.bounds_hash};
    std::uint64_t hash = hash64(std::as_bytes(std::span{facts}), 0);
    for (const std::uint32_t size : kColdPartSize) hash = hash * 31 + size;
    return hash;
}

Status store_create(std::span<std::byte> memory, const StoreConfig& config, std::int64_t now_us,
                    Store& out) noexcept {
    if (!config_works(config) || memory.size() < region_bytes(config)) return Status::kTooSmall;
    const Plan at = plan(config);
    out.base = memory.data();
    std::memset(out.base, 0, at.heap);
    Header& header = *new (out.base) Header{};
    header.magic = kMagic;
    header.layout = layout_hash(config);
    header.config = config;
    header.ring_offset = at.ring;
    header.ring_slots = ring_slots(config);
    header.heads_offset = at.heads;
    header.heads_mask = heads(config) - 1;
    heap_init(out.base, header.heap, at.heap, at.texts - at.heap);
    texts_init(out.base, header.texts, at.texts, align(config.text_bytes));
    header.next_number = 1;
    header.last_start_us = now_us - 1;
    reset(out, now_us);
    return Status::kOk;
}

bool layout_holds(Store store) noexcept {
    const Header& header = store.header();
    if (!config_works(header.config) || header.magic != kMagic || header.layout != layout_hash(header.config))
        return false;
    const Plan at = plan(header.config);
    const auto within = [](const Heap& heap, std::uint64_t from, std::uint64_t to) noexcept {
        return heap.first < heap.end &&
               std::uint64_t{heap.first} * kUnitBytes >= from + sizeof(std::uint32_t) &&
               std::uint64_t{heap.end} * kUnitBytes <= to;
    };
    const TextArena& texts = header.texts;
    const std::uint64_t chains = std::uint64_t{texts.heads_mask} + 1;
    return header.ring_offset == at.ring && header.ring_slots == ring_slots(header.config) &&
           header.heads_offset == at.heads && header.heads_mask == heads(header.config) - 1 &&
           within(header.heap, at.heap, at.texts) && texts.heads_offset == at.texts &&
           (chains & (chains - 1)) == 0 &&
           within(texts.heap, at.texts + chains * sizeof(Ref), region_bytes(header.config)) &&
           texts.reserve_bytes <= header.config.text_bytes && header.spare_next == 0 && header.spare_end == 0;
}

}  // namespace pgsm::core
