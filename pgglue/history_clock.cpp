// By which time the history ages: core/trusted_clock.hpp says which time is believed. The state is in shared
// memory; a file, pg_stat_monitor.clock, holds the trusted time for the next start. It is written about once
// an hour while something is exported, and when the exporter is stopped with the server.
//
// Rows get their times from the machine's clock, whatever it shows; only what drops and merges days asks
// here.
#include "core/api.hpp"

#include "pgglue/history_clock.hpp"

#include "pgglue/guc.hpp"
#include "pgglue/number_file.hpp"
#include "pgglue/shmem.hpp"

#include <ctime>

#include <unistd.h>

namespace pgsm::glue {
namespace {

constexpr char kPath[] = "pg_stat_monitor.clock";
constexpr int64 kSaveUs = 3600 * USECS_PER_SEC;

/// How long a clock that was set has to keep its time.
int64 patience_us() {
    const int64 retention = static_cast<int64>(pgsm_history_retention) * 60 * USECS_PER_SEC;
    return retention == 0 ? USECS_PER_DAY : Min(retention, USECS_PER_DAY);
}

core::TrustedClock get_clock() {
    SpinLockAcquire(&shared().mutex);
    const core::TrustedClock clock = shared().clock;
    SpinLockRelease(&shared().mutex);
    return clock;
}

void set_clock(const core::TrustedClock& clock) {
    SpinLockAcquire(&shared().mutex);
    shared().clock = clock;
    SpinLockRelease(&shared().mutex);
}

void report_jump(int64 jump_us, bool at_start) {
    if (jump_us == 0) return;
    const int seconds =
        static_cast<int>(Min((jump_us < 0 ? -jump_us : jump_us) / USECS_PER_SEC, int64{PG_INT32_MAX}));
    const bool forward = jump_us > 0;
    const int minutes = static_cast<int>(patience_us() / (60 * USECS_PER_SEC));
    constexpr char kDetail[] = "pg_stat_monitor drops and merges its history by this time when the clock has "
                               "kept it for %d minutes.";
    if (at_start)
        ereport(LOG, (errmsg("system clock shows a time %d seconds %s pg_stat_monitor last noted it", seconds,
                             forward ? "after" : "before"),
                      errdetail(kDetail, minutes)));
    else
        ereport(LOG, (errmsg("system clock was set %s by %d seconds", forward ? "forward" : "back", seconds),
                      errdetail(kDetail, minutes)));
}

void save(TimestampTz trusted) {
    write_number(kPath, trusted);
    SpinLockAcquire(&shared().mutex);
    shared().clock_saved = trusted;
    SpinLockRelease(&shared().mutex);
}

bool is_saved(TimestampTz trusted) {
    SpinLockAcquire(&shared().mutex);
    const TimestampTz saved = shared().clock_saved;
    SpinLockRelease(&shared().mutex);
    return saved != 0 && trusted >= saved && trusted - saved < kSaveUs;
}

}  // namespace

int64 steady_us() {
#ifdef CLOCK_BOOTTIME
    constexpr clockid_t kSteady = CLOCK_BOOTTIME;
#else
    constexpr clockid_t kSteady = CLOCK_MONOTONIC;
#endif
    timespec now{};
    static_cast<void>(clock_gettime(kSteady, &now));
    return static_cast<int64>(now.tv_sec) * USECS_PER_SEC + now.tv_nsec / 1000 + 1;
}

TimestampTz trusted_now() {
    // Only one worker at a time is here.
    core::TrustedClock clock = get_clock();
    const bool at_start = clock.steady_us == 0;
    const TimestampTz wall = GetCurrentTimestamp();
    core::ClockReading reading{};
    int64 last = wall;  // where nothing was noted, this clock is all that there is
    if (at_start) {
        static_cast<void>(read_number(kPath, &last));
        reading = core::start_clock(clock, last, wall, steady_us(), patience_us());
    } else {
        reading = core::read_clock(clock, wall, steady_us(), patience_us());
    }
    set_clock(clock);
    report_jump(reading.jump_us, at_start);
    if (!is_saved(reading.trusted_us)) save(reading.trusted_us);
    return reading.trusted_us;
}

void save_trusted_time() {
    core::TrustedClock clock = get_clock();
    if (clock.steady_us == 0) return;
    const core::ClockReading reading =
        core::read_clock(clock, GetCurrentTimestamp(), steady_us(), patience_us());
    write_number(kPath, reading.trusted_us);
}

void forget_trusted_time() { static_cast<void>(unlink(kPath)); }

}  // namespace pgsm::glue
