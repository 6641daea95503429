#include "core/query_text.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>
#include <string>
#include <vector>

using namespace pgsm::core;

namespace {

/// The text's own heap block, without a byte to spare: a read past the end is the sanitizer's to find.
class Exact {
public:
    explicit Exact(std::string_view text) : bytes_(text.begin(), text.end()) { bytes_.shrink_to_fit(); }
    std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

private:
    std::vector<char> bytes_;
};

std::string cleaned(std::string_view text) {
    const Exact exact(text);
    std::vector<char> out(text.size());
    return {out.data(), clean_text(exact.view(), out)};
}

std::string comments(std::string_view text, std::size_t room = kCommentsCap,
                     TextEncoding encoding = TextEncoding::kUtf8) {
    const Exact exact(text);
    std::vector<char> out(room);
    return {out.data(), extract_comments(exact.view(), out, encoding)};
}

/// PostgreSQL's hash_bytes_extended with seed 0 (Bob Jenkins' lookup3, 2006, public domain), on which the ids
/// that users compare rest: only with it can the figures of compat-2.3.md 3.2 be tested here.
std::int64_t hash_text_extended(std::string_view text) {
    const auto word = [&text](std::size_t begin, std::size_t from, std::size_t end) {
        std::uint32_t value = 0;
        for (std::size_t i = from; i < end && begin + i < text.size(); ++i) {
            value |= static_cast<std::uint32_t>(static_cast<unsigned char>(text[begin + i]))
                     << (8 * (i - from));
        }
        return value;
    };
    std::uint32_t a = 0x9e3779b9u + static_cast<std::uint32_t>(text.size()) + 3923095u;
    std::uint32_t b = a;
    std::uint32_t c = a;
    std::size_t pos = 0;
    for (; text.size() - pos >= 12; pos += 12) {
        a += word(pos, 0, 4);
        b += word(pos, 4, 8);
        c += word(pos, 8, 12);
        a -= c, a ^= std::rotl(c, 4), c += b;
        b -= a, b ^= std::rotl(a, 6), a += c;
        c -= b, c ^= std::rotl(b, 8), b += a;
        a -= c, a ^= std::rotl(c, 16), c += b;
        b -= a, b ^= std::rotl(a, 19), a += c;
        c -= b, c ^= std::rotl(b, 4), b += a;
    }
    a += word(pos, 0, 4);
    b += word(pos, 4, 8);
    c += word(pos, 8, 12) << 8;  // the lowest byte of c is left to the length
    c ^= b, c -= std::rotl(b, 14);
    a ^= c, a -= std::rotl(c, 11);
    b ^= a, b -= std::rotl(a, 25);
    c ^= b, c -= std::rotl(b, 16);
    a ^= c, a -= std::rotl(c, 4);
    b ^= a, b -= std::rotl(a, 14);
    c ^= b, c -= std::rotl(b, 24);
    return std::bit_cast<std::int64_t>(static_cast<std::uint64_t>(b) << 32 | c);
}

/// Pieces that make texts in which marks, quotes, white space and long characters meet in every order.
std::string random_text(std::mt19937_64& random, std::size_t max_pieces) {
    static constexpr std::string_view kPieces[] = {"/*",
                                                   "*/",
                                                   "--",
                                                   "\n",
                                                   " ",
                                                   "\t",
                                                   "/",
                                                   "*",
                                                   "-",
                                                   "a",
                                                   "1",
                                                   "'",
                                                   "\"",
                                                   "$$",
                                                   ";",
                                                   "\xC3\xA9",
                                                   "\xE2\x82\xAC",
                                                   "\xF0\x9F\x90\x98"};
    std::string text;
    for (std::size_t pieces = random() % (max_pieces + 1); pieces > 0; --pieces) {
        text += kPieces[random() % std::size(kPieces)];
    }
    return text;
}

/// The rules of 3.2 one after the other on std::string, instead of in one pass over bytes.
std::string cleaned_by_steps(const std::string& text) {
    std::string bare;
    for (std::size_t pos = 0; pos < text.size();) {
        if (text.compare(pos, 2, "/*") == 0) {
            const std::size_t end = text.find("*/", pos + 2);
            pos = end == std::string::npos ? text.size() : end + 2;
        } else if (text.compare(pos, 2, "--") == 0) {
            pos = std::min(text.find('\n', pos), text.size());
        } else {
            bare += text[pos++];
        }
    }
    constexpr const char* kSpaces = " \t\n\v\f\r";
    std::string result;
    for (std::size_t pos = bare.find_first_not_of(kSpaces); pos != std::string::npos;) {
        const std::size_t end = std::min(bare.find_first_of(kSpaces, pos), bare.size());
        result += (result.empty() ? "" : " ") + bare.substr(pos, end - pos);
        pos = bare.find_first_not_of(kSpaces, end);
    }
    return result;
}

std::vector<std::string> comments_of(const std::string& text) {
    std::vector<std::string> found;
    for (std::size_t pos = text.find("/*"); pos != std::string::npos; pos = text.find("/*", pos)) {
        const std::size_t end = text.find("*/", pos + 2);
        if (end == std::string::npos) {
            break;
        }
        found.push_back(text.substr(pos, end + 2 - pos));
        pos = end + 2;
    }
    return found;
}

bool is_valid_utf8(std::string_view text) {
    for (std::size_t pos = 0; pos < text.size();) {
        const auto lead = static_cast<unsigned char>(text[pos]);
        const std::size_t len = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
        if (len == 0 || pos + len > text.size()) {
            return false;
        }
        for (std::size_t i = 1; i < len; ++i) {
            if ((static_cast<unsigned char>(text[pos + i]) & 0xC0) != 0x80) {
                return false;
            }
        }
        pos += len;
    }
    return true;
}

}  // namespace

TEST_CASE("clean: the ids of 2.3") {
    struct Id {
        std::string_view text;
        std::int64_t id;
    };
    static constexpr Id kIds[] = {
        {"SELECT * FROM t1", 1988437669671417938},
        {"SELECT * FROM t2", 1897482803466821995},
        {"SELECT pg_stat_monitor_reset()", 689150021118383254},
        {"select $1", -6219967338124547741},
        {"SELECT * FROM t3 where c = $1", 6633979598391393345},
        {"Result", -7530868095448973926},
        {"\t SELECT /* one */ *\n\n  FROM -- two\r\n t1 \n-- three", 1988437669671417938},
    };
    for (const Id& id : kIds) {
        CAPTURE(id.text);
        CHECK(hash_text_extended(cleaned(id.text)) == id.id);
    }
}

TEST_CASE("clean: comments and white space") {
    CHECK(cleaned("") == "");
    CHECK(cleaned(" \t\r\n\v\f ") == "");
    CHECK(cleaned("a /* x */ b") == "a b");
    CHECK(cleaned("a/* x */b") == "ab");
    CHECK(cleaned("a -- x\nb") == "a b");
    CHECK(cleaned("a--x\nb") == "a b");
    CHECK(cleaned("a -- x") == "a");
    CHECK(cleaned("/* x */ a /* y */") == "a");
    CHECK(cleaned("a /* -- */ b") == "a b");
    CHECK(cleaned("a -- /*\nb */") == "a b */");
    CHECK(cleaned("a - - b / * c") == "a - - b / * c");
    CHECK(cleaned("SELECT  1;") == "SELECT 1;");
}

TEST_CASE("clean: not nested, not closed, and in literals") {
    CHECK(cleaned("a /* x /* y */ z */ b") == "a z */ b");
    CHECK(cleaned("a /*/ b */ c") == "a c");
    CHECK(cleaned("a /* x") == "a");
    CHECK(cleaned("a /*") == "a");
    CHECK(cleaned("a /") == "a /");
    CHECK(cleaned("a -") == "a -");
    CHECK(cleaned("a /**/ b") == "a b");
    CHECK(cleaned("//**/* b") == "/* b");  // what a removed comment brings together is no mark
    CHECK(cleaned("select '/* no */', \"--\"") == "select '', \"");
    CHECK(cleaned("select '  '") == "select ' '");
}

TEST_CASE("clean: any text, also in its own memory and with too little room") {
    std::mt19937_64 random(3);
    for (int round = 0; round < 20000; ++round) {
        const std::string text = random_text(random, 40);
        const std::string expected = cleaned_by_steps(text);
        CAPTURE(text);
        CHECK(cleaned(text) == expected);

        std::vector<char> in_place(text.begin(), text.end());
        const std::size_t len = clean_text({in_place.data(), in_place.size()}, in_place);
        CHECK(std::string_view(in_place.data(), len) == expected);

        std::vector<char> small(random() % (text.size() + 1));
        const std::size_t small_len = clean_text(text, small);
        CHECK(small_len <= small.size());
        CHECK(expected.starts_with(std::string_view(small.data(), small_len)));
        if (small.size() >= expected.size()) {
            CHECK(small_len == expected.size());
        }
    }
}

TEST_CASE("comments: what is one and what is not") {
    CHECK(comments("") == "");
    CHECK(comments("select 1 -- no") == "");
    CHECK(comments("/* a */ select 1") == "/* a */");
    CHECK(comments("select 1 /* at the end */") == "/* at the end */");
    CHECK(comments("select /* a */ 1, /* b */ 2") == "/* a */, /* b */");
    CHECK(comments("/*a*//*b*/") == "/*a*/, /*b*/");  // 2.3 misses the second
    CHECK(comments("/**/") == "/**/");
    CHECK(comments("/*/ a */") == "/*/ a */");
    CHECK(comments("/* a /* b */ c */") == "/* a /* b */");
    CHECK(comments("select '/* in a literal */'") == "/* in a literal */");
    CHECK(comments("select 1 -- /* x */") == "/* x */");
    CHECK(comments("/* never closed") == "");
    CHECK(comments("/* a */ /* never closed") == "/* a */");
    CHECK(comments("/*") == "");
    CHECK(comments("/") == "");
}

TEST_CASE("comments: no more than there is room for, and whole characters") {
    CHECK(comments("/* abc */", 9) == "/* abc */");
    CHECK(comments("/* abc */", 8) == "/* abc *");
    CHECK(comments("/* abc */", 2) == "/*");
    CHECK(comments("/* abc */", 1) == "");
    CHECK(comments("/* abc */", 0) == "");
    CHECK(comments("/*a*/ /*b*/", 8) == "/*a*/");
    CHECK(comments("/*a*/ /*b*/", 9) == "/*a*/, /*");
    CHECK(comments("/*aaaaaa*/ /*b*/", 9) == "/*aaaaaa*");
    CHECK(comments("/*\xE2\x82\xAC*/", 4) == "/*");
    CHECK(comments("/*\xE2\x82\xAC*/", 5) == "/*\xE2\x82\xAC");
    CHECK(comments("/*\xE2\x82\xAC*/", 4, TextEncoding::kSingleByte) == "/*\xE2\x82");
    CHECK(comments("/*x\xB0\xA1\xB0\xA2*/", 6, TextEncoding::kMultiByte) == "/*x");
    // Much was taken back, so that the second one would have room: it is not put in the place of the first
    // one's rest.
    CHECK(comments("/*x\xB0\xA1\xB0\xA2\xB0\xA3\xB0\xA4*/ /*b*/", 10, TextEncoding::kMultiByte) == "/*x");

    const std::string long_comment = "/*" + std::string(400, 'x') + "*/";
    CHECK(comments(long_comment) == long_comment.substr(0, kCommentsCap));
}

TEST_CASE("comments: any text and any room") {
    std::mt19937_64 random(4);
    for (int round = 0; round < 20000; ++round) {
        const std::string text = random_text(random, 40);
        std::string expected;
        for (const std::string& comment : comments_of(text)) {
            expected += (expected.empty() ? "" : ", ") + comment;
        }
        CAPTURE(text);
        CHECK(comments(text) == expected);

        const std::size_t room = random() % 40;
        CAPTURE(room);
        const std::string cut = comments(text, room);
        CHECK(cut.size() <= room);
        CHECK(is_valid_utf8(cut));
        CHECK(expected.starts_with(cut));
        CHECK_FALSE(cut.ends_with(", "));
        if (room >= expected.size()) {
            CHECK(cut == expected);
        } else {
            // A comment begun is filled up to its last whole character; a separator and a mark may not fit.
            CHECK(cut.size() + 4 > std::min(room, expected.size()));
        }
    }
}

TEST_CASE("truncate: at a character") {
    const std::string_view text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\x98z";  // 1, 2, 3, 4 and 1 bytes
    const std::size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (std::size_t max = 0; max < std::size(expected); ++max) {
        CAPTURE(max);
        CHECK(truncate_at_char(text, max).size() == expected[max]);
        CHECK(truncate_at_char(text, max, TextEncoding::kSingleByte).size() == std::min(max, text.size()));
        CHECK(truncate_at_char(text, max).data() == text.data());
    }
    CHECK(truncate_at_char("", 0).empty());

    // EUC_KR: two bytes a character; only ASCII on one side of the cut is a sure place.
    const std::string_view euc = "ab\xB0\xA1\xB0\xA2 c";
    const std::size_t euc_expected[] = {0, 1, 2, 2, 2, 2, 6, 7, 8};
    for (std::size_t max = 0; max < std::size(euc_expected); ++max) {
        CAPTURE(max);
        CHECK(truncate_at_char(euc, max, TextEncoding::kMultiByte).size() == euc_expected[max]);
    }
}

TEST_CASE("truncate: text that is not UTF-8 is not eaten up") {
    const std::string broken(1000, '\x80');
    CHECK(truncate_at_char(broken, 500).size() == 500);
    CHECK(truncate_at_char(broken, 1).size() == 1);
    CHECK(truncate_at_char("ab" + broken, 2).size() == 2);
    CHECK(truncate_at_char("ab" + broken, 3).size() == 3);
}

TEST_CASE("truncate: any text") {
    std::mt19937_64 random(6);
    for (int round = 0; round < 20000; ++round) {
        const std::string text = random_text(random, 30);
        const Exact exact(text);
        const std::size_t max = random() % (text.size() + 4);
        const std::string_view cut = truncate_at_char(exact.view(), max);
        CAPTURE(text);
        CAPTURE(max);
        CHECK(cut.size() <= max);
        CHECK(text.starts_with(cut));
        CHECK(is_valid_utf8(cut));
        CHECK(cut.size() + 3 >= std::min(max, text.size()));
    }
}

TEST_CASE("trim: one statement out of a string") {
    const std::string_view text = " select 1 ; \n select 2;select 3";
    CHECK(trim_statement(text, 0, 10) == "select 1");
    CHECK(trim_statement(text, 11, 11) == "select 2");
    CHECK(trim_statement(text, 23, 0) == "select 3");
    CHECK(trim_statement(text, 23, -1) == "select 3");
    CHECK(trim_statement(text, -1, 5) == "select 1 ; \n select 2;select 3");
    CHECK(trim_statement("select 1;\n", -1, 0) == "select 1");
    CHECK(trim_statement("select 1 ; ;", 0, 0) == "select 1");
    CHECK(trim_statement("/* kept */ select 1", 0, 0) == "/* kept */ select 1");
    CHECK(trim_statement(" ; ", 0, 0) == "");
    CHECK(trim_statement("", -1, 0) == "");
}

TEST_CASE("trim: a place outside of the text") {
    CHECK(trim_statement("select 1", 100, 5) == "");
    CHECK(trim_statement("select 1", 8, 1) == "");
    CHECK(trim_statement("select 1", 7, 100) == "1");
    CHECK(trim_statement("select 1", INT64_MAX, INT64_MAX) == "");
    CHECK(trim_statement("select 1", INT64_MIN, INT64_MIN) == "select 1");
}

TEST_CASE("trim: any text and any place") {
    std::mt19937_64 random(8);
    const auto is_trimmed = [](char c) { return std::strchr(" \t\n\v\f\r", c) != nullptr; };
    for (int round = 0; round < 20000; ++round) {
        const Exact exact(random_text(random, 30));
        const std::string_view text = exact.view();
        const std::int64_t location = static_cast<std::int64_t>(random() % 60) - 5;
        const std::int64_t length = static_cast<std::int64_t>(random() % 60) - 5;
        const std::string_view statement = trim_statement(text, location, length);
        const std::size_t begin =
            std::min(text.size(), static_cast<std::size_t>(std::max<std::int64_t>(location, 0)));
        const std::string_view rest = text.substr(begin);
        const std::string_view slice =
            location < 0 || length <= 0 ? rest : rest.substr(0, static_cast<std::size_t>(length));
        CHECK(slice.find(statement) != std::string_view::npos);
        if (statement.empty()) {
            CHECK(std::all_of(slice.begin(), slice.end(), [&](char c) { return is_trimmed(c) || c == ';'; }));
            continue;
        }
        CHECK_FALSE(is_trimmed(statement.front()));
        CHECK_FALSE(is_trimmed(statement.back()));
        CHECK(statement.back() != ';');
        const auto before = static_cast<std::size_t>(statement.data() - slice.data());
        CHECK(std::all_of(slice.begin(), slice.begin() + static_cast<std::ptrdiff_t>(before), is_trimmed));
        CHECK(std::all_of(slice.begin() + static_cast<std::ptrdiff_t>(before + statement.size()), slice.end(),
                          [&](char c) { return is_trimmed(c) || c == ';'; }));
    }
}
