// Passwords in utility statements (CREATE ROLE … PASSWORD 'x', OPTIONS (password 'x'), CONNECTION
// 'password=x') are replaced before a text is kept. By the look of the text alone, since a statement with an
// error in it has no tree.
#pragma once
#include "core/firewall.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace pgsm::core {

/// True when the text has the word "password" in it, in any case: only then redact_passwords() can change
/// something.
bool mentions_password(std::string_view text) noexcept;

/// Room that redact_passwords() may need for a text of this length: each password can become longer, by three
/// bytes.
constexpr std::size_t redacted_cap(std::size_t text_len) noexcept { return text_len + text_len / 8 * 5 + 8; }

/// Writes the text with each literal (or conninfo value) behind the word "password" replaced by ***. Returns
/// the length; what does not fit into `out` is cut.
std::size_t redact_passwords(std::string_view text, std::span<char> out) noexcept;

}  // namespace pgsm::core
