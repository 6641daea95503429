// The tokens of an SQL text, with the boundaries that PostgreSQL's own scanner gives them. Ours, because the
// server's can't be asked where a text is most often needed: it raises errors for what it can't read (inside
// the reporting of another error there is no way back from that) and tells the client about long names.
// tests/tap/t/037_scanner.pl holds it against the server's.
//
// Only boundaries and kinds: no value is decoded, nothing is allocated, no text is refused but one whose
// literal, quoted name or comment does not end.
#pragma once
#include "core/firewall.hpp"

#include <cstdint>
#include <string_view>

namespace pgsm::core {

enum class TokenKind : std::uint8_t {
    end,
    bad,                ///< a literal, quoted name or comment that does not end; nothing behind it is read
    identifier,         ///< or a key word; N of N'…' is one, as in the server
    quoted_identifier,  ///< "…", U&"…"
    string,             ///< '…', E'…', U&'…', $$…$$, continued ones included
    bit_string,         ///< B'…', X'…'
    number,             ///< without a sign; also what the server calls junk behind a number
    parameter,          ///< $1
    symbol,             ///< one character: SqlToken::symbol
    operation,          ///< any longer operator, ::, .., :=, =>
};

struct SqlToken {
    TokenKind kind;
    char symbol;         ///< of a symbol the character, of :: a colon; else 0
    std::uint32_t begin; ///< bytes from the text's start
    std::uint32_t end;
};

/// Reads a text once, front to back.
class SqlTokens {
public:
    /// `plain_backslashes`: the server's standard_conforming_strings. Texts of 4 GB and more end there.
    explicit SqlTokens(std::string_view text, bool plain_backslashes = true) noexcept
        : text_{text.data(), text.size() < UINT32_MAX ? text.size() : UINT32_MAX - 1},
          plain_backslashes_(plain_backslashes) {}

    /// The next token; at the text's end again and again `end`, after something bad again and again `bad`.
    SqlToken next() noexcept;

    /// Whether a comment has been passed so far.
    bool met_comment() const noexcept { return met_comment_; }

private:
    char at(std::uint32_t pos) const noexcept { return pos < text_.size() ? text_[pos] : '\0'; }
    /// Behind the characters of these classes from `pos` on.
    std::uint32_t behind(std::uint32_t pos, std::uint8_t classes) const noexcept;
    bool skip_blank() noexcept;
    bool skip_comment() noexcept;
    SqlToken made(TokenKind kind, std::uint32_t begin, char symbol = 0) const noexcept {
        return {kind, symbol, begin, pos_};
    }
    SqlToken quoted(TokenKind kind, std::uint32_t begin, char quote, bool doubles, bool backslashes) noexcept;
    SqlToken string(TokenKind kind, std::uint32_t begin, bool doubles, bool backslashes) noexcept;
    SqlToken dollar(std::uint32_t begin) noexcept;
    SqlToken word(std::uint32_t begin) noexcept;
    SqlToken number(std::uint32_t begin) noexcept;
    SqlToken operation(std::uint32_t begin) noexcept;
    bool continues() noexcept;

    std::string_view text_;
    std::uint32_t pos_ = 0;
    bool plain_backslashes_;
    bool met_comment_ = false;
};

}  // namespace pgsm::core
