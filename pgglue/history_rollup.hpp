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

/// One step, inside a transaction, SPI connected, as the table's owner. Days that ended before `before` are
/// merged, the oldest first.
Progress merge_step(Oid table, TimestampTz before);

/// Size of the table on the side with its indexes and TOAST; 0: there is none. SPI connected.
int64 side_bytes();

}  // namespace pgsm::glue
