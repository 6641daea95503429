#pragma once
#include "core/firewall.hpp"
#include "core/heap.hpp"

#include <string_view>

namespace pgsm::core {

/// Every text once, whatever the number of buckets, users and databases that show it: query texts, session
/// names, relation lists, messages. Texts are immutable, reference counted and found by content.
///
/// Memory: a chained hash table of Refs at a fixed place, then one Heap for the texts.
/// Locks: store lock, shared to read a text that an entry refers to, exclusive for everything else.
struct TextArena {
    Heap heap;
    std::uint64_t heads_offset;   ///< of the table, in bytes from the region's start; set once
    std::uint32_t heads_mask;     ///< number of chains - 1; set once
    std::uint32_t texts;          ///< number of different texts
    std::uint64_t reserve_bytes;  ///< only names of sessions may use the last of the room; set once
};
static_assert(ShmemPod<TextArena>);

enum class TextUse : std::uint8_t { ordinary, session_name };

/// Lays the arena over [offset, offset + bytes).
void texts_init(std::byte* base, TextArena& arena, std::uint64_t offset, std::uint64_t bytes) noexcept;

/// Returns a reference that the caller owns, or 0 when there is no room. An empty text is 0, too.
Ref text_intern(std::byte* base, TextArena& arena, std::string_view text, TextUse use) noexcept;
/// What a text of `len` bytes takes out of the arena.
std::uint64_t text_cost(std::size_t len) noexcept;
void text_add_ref(std::byte* base, Ref text) noexcept;
void text_release(std::byte* base, TextArena& arena, Ref text) noexcept;

/// What giving up a text that nothing else refers to would free, and how many references there are.
std::uint32_t text_bytes(const std::byte* base, Ref text) noexcept;
std::uint32_t text_references(const std::byte* base, Ref text) noexcept;

/// Which texts would go if some of their references went, in three rounds over the same references: lend
/// each, take each back, look at each. Between the rounds no other call about texts is allowed.
void text_lend(std::byte* base, Ref text) noexcept;
void text_take_back(std::byte* base, Ref text) noexcept;
/// Whether all references were lent. Then they must be released.
bool text_was_lent(const std::byte* base, Ref text) noexcept;

/// Whether `text` is 0 or a text by the looks of it: its block is one in use and as long as the text says.
bool text_holds(const std::byte* base, const TextArena& arena, Ref text) noexcept;

/// Walks the heap and the chains; false when one of them is wrong. `references`: how many there are to all
/// texts. For tests and for images read from disk; the arena's own offsets must lie within the region.
bool texts_check(const std::byte* base, const TextArena& arena, std::uint64_t& references) noexcept;

/// What to copy of a text that is not 0, from where the reference says.
std::uint32_t text_block_bytes(const std::byte* base, Ref text) noexcept;

/// The bytes of a text; empty for 0. Valid as long as a reference is held.
std::string_view text_view(const std::byte* base, Ref text) noexcept;

}  // namespace pgsm::core
