#include "core/api.hpp"

#include "pgglue/cpu_time.hpp"

#include "pgglue/worker_cpu.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace pgsm::glue {
namespace {

constexpr double kWorthReadingMs = 0.25;
constexpr double kSurprisingMs = 1.0;
constexpr uint16 kFirstInterval = 8;
constexpr uint16 kLastInterval = 64;
constexpr float kMostPerMs = 16;  // executor start and end are in the CPU time, but not in the execution time

struct Rates {
    float user_per_ms;  // CPU milliseconds for a millisecond of execution time
    float sys_per_ms;
};

struct Known {
    int64 queryid;
    Rates rates;
    float last_ms;
    uint16 until_reading;
    uint16 interval;
};
static_assert(sizeof(Known) == 24);

constexpr uint32 kSlots = 512;
Known table[kSlots];
constexpr uint32 kStrangersRead = 64;
uint32 strangers;  // executions of statements that are not in it, up to kStrangersRead + kLastInterval

// Of strangers that were read: sums in which the older ones count less and less.
struct Sums {
    double exec_ms;
    double user_ms;
    double sys_ms;
};
Sums of_strangers;
constexpr double kFade = 15.0 / 16;

CpuReading last_reading;
CollectedCpu last_collected;  // in it

Known& slot_of(int64 queryid) { return table[static_cast<uint64>(queryid) % kSlots]; }

/// This process and its parallel workers.
void read_cpu() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    last_collected = collect_worker_cpu();
    last_reading = {true,
                    static_cast<int64>(usage.ru_utime.tv_sec) * USECS_PER_SEC + usage.ru_utime.tv_usec +
                        last_collected.user_us,
                    static_cast<int64>(usage.ru_stime.tv_sec) * USECS_PER_SEC + usage.ru_stime.tv_usec +
                        last_collected.sys_us};
}

/// Reads, and takes what was used since `from`.
void measure(CpuReading from, core::HotPart& hot) {
    read_cpu();
    hot.cpu_user_time = static_cast<double>(last_reading.user_us - from.user_us) / 1000.0;
    hot.cpu_sys_time = static_cast<double>(last_reading.sys_us - from.sys_us) / 1000.0;
}

float rate(double cpu_ms, double exec_ms) {
    return exec_ms > 0 ? std::min(static_cast<float>(cpu_ms / exec_ms), kMostPerMs) : 0;
}

void estimate(const Rates& rates, double exec_ms, core::HotPart& hot) {
    hot.cpu_user_time = exec_ms * static_cast<double>(rates.user_per_ms);
    hot.cpu_sys_time = exec_ms * static_cast<double>(rates.sys_per_ms);
}

bool is_worth_reading(const Known& known, int64 queryid) {
    if (known.queryid == queryid)
        return known.until_reading == 0 || known.last_ms >= static_cast<float>(kWorthReadingMs);
    if (strangers < kStrangersRead + kLastInterval) {
        ++strangers;
        return strangers <= kStrangersRead;
    }
    strangers = kStrangersRead + 1;
    return true;
}

void remember(Known& known, int64 queryid, const core::HotPart& hot) {
    const double exec_ms = hot.exec.total;
    uint16 interval = kFirstInterval;
    if (known.queryid == queryid) {
        interval = static_cast<uint16>(std::min<uint32>(known.interval * 2u, kLastInterval));
    } else {
        of_strangers = {of_strangers.exec_ms * kFade + exec_ms,
                        of_strangers.user_ms * kFade + hot.cpu_user_time,
                        of_strangers.sys_ms * kFade + hot.cpu_sys_time};
    }
    known = {queryid,
             {rate(hot.cpu_user_time, exec_ms), rate(hot.cpu_sys_time, exec_ms)},
             static_cast<float>(exec_ms),
             static_cast<uint16>(interval - 1),
             interval};
}

}  // namespace

void begin_cpu_time(int64 queryid, bool parallel, CpuReading& reading) {
    reading.taken = parallel || is_worth_reading(slot_of(queryid), queryid);
    if (!reading.taken) return;
    read_cpu();
    reading = last_reading;
}

void end_cpu_time(int64 queryid, const CpuReading& begin, core::HotPart& hot) {
    Known& known = slot_of(queryid);
    const double exec_ms = hot.exec.total;
    if (begin.taken) {
        measure(begin, hot);
        remember(known, queryid, hot);
        return;
    }
    // Perhaps the statement's place went to another one that ran inside it.
    const bool is_known = known.queryid == queryid;
    if (exec_ms >= kSurprisingMs) {
        const CollectedCpu before = last_collected;
        measure(last_reading, hot);
        // What other statements used since then is in it, too; workers are nobody else's.
        const double user_ms = static_cast<double>(last_collected.user_us - before.user_us) / 1000.0;
        const double sys_ms = static_cast<double>(last_collected.sys_us - before.sys_us) / 1000.0;
        hot.cpu_user_time = std::min(hot.cpu_user_time - user_ms, exec_ms) + user_ms;
        hot.cpu_sys_time = std::min(hot.cpu_sys_time - sys_ms, exec_ms) + sys_ms;
    } else if (is_known) {
        estimate(known.rates, exec_ms, hot);
    } else {
        estimate({rate(of_strangers.user_ms, of_strangers.exec_ms),
                  rate(of_strangers.sys_ms, of_strangers.exec_ms)},
                 exec_ms, hot);
    }
    if (!is_known) return;
    known.last_ms = static_cast<float>(exec_ms);
    if (known.until_reading != 0) --known.until_reading;
}

}  // namespace pgsm::glue
