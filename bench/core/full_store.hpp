// A store with statements in it, as a server with default settings has it.
#pragma once

#include "core/api.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace pgsm::core::bench {

constexpr std::int64_t kNowUs = 757'382'430'000'000;  // 2024-01-01 00:00:30 UTC
constexpr std::int64_t kBucketUs = 60'000'000;
constexpr std::uint32_t kFull = 4000;

inline StoreConfig default_config() { return {2 * 1024 * 1024 - 8 * 1024, 1024 * 1024, 2, 22, kBucketUs, 1}; }

/// What pg_stat_monitor hands over for a statement of pgbench: a row, some buffers, a time.
inline Counters execution(double ms) {
    Counters counters{};
    counters.hot.exec = moments_of(ms);
    counters.hot.rows = 1;
    counters.hot.shared_blks_hit = 4;
    counters.hot.cpu_user_time = ms;
    return counters;
}

class FullStore {
  public:
    explicit FullStore(const StoreConfig& config = default_config())
        : memory_(new std::uint64_t[region_bytes(config) / 8 + 1]) {
        const std::span<std::byte> bytes{reinterpret_cast<std::byte*>(memory_.get()), region_bytes(config)};
        if (store_create(bytes, config, kNowUs, store) != Status::kOk) std::abort();
        char packed[512];
        session_.assign(packed, pack_session({{4, {127, 0, 0, 1}}, 6, "postgres", "postgres", "pgbench"}, packed,
                                             sizeof packed));
    }

    static Identity identity() {
        Identity identity{};
        identity.userid = 10;
        identity.dbid = 5;
        identity.session_hash = 0x9e3779b97f4a7c15;
        identity.flags = kTopLevel;
        return identity;
    }
    /// Query ids of PostgreSQL are hashes: these are spread like them.
    static Key key(std::uint32_t number) {
        return {static_cast<std::int64_t>((number + 1) * 0x9e3779b97f4a7c15ull), identity_hash(identity())};
    }
    /// A normalised text of about 100 bytes.
    static std::string text(std::uint32_t number) {
        char out[128];
        std::snprintf(out, sizeof out,
                      "SELECT column_%05u, count(*), sum(amount) FROM some_table_%05u WHERE id = $1 AND kind = $2 GROUP BY 1",
                      number, number);
        return out;
    }
    Status add(std::uint32_t number, double ms) {
        const std::string query = text(number);
        Description description{};
        description.identity = identity();
        description.queryid = key(number).queryid;
        description.query = query;
        description.session = session_;
        description.flags = kTopLevel | kNormalizedText;
        description.cmd_type = 1;
        return record(store, key(number), &description, true, execution(ms), 1, kNowUs);
    }
    void fill(std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) static_cast<void>(add(i, 0.1 + i % 97));
    }
    Bucket& bucket() const { return store.running(); }

    Store store{};

  private:
    std::unique_ptr<std::uint64_t[]> memory_;
    std::string session_;
};

}  // namespace pgsm::core::bench
