// The tokens of a whole text, in memory of the server's.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"

#include <span>

namespace pgsm::glue {

/// All tokens of a text but the end, with room for one more behind them.
struct Tokens {
    std::string_view text;
    const core::SqlToken* all;
    uint32 count;
    uint32 kinds;  // a bit for each core::TokenKind that there is
    bool met_comment;

    bool has(core::TokenKind kind) const { return (kinds >> static_cast<int>(kind) & 1) != 0; }
    bool has_literal() const {
        return has(core::TokenKind::string) || has(core::TokenKind::bit_string);
    }

    std::span<const core::SqlToken> span() const { return {all, count}; }
    std::string_view text_of(uint32 i) const {
        return {text.data() + all[i].begin, all[i].end - all[i].begin};
    }
};

/// Most texts need no other memory than this.
struct TokenRoom {
    static constexpr uint32 kMost = 192;
    core::SqlToken token[kMost];
};

/// False when the text can't be read to its end, or memory is short. Allocates in CurrentMemoryContext what
/// `room` does not hold; never raises an error.
bool read_tokens(std::string_view text, TokenRoom& room, Tokens& tokens);

/// How the server reads backslashes in plain literals just now.
bool plain_backslashes();

/// Memory for `count` of a type, in CurrentMemoryContext; null when there is none.
template <typename Type>
Type* allocate_or_null(Size count) {
    return static_cast<Type*>(MemoryContextAllocExtended(CurrentMemoryContext, count * sizeof(Type),
                                                         MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM));
}

}  // namespace pgsm::glue
