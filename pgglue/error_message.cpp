#include "core/api.hpp"

#include "pgglue/error_message.hpp"

#include "pgglue/guc.hpp"
#include "pgglue/tokens.hpp"

#include <cstring>

namespace pgsm::glue {

bool is_written_by_users(const ErrorData* error) {
    return error->message_id != nullptr && strcmp(error->message_id, "%s") == 0;
}

namespace {

core::MessageQuotes quotes_of(const ErrorData* error, bool unknown) {
    if (unknown) return core::MessageQuotes::unknown;
    if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_DATA_EXCEPTION) return core::MessageQuotes::values;
    return is_written_by_users(error) ? core::MessageQuotes::free : core::MessageQuotes::names;
}

}  // namespace

std::string_view error_message(const ErrorData* error, const SourceSlice& slice, TextKind kind,
                               bool has_secret, char* out, size_t cap) {
    if (error->message == nullptr) return {};
    // It may be of the statement's own program text (DO).
    if (has_secret && is_written_by_users(error)) return "...";
    const bool unparsed = kind == TextKind::unparsed;
    const std::string_view text = slice_text(slice);
    TokenRoom room;
    Tokens tokens{};
    const bool readable = read_tokens(text, room, tokens);
    core::MessageSource source{text, readable ? tokens.span() : std::span<const core::SqlToken>{}, readable,
                               pgsm_normalized_query, has_secret};
    if (unparsed && readable) source.tokens = {tokens.all, core::behind_secret_word(text, tokens.span())};
    const core::MessageQuotes quotes = quotes_of(error, has_secret || !readable || unparsed);
    const size_t len =
        core::shown_message({error->message, strlen(error->message)}, quotes, source, {out, cap});
    return core::truncate_at_char({out, len}, kMessageBytes, text_encoding());
}

}  // namespace pgsm::glue
