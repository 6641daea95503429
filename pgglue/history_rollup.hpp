// Merging a day's rows into hours. See history_rollup.cpp.
#pragma once

#include "pgglue/history_days.hpp"

namespace pgsm::glue {

/// What a step of the work came to.
enum class Progress {
    nothing,  ///< there was nothing to do
    more,     ///< something was done, and there may be more
    waits,    ///< what is left has to wait for others' snapshots
};

/// A day that has expired waits so long for another to be merged: both change the table, under one lock then.
constexpr int64 kWaitForMergeUs = 6 * 3600 * USECS_PER_SEC;

/// One step, inside a transaction, SPI connected, as the table's owner. Days that ended before `before` are
/// merged, the oldest first; with the change of the table that this ends with, days that ended before
/// `expired_before`, and not long before, are dropped.
Progress merge_step(Oid table, TimestampTz before, TimestampTz expired_before);

/// Whether merge_step() would merge the day.
bool is_due(const HistoryPart& part, TimestampTz before);

/// Size of the table on the side with its indexes and TOAST; 0: there is none. SPI connected.
int64 side_bytes();

}  // namespace pgsm::glue
