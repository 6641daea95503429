// Everything that is done to texts, on any bytes in every encoding. AddressSanitizer sees what is read behind
// the text or written behind the buffer; beside it, what the headers promise of the results.
#include "core/query_text.hpp"
#include "core/redact.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <cstring>
#include <memory>
#include <string>

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

    const Room full(redacted_cap(text.size()));
    const std::size_t length = redact_passwords(text, full.span());
    expect(length <= full.size);
    const Room small(data[3]);
    expect(redact_passwords(text, small.span()) <= small.size);
    if (!mentions_password(text)) expect(std::string_view(full.bytes.get(), length) == text);
}
