// Two ended buckets that nobody has exported become one, when the ring of buckets is full: while memory has
// room nothing is given up, however long there is no export.
//
// merge_oldest() (bucket_ring.cpp) puts the list of the newer bucket behind that of the older one, in no
// time. Bucket::settled is then the last entry of the older one. Each step here looks at the entry behind it:
// if the older bucket has the same statement the two are added up and the block is free, else the entry
// becomes one of the older bucket where it is in the list, and `settled` moves on to it. So the lock is held
// for short pieces. In between the entries that are left carry the newer bucket's seq and are found under it;
// sums over the list are right at any time, but a statement may be there twice: hence no reader and no stamp
// before the end.
#include "core/store.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pgsm::core {
namespace {

void add_inline_to(std::int64_t* cells, const std::uint32_t (&counts)[Entry::kInlineCells]) noexcept {
    for (const std::uint32_t cell : counts) cells[inline_index(cell)] += inline_count(cell);
}

bool fits_inline(std::uint32_t (&into)[Entry::kInlineCells],
                 const std::uint32_t (&from)[Entry::kInlineCells]) noexcept {
    std::uint32_t both[Entry::kInlineCells];
    std::memcpy(both, into, sizeof both);
    for (const std::uint32_t cell : from)
        if (inline_count(cell) != 0 && !add_inline(both, inline_index(cell), inline_count(cell)))
            return false;
    std::memcpy(into, both, sizeof both);
    return true;
}

/// For cells. Not take_block(): for its room the bucket itself could be given up.
Ref take_cells(Store store, Bucket& bucket) noexcept {
    Header& header = store.header();
    const Ref block = heap_alloc(store.base, header.heap, cells_bytes(store));
    if (block != 0) bucket.used_bytes += heap_block_bytes(store.base, block);
    return block;
}

void release_texts(Store store, Entry& entry) noexcept {
    drop_texts(store, entry);
    text_release(store.base, store.header().texts, std::exchange(entry.session, 0));
}

void add_parts(Store store, Bucket& bucket, Entry& into, Entry& from) noexcept {
    for (std::uint32_t i = 0; i < kColdPartCount; ++i) {
        if (into.parts[i] == 0) {
            std::swap(into.parts[i], from.parts[i]);
        } else if (from.parts[i] != 0) {
            merge_part(static_cast<Part>(i), store.part(into.parts[i]), store.part(from.parts[i]));
            give_block(store, &bucket, from.parts[i]);
            from.parts[i] = 0;
        }
    }
}

/// A text that the one before lacks; of an error the message that came last.
void take_texts(Entry& into, Entry& from) noexcept {
    if (into.text == 0 && from.text != 0) {
        std::swap(into.text, from.text);
        const auto kind = static_cast<std::uint8_t>(from.flags & kNormalizedText);
        into.flags = static_cast<std::uint8_t>((into.flags & ~kNormalizedText) | kind);
    }
    // Residual entries that are of several users or databases have no names.
    if (into.session == 0 && into.userid == from.userid && into.dbid == from.dbid)
        std::swap(into.session, from.session);
    if (into.nest == 0) std::swap(into.nest, from.nest);
    if (!is_error(into) && into.relations == 0) std::swap(into.relations, from.relations);
    if (into.notes == 0 || (is_error(into) && from.notes != 0)) std::swap(into.notes, from.notes);
}

/// Adds the cells of `from`, whose parts and texts are gone, and frees its block; that may become the cells.
void add_cells_and_free(Store store, Bucket& bucket, Entry& into, Entry& from) noexcept {
    const Ref block = store.ref_of(from);
    std::uint32_t counts[Entry::kInlineCells];
    std::memcpy(counts, from.cell, sizeof counts);
    const Ref cells = from.cells;
    if (into.cells == 0 && cells != 0) {
        add_inline_to(store.cells(cells), into.cell);
        std::memset(into.cell, 0, sizeof into.cell);
        into.cells = cells;
    } else if (cells != 0) {
        for (std::uint32_t i = 0; i < store.header().config.histogram_cells; ++i)
            store.cells(into.cells)[i] += store.cells(cells)[i];
        give_block(store, &bucket, cells);
    }
    bool keep_block = false;
    if (into.cells == 0 && !fits_inline(into.cell, counts)) {
        keep_block = cells_bytes(store) <= sizeof(Entry);
        if (!keep_block) give_block(store, &bucket, block);
        const Ref made = keep_block ? block : take_cells(store, bucket);
        if (made != 0) {
            spread_cells(store, into, made);
        } else {
            for (const std::uint32_t cell : counts)
                if (inline_count(cell) != 0 && !add_inline(into.cell, inline_index(cell), inline_count(cell)))
                    store.header().usage.cells_lost += inline_count(cell);
        }
        if (into.cells != 0) add_inline_to(store.cells(into.cells), counts);
        return;
    }
    if (into.cells != 0) add_inline_to(store.cells(into.cells), counts);
    give_block(store, &bucket, block);
}

/// `from`, which is in no chain and no list any more, becomes part of `into`.
void absorb(Store store, Bucket& bucket, Entry& into, Entry& from, std::int64_t from_start_us) noexcept {
    merge(into.hot, from.hot);
    set_since(into, std::min(since_us(into), since_us(from) + from_start_us - bucket.start_us));
    into.floor += from.floor;
    add_parts(store, bucket, into, from);
    take_texts(into, from);
    release_texts(store, from);
    add_cells_and_free(store, bucket, into, from);
}

/// The residual entry of the bucket that takes what `entry` stands for; null: `entry` becomes one. `steps` counts
/// those that may have been looked at.
Entry* same_residual(Store store, Bucket& bucket, const Entry& entry, std::uint32_t& steps) noexcept {
    steps += bucket.residuals;
    const ResidualKey key = residual_key(entry);
    Entry* found = find_residual(store, bucket, key);
    if (found == nullptr && bucket.residuals >= kMaxResiduals) found = shared_residual(store, bucket, key);
    return found;
}

/// The entry becomes one of the bucket.
void take_over(Store store, Bucket& bucket, Entry& entry) noexcept {
    entry.bucket_seq = bucket.seq;
    set_since(entry, since_us(entry) + bucket.absorbed_start_us - bucket.start_us);
    if (!is_residual(entry)) {
        chain_entry(store, entry);
    } else {
        entry.hash_next = bucket.first_residual;
        bucket.first_residual = store.ref_of(entry);
        ++bucket.residuals;
    }
    bucket.settled = store.ref_of(entry);
}

/// Looks at the entry behind `settled`; how many entries it took to do so.
std::uint32_t merge_step(Store store, Bucket& bucket) noexcept {
    Entry& before = *store.entry(bucket.settled);
    Entry& entry = *store.entry(before.list_next);
    std::uint32_t steps = 1;
    const bool residual = is_residual(entry);
    if (!residual) unlink_from_chain(store, entry);
    Entry* same = residual ? same_residual(store, bucket, entry, steps)
                           : find(store, bucket.seq, {entry.queryid, entry.identity});
    if (same == nullptr) {
        take_over(store, bucket, entry);
        return steps;
    }
    before.list_next = entry.list_next;
    if (before.list_next == 0) bucket.last_entry = bucket.settled;
    --bucket.entries;
    absorb(store, bucket, *same, entry, bucket.absorbed_start_us);
    return steps;
}

}  // namespace

bool continue_merge(Store store, std::uint32_t most) noexcept {
    Header& header = store.header();
    if (header.unsettled == 0) return false;
    std::uint32_t position = 0;
    while (store.bucket(position).settled == 0) ++position;
    Bucket& bucket = store.bucket(position);
    std::uint32_t done = 0;
    while (done < most && bucket.settled != bucket.last_entry) done += merge_step(store, bucket);
    if (bucket.settled == bucket.last_entry) {
        bucket.settled = 0;
        bucket.absorbed_start_us = 0;
        --header.unsettled;
    }
    return true;
}

}  // namespace pgsm::core
