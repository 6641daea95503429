// The one hash function of the store: XXH3, 64 bit. hash.cpp alone sees xxhash.h, so its macros and headers
// reach nobody else. The values are part of the image file's format: tests/unit/test_hash.cpp pins them.
//
// `pgsm_query_id` is not made with it: that is PostgreSQL's own hash_bytes_extended (compat-2.3.md 3.2).
#pragma once

#include "core/firewall.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pgsm::core {

/// XXH3 of `bytes`, which may be empty. Not resistant to chosen collisions: callers compare the keys as well.
[[nodiscard]] std::uint64_t hash64(std::span<const std::byte> bytes, std::uint64_t seed = 0) noexcept;

[[nodiscard]] inline std::uint64_t hash64(std::string_view text, std::uint64_t seed = 0) noexcept {
    return hash64(std::as_bytes(std::span<const char>{text.data(), text.size()}), seed);
}

}  // namespace pgsm::core
