#include "core/api.hpp"

#include "pgglue/parsed.hpp"

#include "pgglue/tokens.hpp"

#include <cstring>

namespace pgsm::glue {

ParsedStatement parsed_statement;

namespace {

struct Remembered {
    uint64 text_hash;
    int64 queryid;
    uint64 at;  // place in the endless stream that ring is the end of
    uint32 len;
    int32 highest_param;
    int32 count;
};

constexpr uint32 kSlots = 512;
constexpr uint32 kRingBytes = 20 * 1024;
Remembered remembered[kSlots];
uint8 ring[kRingBytes];
uint64 ring_end;
static_assert(sizeof remembered + sizeof ring + sizeof parsed_statement <= 48 * 1024,
              "a backend's own memory is bounded (P1)");

/// A number of 7 bits a byte, the highest bit set in all but the last.
uint32 pack_number(uint8* out, uint32 number) {
    uint32 len = 0;
    for (; number >= 0x80; number >>= 7) out[len++] = static_cast<uint8>(number | 0x80);
    out[len++] = static_cast<uint8>(number);
    return len;
}

uint32 unpack_number(const uint8*& in) {
    uint32 number = 0;
    for (int shift = 0;; shift += 7) {
        number |= static_cast<uint32>(*in & 0x7F) << shift;
        if ((*in++ & 0x80) == 0) return number;
    }
}
constexpr uint32 kMostPacked = 5;  // bytes of a number

Remembered& slot_for(uint64 text_hash) { return remembered[text_hash % kSlots]; }

bool still_holds(const Remembered& slot) { return slot.len == 0 || ring_end - slot.at <= kRingBytes; }

/// In the parser's order; -1 becomes 0, others are one more than they were.
void remember(int64 queryid, uint64 text_hash, int offset, JumbleStateArg jumble) {
    Remembered& slot = slot_for(text_hash);
    if (slot.text_hash == text_hash && slot.queryid == queryid && still_holds(slot)) return;
    const int most = noted_count(jumble);
    // Each takes two numbers, of five bytes at most.
    const auto room = static_cast<uint64>(most) * 2 * kMostPacked;
    if (room > kRingBytes / 2) return;
    auto at = static_cast<uint32>(ring_end % kRingBytes);
    if (kRingBytes - at < room) {
        ring_end += kRingBytes - at;
        at = 0;
    }
    slot.queryid = 0;
    slot.at = ring_end;
    NotedConstants::Place one[32];
    NotedConstants::Place* places = one;
    if (most > 32) places = allocate_or_null<NotedConstants::Place>(static_cast<Size>(most));
    if (places == nullptr) return;
    const int count = copy_noted(jumble, offset, places);
    uint32 len = 0;
    for (int i = 0; i < count; ++i) {
        len += pack_number(ring + at + len, static_cast<uint32>(places[i].begin + 1));
        len += pack_number(ring + at + len, static_cast<uint32>(places[i].squashed));
    }
    if (places != one) pfree(places);
    ring_end += len;
    slot.text_hash = text_hash;
    slot.queryid = queryid;
    slot.len = len;
    slot.highest_param = jumble->highest_extern_param_id;
    slot.count = count;
}

bool is_parsed_statement(int64 queryid, const SourceSlice& slice) {
    return parsed_statement.queryid == queryid && parsed_statement.slice.source == slice.source &&
           parsed_statement.slice.location == slice.location &&
           parsed_statement.slice.length == slice.length && is_parsed_now();
}

/// Whether the parser said where the statement is, and that is inside of `around`.
bool is_inside(const SourceSlice& slice, const SourceSlice& around) {
    return slice.length > 0 && slice.location >= around.location &&
           (around.length <= 0 || slice.location + slice.length <= around.location + around.length);
}

}  // namespace

SourceSlice own_slice(const SourceSlice& slice, const SourceSlice& around) {
    if (around.source != nullptr && around.source == slice.source)
        return is_inside(slice, around) ? slice : around;
    // From the start to the end: all of a string of one statement, or one in another that does not say.
    if (slice.location > 0 || slice.length > 0) return slice;
    if (is_parsed_now() && parsed_statement.slice.source == slice.source) return parsed_statement.slice;
    if (slice.source == nullptr ||
        core::has_several_statements({slice.source, strlen(slice.source)}, plain_backslashes()))
        return {nullptr, -1, 0};
    return slice;
}

std::string_view slice_text(const SourceSlice& slice) {
    if (slice.source == nullptr) return {};
    return core::trim_statement({slice.source, strlen(slice.source)}, slice.location, slice.length);
}

void note_parsed(int64 queryid, const SourceSlice& slice, JumbleStateArg jumble, uint8 command) {
    note_client_statement(queryid, slice, command);
    if (jumble == nullptr) return;
    ParsedStatement& parsed = parsed_statement;
    parsed.all_noted = noted_count(jumble) <= ParsedStatement::kMostNoted;
    if (!parsed.all_noted) return;
    parsed.count = copy_noted(jumble, 0, parsed.place);
    parsed.highest_param = jumble->highest_extern_param_id;
}

void note_kept(int64 queryid, const SourceSlice& slice, const SourceSlice& around, JumbleStateArg jumble) {
    const SourceSlice own = own_slice(slice, around);
    const std::string_view text = slice_text(own);
    if (text.data() != nullptr)
        remember(queryid, core::hash64(text, 0), static_cast<int>(text.data() - own.source), jumble);
}

bool noted_constants(int64 queryid, const SourceSlice& slice, std::string_view text, std::string_view part,
                     NotedConstants& noted) {
    if (queryid == 0) return false;
    const bool is_parsed = is_parsed_statement(queryid, slice);
    const uint64 text_hash = is_parsed ? 0 : core::hash64(text, 0);
    const Remembered& slot = slot_for(text_hash);
    if (is_parsed ? !parsed_statement.all_noted
                  : slot.text_hash != text_hash || slot.queryid != queryid || !still_holds(slot))
        return false;
    noted.count = is_parsed ? parsed_statement.count : slot.count;
    noted.highest_param = is_parsed ? parsed_statement.highest_param : slot.highest_param;
    auto* places = allocate_or_null<NotedConstants::Place>(static_cast<Size>(noted.count) + 1);
    if (places == nullptr) return false;
    const uint8* packed = ring + slot.at % kRingBytes;
    for (int i = 0; i < noted.count; ++i) {
        if (is_parsed) {
            places[i] = parsed_statement.place[i];
        } else {
            places[i].begin = static_cast<int>(unpack_number(packed)) - 1;
            places[i].squashed = static_cast<int>(unpack_number(packed));
        }
        // The parser counts from the source's start, a remembered text from its own.
        if (places[i].begin >= 0)
            places[i].begin -= static_cast<int>(part.data() - (is_parsed ? slice.source : text.data()));
    }
    noted.place = places;
    return true;
}

}  // namespace pgsm::glue
