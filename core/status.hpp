#pragma once
#include "core/firewall.hpp"

#include <cstdint>

namespace pgsm::core {

/// What a core function has to say to its caller. The core never logs; the glue decides what a user hears.
enum class [[nodiscard]] Status : std::uint8_t{
    kOk,
    kNeedsDescription,  ///< the entry does not exist: call again with the texts that a new entry needs
    kFolded,            ///< no room to keep it apart: added to a residual entry, totals stay exact
    kLost,              ///< not even a residual entry could take it: counted in Usage::calls_without_room
    kTooSmall,          ///< the memory handed in cannot hold a useful store
    kForeignLayout,     ///< the bytes are a store of another version, build or configuration
    kDamaged,           ///< checksum, size or a link inside the bytes is wrong
    kRingFull,          ///< no free bucket slot
};

}  // namespace pgsm::core
