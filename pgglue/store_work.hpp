// What has to be done in the store and may be large: in pieces, so that nobody waits for it. And what is
// noted when something had to be given up.
#pragma once

#include "core/api.hpp"

#include "pgglue/shmem.hpp"

namespace pgsm::glue {

/// Finishes merges of buckets. Takes the store lock, exclusive, many times.
void finish_merges();

/// Has the calls of all buckets that were given up counted in Usage. Takes the store lock, exclusive, if need
/// be many times.
void count_losses();

/// Hands back the memory of buckets that were released or given up. Takes the store lock, exclusive, many
/// times.
void take_apart_released();

/// Puts down why buckets were given up, if some were: `lost_before` is Usage's count of them when the lock
/// was taken. Whoever could have given one up calls it before he lets go of the lock. Lock: store lock,
/// exclusive.
void note_losses(uint64 lost_before);

}  // namespace pgsm::glue
