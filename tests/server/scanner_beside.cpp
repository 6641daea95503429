// A module of the tests: reads a text with the server's scanner and with ours, and says where they differ.
#include "core/sql_tokens.hpp"

#include "pgglue/pg.hpp"

#include <cstring>

extern "C" {
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "parser/scanner.h"
#include "utils/builtins.h"
#include "utils/guc.h"
}

namespace {

using pgsm::core::SqlToken;
using pgsm::core::SqlTokens;
using pgsm::core::TokenKind;

struct Scanned {
    int begin, end, token;
    bool refused;
    bool unterminated;  // why it was refused
};

// The numbers of gram.y's first tokens, which are the same in every language that uses the scanner.
constexpr int kIdent = 258, kUnicodeIdent = 259, kFloat = 260, kString = 261, kUnicodeString = 262,
              kBits = 263, kHexBits = 264, kOperator = 265, kInteger = 266, kParam = 267, kTypecast = 268,
              kLastOperator = 274;

bool same_kind(const Scanned& theirs, const SqlToken& ours, const char* sql) {
    switch (theirs.token) {
    case kIdent:
        return ours.kind == (sql[theirs.begin] == '"' ? TokenKind::quoted_identifier : TokenKind::identifier);
    case kUnicodeIdent:
        return ours.kind == TokenKind::quoted_identifier;
    case kFloat:
    case kInteger:
        return ours.kind == TokenKind::number;
    case kString:
    case kUnicodeString:
        return ours.kind == TokenKind::string;
    case kBits:
    case kHexBits:
        return ours.kind == TokenKind::bit_string;
    case kParam:
        return ours.kind == TokenKind::parameter;
    default:
        break;
    }
    if (theirs.token > kLastOperator) return ours.kind == TokenKind::identifier;
    if (theirs.token == kTypecast) return ours.kind == TokenKind::operation && ours.symbol == ':';
    if (theirs.end - theirs.begin == 1)
        return ours.kind == TokenKind::symbol && ours.symbol == sql[theirs.begin];
    return ours.kind == TokenKind::operation && ours.symbol == 0;
}

/// The server's next token; token 0 at the end.
Scanned scan(core_yyscan_t scanner, const core_yy_extra_type& extra) {
    Scanned volatile found = {0, 0, 0, false, false};
    const MemoryContext context = CurrentMemoryContext;
    PG_TRY();
    {
        core_YYSTYPE value;
        YYLTYPE location;
        found.token = core_yylex(&value, &location, scanner);
        found.begin = location;
        // It puts a zero behind the token until it reads the next.
        found.end = location + static_cast<int>(strlen(extra.scanbuf + location));
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        ErrorData* error = CopyErrorData();
        FlushErrorState();
        found.refused = true;
        found.unterminated = strncmp(error->message, "unterminated", 12) == 0;
    }
    PG_END_TRY();
    return {found.begin, found.end, found.token, found.refused, found.unterminated};
}

}  // namespace

extern "C" {
PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(scanner_beside);

/// scanner_beside(text) RETURNS text: null where both read the same tokens, up to what the server refuses.
PGDLLEXPORT Datum scanner_beside(PG_FUNCTION_ARGS) {
    const char* sql = text_to_cstring(PG_GETARG_TEXT_PP(0));
    core_yy_extra_type extra;
    core_yyscan_t scanner = scanner_init(sql, &extra, &ScanKeywords, ScanKeywordTokens);
    const char* conforming = GetConfigOption("standard_conforming_strings", false, false);
    SqlTokens reader{{sql, strlen(sql)}, strcmp(conforming, "on") == 0};
    for (;;) {
        const Scanned theirs = scan(scanner, extra);
        const SqlToken ours = reader.next();
        // Of a text that it refuses for another reason what is before counts.
        if (theirs.refused && (!theirs.unterminated || ours.kind == TokenKind::bad)) break;
        if (!theirs.refused && theirs.token == 0 && ours.kind == TokenKind::end) break;
        if (!theirs.refused && theirs.token != 0 && ours.begin == static_cast<uint32>(theirs.begin) &&
            ours.end == static_cast<uint32>(theirs.end) && same_kind(theirs, ours, sql))
            continue;
        StringInfoData told;
        initStringInfo(&told);
        appendStringInfo(&told, "server: %s %d at %d..%d, ours: %d at %u..%u",
                         theirs.refused ? "refuses" : "token", theirs.token, theirs.begin, theirs.end,
                         static_cast<int>(ours.kind), ours.begin, ours.end);
        PG_RETURN_TEXT_P(cstring_to_text_with_len(told.data, told.len));
    }
    PG_RETURN_NULL();
}
}
