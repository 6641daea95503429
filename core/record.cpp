#include "core/store.hpp"

#include <bit>
#include <cstring>
#include <new>
#include <utility>

namespace pgsm::core {
namespace {

template <std::uint32_t kPart>
std::uint32_t part_bit(const Sample& sample) noexcept {
    if ((sample.made() >> kPart & 1) == 0) return 0;
    std::uint64_t words[kColdPartSize[kPart] / sizeof(std::uint64_t)];
    std::memcpy(words, sample.bytes_of(kPart), sizeof words);
    std::uint64_t any = 0;
    for (const std::uint64_t word : words) any |= word;
    return static_cast<std::uint32_t>(any != 0) << kPart;
}

/// The parts in which something was counted. A counter that is zero is all zero bits, so whole words will do.
std::uint32_t parts_of(const Sample& sample) noexcept {
    if (sample.made() == 0) return 0;
    return [&]<std::uint32_t... kPart>(std::integer_sequence<std::uint32_t, kPart...>) noexcept {
        return (part_bit<kPart>(sample) | ... | 0u);
    }
    (std::make_integer_sequence<std::uint32_t, kColdPartCount>{});
}

std::uint32_t missing_parts(const Entry& entry, std::uint32_t parts) noexcept {
    std::uint32_t missing = parts;
    for (std::uint32_t i = 0; i < kColdPartCount; ++i)
        if (entry.parts[i] != 0) missing &= ~(1u << i);
    return missing;
}

/// Whether the cell can be counted without another block.
bool has_cell(const Entry& entry, std::uint32_t cell) noexcept {
    if (cell == kNoCell || entry.cells != 0) return true;
    std::uint32_t trial[Entry::kInlineCells];
    std::memcpy(trial, entry.cell, sizeof trial);
    return add_inline(trial, cell, 1);
}

/// False, and nothing changed, when has_cell() is false.
bool add_cell(Store store, Entry& entry, std::uint32_t cell) noexcept {
    if (cell == kNoCell) return true;
    if (entry.cells == 0) return add_inline(entry.cell, cell, 1);
    ++store.cells(entry.cells)[cell];
    return true;
}

[[gnu::hot]] void add_counters(Store store, Entry& entry, const Sample& sample,
                               std::uint32_t parts) noexcept {
    merge(entry.hot, sample.hot());
    for (; parts != 0; parts &= parts - 1) {
        const auto part = static_cast<std::uint32_t>(std::countr_zero(parts));
        merge_part(static_cast<Part>(part), store.part(entry.parts[part]), sample.bytes_of(part));
    }
}

/// After ensure_parts().
void add(Store store, Entry& entry, const Sample& sample, std::uint32_t cell) noexcept {
    add_counters(store, entry, sample, parts_of(sample));
    static_cast<void>(add_cell(store, entry, cell));
}

/// Counts a text without room once for an entry.
Ref intern(Store store, Entry& entry, std::string_view text, TextUse use) noexcept {
    if (text.empty()) return 0;
    Header& header = store.header();
    Ref ref = text_intern(store.base, header.texts, text, use);
    // Released buckets may still hold texts: taking some of their entries apart makes room.
    while (ref == 0 && reclaim(store, 64) != 0) ref = text_intern(store.base, header.texts, text, use);
    if (ref == 0 && (entry.flags & kTextMissing) == 0) {
        entry.flags |= kTextMissing;
        ++header.usage.texts_missing;
    }
    return ref;
}

/// The same statement in the bucket before: its texts are at hand, without looking at them.
const Entry* previous_entry(Store store, const Key& key) noexcept {
    const Header& header = store.header();
    return header.buckets < 2 ? nullptr : find(store, store.bucket(header.buckets - 2).seq, key);
}

Entry* make_entry(Store store, Bucket& bucket, const Key& key, const Description& from,
                  std::int64_t now_us) noexcept {
    const Ref block = take_block(store, bucket, sizeof(Entry));
    if (block == 0) return nullptr;
    Entry& entry = *new (store.entry(block)) Entry{};
    entry.queryid = key.queryid;
    entry.identity = key.identity;
    entry.pgsm_query_id = from.pgsm_query_id;
    set_since(entry, now_us - bucket.start_us);
    entry.bucket_seq = bucket.seq;
    entry.userid = from.identity.userid;
    entry.dbid = from.identity.dbid;
    entry.floor = bucket.floor;
    entry.flags = from.flags;
    set_command(entry, from.cmd_type);
    set_elevel(entry, from.elevel);
    if ((entry.flags & kTextMissing) != 0) ++store.header().usage.texts_missing;
    entry.session = intern(store, entry, from.session, TextUse::session_name);
    entry.nest = intern(store, entry, from.nest, TextUse::ordinary);
    entry.text = intern(store, entry, from.query, TextUse::ordinary);
    entry.relations = intern(store, entry, from.relations, TextUse::ordinary);
    entry.notes = intern(store, entry, from.notes, TextUse::ordinary);
    link_entry(store, bucket, entry);
    return &entry;
}

/// Whether an entry of the same statement in the next bucket can take over its texts.
bool has_texts(const Entry& entry, bool normalized) noexcept {
    if ((entry.flags & kError) != 0) return false;
    // A text that found no room then may find it now: its owner is asked for it.
    if (entry.text == 0 || entry.session == 0) return false;
    if ((entry.flags & (kHasParent | kHasPlan)) != 0 && entry.nest == 0) return false;
    return ((entry.flags & kNormalizedText) != 0) == normalized;
}

Entry* copy_entry_of_before(Store store, Bucket& bucket, const Key& key, bool normalized,
                            std::int64_t now_us) noexcept {
    const Entry* before = previous_entry(store, key);
    if (before == nullptr || !has_texts(*before, normalized)) return nullptr;
    const Ref block = take_block(store, bucket, sizeof(Entry));
    // Making room may have given up the bucket before, and the entry with it.
    before = block == 0 ? nullptr : previous_entry(store, key);
    if (before == nullptr) {
        if (block != 0) give_block(store, &bucket, block);
        return nullptr;
    }
    Entry& entry = *new (store.entry(block)) Entry{};
    entry.queryid = key.queryid;
    entry.identity = key.identity;
    entry.pgsm_query_id = before->pgsm_query_id;
    set_since(entry, now_us - bucket.start_us);
    entry.bucket_seq = bucket.seq;
    entry.userid = before->userid;
    entry.dbid = before->dbid;
    entry.floor = bucket.floor;
    entry.flags = before->flags;
    if ((entry.flags & kTextMissing) != 0) ++store.header().usage.texts_missing;
    entry.cmd_type = before->cmd_type;
    entry.session = before->session;
    entry.nest = before->nest;
    entry.text = before->text;
    entry.relations = before->relations;
    entry.notes = before->notes;
    for (const Ref text : {entry.session, entry.nest, entry.text, entry.relations, entry.notes})
        text_add_ref(store.base, text);
    link_entry(store, bucket, entry);
    return &entry;
}

/// Adds a sample that no entry of its own can take to the residual entry of its owner.
Status fold_sample(Store store, Bucket& bucket, std::uint32_t userid, std::uint32_t dbid,
                   const Sample& sample, std::uint32_t cell) noexcept {
    Header& header = store.header();
    Entry* residual = find_residual(store, bucket, userid, dbid);
    for (Ref at = bucket.first_residual; residual == nullptr && at != 0; at = store.entry(at)->hash_next)
        residual = store.entry(at);
    if (residual != nullptr && ensure_parts(store, bucket, *residual, sample, cell)) {
        add(store, *residual, sample, cell);
        ++header.usage.samples_folded;
        return Status::kFolded;
    }
    header.usage.calls_without_room += static_cast<std::uint64_t>(sample.hot().exec.count);
    return Status::kLost;
}

}  // namespace

bool try_apply(Store store, Entry& entry, const Sample& sample, std::uint32_t cell) noexcept {
    const std::uint32_t parts = parts_of(sample);
    if (parts != 0 && missing_parts(entry, parts) != 0) return false;
    if (!add_cell(store, entry, cell)) return false;
    add_counters(store, entry, sample, parts);
    return true;
}

std::uint32_t cells_bytes(Store store) noexcept {
    return store.header().config.histogram_cells * static_cast<std::uint32_t>(sizeof(std::int64_t));
}

bool ensure_parts(Store store, Bucket& bucket, Entry& entry, const Sample& sample,
                  std::uint32_t cell) noexcept {
    const std::uint32_t parts = parts_of(sample);
    // What is missing is asked anew each time: evict() may have given parts and cells to a residual entry.
    for (;;) {
        const std::uint32_t missing = missing_parts(entry, parts);
        if (missing == 0 && has_cell(entry, cell)) return true;
        const auto part = static_cast<std::uint32_t>(std::countr_zero(missing));
        const std::uint32_t bytes = missing != 0 ? kColdPartSize[part] : cells_bytes(store);
        const Ref block = take_block(store, bucket, bytes);
        if (block == 0) {
            if (!evict(store, bucket, &entry)) return false;
        } else if (missing != 0) {
            std::memset(store.part(block), 0, bytes);
            entry.parts[part] = block;
        } else {
            spread_cells(store, entry, block);
        }
    }
}

Status record(Store store, const Key& key, const Description* description, bool normalized,
              const Sample& sample, std::uint32_t cell, std::int64_t now_us) noexcept {
    Bucket& bucket = store.running();
    Entry* entry = find(store, bucket.seq, key);
    if (entry == nullptr && description == nullptr) {
        entry = copy_entry_of_before(store, bucket, key, normalized, now_us);
        if (entry == nullptr) return Status::kNeedsDescription;
    }
    if (entry == nullptr) {
        entry = make_entry(store, bucket, key, *description, now_us);
        while (entry == nullptr && evict(store, bucket, nullptr))
            entry = make_entry(store, bucket, key, *description, now_us);
        if (entry == nullptr)
            return fold_sample(store, bucket, description->identity.userid, description->identity.dbid,
                               sample, cell);
    }
    if (ensure_parts(store, bucket, *entry, sample, cell)) {
        add(store, *entry, sample, cell);
        return Status::kOk;
    }
    return fold_sample(store, bucket, entry->userid, entry->dbid, sample, cell);
}

void set_notes(Store store, Entry& entry, std::string_view notes, std::uint8_t elevel) noexcept {
    const Ref made = intern(store, entry, notes, TextUse::ordinary);
    text_release(store.base, store.header().texts, entry.notes);
    entry.notes = made;
    set_elevel(entry, elevel);
}

}  // namespace pgsm::core
