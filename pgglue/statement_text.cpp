#include "core/api.hpp"

#include "pgglue/statement_text.hpp"

#include "pgglue/collect.hpp"
#include "pgglue/constants.hpp"
#include "pgglue/guarded.hpp"
#include "pgglue/guc.hpp"

#include <cstring>

extern "C" {
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"
}

namespace pgsm::glue {
namespace {

struct Remembered {
    int64 queryid;
    uint64 marks_at;  // place in the endless stream that marks_ring is the end of
    uint32 marks_len;
    uint32 tokens;
    uint16 highest_param;
    bool known;
    uint8
        skipped;  // times that the store's texts did, while the slot is this statement's without being known
};

constexpr uint32 kSlots = 896;
constexpr uint32 kRingBytes = 24 * 1024;
Remembered remembered[kSlots];
uint8 marks_ring[kRingBytes];
uint64 ring_end;
static_assert(sizeof remembered + sizeof marks_ring <= 52 * 1024, "a backend's own memory is bounded (P1)");

/// The statement that was parsed last, as long as nothing else has been parsed: most new entries are of it.
struct LastParsed {
    int64 queryid;  // 0: none
    SourceSlice slice;
    TimestampTz message_time;
    ConstantPlaces places;
};
LastParsed last_parsed;

bool is_last_parsed(int64 queryid, const SourceSlice& slice) {
    return last_parsed.queryid == queryid && last_parsed.slice.source == slice.source &&
           last_parsed.slice.location == slice.location && last_parsed.slice.length == slice.length &&
           last_parsed.message_time == GetCurrentStatementStartTimestamp();
}

Remembered& slot_of(int64 queryid) { return remembered[static_cast<uint64>(queryid) % kSlots]; }

bool is_remembered(const Remembered& slot, int64 queryid) {
    return slot.queryid == queryid && slot.known &&
           (slot.marks_len == 0 || ring_end - slot.marks_at <= kRingBytes);
}

/// Reading a text takes as long as this many questions to the store whether it has it.
constexpr uint8 kWorthReading = 16;

/// Whether the texts in the store will do, this time. A plan that is kept may be executed when they are gone;
/// others are parsed anew each time, perhaps in sessions that are short, and worth remembering when they come
/// often.
bool store_will_do(int64 queryid, bool kept) {
    Remembered& slot = slot_of(queryid);
    if (!is_remembered(slot, slot.queryid)) {
        if (kept && ring_end <= kRingBytes) return false;
        if (slot.queryid != queryid) {
            slot.queryid = queryid;
            slot.known = false;
            slot.skipped = 0;
        }
        if (++slot.skipped > kWorthReading) {
            slot.skipped = 0;
            return false;
        }
    }
    return knows_texts(queryid);
}

struct Remembering {
    int64 queryid;
    SourceSlice slice;
    JumbleStateArg jumble;
};

/// Packs the marks where they stay: in one piece of at most a quarter of the ring.
void remember_work(void* argument) {
    const auto& work = *static_cast<Remembering*>(argument);
    constexpr uint32 kMost = kRingBytes / 4;
    Remembered& slot = slot_of(work.queryid);
    slot.known = false;
    const std::string_view text = executed_part(slice_text(work.slice));
    const auto at = static_cast<uint32>(ring_end % kRingBytes);
    if (kRingBytes - at < kMost) ring_end += kRingBytes - at;
    // Whatever may be overwritten now is forgotten already, should an error come in between.
    const uint64 begin = ring_end;
    ring_end += kMost;
    ConstantMarks marks{};
    const bool fits = mark_constants(text, text.data() - work.slice.source, work.jumble,
                                     {marks_ring + begin % kRingBytes, kMost}, marks, last_parsed.places);
    ring_end = begin + marks.packed.size();
    if (!fits) return;
    slot.queryid = work.queryid;
    slot.marks_at = begin;
    slot.marks_len = static_cast<uint32>(marks.packed.size());
    slot.tokens = marks.tokens;
    slot.highest_param = marks.highest_param;
    slot.known = true;
    last_parsed.slice = work.slice;
    last_parsed.message_time = GetCurrentStatementStartTimestamp();
    if (last_parsed.places.complete) last_parsed.queryid = work.queryid;
}

struct Normalizing {
    int64 queryid;
    const SourceSlice& slice;
    std::string_view text;
    std::string_view normalized;
};

void normalize_work(void* argument) {
    auto& work = *static_cast<Normalizing*>(argument);
    const std::string_view text = executed_part(work.text);
    if (is_last_parsed(work.queryid, work.slice)) {
        work.normalized = replace_places(text, last_parsed.places);
        return;
    }
    const Remembered& slot = slot_of(work.queryid);
    if (is_remembered(slot, work.queryid))
        work.normalized = replace_marked(
            text,
            {{marks_ring + slot.marks_at % kRingBytes, slot.marks_len}, slot.tokens, slot.highest_param});
    if (work.normalized.data() == nullptr) work.normalized = replace_guessed(text);
}

void explained_work(void* argument) {
    auto& text = *static_cast<std::string_view*>(argument);
    text = explained_part(text);
}

int64 hash_text(std::string_view text) {
    return static_cast<int64>(hash_bytes_extended(reinterpret_cast<const unsigned char*>(text.data()),
                                                  static_cast<int>(text.size()), 0));
}

constexpr std::string_view kNoText = "Query string not available";

}  // namespace

core::TextEncoding text_encoding() {
    const int encoding = GetDatabaseEncoding();
    if (encoding == PG_UTF8) return core::TextEncoding::kUtf8;
    return pg_database_encoding_max_length() == 1 ? core::TextEncoding::kSingleByte
                                                  : core::TextEncoding::kMultiByte;
}

std::string_view slice_text(const SourceSlice& slice) {
    return core::trim_statement({slice.source, strlen(slice.source)}, slice.location, slice.length);
}

bool plain_query_id(std::string_view text, int64* id) {
    char small[1024];
    char* buffer = small;
    if (text.size() > sizeof small) {
        // In the log hook memory may be short: do without the id then.
        buffer = static_cast<char*>(MemoryContextAllocExtended(CurrentMemoryContext, text.size(),
                                                               MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM));
        if (buffer == nullptr) return false;
    }
    const size_t len =
        core::clean_text(text, {buffer, text.size() > sizeof small ? text.size() : sizeof small});
    const bool fits = len <= INT_MAX;
    if (fits) *id = hash_text({buffer, len});
    if (buffer != small) pfree(buffer);
    return fits;
}

void remember_statement(int64 queryid, const SourceSlice& slice, JumbleStateArg jumble, bool kept) {
    last_parsed.queryid = 0;
    if (is_remembered(slot_of(queryid), queryid) || jumble == nullptr) return;
    if (!pgsm_enable_pgsm_query_id && !pgsm_normalized_query) return;
    if (store_will_do(queryid, kept)) return;
    Remembering work{queryid, slice, jumble};
    MemoryContext scratch = scratch_context();
    MemoryContext old = MemoryContextSwitchTo(scratch);
    // Without success the constants are guessed when the text is needed.
    static_cast<void>(without_error(remember_work, &work));
    MemoryContextSwitchTo(old);
    MemoryContextReset(scratch);
}

StatementText statement_text(int64 queryid, const SourceSlice& slice, bool normalized) {
    StatementText result{};
    Normalizing work{queryid, slice, slice_text(slice), {}};
    result.text = work.text;
    if (normalized || pgsm_enable_pgsm_query_id) {
        if (!without_error(normalize_work, &work))
            work.normalized = {};
        else if (pgsm_enable_pgsm_query_id)
            result.has_pgsm_query_id =
                plain_query_id(work.normalized, &result.pgsm_query_id) && result.pgsm_query_id != 0;
    }
    if (normalized)
        result.text = work.normalized.data() != nullptr ? work.normalized : kNoText;
    else
        static_cast<void>(without_error(explained_work, &result.text));
    result.text =
        core::truncate_at_char(result.text, static_cast<size_t>(pgsm_query_max_len), text_encoding());
    return result;
}

}  // namespace pgsm::glue
