#include <span>

#include "core/api.hpp"

#include "pgglue/reader.hpp"

#include "pgglue/shmem.hpp"
#include "pgglue/store_work.hpp"
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

/// The frame of a copy, once every stamp in it has been judged; what the snapshot does not see is free in it.
/// Stamps cannot be judged under the store lock, so they are judged after a look; usually there is none that
/// is new, and the first look is the frame. No merge is under way in it.
core::Store copy_visible_frame(core::Store from, std::span<std::byte> memory, Verdict* verdicts,
                               Snapshot snapshot) {
    for (;;) {
        finish_merges();
        lock_store_shared();
        const core::Store copy = core::copy_frame(from, memory);
        unlock_store();
        if (copy.header().unsettled == 0 && all_known(copy, verdicts)) {
            for (uint32 slot = 0; slot < copy.header().ring_slots; ++slot) {
                core::Bucket& bucket = copy.ring()[slot];
                if (stamped(bucket) && !verdicts[slot].visible) bucket.state = core::BucketState::free;
            }
            return copy;
        }
        judge(copy, verdicts, snapshot);
        CHECK_FOR_INTERRUPTS();
    }
}

/// What one hold of the store lock copies.
struct Piece {
    int entries;
    uint64 bytes;
    int looks;  ///< at hash chains
};

bool is_enough(const Piece& piece) {
    constexpr int kEntries = 64;
    constexpr uint64 kBytes = 64 * 1024;
    constexpr int kLooks = 8 * 1024;
    return piece.entries >= kEntries || piece.bytes >= kBytes || piece.looks >= kLooks;
}

void copy_one(core::Store from, core::Store to, core::Entry& entry, bool running, Piece& piece) {
    // Only the running bucket changes, and under the shared lock only in what the spinlock protects.
    if (running) SpinLockAcquire(entry_lock(entry));
    core::copy_entry(from, to, entry);
    if (running) SpinLockRelease(entry_lock(entry));
    piece.entries = piece.entries + 1;
    piece.bytes = piece.bytes + core::copy_texts_of(from, to, entry);
}

const core::Bucket* find_seq(core::Store from, uint32 seq) {
    for (uint32 i = 0; i < from.header().buckets; ++i)
        if (from.bucket(i).seq == seq && from.bucket(i).state != core::BucketState::free)
            return &from.bucket(i);
    return nullptr;
}

/// What has become of a bucket since the frame was copied.
enum class Found { there, gone, merged };

/// After a merge nobody can tell which entries are whose. Lock: shared.
Found look_for(core::Store from, core::Store copy, const core::Bucket& bucket) {
    if (from.header().usage.buckets_merged != copy.header().usage.buckets_merged) return Found::merged;
    return find_seq(from, bucket.seq) != nullptr ? Found::there : Found::gone;
}

/// Whoever had to begin anew a few times hurries.
void pause_reading(int attempt) {
    if (attempt < 3) let_others_lock_store();
    CHECK_FOR_INTERRUPTS();
}

/// An ended bucket does not change while it is there. False after a merge.
bool copy_ended(core::Store from, core::Store copy, core::Bucket& bucket, int attempt) {
    core::Ref at = bucket.first_entry;
    while (at != 0) {
        Piece piece{};
        lock_store_shared();
        const Found found = look_for(from, copy, bucket);
        while (found == Found::there && at != 0 && !is_enough(piece)) {
            core::Entry& entry = *from.entry(at);
            copy_one(from, copy, entry, false, piece);
            at = entry.list_next;
        }
        unlock_store();
        if (found == Found::merged) return false;
        if (found == Found::gone) {
            bucket.state = core::BucketState::free;
            return true;
        }
        if (at != 0) pause_reading(attempt);
    }
    return true;
}

/// The next chains, as many as are one piece. Lock: shared.
void copy_chains(core::Sweep& sweep, Piece& piece) {
    const uint64 chains = core::chain_count(sweep.from);
    while (sweep.chain < chains && !is_enough(piece)) {
        const std::size_t before = sweep.notes;
        for (core::Ref at = core::next_in_chain(sweep, 0); at != 0; at = core::next_in_chain(sweep, at)) {
            if (sweep.notes == sweep.noted.size()) {
                // No room: the chain is left for the next piece, which has more.
                sweep.notes = before;
                return;
            }
            copy_one(sweep.from, sweep.to, *sweep.from.entry(at), true, piece);
            sweep.noted[sweep.notes++] = at;
        }
        sweep.chain = sweep.chain + 1;
        piece.looks = piece.looks + 1;
    }
}

/// The end of a sweep: the residual entries, the stamps of what has left early, and which buckets are still
/// there. False when there is no room to note the entries. Lock: shared.
bool copy_rest(core::Sweep& sweep, const core::Bucket& there, core::Bucket& bucket) {
    Piece piece{};
    core::Header& header = sweep.to.header();
    if (sweep.noted.size() - sweep.notes < there.residuals) return false;
    for (core::Ref at = there.first_residual; at != 0; at = sweep.from.entry(at)->hash_next) {
        copy_one(sweep.from, sweep.to, *sweep.from.entry(at), true, piece);
        sweep.noted[sweep.notes++] = at;
    }
    bucket.first_residual = there.first_residual;
    bucket.residuals = there.residuals;
    header.early_stamp = sweep.from.header().early_stamp;
    header.leaving_stamp = sweep.from.header().leaving_stamp;
    for (uint32 i = 0; i < header.buckets; ++i) {
        core::Bucket& other = sweep.to.bucket(i);
        if (find_seq(sweep.from, other.seq) == nullptr) other.state = core::BucketState::free;
    }
    return true;
}

void make_room(core::Sweep& sweep, std::size_t notes) {
    if (sweep.noted.size() - sweep.notes >= notes) return;
    const std::size_t room = sweep.noted.size() * 2 + notes;
    auto* grown = static_cast<core::Ref*>(
        MemoryContextAllocExtended(CurrentMemoryContext, room * sizeof(core::Ref), MCXT_ALLOC_HUGE));
    for (std::size_t i = 0; i < sweep.notes; ++i) grown[i] = sweep.noted[i];
    if (sweep.noted.data() != nullptr) pfree(sweep.noted.data());
    sweep.noted = {grown, room};
}

/// One piece of the running bucket; true with the last one. `bucket` is the copy's.
Found copy_piece_of_running(core::Sweep& sweep, core::Bucket& bucket, bool* done, bool* lost_track) {
    core::Ref again[core::Changes::kKept];
    uint32 agains = 0;
    Piece piece{};
    lock_store_shared();
    const Found found = look_for(sweep.from, sweep.to, bucket);
    const core::Bucket* there = found == Found::there ? find_seq(sweep.from, bucket.seq) : nullptr;
    *lost_track = there != nullptr && !core::follow_changes(sweep, again, agains);
    if (there != nullptr && !*lost_track) {
        for (uint32 i = 0; i < agains; ++i) {
            copy_one(sweep.from, sweep.to, *sweep.from.entry(again[i]), true, piece);
            sweep.noted[sweep.notes++] = again[i];
        }
        piece = Piece{};
        copy_chains(sweep, piece);
        *done = sweep.chain == core::chain_count(sweep.from) && !is_enough(piece);
        if (*done) *done = copy_rest(sweep, *there, bucket);
    }
    unlock_store();
    return found;
}

/// False when it has to be done anew.
bool copy_running(core::Store from, core::Store copy, int attempt) {
    core::Bucket& bucket = copy.running();
    core::Sweep sweep = core::begin_sweep(from, copy);
    bool done = false;
    std::size_t room = core::kSweepRoom;
    while (!done) {
        make_room(sweep, room);
        bool lost_track = false;
        const uint64 chain = sweep.chain;
        const Found found = copy_piece_of_running(sweep, bucket, &done, &lost_track);
        if (lost_track || found != Found::there) {
            pfree(sweep.noted.data());
            return false;
        }
        if (sweep.chain == chain) room = room * 2;
        if (!done) pause_reading(attempt);
    }
    auto* scratch = static_cast<uint64*>(MemoryContextAllocExtended(
        CurrentMemoryContext, (sweep.notes + 1) * sizeof(uint64), MCXT_ALLOC_HUGE));
    core::link_swept(sweep, bucket, {scratch, sweep.notes});
    pfree(scratch);
    pfree(sweep.noted.data());
    return true;
}

/// All of a frame; false when it has to be done anew.
bool copy_content(core::Store from, core::Store copy, int attempt) {
    for (uint32 i = 0; i + 1 < copy.header().buckets; ++i) {
        core::Bucket& bucket = copy.bucket(i);
        if (bucket.state != core::BucketState::free && !copy_ended(from, copy, bucket, attempt)) return false;
    }
    return copy_running(from, copy, attempt);
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

    int attempt = 0;
    while (!copy_content(from, copy_visible_frame(from, {memory, bytes}, verdicts, snapshot), attempt)) {
        CHECK_FOR_INTERRUPTS();
        attempt = attempt + 1;
    }
    pfree(verdicts);
    const core::Store copy{memory};
    require_complete(copy, snapshot);
    return copy;
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
