// What is kept of an error's message. Messages repeat values: of literals, of parameters, of rows.
#pragma once
#include "core/firewall.hpp"

#include "core/sql_tokens.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace pgsm::core {

/// What a message may have in quotes.
enum class MessageQuotes : std::uint8_t {
    names,    ///< of objects: shown
    values,   ///< shown where it is a name in the statement, or the word before says so ("column")
    unknown,  ///< the statement was not understood, or has a secret: only names that are in the text are shown
    free,     ///< written by a function's author: quotes and numbers are values
};

struct MessageSource {
    std::string_view text;             ///< of the statement
    std::span<const SqlToken> tokens;  ///< what is kept of it; none when it can't be read
    bool readable;
    bool hides_constants;  ///< pgsm_normalized_query; else only secrets are hidden
    bool hides_literals;   ///< each literal is a secret
};

/// Writes the message with what it may not show replaced by …; at most as long as `out`, which may end inside of a
/// character. Returns the length.
[[nodiscard]] std::size_t shown_message(std::string_view message, MessageQuotes quotes,
                                        const MessageSource& source, std::span<char> out) noexcept;

}  // namespace pgsm::core
