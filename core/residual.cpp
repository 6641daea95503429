// Residual entries: what is known of a statement once it is folded. Each stands for one user, database, depth
// and kind (executions, or a level and class of SQLSTATE), so that the sums by each of these stay true
// whatever is folded. Their number is bounded; what has no entry of its own is added to entries that are
// nobody's: of a database and kind, of a kind, at last of a level.
#include "core/store.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pgsm::core {
namespace {

/// With all parts they fill at most a quarter of what a bucket may have, so there is always something left to
/// evict.
std::uint32_t most_residuals(Store store) noexcept {
    if (is_private_copy(store)) return kMaxResiduals;
    std::uint64_t each = heap_cost(sizeof(Entry)) + heap_cost(cells_bytes(store));
    for (const std::uint32_t size : kColdPartSize) each += heap_cost(size);
    const std::uint64_t room = bucket_limit(store) / 4 / each;
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(room, 1, kMaxResiduals));
}

void move_part(Store store, Bucket& bucket, Ref& into, Ref& from, Part part) noexcept {
    if (from == 0) return;
    if (into == 0) {
        into = from;
    } else {
        merge_part(part, store.part(into), store.part(from));
        give_block(store, &bucket, from);
    }
    from = 0;
}

void add_counts(std::int64_t* cells, const std::uint32_t (&counts)[Entry::kInlineCells]) noexcept {
    for (const std::uint32_t cell : counts) cells[inline_index(cell)] += inline_count(cell);
}

/// Adds the cells of `from`, which are only inline, to those of `into`, which are, too, where there are too
/// many for that: the block of `from` becomes the block of cells if it is large enough, else it makes room
/// for one.
void spread_both(Store store, Bucket& bucket, Entry& into, Entry& from) noexcept {
    std::uint32_t counts[Entry::kInlineCells];
    std::memcpy(counts, from.cell, sizeof counts);
    Ref block = store.ref_of(from);
    if (cells_bytes(store) > sizeof(Entry)) {
        give_block(store, &bucket, block);
        block = take_block(store, bucket, cells_bytes(store));
    }
    if (block != 0) {
        spread_cells(store, into, block);
        add_counts(store.cells(block), counts);
        return;
    }
    for (const std::uint32_t cell : counts)
        if (inline_count(cell) != 0 && !add_inline(into.cell, inline_index(cell), inline_count(cell)))
            store.header().usage.cells_lost += inline_count(cell);
}

/// Adds the cells of `from` to those of `into`. True when that took the block of `from`: it is not to be
/// freed then.
bool move_cells(Store store, Bucket& bucket, Entry& into, Entry& from) noexcept {
    if (into.cells == 0 && from.cells != 0) {
        add_counts(store.cells(from.cells), into.cell);
        std::memset(into.cell, 0, sizeof into.cell);
        into.cells = from.cells;
        from.cells = 0;
    }
    if (into.cells != 0) {
        std::int64_t* cells = store.cells(into.cells);
        add_counts(cells, from.cell);
        if (from.cells == 0) return false;
        const std::int64_t* more = store.cells(from.cells);
        for (std::uint32_t i = 0; i < store.header().config.histogram_cells; ++i) cells[i] += more[i];
        give_block(store, &bucket, from.cells);
        from.cells = 0;
        return false;
    }
    std::uint32_t both[Entry::kInlineCells];
    std::memcpy(both, into.cell, sizeof both);
    for (const std::uint32_t cell : from.cell) {
        if (inline_count(cell) == 0 || add_inline(both, inline_index(cell), inline_count(cell))) continue;
        spread_both(store, bucket, into, from);
        return true;
    }
    std::memcpy(into.cell, both, sizeof both);
    return false;
}

/// Which residual entry takes what belongs to a key: `entry`, or a new one of `key`.
struct Place {
    Entry* entry;
    ResidualKey key;
};

std::uint32_t residuals_of(Store store, const Bucket& bucket, std::uint32_t userid) noexcept {
    std::uint32_t n = 0;
    for (Ref at = bucket.first_residual; at != 0; at = store.entry(at)->hash_next)
        n += store.entry(at)->userid == userid;
    return n;
}

/// A quarter of the entries is for what is nobody's. Those of a level alone are few, and always made.
Place find_place(Store store, const Bucket& bucket, ResidualKey key) noexcept {
    const std::uint32_t most = most_residuals(store);
    const std::uint32_t there = bucket.residuals;
    if (Entry* found = find_residual(store, bucket, key); found != nullptr) return {found, key};
    if (key.userid != 0) {
        if (there < most - most / 4 &&
            residuals_of(store, bucket, key.userid) < std::min(kMaxResidualsOfUser, most / 4 + 1))
            return {nullptr, key};
        key.userid = 0;
        if (Entry* found = find_residual(store, bucket, key); found != nullptr) return {found, key};
    }
    if (key.dbid != 0) {
        if (there < most - most / 8) return {nullptr, key};
        key.dbid = 0;
        if (Entry* found = find_residual(store, bucket, key); found != nullptr) return {found, key};
    }
    if (there < most) return {nullptr, key};
    key.sqlstate = 0;
    return {find_residual(store, bucket, key), key};
}

/// Makes an entry stand for a wider key. The names of its session are those of its database at most.
void relabel(Store store, Entry& entry, const ResidualKey& key) noexcept {
    entry.userid = key.userid;
    entry.dbid = key.dbid;
    entry.sqlstate = key.sqlstate;
    if (key.dbid != 0) return;
    if (!is_private_copy(store)) text_release(store.base, store.header().texts, entry.session);
    entry.session = 0;
}

}  // namespace

ResidualKey residual_key(const Entry& entry) noexcept {
    const bool error = is_error(entry);
    return {entry.userid, entry.dbid, error ? sqlstate_class(entry.sqlstate) : 0,
            static_cast<std::uint8_t>(error ? entry.elevel : 0),
            static_cast<std::uint8_t>(entry.flags & (kTopLevel | kError))};
}

ResidualKey residual_key(const Identity& identity) noexcept {
    return {identity.userid, identity.dbid, sqlstate_class(identity.sqlstate), identity.elevel,
            static_cast<std::uint8_t>(identity.flags & (kTopLevel | kError))};
}

Entry* find_residual(Store store, const Bucket& bucket, const ResidualKey& key) noexcept {
    for (Ref at = bucket.first_residual; at != 0; at = store.entry(at)->hash_next)
        if (residual_key(*store.entry(at)) == key) return store.entry(at);
    return nullptr;
}

Entry* shared_residual(Store store, Bucket& bucket, const ResidualKey& key) noexcept {
    ResidualKey wider = key;
    if (Entry* found = find_residual(store, bucket, wider); found != nullptr) return found;
    wider.userid = 0;
    if (Entry* found = find_residual(store, bucket, wider); found != nullptr) return found;
    wider.dbid = 0;
    if (Entry* found = find_residual(store, bucket, wider); found != nullptr) return found;
    wider.sqlstate = 0;
    if (Entry* found = find_residual(store, bucket, wider); found != nullptr) return found;
    for (Ref at = bucket.first_residual; at != 0; at = store.entry(at)->hash_next) {
        Entry& entry = *store.entry(at);
        const ResidualKey other = residual_key(entry);
        if (other.flags != key.flags || other.elevel != key.elevel) continue;
        if (other.sqlstate == key.sqlstate) {
            wider.sqlstate = key.sqlstate;
            wider.dbid = other.dbid == key.dbid ? key.dbid : 0;
        }
        relabel(store, entry, wider);
        return &entry;
    }
    return nullptr;
}

void make_residual(Store store, Entry& entry, const ResidualKey& key) noexcept {
    drop_texts(store, entry);
    relabel(store, entry, key);
    entry.queryid = 0;
    entry.identity = 0;
    entry.pgsm_query_id = 0;
    entry.floor = 0;
    entry.flags = static_cast<std::uint8_t>(kResidual | kNoQueryId | key.flags);
    set_command(entry, 0);
    set_elevel(entry, key.elevel);
}

void merge_entry(Store store, Bucket& bucket, Entry& into, Entry& from) noexcept {
    merge(into.hot, from.hot);
    if (since_us(from) < since_us(into)) set_since(into, since_us(from));
    for (std::uint32_t i = 0; i < kColdPartCount; ++i)
        move_part(store, bucket, into.parts[i], from.parts[i], static_cast<Part>(i));
    if (into.session == 0 && into.dbid == from.dbid && (into.userid == from.userid || into.userid == 0))
        std::swap(into.session, from.session);
    if (!is_private_copy(store)) text_release(store.base, store.header().texts, from.session);
    from.session = 0;
    drop_texts(store, from);
    if (!move_cells(store, bucket, into, from)) give_block(store, &bucket, store.ref_of(from));
}

bool fold_entry(Store store, Bucket& bucket, Entry& from) noexcept {
    const Place place = find_place(store, bucket, residual_key(from));
    if (place.entry == nullptr) {
        make_residual(store, from, place.key);
        from.hash_next = bucket.first_residual;
        bucket.first_residual = store.ref_of(from);
        ++bucket.residuals;
        return true;
    }
    merge_entry(store, bucket, *place.entry, from);
    return false;
}

void spread_cells(Store store, Entry& entry, Ref block) noexcept {
    std::memset(store.cells(block), 0, cells_bytes(store));
    add_counts(store.cells(block), entry.cell);
    std::memset(entry.cell, 0, sizeof entry.cell);
    entry.cells = block;
}

}  // namespace pgsm::core
