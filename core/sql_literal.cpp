#include "core/sql_literal.hpp"

#include "core/sql_words.hpp"

#include <algorithm>

namespace pgsm::core {

LiteralValue::LiteralValue(std::string_view literal) noexcept : text_(literal), end_(literal.size()) {
    if (literal.empty()) return;
    if (literal[0] == '$') {
        std::size_t tag = 1;
        while (tag < literal.size() && literal[tag] != '$') ++tag;
        pos_ = std::min(tag + 1, literal.size());
        end_ = literal.size() - std::min(literal.size() - pos_, tag + 1);
        return;
    }
    quotes_ = true;
    if (lower(literal[0]) == 'e') escapes_ = Escapes::backslash;
    if (lower(literal[0]) == 'u') escapes_ = Escapes::unicode;
    while (pos_ < literal.size() && literal[pos_] != '\'') ++pos_;
    ++pos_;
}

/// A number of up to `digits` digits from `pos_` on, as a character.
int LiteralValue::coded(int digits, int base) noexcept {
    int value = 0;
    for (; digits > 0 && pos_ < end_; --digits, ++pos_) {
        const char c = lower(text_[pos_]);
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
        if (digit >= base) break;
        value = value * base + digit;
    }
    return value < 128 ? value : '?';
}

/// Behind a backslash.
int LiteralValue::unescaped() noexcept {
    if (pos_ >= end_) return '\\';
    if (escapes_ == Escapes::unicode) {
        if (text_[pos_] == '\\') return text_[pos_++];
        const bool long_form = text_[pos_] == '+';
        pos_ += long_form;
        return coded(long_form ? 6 : 4, 16);
    }
    const char c = text_[pos_++];
    switch (c) {
    case 'x': return coded(2, 16);
    case 'u': return coded(4, 16);
    case 'U': return coded(8, 16);
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    default: break;
    }
    if (c < '0' || c > '7') return static_cast<unsigned char>(c);
    --pos_;
    return coded(3, 8);
}

int LiteralValue::next() noexcept {
    while (pos_ < end_) {
        const char c = text_[pos_++];
        if (c == '\\' && escapes_ != Escapes::none) return unescaped();
        if (c != '\'' || !quotes_) return static_cast<unsigned char>(c);
        if (pos_ < end_ && text_[pos_] == '\'') return text_[pos_++];
        // A continued literal goes on behind the next quote; what comments between have in them, does no harm.
        while (pos_ < end_ && text_[pos_] != '\'') ++pos_;
        ++pos_;
    }
    return -1;
}

}  // namespace pgsm::core
