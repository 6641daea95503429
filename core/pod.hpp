#pragma once
#include "core/firewall.hpp"

#include <type_traits>

namespace pgsm::core {

/// What may live in shared memory or in the image file: bytes that can be copied anywhere and mean the same.
template <typename T>
concept ShmemPod = std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T> &&
    std::is_standard_layout_v<T> && !std::is_polymorphic_v<T>;

}  // namespace pgsm::core
