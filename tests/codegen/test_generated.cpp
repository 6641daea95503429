// The generated counters and row: nothing that is counted is forgotten by a merge, a zero test or the row.
#include "generated/core/row.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cstring>

using namespace pgsm::core;

namespace {

constexpr std::size_t kWords = sizeof(Counters) / 8;

/// Two values in each series, so that its deviation counts; everything else 0.
Counters two_each()
{
    Counters counters{};
    counters.hot.exec.count = 2;
    counters.plan.plan.count = 2;
    return counters;
}

/// `counters` with one of its 8-byte words changed. 1.0 is not 0 as an integer either.
Counters poked(const Counters& counters, std::size_t word)
{
    Counters result = counters;
    std::uint64_t value = 0;
    std::memcpy(&value, reinterpret_cast<const char*>(&counters) + word * 8, 8);
    value += std::bit_cast<std::uint64_t>(1.0);
    std::memcpy(reinterpret_cast<char*>(&result) + word * 8, &value, 8);
    return result;
}

bool moments(std::size_t word)
{
    const std::size_t offset = word * 8;
    const auto inside = [offset](std::size_t start) {
        return offset >= start && offset < start + sizeof(Moments);
    };
    return inside(offsetof(Counters, hot) + offsetof(HotPart, exec))
        || inside(offsetof(Counters, plan) + offsetof(PlanPart, plan));
}

std::uint32_t part_of(std::size_t word)
{
    for (std::uint32_t part = 0; part < kColdPartCount; ++part) {
        if (word * 8 >= kColdPartOffset[part] && word * 8 < kColdPartOffset[part] + kColdPartSize[part]) {
            return part;
        }
    }
    return kColdPartCount;
}

Row row_of(const Counters& counters)
{
    Row row;
    std::memset(static_cast<void*>(&row), 0, sizeof(row));
    fill_counters(counters, row);
    return row;
}

} // namespace

TEST_CASE("every counter reaches the row")
{
    const Row before = row_of(two_each());
    for (std::size_t word = 0; word < kWords; ++word) {
        CAPTURE(word);
        const Row after = row_of(poked(two_each(), word));
        const int difference = std::memcmp(static_cast<const void*>(&before),
                                           static_cast<const void*>(&after), sizeof(Row));
        CHECK(difference != 0);
    }
}

TEST_CASE("every counter makes its cold part, and no other, appear")
{
    CHECK(nonzero_parts(Counters{}) == 0);
    for (std::size_t word = 0; word < kWords; ++word) {
        CAPTURE(word);
        Counters counters = poked(Counters{}, word);
        counters.plan.plan.count = part_of(word) == static_cast<std::uint32_t>(Part::plan) ? 1 : 0;
        const std::uint32_t part = part_of(word);
        CHECK(nonzero_parts(counters) == (part < kColdPartCount ? 1U << part : 0U));
        CHECK(is_zero(counters.hot) == (part < kColdPartCount || (moments(word) && word != 0)));
    }
}

TEST_CASE("every counter is merged")
{
    for (std::size_t word = 0; word < kWords; ++word) {
        if (moments(word)) {
            continue; // test_moments.cpp
        }
        CAPTURE(word);
        const Counters one = poked(Counters{}, word);
        Counters sum{};
        merge(sum, one);
        CHECK(std::memcmp(&sum, &one, sizeof(Counters)) == 0);
        merge(sum, one);
        CHECK(std::memcmp(&sum, &one, sizeof(Counters)) != 0);
    }
    Counters sum{};
    merge(sum, two_each());
    merge(sum, two_each());
    CHECK(sum.hot.exec.count == 4);
    CHECK(sum.plan.plan.count == 4);
}

TEST_CASE("merge_part merges the part that it is told")
{
    for (std::uint32_t part = 0; part < kColdPartCount; ++part) {
        Counters from{};
        for (std::size_t word = 0; word < kWords; ++word) {
            from = poked(from, word);
        }
        Counters whole{};
        Counters single{};
        merge(whole, from);
        merge_part(static_cast<Part>(part), reinterpret_cast<char*>(&single) + kColdPartOffset[part],
                   reinterpret_cast<const char*>(&from) + kColdPartOffset[part]);
        CHECK(nonzero_parts(single) == 1U << part);
        const char* expected = reinterpret_cast<const char*>(&whole) + kColdPartOffset[part];
        const char* merged = reinterpret_cast<const char*>(&single) + kColdPartOffset[part];
        CHECK(std::memcmp(expected, merged, kColdPartSize[part]) == 0);
    }
}

TEST_CASE("a counter past SQL's integer is shown as its largest")
{
    Counters counters{};
    counters.jit.parallel_workers_launched = std::int64_t{1} << 40;
    counters.jit.parallel_workers_to_launch = -(std::int64_t{1} << 40);
    const Row row = row_of(counters);
    CHECK(row.parallel_workers_launched == INT32_MAX);
    CHECK(row.parallel_workers_to_launch == INT32_MIN);
}
