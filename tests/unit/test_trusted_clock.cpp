// Which time of day is believed.
#include "core/trusted_clock.hpp"

#include <doctest/doctest.h>

using namespace pgsm::core;

namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kNoon = 9000 * kDay;  // some day
constexpr std::int64_t kBoot = 5 * kHour;    // what the steady clock says then

TrustedClock set_clock() {
    TrustedClock clock{};
    CHECK(start_clock(clock, kNoon - kHour, kNoon, kBoot, kDay).jump_us == 0);
    return clock;
}

ClockReading after(TrustedClock& clock, std::int64_t elapsed, std::int64_t off) {
    return read_clock(clock, kNoon + elapsed + off, kBoot + elapsed, kDay);
}

}  // namespace

TEST_CASE("a clock that goes on is believed, however long nobody looks") {
    TrustedClock clock = set_clock();
    for (const std::int64_t elapsed : {kSecond, kHour, 400 * kDay, 401 * kDay}) {
        const ClockReading reading = after(clock, elapsed, elapsed / 2001);
        CHECK(reading.trusted_us == kNoon + elapsed + elapsed / 2001);
        CHECK(reading.jump_us == 0);
    }
}

TEST_CASE("thirty days ahead for some seconds: not believed, one report") {
    TrustedClock clock = set_clock();
    CHECK(after(clock, kSecond, 30 * kDay).jump_us == 30 * kDay);
    for (int second = 2; second < 6; ++second) {
        const ClockReading reading = after(clock, second * kSecond, 30 * kDay);
        CHECK(reading.trusted_us == kNoon + second * kSecond);
        CHECK(reading.jump_us == 0);
    }
    const ClockReading back = after(clock, 6 * kSecond, 0);
    CHECK(back.trusted_us == kNoon + 6 * kSecond);
    CHECK(back.jump_us == 0);
    // It was left: the same time later is another jump, which has to be kept anew.
    CHECK(after(clock, 2 * kDay, 30 * kDay).jump_us == 30 * kDay);
    CHECK(after(clock, 2 * kDay + kHour, 30 * kDay).trusted_us == kNoon + 2 * kDay + kHour);
}

TEST_CASE("a time that the clock keeps is believed after a while") {
    for (const std::int64_t off : {30 * kDay, -30 * kDay, 2 * kHour, -2 * kHour}) {
        TrustedClock clock = set_clock();
        CHECK(after(clock, kHour, off).jump_us == off);
        CHECK(after(clock, kHour + kDay - kSecond, off).trusted_us ==
              kNoon + kHour + kDay - kSecond + (off < 0 ? off : 0));
        const ClockReading reading = after(clock, kHour + kDay, off);
        CHECK(reading.trusted_us == kNoon + kHour + kDay + off);
        CHECK(reading.jump_us == 0);
        CHECK(after(clock, kHour + 2 * kDay, off).trusted_us == kNoon + kHour + 2 * kDay + off);
    }
}

TEST_CASE("a clock that jumps again is not believed by the time of the first jump") {
    TrustedClock clock = set_clock();
    CHECK(after(clock, 0, 30 * kDay).jump_us != 0);
    CHECK(after(clock, 20 * kHour, 60 * kDay).jump_us != 0);
    CHECK(after(clock, 30 * kHour, 60 * kDay).trusted_us == kNoon + 30 * kHour);
    CHECK(after(clock, 44 * kHour, 60 * kDay).trusted_us == kNoon + 44 * kHour + 60 * kDay);
}

TEST_CASE("across a restart") {
    TrustedClock clock{};
    // Stopped for some hours.
    CHECK(start_clock(clock, kNoon, kNoon + 20 * kHour, kBoot, kDay).trusted_us == kNoon + 20 * kHour);
    // Stopped for a month, or set forward: until it has been kept, time goes on from the stop.
    CHECK(start_clock(clock, kNoon, kNoon + 30 * kDay, kBoot, kDay).jump_us == 30 * kDay);
    CHECK(after(clock, kHour, 30 * kDay).trusted_us == kNoon + kHour);
    CHECK(after(clock, kDay, 30 * kDay).trusted_us == kNoon + kDay + 30 * kDay);
    // A battery that is dead.
    CHECK(start_clock(clock, kNoon, kNoon - 8000 * kDay, kBoot, kDay).jump_us == -8000 * kDay);
    CHECK(after(clock, kHour, -8000 * kDay).trusted_us == kNoon + kHour - 8000 * kDay);
    CHECK(after(clock, 2 * kHour, 0).jump_us == 0);
    CHECK(after(clock, 3 * kHour, 0).trusted_us == kNoon + 3 * kHour);
}
