// A statement by its words, for who asks what it is.
#pragma once
#include "core/firewall.hpp"

#include "core/sql_tokens.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace pgsm::core {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Whether two texts are the same but for the case of ASCII letters; the second has none in upper case.
constexpr bool same_word(std::string_view text, std::string_view lower_case) noexcept {
    if (text.size() != lower_case.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (lower(text[i]) != lower_case[i]) return false;
    return true;
}

constexpr std::string_view operator""_w(const char* text, std::size_t len) noexcept { return {text, len}; }

/// A statement by its words.
struct Words {
    std::string_view text;
    std::span<const SqlToken> tokens;

    std::string_view word(std::size_t i) const noexcept {
        if (i >= tokens.size() || tokens[i].kind != TokenKind::identifier) return {};
        return {text.data() + tokens[i].begin, tokens[i].end - tokens[i].begin};
    }
    bool is(std::size_t i, std::string_view lower_case) const noexcept {
        return same_word(word(i), lower_case);
    }
    template <typename... Text>
    bool is_one_of(std::size_t i, Text... words) const noexcept {
        return (is(i, words) || ...);
    }
    std::size_t find(std::string_view lower_case, std::size_t from = 0) const noexcept {
        while (from < tokens.size() && !is(from, lower_case)) ++from;
        return from;
    }
    /// An identifier, quoted or not.
    std::string_view name(std::size_t i) const noexcept {
        if (i >= tokens.size() || (tokens[i].kind != TokenKind::identifier &&
                                   tokens[i].kind != TokenKind::quoted_identifier))
            return {};
        return {text.data() + tokens[i].begin, tokens[i].end - tokens[i].begin};
    }
};

}  // namespace pgsm::core
