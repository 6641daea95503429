#include "core/text_arena.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

using namespace pgsm::core;

namespace {

struct OwnTexts {
    explicit OwnTexts(std::uint64_t bytes) : words((bytes + 7) / 8, 0x5a5a5a5a5a5a5a5a) {
        texts_init(base(), arena, 0, bytes);
    }
    std::byte* base() { return reinterpret_cast<std::byte*>(words.data()); }
    Ref intern(std::string_view text, TextUse use = TextUse::ordinary) {
        return text_intern(base(), arena, text, use);
    }
    std::string_view view(Ref text) { return text_view(base(), text); }
    std::uint64_t references() {
        std::uint64_t n = 0;
        REQUIRE(texts_check(base(), arena, n));
        return n;
    }

    std::vector<std::uint64_t> words;
    TextArena arena{};
};

}  // namespace

TEST_CASE("text arena: a text is there once, as long as somebody refers to it") {
    OwnTexts own(16 * 1024);
    const Ref a = own.intern("select 1");
    const Ref b = own.intern("select 2");
    CHECK(own.intern("select 1") == a);
    text_add_ref(own.base(), b);
    CHECK(a != b);
    CHECK(own.view(a) == "select 1");
    CHECK(own.arena.texts == 2);
    CHECK(own.references() == 4);
    text_release(own.base(), own.arena, a);
    CHECK(own.view(a) == "select 1");
    text_release(own.base(), own.arena, a);
    CHECK(own.arena.texts == 1);
    text_release(own.base(), own.arena, b);
    text_release(own.base(), own.arena, b);
    CHECK(own.arena.texts == 0);
    CHECK(own.references() == 0);
    CHECK(heap_used_bytes(own.arena.heap) == 0);
}

TEST_CASE("text arena: no text is 0 and costs nothing") {
    OwnTexts own(16 * 1024);
    CHECK(own.intern("") == 0);
    CHECK(own.view(0).empty());
    text_add_ref(own.base(), 0);
    text_release(own.base(), own.arena, 0);
    CHECK(own.references() == 0);
    const std::string with_nul("a\0b", 3);
    CHECK(own.view(own.intern(with_nul)) == with_nul);
}

TEST_CASE("text arena: the last room is for names of sessions") {
    OwnTexts own(16 * 1024);
    std::uint32_t n = 0;
    while (own.intern("select " + std::to_string(n)) != 0) ++n;
    CHECK(n > 250);
    const std::uint64_t left = heap_total_bytes(own.arena.heap) - heap_used_bytes(own.arena.heap);
    CHECK(left >= own.arena.reserve_bytes);
    CHECK(left < own.arena.reserve_bytes + 64);
    CHECK(own.intern("select 0") != 0);  // it is there already
    std::uint32_t names = 0;
    while (own.intern("name " + std::to_string(names), TextUse::session_name) != 0) ++names;
    CHECK(names * 32 >= own.arena.reserve_bytes - 32);
    CHECK(own.intern("one more", TextUse::session_name) == 0);
    own.references();
}

TEST_CASE("text arena: random texts beside a map") {
    OwnTexts own(40'000);
    std::mt19937 random(9);
    std::map<std::string, std::pair<Ref, std::uint32_t>> model;
    std::uint32_t refused = 0;
    for (int i = 0; i < 50'000; ++i) {
        std::string text = std::to_string(random() % 700);
        text.resize(1 + text.size() * (std::stoul(text) % 50), '.');
        auto it = model.find(text);
        if (random() % 2 == 0) {
            const Ref ref = own.intern(text);
            if (ref == 0) {
                REQUIRE(it == model.end());
                ++refused;
            } else if (it == model.end()) {
                model[text] = {ref, 1};
            } else {
                REQUIRE(ref == it->second.first);
                ++it->second.second;
            }
        } else if (it != model.end()) {
            REQUIRE(own.view(it->second.first) == text);
            text_release(own.base(), own.arena, it->second.first);
            if (--it->second.second == 0) model.erase(it);
        }
        REQUIRE(own.arena.texts == model.size());
    }
    CHECK(refused > 0);
    std::uint64_t references = 0;
    for (const auto& entry : model) references += entry.second.second;
    CHECK(own.references() == references);
}

TEST_CASE("text arena: damage is seen") {
    const auto damaged = [](auto damage) {
        OwnTexts own(16 * 1024);
        const Ref text = own.intern("select damaged");
        own.intern("select other");
        damage(own, reinterpret_cast<std::uint32_t*>(own.base() + std::uint64_t{text} * kUnitBytes));
        std::uint64_t n = 0;
        return !texts_check(own.base(), own.arena, n);
    };
    CHECK_FALSE(damaged([](OwnTexts&, std::uint32_t*) {}));
    CHECK(damaged([](OwnTexts&, std::uint32_t* text) { text[0] = 12; }));          // link
    CHECK(damaged([](OwnTexts&, std::uint32_t* text) { text[1] ^= 1; }));          // hash
    CHECK(damaged([](OwnTexts&, std::uint32_t* text) { text[2] = 0; }));           // references
    CHECK(damaged([](OwnTexts&, std::uint32_t* text) { text[3] = 0xfffffff0; }));  // length
    CHECK(damaged([](OwnTexts&, std::uint32_t* text) { text[4] ^= 1; }));          // a letter
    CHECK(damaged([](OwnTexts& own, std::uint32_t*) { ++own.arena.texts; }));
}
