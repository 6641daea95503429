#include "core/image.hpp"

#include "core/hash.hpp"

#include <cmath>
#include <cstring>

namespace pgsm::core {
namespace {

constexpr std::uint64_t kImageMagic = 0x474d49304d534750;  // "PGSM0IMG" as bytes

/// What a walk over the entries of all buckets found.
struct Walk {
    std::uint32_t entries = 0;
    std::uint32_t chained = 0;    ///< entries that are in hash chains
    std::uint32_t residuals = 0;  ///< of the list walked last
    std::uint64_t blocks = 0;
    std::uint64_t bytes = 0;
    std::uint64_t texts = 0;  ///< references to texts
};

bool check_block(Store store, Ref block, std::uint32_t bytes, Walk& walk) noexcept {
    if (!heap_holds(store.base, store.header().heap, block, bytes)) return false;
    ++walk.blocks;
    walk.bytes += heap_block_bytes(store.base, block);
    return true;
}

bool check_entry(Store store, Ref at, Walk& walk) noexcept {
    if (!check_block(store, at, sizeof(Entry), walk)) return false;
    const Entry& entry = *store.entry(at);
    for (std::uint32_t i = 0; i < kColdPartCount; ++i)
        if (entry.parts[i] != 0 && !check_block(store, entry.parts[i], kColdPartSize[i], walk)) return false;
    if (entry.cells != 0 && !check_block(store, entry.cells, cells_bytes(store), walk)) return false;
    for (const std::uint32_t cell : entry.cell)
        if (inline_index(cell) >= store.header().config.histogram_cells) return false;
    for (const Ref text : texts_of(entry)) {
        if (!text_holds(store.base, store.header().texts, text)) return false;
        walk.texts += text != 0;
    }
    ++walk.entries;
    if ((entry.flags & kResidual) != 0) {
        ++walk.residuals;
        return entry.text == 0 && entry.nest == 0 && entry.notes == 0 &&
               (is_error(entry) || entry.relations == 0);
    }
    ++walk.chained;
    return std::isfinite(entry.floor) && std::isfinite(entry.hot.exec.total);
}

/// A list of entries from `first` to `last`. `seq`: of the bucket they must be of, or null. Those behind
/// `settled`, if it is one of them, must be of another.
bool check_list(Store store, Ref first, Ref last, const std::uint32_t* seq, Ref settled,
                Walk& walk) noexcept {
    bool own = true;
    Ref end = 0;
    walk.residuals = 0;
    for (Ref at = first; at != 0; at = store.entry(at)->list_next) {
        if (walk.entries >= store.header().heap.blocks || !check_entry(store, at, walk)) return false;
        if (seq != nullptr && (store.entry(at)->bucket_seq == *seq) != own) return false;
        if (at == settled) own = false;
        end = at;
    }
    return end == last && own == (settled == 0 || seq == nullptr);
}

bool check_bucket(Store store, const Bucket& bucket, Walk& walk) noexcept {
    const std::uint32_t before = walk.entries;
    const std::uint64_t bytes = walk.bytes;
    if (!std::isfinite(bucket.floor) || !std::isfinite(bucket.error_floor)) return false;
    if (!check_list(store, bucket.first_entry, bucket.last_entry, &bucket.seq, bucket.settled, walk))
        return false;
    if (walk.entries - before != bucket.entries) return false;
    // Those that are still to be merged are not among the bucket's own.
    if (bucket.settled == 0 ? walk.residuals != bucket.residuals : walk.residuals < bucket.residuals)
        return false;
    if (walk.bytes - bytes != bucket.used_bytes) return false;
    std::uint32_t residuals = 0;
    for (Ref at = bucket.first_residual; at != 0; at = store.entry(at)->hash_next) {
        if (++residuals > bucket.residuals) return false;
        if (!heap_holds(store.base, store.header().heap, at, sizeof(Entry))) return false;
        if ((store.entry(at)->flags & kResidual) == 0 || store.entry(at)->bucket_seq != bucket.seq)
            return false;
    }
    return residuals == bucket.residuals;
}

/// As release() leaves it, its number aside.
bool is_blank(const Bucket& bucket) noexcept {
    return bucket.first_entry == 0 && bucket.last_entry == 0 && bucket.first_residual == 0 &&
           bucket.entries == 0 && bucket.residuals == 0 && bucket.used_bytes == 0 && bucket.stamp == 0 &&
           bucket.settled == 0;
}

bool check_ring(Store store, Walk& walk) noexcept {
    const Header& header = store.header();
    if (header.buckets == 0 || header.buckets > header.ring_slots || header.oldest >= header.ring_slots)
        return false;
    std::int64_t number = 0;
    std::int64_t seq = -1;
    std::uint32_t unsettled = 0;
    for (std::uint32_t i = 0; i < header.ring_slots; ++i) {
        const Bucket& bucket = store.bucket(i);
        unsigned char exported;  // any other value than 0 and 1 is no bool
        std::memcpy(&exported, &bucket.exported, sizeof exported);
        const bool running = i + 1 == header.buckets;
        if (exported > 1 || running != (bucket.state == BucketState::running)) return false;
        if (bucket.state == BucketState::free) {
            if (!is_blank(bucket) || i == 0) return false;
            continue;
        }
        if (i >= header.buckets || (!running && bucket.state != BucketState::ended)) return false;
        if (bucket.number <= number || bucket.number >= header.next_number) return false;
        if (bucket.seq <= seq || bucket.seq >= header.next_seq) return false;
        if (bucket.settled != 0 && (running || bucket.stamp != 0)) return false;
        number = bucket.number;
        seq = bucket.seq;
        unsettled += bucket.settled != 0;
        if (!check_bucket(store, bucket, walk)) return false;
    }
    return unsettled == header.unsettled;
}

/// Whether the chains hold nothing but entries, `chained` of them.
bool check_chains(Store store, std::uint32_t chained) noexcept {
    const Header& header = store.header();
    const Ref* heads = reinterpret_cast<const Ref*>(store.base + header.heads_offset);
    std::uint32_t met = 0;
    for (std::uint64_t chain = 0; chain <= header.heads_mask; ++chain)
        for (Ref at = heads[chain]; at != 0; at = store.entry(at)->hash_next)
            if (++met > chained || !heap_holds(store.base, header.heap, at, sizeof(Entry))) return false;
    return met == chained;
}

/// Whether each entry of a list is where find() looks for it. The chains have been checked.
bool check_found(Store store, Ref first) noexcept {
    for (Ref at = first; at != 0; at = store.entry(at)->list_next) {
        const Entry& entry = *store.entry(at);
        if ((entry.flags & kResidual) == 0 &&
            find(store, entry.bucket_seq, {entry.queryid, entry.identity}) != &entry)
            return false;
    }
    return true;
}

void free_locks(Store store, Ref first) noexcept {
    for (Ref at = first; at != 0; at = store.entry(at)->list_next) store.entry(at)->lock = 0;
}

}  // namespace

ImageHead image_head(Store store) noexcept {
    const std::uint64_t bytes = region_bytes(store.header().config);
    return {kImageMagic, store.header().layout, kCounterFingerprint, bytes,
            hash64(std::span<const std::byte>{store.base, bytes}, 0)};
}

Status check_image_head(const ImageHead& head, const StoreConfig& config) noexcept {
    if (head.magic != kImageMagic) return Status::kDamaged;
    if (head.fingerprint != kCounterFingerprint) return Status::kForeignCounters;
    if (head.layout != layout_hash(config) || head.bytes != region_bytes(config))
        return Status::kForeignLayout;
    return Status::kOk;
}

bool store_check(Store store) noexcept {
    const Header& header = store.header();
    std::uint64_t text_references = 0;
    if (!layout_holds(store) || !heap_check(store.base, header.heap) ||
        !texts_check(store.base, header.texts, text_references))
        return false;
    Walk walk;
    if (!check_ring(store, walk)) return false;
    if (!check_list(store, header.garbage, header.garbage_tail, nullptr, 0, walk) ||
        !check_list(store, header.lost, header.lost_tail, nullptr, 0, walk))
        return false;
    if (walk.blocks != header.heap.blocks || walk.bytes != heap_used_bytes(header.heap) ||
        walk.texts != text_references || !check_chains(store, walk.chained))
        return false;
    for (std::uint32_t i = 0; i < header.buckets; ++i)
        if (!check_found(store, store.bucket(i).first_entry)) return false;
    return check_found(store, header.garbage) && check_found(store, header.lost);
}

Status adopt_image(const ImageHead& head, std::span<std::byte> memory, Store& out) noexcept {
    if (head.bytes < sizeof(Header) || memory.size() < head.bytes) return Status::kDamaged;
    if (hash64(std::span<const std::byte>{memory.data(), head.bytes}, 0) != head.checksum)
        return Status::kDamaged;
    const Store store{memory.data()};
    const Header& header = store.header();
    if (header.layout != head.layout || region_bytes(header.config) != head.bytes || !store_check(store))
        return Status::kDamaged;
    for (std::uint32_t i = 0; i < header.buckets; ++i) free_locks(store, store.bucket(i).first_entry);
    free_locks(store, header.garbage);
    free_locks(store, header.lost);
    out = store;
    return Status::kOk;
}

}  // namespace pgsm::core
