#include "core/api.hpp"

#include "pgglue/cpu_time.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace pgsm::glue {
namespace {

constexpr double kWorthReadingMs = 0.25;
constexpr double kSurprisingMs = 1.0;
constexpr uint32 kEvery = 16;
constexpr float kMostPerMs = 16;  // executor start and end are in the CPU time, but not in the execution time

struct Known {
    int64 queryid;
    float user_per_ms;  // CPU milliseconds for a millisecond of execution time
    float sys_per_ms;
    float last_ms;
    uint32 until_reading;
};
static_assert(sizeof(Known) == 24);

constexpr uint32 kSlots = 512;
Known table[kSlots];
CpuReading last_reading;

Known& slot_of(int64 queryid) { return table[static_cast<uint64>(queryid) % kSlots]; }

CpuReading read_cpu() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    last_reading = {static_cast<int64>(usage.ru_utime.tv_sec) * USECS_PER_SEC + usage.ru_utime.tv_usec,
                    static_cast<int64>(usage.ru_stime.tv_sec) * USECS_PER_SEC + usage.ru_stime.tv_usec, true};
    return last_reading;
}

void set_measured(const CpuReading& from, const CpuReading& to, core::Counters& counters) {
    counters.hot.cpu_user_time = static_cast<double>(to.user_us - from.user_us) / 1000.0;
    counters.hot.cpu_sys_time = static_cast<double>(to.sys_us - from.sys_us) / 1000.0;
}

float rate(double cpu_ms, double exec_ms) {
    return exec_ms > 0 ? std::min(static_cast<float>(cpu_ms / exec_ms), kMostPerMs) : 0;
}

}  // namespace

CpuReading begin_cpu_time(int64 queryid) {
    Known& known = slot_of(queryid);
    const bool estimate = known.queryid == queryid && known.until_reading != 0 &&
                          known.last_ms < static_cast<float>(kWorthReadingMs);
    return estimate ? CpuReading{} : read_cpu();
}

void end_cpu_time(int64 queryid, const CpuReading& begin, core::Counters& counters) {
    Known& known = slot_of(queryid);
    const double exec_ms = counters.hot.exec.total;
    if (begin.taken) {
        set_measured(begin, read_cpu(), counters);
        known = {queryid, rate(counters.hot.cpu_user_time, exec_ms), rate(counters.hot.cpu_sys_time, exec_ms),
                 static_cast<float>(exec_ms), kEvery - 1};
        return;
    }
    // Or the statement's place went to another one that ran inside it.
    if (exec_ms >= kSurprisingMs || known.queryid != queryid) {
        const CpuReading before = last_reading;
        set_measured(before, read_cpu(), counters);
        // What other statements used since then is in it, too.
        counters.hot.cpu_user_time = std::min(counters.hot.cpu_user_time, exec_ms);
        counters.hot.cpu_sys_time = std::min(counters.hot.cpu_sys_time, exec_ms);
    } else {
        counters.hot.cpu_user_time = exec_ms * static_cast<double>(known.user_per_ms);
        counters.hot.cpu_sys_time = exec_ms * static_cast<double>(known.sys_per_ms);
    }
    if (known.queryid != queryid) return;
    known.last_ms = static_cast<float>(exec_ms);
    if (known.until_reading != 0) --known.until_reading;
}

}  // namespace pgsm::glue
