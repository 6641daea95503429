// Which statements have secrets in them, told from their tokens: what a statement is decides, not how a secret
// is spelled. By the tokens, since a statement that failed has no tree.
#pragma once
#include "core/firewall.hpp"

#include "core/sql_tokens.hpp"

#include <span>
#include <string_view>

namespace pgsm::core {

enum class StatementKind : std::uint8_t {
    query,    ///< SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES, TABLE, WITH
    utility,  ///< anything else
    secret,   ///< its literals are passwords, connections, commands or program text
};

/// What the statement is. `tokens` are all of `text`, the end excepted.
[[nodiscard]] StatementKind statement_kind(std::string_view text, std::span<const SqlToken> tokens) noexcept;

/// Where in a statement that sets a secret the value begins, literal or not: the number of that token; the
/// number of tokens when nothing is to be cut. Of SET, and of ALTER … SET.
[[nodiscard]] std::size_t secret_value(std::string_view text, std::span<const SqlToken> tokens) noexcept;

/// The same for a text that is no statement (a syntax error): behind the first word that speaks of a secret,
/// for nobody knows how it was meant to go on.
[[nodiscard]] std::size_t behind_secret_word(std::string_view text,
                                             std::span<const SqlToken> tokens) noexcept;

/// Whether a text (a name, a comment, part of a message) has a word like "password" in it, or a URI with user
/// information.
[[nodiscard]] bool speaks_of_secret(std::string_view text) noexcept;

/// The same of what a string literal means; `literal` is the token.
[[nodiscard]] bool literal_speaks_of_secret(std::string_view literal) noexcept;

/// Whether a quoted name is a connection string that somebody has put into the wrong quotes.
[[nodiscard]] bool is_misquoted_secret(std::string_view name) noexcept;

/// Whether a name or a literal in the statement speaks of a secret, so that any of its literals may be one (the
/// value of set_config(), what format() puts behind PASSWORD).
[[nodiscard]] bool names_secret(std::string_view text, std::span<const SqlToken> tokens) noexcept;

}  // namespace pgsm::core
