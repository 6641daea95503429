// Which time of day is believed where something is deleted by its age.
//
// The machine's clock can be set wrong for a moment, by a person, a time server or a dead battery. It is
// compared with one that only counts on (`steady`): what both agree on is believed; a time that the clock was
// set to is believed when it has kept it for `patience_us`. Until then the earlier of the two times holds, by
// which less is too old.
#pragma once
#include "core/firewall.hpp"

#include "core/pod.hpp"

#include <algorithm>
#include <cstdint>

namespace pgsm::core {

/// All in microseconds; steady times are greater than 0.
struct TrustedClock {
    std::int64_t wall_us, steady_us;                  ///< one instant by both clocks; steady 0: not set
    std::int64_t doubted_wall_us, doubted_steady_us;  ///< since when it is doubted; steady 0: it is not
};
static_assert(ShmemPod<TrustedClock>);

struct ClockReading {
    std::int64_t trusted_us;
    std::int64_t jump_us;  ///< how far the clock was set forward or back; 0: no news
};

/// Clocks may drift apart: by a minute, and by what NTP slews at most since they were compared.
inline bool clocks_agree(std::int64_t wall_us, std::int64_t expected_us, std::int64_t elapsed_us) noexcept {
    constexpr std::int64_t kToleranceUs = 60'000'000;
    constexpr std::int64_t kMostSlew = 2000;  // 500 ppm
    const std::int64_t off = wall_us - expected_us;
    const std::int64_t most = kToleranceUs + elapsed_us / kMostSlew;
    return -most <= off && off <= most;
}

/// What time it is by a clock that was set before.
inline ClockReading read_clock(TrustedClock& clock, std::int64_t wall_us, std::int64_t steady_us,
                               std::int64_t patience_us) noexcept {
    const std::int64_t elapsed = steady_us - clock.steady_us;
    const std::int64_t expected = clock.wall_us + elapsed;
    if (clocks_agree(wall_us, expected, elapsed)) {
        clock = {wall_us, steady_us, 0, 0};
        return {wall_us, 0};
    }
    const std::int64_t kept = steady_us - clock.doubted_steady_us;
    if (clock.doubted_steady_us == 0 || !clocks_agree(wall_us, clock.doubted_wall_us + kept, kept)) {
        clock.doubted_wall_us = wall_us;
        clock.doubted_steady_us = steady_us;
        return {std::min(wall_us, expected), wall_us - expected};
    }
    if (kept < patience_us) return {std::min(wall_us, expected), 0};
    clock = {wall_us, steady_us, 0, 0};
    return {wall_us, 0};
}

/// The first reading after a start. `last_us`: the trusted time that was noted last, by which nothing is
/// known of how long it is ago: up to `patience_us` are believed at once.
inline ClockReading start_clock(TrustedClock& clock, std::int64_t last_us, std::int64_t wall_us,
                                std::int64_t steady_us, std::int64_t patience_us) noexcept {
    clock = {last_us, steady_us, 0, 0};
    if (wall_us > last_us && wall_us - last_us <= patience_us) clock.wall_us = wall_us;
    return read_clock(clock, wall_us, steady_us, patience_us);
}

}  // namespace pgsm::core
