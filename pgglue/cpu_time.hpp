// CPU time of statements, without two system calls for each of them.
//
// getrusage() costs a third of a microsecond, nearly as much as all the rest of recording a short statement.
// So it is called around an execution only when that is worth it: the first time that this backend runs a
// statement, whenever its last execution took a quarter of a millisecond or more, and for one in 8 of the
// others, then one in 16, 32, and from there on one in 64. The executions between two readings get their
// execution time multiplied by what the last reading found (CPU per execution time, user and system apart).
// One that unexpectedly took long, a lock wait for example, gets at most what the process has used since its
// last reading.
//
// A backend knows a table full of statements. Once it has met as many others as that, one in 64 of those is
// read, too, and the others get what such readings found lately.
//
// What parallel workers used (worker_cpu.hpp) is in it: statements whose plans have any are always read.
//
// Memory: one table of 12 kB a backend. No locks but that of worker_cpu.hpp.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"

namespace pgsm::glue {

struct CpuReading {
    bool taken;  // false: this execution is estimated, and there is nothing else in here
    int64 user_us;
    int64 sys_us;
};

/// To be called when an execution begins. `parallel`: it may have parallel workers.
[[gnu::hot]] void begin_cpu_time(int64 queryid, bool parallel, CpuReading& reading);

/// To be called when it has ended, after its execution time is in `hot`: fills in the CPU times.
[[gnu::hot]] void end_cpu_time(int64 queryid, const CpuReading& begin, core::HotPart& hot);

}  // namespace pgsm::glue
