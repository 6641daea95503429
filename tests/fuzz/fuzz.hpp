// The fuzz targets, and what they share: a store on a plain buffer and statements to record into it.
#pragma once

#include "core/image.hpp"
#include "core/snapshot.hpp"
#include "core/store.hpp"

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace pgsm::core::fuzz {

void image(const std::uint8_t* data, std::size_t size);
void text(const std::uint8_t* data, std::size_t size);
void operations(const std::uint8_t* data, std::size_t size);

constexpr std::int64_t kMinute = 60'000'000;
constexpr std::int64_t kStart = 757'382'400'000'000;

inline StoreConfig small_config() { return {kMinStoreBytes, kMinTextBytes, 3, 22, kMinute, 1}; }

/// Memory that AddressSanitizer watches, with a store in it.
struct Memory {
    explicit Memory(const StoreConfig& config) : words(new std::uint64_t[(region_bytes(config) + 7) / 8]()) {
        const std::span<std::byte> bytes{reinterpret_cast<std::byte*>(words), region_bytes(config)};
        if (store_create(bytes, config, kStart, store) != Status::kOk) __builtin_trap();
    }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory() { delete[] words; }

    std::uint64_t* words;
    Store store{};
};

/// One execution of a statement that is a function of its number; every kind of text and part occurs.
inline Status record_statement(Store store, std::uint32_t number, std::uint32_t owner, std::uint32_t cell,
                               std::int64_t now_us) {
    Identity identity{};
    identity.userid = 10 + owner;
    identity.dbid = 5 + number % 2;
    identity.session_hash = number % 3;
    identity.flags = kTopLevel;
    const std::string query = "select " + std::string(number % 120, 'x') + std::to_string(number);
    char session[256];
    char nest[256];
    const std::string_view user = owner % 2 == 0 ? "user" : "other";
    const std::size_t session_len = pack_session({{}, 6, user, "db", "app"}, session, sizeof session);
    std::size_t nest_len = 0;
    if (number % 5 == 0) {
        identity.flags |= kHasParent;
        identity.parent_queryid = number;
        nest_len = pack_nest({number, 0, "select outer", ""}, nest, sizeof nest);
    }
    if (number % 6 == 1) {
        identity.flags = static_cast<std::uint8_t>(kError | (number % 4 == 1 ? kTopLevel : 0));
        identity.elevel = number % 5 == 1 ? 19 : 21;
        identity.sqlstate = number % 4096 * 64;
    }
    const Key key{number, identity_hash(identity)};
    const Description description{identity,
                                  number,
                                  number + 1,
                                  query,
                                  {session, session_len},
                                  {nest, nest_len},
                                  number % 4 == 0 ? "public.t" : "",
                                  "",
                                  identity.flags,
                                  1};
    Counters sample{};
    sample.hot.exec = moments_of(1 + number % 50);
    sample.hot.rows = 1;
    if (number % 3 == 0) sample.io.wal_bytes = number;
    if (number % 7 == 0) sample.plan.plan = moments_of(1);
    if (number % 11 == 0) sample.jit.jit_functions = 1;
    Entry* entry = find(store, store.running().seq, key);
    if (entry != nullptr && try_apply(store, *entry, sample, cell)) return Status::kOk;
    return record(store, key, &description, false, sample, cell, now_us);
}

/// Reads every row out of a private copy, folded as an export folds it.
inline void read_all(Store store) {
    std::vector<std::uint64_t> words((copy_bytes(store) + 7) / 8);
    const Store copy = copy_frame(store, {reinterpret_cast<std::byte*>(words.data()), words.size() * 8});
    for (std::uint32_t i = 0; i < store.header().buckets; ++i)
        for (Ref at = store.bucket(i).first_entry; at != 0; at = store.entry(at)->list_next)
            copy_entry(store, copy, *store.entry(at));
    copy_texts(store, copy);
    for (std::uint32_t i = 0; i < copy.header().buckets; ++i) {
        Bucket& bucket = copy.bucket(i);
        std::vector<Ref> scratch(bucket.entries);
        fold_rest(copy, bucket, 5, scratch);
        for (Ref at = bucket.first_entry; at != 0; at = copy.entry(at)->list_next) {
            Row row;
            fill_row(copy, bucket, *copy.entry(at), kLive, row);
        }
    }
}

}  // namespace pgsm::core::fuzz
