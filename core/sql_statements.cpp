#include "core/sql_statements.hpp"

#include "core/sql_tokens.hpp"
#include "core/sql_words.hpp"

#include <cstddef>

namespace pgsm::core {
namespace {

/// One token after the other.
class Reader {
public:
    Reader(std::string_view text, bool plain_backslashes) noexcept
        : tokens_(text, plain_backslashes), text_(text) {}
    const SqlToken& next() noexcept { return token = tokens_.next(); }
    bool ended() const noexcept { return token.kind == TokenKind::end || token.kind == TokenKind::bad; }
    template <typename... Text>
    bool is_one_of(Text... words) const noexcept {
        const std::string_view word{text_.data() + token.begin, token.end - token.begin};
        return token.kind == TokenKind::identifier && (same_word(word, words) || ...);
    }

    SqlToken token{};

private:
    SqlTokens tokens_;
    std::string_view text_;
};

/// Where the statement behind EXPLAIN begins; the reader stands at that word.
std::uint32_t explained_begin(Reader& reader) noexcept {
    reader.next();
    if (reader.token.symbol == '(') {
        const std::uint32_t parenthesis = reader.token.begin;
        reader.next();
        if (reader.token.symbol == '(' || reader.is_one_of("select"_w, "with"_w, "values"_w, "table"_w))
            return parenthesis;
        for (int depth = 1; depth > 0 && !reader.ended(); reader.next())
            depth += reader.token.symbol == '(' ? 1 : reader.token.symbol == ')' ? -1 : 0;
    }
    while (reader.is_one_of("analyze"_w, "analyse"_w, "verbose"_w)) reader.next();
    return reader.token.begin;
}

/// Where the statement behind PREPARE … AS begins.
std::uint32_t prepared_begin(Reader& reader) noexcept {
    int depth = 0;
    while (reader.next(), !reader.ended()) {
        depth += reader.token.symbol == '(' ? 1 : reader.token.symbol == ')' ? -1 : 0;
        if (depth <= 0 && reader.is_one_of("as"_w)) return reader.next().begin;
    }
    return 0;
}

std::string_view inner_part(std::string_view text, bool plain_backslashes, bool also_prepared) noexcept {
    // Nearly every statement is told by its first letter. A comment or a space may stand before the word.
    const char first = text.empty() ? '\0' : text[0];
    if (first >= 'A' && lower(first) != 'e' && lower(first) != 'p') return text;
    Reader reader{text, plain_backslashes};
    reader.next();
    std::uint32_t begin = 0;
    if (reader.is_one_of("explain"_w))
        begin = explained_begin(reader);
    else if (also_prepared && reader.is_one_of("prepare"_w))
        begin = prepared_begin(reader);
    return {text.data() + begin, text.size() - begin};
}

/// Goes from statement to statement. Semicolons in parentheses (rules) and in BEGIN ATOMIC … END end none.
struct Statements {
    Reader reader;
    bool readable = true;
    bool any = false;     ///< the statement has a token
    std::size_t end = 0;  ///< of the statement, at its semicolon or the text's end

    /// Reads one; false at the text's end, and where it can't be read on.
    bool next() noexcept {
        int parens = 0;
        int blocks = 0;
        bool begin_before = false;
        any = false;
        for (;;) {
            const SqlToken& token = reader.next();
            readable = token.kind != TokenKind::bad;
            end = readable ? token.begin : token.end;
            if (reader.ended()) return false;
            if (token.symbol == ';' && parens == 0 && blocks == 0) return true;
            any = true;
            parens += token.symbol == '(' ? 1 : token.symbol == ')' && parens > 0 ? -1 : 0;
            if (blocks > 0)
                blocks += reader.is_one_of("case"_w) ? 1 : reader.is_one_of("end"_w) ? -1 : 0;
            else if (begin_before && reader.is_one_of("atomic"_w))
                blocks = 1;
            begin_before = reader.is_one_of("begin"_w);
        }
    }
};

}  // namespace

std::string_view statement_at(std::string_view text, std::size_t at, bool plain_backslashes) noexcept {
    Statements statements{Reader{text, plain_backslashes}};
    for (std::size_t begin = 0;; begin = statements.end + 1) {
        const bool more = statements.next();
        if (!more || at <= statements.end) return {text.data() + begin, statements.end - begin};
    }
}

bool has_several_statements(std::string_view text, bool plain_backslashes) noexcept {
    Statements statements{Reader{text, plain_backslashes}};
    int found = 0;
    for (bool more = true; more && found < 2;) {
        more = statements.next();
        found += statements.any;
    }
    return found > 1 || !statements.readable;
}

std::string_view explained_part(std::string_view text, bool plain_backslashes) noexcept {
    return inner_part(text, plain_backslashes, false);
}

std::string_view executed_part(std::string_view text, bool plain_backslashes) noexcept {
    return inner_part(text, plain_backslashes, true);
}

}  // namespace pgsm::core
