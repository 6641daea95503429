// Made by schema/codegen.py from schema/columns.yaml: do not edit. To renew it: meson compile -C build regen
//
// One row of pg_stat_monitor as plain values: a local variable of whoever copies an entry out, never in
// shared memory. The buffers that its texts point into belong to the caller.
#pragma once

#include "core/firewall.hpp"

#include "core/client_address.hpp"
#include "core/histogram.hpp"
#include "generated/core/counters.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace pgsm::core {

/// Every column there is, in the order of the table; those that only newer servers have stand at the end.
enum class Column : std::uint8_t {
    query,
    wal_bytes,
    parallel_workers_launched,
};

/// Columns of the table on every server.
inline constexpr std::uint32_t kColumnCount = 2;

/// All columns, those of newer servers as well.
inline constexpr std::uint32_t kAllColumnCount = 3;

struct Row {
    std::string_view query; // text
    std::int64_t wal_bytes; // bytes
    std::int32_t parallel_workers_launched; // workers
    bool is_null[kAllColumnCount]; // by Column
};
static_assert(std::is_trivially_copyable_v<Row> && std::is_standard_layout_v<Row>);
static_assert(sizeof(Row) == 32);
static_assert(offsetof(Row, query) == 0);
static_assert(offsetof(Row, wal_bytes) == 16);
static_assert(offsetof(Row, parallel_workers_launched) == 24);
static_assert(offsetof(Row, is_null) == 28);

/// `value`, or the nearest number that SQL's integer holds.
constexpr std::int32_t saturated_i32(std::int64_t value) noexcept
{
    return static_cast<std::int32_t>(value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : value);
}

/// Sets every counter of `row`.
inline void fill_counters([[maybe_unused]] const Counters& counters, [[maybe_unused]] Row& row) noexcept
{
    row.wal_bytes = counters.io.wal_bytes;
    row.parallel_workers_launched = saturated_i32(counters.jit.parallel_workers_launched);
}

} // namespace pgsm::core
