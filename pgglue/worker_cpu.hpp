// CPU time that parallel workers used for this backend. A worker hands all that it used over when it exits,
// which its leader waits for before the plan node, the index build or the vacuum that had it ends.
//
// Memory: one slot in shared memory for each leader that has not looked yet. Lock: WorkerCpuSlots::mutex,
// taken by workers when they exit and by leaders that find something in their slot.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"

namespace pgsm::glue {

struct WorkerCpu {
    pid_t leader;  // 0: free
    uint32 since;  // WorkerCpuSlots::clock when it was taken
    int64 user_us;
    int64 sys_us;
};

/// Leaders with workers at one time are no more than max_parallel_workers. When all slots are taken, the one
/// that was taken first is given away: its leader has most probably failed, and may be gone.
struct WorkerCpuSlots {
    static constexpr int kSlots = 64;
    slock_t mutex;
    uint32 clock;  // counts the slots taken
    int taken;     // slots that are not free; leaders look at it without the lock
    WorkerCpu slot[kSlots];
};

/// In a parallel worker: makes sure that its CPU time is handed over when it exits. May be called again.
void report_worker_cpu();

/// What workers of this backend have used since it began, as far as they have exited. Its slot is empty
/// afterwards.
struct CollectedCpu {
    int64 user_us;
    int64 sys_us;
};
const CollectedCpu& collect_worker_cpu();

}  // namespace pgsm::glue
