// What pgsm_history_max_size does to the history. See history_cap.cpp.
#pragma once

#include "pgglue/history_days.hpp"

namespace pgsm::glue {

/// Of the whole history: what is the extension's of it.
int64 bytes_of_history(const History& history);

/// Whether days are to be merged as soon as they are over, to make room.
bool is_merging_urgent(const History& history);

/// Decides how much the rows of a bucket and of a merged hour may take until it is called again. `now`: by
/// the clock that rows are stored by.
void set_shares(const History& history, TimestampTz now);

/// What the rows of a bucket may take in this database; 0: no limit.
int64 bucket_bytes();

/// The same of an hour that is merged.
int64 hour_bytes();

/// Counts what gave way: rows that were added to residual ones, and a day that was dropped, or with `to` 0
/// the rows of the default partition.
void note_folded(uint64 rows);
void tell_of_folded();  ///< in the log, if there were any since it was told last, and once a day
void note_dropped_day(TimestampTz to);

}  // namespace pgsm::glue
