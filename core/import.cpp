#include "core/import.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace pgsm::core {
namespace {

/// What an entry of the other store holds, and where it goes.
struct Import {
    Store from;
    Store to;
    bool same_cells;  ///< a cell means the same in both
};

bool is_kept(const Bucket& bucket) noexcept {
    return bucket.state == BucketState::running || (bucket.state == BucketState::ended && !bucket.exported);
}

/// Folds the lightest entries of the bucket that takes most memory. False when nothing is left to fold.
bool make_room(Store to) noexcept {
    Bucket* largest = nullptr;
    for (std::uint32_t i = 0; i < to.header().buckets; ++i) {
        Bucket& bucket = to.bucket(i);
        if (bucket.entries > bucket.residuals &&
            (largest == nullptr || bucket.used_bytes > largest->used_bytes))
            largest = &bucket;
    }
    return largest != nullptr && evict(to, *largest, nullptr);
}

/// A block of the entry heap; folds what it must. An eighth of the heap stays free as long as that is
/// possible: else the first new statements would drive out the oldest bucket before anybody could export it.
Ref take(Store to, Bucket& bucket, std::uint32_t bytes) noexcept {
    const Heap& heap = to.header().heap;
    const std::uint64_t most = heap_total_bytes(heap) / 8 * 7;
    while (heap_used_bytes(heap) + heap_cost(bytes) > most && make_room(to)) {
    }
    Ref block = take_block(to, bucket, bytes);
    while (block == 0 && make_room(to)) block = take_block(to, bucket, bytes);
    return block;
}

/// Counts it once for an entry, here or before.
Ref intern(const Import& import, Entry& entry, Ref text, TextUse use) noexcept {
    if (text == 0) return 0;
    Header& header = import.to.header();
    const Ref made = text_intern(import.to.base, header.texts, import.from.text(text), use);
    if (made == 0 && (entry.flags & kTextMissing) == 0) {
        entry.flags |= kTextMissing;
        ++header.usage.texts_missing;
    }
    return made;
}

std::uint64_t cell_sum(Store store, const Entry& entry) noexcept {
    std::uint64_t sum = 0;
    for (const std::uint32_t cell : entry.cell) sum += inline_count(cell);
    for (std::uint32_t i = 0; entry.cells != 0 && i < store.header().config.histogram_cells; ++i)
        sum += static_cast<std::uint64_t>(store.cells(entry.cells)[i]);
    return sum;
}

/// A copy of `old` with all its parts and cells, yet without texts and in no list; null when there is no
/// room.
Entry* copy_into(const Import& import, Bucket& bucket, const Entry& old) noexcept {
    const Store to = import.to;
    const bool cells = import.same_cells && old.cells != 0;
    Ref parts[kColdPartCount] = {};
    const Ref block = take(to, bucket, sizeof(Entry));
    bool complete = block != 0;
    for (std::uint32_t i = 0; complete && i < kColdPartCount; ++i)
        if (old.parts[i] != 0) complete = (parts[i] = take(to, bucket, kColdPartSize[i])) != 0;
    const Ref cell_block = complete && cells ? take(to, bucket, cells_bytes(to)) : 0;
    if (!complete || (cells && cell_block == 0)) {
        for (const Ref part : parts)
            if (part != 0) give_block(to, &bucket, part);
        if (block != 0) give_block(to, &bucket, block);
        return nullptr;
    }
    Entry& entry = *new (to.entry(block)) Entry{old};
    entry.bucket_seq = bucket.seq;
    entry.hash_next = entry.list_next = 0;
    entry.lock = 0;
    entry.session = entry.nest = entry.text = entry.relations = entry.notes = 0;
    for (std::uint32_t i = 0; i < kColdPartCount; ++i) {
        if (parts[i] != 0) std::memcpy(to.part(parts[i]), import.from.part(old.parts[i]), kColdPartSize[i]);
        entry.parts[i] = parts[i];
    }
    if (cell_block != 0) std::memcpy(to.cells(cell_block), import.from.cells(old.cells), cells_bytes(to));
    entry.cells = cell_block;
    if (!import.same_cells) std::memset(entry.cell, 0, sizeof entry.cell);
    return &entry;
}

/// link_entry() for a residual entry: those are in no chain.
void link_residual(Store to, Bucket& bucket, Entry& entry) noexcept {
    entry.list_next = bucket.first_entry;
    bucket.first_entry = to.ref_of(entry);
    if (bucket.last_entry == 0) bucket.last_entry = bucket.first_entry;
    ++bucket.entries;
}

void add_cells(const Import& import, Entry& into, const Entry& old) noexcept {
    const auto add = [&](std::uint32_t index, std::uint64_t count) noexcept {
        if (count == 0) return;
        if (into.cells != 0) {
            import.to.cells(into.cells)[index] += static_cast<std::int64_t>(count);
        } else if (count > kMostInlineCount ||
                   !add_inline(into.cell, index, static_cast<std::uint32_t>(count))) {
            import.to.header().usage.cells_lost += count;
        }
    };
    for (const std::uint32_t cell : old.cell) add(inline_index(cell), inline_count(cell));
    for (std::uint32_t i = 0; old.cells != 0 && i < import.to.header().config.histogram_cells; ++i)
        add(i, static_cast<std::uint64_t>(import.from.cells(old.cells)[i]));
}

/// A residual entry for what is left of `old`: its owner's, else any of the bucket, else any of another
/// bucket.
Entry* any_residual(Store to, const Bucket& bucket, const Entry& old) noexcept {
    if (Entry* own = find_residual(to, bucket, old.userid, old.dbid); own != nullptr) return own;
    Ref found = bucket.first_residual;
    for (std::uint32_t i = to.header().buckets; found == 0 && i > 0; --i)
        found = to.bucket(i - 1).first_residual;
    return found != 0 ? to.entry(found) : nullptr;
}

/// Where every entry of the store is a residual one and there is still no room: adds `old` to one that is
/// there, with the parts that this one has or can still get.
void squeeze_in(const Import& import, Bucket& bucket, const Entry& old) noexcept {
    const Store to = import.to;
    Usage& usage = to.header().usage;
    Entry* into = any_residual(to, bucket, old);
    if (into == nullptr) {
        usage.calls_without_room += static_cast<std::uint64_t>(old.hot.exec.count);
        return;
    }
    merge(into->hot, old.hot);
    ++usage.entries_evicted;
    for (std::uint32_t i = 0; i < kColdPartCount; ++i) {
        if (old.parts[i] == 0) continue;
        const void* part = import.from.part(old.parts[i]);
        if (into->parts[i] != 0) {
            merge_part(static_cast<Part>(i), to.part(into->parts[i]), part);
        } else if (into->bucket_seq == bucket.seq) {
            const Ref block = take_block(to, bucket, kColdPartSize[i]);
            if (block != 0) std::memcpy(to.part(block), part, kColdPartSize[i]);
            into->parts[i] = block;
        }
    }
    if (import.same_cells) add_cells(import, *into, old);
}

/// `fold`: into the residual entry of its owner, since its own bucket has found no slot.
void import_entry(const Import& import, Bucket& bucket, const Entry& old, bool fold) noexcept {
    const Store to = import.to;
    Header& header = to.header();
    if (!import.same_cells) header.usage.cells_lost += cell_sum(import.from, old);
    Entry* entry = copy_into(import, bucket, old);
    if (entry == nullptr) {
        squeeze_in(import, bucket, old);
        return;
    }
    entry->session = intern(import, *entry, old.session, TextUse::session_name);
    const bool residual = (old.flags & kResidual) != 0;
    if (fold || residual) {
        if (!residual) ++header.usage.entries_evicted;
        // The bucket that it was in began earlier than this one.
        if (fold) set_since(*entry, 0);
        if (fold_entry(to, bucket, *entry)) link_residual(to, bucket, *entry);
        return;
    }
    entry->nest = intern(import, *entry, old.nest, TextUse::ordinary);
    entry->text = intern(import, *entry, old.text, TextUse::ordinary);
    entry->relations = intern(import, *entry, old.relations, TextUse::ordinary);
    entry->notes = intern(import, *entry, old.notes, TextUse::ordinary);
    link_entry(to, bucket, *entry);
}

void import_bucket(const Import& import, const Bucket& old, Bucket& bucket, bool fold) noexcept {
    bucket.floor = std::max(bucket.floor, fold ? 0.0f : old.floor);
    for (Ref at = old.first_entry; at != 0; at = import.from.entry(at)->list_next)
        import_entry(import, bucket, *import.from.entry(at), fold);
}

/// The buckets themselves, still empty, the newest `slots` of the other store. All are called running
/// meanwhile: none of them can be given up for the room that another one needs then.
void open_buckets(const Import& import, std::uint32_t skip) noexcept {
    Header& header = import.to.header();
    header.oldest = header.buckets = 0;
    for (std::uint32_t i = 0; i < import.from.header().buckets; ++i) {
        const Bucket& old = import.from.bucket(i);
        if (!is_kept(old)) continue;
        if (skip != 0) {
            --skip;
            continue;
        }
        Bucket& bucket = import.to.ring()[header.buckets++];
        bucket = Bucket{};
        bucket.number = old.number;
        bucket.seq = old.seq;
        bucket.start_us = old.start_us;
        bucket.end_us = old.end_us;
        bucket.state = BucketState::running;
    }
}

}  // namespace

void import_store(Store from, Store to) noexcept {
    const Header& old = from.header();
    Header& header = to.header();
    const Import import{from, to,
                        old.config.bounds_hash == header.config.bounds_hash &&
                            old.config.histogram_cells == header.config.histogram_cells};
    header.next_number = old.next_number;
    header.last_start_us = old.last_start_us;
    header.usage = old.usage;
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < old.buckets; ++i) kept += is_kept(from.bucket(i));
    // A slot stays free for the next bucket. Those that find none are folded into the oldest that does.
    const std::uint32_t skip = kept < header.ring_slots ? 0 : kept - header.ring_slots + 1;
    open_buckets(import, skip);
    std::uint32_t met = 0;
    for (std::uint32_t i = 0; i < old.buckets; ++i) {
        if (!is_kept(from.bucket(i))) continue;
        const std::uint32_t position = met < skip ? 0 : met - skip;
        import_bucket(import, from.bucket(i), to.bucket(position), met < skip);
        ++met;
    }
    for (std::uint32_t i = 0; i + 1 < header.buckets; ++i) to.bucket(i).state = BucketState::ended;
}

}  // namespace pgsm::core
