#include "core/redact.hpp"

#include <algorithm>
#include <cstring>

namespace pgsm::core {
namespace {

constexpr std::string_view kWord = "password";
constexpr std::string_view kStars = "***";

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_name(char c) noexcept {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || (c & 0x80) != 0;
}

bool word_at(std::string_view text, std::size_t at) noexcept {
    if ((text[at] | 0x20) != 'p' || text.size() - at < kWord.size()) return false;
    for (std::size_t i = 0; i < kWord.size(); ++i)
        if (lower(text[at + i]) != kWord[i]) return false;
    return true;
}

std::size_t find_word(std::string_view text, std::size_t from) noexcept {
    while (from < text.size() && !word_at(text, from)) ++from;
    return from;
}

/// Behind white space and comments.
std::size_t skip_blank(std::string_view text, std::size_t at) noexcept {
    for (;;) {
        while (at < text.size() && is_space(text[at])) ++at;
        if (at + 1 < text.size() && text[at] == '-' && text[at + 1] == '-') {
            while (at < text.size() && text[at] != '\n') ++at;
        } else if (at + 1 < text.size() && text[at] == '/' && text[at + 1] == '*') {
            at += 2;
            while (at < text.size() && !(text[at - 1] == '*' && text[at] == '/')) ++at;
            at = std::min(at + 1, text.size());
        } else {
            return at;
        }
    }
}

/// Behind the literal that `at` (its opening quote) begins; the end of the text if it is not closed.
std::size_t skip_quoted(std::string_view text, std::size_t at, bool backslashes) noexcept {
    for (++at; at < text.size(); ++at) {
        if (backslashes && text[at] == '\\') {
            ++at;
        } else if (text[at] == '\'') {
            if (at + 1 < text.size() && text[at + 1] == '\'')
                ++at;
            else
                return at + 1;
        }
    }
    return text.size();
}

/// Behind $tag$…$tag$; `at` itself if no dollar quote begins there.
std::size_t skip_dollar_quoted(std::string_view text, std::size_t at) noexcept {
    std::size_t tag_end = at + 1;
    while (tag_end < text.size() && is_name(text[tag_end])) ++tag_end;
    if (tag_end >= text.size() || text[tag_end] != '$') return at;
    const std::size_t tag_len = tag_end + 1 - at;
    for (std::size_t i = tag_end + 1; i + tag_len <= text.size(); ++i)
        if (std::memcmp(text.data() + i, text.data() + at, tag_len) == 0) return i + tag_len;
    return text.size();
}

/// A value of a connection string, inside a literal: up to white space or the quote that ends the literal. A
/// quoted value is written with doubled quotes there.
std::size_t skip_conninfo_value(std::string_view text, std::size_t at) noexcept {
    const bool quoted = at + 1 < text.size() && text[at] == '\'' && text[at + 1] == '\'';
    if (quoted) {
        for (at += 2; at + 1 < text.size(); ++at)
            if (text[at] == '\'' && text[at + 1] == '\'') return at + 2;
        return text.size();
    }
    while (at < text.size() && !is_space(text[at]) && text[at] != '\'') ++at;
    return at;
}

/// End of the secret that begins at `at`; `at` when there is none.
std::size_t secret_end(std::string_view text, std::size_t at) noexcept {
    if (at >= text.size()) return at;
    const char c = lower(text[at]);
    if (c == '\'') return skip_quoted(text, at, true);
    if ((c == 'e' || c == 'n' || c == 'b' || c == 'x') && at + 1 < text.size() && text[at + 1] == '\'')
        return skip_quoted(text, at + 1, true);
    if (c == 'u' && at + 2 < text.size() && text[at + 1] == '&' && text[at + 2] == '\'')
        return skip_quoted(text, at + 2, false);
    if (c == '$') return skip_dollar_quoted(text, at);
    return at;
}

}  // namespace

bool mentions_password(std::string_view text) noexcept { return find_word(text, 0) < text.size(); }

std::size_t redact_passwords(std::string_view text, std::span<char> out) noexcept {
    std::size_t len = 0;
    const auto put = [&](std::size_t from, std::size_t to) noexcept {
        const std::size_t n = std::min(to - from, out.size() - len);
        if (n != 0) std::memcpy(out.data() + len, text.data() + from, n);
        len += n;
    };
    const auto put_stars = [&](bool quotes) noexcept {
        const std::string_view stars = quotes ? std::string_view{"'***'"} : kStars;
        const std::size_t n = std::min(stars.size(), out.size() - len);
        std::memcpy(out.data() + len, stars.data(), n);
        len += n;
    };
    std::size_t copied = 0;
    for (std::size_t at = find_word(text, 0); at < text.size(); at = find_word(text, at)) {
        at += kWord.size();
        std::size_t value = skip_blank(text, at);
        const bool conninfo = value < text.size() && text[value] == '=';
        if (conninfo) value = skip_blank(text, value + 1);
        // `password = 'x'` may also be an ordinary literal; a literal that the conninfo's own ends is no
        // value.
        std::size_t end = conninfo ? skip_conninfo_value(text, value) : secret_end(text, value);
        if (conninfo && end == value) end = secret_end(text, value);
        if (end == value) continue;
        put(copied, value);
        put_stars(!conninfo);
        copied = at = end;
    }
    put(copied, text.size());
    return len;
}

}  // namespace pgsm::core
