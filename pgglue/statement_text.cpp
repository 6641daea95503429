#include "core/api.hpp"

#include "pgglue/statement_text.hpp"

#include "pgglue/guc.hpp"

#include <algorithm>
#include <cstring>

extern "C" {
#include "common/hashfn.h"
#include "common/keywords.h"
#include "mb/pg_wchar.h"
#include "parser/scanner.h"
#include "parser/gramparse.h"
#include "utils/memutils.h"
}

namespace pgsm::glue {
namespace {

struct Remembered {
    int64 queryid;
    int64 pgsm_query_id;
    uint64 text_at;   // place in the endless stream that text_ring is the end of
    uint32 text_len;  // 0: the text was not needed
    bool known;
};

constexpr uint32 kSlots = 768;
constexpr uint32 kRingBytes = 28 * 1024;
Remembered remembered[kSlots];
char text_ring[kRingBytes];
uint64 ring_end;
static_assert(sizeof remembered + sizeof text_ring <= 56 * 1024, "a backend's own memory is bounded (P1)");

Remembered& slot_of(int64 queryid) { return remembered[static_cast<uint64>(queryid) % kSlots]; }

bool text_remembered(const Remembered& slot) {
    return slot.text_len != 0 && ring_end - slot.text_at <= kRingBytes;
}

/// Keeps a text in one piece; too long a one is made anew each time it is needed.
void ring_put(Remembered& slot, std::string_view text) {
    slot.text_len = 0;
    if (text.size() > kRingBytes / 4) return;
    const uint32 at = static_cast<uint32>(ring_end % kRingBytes);
    if (at + text.size() > kRingBytes) ring_end += kRingBytes - at;
    slot.text_at = ring_end;
    slot.text_len = static_cast<uint32>(text.size());
    memcpy(text_ring + ring_end % kRingBytes, text.data(), text.size());
    ring_end += text.size();
}

struct Constant {
    int location;  // from the statement's first byte
    int length;    // bytes; -1: not there, or a duplicate
};

bool is_constant_token(int token) {
    return token == ICONST || token == FCONST || token == SCONST || token == USCONST || token == BCONST ||
           token == XCONST;
}

/// Lengths of the constants, by the server's own scanner; a sign in front of a number belongs to it. With no
/// constants given, finds those that the scanner sees (`found` up to `cap`) and the highest $n.
int scan_constants(const char* text, Constant* constants, int count, int cap, int* highest_param) {
    core_yy_extra_type extra;
    core_YYSTYPE value;
    YYLTYPE at = 0;
    core_yyscan_t scanner = scanner_init(text, &extra, &ScanKeywords, ScanKeywordTokens);
    extra.escape_string_warning = false;
    int next = 0;
    bool end = false;
    if (constants != nullptr && cap == 0) {
        for (; next < count && !end; ++next) {
            if (constants[next].length < 0) continue;
            for (;;) {
                int token = core_yylex(&value, &at, scanner);
                if (token == 0) {
                    end = true;
                    break;
                }
                if (at < constants[next].location) continue;
                const int start = at;
                if (text[start] == '-') token = core_yylex(&value, &at, scanner);
                if (token == 0)
                    end = true;
                else
                    constants[next].length = static_cast<int>(strlen(extra.scanbuf + start));
                break;
            }
        }
        // What was not reached (the text was changed behind our back) is left as it is.
        for (; next < count; ++next) constants[next].length = -1;
        scanner_finish(scanner);
        return count;
    }
    int found = 0;
    for (int token; (token = core_yylex(&value, &at, scanner)) != 0;) {
        if (token == PARAM) *highest_param = std::max(*highest_param, value.ival);
        if (!is_constant_token(token) || found == cap) continue;
        constants[found].location = at;
        constants[found++].length = static_cast<int>(strlen(extra.scanbuf + at));
    }
    scanner_finish(scanner);
    return found;
}

/// The text with $n in the places of the constants, numbered behind the highest parameter in it.
std::string_view replace_constants(std::string_view text, const Constant* constants, int count,
                                   int highest_param) {
    auto* out = static_cast<char*>(palloc(text.size() + static_cast<size_t>(count) * 11 + 1));
    size_t len = 0;
    size_t from = 0;
    for (int i = 0; i < count; ++i) {
        if (constants[i].length < 0) continue;
        const auto at = static_cast<size_t>(constants[i].location);
        if (at < from || at + static_cast<size_t>(constants[i].length) > text.size()) continue;
        memcpy(out + len, text.data() + from, at - from);
        len += at - from;
        len += static_cast<size_t>(sprintf(out + len, "$%d", i + 1 + highest_param));
        from = at + static_cast<size_t>(constants[i].length);
    }
    memcpy(out + len, text.data() + from, text.size() - from);
    return {out, len + text.size() - from};
}

char* terminated(std::string_view text) { return pnstrdup(text.data(), text.size()); }

std::string_view normalize_jumbled(std::string_view text, const char* source, JumbleStateArg jumble) {
    const int count = jumble->clocations_count;
    if (count <= 0) return text;
    const int offset = static_cast<int>(text.data() - source);
    auto* constants = static_cast<Constant*>(palloc(sizeof(Constant) * static_cast<size_t>(count)));
    for (int i = 0; i < count; ++i) constants[i] = {jumble->clocations[i].location - offset, 0};
    std::sort(constants, constants + count,
              [](const Constant& a, const Constant& b) { return a.location < b.location; });
    for (int i = 0; i < count; ++i) {
        const bool outside =
            constants[i].location < 0 || static_cast<size_t>(constants[i].location) >= text.size();
        if (outside || (i > 0 && constants[i].location == constants[i - 1].location))
            constants[i].length = -1;
    }
    scan_constants(terminated(text), constants, count, 0, nullptr);
    return replace_constants(text, constants, count, jumble->highest_extern_param_id);
}

/// What is left when the parser's list of constants is gone: every literal that the scanner sees.
std::string_view normalize_scanned(std::string_view text) {
    const int cap = static_cast<int>(text.size() / 2 + 1);
    auto* constants = static_cast<Constant*>(palloc(sizeof(Constant) * static_cast<size_t>(cap)));
    int highest_param = 0;
    const int count = scan_constants(terminated(text), constants, 0, cap, &highest_param);
    return replace_constants(text, constants, count, highest_param);
}

int64 hash_text(std::string_view text) {
    return static_cast<int64>(hash_bytes_extended(reinterpret_cast<const unsigned char*>(text.data()),
                                                  static_cast<int>(text.size()), 0));
}

void remember(int64 queryid, std::string_view normalized) {
    Remembered& slot = slot_of(queryid);
    slot.queryid = queryid;
    slot.known = plain_query_id(normalized, &slot.pgsm_query_id);
    ring_put(slot,
             core::truncate_at_char(normalized, static_cast<size_t>(pgsm_query_max_len), text_encoding()));
}

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

void remember_statement(int64 queryid, const SourceSlice& slice, JumbleStateArg jumble) {
    const Remembered& slot = slot_of(queryid);
    if (slot.queryid == queryid && slot.known && (!pgsm_normalized_query || text_remembered(slot))) return;
    if (!pgsm_enable_pgsm_query_id && !pgsm_normalized_query) return;
    MemoryContext scratch =
        AllocSetContextCreate(CurrentMemoryContext, "pg_stat_monitor text", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(scratch);
    const std::string_view text = slice_text(slice);
    remember(queryid, jumble != nullptr ? normalize_jumbled(text, slice.source, jumble) : text);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(scratch);
}

StatementText statement_text(int64 queryid, const SourceSlice& slice, bool normalized) {
    StatementText result{};
    const Remembered& slot = slot_of(queryid);
    const bool known = slot.queryid == queryid && slot.known;
    const bool need_text = normalized && !(known && text_remembered(slot));
    if ((need_text || !known) && (normalized || pgsm_enable_pgsm_query_id))
        remember(queryid, normalize_scanned(slice_text(slice)));
    result.has_pgsm_query_id =
        pgsm_enable_pgsm_query_id && slot.queryid == queryid && slot.known && slot.pgsm_query_id != 0;
    result.pgsm_query_id = slot.pgsm_query_id;
    if (!normalized)
        result.text = slice_text(slice);
    else if (text_remembered(slot))
        result.text = {text_ring + slot.text_at % kRingBytes, slot.text_len};
    else
        result.text = normalize_scanned(slice_text(slice));
    result.text =
        core::truncate_at_char(result.text, static_cast<size_t>(pgsm_query_max_len), text_encoding());
    return result;
}

}  // namespace pgsm::glue
