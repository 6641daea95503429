// Room for new entries: what matters least moves into residual entries, so that totals stay exact.
#include "core/store.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace pgsm::core {
namespace {

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

/// Which entries may go.
struct Movable {
    const Entry* keep;
    bool errors;  ///< errors and warnings, else executions

    bool has(const Entry& entry) const noexcept {
        return !is_residual(entry) && is_error(entry) == errors && &entry != keep;
    }
};

/// So many entries are looked at each time, those that were looked at longest ago or are new: the length of
/// the lock's hold does not depend on the size of the store. A statement with more than 1/3,840 of the weight
/// of those is never moved, whatever their number.
constexpr std::uint32_t kWindow = 4096;

/// Finds the `wanted` lightest of the first kWindow entries in two rounds of a radix selection.
Threshold find_threshold(Store store, const Bucket& bucket, Movable movable, std::uint32_t wanted) noexcept {
    constexpr std::uint32_t kBits = 11;
    std::uint32_t prefix = 0;
    for (std::uint32_t shift : {Threshold::kDropped + kBits, Threshold::kDropped}) {
        std::uint32_t count[1u << kBits] = {};
        std::uint32_t left = kWindow;
        for (Ref at = bucket.first_entry; at != 0 && left != 0; at = store.entry(at)->list_next, --left) {
            const Entry& entry = *store.entry(at);
            if (!movable.has(entry)) continue;
            const std::uint32_t top = rank(entry) >> shift;
            if (top >> kBits == prefix) ++count[top & ((1u << kBits) - 1)];
        }
        std::uint32_t digit = 0;
        while (count[digit] < wanted) wanted -= count[digit++];
        prefix = prefix << kBits | digit;
    }
    return {prefix, wanted};
}

/// How many entries evict() can move of those that it looks at.
struct MovableCount {
    std::uint32_t executions, errors;
};
MovableCount count_movable(Store store, const Bucket& bucket, const Entry* keep) noexcept {
    MovableCount count{0, 0};
    std::uint32_t left = kWindow;
    for (Ref at = bucket.first_entry; at != 0 && left != 0; at = store.entry(at)->list_next, --left) {
        const Entry& entry = *store.entry(at);
        if (is_residual(entry) || &entry == keep) continue;
        ++(is_error(entry) ? count.errors : count.executions);
    }
    return count;
}

/// Puts the entries up to `last` behind all others.
void move_to_end(Store store, Bucket& bucket, Ref last) noexcept {
    if (last == 0 || last == bucket.last_entry) return;
    store.entry(bucket.last_entry)->list_next = bucket.first_entry;
    bucket.first_entry = store.entry(last)->list_next;
    store.entry(last)->list_next = 0;
    bucket.last_entry = last;
}

}  // namespace

Ref take_block(Store store, Bucket& bucket, std::uint32_t bytes) noexcept {
    Header& header = store.header();
    if (is_private_copy(store)) {
        const std::uint64_t at = header.spare_next;
        if (header.spare_end - at < heap_cost(bytes)) return 0;
        header.spare_next = at + heap_cost(bytes);
        return static_cast<Ref>(at / kUnitBytes);
    }
    if (bucket.used_bytes + heap_cost(bytes) > bucket_limit(store)) return 0;
    Ref block = heap_alloc(store.base, header.heap, bytes);
    while (block == 0 && (reclaim(store, 16) != 0 || continue_merge(store, 16) || give_up_oldest(store)))
        block = heap_alloc(store.base, header.heap, bytes);
    if (block != 0) bucket.used_bytes += heap_block_bytes(store.base, block);
    return block;
}

void give_block(Store store, Bucket* bucket, Ref block) noexcept {
    if (is_private_copy(store)) return;
    if (bucket != nullptr) bucket->used_bytes -= heap_block_bytes(store.base, block);
    heap_free(store.base, store.header().heap, block);
}

void drop_texts(Store store, Entry& entry) noexcept {
    const Ref session = std::exchange(entry.session, 0);
    if (!is_private_copy(store))
        for (const Ref text : texts_of(entry)) text_release(store.base, store.header().texts, text);
    entry.session = session;
    entry.nest = entry.text = entry.notes = 0;
    if (!is_error(entry)) entry.relations = 0;
}

void free_entry(Store store, Bucket* bucket, Entry& entry) noexcept {
    drop_texts(store, entry);
    if (!is_private_copy(store)) text_release(store.base, store.header().texts, entry.session);
    for (const Ref part : entry.parts)
        if (part != 0) give_block(store, bucket, part);
    if (entry.cells != 0) give_block(store, bucket, entry.cells);
    give_block(store, bucket, store.ref_of(entry));
}

bool evict(Store store, Bucket& bucket, const Entry* keep) noexcept {
    constexpr std::uint32_t kShare = 64;
    constexpr std::uint32_t kErrorsShare = 8;
    Header& header = store.header();
    const auto [executions, errors] = count_movable(store, bucket, keep);
    if (executions + errors == 0) return false;
    const Movable movable{keep, executions == 0 || errors > (executions + errors) / kErrorsShare};

    const std::uint32_t wanted = std::max((movable.errors ? errors : executions) / kShare, 1u);
    Threshold threshold = find_threshold(store, bucket, movable, wanted);
    float& floor = movable.errors ? bucket.error_floor : bucket.floor;

    ++header.usage.evictions;
    Ref prev = 0;
    std::uint32_t left = kWindow;
    for (Ref at = bucket.first_entry; at != 0 && left != 0; --left) {
        Entry& entry = *store.entry(at);
        const Ref next = entry.list_next;
        const std::uint32_t of = rank(entry) >> Threshold::kDropped;
        const bool goes =
            movable.has(entry) && (of < threshold.rank || (of == threshold.rank && threshold.of_rank != 0));
        if (!goes) {
            prev = at;
            at = next;
            continue;
        }
        if (of == threshold.rank) --threshold.of_rank;
        note_change(header.changes, at | Changes::kGone, bucket.seq);
        floor = std::max(floor, static_cast<float>(weight(entry)));
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
