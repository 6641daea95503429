// Which buckets this backend's transaction has taken out of memory's hands. See export_stamps.cpp.
#pragma once

#include "core/api.hpp"

#include "pgglue/export.hpp"

namespace pgsm::glue {

/// Buckets that were stamped together: places among this transaction's stamps.
struct StampRange {
    int first;
    int count;
};

/// What for: the exporter takes what has ended by itself, pg_stat_monitor_export() and TRUNCATE everything.
enum class StampUse { export_ended, export_all, truncate };

/// Ends the running bucket, if there is something in it, unless for export_ended; stamps every ended bucket
/// that nobody has stamped with the current (sub)transaction. They stay visible to this transaction until
/// settle_stamps(). lock_exports() first. An export does not end the running bucket when that would push one
/// out of a full ring that is not exported.
StampRange stamp_ended_buckets(StampUse use);

/// From the next command on this transaction does not see the range's buckets live any more.
void settle_stamps(StampRange range);

int64 stamped_bucket(StampRange range, int index);

/// The rows of one bucket are copied and will be written: should the ring need its memory before the commit,
/// this is what was not lost after all. `resets`: SharedState's, when the bucket was last seen in memory.
void note_written(StampRange range, int index, uint64 statements, uint64 calls, uint64 resets);

/// Counts rows that were written for the export's figures, which change when the transaction commits; `folded`: those
/// that pgsm_history_max_size left no room for.
void note_export(StampRange range, int64 rows, double ms, uint64 folded);

/// The ended bucket of that number, or null. Lock: store lock, shared.
core::Bucket* find_ended(core::Store store, int64 number);

}  // namespace pgsm::glue
