// Packed marks, in the order of the tokens. `distance` is in tokens, from the constant before:
//   1 byte   distance << 1 | minus    one token, or with `minus` a sign and a number
//   10 bytes kLong, distance (4), tokens (4), squashed (1)
// A distance of 0 is a constant that was noted without a place of its own; it uses up a number.
#include "core/api.hpp"

#include "pgglue/constants.hpp"

#include "pgglue/tokens.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

extern "C" {
#include "lib/stringinfo.h"
}

namespace pgsm::glue {
namespace {

constexpr uint8 kLong = 0xFF;

struct Mark {
    uint32 distance;
    uint32 tokens;
    uint8 squashed;
};

struct Packer {
    std::span<uint8> room;
    size_t len;
    bool full;
};

void pack(Packer& packer, const Mark& mark) {
    const bool is_short = mark.distance < kLong / 2 && mark.tokens <= 2 && !mark.squashed;
    const size_t needed = is_short ? 1 : 10;
    if (packer.full || packer.room.size() - packer.len < needed) {
        packer.full = true;
        return;
    }
    uint8* out = packer.room.data() + packer.len;
    packer.len += needed;
    if (is_short) {
        *out = static_cast<uint8>(mark.distance << 1 | (mark.tokens == 2 ? 1 : 0));
        return;
    }
    *out = kLong;
    memcpy(out + 1, &mark.distance, 4);
    memcpy(out + 5, &mark.tokens, 4);
    out[9] = mark.squashed;
}

bool unpack(std::span<const uint8>& packed, Mark& mark) {
    if (packed.empty()) return false;
    if (packed[0] != kLong) {
        mark = {static_cast<uint32>(packed[0]) >> 1, 1u + (packed[0] & 1), 0};
        packed = {packed.data() + 1, packed.size() - 1};
        return true;
    }
    memcpy(&mark.distance, packed.data() + 1, 4);
    memcpy(&mark.tokens, packed.data() + 5, 4);
    mark.squashed = packed[9];
    packed = {packed.data() + 10, packed.size() - 10};
    return true;
}

struct Noted {
    int64 begin;     // from the text's first byte
    int64 squashed;  // bytes of a squashed list, else 0
};

/// The parser's list in the order of the text. Returns how many.
int sorted_notes(int64 offset, JumbleStateArg jumble, Noted* notes) {
    int count = 0;
    for (int i = 0; i < jumble->clocations_count; ++i) {
        [[maybe_unused]] const auto& noted = jumble->clocations[i];
        if (PGSM_KEPT_PARAMETER(jumble, noted)) continue;
        notes[count++] = {noted.location - offset, PGSM_SQUASHED_BYTES(noted)};
    }
    std::sort(notes, notes + count, [](const Noted& a, const Noted& b) { return a.begin < b.begin; });
    return count;
}

std::string_view behind(std::string_view text, int at) {
    return {text.data() + at, text.size() - static_cast<size_t>(at)};
}

/// Where the statement behind EXPLAIN begins; the scanner stands behind that word.
int explained_begin(Scanner& scanner) {
    Token token;
    next_token(scanner, token);
    if (token.kind == '(') {
        const int parenthesis = token.begin;
        next_token(scanner, token);
        if (token.kind == '(' || is_one_of(token, "select", "with", "values", "table")) return parenthesis;
        for (int depth = 1; depth > 0 && token.kind != kEnd; next_token(scanner, token))
            depth += token.kind == '(' ? 1 : token.kind == ')' ? -1 : 0;
    }
    while (is_one_of(token, "analyze", "analyse", "verbose")) next_token(scanner, token);
    return token.begin;
}

/// Where the statement behind PREPARE … AS begins.
int prepared_begin(Scanner& scanner) {
    int depth = 0;
    for (Token token; next_token(scanner, token);) {
        depth += token.kind == '(' ? 1 : token.kind == ')' ? -1 : 0;
        if (depth > 0 || !is_keyword(token, "as")) continue;
        next_token(scanner, token);
        return token.begin;
    }
    return 0;
}

std::string_view inner_part(std::string_view text, bool also_prepared) {
    // Nearly every statement is told by its first letter. A comment or a space may stand before the word.
    const char first = text.empty() ? '\0' : text[0];
    if (first >= 'A' && (first & ~0x20) != 'E' && (first & ~0x20) != 'P') return text;
    Scanner scanner;
    start_scan(scanner, text);
    Token token;
    next_token(scanner, token);
    int begin = 0;
    if (is_keyword(token, "explain"))
        begin = explained_begin(scanner);
    else if (also_prepared && is_keyword(token, "prepare"))
        begin = prepared_begin(scanner);
    end_scan(scanner);
    return behind(text, begin);
}

}  // namespace

std::string_view executed_part(std::string_view text) { return inner_part(text, true); }
std::string_view explained_part(std::string_view text) { return inner_part(text, false); }

bool mark_constants(std::string_view text, int64 offset, JumbleStateArg jumble, std::span<uint8> room,
                    ConstantMarks& marks, ConstantPlaces& places) {
    const int most = jumble->clocations_count;
    auto* notes = static_cast<Noted*>(
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Noted) * (static_cast<size_t>(most) + 1)));
    const int count = sorted_notes(offset, jumble, notes);
    Scanner scanner;
    start_scan(scanner, text);
    Token token;
    bool more = next_token(scanner, token);
    uint32 number = 1;  // of the token
    uint32 last = 0;    // number of the constant's token before
    Packer packer{room, 0, false};
    places.count = 0;
    places.complete = true;
    int param = jumble->highest_extern_param_id;
    for (int i = 0; i < count; ++i) {
        const Noted& note = notes[i];
        const bool duplicate = note.begin < 0 || (i > 0 && note.begin == notes[i - 1].begin);
        while (!duplicate && more && token.begin < note.begin) {
            more = next_token(scanner, token);
            ++number;
        }
        if (duplicate || !more) {
            if (PGSM_DUPLICATES_COUNT) {
                pack(packer, {0, 1, 0});
                ++param;
            }
            continue;
        }
        const uint32 first = number;
        const int begin = token.begin;
        int last_end = token.end;
        const int64 end = note.squashed > 0 ? note.begin + note.squashed : token.end;
        bool sign = note.squashed == 0 && text[static_cast<size_t>(token.begin)] == '-';
        for (;;) {
            more = next_token(scanner, token);
            ++number;
            if (!more || !(token.begin < end || std::exchange(sign, false))) break;
            last_end = token.end;
        }
        pack(packer, {first - last, number - first, note.squashed > 0});
        ++param;
        places.complete = places.complete && places.count < ConstantPlaces::kMost;
        if (places.complete) places.place[places.count++] = {begin, last_end, param, note.squashed > 0};
        last = first;
    }
    while (more) {
        more = next_token(scanner, token);
        ++number;
    }
    end_scan(scanner);
    marks.packed = {room.data(), packer.len};
    marks.tokens = number;
    marks.highest_param = static_cast<uint16>(jumble->highest_extern_param_id);
    return !packer.full;
}

std::string_view replace_places(std::string_view text, const ConstantPlaces& places) {
    if (places.count == 0) return text;
    StringInfoData out;
    initStringInfo(&out);
    enlargeStringInfo(&out, static_cast<int>(text.size()));
    int from = 0;
    for (int i = 0; i < places.count; ++i) {
        const ConstantPlaces::Place& place = places.place[i];
        appendBinaryStringInfo(&out, text.data() + from, place.begin - from);
        appendStringInfo(&out, "$%d%s", place.param, place.squashed ? " /*, ... */" : "");
        from = place.end;
    }
    appendBinaryStringInfo(&out, text.data() + from, static_cast<int>(text.size()) - from);
    return {out.data, static_cast<size_t>(out.len)};
}

std::string_view replace_marked(std::string_view text, const ConstantMarks& marks) {
    if (marks.packed.empty()) return text;
    StringInfoData out;
    initStringInfo(&out);
    Scanner scanner;
    start_scan(scanner, text);
    std::span<const uint8> packed = marks.packed;
    Mark mark{};
    uint32 at = 0;  // number of the token that the mark is for
    int param = marks.highest_param;
    uint32 number = 0;
    int from = 0;
    Token token;
    bool more = true;
    bool marked = false;
    while (more) {
        while (!marked && unpack(packed, mark)) {
            ++param;
            marked = mark.distance > 0;
            at += mark.distance;
        }
        more = next_token(scanner, token);
        ++number;
        if (!more || !marked || number != at) continue;
        appendBinaryStringInfo(&out, text.data() + from, token.begin - from);
        appendStringInfo(&out, "$%d%s", param, mark.squashed ? " /*, ... */" : "");
        for (uint32 rest = 1; rest < mark.tokens && more; ++rest) {
            more = next_token(scanner, token);
            ++number;
        }
        from = token.end;
        marked = false;
    }
    end_scan(scanner);
    if (number != marks.tokens) return {};
    appendBinaryStringInfo(&out, text.data() + from, static_cast<int>(text.size()) - from);
    return {out.data, static_cast<size_t>(out.len)};
}

}  // namespace pgsm::glue
