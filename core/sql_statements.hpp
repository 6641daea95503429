// Statements within texts: which of several a place belongs to, and what is inside EXPLAIN and PREPARE.
#pragma once
#include "core/firewall.hpp"

#include <cstddef>
#include <string_view>

namespace pgsm::core {

/// The statement that has the byte `at`, from behind the semicolon before it to its own, both left out. A place
/// behind the last statement gives what is there. Where the text can't be read it goes to the text's end.
/// `plain_backslashes`: see SqlTokens.
[[nodiscard]] std::string_view statement_at(std::string_view text, std::size_t at,
                                            bool plain_backslashes) noexcept;

/// Whether more than one statement is in the text; also when it can't be read.
[[nodiscard]] bool has_several_statements(std::string_view text, bool plain_backslashes) noexcept;

/// Of EXPLAIN … the statement behind it, of any other text all.
[[nodiscard]] std::string_view explained_part(std::string_view text, bool plain_backslashes) noexcept;

/// The same, and of PREPARE … AS what it prepares.
[[nodiscard]] std::string_view executed_part(std::string_view text, bool plain_backslashes) noexcept;

}  // namespace pgsm::core
