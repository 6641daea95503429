// Random operations on a store beside a model that has no limits. Whatever happens (eviction, rotation, cuts,
// export, buckets given up, reset, a move to another address), what the store shows, what was exported and
// what it says it has lost add up to what was recorded: calls, rows, times, blocks, WAL, cells; and so for
// each user, database, depth, level and class of SQLSTATE, but for what rows of nobody's show, which is as
// much as the others lack.
#include "kinds.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

using namespace pgsm::core;
using namespace pgsm::core::test;

namespace {

struct ModelBucket {
    Sums sums;
    Kinds kinds;
    std::map<std::pair<std::int64_t, std::uint64_t>, std::int64_t> calls;
    bool exported = false;
    bool merged = false;
};

class Run {
public:
    Run(const StoreConfig& config, std::uint32_t seed, std::uint32_t statements, std::uint32_t owners)
        : own_(config), random_(seed), owners_(owners), statements_(statements) {}

    void operations(std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) {
            operation();
            if (i % 1500 == 0) check();
        }
        check();
    }

    bool outage = false;  ///< seldom an export
    std::uint64_t exported_buckets = 0;
    std::uint64_t nobodys = 0;  ///< buckets met that had rows of nobody's
    std::uint64_t merged_buckets = 0;
    Usage& usage() { return own_.header().usage; }
    Usage seen{};  ///< before the last reset

private:
    Store store() const { return own_.store; }
    std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
    bool chance(std::uint32_t one_in) { return below(one_in) == 0; }

    Statement pick() {
        // Few are frequent, many are rare.
        const std::uint32_t range = chance(2) ? statements_ / 50 + 1 : statements_;
        const std::uint32_t id = 1 + below(range);
        Statement s = statement(id, 10 + id % owners_, 5 + id % 3);
        if (id % 7 == 0) s.relations = "public.t" + std::to_string(id % 20);
        if (id % 11 == 0) {
            s.flags |= kHasParent;
            s.identity.flags = s.flags;
            s.identity.parent_queryid = id * 3;
            char packed[128];
            s.nest = {packed, pack_nest({id * 3, 0, "select outer", ""}, packed, sizeof packed)};
        }
        s.query += std::string(id % 90, 'x');
        if (id % 5 == 0) s.flags = s.identity.flags = static_cast<std::uint8_t>(s.flags & ~kTopLevel);
        if (chance(6)) {
            constexpr std::string_view kStates[] = {"22012", "22003", "23505", "42P01", "P0001", "57014"};
            s = failed(s, kStates[below(6)], kErrorLevel);
        } else if (chance(30)) {
            s = failed(s, chance(2) ? "01000" : "25P01", kWarningLevel);
        }
        return s;
    }

    Counters sample() {
        Counters c = execution(static_cast<double>(1 + below(4000)) / 8);
        c.hot.rows = below(100);
        c.hot.shared_blks_hit = below(50);
        c.hot.cpu_user_time = below(100);
        c.hot.cpu_sys_time = below(10);
        if (chance(2)) c.io = {below(9), below(9), below(9), below(9), below(3), below(999)};
        if (chance(40))
            c.buffers = {1, below(9), 2, below(9), 3, below(9), 0.25 * below(9), 1, 2, 0.5, 4, 0.75};
        if (chance(30)) c.plan.plan = moments_of(0.25 * below(100));
        if (chance(100)) c.jit = {1, 0.5, 2, 0.25, 3, 1, 4, 2, 5, 3, below(9), 6, 7};
        return c;
    }

    ModelBucket& model() { return buckets_[store().running().number]; }

    void record_one() {
        const Statement s = pick();
        const Counters c = sample();
        const std::uint32_t cells = store().header().config.histogram_cells;
        const std::uint32_t cell = chance(20) ? kNoCell : below(chance(4) ? cells : std::min(cells, 2u));
        Entry* entry = find_now(store(), s);
        Status status = Status::kOk;
        if (entry == nullptr || !try_apply(store(), *entry, c, cell)) {
            status = record(store(), s.key(), nullptr, false, c, cell, now_);
            if (status == Status::kNeedsDescription) status = record_now(store(), s, c, cell, now_);
        }
        REQUIRE((status == Status::kOk || status == Status::kFolded || status == Status::kLost));
        if (status == Status::kLost) {
            lost_calls_ += c.hot.exec.count;
        } else {
            model().sums.add(c, cell);
            model().kinds[residual_key(s.identity)].add(c.hot.exec.count, c.hot.rows, c.io.wal_bytes,
                                                        c.hot.exec.total);
            if (status == Status::kOk) ++model().calls[{s.queryid, s.key().identity}];
        }
        follow_losses();
    }

    /// What the store has let go of by itself.
    void follow_losses() {
        if (usage().buckets_lost == buckets_lost_ && merged_ == usage().buckets_merged &&
            own_.header().buckets == ring_buckets_)
            return;
        std::set<std::int64_t> live;
        each_bucket(store(), [&](const Bucket& bucket) { live.insert(bucket.number); });
        for (auto at = buckets_.begin(); at != buckets_.end();) {
            if (live.contains(at->first)) {
                ++at;
                continue;
            }
            // What was exported and released may have gone unnoticed before.
            if (!at->second.exported && merged_ != usage().buckets_merged) {
                merge_into_before(at->first);
            } else if (!at->second.exported) {
                ++buckets_lost_;
                lost_calls_ += at->second.sums.counters.hot.exec.count;
            }
            at = buckets_.erase(at);
        }
        ring_buckets_ = own_.header().buckets;
        REQUIRE(usage().buckets_lost == buckets_lost_);
    }

    /// The bucket became part of the one before it that waits.
    void merge_into_before(std::int64_t number) {
        ++merged_;
        ++merged_buckets;
        ModelBucket* into = nullptr;
        for (auto& [at, bucket] : buckets_)
            if (at < number && !bucket.exported) into = &bucket;
        REQUIRE(into != nullptr);
        into->merged = true;
        into->sums.add(buckets_[number].sums);
        for (const auto& [key, calls] : buckets_[number].calls) into->calls[key] += calls;
        for (const auto& [key, amounts] : buckets_[number].kinds) into->kinds[key] += amounts;
    }

    void rotate_one() {
        if (chance(8))
            now_ -= below(3 * static_cast<std::uint32_t>(kMinute));
        else if (!chance(3))
            now_ += kMinute / 2 + below(static_cast<std::uint32_t>(kMinute));
        if (!chance(3) && !rotation_due(store(), now_)) return;
        rotate(store(), now_);
        follow_losses();
        const Bucket& running = store().running();
        REQUIRE(running.state == BucketState::running);
        REQUIRE(running.start_us < running.end_us);
        if (running.entries == 0) REQUIRE(!rotation_due(store(), std::max(now_, running.start_us)));
        std::set<std::int64_t> starts;
        each_bucket(store(), [&](const Bucket& bucket) { REQUIRE(starts.insert(bucket.start_us).second); });
    }

    /// Every ended bucket leaves the store in rows, as the exporter does it.
    void export_some() {
        if (outage && !chance(40)) return;
        finish_merge(store());
        OwnCopy copy(store());
        each_bucket(store(), [&](Bucket& bucket) {
            if (bucket.state != BucketState::ended || bucket.exported || chance(4)) return;
            Bucket& twin = *copy.bucket(bucket.number);
            const std::uint32_t top = below(40);
            copy.fold(twin, top);
            REQUIRE(twin.entries - twin.residuals <= top + top_errors(top));
            Sums rows;
            std::uint32_t listed = 0;
            each_entry(copy.store, twin, [&](const Entry& entry) {
                rows.add(copy.store, entry);
                ++listed;
            });
            REQUIRE(listed == twin.entries);
            REQUIRE(copy.store.header().usage.cells_lost == usage().cells_lost);
            compare_bucket(buckets_[bucket.number], rows);
            // What was kept apart is exported apart: nothing more becomes nobody's.
            const Kinds live = kinds_of(store(), bucket);
            REQUIRE(kinds_of(copy.store, twin) == live);
            check_kinds(buckets_[bucket.number].kinds, live);
            nobodys += has_nobodys(live);
            bucket.exported = true;
            bucket.stamp = 77;
            buckets_[bucket.number].exported = true;
            ++exported_buckets;
        });
    }

    void release_some() {
        for (std::uint32_t i = 0; i + 1 < own_.header().buckets; ++i) {
            Bucket& bucket = store().bucket(i);
            if (bucket.state != BucketState::ended || !bucket.exported || chance(2)) continue;
            release(store(), bucket);
        }
        follow_losses();
    }

    void operation() {
        if (!chance(150)) return record_one();
        switch (below(12)) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
            return rotate_one();
        case 5:
        case 6:
            return export_some();
        case 7:
        case 8:
            return release_some();
        case 9:
            static_cast<void>(reclaim(store(), below(40)));
            static_cast<void>(continue_merge(store(), below(40)));
            return;
        case 10:
            own_.move();
            return;
        default:
            break;
        }
        if (!chance(outage ? 80 : 8)) return;
        seen.entries_evicted += usage().entries_evicted;
        seen.buckets_lost += usage().buckets_lost;
        seen.texts_missing += usage().texts_missing;
        seen.cells_lost += usage().cells_lost;
        reset(store(), now_);
        reclaim_all(store());
        buckets_.clear();
        buckets_lost_ = 0;
        merged_ = 0;
        lost_calls_ = 0;
        ring_buckets_ = own_.header().buckets;
        REQUIRE(own_.header().heap.blocks == 0);
        REQUIRE(own_.header().texts.texts == 0);
    }

    /// Cells may be lost for want of room, and only then, and they are counted: of which bucket, is not.
    void compare_bucket(const ModelBucket& model, const Sums& shown) {
        check_equal(shown.counters, model.sums.counters);
        REQUIRE(shown.cell_sum() <= model.sums.cell_sum());
        if (usage().cells_lost != 0) return;
        for (std::uint32_t i = 0; i < kMaxHistogramCells; ++i) REQUIRE(shown.cells[i] == model.sums.cells[i]);
    }

    void check() {
        REQUIRE(store_check(store()));
        count_losses(store());
        REQUIRE(usage().calls_lost + usage().calls_without_room == static_cast<std::uint64_t>(lost_calls_));
        each_bucket(store(), [&](const Bucket& bucket) {
            ModelBucket& model = buckets_[bucket.number];
            compare_bucket(model, sums_of(store(), bucket));
            const Kinds shown = kinds_of(store(), bucket);
            check_kinds(model.kinds, shown);
            if (!has_nobodys(shown)) REQUIRE(shown == model.kinds);
            nobodys += has_nobodys(shown);
            each_entry(store(), bucket, [&](const Entry& entry) {
                if ((entry.flags & kResidual) != 0) return;
                const std::int64_t calls = model.calls[{entry.queryid, entry.identity}];
                REQUIRE(entry.hot.exec.count <= calls);
                // Only an entry that came in after an eviction may have lost its beginning; and while two buckets
                // are being merged a statement may have two entries.
                const float floor = is_error(entry) ? bucket.error_floor : bucket.floor;
                if (entry.floor == 0 && bucket.settled == 0 && (!model.merged || floor == 0))
                    REQUIRE(entry.hot.exec.count == calls);
                const double own = is_error(entry) ? static_cast<double>(entry.hot.exec.count)
                                                   : entry.hot.exec.total;
                REQUIRE(weight(entry) + 1e-3 >= own);
            });
        });
        std::int64_t missing = 0;
        each_bucket(store(), [&](const Bucket& bucket) {
            missing += buckets_[bucket.number].sums.cell_sum() - sums_of(store(), bucket).cell_sum();
        });
        REQUIRE(missing <= static_cast<std::int64_t>(usage().cells_lost));
    }

    OwnStore own_;
    std::mt19937 random_;
    std::uint32_t owners_, statements_;
    std::int64_t now_ = kNoon;
    std::map<std::int64_t, ModelBucket> buckets_;
    std::uint64_t buckets_lost_ = 0;
    std::uint64_t merged_ = 0;
    std::uint32_t ring_buckets_ = 1;
    std::int64_t lost_calls_ = 0;
};

}  // namespace

TEST_CASE("store: random operations keep every sum") {
    SUBCASE("default histogram, small store") {
        Run run(config_of(256 * 1024, 64 * 1024), 1, 3000, 4);
        run.operations(100'000);
        CHECK(run.seen.entries_evicted > 1000);
        CHECK(run.seen.buckets_lost > 0);
        CHECK(run.seen.cells_lost == 0);
        CHECK(run.exported_buckets > 20);
    }
    SUBCASE("smallest legal store, more owners than it has room for residuals") {
        Run run(config_of(kMinStoreBytes, kMinTextBytes), 2, 2000, 97);
        run.operations(100'000);
        CHECK(run.seen.entries_evicted > 1000);
        CHECK(run.seen.texts_missing > 0);
        CHECK(run.nobodys > 0);
    }
    SUBCASE("cells that do not fit into an entry") {
        Run run(config_of(300 * 1024, 64 * 1024, 52), 3, 3000, 9);
        run.operations(60'000);
        CHECK(run.seen.entries_evicted > 1000);
    }
    SUBCASE("a single cell, a ring that is full") {
        StoreConfig config = config_of(kMinStoreBytes, 256 * 1024, 1);
        config.max_buckets = 1;
        Run run(config, 4, 40, 2);
        run.operations(40'000);
        CHECK(run.exported_buckets > 10);
    }
    SUBCASE("no export for a long time: nothing is given up") {
        Run run(default_config(), 6, 20, 3);
        run.outage = true;
        run.operations(400'000);
        CHECK(run.merged_buckets > 20);
        CHECK(run.seen.buckets_lost == 0);
        CHECK(run.usage().buckets_lost == 0);
        CHECK(run.seen.cells_lost == 0);
    }
    SUBCASE("no export for a long time, memory full, cells that do not fit into an entry") {
        Run run(config_of(2048 * 1024, 128 * 1024, 52), 7, 10, 3);
        run.outage = true;
        run.operations(300'000);
        CHECK(run.merged_buckets > 10);
    }
    SUBCASE("all in one, with room") {
        Run run(default_config(), 5, 20'000, 30);
        run.operations(100'000);
        CHECK(run.seen.cells_lost == 0);
    }
    SUBCASE("other seeds each time, memory of every size") {
        std::random_device device;
        for (int round = 0; round < 4; ++round) {
            const std::uint32_t seed = device();
            const std::uint64_t store_bytes = kMinStoreBytes << seed % 6;
            const std::uint32_t owners = 1 + seed / 64 % 300;
            MESSAGE("seed ", seed, ", ", store_bytes, " bytes, ", owners, " owners");
            Run run(config_of(store_bytes, store_bytes / 4), seed, 6000, owners);
            run.operations(20'000);
        }
    }
}
