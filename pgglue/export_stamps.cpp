// Stamps: how a bucket passes from memory to the table in one transaction. Nobody ever sees a row twice or
// not at all.
//
// An export stamps the buckets with its transaction id and inserts their rows in that same transaction. A
// reader shows a stamped bucket exactly when its snapshot does not see the stamping transaction
// (visibility.cpp), and the table's rows follow the same rule by themselves. Case by case:
//   - Snapshot older than the commit: it sees neither the rows nor the end of the transaction; the bucket is
//     live. This needs the memory until no such snapshot is left: release_exported_buckets(). If the memory
//     had to be given up before, the snapshot gets an error instead of an answer without it (reader.cpp):
//     `early_stamp` is of the last export of which that holds, `leaving_stamp` of the one under way.
//   - Snapshot younger than the commit: it sees the rows. The stamp was written before the commit under the
//     store lock, which the reader takes after taking its snapshot, so it sees the stamp, too: not live.
//   - The transaction rolls back, or the part of it that exported does: the rows vanish, the callback below
//     takes the stamp back; before that and after it the bucket is live for everybody.
//   - The exporting transaction itself: each row carries the command id of its INSERT, the stamp that of a
//     command behind the last INSERT with no snapshot taken in between. A snapshot of an earlier command (the
//     statement that calls the export, an open cursor) sees the bucket and none of the rows, one of a later
//     command all the rows and not the bucket.
//
// Exports and truncations wait for each other (lock_exports(), held to the transaction's end, as the stamps
// are settled before that lock goes). So whoever has it finds a bucket's stamp 0, its own, or a committed one
// (`exported`): nobody has to ask the commit log, no stamp outlives its transaction, and `leaving_stamp` is
// of whoever has that lock. A crash forgets all memory; a transaction that stamped cannot be prepared, since
// then nobody's callback would see its end.
//
// Memory: one small array in the transaction's own context.
#include "core/api.hpp"

#include "pgglue/export_stamps.hpp"

#include "pgglue/exporter_database.hpp"
#include "pgglue/shmem.hpp"

extern "C" {
#include "access/transam.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/procarray.h"
#include "utils/memutils.h"
}

namespace pgsm::glue {
namespace {

struct OwnStamp {
    int64 bucket;
    TransactionId xid;
    CommandId cid;
    SubTransactionId sub;
    int64 rows;
    double ms;
    bool written;  ///< its rows are in the table, if this (sub)transaction commits
    uint64 statements, calls, buckets_lost;
};

OwnStamp* own_stamps;  // in TopTransactionContext
int own_count;
int own_room;

void reserve_stamps(int more) {
    watch_transaction();
    if (own_count + more <= own_room) return;
    const int room = own_count + more;
    auto* grown = static_cast<OwnStamp*>(
        MemoryContextAlloc(TopTransactionContext, static_cast<Size>(room) * sizeof(OwnStamp)));
    for (int i = 0; i < own_count; ++i) grown[i] = own_stamps[i];
    own_stamps = grown;
    own_room = room;
}

void forget_stamps() {
    own_stamps = nullptr;
    own_count = own_room = 0;
}

bool is_stamped(const core::Bucket* bucket, const OwnStamp& stamp) {
    return bucket != nullptr && bucket->stamp == stamp.xid;
}

void count_export(const OwnStamp* stamps, int count) {
    int64 rows = 0;
    double ms = 0;
    for (int i = 0; i < count; ++i) {
        rows = rows + stamps[i].rows;
        ms = ms + stamps[i].ms;
    }
    if (rows == 0) return;
    const TimestampTz now = GetCurrentTimestamp();
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    state.exports = state.exports + 1;
    state.last_export_at = now;
    state.last_export_rows = rows;
    state.last_export_ms = ms;
    SpinLockRelease(&state.mutex);
}

/// A bucket whose rows are stored has left memory before the commit. If the ring needed its room it was
/// counted as lost; if it was a reset in another database nothing was. `lost`: buckets, when the commit began
/// to correct. Lock: exclusive.
void correct_loss(const OwnStamp& stamp, uint64 lost) {
    if (!stamp.written || lost <= stamp.buckets_lost) return;
    core::take_back_loss(store(), stamp.statements, stamp.calls);
    store().header().early_stamp = stamp.xid;
}

void commit_stamps() {
    if (own_count == 0) {
        // All may have been taken back by a savepoint: the array goes with the transaction all the same.
        forget_stamps();
        return;
    }
    lock_store_exclusive();
    const uint64 lost = store().header().usage.buckets_lost;
    for (int i = 0; i < own_count; ++i) {
        core::Bucket* bucket = find_ended(store(), own_stamps[i].bucket);
        if (is_stamped(bucket, own_stamps[i]))
            bucket->exported = true;
        else
            correct_loss(own_stamps[i], lost);
    }
    store().header().leaving_stamp = 0;
    unlock_store();
    count_export(own_stamps, own_count);
    forget_stamps();
    wake_exporter();  // to hand the memory back
}

/// Takes back the stamps of one subtransaction and of those that it has taken over; of all:
/// InvalidSubTransactionId.
void take_back_stamps(SubTransactionId sub) {
    if (own_count == 0) return;
    int kept = 0;
    lock_store_exclusive();
    for (int i = 0; i < own_count; ++i) {
        if (sub != InvalidSubTransactionId && own_stamps[i].sub != sub) {
            own_stamps[kept++] = own_stamps[i];
            continue;
        }
        core::Bucket* bucket = find_ended(store(), own_stamps[i].bucket);
        if (is_stamped(bucket, own_stamps[i])) bucket->stamp = 0;
    }
    // What is gone may have had the stamp of what rolled back, or one that is kept.
    if (store().header().leaving_stamp != 0)
        store().header().leaving_stamp = kept > 0 ? own_stamps[0].xid : InvalidTransactionId;
    unlock_store();
    own_count = kept;
    wake_exporter();  // the buckets wait again
}

// Memory is the cluster's, so the lock is, too: database 0, and a class that is no catalog ("PGSM").
constexpr Oid kPrivateClass = 0x5047534D;

/// A savepoint that was rolled back has let go of it.
bool holds_export_lock() {
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, InvalidOid, kPrivateClass, 1, 0);
    return PGSM_HOLDS_LOCK(&tag, ExclusiveLock);
}

extern "C" void pgsm_export_xact(XactEvent event, void*) {
    switch (event) {
    case XACT_EVENT_COMMIT:
        commit_stamps();
        break;
    case XACT_EVENT_ABORT:
        take_back_stamps(InvalidSubTransactionId);
        forget_stamps();
        break;
    case XACT_EVENT_PRE_PREPARE:
        if (own_count > 0 || holds_export_lock())
            ereport(
                ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("cannot PREPARE a transaction that has exported, reset or truncated pg_stat_monitor"),
                 errdetail("Every export would have to wait until it is committed or rolled back."),
                 errhint("Do so in a transaction of its own.")));
        break;
    default:
        break;
    }
    note_xact_event(event);
}

extern "C" void pgsm_export_subxact(SubXactEvent event, SubTransactionId sub, SubTransactionId parent,
                                    void*) {
    if (event == SUBXACT_EVENT_ABORT_SUB) {
        take_back_stamps(sub);
    } else if (event == SUBXACT_EVENT_COMMIT_SUB) {
        for (int i = 0; i < own_count; ++i)
            if (own_stamps[i].sub == sub) own_stamps[i].sub = parent;
    }
    note_subxact_event(event, sub, parent);
}

/// Whether there is something that stamp_ended_buckets() would stamp.
bool anything_to_stamp(StampUse use) {
    lock_store_shared();
    const core::Header& header = store().header();
    bool found = use != StampUse::export_ended && store().running().entries > 0;
    for (uint32 i = 0; i + 1 < header.buckets && !found; ++i) {
        const core::Bucket& bucket = store().bucket(i);
        found = bucket.state == core::BucketState::ended && bucket.stamp == 0;
    }
    unlock_store();
    return found;
}

/// Whether another bucket can be opened without the loss of one that nobody has exported. Lock: shared.
bool ring_has_room(const core::Header& header) {
    bool room = header.buckets < header.ring_slots;
    for (uint32 i = 0; i + 1 < header.buckets; ++i)
        room = room || store().bucket(i).exported || store().bucket(i).state == core::BucketState::free;
    return room;
}

/// Releases what no snapshot needs; true when exported buckets are left. Lock: exclusive.
bool release_before(core::Store store, TransactionId horizon) {
    bool left = false;
    const auto early = static_cast<TransactionId>(store.header().early_stamp);
    if (TransactionIdIsNormal(early) && TransactionIdPrecedes(early, horizon)) store.header().early_stamp = 0;
    for (uint32 i = 0; i + 1 < store.header().buckets;) {
        core::Bucket& bucket = store.bucket(i);
        const bool exported = bucket.state == core::BucketState::ended && bucket.exported;
        if (exported && TransactionIdPrecedes(static_cast<TransactionId>(bucket.stamp), horizon)) {
            core::release(store, bucket);
            i = 0;  // the ring may have been trimmed
            left = false;
            continue;
        }
        left = left || exported;
        ++i;
    }
    return left;
}

}  // namespace

core::Bucket* find_ended(core::Store store, int64 number) {
    for (uint32 i = 0; i + 1 < store.header().buckets; ++i) {
        core::Bucket& bucket = store.bucket(i);
        if (bucket.number == number && bucket.state == core::BucketState::ended) return &bucket;
    }
    return nullptr;
}

void lock_exports() {
    watch_transaction();
    LockSharedObject(kPrivateClass, 1, 0, ExclusiveLock);
}

StampRange stamp_ended_buckets(StampUse use) {
    StampRange range{own_count, 0};
    if (!anything_to_stamp(use)) return range;
    const TransactionId xid = GetCurrentTransactionId();
    const SubTransactionId sub = GetCurrentSubTransactionId();
    const TimestampTz now = GetCurrentTimestamp();
    const core::Header& header = store().header();
    reserve_stamps(static_cast<int>(header.ring_slots));

    lock_store_exclusive();
    // The ended ones are about to leave, however many they are.
    const bool ends = use == StampUse::truncate || (use == StampUse::export_all && ring_has_room(header));
    if (ends && store().running().entries > 0) core::rotate(store(), now, PG_UINT32_MAX);
    for (uint32 i = 0; i + 1 < header.buckets; ++i) {
        core::Bucket& bucket = store().bucket(i);
        if (bucket.state != core::BucketState::ended || bucket.stamp != 0) continue;
        bucket.stamp = xid;
        own_stamps[own_count++] = {bucket.number, xid, InvalidCommandId, sub, 0, 0, false, 0, 0, 0};
    }
    unlock_store();
    range.count = own_count - range.first;
    return range;
}

void settle_stamps(StampRange range) {
    const CommandId cid = GetCurrentCommandId(true);
    for (int i = 0; i < range.count; ++i) own_stamps[range.first + i].cid = cid;
    CommandCounterIncrement();
}

int64 stamped_bucket(StampRange range, int index) { return own_stamps[range.first + index].bucket; }

void note_written(StampRange range, int index, uint64 statements, uint64 calls, uint64 buckets_lost) {
    OwnStamp& stamp = own_stamps[range.first + index];
    stamp.written = true;
    stamp.statements = statements;
    stamp.calls = calls;
    stamp.buckets_lost = buckets_lost;
}

void note_export(StampRange range, int64 rows, double ms) {
    own_stamps[range.first].rows = rows;
    own_stamps[range.first].ms = ms;
}

bool own_stamp_cid(int64 bucket_number, CommandId* cid) {
    for (int i = 0; i < own_count; ++i) {
        if (own_stamps[i].bucket != bucket_number) continue;
        *cid = own_stamps[i].cid;
        return true;
    }
    return false;
}

bool own_stamps_before(CommandId cid) {
    for (int i = 0; i < own_count; ++i)
        if (own_stamps[i].cid >= cid) return false;
    return true;
}

void stamp_all_buckets() {
    lock_exports();
    settle_stamps(stamp_ended_buckets(StampUse::truncate));
}

bool release_exported_buckets() {
    lock_store_shared();
    bool left = store().header().garbage != 0 || store().header().early_stamp != 0;
    for (uint32 i = 0; i + 1 < store().header().buckets; ++i) left = left || store().bucket(i).exported;
    unlock_store();
    if (!left) return false;
    const TransactionId horizon = GetOldestTransactionIdConsideredRunning();
    lock_store_exclusive();
    left = release_before(store(), horizon);
    unlock_store();
    // In small steps, since nobody can record under the exclusive lock.
    constexpr uint32 kAtOnce = 64;
    uint32 done = kAtOnce;
    while (done == kAtOnce) {
        lock_store_exclusive();
        done = core::reclaim(store(), kAtOnce);
        unlock_store();
        if (done == kAtOnce) let_others_lock_store();
    }
    return left;
}

uint32 waiting_buckets() {
    uint32 waiting = 0;
    lock_store_shared();
    for (uint32 i = 0; i + 1 < store().header().buckets; ++i) {
        const core::Bucket& bucket = store().bucket(i);
        if (bucket.state == core::BucketState::ended && bucket.stamp == 0) ++waiting;
    }
    unlock_store();
    return waiting;
}

void watch_transaction() {
    static bool watching;
    if (watching) return;
    RegisterXactCallback(pgsm_export_xact, nullptr);
    RegisterSubXactCallback(pgsm_export_subxact, nullptr);
    watching = true;
}

}  // namespace pgsm::glue
