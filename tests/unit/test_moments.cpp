#include "core/moments.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

using namespace pgsm::core;

namespace {

/// What the merged series must come to: two passes over all values, in long double.
struct Expected {
    long double total = 0;
    long double mean = 0;
    long double stddev = 0;
    double min = 0;
    double max = 0;
};

Expected two_pass(const std::vector<double>& values) {
    Expected expected;
    for (const double value : values) {
        expected.total += value;
    }
    expected.mean = expected.total / static_cast<long double>(values.size());
    long double squares = 0;
    for (const double value : values) {
        squares += (value - expected.mean) * (value - expected.mean);
    }
    expected.stddev = std::sqrt(squares / static_cast<long double>(values.size()));
    expected.min = *std::min_element(values.begin(), values.end());
    expected.max = *std::max_element(values.begin(), values.end());
    return expected;
}

void check_equals(const Moments& moments, const std::vector<double>& values) {
    const Expected expected = two_pass(values);
    CHECK(moments.count == static_cast<std::int64_t>(values.size()));
    CHECK(moments.total == doctest::Approx(static_cast<double>(expected.total)).epsilon(1e-12));
    CHECK(mean(moments) == doctest::Approx(static_cast<double>(expected.mean)).epsilon(1e-12));
    CHECK(stddev(moments) == doctest::Approx(static_cast<double>(expected.stddev)).epsilon(1e-9));
    CHECK(moments.min == expected.min);
    CHECK(moments.max == expected.max);
}

bool same_bytes(const Moments& left, const Moments& right) {
    return std::memcmp(&left, &right, sizeof(Moments)) == 0;
}

}  // namespace

TEST_CASE("moments: nothing and one value") {
    const Moments empty{};
    CHECK(mean(empty) == 0.0);
    CHECK(stddev(empty) == 0.0);

    const Moments one = moments_of(-3.5);
    CHECK(one.count == 1);
    CHECK(one.total == -3.5);
    CHECK(one.min == -3.5);
    CHECK(one.max == -3.5);
    CHECK(mean(one) == -3.5);
    CHECK(stddev(one) == 0.0);
}

TEST_CASE("moments: an empty side leaves the other one as it is, to the bit") {
    Moments full = moments_of(7.0);
    merge(full, moments_of(9.0));

    Moments into{};
    merge(into, full);
    CHECK(same_bytes(into, full));
    CHECK(into.min == 7.0);  // not 0, which the empty side holds

    merge(into, Moments{});
    CHECK(same_bytes(into, full));

    Moments both{};
    merge(both, Moments{});
    CHECK(same_bytes(both, Moments{}));
}

TEST_CASE("moments: a worked example, population deviation") {
    Moments series{};
    for (const double value : {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0}) {
        merge(series, moments_of(value));
    }
    CHECK(series.count == 8);
    CHECK(series.total == 40.0);
    CHECK(mean(series) == 5.0);
    CHECK(stddev(series) == doctest::Approx(2.0).epsilon(1e-14));  // a sample's would be 2.138
}

TEST_CASE("moments: any way of cutting a series up gives the same figures") {
    std::mt19937_64 random(20261122);
    for (int round = 0; round < 300; ++round) {
        std::vector<double> values(1 + random() % 200);
        std::lognormal_distribution<double> durations(0.0, 3.0);
        for (double& value : values) {
            value = durations(random);
        }

        Moments one_by_one{};
        for (const double value : values) {
            merge(one_by_one, moments_of(value));
        }
        check_equals(one_by_one, values);

        std::vector<Moments> parts(1 + random() % 8);
        for (const double value : values) {
            merge(parts[random() % parts.size()], moments_of(value));
        }
        std::shuffle(parts.begin(), parts.end(), random);
        Moments whole{};
        for (const Moments& part : parts) {
            merge(whole, part);
        }
        check_equals(whole, values);
    }
}

TEST_CASE("moments: deviation survives a large offset") {
    // The difference of squares would come out of 1e18 - 1e18 here.
    Moments left{};
    Moments right{};
    for (int i = 0; i < 1000; ++i) {
        merge(left, moments_of(1e9 + (i % 2)));
        merge(right, moments_of(1e9 + (i % 2)));
    }
    merge(left, right);
    CHECK(stddev(left) == doctest::Approx(0.5).epsilon(1e-6));
}

TEST_CASE("moments: counts beyond 2^31 do not overflow") {
    Moments big{5'000'000'000, 5e9, 1.0, 1.0, 0.0};
    const Moments other{5'000'000'000, 15e9, 3.0, 3.0, 0.0};
    merge(big, other);
    CHECK(big.count == 10'000'000'000);
    CHECK(mean(big) == 2.0);
    CHECK(stddev(big) == doctest::Approx(1.0).epsilon(1e-12));
}
