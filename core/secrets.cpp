#include "core/secrets.hpp"

#include "core/sql_literal.hpp"
#include "core/sql_words.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace pgsm::core {
namespace {

bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// What the names of secrets have in them, and what is said of them.
constexpr std::string_view kSecretWords[]{"passw",      "passphrase", "pwd",          "private key", "private_key",
                                          "secret",     "credential", "conninfo",     "apikey",      "api_key",
                                          "api-key",    "access_token", "auth_token", "bearer "};

constexpr std::array<bool, 256> kBeginsSecret = [] {
    std::array<bool, 256> begins{};
    for (const std::string_view word : kSecretWords) {
        begins[static_cast<unsigned char>(word[0])] = true;
        begins[static_cast<unsigned char>(word[0] - 'a' + 'A')] = true;
    }
    return begins;
}();

bool begins_with(std::string_view text, std::size_t at, std::string_view lower_case) noexcept {
    if (text.size() - at < lower_case.size()) return false;
    for (std::size_t i = 0; i < lower_case.size(); ++i)
        if (lower(text[at + i]) != lower_case[i]) return false;
    return true;
}

bool secret_word_at(std::string_view text, std::size_t at) noexcept {
    return kBeginsSecret[static_cast<unsigned char>(text[at])] &&
           std::any_of(std::begin(kSecretWords), std::end(kSecretWords),
                       [&](std::string_view word) noexcept { return begins_with(text, at, word); });
}

/// A URI with an at sign in it, from behind its scheme.
bool has_user_information(std::string_view text, std::size_t at) noexcept {
    for (; at < text.size() && !is_space(text[at]); ++at)
        if (text[at] == '@') return true;
    return false;
}

/// Settings whose values are secrets, or commands that may have one in them.
bool is_secret_setting(std::string_view name) noexcept {
    constexpr std::string_view kWords[]{"token", "_key", "jwt", "_command"};
    if (speaks_of_secret(name)) {
        constexpr std::string_view kHarmless = "password_encryption";
        return name.size() != kHarmless.size() ||
               !std::equal(name.begin(), name.end(), kHarmless.begin(),
                           [](char a, char b) noexcept { return lower(a) == b; });
    }
    for (std::size_t at = 0; at < name.size(); ++at) {
        for (const std::string_view word : kWords) {
            std::size_t same = 0;
            while (same < word.size() && at + same < name.size() && lower(name[at + same]) == word[same])
                ++same;
            if (same == word.size()) return true;
        }
    }
    return false;
}

/// Whether the setting whose name begins at token `i` is a secret; `i` is behind the name afterwards.
bool names_secret_setting(const Words& words, std::size_t& i) noexcept {
    bool secret = false;
    for (; !words.name(i).empty(); ++i) {
        secret = secret || is_secret_setting(words.name(i));
        if (i + 1 >= words.tokens.size() || words.tokens[i + 1].symbol != '.') {
            ++i;
            break;
        }
        ++i;
    }
    return secret;
}

/// The token behind SET, with what may stand before the name passed; the number of tokens without SET.
std::size_t name_behind_set(const Words& words, std::size_t from) noexcept {
    std::size_t i = words.find("set", from);
    if (i >= words.tokens.size()) return i;
    ++i;
    if (words.is_one_of(i, "session"_w, "local"_w) &&
        (i + 1 >= words.tokens.size() || words.tokens[i + 1].symbol != '.'))
        ++i;
    return i;
}

}  // namespace

StatementKind statement_kind(std::string_view text, std::span<const SqlToken> tokens) noexcept {
    const Words words{text, tokens};
    std::size_t i = 0;
    while (i < tokens.size() && tokens[i].symbol == '(') ++i;
    if (words.is_one_of(i, "select"_w, "insert"_w, "update"_w, "delete"_w, "merge"_w, "values"_w, "table"_w,
                        "with"_w))
        return StatementKind::query;
    if (words.is_one_of(i, "create"_w, "alter"_w)) {
        std::size_t what = i + 1;
        if (words.is(what, "or") && words.is(what + 1, "replace")) what += 2;
        if (words.is_one_of(what, "role"_w, "user"_w, "group"_w, "server"_w, "subscription"_w, "foreign"_w,
                            "function"_w, "procedure"_w, "routine"_w, "system"_w, "database"_w))
            return StatementKind::secret;
    }
    if (words.is(i, "do") || (words.is(i, "import") && words.is(i + 1, "foreign")))
        return StatementKind::secret;
    if (words.is(i, "copy") && words.find("program", i) < tokens.size()) return StatementKind::secret;
    if (words.is(i, "set") && secret_value(text, tokens) < tokens.size()) return StatementKind::secret;
    return StatementKind::utility;
}

std::size_t secret_value(std::string_view text, std::span<const SqlToken> tokens) noexcept {
    const Words words{text, tokens};
    const bool set = words.is(0, "set");
    if (!set && !(words.is(0, "alter") && words.is_one_of(1, "role"_w, "user"_w, "database"_w, "system"_w,
                                                          "function"_w, "procedure"_w, "routine"_w)))
        return tokens.size();
    std::size_t i = name_behind_set(words, 0);
    if (i >= tokens.size() || !names_secret_setting(words, i)) return tokens.size();
    if (words.is(i, "to") || (i < tokens.size() && tokens[i].symbol == '=')) ++i;
    return i;
}

std::size_t behind_secret_word(std::string_view text, std::span<const SqlToken> tokens) noexcept {
    const Words words{text, tokens};
    for (std::size_t i = 0; i < tokens.size(); ++i)
        if (speaks_of_secret(words.name(i)) || words.is(i, "identified")) return i + 1;
    return tokens.size();
}

bool speaks_of_secret(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (secret_word_at(text, at)) return true;
        if (text[at] == ':' && begins_with(text, at, "://") && has_user_information(text, at)) return true;
    }
    return false;
}

bool literal_speaks_of_secret(std::string_view literal) noexcept {
    if (speaks_of_secret(literal)) return true;
    if (std::find(literal.begin(), literal.end(), '\\') == literal.end()) return false;
    // What its escapes mean: by pieces that overlap.
    char piece[1024];
    constexpr std::size_t kOverlap = 256;
    std::size_t len = 0;
    LiteralValue value{literal};
    for (int c = value.next();; c = value.next()) {
        if (c >= 0) piece[len++] = static_cast<char>(c);
        if (c >= 0 && len < sizeof piece) continue;
        if (speaks_of_secret({piece, len})) return true;
        if (c < 0) return false;
        std::copy(piece + len - kOverlap, piece + len, piece);
        len = kOverlap;
    }
}

bool is_misquoted_secret(std::string_view name) noexcept {
    const auto has = [&](char c) noexcept { return std::find(name.begin(), name.end(), c) != name.end(); };
    return (has('=') || has('@') || has(' ')) && speaks_of_secret(name);
}

bool names_secret(std::string_view text, std::span<const SqlToken> tokens) noexcept {
    const Words words{text, tokens};
    for (std::size_t i = 0; i < tokens.size(); ++i)
        if (speaks_of_secret(words.name(i))) return true;
    return false;
}

}  // namespace pgsm::core
