#include "core/hash.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace pgsm::core;

namespace {

std::string counting_bytes(std::size_t len) {
    std::string bytes(len, '\0');
    for (std::size_t i = 0; i < len; ++i) {
        bytes[i] = static_cast<char>(i * 7 + 1);
    }
    return bytes;
}

}  // namespace

TEST_CASE("hash: values that the image file depends on") {
    // XXH3_64bits_withSeed of the library libxxhash 0.8.1 itself; one length for each of its code paths.
    struct Vector {
        std::size_t len;
        std::uint64_t seed;
        std::uint64_t hash;
    };
    static constexpr Vector kVectors[] = {
        {0, 0, 0x2d06800538d394c2ULL},
        {1, 0, 0xe12ef9d2eb86ceebULL},
        {3, 0, 0x5c83885a0fb5d516ULL},
        {4, 0, 0x244f36de481e7522ULL},
        {8, 0, 0x96cc97a6768fd7a9ULL},
        {9, 0, 0x4781d83b8e99d495ULL},
        {16, 0, 0x913bd4a8038027a7ULL},
        {17, 0, 0x2bf6f66973a6179dULL},
        {128, 0, 0xc4399c7829d0628fULL},
        {129, 0, 0x8433489056750b32ULL},
        {240, 0, 0x3c0bb96864e543a1ULL},
        {241, 0, 0xbff7215089202d8fULL},
        {1024, 0, 0xac8e32e4ea3ba062ULL},
        {4099, 0, 0x24691344566f604eULL},
        {0, 0x9e3779b97f4a7c15ULL, 0x602b0e2cd6662c8bULL},
        {1, 0x9e3779b97f4a7c15ULL, 0x439a256d3da4e7e3ULL},
        {3, 0x9e3779b97f4a7c15ULL, 0x8840137a8295d79bULL},
        {4, 0x9e3779b97f4a7c15ULL, 0x89af97f4a1e8d1fcULL},
        {8, 0x9e3779b97f4a7c15ULL, 0x7f7986a4ac5342b6ULL},
        {9, 0x9e3779b97f4a7c15ULL, 0xa9fd0dd2db7e1fc7ULL},
        {16, 0x9e3779b97f4a7c15ULL, 0xcdf0cbaa77afe281ULL},
        {17, 0x9e3779b97f4a7c15ULL, 0x51290e3ab460cf3fULL},
        {128, 0x9e3779b97f4a7c15ULL, 0xb4852aec21eb5644ULL},
        {129, 0x9e3779b97f4a7c15ULL, 0xeea48e728c6ca28aULL},
        {240, 0x9e3779b97f4a7c15ULL, 0xfdbbfb1fa843fe64ULL},
        {241, 0x9e3779b97f4a7c15ULL, 0xdbbc9f7c061b0878ULL},
        {1024, 0x9e3779b97f4a7c15ULL, 0xc222e49b30f1df42ULL},
        {4099, 0x9e3779b97f4a7c15ULL, 0xe6ea909d40693689ULL},
    };
    for (const Vector& vector : kVectors) {
        CAPTURE(vector.len);
        CAPTURE(vector.seed);
        CHECK(hash64(counting_bytes(vector.len), vector.seed) == vector.hash);
    }
    CHECK(hash64(std::string_view{}) == 0x2d06800538d394c2ULL);  // as xxHash's own documentation gives it
}

TEST_CASE("hash: text and bytes are the same, wherever they stand") {
    std::mt19937_64 random(1);
    for (int round = 0; round < 500; ++round) {
        std::string text(random() % 400, '\0');
        for (char& c : text) {
            c = static_cast<char>(random());
        }
        const std::uint64_t seed = random();
        const std::uint64_t expected = hash64(text, seed);
        CHECK(hash64(std::as_bytes(std::span<const char>(text)), seed) == expected);

        const std::size_t shift = random() % 16;
        const std::string shifted = std::string(shift, 'x') + text + "yyyy";
        CHECK(hash64(std::string_view(shifted.data() + shift, text.size()), seed) == expected);
    }
}

TEST_CASE("hash: every bit, the length and the seed count") {
    for (std::size_t len : {1u, 3u, 8u, 16u, 17u, 100u, 128u, 129u, 240u, 241u, 1536u}) {
        CAPTURE(len);
        std::set<std::uint64_t> seen;
        std::string bytes = counting_bytes(len);
        seen.insert(hash64(bytes));
        for (std::size_t bit = 0; bit < len * 8; ++bit) {
            bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
            seen.insert(hash64(bytes));
            bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
        }
        seen.insert(hash64(bytes, 1));
        seen.insert(hash64(bytes + '\0'));
        seen.insert(hash64(std::string_view(bytes.data(), len - 1)));
        CHECK(seen.size() == len * 8 + 4);
    }
}

TEST_CASE("hash: low bits spread over a small table") {
    // 4,096 keys that differ in a number only, into 4,096 places: about 1/e of them stay empty when it is
    // random.
    std::vector<int> places(4096, 0);
    for (std::uint64_t key = 0; key < places.size(); ++key) {
        ++places[hash64(std::as_bytes(std::span<const std::uint64_t, 1>(&key, 1))) % places.size()];
    }
    const auto empty = std::count(places.begin(), places.end(), 0);
    CHECK(empty > 1350);
    CHECK(empty < 1660);
    CHECK(*std::max_element(places.begin(), places.end()) < 12);
}
