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

struct HotPart {
    Moments exec; // calls; ms
    std::int64_t rows; // rows
    std::int64_t shared_blks_hit; // blocks
    double cpu_user_time; // ms
    double cpu_sys_time; // ms
};
static_assert(std::is_trivially_copyable_v<HotPart> && std::is_standard_layout_v<HotPart>);
static_assert(sizeof(HotPart) == 72 && alignof(HotPart) == 8);
static_assert(offsetof(HotPart, exec) == 0);
static_assert(offsetof(HotPart, rows) == 40);
static_assert(offsetof(HotPart, shared_blks_hit) == 48);
static_assert(offsetof(HotPart, cpu_user_time) == 56);
static_assert(offsetof(HotPart, cpu_sys_time) == 64);

struct IoPart {
    std::int64_t shared_blks_read; // blocks
    std::int64_t shared_blks_dirtied; // blocks
    std::int64_t shared_blks_written; // blocks
    std::int64_t wal_records; // records
    std::int64_t wal_fpi; // pages
    std::int64_t wal_bytes; // bytes
};
static_assert(std::is_trivially_copyable_v<IoPart> && std::is_standard_layout_v<IoPart>);
static_assert(sizeof(IoPart) == 48 && alignof(IoPart) == 8);
static_assert(offsetof(IoPart, shared_blks_read) == 0);
static_assert(offsetof(IoPart, shared_blks_dirtied) == 8);
static_assert(offsetof(IoPart, shared_blks_written) == 16);
static_assert(offsetof(IoPart, wal_records) == 24);
static_assert(offsetof(IoPart, wal_fpi) == 32);
static_assert(offsetof(IoPart, wal_bytes) == 40);

struct BuffersPart {
    std::int64_t local_blks_hit; // blocks
    std::int64_t local_blks_read; // blocks
    std::int64_t local_blks_dirtied; // blocks
    std::int64_t local_blks_written; // blocks
    std::int64_t temp_blks_read; // blocks
    std::int64_t temp_blks_written; // blocks
    double shared_blk_read_time; // ms
    double shared_blk_write_time; // ms
    double local_blk_read_time; // ms
    double local_blk_write_time; // ms
    double temp_blk_read_time; // ms
    double temp_blk_write_time; // ms
};
static_assert(std::is_trivially_copyable_v<BuffersPart> && std::is_standard_layout_v<BuffersPart>);
static_assert(sizeof(BuffersPart) == 96 && alignof(BuffersPart) == 8);
static_assert(offsetof(BuffersPart, local_blks_hit) == 0);
static_assert(offsetof(BuffersPart, local_blks_read) == 8);
static_assert(offsetof(BuffersPart, local_blks_dirtied) == 16);
static_assert(offsetof(BuffersPart, local_blks_written) == 24);
static_assert(offsetof(BuffersPart, temp_blks_read) == 32);
static_assert(offsetof(BuffersPart, temp_blks_written) == 40);
static_assert(offsetof(BuffersPart, shared_blk_read_time) == 48);
static_assert(offsetof(BuffersPart, shared_blk_write_time) == 56);
static_assert(offsetof(BuffersPart, local_blk_read_time) == 64);
static_assert(offsetof(BuffersPart, local_blk_write_time) == 72);
static_assert(offsetof(BuffersPart, temp_blk_read_time) == 80);
static_assert(offsetof(BuffersPart, temp_blk_write_time) == 88);

struct PlanPart {
    Moments plan; // plans; ms
};
static_assert(std::is_trivially_copyable_v<PlanPart> && std::is_standard_layout_v<PlanPart>);
static_assert(sizeof(PlanPart) == 40 && alignof(PlanPart) == 8);
static_assert(offsetof(PlanPart, plan) == 0);

struct JitPart {
    std::int64_t jit_functions; // functions
    double jit_generation_time; // ms
    std::int64_t jit_inlining_count; // count
    double jit_inlining_time; // ms
    std::int64_t jit_optimization_count; // count
    double jit_optimization_time; // ms
    std::int64_t jit_emission_count; // count
    double jit_emission_time; // ms
    std::int64_t jit_deform_count; // count
    double jit_deform_time; // ms
    std::int64_t wal_buffers_full; // count
    std::int64_t parallel_workers_to_launch; // workers
    std::int64_t parallel_workers_launched; // workers
};
static_assert(std::is_trivially_copyable_v<JitPart> && std::is_standard_layout_v<JitPart>);
static_assert(sizeof(JitPart) == 104 && alignof(JitPart) == 8);
static_assert(offsetof(JitPart, jit_functions) == 0);
static_assert(offsetof(JitPart, jit_generation_time) == 8);
static_assert(offsetof(JitPart, jit_inlining_count) == 16);
static_assert(offsetof(JitPart, jit_inlining_time) == 24);
static_assert(offsetof(JitPart, jit_optimization_count) == 32);
static_assert(offsetof(JitPart, jit_optimization_time) == 40);
static_assert(offsetof(JitPart, jit_emission_count) == 48);
static_assert(offsetof(JitPart, jit_emission_time) == 56);
static_assert(offsetof(JitPart, jit_deform_count) == 64);
static_assert(offsetof(JitPart, jit_deform_time) == 72);
static_assert(offsetof(JitPart, wal_buffers_full) == 80);
static_assert(offsetof(JitPart, parallel_workers_to_launch) == 88);
static_assert(offsetof(JitPart, parallel_workers_launched) == 96);

/// All counters of a statement.
struct Counters {
    HotPart hot;
    IoPart io;
    BuffersPart buffers;
    PlanPart plan;
    JitPart jit;
};
static_assert(std::is_trivially_copyable_v<Counters> && std::is_standard_layout_v<Counters>);
static_assert(sizeof(Counters) == 360);
static_assert(offsetof(Counters, hot) == 0);
static_assert(offsetof(Counters, io) == 72);
static_assert(offsetof(Counters, buffers) == 120);
static_assert(offsetof(Counters, plan) == 216);
static_assert(offsetof(Counters, jit) == 256);

/// Of id, name, type, unit and place of every counter: images with another one hold something else.
inline constexpr std::uint64_t kCounterFingerprint = 0x709ba7db5d8641bb;

/// The cold parts.
enum class Part : std::uint8_t {
    io,
    buffers,
    plan,
    jit,
};

inline constexpr std::uint32_t kColdPartCount = 4;

/// Bytes of each cold part, by Part.
inline constexpr std::array<std::uint32_t, kColdPartCount> kColdPartSize{
    sizeof(IoPart),
    sizeof(BuffersPart),
    sizeof(PlanPart),
    sizeof(JitPart),
};

/// Where each cold part lies in Counters, by Part.
inline constexpr std::array<std::uint32_t, kColdPartCount> kColdPartOffset{
    offsetof(Counters, io),
    offsetof(Counters, buffers),
    offsetof(Counters, plan),
    offsetof(Counters, jit),
};

/// Adds what `from` counted to `into`.
inline void merge(HotPart& into, const HotPart& from) noexcept
{
    merge(into.exec, from.exec);
    into.rows += from.rows;
    into.shared_blks_hit += from.shared_blks_hit;
    into.cpu_user_time += from.cpu_user_time;
    into.cpu_sys_time += from.cpu_sys_time;
}

/// Whether nothing was counted in it.
inline bool is_zero(const HotPart& part) noexcept
{
    return (part.rows | part.shared_blks_hit | part.exec.count) == 0 && part.cpu_user_time == 0.0
        && part.cpu_sys_time == 0.0;
}

/// Adds what `from` counted to `into`.
inline void merge(IoPart& into, const IoPart& from) noexcept
{
    into.shared_blks_read += from.shared_blks_read;
    into.shared_blks_dirtied += from.shared_blks_dirtied;
    into.shared_blks_written += from.shared_blks_written;
    into.wal_records += from.wal_records;
    into.wal_fpi += from.wal_fpi;
    into.wal_bytes += from.wal_bytes;
}

/// Whether nothing was counted in it.
inline bool is_zero(const IoPart& part) noexcept
{
    return (part.shared_blks_read | part.shared_blks_dirtied | part.shared_blks_written | part.wal_records
         | part.wal_fpi | part.wal_bytes) == 0;
}

/// Adds what `from` counted to `into`.
inline void merge(BuffersPart& into, const BuffersPart& from) noexcept
{
    into.local_blks_hit += from.local_blks_hit;
    into.local_blks_read += from.local_blks_read;
    into.local_blks_dirtied += from.local_blks_dirtied;
    into.local_blks_written += from.local_blks_written;
    into.temp_blks_read += from.temp_blks_read;
    into.temp_blks_written += from.temp_blks_written;
    into.shared_blk_read_time += from.shared_blk_read_time;
    into.shared_blk_write_time += from.shared_blk_write_time;
    into.local_blk_read_time += from.local_blk_read_time;
    into.local_blk_write_time += from.local_blk_write_time;
    into.temp_blk_read_time += from.temp_blk_read_time;
    into.temp_blk_write_time += from.temp_blk_write_time;
}

/// Whether nothing was counted in it.
inline bool is_zero(const BuffersPart& part) noexcept
{
    return (part.local_blks_hit | part.local_blks_read | part.local_blks_dirtied | part.local_blks_written
         | part.temp_blks_read | part.temp_blks_written) == 0
        && part.shared_blk_read_time == 0.0 && part.shared_blk_write_time == 0.0
        && part.local_blk_read_time == 0.0 && part.local_blk_write_time == 0.0
        && part.temp_blk_read_time == 0.0 && part.temp_blk_write_time == 0.0;
}

/// Adds what `from` counted to `into`.
inline void merge(PlanPart& into, const PlanPart& from) noexcept
{
    merge(into.plan, from.plan);
}

/// Whether nothing was counted in it.
inline bool is_zero(const PlanPart& part) noexcept
{
    return part.plan.count == 0;
}

/// Adds what `from` counted to `into`.
inline void merge(JitPart& into, const JitPart& from) noexcept
{
    into.jit_functions += from.jit_functions;
    into.jit_generation_time += from.jit_generation_time;
    into.jit_inlining_count += from.jit_inlining_count;
    into.jit_inlining_time += from.jit_inlining_time;
    into.jit_optimization_count += from.jit_optimization_count;
    into.jit_optimization_time += from.jit_optimization_time;
    into.jit_emission_count += from.jit_emission_count;
    into.jit_emission_time += from.jit_emission_time;
    into.jit_deform_count += from.jit_deform_count;
    into.jit_deform_time += from.jit_deform_time;
    into.wal_buffers_full += from.wal_buffers_full;
    into.parallel_workers_to_launch += from.parallel_workers_to_launch;
    into.parallel_workers_launched += from.parallel_workers_launched;
}

/// Whether nothing was counted in it.
inline bool is_zero(const JitPart& part) noexcept
{
    return (part.jit_functions | part.jit_inlining_count | part.jit_optimization_count
         | part.jit_emission_count | part.jit_deform_count | part.wal_buffers_full
         | part.parallel_workers_to_launch | part.parallel_workers_launched) == 0
        && part.jit_generation_time == 0.0 && part.jit_inlining_time == 0.0
        && part.jit_optimization_time == 0.0 && part.jit_emission_time == 0.0
        && part.jit_deform_time == 0.0;
}

/// Adds all parts.
inline void merge(Counters& into, const Counters& from) noexcept
{
    merge(into.hot, from.hot);
    merge(into.io, from.io);
    merge(into.buffers, from.buffers);
    merge(into.plan, from.plan);
    merge(into.jit, from.jit);
}

/// Bit i is set when cold part i of `counters` holds something.
inline std::uint32_t nonzero_parts([[maybe_unused]] const Counters& counters) noexcept
{
    std::uint32_t parts = 0;
    parts |= is_zero(counters.io) ? 0U : 1U << static_cast<unsigned>(Part::io);
    parts |= is_zero(counters.buffers) ? 0U : 1U << static_cast<unsigned>(Part::buffers);
    parts |= is_zero(counters.plan) ? 0U : 1U << static_cast<unsigned>(Part::plan);
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
    case Part::buffers:
        merge(*static_cast<BuffersPart*>(into), *static_cast<const BuffersPart*>(from));
        return;
    case Part::plan:
        merge(*static_cast<PlanPart*>(into), *static_cast<const PlanPart*>(from));
        return;
    case Part::jit:
        merge(*static_cast<JitPart*>(into), *static_cast<const JitPart*>(from));
        return;
    }
}

} // namespace pgsm::core
