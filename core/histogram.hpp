// Response-time histogram: which cell a duration belongs to, and how the cells are named.
//
// The bounds follow 2.3 exactly, since users compare cells over time and between servers (compat-2.3.md 5):
// with B cells asked for between `min` and `max` and s = ln(max - min) / B, the cells are [0, min], then
// (min + e^(s(k-1)), min + e^(sk)], then (max, infinity). Without a `min` the first one is left out, with
// `max` at kHistogramLimitMs the last one.
//
// HistogramBounds is made once, at server start, and then only read: no lock. ResponseCells are their
// entry's.
#pragma once

#include "core/firewall.hpp"
#include "core/pod.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace pgsm::core {

/// Most cells that can be asked for (the setting's upper limit).
inline constexpr std::uint32_t kMaxUserCells = 50;

/// Most cells there can be: those asked for and an outlier cell on either side.
inline constexpr std::uint32_t kMaxHistogramCells = kMaxUserCells + 2;

/// With this as upper bound there is no cell for what is beyond it. Milliseconds.
inline constexpr double kHistogramLimitMs = 50'000'000.0;

/// Bytes that timings_text() needs at most: 52 cells of `, (50000000.000 - 50000000.000}` and three braces.
inline constexpr std::size_t kTimingsTextCap = 1664;

/// One entry's counts, in the order of the bounds.
struct ResponseCells {
    std::uint32_t count;                    // cells in use
    std::int64_t cell[kMaxHistogramCells];  // executions; 0 from `count` on
};

static_assert(ShmemPod<ResponseCells>);
static_assert(sizeof(ResponseCells) == 8 + 8 * kMaxHistogramCells);

struct HistogramBounds {
    // A power of two, so that cell_of() halves it without a branch; what is past `cells` holds infinity.
    static constexpr std::uint32_t kSlots = 64;

    double upper_ms[kSlots];   // inclusive upper bound of each cell
    double max_ms;             // where the cell of the slowest begins, if there is one
    std::uint32_t cells;       // length of resp_calls, 1 to kMaxHistogramCells
    std::uint32_t user_cells;  // B in effect
    bool user_cells_reduced;   // B was lowered because cells would have coincided: worth a WARNING (22023)
};

static_assert(ShmemPod<HistogramBounds>);
static_assert(HistogramBounds::kSlots > kMaxHistogramCells);

/// Works out the bounds for the three settings. Units: milliseconds. False, and `out` unchanged, when the
/// settings make no histogram: min below 0, max above kHistogramLimitMs or below min + 1, or `user_cells` not
/// in 1 to kMaxUserCells.
[[nodiscard]] bool make_bounds(double min_ms, double max_ms, std::uint32_t user_cells,
                               HistogramBounds& out) noexcept;

/// The cell of a duration; `bounds` come from make_bounds() that returned true. A value on a boundary belongs
/// to the lower cell. What no cell holds (longer than all of them, negative, not a number) is counted in the
/// last one, as in 2.3.
[[nodiscard]] inline std::uint32_t cell_of(const HistogramBounds& bounds, double ms) noexcept {
    if (ms >= 0.0 && ms <= bounds.upper_ms[0]) return 0;  // as most are
    std::uint32_t cell = 0;
    for (std::uint32_t step = HistogramBounds::kSlots / 2; step > 0; step /= 2) {
        cell += bounds.upper_ms[cell + step - 1] < ms ? step : 0;
    }
    const std::uint32_t last = bounds.cells - 1;
    return ms >= 0.0 && cell < last ? cell : last;
}

/// Adds the counts of `from` cell by cell.
void merge(ResponseCells& into, const ResponseCells& from) noexcept;

/// Writes what get_histogram_timings() returns:
/// `{{0.000 - 1.000}, (1.000 - 2.778}, ..., (100000.000 - ...}}`.
/// Returns its length in bytes, without a NUL; 0 when `out` is too small (kTimingsTextCap never is).
[[nodiscard]] std::size_t timings_text(const HistogramBounds& bounds, std::span<char> out) noexcept;

/// Writes `value` with three decimals, the same characters as printf's %.3f gives in the C locale: the exact
/// binary value, ties to even. Returns the length; 0 when `out` is too small, or `value` is negative, not
/// finite or 2^53 and more (whose thousandths a 64-bit integer no longer holds).
[[nodiscard]] std::size_t format_thousandths(double value, std::span<char> out) noexcept;

}  // namespace pgsm::core
