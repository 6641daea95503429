// Whether a snapshot sees a bucket live: the memory's side of "each row live or stored, never both, never
// neither".
//
// An export stamps a bucket with its transaction and writes the rows in that same transaction. So whoever
// does not see that transaction's work sees the bucket, and the other way round, by the very rules that hold
// for the rows.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace pgsm::glue {

/// True when `snapshot` does not see the transaction that stamped `bucket`, a copy; an unstamped one
/// everybody sees. May look into the commit log and wait for locks of the server's: never while the store
/// lock is held.
bool bucket_visible(const core::Bucket& bucket, Snapshot snapshot);

/// Whether `snapshot` sees, or will see once it commits, the rows that the export with this stamp stores.
bool export_visible(uint64 stamp, Snapshot snapshot);

}  // namespace pgsm::glue
