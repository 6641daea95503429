// What one execution counted. Most executions set the hot part only, so the cold parts are made when they are
// first asked for: zeroing and searching 288 bytes costs more than adding what is in them.
#pragma once
#include "core/firewall.hpp"

#include "generated/core/counters.hpp"

#include <cstddef>
#include <cstdint>

namespace pgsm::core {

class Sample {
public:
    Sample() noexcept { counters_.hot = {}; }
    Sample(const Counters& counters) noexcept  // NOLINT: any counters are a sample
        : counters_(counters), made_((1u << kColdPartCount) - 1) {}

    HotPart& hot() noexcept { return counters_.hot; }
    const HotPart& hot() const noexcept { return counters_.hot; }

    /// A cold part to count in, `sample.cold(&Counters::io)`; all zeros when it is first asked for.
    template <typename T>
    T& cold(T Counters::*member) noexcept {
        T& part = counters_.*member;
        const std::ptrdiff_t offset =
            reinterpret_cast<std::byte*>(&part) - reinterpret_cast<std::byte*>(&counters_);
        std::uint32_t bit = 0;
        for (std::uint32_t i = 0; i < kColdPartCount; ++i)
            if (kColdPartOffset[i] == offset) bit = 1u << i;
        if ((made_ & bit) == 0) part = T{};
        made_ |= bit;
        return part;
    }

    /// Cold parts that were made, by bit; the bytes of one of them, which may all be zero.
    std::uint32_t made() const noexcept { return made_; }
    const std::byte* bytes_of(std::uint32_t part) const noexcept {
        return reinterpret_cast<const std::byte*>(&counters_) + kColdPartOffset[part];
    }

    void add_to(Counters& into) const noexcept {
        merge(into.hot, counters_.hot);
        for (std::uint32_t i = 0; i < kColdPartCount; ++i)
            if ((made_ >> i & 1) != 0)
                merge_part(static_cast<Part>(i), reinterpret_cast<std::byte*>(&into) + kColdPartOffset[i],
                           bytes_of(i));
    }

private:
    Counters counters_;  // of the cold parts only those in made_ are set
    std::uint32_t made_ = 0;
};

}  // namespace pgsm::core
