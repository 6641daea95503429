#include "core/store.hpp"

namespace pgsm::core {
namespace {

/// Identity is a good hash already; queryid and bucket are spread over it by the finaliser of SplitMix64.
std::uint64_t chain_hash(std::uint32_t seq, const Key& key) noexcept {
    std::uint64_t h = key.identity + static_cast<std::uint64_t>(key.queryid) * 0x9e3779b97f4a7c15 + seq;
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9;
    return h ^ h >> 31;
}

Ref& head(Store store, std::uint32_t seq, const Key& key) noexcept {
    const Header& header = store.header();
    return reinterpret_cast<Ref*>(store.base + header.heads_offset)[chain_hash(seq, key) & header.heads_mask];
}

/// Who finds an entry goes on to its spinlock and its counters, one after another: the lock lets the
/// processor look no further. So it is told beforehand.
void fetch_rest(Entry& entry) noexcept {
    constexpr std::size_t kLineBytes = 64;
    auto* bytes = reinterpret_cast<std::byte*>(&entry);
    for (std::size_t at = kLineBytes; at < sizeof(Entry); at += kLineBytes) __builtin_prefetch(bytes + at, 1);
    __builtin_prefetch(bytes + sizeof(Entry) - 1, 1);
}

}  // namespace

Entry* find(Store store, std::uint32_t seq, const Key& key) noexcept {
    for (Ref at = head(store, seq, key); at != 0;) {
        Entry* entry = store.entry(at);
        if (entry->queryid == key.queryid && entry->identity == key.identity && entry->bucket_seq == seq) {
            fetch_rest(*entry);
            return entry;
        }
        at = entry->hash_next;
    }
    return nullptr;
}

void chain_entry(Store store, Entry& entry) noexcept {
    Ref& chain = head(store, entry.bucket_seq, {entry.queryid, entry.identity});
    entry.hash_next = chain;
    chain = store.ref_of(entry);
}

void link_entry(Store store, Bucket& bucket, Entry& entry) noexcept {
    const Ref ref = store.ref_of(entry);
    chain_entry(store, entry);
    entry.list_next = bucket.first_entry;
    bucket.first_entry = ref;
    if (bucket.last_entry == 0) bucket.last_entry = ref;
    ++bucket.entries;
}

void unlink_from_chain(Store store, Entry& entry) noexcept {
    const Ref ref = store.ref_of(entry);
    Ref* link = &head(store, entry.bucket_seq, {entry.queryid, entry.identity});
    while (*link != ref) link = &store.entry(*link)->hash_next;
    *link = entry.hash_next;
    entry.hash_next = 0;
}

}  // namespace pgsm::core
