// A running bucket copied in pieces, while statements are recorded into it, entries leave it for residual
// ones and their blocks become other entries.
//
// No list holds still for that, but the hash chains do: an entry is in one and the same chain as long as it
// is there. So the chains are gone through one after the other, and Changes tells of entries that were copied
// and have left since: they count in the residual entries, which are copied in the last piece. Each execution
// that ended before the first piece is in the copy exactly once.
//
// Locks: store lock, shared, for each piece; the entry's spinlock, too, to copy one.
#pragma once
#include "core/firewall.hpp"

#include "core/snapshot.hpp"

namespace pgsm::core {

/// `noted` holds what was met, in this order: entries copied, and, with Changes::kGone, entries that left.
struct Sweep {
    Store from;
    Store to;
    std::uint32_t seq;      ///< of the bucket
    std::uint64_t changes;  ///< so many have been followed
    std::uint64_t chain;    ///< the next one
    std::span<Ref> noted;
    std::size_t notes;
};

/// Of the bucket that runs in the frame `to`. `noted` is set by the caller, with room for kSweepRoom at least
/// before each piece.
Sweep begin_sweep(Store from, Store to) noexcept;
constexpr std::size_t kSweepRoom = 2 * Changes::kKept;

/// Notes which entries have left, first thing in each piece. Those that got other notes are passed to
/// `again`, to be copied again; as many as `agains` says. The bucket must still be there: look for it before.
/// False when more happened than is known: the sweep is worthless.
bool follow_changes(Sweep& sweep, std::span<Ref, Changes::kKept> again, std::uint32_t& agains) noexcept;

/// The entries of the bucket in the next chain: the first behind `at`, 0 at first. 0: no more.
Ref next_in_chain(const Sweep& sweep, Ref at) noexcept;

std::uint64_t chain_count(Store store) noexcept;

/// Copies the texts of an entry; their bytes.
std::uint64_t copy_texts_of(Store from, Store to, const Entry& entry) noexcept;

/// Makes what was copied and has not left the list of `bucket`, which is in the copy. `scratch` is as long as
/// the notes.
void link_swept(const Sweep& sweep, Bucket& bucket, std::span<std::uint64_t> scratch) noexcept;

}  // namespace pgsm::core
