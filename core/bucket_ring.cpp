#include "core/store.hpp"

#include <algorithm>

namespace pgsm::core {
namespace {

/// Start of the bucket that `now_us` belongs to: a multiple of the bucket time since the Unix epoch, as
/// in 2.3 (compat-2.3.md 4.3).
std::int64_t aligned_start(std::int64_t now_us, std::int64_t bucket_us) noexcept {
    constexpr std::int64_t kUnixEpochToPg = 946'684'800'000'000;
    const std::int64_t unix_us = now_us + kUnixEpochToPg;
    std::int64_t past = unix_us % bucket_us;
    if (past < 0) past += bucket_us;
    return now_us - past;
}

std::uint32_t slot_of(Store store, const Bucket& bucket) noexcept {
    return static_cast<std::uint32_t>(&bucket - store.ring());
}

bool is_start(Store store, std::int64_t us) noexcept {
    for (std::uint32_t slot = 0; slot < store.header().ring_slots; ++slot)
        if (store.ring()[slot].state != BucketState::free && store.ring()[slot].start_us == us) return true;
    return false;
}

/// The aligned start if nobody can have had it, else the instant of opening. When the clock has gone back a
/// little, time goes on by a microsecond; when it has gone back far, the instant is good unless a bucket has
/// it or, being aligned, may have had it.
std::int64_t unique_start(Store store, std::int64_t now_us) noexcept {
    const Header& header = store.header();
    const std::int64_t bucket_us = header.config.bucket_us;
    const std::int64_t aligned = aligned_start(now_us, bucket_us);
    if (aligned > header.last_start_us) return aligned;
    if (now_us > header.last_start_us) return now_us;
    if (header.last_start_us - now_us < bucket_us) return header.last_start_us + 1;
    std::int64_t start = now_us;
    while ((bucket_us > 1 && start == aligned_start(start, bucket_us)) || is_start(store, start)) ++start;
    return start;
}

/// Opens a bucket in `slot`, which is free. It ends with the aligned time it begins in, so that after a
/// bucket that was cut short the next ones are aligned again.
void open_bucket(Store store, std::uint32_t slot, std::int64_t now_us) noexcept {
    Header& header = store.header();
    Bucket& bucket = store.ring()[slot];
    bucket = Bucket{};
    bucket.start_us = unique_start(store, now_us);
    bucket.end_us = aligned_start(bucket.start_us, header.config.bucket_us) + header.config.bucket_us;
    bucket.number = header.next_number++;
    bucket.seq = header.next_seq++;
    bucket.state = BucketState::running;
    if (bucket.start_us > header.last_start_us) header.last_start_us = bucket.start_us;
}

/// Free slots at the old end of the ring leave it; one in the middle stays until those before it are free.
void trim(Store store) noexcept {
    Header& header = store.header();
    while (header.buckets > 1 && store.bucket(0).state == BucketState::free) {
        header.oldest = (header.oldest + 1) % header.ring_slots;
        --header.buckets;
    }
}

bool waits(const Bucket& bucket) noexcept { return bucket.state == BucketState::ended && !bucket.exported; }

/// Puts a list of entries behind another one.
void append_list(Store store, Ref& first, Ref& last, Ref more, Ref more_last) noexcept {
    if (more == 0) return;
    (first == 0 ? first : store.entry(last)->list_next) = more;
    last = more_last;
}

/// Takes the bucket out of the ring; its entries are somebody else's already.
void make_free(Store store, Bucket& bucket) noexcept {
    if (bucket.settled != 0) --store.header().unsettled;
    const std::int64_t number = bucket.number;
    bucket = Bucket{};
    bucket.number = number;
    bucket.state = BucketState::free;
    trim(store);
}

void give_up(Store store, Bucket& bucket) noexcept {
    Header& header = store.header();
    if (bucket.exported)
        header.early_stamp = bucket.stamp;
    else if (bucket.stamp != 0)
        header.leaving_stamp = bucket.stamp;
    if (!waits(bucket)) {
        release(store, bucket);
        return;
    }
    if (header.stores_nothing) {
        ++header.usage.buckets_dropped;
    } else {
        ++header.usage.buckets_lost;
        header.usage.statements_lost += bucket.entries;
    }
    append_list(store, header.lost, header.lost_tail, bucket.first_entry, bucket.last_entry);
    make_free(store, bucket);
}

/// Position of the oldest bucket that waits for an export, one that nobody is exporting if there is one: the
/// rows of the others may be about to be stored. `buckets` when none waits.
std::uint32_t oldest_waiting(Store store) noexcept {
    const Header& header = store.header();
    std::uint32_t found = header.buckets;
    for (std::uint32_t i = 0; i + 1 < header.buckets; ++i) {
        if (!waits(store.bucket(i))) continue;
        if (store.bucket(i).stamp == 0) return i;
        if (found == header.buckets) found = i;
    }
    return found;
}

bool give_up_waiting(Store store) noexcept {
    const std::uint32_t position = oldest_waiting(store);
    if (position == store.header().buckets) return false;
    give_up(store, store.bucket(position));
    return true;
}

/// Position of an ended bucket that is free or exported, the oldest one; `buckets` when there is none.
std::uint32_t oldest_done(Store store) noexcept {
    const Header& header = store.header();
    for (std::uint32_t i = 0; i + 1 < header.buckets; ++i)
        if (!waits(store.bucket(i))) return i;
    return header.buckets;
}

/// Makes the slot at `position`, which is free, the oldest one, so that it leaves the ring: the buckets
/// before it move up by one. Nobody refers to a bucket by its slot.
void close_gap(Store store, std::uint32_t position) noexcept {
    for (; position > 0; --position) store.bucket(position) = store.bucket(position - 1);
    store.bucket(0) = Bucket{};
    trim(store);
}

/// Merges; where all that wait are being merged already finishes that before. Then it takes as long as they
/// are large, but dozens of buckets have ended meanwhile, and each of them has done a piece.
bool merge_now(Store store) noexcept {
    if (merge_oldest(store)) return true;
    while (continue_merge(store, UINT32_MAX)) {
    }
    return merge_oldest(store);
}

/// Makes a slot free in a full ring: that of a bucket which is no loss; else two become one; else, where all
/// are being exported, that of the oldest.
void make_slot(Store store) noexcept {
    Header& header = store.header();
    std::uint32_t position = oldest_done(store);
    if (position == header.buckets) {
        if (merge_now(store)) return;
        position = oldest_waiting(store);
    }
    const std::uint32_t before = header.buckets;
    give_up(store, store.bucket(position));
    if (header.buckets == before) close_gap(store, position);  // else it was the oldest
}

}  // namespace

bool merge_oldest(Store store) noexcept {
    Header& header = store.header();
    const auto can_merge = [store](std::uint32_t i) noexcept {
        const Bucket& bucket = store.bucket(i);
        return waits(bucket) && bucket.stamp == 0 && bucket.settled == 0 && bucket.entries != 0;
    };
    // What is stored or being exported is in nobody's way; what is still being merged is, so that times stay in order.
    const auto next_waiting = [store, &header](std::uint32_t i) noexcept {
        do ++i;
        while (i + 1 < header.buckets && (!waits(store.bucket(i)) || store.bucket(i).stamp != 0));
        return i;
    };
    std::uint32_t older = 0;
    std::uint32_t newer = next_waiting(0);
    while (newer + 1 < header.buckets && !(can_merge(older) && can_merge(newer))) {
        older = newer;
        newer = next_waiting(newer);
    }
    if (newer + 1 >= header.buckets) return false;
    Bucket& into = store.bucket(older);
    const Bucket& from = store.bucket(newer);
    into.settled = into.last_entry;
    into.absorbed_start_us = from.start_us;
    into.end_us = std::max(into.end_us, from.end_us);
    into.floor = std::max(into.floor, from.floor);
    into.error_floor = std::max(into.error_floor, from.error_floor);
    into.entries += from.entries;
    into.used_bytes += from.used_bytes;
    append_list(store, into.first_entry, into.last_entry, from.first_entry, from.last_entry);
    ++header.unsettled;
    ++header.usage.buckets_merged;
    close_gap(store, newer);
    return true;
}

void rotate(Store store, std::int64_t now_us) noexcept {
    Header& header = store.header();
    Bucket& running = store.running();
    if (running.entries == 0) {
        if (!rotation_due(store, now_us)) return;
        // Nothing ran in it: no row will ever show it, so its slot and number can serve the next one.
        running.state = BucketState::free;
        --header.next_number;
        --header.next_seq;
        open_bucket(store, slot_of(store, running), now_us);
        return;
    }
    running.state = BucketState::ended;
    running.end_us = std::clamp(now_us, running.start_us, running.end_us);
    if (header.buckets == header.ring_slots) make_slot(store);
    const std::uint32_t slot = (header.oldest + header.buckets) % header.ring_slots;
    ++header.buckets;
    open_bucket(store, slot, now_us);
    constexpr std::uint32_t kPiece = 128;
    static_cast<void>(continue_merge(store, kPiece));
}

void release(Store store, Bucket& bucket) noexcept {
    Header& header = store.header();
    if (bucket.state == BucketState::free) return;
    append_list(store, header.garbage, header.garbage_tail, bucket.first_entry, bucket.last_entry);
    make_free(store, bucket);
}

void take_back_loss(Store store, std::uint64_t statements, std::uint64_t calls) noexcept {
    Usage& usage = store.header().usage;
    usage.buckets_lost -= std::min<std::uint64_t>(usage.buckets_lost, 1);
    usage.statements_lost -= std::min(usage.statements_lost, statements);
    usage.calls_lost -= std::min(usage.calls_lost, calls);
}

bool give_up_oldest(Store store) noexcept {
    Header& header = store.header();
    for (std::uint32_t i = 0; i + 1 < header.buckets; ++i) {
        if (store.bucket(i).state != BucketState::ended || !store.bucket(i).exported) continue;
        give_up(store, store.bucket(i));
        return true;
    }
    return give_up_waiting(store);
}

bool continue_numbers(Store store, std::int64_t used) noexcept {
    Header& header = store.header();
    std::uint32_t first = header.buckets;
    for (std::uint32_t i = 0; i < header.buckets; ++i) {
        const Bucket& bucket = store.bucket(i);
        if (bucket.state == BucketState::free || bucket.exported || bucket.stamp != 0) {
            // Numbers grow along the ring: what is behind a bucket that gets another one gets another one,
            // too.
            if (bucket.state != BucketState::free && first != header.buckets) return false;
        } else if (first == header.buckets && bucket.number <= used) {
            first = i;
        }
    }
    if (first == header.buckets) return true;
    std::int64_t next = std::max(used + 1, header.next_number);
    for (std::uint32_t i = first; i < header.buckets; ++i)
        if (store.bucket(i).state != BucketState::free) store.bucket(i).number = next++;
    header.next_number = next;
    return true;
}

std::uint32_t reclaim(Store store, std::uint32_t most) noexcept {
    Header& header = store.header();
    std::uint32_t done = 0;
    for (; done < most && (header.lost | header.garbage) != 0; ++done) {
        const bool lost = header.lost != 0;
        Ref& first = lost ? header.lost : header.garbage;
        Entry& entry = *store.entry(first);
        first = entry.list_next;
        if (first == 0) (lost ? header.lost_tail : header.garbage_tail) = 0;
        if (lost) (header.stores_nothing ? header.usage.calls_dropped : header.usage.calls_lost) +=
            static_cast<std::uint64_t>(entry.hot.exec.count);
        if ((entry.flags & kResidual) == 0) unlink_from_chain(store, entry);
        free_entry(store, nullptr, entry);
    }
    return done;
}

void set_bucket_time(Store store, std::int64_t bucket_us) noexcept {
    if (bucket_us > 0) store.header().config.bucket_us = bucket_us;
}

void reset(Store store, std::int64_t now_us) noexcept {
    Header& header = store.header();
    for (std::uint32_t slot = 0; slot < header.ring_slots; ++slot) release(store, store.ring()[slot]);
    append_list(store, header.garbage, header.garbage_tail, header.lost, header.lost_tail);
    header.lost = header.lost_tail = 0;
    header.usage = {};
    header.oldest = 0;
    header.buckets = 1;
    open_bucket(store, 0, now_us);
}

}  // namespace pgsm::core
