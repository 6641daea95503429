// Every new statement comes by here: what next() is made of is put into it.
#include "core/sql_tokens.hpp"

#include <array>
#include <cstring>

namespace pgsm::core {
namespace {

enum Class : std::uint8_t {
    kSpace = 1,
    kNewline = 2,
    kDigit = 4,
    kNameStart = 8,
    kName = 16,  // may follow in a name: also digits and the dollar
    kOperator = 32,
    kMarksOperator = 64,  // an operator that has one of these may end in a sign
};

constexpr std::array<std::uint8_t, 256> kClasses = [] {
    std::array<std::uint8_t, 256> classes{};
    for (const char c : {' ', '\t', '\n', '\r', '\f', '\v'}) classes[static_cast<unsigned char>(c)] = kSpace;
    for (const char c : {'\n', '\r'}) classes[static_cast<unsigned char>(c)] |= kNewline;
    for (unsigned c = '0'; c <= '9'; ++c) classes[c] = kDigit | kName;
    for (unsigned c = 'a'; c <= 'z'; ++c) classes[c] = classes[c - 'a' + 'A'] = kNameStart | kName;
    for (unsigned c = 0x80; c <= 0xFF; ++c) classes[c] = kNameStart | kName;
    classes['_'] = kNameStart | kName;
    classes['$'] = kName;
    for (const char c : {'+', '-', '*', '/', '<', '>', '='})
        classes[static_cast<unsigned char>(c)] |= kOperator;
    for (const char c : {'~', '!', '@', '#', '^', '&', '|', '`', '?', '%'})
        classes[static_cast<unsigned char>(c)] |= kOperator | kMarksOperator;
    return classes;
}();

bool is(char c, std::uint8_t of) noexcept { return (kClasses[static_cast<unsigned char>(c)] & of) != 0; }
bool is_sign(char c) noexcept { return c == '+' || c == '-'; }
char lower(char c) noexcept { return static_cast<char>(c | 0x20); }

}  // namespace

[[gnu::always_inline]] inline std::uint32_t SqlTokens::behind(std::uint32_t pos, std::uint8_t classes) const noexcept {
    const char* const text = text_.data();
    const auto end = static_cast<std::uint32_t>(text_.size());
    while (pos < end && is(text[pos], classes)) ++pos;
    return pos;
}

/// White space and comments. False when a comment does not end.
[[gnu::always_inline]] inline bool SqlTokens::skip_blank() noexcept {
    for (;;) {
        pos_ = behind(pos_, kSpace);
        const char c = at(pos_);
        if ((c != '-' && c != '/') || !skip_comment()) return true;
        if (pos_ > text_.size()) return false;
    }
}

/// False where there is none. Stands behind the text's end when it does not end.
bool SqlTokens::skip_comment() noexcept {
    const char c = text_[pos_];
    if (at(pos_ + 1) != (c == '-' ? '-' : '*')) return false;
    met_comment_ = true;
    if (c == '-') {
        while (pos_ < text_.size() && !is(text_[pos_], kNewline)) ++pos_;
        return true;
    }
    pos_ += 2;
    for (std::uint32_t depth = 1; depth > 0;) {
        if (pos_ >= text_.size()) {
            pos_ = static_cast<std::uint32_t>(text_.size()) + 1;
            return true;
        }
        const bool closes = text_[pos_] == '*' && at(pos_ + 1) == '/';
        const bool opens = text_[pos_] == '/' && at(pos_ + 1) == '*';
        depth += opens ? 1u : 0u;
        depth -= closes ? 1u : 0u;
        pos_ += opens || closes ? 2 : 1;
    }
    return true;
}

/// From behind the opening quote to behind the closing one.
SqlToken SqlTokens::quoted(TokenKind kind, std::uint32_t begin, char quote, bool doubles,
                           bool backslashes) noexcept {
    while (pos_ < text_.size()) {
        const char c = text_[pos_++];
        if (c == '\\' && backslashes) {
            ++pos_;
        } else if (c == quote) {
            if (!doubles || at(pos_) != quote) return made(kind, begin);
            ++pos_;
        }
    }
    pos_ = static_cast<std::uint32_t>(text_.size());
    return made(TokenKind::bad, begin);
}

/// Whether the literal that has just ended goes on: behind white space with a line's end in it, and perhaps
/// comments of the kind that ends with a line. Stands behind the quote then, else where it stood.
bool SqlTokens::continues() noexcept {
    const std::uint32_t stood = pos_;
    bool new_line = false;
    for (;;) {
        const char c = at(pos_);
        if (is(c, kSpace)) {
            new_line |= is(c, kNewline);
            ++pos_;
        } else if (c == '-' && at(pos_ + 1) == '-') {
            while (pos_ < text_.size() && !is(text_[pos_], kNewline)) ++pos_;
        } else {
            break;
        }
    }
    if (at(pos_) == '\'' && new_line) {
        ++pos_;
        return true;
    }
    pos_ = stood;
    return false;
}

SqlToken SqlTokens::string(TokenKind kind, std::uint32_t begin, bool doubles, bool backslashes) noexcept {
    for (;;) {
        const SqlToken token = quoted(kind, begin, '\'', doubles, backslashes);
        if (token.kind == TokenKind::bad || !continues()) return token;
    }
}

/// A parameter, a dollar-quoted literal, or a lone dollar.
SqlToken SqlTokens::dollar(std::uint32_t begin) noexcept {
    ++pos_;
    if (is(at(pos_), kDigit)) {
        while (is(at(pos_), kName) && at(pos_) != '$') ++pos_;
        return made(TokenKind::parameter, begin);
    }
    std::uint32_t tag_end = pos_;
    if (is(at(tag_end), kNameStart))
        while (is(at(tag_end), kName) && at(tag_end) != '$') ++tag_end;
    if (at(tag_end) != '$') return made(TokenKind::symbol, begin, '$');
    const std::uint32_t len = tag_end + 1 - begin;
    for (pos_ = tag_end + 1; pos_ + len <= text_.size(); ++pos_) {
        if (std::memcmp(text_.data() + pos_, text_.data() + begin, len) != 0) continue;
        pos_ += len;
        return made(TokenKind::string, begin);
    }
    pos_ = static_cast<std::uint32_t>(text_.size());
    return made(TokenKind::bad, begin);
}

[[gnu::always_inline]] inline SqlToken SqlTokens::word(std::uint32_t begin) noexcept {
    const char second = at(begin + 1);
    if (second == '\'') {
        const char letter = lower(text_[begin]);
        if (letter == 'e' || letter == 'b' || letter == 'x') {
            pos_ += 2;
            return letter == 'e' ? string(TokenKind::string, begin, true, true)
                                 : string(TokenKind::bit_string, begin, false, false);
        }
    } else if (second == '&' && lower(text_[begin]) == 'u') {
        const char third = at(begin + 2);
        if (third == '\'' || third == '"') {
            pos_ += 3;
            return third == '"' ? quoted(TokenKind::quoted_identifier, begin, '"', true, false)
                                : string(TokenKind::string, begin, true, false);
        }
    }
    pos_ = behind(begin, kName);
    return made(TokenKind::identifier, begin);
}

/// Also of bases and with underscores, as from 16 on; and what follows without a space, which is an error.
[[gnu::always_inline]] inline SqlToken SqlTokens::number(std::uint32_t begin) noexcept {
    const auto digits = [this]() noexcept {
        pos_ = behind(pos_, kDigit);
        while (at(pos_) == '_') pos_ = behind(pos_ + 1, kDigit);
    };
    digits();
    if (at(pos_) == '.' && at(pos_ + 1) != '.') {
        ++pos_;
        digits();
    }
    if (lower(at(pos_)) == 'e') {
        const std::uint32_t exponent = pos_ + (is_sign(at(pos_ + 1)) ? 2 : 1);
        if (is(at(exponent), kDigit)) {
            pos_ = exponent;
            digits();
        }
    }
    while (is(at(pos_), kName) && at(pos_) != '$') ++pos_;
    return made(TokenKind::number, begin);
}

/// The longest run of operator characters that has no comment in it, and at its end no sign unless another
/// character of it allows that.
[[gnu::always_inline]] inline SqlToken SqlTokens::operation(std::uint32_t begin) noexcept {
    bool may_end_in_sign = false;
    while (is(at(pos_), kOperator)) {
        const char c = text_[pos_];
        const char following = at(pos_ + 1);
        if (pos_ > begin && ((c == '/' && following == '*') || (c == '-' && following == '-'))) break;
        may_end_in_sign |= is(c, kMarksOperator);
        ++pos_;
    }
    while (pos_ - begin > 1 && is_sign(text_[pos_ - 1])) {
        // Marks count before the sign only; signs are none.
        if (may_end_in_sign) break;
        --pos_;
    }
    return pos_ - begin == 1 ? made(TokenKind::symbol, begin, text_[begin])
                             : made(TokenKind::operation, begin);
}

SqlToken SqlTokens::next() noexcept {
    const std::uint32_t from = pos_;
    if (!skip_blank()) {
        pos_ = from;  // so that the next call finds it once more
        return {TokenKind::bad, 0, from, static_cast<std::uint32_t>(text_.size())};
    }
    const std::uint32_t begin = pos_;
    if (begin >= text_.size()) return made(TokenKind::end, begin);
    const char c = text_[begin];
    SqlToken token{};
    if (is(c, kNameStart)) {
        token = word(begin);
    } else if (is(c, kDigit) || (c == '.' && is(at(begin + 1), kDigit))) {
        token = number(begin);
    } else if (c == '\'') {
        ++pos_;
        token = string(TokenKind::string, begin, true, !plain_backslashes_);
    } else if (c == '"') {
        ++pos_;
        token = quoted(TokenKind::quoted_identifier, begin, '"', true, false);
    } else if (c == '$') {
        token = dollar(begin);
    } else if (is(c, kOperator)) {
        token = operation(begin);
    } else {
        const char following = at(begin + 1);
        const bool two = (c == ':' && (following == ':' || following == '=')) || (c == '.' && following == '.');
        pos_ += two ? 2 : 1;
        token = two ? made(TokenKind::operation, begin, c == ':' && following == ':' ? ':' : '\0')
                    : made(TokenKind::symbol, begin, c);
    }
    if (token.kind == TokenKind::bad) pos_ = from;
    return token;
}

}  // namespace pgsm::core
