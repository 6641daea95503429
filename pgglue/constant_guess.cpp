// The rules come from PostgreSQL's grammar; tests/tap/t/031_forgotten.pl compares the result with the
// parser's own list.
#include "core/api.hpp"

#include "pgglue/constant_guess.hpp"

#include <algorithm>
#include <cstring>

extern "C" {
#include "common/keywords.h"
}

namespace pgsm::glue {
namespace {

using core::TokenKind;

/// What an opening parenthesis is for.
enum class Parens : uint8 { kOther, kQuery, kTypmod, kPositions, kCast };
enum class Clause : uint8 { kOther, kOrderBy, kGroupBy };

struct Level {
    Parens parens;
    Clause clause;
};
constexpr int kMostLevels = 100;  // deeper ones are taken for expressions

/// A token, and the key word that it is.
struct Word {
    TokenKind kind;
    char symbol;
    bool whole;           // of a number: digits alone
    const char* keyword;  // as the keyword list spells it; null for anything else
};

/// All of a statement; one that stands for its end is before the first and behind the last.
struct Words {
    const Word* all;
    int count;
    const Word& operator[](int i) const { return all[i < 0 || i >= count ? count : i]; }
};

const char* keyword_of(std::string_view word) {
    char name[NAMEDATALEN];
    if (word.size() >= sizeof name) return nullptr;
    memcpy(name, word.data(), word.size());
    name[word.size()] = '\0';
    const int found = ScanKeywordLookup(name, &ScanKeywords);
    return found < 0 ? nullptr : GetScanKeyword(found, &ScanKeywords);
}

bool read_words(const Tokens& tokens, Words& words) {
    auto* all = allocate_or_null<Word>(Size{tokens.count} + 1);
    if (all == nullptr) return false;
    for (uint32 i = 0; i <= tokens.count; ++i) {
        const core::SqlToken& token = tokens.all[i];
        const std::string_view text = tokens.text_of(i);
        all[i] = {token.kind, token.symbol, false, nullptr};
        if (token.kind == TokenKind::identifier) all[i].keyword = keyword_of(text);
        if (token.kind == TokenKind::number)
            all[i].whole = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    }
    words = {all, static_cast<int>(tokens.count)};
    return true;
}

bool is_keyword(const Word& word, const char* keyword) {
    return word.keyword != nullptr && strcmp(word.keyword, keyword) == 0;
}
template <typename... Keywords>
bool is_one_of(const Word& word, Keywords... keywords) {
    return word.keyword != nullptr && (is_keyword(word, keywords) || ...);
}

/// A name that is no key word.
bool is_name(const Word& word) {
    return word.kind == TokenKind::quoted_identifier ||
           (word.kind == TokenKind::identifier && word.keyword == nullptr);
}

bool is_cast(const Word& word) { return word.kind == TokenKind::operation && word.symbol == ':'; }

bool is_number(const Word& word) { return word.kind == TokenKind::number; }

bool is_string(const Word& word) {
    return word.kind == TokenKind::string || word.kind == TokenKind::bit_string;
}

bool takes_typmod(const Word& token) {
    return is_one_of(token, "float", "dec", "decimal", "numeric", "bit", "varying", "character", "char",
                     "varchar", "nchar", "time", "timestamp", "interval", "second", "current_time",
                     "current_timestamp", "localtime", "localtimestamp");
}

/// True when the name at `i` is a type: it follows :: or the AS of a cast.
bool is_type_name(const Words& tokens, int i, Parens around) {
    while (tokens[i - 1].symbol == '.') i -= 2;
    return is_cast(tokens[i - 1]) || (around == Parens::kCast && is_keyword(tokens[i - 1], "as"));
}

bool separates_positions(const Word& token) {
    return token.symbol == ',' || token.symbol == '(' ||
           is_one_of(token, "by", "distinct", "all", "rollup", "cube", "sets");
}

Parens parens_at(const Words& tokens, int i, const Level& outer) {
    const Word& before = tokens[i - 1];
    const Word& behind = tokens[i + 1];
    if (takes_typmod(before) || is_type_name(tokens, i - 1, outer.parens)) return Parens::kTypmod;
    if (is_keyword(before, "cast")) return Parens::kCast;
    if (is_keyword(before, "on") && is_keyword(tokens[i - 2], "distinct")) return Parens::kPositions;
    if (is_one_of(behind, "select", "with", "values", "table")) return Parens::kQuery;
    const bool grouping = outer.clause == Clause::kGroupBy || outer.parens == Parens::kPositions;
    if (grouping && separates_positions(before)) return Parens::kPositions;
    return behind.symbol == '(' ? Parens::kQuery : Parens::kOther;
}

void enter_clause(const Words& tokens, int i, Level& level) {
    const Word& token = tokens[i];
    if (is_keyword(token, "by"))
        level.clause = is_keyword(tokens[i - 1], "group")   ? Clause::kGroupBy
                       : is_keyword(tokens[i - 1], "order") ? Clause::kOrderBy
                                                            : Clause::kOther;
    else if (is_one_of(token, "select", "from", "where", "having", "window", "union", "intersect", "except",
                       "limit", "offset", "fetch", "for", "returning"))
        level.clause = Clause::kOther;
}

/// ORDER BY 1, GROUP BY 1, DISTINCT ON (1): an output column, not a constant.
bool is_position(const Words& tokens, int i, const Level& level) {
    const bool in_list = level.parens == Parens::kPositions ||
                         (level.parens == Parens::kQuery && level.clause != Clause::kOther);
    if (!in_list || !tokens[i].whole || !separates_positions(tokens[i - 1])) return false;
    const Word& behind = tokens[i + 1];
    return behind.kind == TokenKind::end || behind.symbol == ',' || behind.symbol == ')' ||
           behind.symbol == ';' ||
           is_one_of(behind, "asc", "desc", "nulls", "using", "limit", "offset", "fetch", "for", "union",
                     "intersect", "except", "having", "window", "order", "returning");
}

/// True when an operand ends with this token, so that a minus behind it takes away.
bool ends_operand(const Word& token) {
    if (token.keyword == nullptr)
        return token.symbol == ')' || token.symbol == ']' || is_name(token) ||
               token.kind == TokenKind::parameter || is_number(token) || is_string(token);
    if (is_one_of(token, "end", "null", "true", "false", "user", "current_date", "current_time", "localtime",
                  "current_timestamp", "localtimestamp"))
        return true;
    if (is_one_of(token, "between", "symmetric", "like", "ilike", "by", "escape", "is", "values"))
        return false;
    return ScanKeywordCategories[ScanKeywordLookup(token.keyword, &ScanKeywords)] != RESERVED_KEYWORD;
}

/// -5 is one constant, but in 4 - 5 and in -5::text the minus is an operator.
bool is_sign(const Words& tokens, int i) {
    const Word& behind_number = tokens[i + 2];
    return tokens[i].symbol == '-' && is_number(tokens[i + 1]) && !ends_operand(tokens[i - 1]) &&
           !is_cast(behind_number) && behind_number.symbol != '[';
}

bool is_constant_keyword(const Words& tokens, int i) {
    const Word& token = tokens[i];
    const Word& before = tokens[i - 1];
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
        return is_one_of(before, "is", "not") || (before.symbol == ',' && tokens[i + 1].symbol == ')');
    return is_keyword(token, "all") && is_keyword(before, "limit");
}

/// How many tokens of a constant begin here; 0: none.
int constant_length(const Words& tokens, int i, const Level& level) {
    const Word& token = tokens[i];
    if (tokens[i - 1].symbol == '(' && is_keyword(tokens[i - 2], "extract"))
        return is_name(token) || token.keyword != nullptr || is_string(token);
    if (is_string(token)) return !is_keyword(tokens[i - 1], "uescape");
    if (token.keyword != nullptr) return is_constant_keyword(tokens, i);
    if (is_sign(tokens, i)) return 2;
    if (!is_number(token) || level.parens == Parens::kTypmod || is_position(tokens, i, level)) return 0;
    // The bounds of an array type.
    int bracket = i - 1;
    while (tokens[bracket].symbol == '[' && tokens[bracket - 1].symbol == ']') bracket -= 3;
    return !(tokens[bracket].symbol == '[' && is_type_name(tokens, bracket - 1, level.parens));
}

/// Tokens of a type's name at `i`, modifiers included; 0: none, or an array's.
int type_length(const Words& tokens, int i) {
    int at = i;
    while (is_name(tokens[at]) || tokens[at].symbol == '.' ||
           (tokens[at].keyword != nullptr && !is_keyword(tokens[at], "as")) ||
           (tokens[at].symbol == '(' && at > i)) {
        if (tokens[at].symbol == '(') {
            do ++at;
            while (is_number(tokens[at]) || tokens[at].symbol == ',');
            if (tokens[at].symbol != ')') return 0;
        }
        ++at;
    }
    return tokens[at].symbol == '[' ? 0 : at - i;
}

constexpr int kMostCasts = 20;  // one within the other

/// Tokens of an element that 18 squashes: a constant or a parameter, also cast. 0: something else.
int element_length(const Words& tokens, int i, int casts = 0) {
    if (casts > kMostCasts) return 0;
    const bool cast = is_keyword(tokens[i], "cast") && tokens[i + 1].symbol == '(';
    int at = i;
    if (cast || tokens[i].symbol == '(') {
        at += cast ? 2 : 1;
        const int inner = element_length(tokens, at, casts + 1);
        at += inner;
        const int type = cast && is_keyword(tokens[at], "as") ? type_length(tokens, at + 1) : 0;
        if (type > 0) at += type + 1;
        if (inner == 0 || (cast && type == 0) || tokens[at++].symbol != ')') return 0;
    } else if (tokens[i].kind == TokenKind::parameter) {
        ++at;
    } else if (const int constant = constant_length(tokens, i, {Parens::kOther, Clause::kOther});
               constant > 0) {
        at += constant;
    } else {
        const int type = type_length(tokens, i);
        if (type == 0 || !is_string(tokens[i + type])) return 0;
        at += type + 1;
        while (is_keyword(tokens[i], "interval") &&
               is_one_of(tokens[at], "year", "month", "day", "hour", "minute", "second", "to"))
            ++at;
    }
    while (is_cast(tokens[at])) {
        const int type = type_length(tokens, at + 1);
        if (type == 0) return 0;
        at += type + 1;
    }
    return at - i;
}

/// IN (1, 2) and ARRAY[1, 2]: how many tokens there are behind the opening one at `i` if all of it is a list
/// of two or more elements that are squashed; else 0.
int list_length(const Words& tokens, int i) {
    const bool in = tokens[i].symbol == '(' && is_keyword(tokens[i - 1], "in");
    const bool array = tokens[i].symbol == '[' && is_keyword(tokens[i - 1], "array");
    if (!PGSM_SQUASHES_LISTS || !(in || array)) return 0;
    for (int at = i + 1, elements = 1;; ++at, ++elements) {
        const int length = element_length(tokens, at);
        if (length == 0) return 0;
        at += length;
        if (tokens[at].symbol == (in ? ')' : ']')) return elements > 1 ? at - i - 1 : 0;
        if (tokens[at].symbol != ',') return 0;
    }
}

/// The greatest number of a parameter.
int highest_param(const Tokens& tokens) {
    int highest = 0;
    for (uint32 i = 0; i < tokens.count; ++i) {
        if (tokens.all[i].kind != TokenKind::parameter) continue;
        int64 number = 0;
        for (const char c : tokens.text_of(i))
            if (c >= '0' && c <= '9' && number < INT_MAX) number = number * 10 + (c - '0');
        highest = std::max(highest, static_cast<int>(std::min<int64>(number, UINT16_MAX)));
    }
    return highest;
}

bool has_list(const Words& tokens) {
    for (int i = 0; i < tokens.count; ++i)
        if (list_length(tokens, i) > 0) return true;
    return false;
}

}  // namespace

int guess_constants(const Tokens& tokens, ConstantsOf of, const NotedConstants* noted, Replaced* found) {
    Words words{};
    if (!read_words(tokens, words)) return -1;
    NotedReader reader{tokens, noted};
    const bool guess_all = noted == nullptr && of == ConstantsOf::query;
    // Where a list is squashed parameters are numbered anew, with the constants.
    const bool renumber = noted == nullptr && has_list(words);
    int param = noted == nullptr && !renumber ? highest_param(tokens) : 0;
    Level levels[kMostLevels];
    int depth = 0;
    levels[0] = {Parens::kQuery, Clause::kOther};
    int count = 0;
    for (int i = 0; i < words.count; ++i) {
        Level expression{Parens::kOther, Clause::kOther};
        Level& level = depth >= kMostLevels ? expression : levels[depth];
        Replaced& here = found[count];
        if (reader.at(static_cast<uint32>(i), here)) {
            ++count;
            i += static_cast<int>(here.count) - 1;
            continue;
        }
        if (words[i].symbol == '(') {
            ++depth;
            if (depth < kMostLevels) levels[depth] = {parens_at(words, i, level), Clause::kOther};
            continue;
        }
        if (words[i].symbol == ')') {
            depth = std::max(depth - 1, 0);
            continue;
        }
        enter_clause(words, i, level);
        const int list = noted == nullptr ? list_length(words, i - 1) : 0;
        int length = list;
        if (length == 0 && renumber && words[i].kind == TokenKind::parameter) length = 1;
        if (length == 0 &&
            (guess_all || is_number(words[i]) || is_string(words[i]) || words[i].symbol == '-'))
            length = constant_length(words, i, level);
        if (length == 0) continue;
        // All between the parentheses of a list goes.
        here = {static_cast<uint32>(i),
                static_cast<uint32>(length),
                list > 0 ? tokens.all[i - 1].end : tokens.all[i].begin,
                list > 0 ? tokens.all[i + length].begin : tokens.all[i + length - 1].end,
                noted != nullptr ? reader.next_param() : ++param,
                list > 0};
        ++count;
        i += length - 1;
    }
    return count;
}

}  // namespace pgsm::glue
