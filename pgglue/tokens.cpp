#include "core/api.hpp"

#include "pgglue/tokens.hpp"

#include <cstring>

extern "C" {
#include "parser/parser.h"
}

namespace pgsm::glue {

bool plain_backslashes() { return PGSM_PLAIN_BACKSLASHES; }

bool read_tokens(std::string_view text, TokenRoom& room, Tokens& tokens) {
    core::SqlTokens reader{text, plain_backslashes()};
    core::SqlToken* all = room.token;
    uint32 cap = TokenRoom::kMost;
    uint32 count = 0;
    uint32 kinds = 0;
    for (core::SqlToken token = reader.next(); token.kind != core::TokenKind::end; token = reader.next()) {
        if (token.kind == core::TokenKind::bad) return false;
        if (count + 1 == cap) {
            auto* more = allocate_or_null<core::SqlToken>(Size{cap} * 4);
            if (more == nullptr) return false;
            memcpy(more, all, Size{count} * sizeof(core::SqlToken));
            if (all != room.token) pfree(all);
            all = more;
            cap *= 4;
        }
        all[count++] = token;
        kinds |= 1u << static_cast<int>(token.kind);
    }
    all[count] = {core::TokenKind::end, 0, static_cast<uint32>(text.size()), static_cast<uint32>(text.size())};
    tokens = {text, all, count, kinds, reader.met_comment()};
    return true;
}

}  // namespace pgsm::glue
