#include "core/secrets.hpp"

#include "core/sql_literal.hpp"
#include "core/sql_words.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace pgsm::core {
namespace {

bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// What the names of secrets have in them, and what is said of them; by their first letters.
constexpr std::string_view kSecretWords[]{"access_token", "api-key",    "api_key",     "apikey",      "auth_token",
                                          "bearer ",      "conninfo",   "credential",  "passphrase",  "passw",
                                          "private key",  "private_key", "pwd",        "secret"};
/// And beside these, of settings that may have one in them.
constexpr std::string_view kSettingWords[]{"_command",    "_key",      "access_token", "api-key",     "api_key",
                                           "apikey",      "auth_token", "bearer ",     "conninfo",    "credential",
                                           "jwt",         "passphrase", "passw",       "private key", "private_key",
                                           "pwd",         "secret",     "token"};

/// Where the words that begin with a letter are in a list: from .begin on, .count of them.
struct Place {
    std::uint8_t begin;
    std::uint8_t count;
};
using ByLetter = std::array<Place, 256>;

constexpr ByLetter by_letter(std::span<const std::string_view> words) {
    ByLetter places{};
    for (std::size_t i = words.size(); i-- > 0;) {
        const char first = words[i][0];
        for (const char c : {first, first >= 'a' ? static_cast<char>(first - 'a' + 'A') : first}) {
            Place& place = places[static_cast<unsigned char>(c)];
            place.begin = static_cast<std::uint8_t>(i);
            if (c == first || first >= 'a') ++place.count;
        }
        if (first < 'a') --places[static_cast<unsigned char>(first)].count;
    }
    return places;
}
constexpr ByLetter kSecretPlaces = by_letter(kSecretWords);
constexpr ByLetter kSettingPlaces = by_letter(kSettingWords);

bool begins_with(std::string_view text, std::size_t at, std::string_view lower_case) noexcept {
    if (text.size() - at < lower_case.size()) return false;
    for (std::size_t i = 1; i < lower_case.size(); ++i)
        if (lower(text[at + i]) != lower_case[i]) return false;
    return true;
}

/// Whether one of the words is at a place of the text.
bool word_at(std::string_view text, std::size_t at, const std::string_view* words, const ByLetter& places) noexcept {
    const Place place = places[static_cast<unsigned char>(text[at])];
    for (std::size_t i = place.begin; i < std::size_t{place.begin} + place.count; ++i)
        if (begins_with(text, at, words[i])) return true;
    return false;
}

bool secret_word_at(std::string_view text, std::size_t at) noexcept {
    return word_at(text, at, kSecretWords, kSecretPlaces);
}

/// A URI with an at sign in it, from behind its scheme.
bool has_user_information(std::string_view text, std::size_t at) noexcept {
    for (; at < text.size() && !is_space(text[at]); ++at)
        if (text[at] == '@') return true;
    return false;
}

bool is_secret_setting(std::string_view name) noexcept {
    bool secret = false;
    for (std::size_t at = 0; at < name.size() && !secret; ++at)
        secret = word_at(name, at, kSettingWords, kSettingPlaces);
    return secret && !same_word(name, "password_encryption");
}

/// Whether the setting whose name begins at token `i` is a secret; `i` is behind the name afterwards.
bool names_secret_setting(const Words& words, std::size_t& i) noexcept {
    bool secret = false;
    for (bool more = true; more; i += more ? 2 : 1) {
        const std::string_view name = words.name(i);
        if (name.empty()) break;
        secret = secret || is_secret_setting(name);
        more = i + 1 < words.tokens.size() && words.tokens[i + 1].symbol == '.';
    }
    return secret;
}

/// Behind what may stand between SET and the name.
std::size_t name_behind_set(const Words& words, std::size_t set) noexcept {
    const std::size_t i = set + 1;
    const bool scope = words.is_one_of(i, "session"_w, "local"_w) &&
                       (i + 1 >= words.tokens.size() || words.tokens[i + 1].symbol != '.');
    return scope ? i + 1 : i;
}

/// secret_value() where SET is the token `set`.
std::size_t value_behind_set(const Words& words, std::size_t set) noexcept {
    std::size_t i = name_behind_set(words, set);
    if (!names_secret_setting(words, i)) return words.tokens.size();
    if (words.is(i, "to") || (i < words.tokens.size() && words.tokens[i].symbol == '=')) ++i;
    return std::min(i, words.tokens.size());
}

}  // namespace

StatementKind statement_kind(std::string_view text, std::span<const SqlToken> tokens) noexcept {
    const Words words{text, tokens};
    if (words.is(0, "set"))
        return value_behind_set(words, 0) < tokens.size() ? StatementKind::secret : StatementKind::utility;
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
    return StatementKind::utility;
}

std::size_t secret_value(std::string_view text, std::span<const SqlToken> tokens) noexcept {
    const Words words{text, tokens};
    std::size_t set = 0;
    if (words.is(0, "alter") && words.is_one_of(1, "role"_w, "user"_w, "database"_w, "system"_w, "function"_w,
                                                "procedure"_w, "routine"_w))
        set = words.find("set", 1);
    return words.is(set, "set") ? value_behind_set(words, set) : tokens.size();
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
        if (text[at] == ':' && text.size() - at > 2 && text[at + 1] == '/' && text[at + 2] == '/' && has_user_information(text, at)) return true;
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
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (speaks_of_secret(words.name(i))) return true;
        const SqlToken& token = tokens[i];
        if (token.kind == TokenKind::string &&
            literal_speaks_of_secret({text.data() + token.begin, token.end - token.begin}))
            return true;
    }
    return false;
}

}  // namespace pgsm::core
