// What a string literal means.
#pragma once
#include "core/firewall.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pgsm::core {

/// The characters that a string literal means, one by one; escapes beyond ASCII come as a question mark.
class LiteralValue {
public:
    explicit LiteralValue(std::string_view literal) noexcept;
    /// -1 at the end.
    int next() noexcept;

private:
    int unescaped() noexcept;
    int coded(int digits, int base) noexcept;

    enum class Escapes : std::uint8_t { none, backslash, unicode };
    std::string_view text_;
    std::size_t pos_ = 0;
    std::size_t end_ = 0;
    Escapes escapes_ = Escapes::none;
    bool quotes_ = false;  ///< a quote ends the literal, or a piece of it, or is doubled
};

}  // namespace pgsm::core
