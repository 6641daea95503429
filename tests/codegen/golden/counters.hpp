// Made by schema/codegen.py from schema/columns.yaml: do not edit. To renew it: meson compile -C build regen
//
// Counters of a statement, in the parts that an entry keeps them in: the hot part, which every entry has, and
// the cold parts, each of which an entry gets when a counter in it is first not zero. In shared memory their
// lock is that of the entry that holds them.
#pragma once

#include "core/firewall.hpp"

#include "core/moments.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace pgsm::core {

struct IoPart {
    std::int64_t wal_bytes; // bytes
};
static_assert(std::is_trivially_copyable_v<IoPart> && std::is_standard_layout_v<IoPart>);
static_assert(sizeof(IoPart) == 8 && alignof(IoPart) == 8);
static_assert(offsetof(IoPart, wal_bytes) == 0);

struct JitPart {
    std::int64_t parallel_workers_launched; // workers
};
static_assert(std::is_trivially_copyable_v<JitPart> && std::is_standard_layout_v<JitPart>);
static_assert(sizeof(JitPart) == 8 && alignof(JitPart) == 8);
static_assert(offsetof(JitPart, parallel_workers_launched) == 0);

/// All counters of a statement.
struct Counters {
    IoPart io;
    JitPart jit;
};
static_assert(std::is_trivially_copyable_v<Counters> && std::is_standard_layout_v<Counters>);
static_assert(sizeof(Counters) == 16);
static_assert(offsetof(Counters, io) == 0);
static_assert(offsetof(Counters, jit) == 8);

/// Of id, name, type, unit and place of every counter: images with another one hold something else.
inline constexpr std::uint64_t kCounterFingerprint = 0x5227ce9def350382;

/// The cold parts.
enum class Part : std::uint8_t {
    io,
    jit,
};

inline constexpr std::uint32_t kColdPartCount = 2;

/// Bytes of each cold part, by Part.
inline constexpr std::array<std::uint32_t, kColdPartCount> kColdPartSize{
    sizeof(IoPart),
    sizeof(JitPart),
};

/// Where each cold part lies in Counters, by Part.
inline constexpr std::array<std::uint32_t, kColdPartCount> kColdPartOffset{
    offsetof(Counters, io),
    offsetof(Counters, jit),
};

/// Adds what `from` counted to `into`.
inline void merge(IoPart& into, const IoPart& from) noexcept
{
    into.wal_bytes += from.wal_bytes;
}

/// Whether nothing was counted in it.
inline bool is_zero(const IoPart& part) noexcept
{
    return part.wal_bytes == 0;
}

/// Adds what `from` counted to `into`.
inline void merge(JitPart& into, const JitPart& from) noexcept
{
    into.parallel_workers_launched += from.parallel_workers_launched;
}

/// Whether nothing was counted in it.
inline bool is_zero(const JitPart& part) noexcept
{
    return part.parallel_workers_launched == 0;
}

/// Adds all parts.
inline void merge(Counters& into, const Counters& from) noexcept
{
    merge(into.io, from.io);
    merge(into.jit, from.jit);
}

/// Bit i is set when cold part i of `counters` holds something.
inline std::uint32_t nonzero_parts([[maybe_unused]] const Counters& counters) noexcept
{
    std::uint32_t parts = 0;
    parts |= is_zero(counters.io) ? 0U : 1U << static_cast<unsigned>(Part::io);
    parts |= is_zero(counters.jit) ? 0U : 1U << static_cast<unsigned>(Part::jit);
    return parts;
}

/// Adds one cold part to another of the same kind.
inline void merge_part(Part part, [[maybe_unused]] void* into, [[maybe_unused]] const void* from) noexcept
{
    switch (part) {
    case Part::io:
        merge(*static_cast<IoPart*>(into), *static_cast<const IoPart*>(from));
        return;
    case Part::jit:
        merge(*static_cast<JitPart*>(into), *static_cast<const JitPart*>(from));
        return;
    }
}

} // namespace pgsm::core
