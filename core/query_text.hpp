// What is done to the text of a statement: cut to one statement, cut to a length, cleaned for pgsm_query_id,
// searched for comments. Pure functions over the caller's bytes and buffers; no terminating NUL is read or
// written.
//
// Comment marks count wherever they stand, inside string literals, quoted identifiers and dollar quotes too:
// 2.3 sees it so, and pgsm_query_id and the comments column are compared with it (compat-2.3.md 3.2, 3.3).
#pragma once

#include "core/firewall.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pgsm::core {

/// How to find a place between two characters.
enum class TextEncoding : std::uint8_t {
    kSingleByte,  // any byte is a character: SQL_ASCII, LATIN1, ...
    kUtf8,
    kMultiByte,  // any other server encoding (EUC_*, MULE_INTERNAL): all that is known is that a byte below
                 // 0x80 is a character of its own, as in every encoding a server may have
};

/// Room that the comments of one statement get, in bytes, as in 2.3.
inline constexpr std::size_t kCommentsCap = 256;

/// The beginning of `text`, at most `max_bytes` long, that ends between two characters.
[[nodiscard]] std::string_view truncate_at_char(std::string_view text, std::size_t max_bytes,
                                                TextEncoding encoding = TextEncoding::kUtf8) noexcept;

/// One statement out of a source text, without white space around it and without semicolons at its end.
/// `location` and `length` are the parser's, in bytes: a negative location is "unknown" and means the whole
/// text, a length of 0 or less "the rest"; what lies outside of the text is cut off.
[[nodiscard]] std::string_view trim_statement(std::string_view text, std::int64_t location,
                                              std::int64_t length) noexcept;

/// Writes the form of `text` that pgsm_query_id is the hash of: /* */ comments gone (not nested, with nothing
/// in their place), -- comments gone up to the line's end, each run of white space one space, none at either
/// end. Returns its length, never more than `text` has. With an `out` smaller than `text` it may be cut, at
/// any byte. `out` may begin where `text` does.
[[nodiscard]] std::size_t clean_text(std::string_view text, std::span<char> out) noexcept;

/// Writes all closed /* */ comments, with their marks, joined by ", ". Returns the length, 0 when there is
/// none. What does not fit is left out, the last one cut between two characters.
[[nodiscard]] std::size_t extract_comments(std::string_view text, std::span<char> out,
                                           TextEncoding encoding = TextEncoding::kUtf8) noexcept;

}  // namespace pgsm::core
