// A store on a plain buffer, statements to record into it, and sums over what it shows: shared by the store's
// tests.
#pragma once

#include "core/image.hpp"
#include "core/snapshot.hpp"
#include "core/store.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace pgsm::core::test {

constexpr std::int64_t kMinute = 60'000'000;
/// 2024-01-01 00:00:30 UTC: in the middle of a bucket of a minute.
constexpr std::int64_t kNoon = 757'382'400'000'000 + kMinute / 2;

/// Memory of which every byte counts: AddressSanitizer watches its end.
class Region {
public:
    explicit Region(std::size_t bytes) : words_(new std::uint64_t[(bytes + 7) / 8]), bytes_(bytes) {
        std::memset(words_, 0xa5, (bytes + 7) / 8 * 8);
    }
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;
    Region& operator=(Region&& other) noexcept {
        std::swap(words_, other.words_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~Region() { delete[] words_; }
    std::span<std::byte> bytes() { return {reinterpret_cast<std::byte*>(words_), bytes_}; }

private:
    std::uint64_t* words_;
    std::size_t bytes_;
};

inline StoreConfig config_of(std::uint64_t store_bytes, std::uint64_t text_bytes, std::uint32_t cells = 22) {
    return {store_bytes, text_bytes, 2, cells, kMinute, 0x1234};
}
/// What the glue asks for with default settings.
inline StoreConfig default_config() { return config_of(2 * 1024 * 1024 - 8 * 1024, 1024 * 1024); }

class OwnStore {
public:
    explicit OwnStore(const StoreConfig& config, std::int64_t now_us = kNoon)
        : memory_(region_bytes(config)) {
        REQUIRE(store_create(memory_.bytes(), config, now_us, store) == Status::kOk);
    }
    /// Goes on at another address; whoever kept a pointer meets rubbish.
    void move() {
        Region other(memory_.bytes().size());
        std::memcpy(other.bytes().data(), memory_.bytes().data(), memory_.bytes().size());
        memory_ = std::move(other);
        store.base = memory_.bytes().data();
    }
    std::span<std::byte> bytes() { return memory_.bytes(); }
    Header& header() { return store.header(); }

    Store store{};

private:
    Region memory_;
};

/// A statement with all the texts of its description.
struct Statement {
    Identity identity{};
    std::int64_t queryid = 0;
    std::string query, session, nest, relations, notes;
    std::uint8_t flags = kTopLevel;

    Key key() const { return {queryid, identity_hash(identity)}; }
    Description description() const {
        return {identity, queryid, queryid + 1, query, session, nest, relations, notes, flags, 1};
    }
};

inline std::string session_text(std::string_view user, std::string_view database,
                                std::string_view application) {
    char packed[512];
    const ClientAddress address{4, {10, 1, 2, 3}};
    return {packed, pack_session({address, 6, user, database, application}, packed, sizeof packed)};
}

inline Statement statement(std::int64_t queryid, std::uint32_t userid = 10, std::uint32_t dbid = 5) {
    Statement s;
    s.queryid = queryid;
    s.identity.userid = userid;
    s.identity.dbid = dbid;
    s.identity.flags = kTopLevel;
    s.query = "select " + std::to_string(queryid);
    s.session = session_text("user" + std::to_string(userid), "db" + std::to_string(dbid), "app");
    return s;
}

constexpr std::uint8_t kWarningLevel = 19, kErrorLevel = 21;

/// The same statement, failing or warned about.
inline Statement failed(Statement s, std::string_view sqlcode, std::uint8_t elevel = kErrorLevel) {
    s.flags = static_cast<std::uint8_t>((s.flags & kTopLevel) | kError);
    s.identity.flags = s.flags;
    s.identity.parent_queryid = 0;
    s.identity.elevel = elevel;
    s.identity.sqlstate = make_sqlstate(sqlcode);
    s.nest.clear();
    s.relations.clear();
    char packed[128];
    s.notes = {packed, pack_notes({"failed with " + std::string(sqlcode), ""}, packed, sizeof packed)};
    return s;
}

/// Key of the residual entry that a top-level execution goes to.
inline ResidualKey executions_of(std::uint32_t userid, std::uint32_t dbid) {
    return {userid, dbid, 0, 0, kTopLevel};
}

/// One execution of `ms` that returned a row.
inline Counters execution(double ms) {
    Counters counters{};
    counters.hot.exec = moments_of(ms);
    counters.hot.rows = 1;
    return counters;
}

inline Status record_now(Store store, const Statement& s, const Counters& sample, std::uint32_t cell = 0,
                         std::int64_t now_us = kNoon) {
    const Description description = s.description();
    return record(store, s.key(), &description, false, sample, cell, now_us);
}

inline Entry* find_now(Store store, const Statement& s) { return find(store, store.running().seq, s.key()); }

/// Calls `use` for every entry of a bucket.
template <typename Use>
void each_entry(Store store, const Bucket& bucket, Use use) {
    for (Ref at = bucket.first_entry; at != 0; at = store.entry(at)->list_next) use(*store.entry(at));
}

/// Calls `use` for every bucket that is not free.
template <typename Use>
void each_bucket(Store store, Use use) {
    for (std::uint32_t i = 0; i < store.header().buckets; ++i)
        if (store.bucket(i).state != BucketState::free) use(store.bucket(i));
}

/// Everything that adds up: the counters of the rows and their cells.
struct Sums {
    Counters counters{};
    std::int64_t cells[kMaxHistogramCells] = {};

    void add(const Counters& sample, std::uint32_t cell) {
        merge(counters, sample);
        if (cell != kNoCell) ++cells[cell];
    }
    void add(const Sums& other) {
        merge(counters, other.counters);
        for (std::uint32_t i = 0; i < kMaxHistogramCells; ++i) cells[i] += other.cells[i];
    }
    void add(Store store, const Entry& entry) {
        merge(counters.hot, entry.hot);
        for (std::uint32_t i = 0; i < kColdPartCount; ++i)
            if (entry.parts[i] != 0)
                merge_part(static_cast<Part>(i), reinterpret_cast<std::byte*>(&counters) + kColdPartOffset[i],
                           store.part(entry.parts[i]));
        if (entry.cells != 0)
            for (std::uint32_t i = 0; i < store.header().config.histogram_cells; ++i)
                cells[i] += store.cells(entry.cells)[i];
        for (const std::uint32_t cell : entry.cell) cells[inline_index(cell)] += inline_count(cell);
    }
    std::int64_t cell_sum() const {
        std::int64_t sum = 0;
        for (const std::int64_t cell : cells) sum += cell;
        return sum;
    }
};

inline Sums sums_of(Store store, const Bucket& bucket) {
    Sums sums;
    each_entry(store, bucket, [&](const Entry& entry) { sums.add(store, entry); });
    return sums;
}

inline Sums sums_of(Store store) {
    Sums sums;
    each_bucket(store, [&](const Bucket& bucket) { sums.add(sums_of(store, bucket)); });
    return sums;
}

/// Whole numbers exactly; sums of times up to the rounding that another order of adding brings.
inline void check_equal(const Counters& left, const Counters& right) {
    const auto same = [](double a, double b) { CHECK(a == doctest::Approx(b).epsilon(1e-9)); };
    const auto moments = [&](const Moments& a, const Moments& b) {
        CHECK(a.count == b.count);
        CHECK(a.min == b.min);
        CHECK(a.max == b.max);
        same(a.total, b.total);
        CHECK(a.m2 == doctest::Approx(b.m2).epsilon(1e-6));
    };
    moments(left.hot.exec, right.hot.exec);
    moments(left.plan.plan, right.plan.plan);
    CHECK(left.hot.rows == right.hot.rows);
    CHECK(left.hot.shared_blks_hit == right.hot.shared_blks_hit);
    same(left.hot.cpu_user_time, right.hot.cpu_user_time);
    same(left.hot.cpu_sys_time, right.hot.cpu_sys_time);
    CHECK(std::memcmp(&left.io, &right.io, sizeof left.io) == 0);
    // The parts' sums of whole times are exact, too: the tests use multiples of 1/4 ms for them.
    CHECK(std::memcmp(&left.buffers, &right.buffers, sizeof left.buffers) == 0);
    CHECK(std::memcmp(&left.jit, &right.jit, sizeof left.jit) == 0);
}

/// A private copy of all that a store shows.
class OwnCopy {
public:
    explicit OwnCopy(Store from) : memory_(copy_bytes(from)) {
        store = copy_frame(from, memory_.bytes());
        each_bucket(from, [&](const Bucket& bucket) {
            each_entry(from, bucket, [&](const Entry& entry) { copy_entry(from, store, entry); });
        });
        copy_texts(from, store);
    }
    Bucket* bucket(std::int64_t number) {
        Bucket* found = nullptr;
        each_bucket(store, [&](Bucket& bucket) { found = bucket.number == number ? &bucket : found; });
        return found;
    }
    void fold(Bucket& bucket, std::uint32_t top) {
        std::vector<Ref> scratch(bucket.entries);
        fold_rest(store, bucket, top, scratch);
    }

    Store store{};

private:
    Region memory_;
};

}  // namespace pgsm::core::test
