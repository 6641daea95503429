// The address a statement came from, as the inet columns want it: 17 plain bytes, no padding, fit for shared
// memory and for comparing and hashing as bytes. What an address is looked up from is the glue's business.
#pragma once

#include "core/firewall.hpp"
#include "core/pod.hpp"

#include <cstdint>

namespace pgsm::core {

struct ClientAddress {
    std::uint8_t family;     // 4 or 6; 0 in memory that was only zeroed: no address
    std::uint8_t bytes[16];  // network order; IPv4 uses the first four, the rest are 0

    friend constexpr bool operator==(const ClientAddress&, const ClientAddress&) noexcept = default;
};

static_assert(ShmemPod<ClientAddress>);
static_assert(sizeof(ClientAddress) == 17 && alignof(ClientAddress) == 1);

/// What stands for a Unix socket, a background worker and an unknown peer, as in 2.3.
inline constexpr ClientAddress kLoopbackAddress{4, {127, 0, 0, 1}};

}  // namespace pgsm::core
