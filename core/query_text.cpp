#include "core/query_text.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace pgsm::core {

// No find() and no substr() of string_view below: the one calls memchr, the other brings in a throw helper,
// and the core's object files may ask for neither (style.md 2, proof 2).

namespace {

constexpr std::string_view kCommentSeparator = ", ";

/// White space as PostgreSQL's scanner has it, whatever the locale.
constexpr bool is_space(char c) noexcept {
    return c == ' ' || (c >= '\t' && c <= '\r');  // \t \n \v \f \r
}

/// Bytes that clean_text() copies whatever stands beside them: most bytes of most texts.
constexpr std::array<bool, 256> kPlain = [] {
    std::array<bool, 256> plain{};
    for (unsigned c = 0; c < plain.size(); ++c)
        plain[c] = c != '/' && c != '-' && c != ' ' && !(c >= '\t' && c <= '\r');
    return plain;
}();

/// A byte that can't begin a character of UTF-8.
constexpr bool is_utf8_continuation(char c) noexcept {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// A byte that begins a character of UTF-8 of more than one byte.
constexpr bool is_utf8_lead(char c) noexcept { return static_cast<unsigned char>(c) >= 0xC0; }

constexpr bool is_ascii(char c) noexcept { return static_cast<unsigned char>(c) < 0x80; }

constexpr bool has_mark(std::string_view text, std::size_t pos, char first, char second) noexcept {
    return text.size() - pos >= 2 && text[pos] == first && text[pos + 1] == second;
}

/// Where the comment that opens at `pos` is over: behind the first */, or 0 when there is none.
constexpr std::size_t comment_end(std::string_view text, std::size_t pos) noexcept {
    for (std::size_t i = pos + 2; i < text.size(); ++i) {
        if (has_mark(text, i, '*', '/')) {
            return i + 2;
        }
    }
    return 0;
}

}  // namespace

std::string_view truncate_at_char(std::string_view text, std::size_t max_bytes,
                                  TextEncoding encoding) noexcept {
    if (text.size() <= max_bytes) {
        return text;
    }
    std::size_t cut = max_bytes;
    switch (encoding) {
    case TextEncoding::kSingleByte:
        break;
    case TextEncoding::kUtf8:
        // No character has more than three continuation bytes. What does not lead back to the first byte
        // of a long character is not UTF-8 and has no better place to cut at.
        for (std::size_t back = 0; cut > 0 && back < 3 && is_utf8_continuation(text[cut]); ++back) {
            --cut;
        }
        if (!is_utf8_lead(text[cut])) {
            cut = max_bytes;
        }
        break;
    case TextEncoding::kMultiByte:
        // A byte from 0x80 on may be anywhere in its character; ASCII on either side of the cut is a sure
        // place.
        if (!is_ascii(text[cut])) {
            while (cut > 0 && !is_ascii(text[cut - 1])) {
                --cut;
            }
        }
        break;
    }
    return {text.data(), cut};
}

std::string_view trim_statement(std::string_view text, std::int64_t location, std::int64_t length) noexcept {
    // PostgreSQL's own rule: a length without a location is not to be trusted.
    std::size_t begin = 0;
    std::size_t end = text.size();
    if (location >= 0) {
        begin = std::min(static_cast<std::size_t>(location), text.size());
        if (length > 0 && static_cast<std::size_t>(length) < text.size() - begin) {
            end = begin + static_cast<std::size_t>(length);
        }
    }
    while (begin < end && is_space(text[begin])) {
        ++begin;
    }
    while (end > begin && (is_space(text[end - 1]) || text[end - 1] == ';')) {
        --end;
    }
    return {text.data() + begin, end - begin};
}

std::size_t clean_text(std::string_view text, std::span<char> out) noexcept {
    // Never writes past what it has read: that is what allows `out` to be the text's own memory.
    std::size_t len = 0;
    bool space_due = false;
    std::size_t pos = 0;
    while (pos < text.size()) {
        if (has_mark(text, pos, '/', '*')) {
            const std::size_t end = comment_end(text, pos);
            pos = end > 0 ? end : text.size();
        } else if (has_mark(text, pos, '-', '-')) {
            while (pos < text.size() && text[pos] != '\n') {
                ++pos;
            }
        } else if (is_space(text[pos])) {
            space_due = len > 0;
            ++pos;
        } else {
            const std::size_t needed = space_due ? 2 : 1;
            if (out.size() - len < needed) {
                break;
            }
            const char c = text[pos++];
            if (space_due) {
                out[len++] = ' ';
                space_due = false;
            }
            out[len++] = c;
            while (pos < text.size() && len < out.size() && kPlain[static_cast<unsigned char>(text[pos])])
                out[len++] = text[pos++];
        }
    }
    return len;
}

std::size_t extract_comments(std::string_view text, std::span<char> out, TextEncoding encoding) noexcept {
    std::size_t len = 0;
    std::size_t pos = 0;
    while (pos < text.size()) {
        if (!has_mark(text, pos, '/', '*')) {
            ++pos;
            continue;
        }
        const std::size_t end = comment_end(text, pos);
        if (end == 0) {
            break;  // not closed, and so is none behind it
        }
        // Begun only where at least the opening mark has room: a lone separator or slash says nothing.
        const std::string_view separator{kCommentSeparator.data(), len > 0 ? kCommentSeparator.size() : 0};
        if (out.size() - len < separator.size() + 2) {
            break;
        }
        std::memcpy(out.data() + len, separator.data(), separator.size());
        len += separator.size();
        const std::string_view whole{text.data() + pos, end - pos};
        const std::string_view kept = truncate_at_char(whole, out.size() - len, encoding);
        std::memcpy(out.data() + len, kept.data(), kept.size());
        len += kept.size();
        if (kept.size() < whole.size()) {
            break;  // a later one that happens to fit would look like the next
        }
        pos = end;
    }
    return len;
}

}  // namespace pgsm::core
