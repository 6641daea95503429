// What a bucket keeps apart when its rows may take only so much room.
#include "store_fixture.hpp"

#include <map>
#include <vector>

using namespace pgsm::core;
using namespace pgsm::core::test;

namespace {

struct Folded {
    std::map<std::uint32_t, int> kept;  ///< by user
    double least_kept_ms = 1e9;
    std::uint32_t folded = 0;
};

Folded fold(OwnCopy& copy, std::uint64_t budget) {
    Bucket& bucket = copy.store.running();
    std::vector<Ref> scratch(bucket.entries);
    Folded result;
    result.folded = fold_beyond(copy.store, bucket, budget, scratch);
    std::uint32_t listed = 0;
    each_entry(copy.store, bucket, [&](const Entry& entry) {
        ++listed;
        if ((entry.flags & kResidual) != 0) return;
        ++result.kept[entry.userid];
        if (entry.userid == 66 && (entry.flags & kError) == 0)
            result.least_kept_ms = std::min(result.least_kept_ms, entry.hot.exec.total);
    });
    CHECK(listed == bucket.entries);
    return result;
}

/// Twenty small statements of user 10, thirty of user 11, three hundred long ones of user 66.
void fill(Store store) {
    for (int i = 0; i < 20; ++i)
        REQUIRE(record_now(store, statement(1000 + i, 10), execution(0.25)) == Status::kOk);
    for (int i = 0; i < 30; ++i)
        REQUIRE(record_now(store, statement(2000 + i, 11), execution(0.5)) == Status::kOk);
    for (int i = 0; i < 300; ++i) {
        Statement s = statement(3000 + i, 66);
        s.query += std::string(1500, 'x');
        REQUIRE(record_now(store, s, execution(1 + i)) == Status::kOk);
    }
}

}  // namespace

TEST_CASE("budget: what fits is left alone") {
    OwnStore own(default_config());
    fill(own.store);
    OwnCopy copy(own.store);
    const Folded result = fold(copy, 10'000'000);
    CHECK(result.folded == 0);
    CHECK(result.kept.at(66) == 300);
}

TEST_CASE("budget: who takes most gives way, the lightest first, and sums stay") {
    OwnStore own(default_config());
    fill(own.store);
    const Sums before = sums_of(own.store);
    for (const std::uint64_t budget : {400'000, 200'000, 120'000}) {
        OwnCopy copy(own.store);
        const Folded result = fold(copy, budget);
        CHECK(result.kept.at(10) == 20);
        CHECK(result.kept.at(11) == 30);
        const int heavy = result.kept.at(66);
        // 50 small rows take about 37 kB; a long one 2.2 kB.
        CHECK(heavy >= static_cast<int>((budget - 45'000) / 2300));
        CHECK(heavy <= static_cast<int>((budget - 35'000) / 2200));
        CHECK(result.folded == 300u - static_cast<unsigned>(heavy));
        CHECK(result.least_kept_ms == doctest::Approx(301 - heavy));
        check_equal(sums_of(copy.store).counters, before.counters);
    }
}

TEST_CASE("budget: with hardly any room each user has the same share") {
    OwnStore own(default_config());
    fill(own.store);
    const Sums before = sums_of(own.store);
    OwnCopy copy(own.store);
    const Folded result = fold(copy, 15'000);
    CHECK(result.kept.at(10) == 6);
    CHECK(result.kept.at(11) == 6);
    CHECK(result.kept.at(66) == 2);
    check_equal(sums_of(copy.store).counters, before.counters);
    OwnCopy none(own.store);
    CHECK(fold(none, 0).kept.empty());
    check_equal(sums_of(none.store).counters, before.counters);
}

TEST_CASE("budget: the rest may be folded behind it") {
    OwnStore own(default_config());
    fill(own.store);
    const Sums before = sums_of(own.store);
    OwnCopy copy(own.store);
    Bucket& bucket = copy.store.running();
    std::vector<Ref> scratch(bucket.entries);
    fold_beyond(copy.store, bucket, 120'000, scratch);
    fold_rest(copy.store, bucket, 40, scratch);
    check_equal(sums_of(copy.store).counters, before.counters);
    std::uint32_t kept = 0;
    each_entry(copy.store, bucket, [&](const Entry& entry) { kept += (entry.flags & kResidual) == 0; });
    CHECK(kept == 40);
}
