// A store as the bytes of a file, so that a clean restart loses nothing.
//
// The image is a small head (magic, layout, length, checksum) and the region behind it. A store is position
// independent, so loading is copying, after the checksum and the layout hash have matched and the heaps have
// been walked. Locks are the caller's: nobody else may use the store meanwhile.
#pragma once
#include "core/firewall.hpp"

#include "core/store.hpp"

namespace pgsm::core {

struct ImageHead {
    std::uint64_t magic;
    std::uint64_t layout;       ///< layout_hash() of the writer
    std::uint64_t fingerprint;  ///< kCounterFingerprint of the writer: which counters lie where
    std::uint64_t bytes;        ///< of the region
    std::uint64_t checksum;     ///< hash64 of the region
};
static_assert(ShmemPod<ImageHead> && sizeof(ImageHead) == 40);

ImageHead image_head(Store store) noexcept;

/// kForeignCounters when the writer had other counters, kForeignLayout when it was another version or had other
/// settings, kDamaged when it is no head.
Status check_image_head(const ImageHead& head, const StoreConfig& config) noexcept;

/// Whether everything in the store fits together: layout, heaps, ring, lists, chains, references. Counters
/// may say anything. For images read from disk, since a checksum only tells that the file is as it was
/// written, and for tests.
bool store_check(Store store) noexcept;

/// Accepts `memory` (8-byte aligned), into which the region was read, as a store; kDamaged when a byte of it
/// is wrong. The bucket time is still that of the writer: set_bucket_time() is the next step.
Status adopt_image(const ImageHead& head, std::span<std::byte> memory, Store& out) noexcept;

}  // namespace pgsm::core
