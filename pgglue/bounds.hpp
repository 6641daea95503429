// Which bounds of the response-time histogram the exported buckets were counted with: pg_stat_monitor_bounds.
#pragma once

#include "pgglue/pg.hpp"

extern "C" {
#include "utils/rel.h"
}

namespace pgsm::glue {

/// The extension's table of them in this database; an ERROR if there is none.
Oid find_bounds_table();

/// In the export's transaction, before the rows of `bucket`, its first: puts down today's bounds if they are
/// others than those of the export before, and forgets those that no row of `history` has any more.
void note_bounds(Relation history, int64 bucket, TimestampTz bucket_start);

}  // namespace pgsm::glue
