#include "core/histogram.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace pgsm::core;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Settings {
    double min_ms;
    double max_ms;
    std::uint32_t user_cells;
};

struct Interval {
    double low;
    double high;
};

HistogramBounds bounds_of(const Settings& settings) {
    HistogramBounds bounds{};
    REQUIRE(make_bounds(settings.min_ms, settings.max_ms, settings.user_cells, bounds));
    return bounds;
}

/// The table of compat-2.3.md 5 written down once more, row by row, with `user_cells` the B in effect.
std::vector<Interval> intervals_of(const Settings& settings, std::uint32_t user_cells) {
    const double step = std::log(settings.max_ms - settings.min_ms) / user_cells;
    std::vector<Interval> intervals;
    if (settings.min_ms > 0) {
        intervals.push_back({0, settings.min_ms});
        for (std::uint32_t k = 1; k <= user_cells; ++k) {
            intervals.push_back({settings.min_ms + (k == 1 ? 0 : std::exp(step * (k - 1))),
                                 settings.min_ms + std::exp(step * k)});
        }
    } else {
        for (std::uint32_t k = 0; k < user_cells; ++k) {
            intervals.push_back({k == 0 ? 0 : std::exp(step * k), std::exp(step * (k + 1))});
        }
    }
    if (settings.max_ms < kHistogramLimitMs) {
        intervals.push_back({settings.max_ms, kInfinity});
    }
    return intervals;
}

/// First match of bounds that are inclusive on both sides; what matches none goes to the last.
std::uint32_t cell_by_scan(const std::vector<Interval>& intervals, double ms) {
    for (std::uint32_t i = 0; i < intervals.size(); ++i) {
        if (intervals[i].low <= ms && ms <= intervals[i].high) {
            return i;
        }
    }
    return static_cast<std::uint32_t>(intervals.size()) - 1;
}

std::string three_decimals(double value) {
    char text[64];
    std::snprintf(text, sizeof text, "%.3f", value);
    return text;
}

std::string formatted(double value) {
    char text[64];
    return {text, format_thousandths(value, text)};
}

std::string timings_of(const HistogramBounds& bounds) {
    std::vector<char> text(kTimingsTextCap);
    return {text.data(), timings_text(bounds, text)};
}

/// Upper bounds as the table in compat-2.3.md prints them.
std::vector<std::string> printed_uppers(const Settings& settings) {
    const HistogramBounds bounds = bounds_of(settings);
    std::vector<std::string> printed;
    for (std::uint32_t i = 0; i < bounds.cells; ++i) {
        printed.push_back(bounds.upper_ms[i] == kInfinity ? "inf" : three_decimals(bounds.upper_ms[i]));
    }
    return printed;
}

Settings random_settings(std::mt19937_64& random) {
    const auto between = [&random](double low, double high) {
        return std::uniform_real_distribution<double>(low, high)(random);
    };
    Settings settings{};
    settings.min_ms = random() % 3 == 0 ? 0.0 : std::exp(between(-8, 17));
    settings.max_ms =
        random() % 4 == 0 ? kHistogramLimitMs : settings.min_ms + 1.0 + std::exp(between(-12, 17));
    settings.max_ms = std::min(std::max(settings.max_ms, 10.0), kHistogramLimitMs);
    settings.user_cells = 2 + static_cast<std::uint32_t>(random() % (kMaxUserCells - 1));
    return settings;
}

}  // namespace

TEST_CASE("histogram: the table of 2.3") {
    using Uppers = std::vector<std::string>;
    CHECK(printed_uppers({1, 100000, 20}) ==
          Uppers{"1.000",     "2.778",     "4.162",      "6.623",    "11.000",    "18.783",
                 "32.623",    "57.234",    "101.000",    "178.827",  "317.226",   "563.338",
                 "1000.994",  "1779.268",  "3163.256",   "5624.371", "10000.920", "17783.643",
                 "31623.492", "56234.598", "100000.000", "inf"});
    CHECK(printed_uppers({1, 10000, 3}) == Uppers{"1.000", "22.544", "465.128", "10000.000", "inf"});
    CHECK(printed_uppers({10, 20, 5}) ==
          Uppers{"10.000", "11.585", "12.512", "13.981", "16.310", "20.000", "inf"});

    const Uppers without_min = printed_uppers({0, 100000, 20});
    REQUIRE(without_min.size() == 21);
    CHECK(Uppers(without_min.begin(), without_min.begin() + 5) ==
          Uppers{"1.778", "3.162", "5.623", "10.000", "17.783"});
    CHECK(without_min[19] == "100000.000");
    CHECK(without_min[20] == "inf");

    const Uppers without_max = printed_uppers({1, 50000000, 20});
    REQUIRE(without_max.size() == 21);
    CHECK(without_max[0] == "1.000");
    CHECK(without_max[1] == "3.426");
    CHECK(without_max[19] == "20607320.089");
    CHECK(without_max[20] == "50000000.000");

    const Uppers neither = printed_uppers({0, 50000000, 50});
    REQUIRE(neither.size() == 50);
    CHECK(neither[0] == "1.426");
    CHECK(neither[1] == "2.032");
    CHECK(neither[49] == "50000000.000");

    const Uppers most = printed_uppers({1, 1000, 50});
    REQUIRE(most.size() == 52);
    CHECK(most[0] == "1.000");
    CHECK(most[1] == "2.148");
    CHECK(most[2] == "2.318");
    CHECK(most[50] == "1000.000");
    CHECK(most[51] == "inf");
}

TEST_CASE("histogram: text of the timings") {
    CHECK(
        timings_of(bounds_of({1, 10000, 3})) ==
        "{{0.000 - 1.000}, (1.000 - 22.544}, (22.544 - 465.128}, (465.128 - 10000.000}, (10000.000 - ...}}");
    const std::string standard = timings_of(bounds_of({1, 100000, 20}));
    CHECK(standard.starts_with("{{0.000 - 1.000}, (1.000 - 2.778}, "));
    CHECK(standard.ends_with(", (100000.000 - ...}}"));
    // The last one has an end here and 2.3 does not say so.
    CHECK(timings_of(bounds_of({1, 50000000, 20})).ends_with(", (20607320.089 - ...}}"));
    CHECK(timings_of(bounds_of({0, 100000, 20})).starts_with("{{0.000 - 1.778}, (1.778 - 3.162}, "));
}

TEST_CASE("histogram: text of the timings against printf, not cut, and refused without room") {
    std::mt19937_64 random(5);
    std::size_t longest = 0;
    for (int round = 0; round < 500; ++round) {
        const Settings settings = random_settings(random);
        CAPTURE(settings.min_ms);
        CAPTURE(settings.max_ms);
        CAPTURE(settings.user_cells);
        const HistogramBounds bounds = bounds_of(settings);
        const std::vector<Interval> intervals = intervals_of(settings, bounds.user_cells);
        REQUIRE(intervals.size() == bounds.cells);
        std::string expected = "{";
        for (std::size_t i = 0; i < intervals.size(); ++i) {
            expected += i == 0 ? "{" : ", (";
            expected += three_decimals(intervals[i].low) + " - ";
            expected += i + 1 == intervals.size() ? "..." : three_decimals(intervals[i].high);
            expected += "}";
        }
        expected += "}";
        const std::string text = timings_of(bounds);
        CHECK(text == expected);
        longest = std::max(longest, text.size());

        std::vector<char> room(text.size());
        CHECK(timings_text(bounds, room) == text.size());
        CHECK(timings_text(bounds, std::span<char>(room).first(random() % text.size())) == 0);
    }
    CHECK(longest > 1023);  // or this test has not seen what 2.3 cuts

    const std::string widest = timings_of(bounds_of({49999900, 49999999, 50}));
    CHECK(widest.size() > 1500);
    CHECK(widest.ends_with("(49999999.000 - ...}}"));
}

TEST_CASE("histogram: a boundary belongs to the lower cell") {
    for (const Settings& settings :
         {Settings{1, 100000, 20}, Settings{0, 100000, 20}, Settings{10, 20, 5}, Settings{1, 50000000, 20},
          Settings{0, 50000000, 50}, Settings{1, 1000, 50}}) {
        const HistogramBounds bounds = bounds_of(settings);
        CHECK(cell_of(bounds, 0.0) == 0);
        for (std::uint32_t i = 0; i < bounds.cells; ++i) {
            CAPTURE(i);
            const double upper = bounds.upper_ms[i];
            CHECK(cell_of(bounds, upper) == i);
            CHECK(cell_of(bounds, std::nextafter(upper, 0.0)) == i);
            CHECK(cell_of(bounds, std::nextafter(upper, kInfinity)) == std::min(i + 1, bounds.cells - 1));
        }
    }
}

TEST_CASE("histogram: what no cell holds is counted in the last one") {
    for (const Settings& settings :
         {Settings{1, 100000, 20}, Settings{0, 50000000, 50}, Settings{1, 1000, 50}}) {
        const HistogramBounds bounds = bounds_of(settings);
        const std::uint32_t last = bounds.cells - 1;
        CHECK(cell_of(bounds, 1e300) == last);
        CHECK(cell_of(bounds, kInfinity) == last);
        CHECK(cell_of(bounds, -1.0) == last);
        CHECK(cell_of(bounds, std::numeric_limits<double>::quiet_NaN()) == last);
    }
}

TEST_CASE("histogram: cells equal a scan of 2.3's intervals") {
    std::mt19937_64 random(7);
    std::lognormal_distribution<double> durations(3.0, 5.0);
    for (int round = 0; round < 2000; ++round) {
        const Settings settings = random_settings(random);
        const HistogramBounds bounds = bounds_of(settings);
        const std::vector<Interval> intervals = intervals_of(settings, bounds.user_cells);
        REQUIRE(intervals.size() == bounds.cells);
        CHECK(bounds.user_cells_reduced == (bounds.user_cells < settings.user_cells));
        for (int i = 0; i < 50; ++i) {
            double ms = durations(random);
            if (i % 3 == 0) {
                ms = settings.min_ms + std::fmod(ms, settings.max_ms - settings.min_ms);
            }
            // Where rounding leaves the last bound of 2.3 beside max, ours is max itself.
            if (std::fabs(ms - settings.max_ms) > settings.max_ms * 1e-12) {
                CAPTURE(ms);
                CHECK(cell_of(bounds, ms) == cell_by_scan(intervals, ms));
            }
        }
        for (std::uint32_t i = 1; i < bounds.cells; ++i) {
            CHECK(bounds.upper_ms[i - 1] <= bounds.upper_ms[i]);
        }
        CHECK(bounds.upper_ms[bounds.cells] == kInfinity);
        if (bounds.user_cells > 0) {
            const std::uint32_t slowest_regular = bounds.user_cells - (settings.min_ms > 0 ? 0 : 1);
            CHECK(bounds.upper_ms[slowest_regular] ==
                  settings.max_ms);  // not where e^(ln(max - min)) was rounded to
        }
    }
}

TEST_CASE("histogram: cells that would coincide are given up") {
    // ln 1 = 0: every regular cell would be empty.
    const HistogramBounds none = bounds_of({5, 6, 20});
    CHECK(none.cells == 2);
    CHECK(none.user_cells == 0);
    CHECK(none.user_cells_reduced);
    CHECK(timings_of(none) == "{{0.000 - 5.000}, (6.000 - ...}}");
    CHECK(cell_of(none, 5.0) == 0);
    CHECK(cell_of(none, 5.5) == 1);
    CHECK(cell_of(none, 7.0) == 1);

    // Nothing but the fastest cell is left, which is then the last as well.
    const HistogramBounds one = bounds_of({49999999, 50000000, 20});
    CHECK(one.cells == 1);
    CHECK(timings_of(one) == "{{0.000 - ...}}");
    CHECK(cell_of(one, 1.0) == 0);
    CHECK(cell_of(one, 50000001.0) == 0);

    // Fifty cells would be closer together than doubles of this size are, fewer are not.
    const Settings narrow{40000000, 40000001.0000002, 50};
    const HistogramBounds some = bounds_of(narrow);
    CHECK(some.user_cells_reduced);
    CHECK(some.user_cells > 0);
    CHECK(some.user_cells < 50);
    CHECK(some.cells == some.user_cells + 2);
    CHECK(some.upper_ms[1] < some.upper_ms[2]);

    // Without a minimum the cell that is looked at, number 2, is the third regular one: with steps of 0.4 of
    // the distance between doubles it is empty while the second one is not.
    CHECK(bounds_of({0, 1 + 2 * std::numeric_limits<double>::epsilon(), 5}).user_cells_reduced);

    CHECK_FALSE(bounds_of({1, 1000, 50}).user_cells_reduced);
}

TEST_CASE("histogram: settings that make none are refused") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    HistogramBounds bounds{};
    bounds.cells = 77;
    CHECK_FALSE(make_bounds(-1, 100, 20, bounds));
    CHECK_FALSE(make_bounds(100, 100.5, 20, bounds));
    CHECK_FALSE(make_bounds(100, 10, 20, bounds));
    CHECK_FALSE(make_bounds(1, 50000001, 20, bounds));
    CHECK_FALSE(make_bounds(1, kInfinity, 20, bounds));
    CHECK_FALSE(make_bounds(nan, 100, 20, bounds));
    CHECK_FALSE(make_bounds(1, nan, 20, bounds));
    CHECK_FALSE(make_bounds(1, 100, 0, bounds));
    CHECK_FALSE(make_bounds(1, 100, 51, bounds));
    CHECK(bounds.cells == 77);
}

TEST_CASE("histogram: merging adds cell by cell") {
    ResponseCells left{3, {1, 2, 3}};
    const ResponseCells right{5, {10, 20, 30, 40, 5'000'000'000}};
    merge(left, right);
    CHECK(left.count == 5);
    CHECK(left.cell[0] == 11);
    CHECK(left.cell[2] == 33);
    CHECK(left.cell[3] == 40);
    CHECK(left.cell[4] == 5'000'000'000);
    CHECK(left.cell[5] == 0);

    merge(left, ResponseCells{});
    CHECK(left.count == 5);
    CHECK(left.cell[0] == 11);
}

TEST_CASE("histogram: thousandths are printf's") {
    CHECK(formatted(0.0) == "0.000");
    CHECK(formatted(0.0005) == "0.001");  // just above the half in binary
    CHECK(formatted(0.0625) == "0.062");  // ties, to even
    CHECK(formatted(0.1875) == "0.188");
    CHECK(formatted(0.9999) == "1.000");
    CHECK(formatted(50000000.0) == "50000000.000");
    CHECK(formatted(std::numeric_limits<double>::denorm_min()) == "0.000");
    CHECK(formatted(9007199254740991.0) == "9007199254740991.000");
    CHECK(formatted(9007199254740992.0).empty());
    CHECK(formatted(-1.0).empty());
    CHECK(formatted(kInfinity).empty());
    CHECK(formatted(std::numeric_limits<double>::quiet_NaN()).empty());

    char text[8];
    CHECK(format_thousandths(12.5, std::span<char>(text).first(5)) == 0);
    CHECK(format_thousandths(12.5, std::span<char>(text).first(6)) == 6);

    std::mt19937_64 random(11);
    std::uniform_real_distribution<double> exponents(-15.0, std::log(9.007e15));
    for (int round = 0; round < 200000; ++round) {
        double value = std::exp(exponents(random));
        if (round % 4 == 0) {
            value =
                std::ldexp(std::floor(std::fmod(value, 1e9)), -4);  // sixteenths: every other one is a tie
        }
        const std::string expected = three_decimals(value);
        const std::string actual = formatted(value);
        if (actual != expected) {
            CHECK(actual == expected);
        }
    }
}
