// Room for new entries: what matters least moves into residual entries, so that totals stay exact.
#include "core/store.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace pgsm::core {
namespace {

/// A bucket may fill half of the store, so that the bucket before can wait for its export with as much.
std::uint64_t bucket_limit(const Header& header) noexcept { return heap_total_bytes(header.heap) / 2; }

bool is_private_copy(const Header& header) noexcept { return header.spare_end != 0; }

/// More residual entries than this (one per user and database) would crowd out what they make room for. With
/// all parts they fill at most a quarter of what a bucket may have, so there is always something left to
/// evict.
std::uint32_t most_residuals(Store store) noexcept {
    if (is_private_copy(store.header())) return kMaxResiduals;
    std::uint64_t each = heap_cost(sizeof(Entry)) + heap_cost(cells_bytes(store));
    for (const std::uint32_t size : kColdPartSize) each += heap_cost(size);
    const std::uint64_t room = bucket_limit(store.header()) / 4 / each;
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(room, 1, kMaxResiduals));
}

/// The weight as a number that orders like it.
std::uint32_t rank(const Entry& entry) noexcept {
    const auto w = static_cast<float>(weight(entry));
    return w > 0 ? std::bit_cast<std::uint32_t>(w) : 0;
}

/// Who goes: all below `rank`, and `of_rank` of those that are there. In units of 2^kDropped, 0.01 % of a
/// weight: with coarse units, light entries would stay while the newer and heavier ones of their class go and
/// raise the floor beyond what the rule allows.
struct Threshold {
    static constexpr std::uint32_t kDropped = 9;
    std::uint32_t rank;
    std::uint32_t of_rank;
};

/// So many entries are looked at each time, those that were looked at longest ago or are new: the length of
/// the lock's hold does not depend on the size of the store. A statement with more than 1/3,840 of the weight
/// of those is never moved, whatever their number.
constexpr std::uint32_t kWindow = 4096;

/// Finds the `wanted` lightest of the first kWindow entries in two rounds of a radix selection.
Threshold find_threshold(Store store, const Bucket& bucket, const Entry* keep,
                         std::uint32_t wanted) noexcept {
    constexpr std::uint32_t kBits = 11;
    std::uint32_t prefix = 0;
    for (std::uint32_t shift : {Threshold::kDropped + kBits, Threshold::kDropped}) {
        std::uint32_t count[1u << kBits] = {};
        std::uint32_t left = kWindow;
        for (Ref at = bucket.first_entry; at != 0 && left != 0; at = store.entry(at)->list_next, --left) {
            const Entry& entry = *store.entry(at);
            if ((entry.flags & kResidual) != 0 || &entry == keep) continue;
            const std::uint32_t top = rank(entry) >> shift;
            if (top >> kBits == prefix) ++count[top & ((1u << kBits) - 1)];
        }
        std::uint32_t digit = 0;
        while (count[digit] < wanted) wanted -= count[digit++];
        prefix = prefix << kBits | digit;
    }
    return {prefix, wanted};
}

void move_part(Store store, Bucket& bucket, Ref& into, Ref& from, Part part) noexcept {
    if (from == 0) return;
    if (into == 0) {
        into = from;
    } else {
        merge_part(part, store.part(into), store.part(from));
        give_block(store, &bucket, from);
    }
    from = 0;
}

void add_counts(std::int64_t* cells, const std::uint32_t (&counts)[Entry::kInlineCells]) noexcept {
    for (const std::uint32_t cell : counts) cells[inline_index(cell)] += inline_count(cell);
}

/// Adds the cells of `from`, which are only inline, to those of `into`, which are, too, where there are too
/// many for that: the block of `from` becomes the block of cells if it is large enough, else it makes room
/// for one.
void spread_both(Store store, Bucket& bucket, Entry& into, Entry& from) noexcept {
    std::uint32_t counts[Entry::kInlineCells];
    std::memcpy(counts, from.cell, sizeof counts);
    Ref block = store.ref_of(from);
    if (cells_bytes(store) > sizeof(Entry)) {
        give_block(store, &bucket, block);
        block = take_block(store, bucket, cells_bytes(store));
    }
    if (block != 0) {
        spread_cells(store, into, block);
        add_counts(store.cells(block), counts);
        return;
    }
    for (const std::uint32_t cell : counts)
        if (inline_count(cell) != 0 && !add_inline(into.cell, inline_index(cell), inline_count(cell)))
            store.header().usage.cells_lost += inline_count(cell);
}

/// Adds the cells of `from` to those of `into`. True when that took the block of `from`: it is not to be
/// freed then.
bool move_cells(Store store, Bucket& bucket, Entry& into, Entry& from) noexcept {
    if (into.cells == 0 && from.cells != 0) {
        add_counts(store.cells(from.cells), into.cell);
        std::memset(into.cell, 0, sizeof into.cell);
        into.cells = from.cells;
        from.cells = 0;
    }
    if (into.cells != 0) {
        std::int64_t* cells = store.cells(into.cells);
        add_counts(cells, from.cell);
        if (from.cells == 0) return false;
        const std::int64_t* more = store.cells(from.cells);
        for (std::uint32_t i = 0; i < store.header().config.histogram_cells; ++i) cells[i] += more[i];
        give_block(store, &bucket, from.cells);
        from.cells = 0;
        return false;
    }
    std::uint32_t both[Entry::kInlineCells];
    std::memcpy(both, into.cell, sizeof both);
    for (const std::uint32_t cell : from.cell) {
        if (inline_count(cell) == 0 || add_inline(both, inline_index(cell), inline_count(cell))) continue;
        spread_both(store, bucket, into, from);
        return true;
    }
    std::memcpy(into.cell, both, sizeof both);
    return false;
}

/// How many entries evict() can move of those that it looks at.
std::uint32_t count_movable(Store store, const Bucket& bucket, const Entry* keep) noexcept {
    std::uint32_t movable = 0;
    std::uint32_t left = kWindow;
    for (Ref at = bucket.first_entry; at != 0 && left != 0; at = store.entry(at)->list_next, --left)
        movable += (store.entry(at)->flags & kResidual) == 0 && store.entry(at) != keep;
    return movable;
}

/// Puts the entries up to `last` behind all others.
void move_to_end(Store store, Bucket& bucket, Ref last) noexcept {
    if (last == 0 || last == bucket.last_entry) return;
    store.entry(bucket.last_entry)->list_next = bucket.first_entry;
    bucket.first_entry = store.entry(last)->list_next;
    store.entry(last)->list_next = 0;
    bucket.last_entry = last;
}

void drop_texts(Store store, Entry& entry) noexcept {
    if (is_private_copy(store.header())) return;
    TextArena& texts = store.header().texts;
    for (Ref* text : {&entry.nest, &entry.text, &entry.relations, &entry.notes}) {
        text_release(store.base, texts, *text);
        *text = 0;
    }
}

void become_residual(Store store, Bucket& bucket, Entry& entry) noexcept {
    drop_texts(store, entry);
    entry.nest = entry.text = entry.relations = entry.notes = 0;
    entry.queryid = 0;
    entry.identity = 0;
    entry.pgsm_query_id = 0;
    entry.flags = kResidual | kTopLevel | kNoQueryId;
    set_command(entry, 0);
    set_elevel(entry, 0);
    entry.hash_next = bucket.first_residual;
    bucket.first_residual = store.ref_of(entry);
    ++bucket.residuals;
}

}  // namespace

void spread_cells(Store store, Entry& entry, Ref block) noexcept {
    std::memset(store.cells(block), 0, cells_bytes(store));
    add_counts(store.cells(block), entry.cell);
    std::memset(entry.cell, 0, sizeof entry.cell);
    entry.cells = block;
}

Ref take_block(Store store, Bucket& bucket, std::uint32_t bytes) noexcept {
    Header& header = store.header();
    if (is_private_copy(header)) {
        const std::uint64_t at = header.spare_next;
        if (header.spare_end - at < heap_cost(bytes)) return 0;
        header.spare_next = at + heap_cost(bytes);
        return static_cast<Ref>(at / kUnitBytes);
    }
    if (bucket.used_bytes + heap_cost(bytes) > bucket_limit(header)) return 0;
    Ref block = heap_alloc(store.base, header.heap, bytes);
    while (block == 0 && (reclaim(store, 16) != 0 || continue_merge(store, 16) || give_up_oldest(store)))
        block = heap_alloc(store.base, header.heap, bytes);
    if (block != 0) bucket.used_bytes += heap_block_bytes(store.base, block);
    return block;
}

void give_block(Store store, Bucket* bucket, Ref block) noexcept {
    if (is_private_copy(store.header())) return;
    if (bucket != nullptr) bucket->used_bytes -= heap_block_bytes(store.base, block);
    heap_free(store.base, store.header().heap, block);
}

void free_entry(Store store, Bucket* bucket, Entry& entry) noexcept {
    drop_texts(store, entry);
    if (!is_private_copy(store.header())) text_release(store.base, store.header().texts, entry.session);
    for (const Ref part : entry.parts)
        if (part != 0) give_block(store, bucket, part);
    if (entry.cells != 0) give_block(store, bucket, entry.cells);
    give_block(store, bucket, store.ref_of(entry));
}

Entry* find_residual(Store store, const Bucket& bucket, std::uint32_t userid, std::uint32_t dbid) noexcept {
    for (Ref at = bucket.first_residual; at != 0; at = store.entry(at)->hash_next) {
        Entry* entry = store.entry(at);
        if (entry->userid == userid && entry->dbid == dbid) return entry;
    }
    return nullptr;
}

bool fold_entry(Store store, Bucket& bucket, Entry& from) noexcept {
    Entry* into = find_residual(store, bucket, from.userid, from.dbid);
    if (into == nullptr && bucket.residuals >= most_residuals(store))
        into = store.entry(bucket.first_residual);
    if (into == nullptr) {
        become_residual(store, bucket, from);
        return true;
    }
    merge(into->hot, from.hot);
    if (since_us(from) < since_us(*into)) set_since(*into, since_us(from));
    for (std::uint32_t i = 0; i < kColdPartCount; ++i)
        move_part(store, bucket, into->parts[i], from.parts[i], static_cast<Part>(i));
    if (into->session == 0 && into->userid == from.userid && into->dbid == from.dbid)
        std::swap(into->session, from.session);
    if (!is_private_copy(store.header())) text_release(store.base, store.header().texts, from.session);
    from.session = 0;
    drop_texts(store, from);
    if (!move_cells(store, bucket, *into, from)) give_block(store, &bucket, store.ref_of(from));
    return false;
}

bool evict(Store store, Bucket& bucket, const Entry* keep) noexcept {
    constexpr std::uint32_t kShare = 16;
    Header& header = store.header();
    const std::uint32_t movable = count_movable(store, bucket, keep);
    if (movable == 0) return false;

    const std::uint32_t wanted = std::max(movable / kShare, 1u);
    Threshold threshold = find_threshold(store, bucket, keep, wanted);

    ++header.usage.evictions;
    Ref prev = 0;
    std::uint32_t left = kWindow;
    for (Ref at = bucket.first_entry; at != 0 && left != 0; --left) {
        Entry& entry = *store.entry(at);
        const Ref next = entry.list_next;
        const std::uint32_t of = rank(entry) >> Threshold::kDropped;
        const bool goes = (entry.flags & kResidual) == 0 && &entry != keep &&
                          (of < threshold.rank || (of == threshold.rank && threshold.of_rank != 0));
        if (!goes) {
            prev = at;
            at = next;
            continue;
        }
        if (of == threshold.rank) --threshold.of_rank;
        note_change(header.changes, at | Changes::kGone, bucket.seq);
        bucket.floor = std::max(bucket.floor, static_cast<float>(weight(entry)));
        unlink_from_chain(store, entry);
        if (fold_entry(store, bucket, entry)) {
            prev = at;
        } else {
            (prev == 0 ? bucket.first_entry : store.entry(prev)->list_next) = next;
            if (bucket.last_entry == at) bucket.last_entry = prev;
            --bucket.entries;
        }
        ++header.usage.entries_evicted;
        at = next;
    }
    if (bucket.entries > kWindow) move_to_end(store, bucket, prev);
    return true;
}

}  // namespace pgsm::core
