#include <span>

#include "core/api.hpp"

#include "pgglue/reader.hpp"

#include "pgglue/shmem.hpp"
#include "pgglue/visibility.hpp"

extern "C" {
#include "utils/memutils.h"
}

namespace pgsm::glue {
namespace {

/// What was found out about the stamp of a bucket. It holds for good: a snapshot never changes its mind.
struct Verdict {
    int64 number;  ///< of the bucket
    uint64 stamp;
    bool visible;
};

bool stamped(const core::Bucket& bucket) {
    return bucket.state != core::BucketState::free && bucket.stamp != 0;
}

bool fits(const Verdict& verdict, const core::Bucket& bucket) {
    return verdict.stamp == bucket.stamp && verdict.number == bucket.number;
}

bool all_known(core::Store copy, const Verdict* verdicts) {
    for (uint32 slot = 0; slot < copy.header().ring_slots; ++slot)
        if (stamped(copy.ring()[slot]) && !fits(verdicts[slot], copy.ring()[slot])) return false;
    return true;
}

void judge(core::Store copy, Verdict* verdicts, Snapshot snapshot) {
    for (uint32 slot = 0; slot < copy.header().ring_slots; ++slot) {
        const core::Bucket& bucket = copy.ring()[slot];
        if (!stamped(bucket) || fits(verdicts[slot], bucket)) continue;
        verdicts[slot] = {bucket.number, bucket.stamp, bucket_visible(bucket, snapshot)};
    }
}

/// Lock: store lock, shared.
void copy_bucket(core::Store from, core::Store to, const core::Bucket& bucket) {
    const bool running = bucket.state == core::BucketState::running;
    for (core::Ref at = bucket.first_entry; at != 0;) {
        core::Entry& entry = *from.entry(at);
        // Only the running bucket changes, and under the shared lock only in what the spinlock protects.
        if (running) SpinLockAcquire(entry_lock(entry));
        core::copy_entry(from, to, entry);
        if (running) SpinLockRelease(entry_lock(entry));
        at = entry.list_next;
    }
}

/// Lock: store lock, shared. The frame is in `copy` already.
void copy_content(core::Store from, core::Store copy, const Verdict* verdicts) {
    for (uint32 slot = 0; slot < copy.header().ring_slots; ++slot) {
        core::Bucket& bucket = copy.ring()[slot];
        if (bucket.state == core::BucketState::free) continue;
        if (stamped(bucket) && !verdicts[slot].visible)
            bucket.state = core::BucketState::free;
        else
            copy_bucket(from, copy, bucket);
    }
    core::copy_texts(from, copy);
}

/// Of what the snapshot sees as live something had to leave memory that has been stored since, or will be
/// when its export commits: no answer is better than one without it.
void require_complete(core::Store copy, Snapshot snapshot) {
    const core::Header& header = copy.header();
    if (header.early_stamp != 0 && !export_visible(header.early_stamp, snapshot))
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("snapshot is too old for the live rows of pg_stat_monitor"),
                        errdetail("Rows that were exported since had to leave the full shared memory."),
                        errhint("Try again in a new transaction, or increase pg_stat_monitor.pgsm_max.")));
    if (header.leaving_stamp != 0 && !export_visible(header.leaving_stamp, snapshot))
        ereport(ERROR,
                (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                 errmsg("snapshot is too old for the live rows of pg_stat_monitor"),
                 errdetail("Rows of an export that has not ended yet had to leave the full shared memory."),
                 errhint("Try again when it has ended, or increase pg_stat_monitor.pgsm_max.")));
}

}  // namespace

core::Store copy_visible(Snapshot snapshot) {
    const core::Store from = store();
    rotate_if_due(GetCurrentTimestamp());

    const std::size_t bytes = core::copy_bytes(from);
    std::byte* memory =
        static_cast<std::byte*>(MemoryContextAllocExtended(CurrentMemoryContext, bytes, MCXT_ALLOC_HUGE));
    Verdict* verdicts = static_cast<Verdict*>(MemoryContextAllocExtended(
        CurrentMemoryContext, from.header().ring_slots * sizeof(Verdict), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));

    lock_store_shared();
    const core::Store frame = core::copy_frame(from, {memory, bytes});
    unlock_store();
    core::touch_pages(frame);

    // Stamps cannot be judged under the store lock. So they are judged after a look at the frame, and
    // everything is copied in one go once a look meets no stamp that is new. Usually there is none, and the
    // first look is the copy.
    for (;;) {
        lock_store_shared();
        const core::Store copy = core::copy_frame(from, {memory, bytes});
        const bool known = all_known(copy, verdicts);
        if (known) copy_content(from, copy, verdicts);
        unlock_store();
        if (known) {
            pfree(verdicts);
            require_complete(copy, snapshot);
            return copy;
        }
        judge(copy, verdicts, snapshot);
        CHECK_FOR_INTERRUPTS();
    }
}

EntryCursor first_entry(core::Store copy) { return {copy, UINT32_MAX, 0}; }

const core::Entry* next_entry(EntryCursor& cursor, const core::Bucket*& bucket) {
    while (cursor.next == 0) {
        if (++cursor.position >= cursor.copy.header().buckets) {
            cursor.position = cursor.copy.header().buckets;  // the end stays the end
            return nullptr;
        }
        const core::Bucket& candidate = cursor.copy.bucket(cursor.position);
        if (candidate.state != core::BucketState::free) cursor.next = candidate.first_entry;
    }
    bucket = &cursor.copy.bucket(cursor.position);
    const core::Entry* entry = cursor.copy.entry(cursor.next);
    cursor.next = entry->list_next;
    return entry;
}

}  // namespace pgsm::glue
