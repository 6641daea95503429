// Everything that is done to texts, on any bytes in every encoding. AddressSanitizer sees what is read behind
// the text or written behind the buffer; beside it, what the headers promise of the results.
#include "core/message_text.hpp"
#include "core/plan_text.hpp"
#include "core/query_text.hpp"
#include "core/secrets.hpp"
#include "core/sql_statements.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

using namespace pgsm::core;

namespace {

void expect(bool holds) {
    if (!holds) __builtin_trap();
}

/// Exactly `size` bytes on the heap.
struct Room {
    explicit Room(std::size_t size) : bytes(new char[size]), size(size) {}
    std::span<char> span() const { return {bytes.get(), size}; }
    std::unique_ptr<char[]> bytes;
    std::size_t size;
};

bool is_part(std::string_view part, std::string_view of) {
    return part.empty() || (part.data() >= of.data() && part.data() + part.size() <= of.data() + of.size());
}

void clean(std::string_view text) {
    const Room room(text.size());
    const std::size_t length = clean_text(text, room.span());
    expect(length <= text.size());
    const Room again(length);
    const std::string_view cleaned{room.bytes.get(), length};
    expect(length == 0 || (cleaned.front() != ' ' && cleaned.back() != ' '));
    const std::size_t second = clean_text(cleaned, again.span());
    expect(second <= length);
}

/// Tokens in order and within the text, and all that is told from them.
void tokens(std::string_view text, bool plain_backslashes, std::size_t message_room) {
    SqlTokens reader{text, plain_backslashes};
    std::vector<SqlToken> all;
    std::size_t last = 0;
    SqlToken token = reader.next();
    for (; token.kind != TokenKind::end && token.kind != TokenKind::bad; token = reader.next()) {
        expect(token.begin >= last && token.end > token.begin && token.end <= text.size());
        last = token.end;
        all.push_back(token);
    }
    static_cast<void>(statement_kind(text, all));
    static_cast<void>(names_secret(text, all));
    expect(secret_value(text, all) <= all.size());
    expect(behind_secret_word(text, all) <= all.size());
    for (const std::size_t at : {std::size_t{0}, text.size() / 2, text.size()})
        expect(is_part(statement_at(text, at, plain_backslashes), text));
    static_cast<void>(has_several_statements(text, plain_backslashes));
    expect(is_part(executed_part(text, plain_backslashes), text));
    const Room message(message_room);
    const MessageSource source{text, all, token.kind == TokenKind::end, message_room % 2 == 0, message_room % 3 == 0};
    for (const MessageQuotes quotes :
         {MessageQuotes::names, MessageQuotes::values, MessageQuotes::unknown, MessageQuotes::free})
        expect(shown_message({text.data(), std::min<std::size_t>(text.size(), 200)}, quotes, source, message.span()) <=
               message.size);
}

}  // namespace

// The first four bytes are lengths and places, the rest is the text.
void pgsm::core::fuzz::text(const std::uint8_t* data, std::size_t size) {
    if (size < 4) return;
    const Room copy(size - 4);
    if (size > 4) std::memcpy(copy.bytes.get(), data + 4, size - 4);
    const std::string_view text{copy.bytes.get(), copy.size};
    const auto encoding = static_cast<TextEncoding>(data[0] % 3);

    const std::string_view begin = truncate_at_char(text, data[1], encoding);
    expect(begin.size() <= data[1] && is_part(begin, text) && text.starts_with(begin));
    const std::string_view statement =
        trim_statement(text, static_cast<std::int8_t>(data[2]), static_cast<std::int8_t>(data[3]));
    expect(is_part(statement, text));
    expect(statement.empty() || (statement.back() != ';' && statement.back() != ' '));

    clean(text);
    clean(statement);

    const Room comments(data[1] % 2 == 0 ? kCommentsCap : data[1]);
    expect(extract_comments(text, comments.span(), encoding) <= comments.size);

    tokens(text, data[0] % 2 == 0, data[3]);
    tokens(statement, data[0] % 2 == 1, data[1]);

    const Room shape(plan_shape_cap(text.size()));
    expect(plan_shape(text, shape.span()) <= shape.size);
}
