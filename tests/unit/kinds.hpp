// Sums of a bucket's rows by what residual rows keep apart, and whether all of it is still there.
#pragma once

#include "store_fixture.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace pgsm::core::test {

/// What is added up for each kind of row. Times are multiples of 1/8 ms, so that their sums are exact.
struct Amounts {
    std::int64_t calls = 0, rows = 0, wal_bytes = 0, eighths = 0;

    void add(std::int64_t more_calls, std::int64_t more_rows, std::int64_t more_bytes, double ms) {
        calls += more_calls;
        rows += more_rows;
        wal_bytes += more_bytes;
        eighths += static_cast<std::int64_t>(ms * 8);
    }
    Amounts& operator+=(const Amounts& other) {
        calls += other.calls;
        rows += other.rows;
        wal_bytes += other.wal_bytes;
        eighths += other.eighths;
        return *this;
    }
    friend bool operator==(const Amounts&, const Amounts&) = default;
    bool holds(const Amounts& less) const {
        return calls >= less.calls && rows >= less.rows && wal_bytes >= less.wal_bytes &&
               eighths >= less.eighths;
    }
    Amounts without(const Amounts& less) const {
        return {calls - less.calls, rows - less.rows, wal_bytes - less.wal_bytes, eighths - less.eighths};
    }
};

struct ByKey {
    bool operator()(const ResidualKey& a, const ResidualKey& b) const {
        return std::tie(a.userid, a.dbid, a.sqlstate, a.elevel, a.flags) <
               std::tie(b.userid, b.dbid, b.sqlstate, b.elevel, b.flags);
    }
};
using Kinds = std::map<ResidualKey, Amounts, ByKey>;

inline Kinds kinds_of(Store store, const Bucket& bucket) {
    Kinds kinds;
    each_entry(store, bucket, [&](const Entry& entry) {
        const Ref io = entry.parts[static_cast<std::size_t>(Part::io)];
        kinds[residual_key(entry)].add(entry.hot.exec.count, entry.hot.rows,
                                       io != 0 ? static_cast<const IoPart*>(store.part(io))->wal_bytes : 0,
                                       entry.hot.exec.total);
    });
    return kinds;
}

/// Sums by a part of the key.
template <typename Part>
std::map<std::uint32_t, Amounts> sums_by(const Kinds& kinds, Part part) {
    std::map<std::uint32_t, Amounts> sums;
    for (const auto& [key, amounts] : kinds) sums[part(key)] += amounts;
    return sums;
}

/// What is shown of each is what there was, or less: then `nobodys` has the rest.
template <typename Part>
void check_all_there(const Kinds& was, const Kinds& shown, Part part, std::uint32_t nobodys) {
    std::map<std::uint32_t, Amounts> before = sums_by(was, part);
    std::map<std::uint32_t, Amounts> after = sums_by(shown, part);
    const Amounts rest = after[nobodys];
    after.erase(nobodys);
    before[nobodys];
    Amounts lacking;
    for (const auto& [value, amounts] : before) {
        REQUIRE(amounts.holds(after[value]));
        lacking += amounts.without(after[value]);
        after.erase(value);
    }
    REQUIRE(lacking == rest);
    for (const auto& [value, amounts] : after) REQUIRE(amounts == Amounts{});
}

inline void check_kinds(const Kinds& was, const Kinds& shown) {
    constexpr std::uint32_t kNone = UINT32_MAX;  // there is no row of nobody's for these
    const auto level = [](const ResidualKey& key) {
        return std::uint32_t{key.flags} << 8 | key.elevel;  // and depth
    };
    check_all_there(was, shown, level, kNone);
    check_all_there(
        was, shown, [](const ResidualKey& key) { return key.userid; }, 0);
    check_all_there(
        was, shown, [](const ResidualKey& key) { return key.dbid; }, 0);
    // Executions have no class; among errors 0 is what is of several.
    const auto state = [](const ResidualKey& key) {
        return (key.flags & kError) != 0 ? key.sqlstate : kNone;
    };
    check_all_there(was, shown, state, 0);
}

inline bool has_nobodys(const Kinds& kinds) {
    return std::any_of(kinds.begin(), kinds.end(), [](const auto& of) { return of.first.userid == 0; });
}

}  // namespace pgsm::core::test
