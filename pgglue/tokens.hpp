// The server's own scanner, one token at a time.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"

extern "C" {
#include "common/keywords.h"
#include "parser/scanner.h"
}

namespace pgsm::glue {

/// The tokens that are no keywords and no single characters; parser/scanner.h promises these numbers.
enum TokenKind : int {
    kEnd = 0,
    kIdent = 258,
    kUnicodeIdent,
    kFloat,
    kString,
    kUnicodeString,
    kBitString,
    kHexString,
    kOperator,
    kInteger,
    kParam,
    kTypecast,
    kLastFixed = kTypecast + 6,  // DOT_DOT … NOT_EQUALS
};

struct Token {
    int kind;   // TokenKind, a single character, or above kLastFixed a keyword
    int begin;  // bytes from the text's start
    int end;
    int number;           // of a parameter
    const char* keyword;  // as the keyword list spells it; null for anything else
};

struct Scanner {
    core_yyscan_t state;
    core_yy_extra_type extra;
};

/// Makes a copy of the text, in CurrentMemoryContext.
void start_scan(Scanner& scanner, std::string_view text);
/// False at the end; the token is kEnd then, at the end of the text.
bool next_token(Scanner& scanner, Token& token);
void end_scan(Scanner& scanner);

bool is_keyword(const Token& token, const char* keyword);
template <typename... Keywords>
bool is_one_of(const Token& token, Keywords... keywords) {
    return (is_keyword(token, keywords) || ...);
}

}  // namespace pgsm::glue
