// Count, sum, extremes and spread of a series of values, in a form that two series can be joined in.
//
// Spread is kept as m2, the sum of squared deviations from the mean. Joining uses the pairwise formula of T.
// F. Chan, G. H. Golub, R. J. LeVeque: "Algorithms for Computing the Sample Variance: Analysis and
// Recommendations", The American Statistician 37 (3), 1983, equation 2.1b, so that a bucket, an hour or a
// residual row made of parts has the deviation of the whole, without the cancellation of "sum of squares
// minus square of sum".
//
// 40 bytes, no padding, lives in shared memory; the lock is that of the entry that holds it.
#pragma once

#include "core/firewall.hpp"
#include "core/pod.hpp"

#include <cmath>
#include <cstdint>

namespace pgsm::core {

struct Moments {
    std::int64_t count;  // values; 0: all other fields are 0 and mean nothing
    double total;        // sum of the values, in their own unit
    double min;          // smallest value
    double max;          // largest value
    double m2;           // sum of (value - mean)^2
};

static_assert(ShmemPod<Moments>);
static_assert(sizeof(Moments) == 40);

/// The series that holds `value` and nothing else.
constexpr Moments moments_of(double value) noexcept { return Moments{1, value, value, value, 0.0}; }

/// 0 of an empty series.
constexpr double mean(const Moments& moments) noexcept {
    return moments.count > 0 ? moments.total / static_cast<double>(moments.count) : 0.0;
}

/// Standard deviation of the population (divides by count, as 2.3 does); 0 of fewer than two values.
inline double stddev(const Moments& moments) noexcept {
    return moments.count > 1 ? std::sqrt(moments.m2 / static_cast<double>(moments.count)) : 0.0;
}

/// Adds the series `from` to `into`. An empty series changes nothing, and into an empty one the other is
/// copied bit for bit, so that its minimum is never compared with 0.
constexpr void merge(Moments& into, const Moments& from) noexcept {
    if (from.count <= 0) {
        return;
    }
    if (into.count <= 0) {
        into = from;
        return;
    }
    const double into_count = static_cast<double>(into.count);
    const double from_count = static_cast<double>(from.count);
    const double delta = mean(from) - mean(into);
    // The quotient first: into_count * from_count passes 2^53 long before either count does.
    into.m2 += from.m2 + delta * delta * (into_count * (from_count / (into_count + from_count)));
    into.total += from.total;
    into.min = from.min < into.min ? from.min : into.min;
    into.max = from.max > into.max ? from.max : into.max;
    into.count += from.count;
}

}  // namespace pgsm::core
