#include "core/api.hpp"

#include "pgglue/visibility.hpp"

#include "pgglue/export.hpp"

extern "C" {
#include "access/transam.h"
#include "storage/procarray.h"
#include "utils/snapmgr.h"
}

namespace pgsm::glue {

bool bucket_visible(const core::Bucket& bucket, Snapshot snapshot) {
    if (bucket.stamp == 0) return true;
    const TransactionId xid = static_cast<TransactionId>(bucket.stamp);

    // Our own: seen by commands after the one that stamped it, as the rows are. A parallel worker does not
    // have the leader's table of stamps; it only runs in commands that cannot export, so the stamp is of one
    // before.
    if (TransactionIdIsCurrentTransactionId(xid)) {
        CommandId stamped;
        return own_stamp_cid(bucket.number, &stamped) && stamped >= snapshot->curcid;
    }
    // In this order, as heapam_visibility.c explains: a transaction is over in the commit log first and
    // leaves the list of running ones afterwards.
    if (IsMVCCSnapshot(snapshot) && XidInMVCCSnapshot(xid, snapshot)) return true;
    // Known to have committed, perhaps so long ago that the log has forgotten it.
    if (bucket.exported) return false;
    return TransactionIdIsInProgress(xid) || !TransactionIdDidCommit(xid);
}

bool export_visible(uint64 stamp, Snapshot snapshot) {
    if (TransactionIdIsCurrentTransactionId(static_cast<TransactionId>(stamp)))
        return own_stamps_before(snapshot->curcid);
    return !IsMVCCSnapshot(snapshot) || !XidInMVCCSnapshot(static_cast<TransactionId>(stamp), snapshot);
}

}  // namespace pgsm::glue
