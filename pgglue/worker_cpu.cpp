#include "core/api.hpp"

#include "pgglue/worker_cpu.hpp"

#include "pgglue/shmem.hpp"

#include <sys/resource.h>

extern "C" {
#include "storage/ipc.h"
#include "storage/proc.h"
}

namespace pgsm::glue {
namespace {

pid_t leader_pid;  // 0: this process reports nothing

int64 us(const timeval& time) { return static_cast<int64>(time.tv_sec) * USECS_PER_SEC + time.tv_usec; }

/// The leader's, a free one, or the oldest. Lock: mutex.
WorkerCpu& slot_for_leader(WorkerCpuSlots& slots) {
    WorkerCpu* best = &slots.slot[0];
    for (WorkerCpu& slot : slots.slot) {
        if (slot.leader == leader_pid) return slot;
        if (best->leader == 0) continue;
        if (slot.leader == 0 || slot.since - slots.clock < best->since - slots.clock) best = &slot;
    }
    slots.taken += best->leader == 0;
    best->leader = leader_pid;
    best->since = slots.clock++;
    best->user_us = 0;
    best->sys_us = 0;
    return *best;
}

extern "C" void hand_over(int, Datum) {
    rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return;
    WorkerCpuSlots& slots = shared().worker_cpu;
    SpinLockAcquire(&slots.mutex);
    WorkerCpu& slot = slot_for_leader(slots);
    slot.user_us += us(usage.ru_utime);
    slot.sys_us += us(usage.ru_stime);
    SpinLockRelease(&slots.mutex);
}

}  // namespace

void report_worker_cpu() {
    if (leader_pid != 0 || !store_ready() || MyProc == nullptr || MyProc->lockGroupLeader == nullptr) return;
    before_shmem_exit(hand_over, Datum{0});
    leader_pid = MyProc->lockGroupLeader->pid;
}

const CollectedCpu& collect_worker_cpu() {
    static CollectedCpu collected;
    // Unlocked: what a worker of ours wrote is seen, for it is known to have exited.
    WorkerCpuSlots& slots = shared().worker_cpu;
    if (slots.taken == 0) return collected;
    SpinLockAcquire(&slots.mutex);
    for (WorkerCpu& slot : slots.slot) {
        if (slot.leader != MyProcPid) continue;
        collected.user_us += slot.user_us;
        collected.sys_us += slot.sys_us;
        slot.leader = 0;
        --slots.taken;
    }
    SpinLockRelease(&slots.mutex);
    return collected;
}

}  // namespace pgsm::glue
