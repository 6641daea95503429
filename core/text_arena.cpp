#include "core/text_arena.hpp"

#include "core/hash.hpp"

#include <bit>
#include <cstring>

namespace pgsm::core {
namespace {

struct TextHeader {
    Ref next;  ///< in the chain of its hash
    std::uint32_t hash;
    std::uint32_t references;
    std::uint32_t len;  ///< bytes that follow; no NUL
};
static_assert(ShmemPod<TextHeader> && sizeof(TextHeader) == 16);

TextHeader* header_of(std::byte* base, Ref text) noexcept {
    return reinterpret_cast<TextHeader*>(base + std::uint64_t{text} * kUnitBytes);
}
const TextHeader* header_of(const std::byte* base, Ref text) noexcept {
    return reinterpret_cast<const TextHeader*>(base + std::uint64_t{text} * kUnitBytes);
}

constexpr std::uint32_t kLent = 1u << 31;  ///< of references: all of them were lent

Ref* chain(std::byte* base, const TextArena& arena, std::uint32_t hash) noexcept {
    return reinterpret_cast<Ref*>(base + arena.heads_offset) + (hash & arena.heads_mask);
}

}  // namespace

void texts_init(std::byte* base, TextArena& arena, std::uint64_t offset, std::uint64_t bytes) noexcept {
    constexpr std::uint64_t kExpectedTextBytes = 128;
    arena = TextArena{};
    const std::uint64_t heads = std::bit_floor(bytes / kExpectedTextBytes | 1);
    arena.heads_offset = (offset + kUnitBytes - 1) / kUnitBytes * kUnitBytes;
    arena.heads_mask = static_cast<std::uint32_t>((heads < (1u << 28) ? heads : 1u << 28) - 1);
    const std::uint64_t heads_bytes = (std::uint64_t{arena.heads_mask} + 1) * sizeof(Ref);
    std::memset(base + arena.heads_offset, 0, heads_bytes);
    const std::uint64_t heap_offset = arena.heads_offset + heads_bytes;
    heap_init(base, arena.heap, heap_offset, offset + bytes - heap_offset);
    arena.reserve_bytes = bytes / 32;
}

Ref text_intern(std::byte* base, TextArena& arena, std::string_view text, TextUse use) noexcept {
    if (text.empty() || text.size() > UINT32_MAX / 2) return 0;
    const auto hash = static_cast<std::uint32_t>(hash64(text, 0));
    Ref* head = chain(base, arena, hash);
    for (Ref at = *head; at != 0; at = header_of(base, at)->next) {
        TextHeader* header = header_of(base, at);
        if (header->hash == hash && text_view(base, at) == text) {
            ++header->references;
            return at;
        }
    }
    const auto need = static_cast<std::uint32_t>(sizeof(TextHeader) + text.size());
    const std::uint64_t free_bytes = heap_total_bytes(arena.heap) - heap_used_bytes(arena.heap);
    if (use == TextUse::ordinary && free_bytes < arena.reserve_bytes + heap_cost(need)) return 0;
    const Ref made = heap_alloc(base, arena.heap, need);
    if (made == 0) return 0;
    *header_of(base, made) = {*head, hash, 1, static_cast<std::uint32_t>(text.size())};
    std::memcpy(base + std::uint64_t{made} * kUnitBytes + sizeof(TextHeader), text.data(), text.size());
    *head = made;
    ++arena.texts;
    return made;
}

std::uint64_t text_cost(std::size_t len) noexcept {
    return std::uint64_t{heap_cost(sizeof(TextHeader))} + (len + kUnitBytes - 1) / kUnitBytes * kUnitBytes;
}

void text_add_ref(std::byte* base, Ref text) noexcept {
    if (text != 0) ++header_of(base, text)->references;
}

void text_release(std::byte* base, TextArena& arena, Ref text) noexcept {
    if (text == 0) return;
    TextHeader* header = header_of(base, text);
    if ((--header->references & ~kLent) != 0) return;
    Ref* link = chain(base, arena, header->hash);
    while (*link != text) link = &header_of(base, *link)->next;
    *link = header->next;
    heap_free(base, arena.heap, text);
    --arena.texts;
}

std::uint32_t text_bytes(const std::byte* base, Ref text) noexcept {
    return text == 0 ? 0 : heap_block_bytes(base, text);
}

std::uint32_t text_references(const std::byte* base, Ref text) noexcept {
    return text == 0 ? 0 : header_of(base, text)->references & ~kLent;
}

void text_lend(std::byte* base, Ref text) noexcept {
    if (text != 0) --header_of(base, text)->references;
}

void text_take_back(std::byte* base, Ref text) noexcept {
    if (text == 0) return;
    std::uint32_t& references = header_of(base, text)->references;
    if (references == 0) references = kLent;
    ++references;
}

bool text_was_lent(const std::byte* base, Ref text) noexcept {
    return text != 0 && (header_of(base, text)->references & kLent) != 0;
}

bool text_holds(const std::byte* base, const TextArena& arena, Ref text) noexcept {
    return text == 0 || (heap_holds(base, arena.heap, text, sizeof(TextHeader)) &&
                         heap_holds(base, arena.heap, text, sizeof(TextHeader) + header_of(base, text)->len));
}

bool texts_check(const std::byte* base, const TextArena& arena, std::uint64_t& references) noexcept {
    references = 0;
    if (!heap_check(base, arena.heap) || arena.texts != arena.heap.blocks) return false;
    const Ref* heads = reinterpret_cast<const Ref*>(base + arena.heads_offset);
    std::uint32_t met = 0;
    for (std::uint64_t chain = 0; chain <= arena.heads_mask; ++chain) {
        for (Ref at = heads[chain]; at != 0; at = header_of(base, at)->next) {
            if (++met > arena.texts || !text_holds(base, arena, at)) return false;
            const TextHeader& header = *header_of(base, at);
            if ((header.hash & arena.heads_mask) != chain || header.references == 0) return false;
            if (header.hash != static_cast<std::uint32_t>(hash64(text_view(base, at), 0))) return false;
            references += header.references;
        }
    }
    return met == arena.texts;
}

std::string_view text_view(const std::byte* base, Ref text) noexcept {
    if (text == 0) return {};
    return {reinterpret_cast<const char*>(base + std::uint64_t{text} * kUnitBytes + sizeof(TextHeader)),
            header_of(base, text)->len};
}

}  // namespace pgsm::core
