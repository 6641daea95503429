// A plan's text by shape: with its constants replaced, so that executions that differ in these alone have one plan.
#pragma once
#include "core/firewall.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace pgsm::core {

/// Room that plan_shape() may need.
constexpr std::size_t plan_shape_cap(std::size_t plan_len) noexcept { return plan_len * 6 + 16; }

/// Writes EXPLAIN's text output with each constant of its expressions replaced by $n, numbered behind the
/// parameters that are there. Returns the length; 0 when the text can't be read. `out` has plan_shape_cap().
[[nodiscard]] std::size_t plan_shape(std::string_view plan, std::span<char> out) noexcept;

}  // namespace pgsm::core
