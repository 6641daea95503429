// The live rows as one moment's private copy: whoever reads slowly holds nobody up.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace pgsm::glue {

/// A copy of all buckets that `snapshot` sees live, texts included (users and databases are texts, too), in
/// the current memory context. Buckets that it does not see are free in the copy. Ends the running bucket
/// first if its time is over. require_store() is the caller's.
core::Store copy_visible(Snapshot snapshot);

/// Goes through the entries of a copy, bucket by bucket, the oldest first.
struct EntryCursor {
    core::Store copy;
    uint32 position;  ///< of the bucket; see Store::bucket()
    core::Ref next;   ///< entry of that bucket to come; 0: its end
};

EntryCursor first_entry(core::Store copy);

/// The next entry and its bucket; null at the end.
const core::Entry* next_entry(EntryCursor& cursor, const core::Bucket*& bucket);

}  // namespace pgsm::glue
