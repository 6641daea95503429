#include "core/message_text.hpp"

#include "core/secrets.hpp"
#include "core/sql_literal.hpp"
#include "core/sql_words.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace pgsm::core {
namespace {

constexpr std::string_view kHidden = "...";

/// Words of the server's messages that are followed by a name.
constexpr std::string_view kNaming[]{
    "column",   "relation", "table",   "parameter", "type",      "constraint",   "function", "role",
    "database", "schema",   "domain",  "index",     "view",      "sequence",     "operator", "extension",
    "language", "trigger",  "policy",  "rule",      "server",    "publication",  "cursor",   "portal",
    "statement", "savepoint", "partition", "collation", "encoding", "tablespace", "slot",    "subscription",
    "attribute", "option",  "field",   "variable",  "procedure", "aggregate",    "user",     "group"};

bool is_word_char(char c) noexcept {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || (c & 0x80) != 0;
}
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::string_view part(std::string_view text, std::size_t from, std::size_t to) noexcept {
    return {text.data() + from, to - from};
}

class Writer {
public:
    Writer(std::string_view message, const MessageSource& source, std::span<char> out) noexcept
        : message_(message), source_(source), out_(out) {}

    std::size_t write(MessageQuotes quotes) noexcept {
        while (at_ < message_.size() && len_ < out_.size()) {
            if (message_[at_] == '"' && at_ != closing_ && hide_quoted(quotes)) continue;
            if (begins_word() && hide_value()) continue;
            if (quotes == MessageQuotes::free && source_.hides_constants && hide_number()) continue;
            put(part(message_, at_, at_ + 1));
            ++at_;
        }
        return len_;
    }

private:
    void put(std::string_view text) noexcept {
        const std::size_t n = std::min(text.size(), out_.size() - len_);
        if (n != 0) std::memcpy(out_.data() + len_, text.data(), n);
        len_ += n;
    }

    bool begins_word() const noexcept {
        return at_ == 0 || !is_word_char(message_[at_ - 1]) || !is_word_char(message_[at_]);
    }
    bool ends_word(std::size_t at) const noexcept {
        return at >= message_.size() || !is_word_char(message_[at - 1]) || !is_word_char(message_[at]);
    }

    std::string_view token_text(const SqlToken& token) const noexcept {
        return part(source_.text, token.begin, token.end);
    }

    bool is_name_in_text(std::string_view name) const noexcept {
        return std::any_of(source_.tokens.begin(), source_.tokens.end(), [&](const SqlToken& token) noexcept {
            const std::string_view text = token_text(token);
            if (token.kind == TokenKind::identifier) {
                if (text.size() != name.size()) return false;
                for (std::size_t i = 0; i < text.size(); ++i)
                    if (lower(text[i]) != lower(name[i])) return false;
                return true;
            }
            return token.kind == TokenKind::quoted_identifier && text.size() == name.size() + 2 &&
                   part(text, 1, text.size() - 1) == name;
        });
    }

    /// Whether the word before the quote at `at_` says that a name follows.
    bool follows_naming_word() const noexcept {
        if (at_ < 2 || message_[at_ - 1] != ' ') return false;
        std::size_t begin = at_ - 1;
        while (begin > 0 && is_word_char(message_[begin - 1])) --begin;
        const std::string_view word = part(message_, begin, at_ - 1);
        return std::any_of(std::begin(kNaming), std::end(kNaming),
                           [&](std::string_view naming) noexcept { return same_word(word, naming); });
    }

    bool shows(std::string_view quoted, MessageQuotes quotes) const noexcept {
        if (is_misquoted_secret(quoted)) return false;
        if (quotes == MessageQuotes::unknown) return source_.readable && is_name_in_text(quoted);
        if (!source_.hides_constants || quotes == MessageQuotes::names) return true;
        return is_name_in_text(quoted) || follows_naming_word();
    }

    /// Hides a quoted piece as a whole, or lets its characters pass. A value may have quotes in it: it ends with
    /// the last, or, where one is missing, nobody knows where.
    bool hide_quoted(MessageQuotes quotes) noexcept {
        std::size_t end = at_ + 1;
        while (end < message_.size() && message_[end] != '"') ++end;
        closing_ = end;
        if (shows(part(message_, at_ + 1, end), quotes)) return false;
        std::size_t count = 1;
        for (std::size_t i = at_ + 1; i < message_.size(); ++i) {
            if (message_[i] != '"') continue;
            end = i;
            ++count;
        }
        if (count % 2 != 0) end = message_.size();
        put("\"...\""_w);
        at_ = std::min(end + 1, message_.size());
        return true;
    }

    /// How many bytes of the message at `at_` are the value of this literal; at the message's end a part of it.
    std::size_t literal_length(std::string_view literal) const noexcept {
        LiteralValue value{literal};
        std::size_t at = at_;
        std::size_t len = 0;
        for (int c = value.next(); c >= 0; c = value.next(), ++len, ++at) {
            if (at >= message_.size()) return len >= 3 ? len : 0;
            if (static_cast<unsigned char>(message_[at]) != static_cast<unsigned char>(c)) return 0;
        }
        return len >= 2 && ends_word(at) ? len : 0;
    }

    bool hides(const SqlToken& token) const noexcept {
        if (token.kind == TokenKind::number) return source_.hides_constants && token.end - token.begin >= 2;
        if (token.kind != TokenKind::string && token.kind != TokenKind::bit_string) return false;
        return source_.hides_constants || source_.hides_literals || literal_speaks_of_secret(token_text(token));
    }

    bool hide_value() noexcept {
        for (const SqlToken& token : source_.tokens) {
            const std::string_view text = token_text(token);
            std::size_t len = 0;
            if (token.kind == TokenKind::string || token.kind == TokenKind::bit_string)
                len = literal_length(text);
            else if (token.kind == TokenKind::number && message_.size() - at_ >= text.size() && part(message_, at_, at_ + text.size()) == text &&
                     ends_word(at_ + text.size()))
                len = text.size();
            if (len == 0 || !hides(token)) continue;
            put(kHidden);
            at_ += len;
            return true;
        }
        return false;
    }

    bool hide_number() noexcept {
        if (!is_digit(message_[at_]) || (at_ > 0 && is_word_char(message_[at_ - 1]))) return false;
        while (at_ < message_.size() && (is_digit(message_[at_]) || message_[at_] == '.')) ++at_;
        put(kHidden);
        return true;
    }

    std::string_view message_;
    const MessageSource& source_;
    std::span<char> out_;
    std::size_t at_ = 0;
    std::size_t closing_ = SIZE_MAX;  ///< quote that ends a piece that is shown
    std::size_t len_ = 0;
};

}  // namespace

std::size_t shown_message(std::string_view message, MessageQuotes quotes, const MessageSource& source,
                          std::span<char> out) noexcept {
    return Writer{message, source, out}.write(quotes);
}

}  // namespace pgsm::core
