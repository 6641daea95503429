// Which tokens of a statement the parser makes constants of, told from the tokens alone. The rules come from
// PostgreSQL's grammar; tests/tap/t/031_forgotten.pl compares the result with the parser's own list.
#include "core/api.hpp"

#include "pgglue/constants.hpp"

#include "pgglue/tokens.hpp"

#include <algorithm>

extern "C" {
#include "lib/stringinfo.h"
}

namespace pgsm::glue {
namespace {

/// What an opening parenthesis is for.
enum class Parens : uint8 { kOther, kQuery, kTypmod, kPositions, kCast };
enum class Clause : uint8 { kOther, kOrderBy, kGroupBy };

struct Level {
    Parens parens;
    Clause clause;
};
constexpr int kMostLevels = 100;  // deeper ones are taken for expressions

struct Tokens {
    Token* all;
    int count;
    const Token& operator[](int i) const { return all[i < 0 || i >= count ? count : i]; }
};

Tokens all_tokens(std::string_view text) {
    Tokens tokens{};
    size_t cap = 64;
    tokens.all = static_cast<Token*>(palloc(cap * sizeof(Token)));
    Scanner scanner;
    start_scan(scanner, text);
    while (next_token(scanner, tokens.all[tokens.count])) {
        ++tokens.count;
        if (static_cast<size_t>(tokens.count) < cap) continue;
        cap *= 2;
        tokens.all = static_cast<Token*>(repalloc_huge(tokens.all, cap * sizeof(Token)));
    }
    end_scan(scanner);
    return tokens;
}

bool is_number(const Token& token) { return token.kind == kInteger || token.kind == kFloat; }

bool is_string(const Token& token) {
    return token.kind == kString || token.kind == kUnicodeString || token.kind == kBitString ||
           token.kind == kHexString;
}

bool takes_typmod(const Token& token) {
    return is_one_of(token, "float", "dec", "decimal", "numeric", "bit", "varying", "character", "char",
                     "varchar", "nchar", "time", "timestamp", "interval", "second", "current_time",
                     "current_timestamp", "localtime", "localtimestamp");
}

/// True when the name at `i` is a type: it follows :: or the AS of a cast.
bool is_type_name(const Tokens& tokens, int i, Parens around) {
    while (tokens[i - 1].kind == '.') i -= 2;
    return tokens[i - 1].kind == kTypecast || (around == Parens::kCast && is_keyword(tokens[i - 1], "as"));
}

bool separates_positions(const Token& token) {
    return token.kind == ',' || token.kind == '(' ||
           is_one_of(token, "by", "distinct", "all", "rollup", "cube", "sets");
}

Parens parens_at(const Tokens& tokens, int i, const Level& outer) {
    const Token& before = tokens[i - 1];
    const Token& behind = tokens[i + 1];
    if (takes_typmod(before) || is_type_name(tokens, i - 1, outer.parens)) return Parens::kTypmod;
    if (is_keyword(before, "cast")) return Parens::kCast;
    if (is_keyword(before, "on") && is_keyword(tokens[i - 2], "distinct")) return Parens::kPositions;
    if (is_one_of(behind, "select", "with", "values", "table")) return Parens::kQuery;
    const bool grouping = outer.clause == Clause::kGroupBy || outer.parens == Parens::kPositions;
    if (grouping && separates_positions(before)) return Parens::kPositions;
    return behind.kind == '(' ? Parens::kQuery : Parens::kOther;
}

void enter_clause(const Tokens& tokens, int i, Level& level) {
    const Token& token = tokens[i];
    if (is_keyword(token, "by"))
        level.clause = is_keyword(tokens[i - 1], "group")   ? Clause::kGroupBy
                       : is_keyword(tokens[i - 1], "order") ? Clause::kOrderBy
                                                            : Clause::kOther;
    else if (is_one_of(token, "select", "from", "where", "having", "window", "union", "intersect", "except",
                       "limit", "offset", "fetch", "for", "returning"))
        level.clause = Clause::kOther;
}

/// ORDER BY 1, GROUP BY 1, DISTINCT ON (1): an output column, not a constant.
bool is_position(const Tokens& tokens, int i, const Level& level) {
    const bool in_list = level.parens == Parens::kPositions ||
                         (level.parens == Parens::kQuery && level.clause != Clause::kOther);
    if (!in_list || tokens[i].kind != kInteger || !separates_positions(tokens[i - 1])) return false;
    const Token& behind = tokens[i + 1];
    return behind.kind == kEnd || behind.kind == ',' || behind.kind == ')' || behind.kind == ';' ||
           is_one_of(behind, "asc", "desc", "nulls", "using", "limit", "offset", "fetch", "for", "union",
                     "intersect", "except", "having", "window", "order", "returning");
}

/// True when an operand ends with this token, so that a minus behind it takes away.
bool ends_operand(const Token& token) {
    if (token.keyword == nullptr)
        return token.kind == ')' || token.kind == ']' || token.kind == kIdent || token.kind == kParam ||
               token.kind == kUnicodeIdent || is_number(token) || is_string(token);
    if (is_one_of(token, "end", "null", "true", "false", "user", "current_date", "current_time", "localtime",
                  "current_timestamp", "localtimestamp"))
        return true;
    if (is_one_of(token, "between", "symmetric", "like", "ilike", "by", "escape", "is", "values"))
        return false;
    return ScanKeywordCategories[ScanKeywordLookup(token.keyword, &ScanKeywords)] != RESERVED_KEYWORD;
}

/// -5 is one constant, but in 4 - 5 and in -5::text the minus is an operator.
bool is_sign(const Tokens& tokens, int i) {
    const Token& behind_number = tokens[i + 2];
    return tokens[i].kind == '-' && is_number(tokens[i + 1]) && !ends_operand(tokens[i - 1]) &&
           behind_number.kind != kTypecast && behind_number.kind != '[';
}

bool is_constant_keyword(const Tokens& tokens, int i) {
    const Token& token = tokens[i];
    const Token& before = tokens[i - 1];
    if (is_one_of(token, "true", "false", "null")) {
        const bool tested =
            is_keyword(before, "is") || (is_keyword(before, "not") && is_keyword(tokens[i - 2], "is"));
        // x IS [NOT] DISTINCT FROM NULL becomes a test for null; NULL ON NULL belongs to a JSON constructor.
        const bool distinct =
            is_keyword(token, "null") && is_keyword(before, "from") && is_keyword(tokens[i - 2], "distinct");
        const bool on_null =
            is_keyword(token, "null") && (is_keyword(before, "on") || is_keyword(tokens[i + 1], "on"));
        return !tested && !distinct && !on_null;
    }
    if (is_one_of(token, "nfc", "nfd", "nfkc", "nfkd"))
        return is_one_of(before, "is", "not") || (before.kind == ',' && tokens[i + 1].kind == ')');
    return is_keyword(token, "all") && is_keyword(before, "limit");
}

/// How many tokens of a constant begin here; 0: none.
int constant_length(const Tokens& tokens, int i, const Level& level) {
    const Token& token = tokens[i];
    if (tokens[i - 1].kind == '(' && is_keyword(tokens[i - 2], "extract"))
        return token.kind == kIdent || token.keyword != nullptr || is_string(token);
    if (is_string(token)) return !is_keyword(tokens[i - 1], "uescape");
    if (token.keyword != nullptr) return is_constant_keyword(tokens, i);
    if (is_sign(tokens, i)) return 2;
    if (!is_number(token) || level.parens == Parens::kTypmod || is_position(tokens, i, level)) return 0;
    // The bounds of an array type.
    int bracket = i - 1;
    while (tokens[bracket].kind == '[' && tokens[bracket - 1].kind == ']') bracket -= 3;
    return !(tokens[bracket].kind == '[' && is_type_name(tokens, bracket - 1, level.parens));
}

/// IN (1, 2) and ARRAY[1, 2]: how many tokens there are behind the opening one at `i` if all of it is a list
/// of two or more constants and parameters; else 0.
int list_length(const Tokens& tokens, int i) {
    const bool in = tokens[i].kind == '(' && is_keyword(tokens[i - 1], "in");
    const bool array = tokens[i].kind == '[' && is_keyword(tokens[i - 1], "array");
    if (!PGSM_SQUASHES_LISTS || !(in || array)) return 0;
    const Level expression{Parens::kOther, Clause::kOther};
    for (int at = i + 1, elements = 1;; ++at, ++elements) {
        const int length = tokens[at].kind == kParam ? 1 : constant_length(tokens, at, expression);
        if (length == 0) return 0;
        at += length;
        if (tokens[at].kind == (in ? ')' : ']')) return elements > 1 ? at - i - 1 : 0;
        if (tokens[at].kind != ',') return 0;
    }
}

bool has_list(const Tokens& tokens) {
    for (int i = 0; i < tokens.count; ++i)
        if (list_length(tokens, i) > 0) return true;
    return false;
}

}  // namespace

std::string_view replace_guessed(std::string_view text) {
    const Tokens tokens = all_tokens(text);
    StringInfoData out;
    initStringInfo(&out);
    // Where a list is squashed parameters are numbered anew, with the constants.
    const bool renumber = has_list(tokens);
    int param = 0;
    for (int i = 0; i < tokens.count && !renumber; ++i) param = std::max(param, tokens[i].number);
    Level levels[kMostLevels];
    int depth = 0;
    levels[0] = {Parens::kQuery, Clause::kOther};
    int from = 0;
    for (int i = 0; i < tokens.count; ++i) {
        const bool deep = depth >= kMostLevels;
        Level expression{Parens::kOther, Clause::kOther};
        Level& level = deep ? expression : levels[depth];
        if (tokens[i].kind == '(') {
            ++depth;
            if (depth < kMostLevels) levels[depth] = {parens_at(tokens, i, level), Clause::kOther};
            continue;
        }
        if (tokens[i].kind == ')') {
            depth = std::max(depth - 1, 0);
            continue;
        }
        enter_clause(tokens, i, level);
        const int list = list_length(tokens, i - 1);
        const int length = list > 0                               ? list
                           : renumber && tokens[i].kind == kParam ? 1
                                                                  : constant_length(tokens, i, level);
        if (length == 0) continue;
        appendBinaryStringInfo(&out, text.data() + from, tokens[i].begin - from);
        appendStringInfo(&out, "$%d%s", ++param, list > 0 ? " /*, ... */" : "");
        i += length - 1;
        from = tokens[i].end;
    }
    appendBinaryStringInfo(&out, text.data() + from, static_cast<int>(text.size()) - from);
    return {out.data, static_cast<size_t>(out.len)};
}

}  // namespace pgsm::glue
