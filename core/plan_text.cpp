#include "core/plan_text.hpp"

#include "core/sql_tokens.hpp"
#include "core/sql_words.hpp"

#include <algorithm>
#include <cstring>

namespace pgsm::core {
namespace {

/// Enough to look back over "(x)::character varying(10)".
constexpr std::size_t kRemembered = 8;

/// The tokens before the present one.
class Before {
public:
    explicit Before(std::string_view text) noexcept : text_(text) {}
    void add(const SqlToken& token) noexcept {
        for (std::size_t i = kRemembered - 1; i > 0; --i) last_[i] = last_[i - 1];
        last_[0] = token;
    }
    const SqlToken& operator[](std::size_t i) const noexcept { return last_[i]; }
    bool is(std::size_t i, std::string_view lower_case) const noexcept {
        return last_[i].kind == TokenKind::identifier &&
               same_word({text_.data() + last_[i].begin, last_[i].end - last_[i].begin}, lower_case);
    }

private:
    std::string_view text_;
    SqlToken last_[kRemembered]{};
};

/// A number that is EXPLAIN's own ("SubPlan 1", "Workers Planned: 2") or part of a type's name.
bool is_no_constant(const Before& before) noexcept {
    if (before.is(0, "subplan") || before.is(0, "initplan")) return true;
    if (before[0].symbol == ':' && (before.is(1, "planned") || before.is(1, "removed") ||
                                    before.is(1, "partitions")))
        return true;
    std::size_t i = 0;
    while (i + 2 < kRemembered && before[i].symbol == ',' && before[i + 1].kind == TokenKind::number) i += 2;
    if (before[i].symbol != '(') return false;
    for (++i; i < kRemembered && before[i].kind == TokenKind::identifier; ++i) {}
    return i > 1 && i < kRemembered && before[i].kind == TokenKind::operation && before[i].symbol == ':';
}

std::size_t number_text(std::uint32_t number, char* out) noexcept {
    char digits[10];
    std::size_t len = 0;
    do {
        digits[len++] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    for (std::size_t i = 0; i < len; ++i) out[i] = digits[len - 1 - i];
    return len;
}

std::uint32_t highest_param(std::string_view plan) noexcept {
    SqlTokens tokens{plan};
    std::uint32_t highest = 0;
    for (SqlToken token = tokens.next(); token.kind != TokenKind::end && token.kind != TokenKind::bad;
         token = tokens.next()) {
        if (token.kind != TokenKind::parameter) continue;
        std::uint32_t number = 0;
        for (std::uint32_t i = token.begin + 1; i < token.end && number < 100000; ++i)
            number = number * 10 + static_cast<std::uint32_t>(plan[i] - '0');
        highest = std::max(highest, number);
    }
    return highest;
}

/// EXPLAIN prints the name of a common table expression as it is, where it could begin a literal.
bool has_unquoted_marks(std::string_view plan) noexcept {
    for (std::size_t at = 0; at < plan.size();) {
        std::size_t end = at;
        while (end < plan.size() && plan[end] != '\n') ++end;
        while (at < end && plan[at] == ' ') ++at;
        const std::string_view line{plan.data() + at, end - at};
        const bool names_cte = line.size() > 4 && std::memcmp(line.data(), "CTE ", 4) == 0;
        if (names_cte && std::any_of(line.begin(), line.end(), [](char c) noexcept {
                return c == '\'' || c == '"' || c == '$' || c == '-' || c == '/';
            }))
            return true;
        at = end + 1;
    }
    return false;
}

}  // namespace

std::size_t plan_shape(std::string_view plan, std::span<char> out) noexcept {
    if (has_unquoted_marks(plan)) return 0;
    SqlTokens tokens{plan};
    Before before{plan};
    std::uint32_t param = highest_param(plan);
    std::size_t len = 0;
    std::size_t copied = 0;
    const auto copy_to = [&](std::size_t end) noexcept {
        std::memcpy(out.data() + len, plan.data() + copied, end - copied);
        len += end - copied;
        copied = end;
    };
    for (;;) {
        const SqlToken token = tokens.next();
        if (token.kind == TokenKind::bad) return 0;
        if (token.kind == TokenKind::end) break;
        const bool literal = token.kind == TokenKind::string || token.kind == TokenKind::bit_string;
        if (literal || (token.kind == TokenKind::number && !is_no_constant(before))) {
            copy_to(token.begin);
            out[len++] = '$';
            len += number_text(++param, out.data() + len);
            copied = token.end;
        }
        before.add(token);
    }
    copy_to(plan.size());
    return len;
}

}  // namespace pgsm::core
