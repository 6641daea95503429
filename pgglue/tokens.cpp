#include "core/api.hpp"

#include "pgglue/tokens.hpp"

#include <cstring>

namespace pgsm::glue {

void start_scan(Scanner& scanner, std::string_view text) {
    const char* terminated = pnstrdup(text.data(), text.size());
    scanner.state = scanner_init(terminated, &scanner.extra, &ScanKeywords, ScanKeywordTokens);
    PGSM_SCAN_QUIETLY(scanner.extra);
}

bool next_token(Scanner& scanner, Token& token) {
    core_YYSTYPE value;
    YYLTYPE begin = 0;
    token.kind = core_yylex(&value, &begin, scanner.state);
    token.begin = begin;
    // The scanner puts a NUL behind the token that it has just read.
    token.end = begin + static_cast<int>(strlen(scanner.extra.scanbuf + begin));
    token.number = token.kind == kParam ? value.ival : 0;
    token.keyword = token.kind > kLastFixed ? value.keyword : nullptr;
    return token.kind != kEnd;
}

void end_scan(Scanner& scanner) { scanner_finish(scanner.state); }

bool is_keyword(const Token& token, const char* keyword) {
    return token.keyword != nullptr && strcmp(token.keyword, keyword) == 0;
}

}  // namespace pgsm::glue
