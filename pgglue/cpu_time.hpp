// CPU time of statements, without two system calls for each of them.
//
// getrusage() costs half a microsecond, more than all the rest of recording a short statement. So it is
// called around an execution only when that is worth it: the first time that this backend runs a statement,
// whenever its last execution took a quarter of a millisecond or more, and for one in sixteen of the others.
// The executions between two readings get their execution time multiplied by what the last reading found (CPU
// per execution time, user and system apart). One that unexpectedly took long, a lock wait for example, gets
// at most what the process has used since its last reading.
//
// Memory: one table of 12 kB a backend. No locks.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"

namespace pgsm::glue {

struct CpuReading {
    int64 user_us;
    int64 sys_us;
    bool taken;  // false: this execution is estimated
};

/// To be called when an execution begins.
CpuReading begin_cpu_time(int64 queryid);

/// To be called when it has ended, after its execution time is in `counters`: fills in the CPU times.
void end_cpu_time(int64 queryid, const CpuReading& begin, core::Counters& counters);

}  // namespace pgsm::glue
