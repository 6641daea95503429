#include "core/api.hpp"

#include "pgglue/statement_text.hpp"

#include "pgglue/constants.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/tokens.hpp"

#include <climits>
#include <cstring>

extern "C" {
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
}

namespace pgsm::glue {
namespace {

constexpr std::string_view kNoText = "Query string not available";

/// A text being written; what does not fit is left out, and the text is unusable then.
struct Output {
    char* data;
    Size cap;
    Size len;

    void put(std::string_view text) {
        const Size n = text.size() < cap - len ? text.size() : cap - len;
        if (n != 0) memcpy(data + len, text.data(), n);
        len += n;
    }
    void put_param(const Replaced& replaced) {
        char number[12];
        char* begin = number + sizeof number;
        uint32 rest = static_cast<uint32>(replaced.param);
        do *--begin = static_cast<char>('0' + rest % 10);
        while ((rest /= 10) != 0);
        *--begin = '$';
        put({begin, static_cast<Size>(number + sizeof number - begin)});
        if (replaced.squashed) put(" /*, ... */");
    }
    std::string_view view() const { return {data, len}; }
};

/// How a text is to be rewritten.
struct Rewriting {
    const Tokens& tokens;
    bool all_secret;         // each literal is one
    bool check_comments;     // one may speak of one
    bool drop_comments;      // each may be one
    uint32 cut;              // token from which on nothing is kept
    const Replaced* replaced;
    int replaced_count;      // 0 also where constants are kept
    bool found_secret;
};

bool is_literal(const core::SqlToken& token) {
    return token.kind == core::TokenKind::string || token.kind == core::TokenKind::bit_string;
}

bool is_secret(const Rewriting& work, uint32 i) { return work.all_secret && is_literal(work.tokens.all[i]); }

/// White space and comments between two tokens.
void put_gap(Rewriting& work, Output& out, std::string_view gap) {
    if (!work.check_comments || gap.empty()) return out.put(gap);
    bool blank = true;
    for (const char c : gap) blank = blank && static_cast<unsigned char>(c) <= ' ';
    if (blank) return out.put(gap);
    if (!work.drop_comments && !core::speaks_of_secret(gap)) return out.put(gap);
    work.found_secret = true;
    out.put(" /* *** */ ");
}

/// Where nothing can be a secret: all but the constants is copied as it is.
void splice(const Rewriting& work, Output& out) {
    const std::string_view text = work.tokens.text;
    uint32 from = 0;
    for (int i = 0; i < work.replaced_count; ++i) {
        const Replaced& replaced = work.replaced[i];
        out.put({text.data() + from, replaced.begin - from});
        out.put_param(replaced);
        from = replaced.end;
    }
    out.put({text.data() + from, text.size() - from});
}

bool may_have_secret(const Rewriting& work) {
    return work.all_secret || work.check_comments || work.cut < work.tokens.count ||
           work.tokens.has(core::TokenKind::quoted_identifier);
}

/// Writes the text from token 0 to the end, or to where it is cut.
void rewrite(Rewriting& work, Output& out) {
    const Tokens& tokens = work.tokens;
    const Replaced* next = work.replaced;
    const Replaced* const end = work.replaced + work.replaced_count;
    uint32 from = 0;
    for (uint32 i = 0; i < tokens.count; ++i) {
        const core::SqlToken& token = tokens.all[i];
        if (i >= work.cut) {
            put_gap(work, out, {tokens.text.data() + from, token.begin - from});
            work.found_secret = true;
            return out.put("***");
        }
        const bool replaced = next != end && next->first == i;
        const uint32 begin = replaced ? next->begin : token.begin;
        if (begin > from) put_gap(work, out, {tokens.text.data() + from, begin - from});
        from = replaced ? next->end : token.end;
        if (is_secret(work, i)) {
            work.found_secret = true;
            out.put("'***'");
        } else if (replaced) {
            out.put_param(*next);
        } else if (token.kind == core::TokenKind::quoted_identifier &&
                   core::is_misquoted_secret(tokens.text_of(i))) {
            work.found_secret = true;
            out.put("\"***\"");
        } else {
            out.put(tokens.text_of(i));
        }
        if (replaced) i += next++->count - 1;
    }
    put_gap(work, out, {tokens.text.data() + from, tokens.text.size() - from});
}

struct Made {
    std::string_view text;  // without data: it can't be read, or memory is short
    bool found_secret;
    bool beyond_notes;      // constants were replaced that the parser has not noted
};

/// `replace`: its constants.
Made make_text(const Tokens& tokens, TextKind kind, bool replace, NotedConstants* noted) {
    Rewriting work{tokens, false, tokens.met_comment, false, tokens.count, nullptr, 0, false};
    const core::StatementKind is = core::statement_kind(tokens.text, tokens.span());
    const bool unparsed = kind == TextKind::unparsed;
    work.all_secret = is == core::StatementKind::secret || (unparsed && !replace);
    work.drop_comments = is == core::StatementKind::secret || unparsed;
    // Where constants are replaced it matters for ids alone, and those of what is planned have no constants.
    const bool may_speak = !replace || kind != TextKind::planned;
    if (is == core::StatementKind::secret)
        work.cut = static_cast<uint32>(core::secret_value(tokens.text, tokens.span()));
    if (unparsed)
        work.cut = Min(work.cut, static_cast<uint32>(core::behind_secret_word(tokens.text, tokens.span())));
    if (!work.all_secret && may_speak && tokens.has_literal() && core::names_secret(tokens.text, tokens.span()))
        work.all_secret = true;
    Replaced few[32];
    if (replace) {
        const bool query = kind == TextKind::planned || is == core::StatementKind::query;
        Replaced* found = tokens.count < 32 ? few : allocate_or_null<Replaced>(Size{tokens.count} + 1);
        if (found == nullptr) return {};
        work.replaced_count =
            find_constants(tokens, query ? ConstantsOf::query : ConstantsOf::literals, noted, found);
        if (work.replaced_count < 0) return {};
        work.replaced = found;
    }
    // A literal of two quotes, a number and a list may become longer, by some 20 bytes; a comment by 8.
    const Size cap = tokens.text.size() + static_cast<Size>(work.replaced_count) * 24 +
                     (work.check_comments || work.all_secret ? Size{tokens.count} * 12 : 0) + 32;
    Output out{allocate_or_null<char>(cap), cap, 0};
    if (out.data == nullptr) return {};
    if (may_have_secret(work))
        rewrite(work, out);
    else
        splice(work, out);
    return {out.view(), work.found_secret, work.replaced_count > (noted != nullptr ? noted->count : 0)};
}

/// True when there is nothing to replace and nothing to hide: the text may be shown as it is.
bool is_plain(const Tokens& tokens, const NotedConstants& noted) {
    return noted.count == 0 && !tokens.met_comment && !tokens.has_literal() &&
           !tokens.has(core::TokenKind::number) && !tokens.has(core::TokenKind::quoted_identifier);
}

int64 hash_text(std::string_view text) {
    return static_cast<int64>(hash_bytes_extended(reinterpret_cast<const unsigned char*>(text.data()),
                                                  static_cast<int>(text.size()), 0));
}

/// The text in which constants are replaced.
Made normalized_text(int64 queryid, const SourceSlice& slice, std::string_view text, TextKind kind) {
    const bool plain = plain_backslashes();
    const std::string_view part = kind == TextKind::planned ? core::executed_part(text, plain) : text;
    TokenRoom room;
    Tokens tokens{};
    if (!read_tokens(part, room, tokens)) return {};
    NotedConstants noted{};
    const bool may_be_noted =
        kind == TextKind::planned || (kind == TextKind::utility && parsed_statement.count != 0);
    const bool known = may_be_noted && noted_constants(queryid, slice, text, part, noted);
    if (kind == TextKind::planned && known && is_plain(tokens, noted)) return {part, false, false};
    return make_text(tokens, kind, true, known ? &noted : nullptr);
}

/// The text with its constants.
Made plain_text(std::string_view text, TextKind kind) {
    TokenRoom room;
    Tokens tokens{};
    const std::string_view part =
        kind == TextKind::planned ? core::explained_part(text, plain_backslashes()) : text;
    if (!read_tokens(part, room, tokens)) return {};
    return make_text(tokens, kind, false, nullptr);
}

}  // namespace

core::TextEncoding text_encoding() {
    const int encoding = GetDatabaseEncoding();
    if (encoding == PG_UTF8) return core::TextEncoding::kUtf8;
    return pg_database_encoding_max_length() == 1 ? core::TextEncoding::kSingleByte
                                                  : core::TextEncoding::kMultiByte;
}

bool plain_query_id(std::string_view text, int64* id) {
    char small[1024];
    char* buffer = small;
    if (text.size() > sizeof small) {
        buffer = allocate_or_null<char>(text.size());
        if (buffer == nullptr) return false;
    }
    const size_t len =
        core::clean_text(text, {buffer, text.size() > sizeof small ? text.size() : sizeof small});
    const bool fits = len <= INT_MAX;
    if (fits) *id = hash_text({buffer, len});
    if (buffer != small) pfree(buffer);
    return fits;
}

namespace {

/// The same, faster for a text that comes again: without their constants many utility statements are one.
bool id_of_utility(std::string_view text, int64* id) {
    struct Last {
        uint32 len;
        int64 id;
        char text[240];
    };
    static Last last;
    if (text.size() == last.len && memcmp(text.data(), last.text, last.len) == 0) {
        *id = last.id;
        return true;
    }
    if (!plain_query_id(text, id)) return false;
    if (text.size() <= sizeof last.text) {
        memcpy(last.text, text.data(), text.size());
        last.len = static_cast<uint32>(text.size());
        last.id = *id;
    }
    return true;
}

}  // namespace

StatementText statement_text(int64 queryid, const SourceSlice& slice, TextKind kind) {
    StatementText result{};
    const std::string_view text = slice_text(slice);
    // What is planned is identified by its text without constants, whatever is shown of it.
    const bool by_normalized = kind == TextKind::planned && pgsm_enable_pgsm_query_id;
    Made normalized{};
    if (text.data() != nullptr && (pgsm_normalized_query || by_normalized))
        normalized = normalized_text(queryid, slice, text, kind);
    Made kept = normalized;
    if (text.data() != nullptr && !pgsm_normalized_query) kept = plain_text(text, kind);
    const std::string_view identified = by_normalized ? normalized.text : kept.text;
    if (pgsm_enable_pgsm_query_id && identified.data() != nullptr)
        result.has_pgsm_query_id =
            (kind == TextKind::utility ? id_of_utility(identified, &result.pgsm_query_id)
                                       : plain_query_id(identified, &result.pgsm_query_id)) &&
            result.pgsm_query_id != 0;
    result.has_secret = kept.found_secret;
    result.id_tells = kind != TextKind::planned && (kept.found_secret || kept.beyond_notes);
    result.text = kept.text.data() != nullptr ? kept.text : kNoText;
    if ((kind == TextKind::unparsed || queryid == 0 || result.id_tells) && result.text.size() <= INT_MAX)
        result.kept_hash = hash_text(result.text);
    result.text =
        core::truncate_at_char(result.text, static_cast<size_t>(pgsm_query_max_len), text_encoding());
    return result;
}

std::string_view plan_without_constants(std::string_view plan) {
    const Size cap = core::plan_shape_cap(plan.size());
    auto* out = allocate_or_null<char>(cap);
    if (out == nullptr) return {};
    return {out, core::plan_shape(plan, {out, cap})};
}

}  // namespace pgsm::glue
