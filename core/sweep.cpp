#include "core/sweep.hpp"

#include <algorithm>
#include <cstring>

namespace pgsm::core {

Sweep begin_sweep(Store from, Store to) noexcept {
    return {from, to, to.running().seq, to.header().changes.count, 0, {}, 0};
}

bool follow_changes(Sweep& sweep, std::span<Ref, Changes::kKept> again, std::uint32_t& agains) noexcept {
    const Changes& changes = sweep.from.header().changes;
    agains = 0;
    if (changes.count - sweep.changes > Changes::kKept) return false;
    // The latest first: what has left in the end is not to be copied again.
    const std::size_t first = sweep.notes;
    for (std::uint64_t at = changes.count; at > sweep.changes; --at) {
        const auto [change, seq] = changes.last[(at - 1) % Changes::kKept];
        if (seq != sweep.seq) continue;
        if ((change & Changes::kGone) != 0) {
            sweep.noted[sweep.notes++] = change;
            continue;
        }
        const Ref* end = sweep.noted.data() + sweep.notes;
        if (std::find(static_cast<const Ref*>(sweep.noted.data()) + first, end, change | Changes::kGone) !=
            end)
            continue;
        again[agains++] = change;
    }
    sweep.changes = changes.count;
    return true;
}

Ref next_in_chain(const Sweep& sweep, Ref at) noexcept {
    const Header& header = sweep.from.header();
    const auto* heads = reinterpret_cast<const Ref*>(sweep.from.base + header.heads_offset);
    Ref next = at == 0 ? heads[sweep.chain] : sweep.from.entry(at)->hash_next;
    while (next != 0 && sweep.from.entry(next)->bucket_seq != sweep.seq)
        next = sweep.from.entry(next)->hash_next;
    return next;
}

std::uint64_t chain_count(Store store) noexcept { return std::uint64_t{store.header().heads_mask} + 1; }

std::uint64_t copy_texts_of(Store from, Store to, const Entry& entry) noexcept {
    std::uint64_t bytes = 0;
    for (const Ref text : texts_of(entry)) {
        if (text == 0) continue;
        const std::uint32_t length = text_block_bytes(from.base, text);
        const std::uint64_t at = std::uint64_t{text} * kUnitBytes;
        std::memcpy(to.base + at, from.base + at, length);
        bytes += length;
    }
    return bytes;
}

void link_swept(const Sweep& sweep, Bucket& bucket, std::span<std::uint64_t> scratch) noexcept {
    // By entry, then by time: what was noted last of an entry holds.
    for (std::size_t i = 0; i < sweep.notes; ++i)
        scratch[i] = std::uint64_t{sweep.noted[i] & ~Changes::kGone} << 32 | i;
    std::sort(scratch.begin(), scratch.begin() + static_cast<std::ptrdiff_t>(sweep.notes));
    bucket.first_entry = bucket.last_entry = 0;
    bucket.entries = 0;
    for (std::size_t i = 0; i < sweep.notes; ++i) {
        const auto ref = static_cast<Ref>(scratch[i] >> 32);
        const bool last = i + 1 == sweep.notes || scratch[i + 1] >> 32 != ref;
        if (!last || (sweep.noted[scratch[i] & UINT32_MAX] & Changes::kGone) != 0) continue;
        sweep.to.entry(ref)->list_next = bucket.first_entry;
        bucket.first_entry = ref;
        if (bucket.last_entry == 0) bucket.last_entry = ref;
        ++bucket.entries;
    }
}

}  // namespace pgsm::core
