#include "core/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>

namespace pgsm::core {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Upper bound of the k-th of `user_cells` regular cells, counted from 1, as 2.3 computes it.
double regular_upper_ms(double min_ms, double max_ms, std::uint32_t user_cells, std::uint32_t k) noexcept {
    const double step = std::log(max_ms - min_ms) / user_cells;
    return min_ms + std::exp(step * k);
}

/// Appends to a caller's buffer and remembers when something did not fit.
class Writer {
public:
    explicit Writer(std::span<char> out) noexcept : out_(out) {}

    void text(std::string_view text) noexcept {
        if (text.size() > out_.size() - len_) {
            overflow_ = true;
            return;
        }
        std::memcpy(out_.data() + len_, text.data(), text.size());
        len_ += text.size();
    }

    void thousandths(double value) noexcept {
        const std::size_t len = format_thousandths(value, out_.subspan(len_));
        overflow_ = overflow_ || len == 0;
        len_ += len;
    }

    /// Bytes written, 0 when not everything fitted.
    std::size_t len() const noexcept { return overflow_ ? 0 : len_; }

private:
    std::span<char> out_;
    std::size_t len_ = 0;
    bool overflow_ = false;
};

}  // namespace

bool make_bounds(double min_ms, double max_ms, std::uint32_t user_cells, HistogramBounds& out) noexcept {
    // Written so that a value that is not a number fails too.
    if (!(min_ms >= 0.0 && max_ms >= min_ms + 1.0 && max_ms <= kHistogramLimitMs) || user_cells < 1 ||
        user_cells > kMaxUserCells) {
        return false;
    }

    // 2.3 looks at one cell only, number 2 counted from 0, which is another regular cell with a minimum than
    // without.
    const bool has_fastest = min_ms > 0.0;
    const std::uint32_t probe = has_fastest ? 2 : 3;
    std::uint32_t regular = user_cells;
    while (regular > 0 && regular_upper_ms(min_ms, max_ms, regular, probe - 1) ==
                              regular_upper_ms(min_ms, max_ms, regular, probe)) {
        --regular;
    }

    out = HistogramBounds{};
    std::fill(std::begin(out.upper_ms), std::end(out.upper_ms), kInfinity);
    std::uint32_t cell = 0;
    if (has_fastest) {
        out.upper_ms[cell++] = min_ms;
    }
    for (std::uint32_t k = 1; k <= regular; ++k) {
        // The last one ends at max itself, not where rounding leaves e^(ln(max - min)); none ends behind it.
        const double upper = k == regular ? max_ms : regular_upper_ms(min_ms, max_ms, regular, k);
        out.upper_ms[cell++] = std::min(upper, max_ms);
    }
    const bool has_slowest = max_ms < kHistogramLimitMs;
    out.max_ms = max_ms;
    out.cells = cell + (has_slowest ? 1 : 0);
    out.user_cells = regular;
    out.user_cells_reduced = regular < user_cells;
    return true;
}

void merge(ResponseCells& into, const ResponseCells& from) noexcept {
    const std::uint32_t count = std::min(from.count, kMaxHistogramCells);
    for (std::uint32_t i = 0; i < count; ++i) {
        into.cell[i] += from.cell[i];
    }
    into.count = std::max(into.count, count);
}

std::size_t timings_text(const HistogramBounds& bounds, std::span<char> out) noexcept {
    Writer writer(out);
    writer.text("{");
    for (std::uint32_t i = 0; i < bounds.cells; ++i) {
        const bool is_last = i + 1 == bounds.cells;
        if (i == 0) {
            writer.text("{0.000 - ");
        } else {
            // Where all regular cells coincided, the slowest cell still begins at max and not where its
            // neighbour ends.
            writer.text(", (");
            writer.thousandths(bounds.upper_ms[i] == kInfinity ? bounds.max_ms : bounds.upper_ms[i - 1]);
            writer.text(" - ");
        }
        if (is_last) {
            writer.text("...");
        } else {
            writer.thousandths(bounds.upper_ms[i]);
        }
        writer.text("}");
    }
    writer.text("}");
    return writer.len();
}

std::size_t format_thousandths(double value, std::span<char> out) noexcept {
    constexpr int kFractionBits = 52;
    constexpr std::uint64_t kImplicitBit = 1ULL << kFractionBits;
    constexpr double kLimit = 2.0 * static_cast<double>(kImplicitBit);
    if (!(value >= 0.0 && value < kLimit)) {
        return 0;
    }

    // value = fraction / 2^shift exactly, and fraction * 1000 < 2^53 * 2^10 fits, so the rounding below sees
    // all of it.
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(value);
    const int biased_exponent = static_cast<int>(bits >> kFractionBits & 0x7ff);
    const std::uint64_t fraction = (bits & (kImplicitBit - 1)) | (biased_exponent > 0 ? kImplicitBit : 0);
    const int shift = 1023 + kFractionBits - std::max(biased_exponent, 1);
    std::uint64_t thousandths = 0;
    if (shift == 0) {
        thousandths = fraction * 1000;
    } else if (shift < 64) {  // from 64 on less than half a thousandth is left
        const std::uint64_t scaled = fraction * 1000;
        const std::uint64_t rest = scaled & ((1ULL << shift) - 1);
        const std::uint64_t half = 1ULL << (shift - 1);
        thousandths = scaled >> shift;
        thousandths += rest > half || (rest == half && (thousandths & 1) != 0) ? 1 : 0;
    }

    char digits[24];
    std::size_t begin = sizeof digits;
    for (int decimals = 0; decimals < 4 || thousandths > 0; ++decimals) {
        if (decimals == 3) {
            digits[--begin] = '.';
        }
        digits[--begin] = static_cast<char>('0' + thousandths % 10);
        thousandths /= 10;
    }
    const std::size_t len = sizeof digits - begin;
    if (len > out.size()) {
        return 0;
    }
    std::memcpy(out.data(), digits + begin, len);
    return len;
}

}  // namespace pgsm::core
