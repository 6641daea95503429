// A running bucket copied in pieces while everything else goes on: what ran before is in the copy exactly
// once.
#include "store_fixture.hpp"

#include "core/sweep.hpp"

#include <array>
#include <random>

using namespace pgsm::core;
using namespace pgsm::core::test;

namespace {

constexpr std::uint32_t kBefore = 10;  // whose statements ran before the first piece
constexpr std::uint32_t kMeanwhile = 11;

Statement failing(std::int64_t queryid, std::uint32_t owner, std::uint32_t version) {
    Statement s = failed(statement(queryid, owner), "22012");
    char packed[256];
    const std::string message = std::to_string(queryid) + std::string(version % 90, 'm');
    s.notes = {packed, pack_notes({message, ""}, packed, sizeof packed)};
    return s;
}

void fail(Store store, const Statement& s) {
    REQUIRE(record_now(store, s, execution(1)) != Status::kLost);
    if (Entry* entry = find_now(store, s)) set_notes(store, *entry, s.notes);
}

class Reader {
public:
    explicit Reader(Store from) : memory_(copy_bytes(from)), noted_(200'000) {
        copy = copy_frame(from, memory_.bytes());
        sweep_ = begin_sweep(from, copy);
        sweep_.noted = noted_;
    }

    /// False when it was the last, or nothing came of it.
    bool piece(std::uint64_t chains) {
        std::array<Ref, Changes::kKept> again;
        std::uint32_t agains = 0;
        lost_track = !follow_changes(sweep_, again, agains);
        if (lost_track) return false;
        for (std::uint32_t i = 0; i < agains; ++i) take(again[i]);
        for (; chains > 0 && sweep_.chain < chain_count(sweep_.from); --chains, ++sweep_.chain)
            for (Ref at = next_in_chain(sweep_, 0); at != 0; at = next_in_chain(sweep_, at)) take(at);
        if (sweep_.chain < chain_count(sweep_.from)) return true;
        each_bucket(sweep_.from, [&](const Bucket& bucket) {
            if (bucket.seq != sweep_.seq) return;
            for (Ref at = bucket.first_residual; at != 0; at = sweep_.from.entry(at)->hash_next) take(at);
        });
        std::vector<std::uint64_t> scratch(sweep_.notes);
        link_swept(sweep_, copy.running(), scratch);
        return false;
    }

    Store copy{};
    bool lost_track = false;

private:
    void take(Ref at) {
        copy_entry(sweep_.from, copy, *sweep_.from.entry(at));
        static_cast<void>(copy_texts_of(sweep_.from, copy, *sweep_.from.entry(at)));
        sweep_.noted[sweep_.notes++] = at;
    }

    Region memory_;
    std::vector<Ref> noted_;
    Sweep sweep_{};
};

std::int64_t calls_of(Store store, const Bucket& bucket, std::uint32_t owner) {
    std::int64_t calls = 0;
    each_entry(store, bucket, [&](const Entry& entry) {
        if (entry.userid == owner) calls += entry.hot.exec.count;
    });
    return calls;
}

void check_texts(Store copy) {
    each_entry(copy, copy.running(), [&](const Entry& entry) {
        if ((entry.flags & kResidual) != 0) return;
        const std::string number = std::to_string(entry.queryid);
        if (entry.text != 0) CHECK(copy.text(entry.text) == "select " + number);
        if ((entry.flags & kError) == 0) return;
        CHECK(unpack_notes(copy.text(entry.notes)).message.starts_with(number));
    });
}

}  // namespace

TEST_CASE("sweep: what ran before is there once, whatever happens between the pieces") {
    std::uint32_t evicted_between = 0;
    std::uint32_t rotated = 0;
    for (std::uint32_t seed = 1; seed <= 60; ++seed) {
        std::mt19937 random(seed);
        const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
        OwnStore own(config_of(256 * 1024, 128 * 1024));
        const Store store = own.store;
        std::int64_t before = 0;
        for (std::uint32_t i = 0; i < 900; ++i, ++before)
            if (below(4) == 0)
                fail(store, failing(1 + below(100), kBefore, below(50)));
            else
                REQUIRE(record_now(store, statement(1 + below(700), kBefore), execution(1 + below(9))) !=
                        Status::kLost);
        Reader reader(store);
        const std::uint64_t evicted = own.header().usage.entries_evicted;
        bool ended = false;
        std::int64_t meanwhile = 0;
        while (reader.piece(1 + below(60))) {
            for (std::uint32_t i = below(40); i > 0; --i, ++meanwhile)
                if (below(3) == 0)
                    fail(store, failing(1 + below(100), kMeanwhile, below(50)));
                else
                    REQUIRE(record_now(store, statement(1 + below(3000), kMeanwhile),
                                       execution(1 + below(99))) != Status::kLost);
            if (seed % 3 == 0 && !ended && below(6) == 0) {
                rotate(store, kNoon + kMinute);
                ended = true;
            }
        }
        REQUIRE_FALSE(reader.lost_track);
        evicted_between += own.header().usage.entries_evicted != evicted;
        rotated += ended;
        const Bucket& copied = reader.copy.running();
        CHECK(calls_of(reader.copy, copied, kBefore) == before);
        CHECK(calls_of(reader.copy, copied, kMeanwhile) <= meanwhile);
        std::uint32_t entries = 0;
        each_entry(reader.copy, copied, [&](const Entry&) { ++entries; });
        CHECK(entries == copied.entries);
        check_texts(reader.copy);
        CHECK(store_check(store));
    }
    CHECK(evicted_between > 20);
    CHECK(rotated > 10);
}

TEST_CASE("sweep: more changes than are kept are noticed") {
    OwnStore own(default_config());
    const Store store = own.store;
    fail(store, failing(1, kBefore, 1));
    Reader reader(store);
    REQUIRE(reader.piece(1));
    for (std::uint32_t i = 0; i < Changes::kKept + 1; ++i) fail(store, failing(1, kBefore, i));
    CHECK_FALSE(reader.piece(1));
    CHECK(reader.lost_track);
}
