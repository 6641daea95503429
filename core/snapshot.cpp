#include "core/snapshot.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace pgsm::core {
namespace {

std::uint64_t spare_bytes(Store store) noexcept {
    // merge_entry() builds cells in the block of the entry that it frees, if they fit; else it needs new
    // memory, once for each residual entry that takes in another one. Set by the configuration alone, so that
    // it does not matter what happens between copy_bytes() and the copy.
    constexpr std::uint64_t kNone = 64;
    if (cells_bytes(store) <= sizeof(Entry)) return kNone;
    const std::uint64_t pairs = heap_total_bytes(store.header().heap) / heap_cost(sizeof(Entry)) / 2;
    return pairs * heap_cost(cells_bytes(store)) + kNone;
}

void copy_block(Store from, Store to, Ref ref, std::uint32_t bytes) noexcept {
    const std::uint64_t at = std::uint64_t{ref} * kUnitBytes;
    if (ref != 0) std::memcpy(to.base + at, from.base + at, bytes);
}

struct ColumnSetter {
    Row& row;
    void null(Column column, bool is_null = true) const noexcept {
        row.is_null[static_cast<std::size_t>(column)] = is_null;
    }
    void text(Column column, std::string_view& field, std::string_view value) const noexcept {
        field = value;
        null(column, value.empty());
    }
};

void fill_texts(Store store, const Entry& entry, Row& row) noexcept {
    const ColumnSetter set{row};
    const SessionNames names = unpack_session(store.text(entry.session));
    const bool residual = is_residual(entry);
    row.username = residual && entry.userid == 0 ? kOtherUsers : names.user;
    row.datname = residual && entry.dbid == 0 ? kOtherDatabases : names.database;
    row.client_ip = residual ? kLoopbackAddress : names.address;
    set.text(Column::application_name, row.application_name,
             residual ? std::string_view{} : names.application);
    set.text(Column::relations, row.relations,
             is_error(entry) ? std::string_view{} : store.text(entry.relations));

    row.query = residual ? kOtherStatements : store.text(entry.text);
    if (row.query.empty()) row.query = "Query string not available";

    const NestTexts nest = unpack_nest(store.text(entry.nest));
    const bool has_parent = (entry.flags & kHasParent) != 0 && entry.nest != 0;
    row.top_queryid = nest.parent_queryid;
    set.null(Column::top_queryid, !has_parent);
    set.text(Column::top_query, row.top_query, has_parent ? nest.parent : std::string_view{});
    const bool has_plan = (entry.flags & kHasPlan) != 0 && entry.nest != 0;
    row.planid = nest.planid;
    set.null(Column::planid, !has_plan);
    set.text(Column::query_plan, row.query_plan, has_plan ? nest.plan : std::string_view{});

    const Notes notes = unpack_notes(store.text(entry.notes));
    set.text(Column::comments, row.comments, notes.comments);
    row.sqlcode = is_error(entry) ? entry.sqlstate : 0;
    set.null(Column::sqlcode, !is_error(entry) || (residual && entry.sqlstate == 0));
    set.text(Column::message, row.message, notes.message);
}

void fill_cells(Store store, const Entry& entry, ResponseCells& cells) noexcept {
    cells.count = store.header().config.histogram_cells;
    if (entry.cells != 0) std::memcpy(cells.cell, store.cells(entry.cells), cells_bytes(store));
    for (const std::uint32_t cell : entry.cell) cells.cell[inline_index(cell)] += inline_count(cell);
}

}  // namespace

std::uint64_t copy_bytes(Store store) noexcept {
    return region_bytes(store.header().config) + spare_bytes(store);
}

Store copy_frame(Store from, std::span<std::byte> memory) noexcept {
    const Header& header = from.header();
    std::memcpy(memory.data(), from.base, sizeof(Header));
    std::memcpy(memory.data() + header.ring_offset, from.base + header.ring_offset,
                header.ring_slots * sizeof(Bucket));
    const Store to{memory.data()};
    to.header().spare_next = region_bytes(header.config);
    to.header().spare_end = memory.size();
    return to;
}

void copy_entry(Store from, Store to, const Entry& entry) noexcept {
    copy_block(from, to, from.ref_of(entry), sizeof(Entry));
    for (std::uint32_t i = 0; i < kColdPartCount; ++i) copy_block(from, to, entry.parts[i], kColdPartSize[i]);
    copy_block(from, to, entry.cells, cells_bytes(from));
}

void copy_texts(Store from, Store to) noexcept {
    Ref at = 0;
    while (copy_text_piece(from, to, at)) {
    }
}

bool copy_text_piece(Store from, Store to, Ref& at) noexcept {
    constexpr Ref kUnitsAtOnce = 32 * 1024 / kUnitBytes;
    const Heap& heap = to.header().texts.heap;
    if (at == 0) at = heap.first;
    const Ref units = std::min(kUnitsAtOnce, heap.high_water - at);
    copy_block(from, to, at, units * kUnitBytes);
    at += units;
    return at < heap.high_water;
}

void touch_pages(Store copy) noexcept {
    // Smaller than any page there is would only take longer.
    constexpr std::uint64_t kPageBytes = 4096;
    const Header& header = copy.header();
    for (const Heap* heap : {&header.heap, &header.texts.heap}) {
        const std::uint64_t end = std::uint64_t{heap->high_water} * kUnitBytes;
        for (std::uint64_t at = std::uint64_t{heap->first} * kUnitBytes; at < end; at += kPageBytes)
            copy.base[at] = std::byte{0};
    }
}

void fill_row(Store store, const Bucket& bucket, const Entry& entry, std::int64_t exported_at_us,
              Row& row) noexcept {
    row = Row{};
    const ColumnSetter set{row};
    row.bucket = bucket.number;
    row.bucket_start_time = bucket.start_us;
    row.bucket_done = bucket.state != BucketState::running;
    row.userid = entry.userid;
    row.dbid = entry.dbid;
    row.queryid = entry.queryid;
    set.null(Column::queryid, (entry.flags & kResidual) != 0);
    row.pgsm_query_id = entry.pgsm_query_id;
    set.null(Column::pgsm_query_id, (entry.flags & kNoQueryId) != 0);
    row.toplevel = (entry.flags & kTopLevel) != 0;
    row.cmd_type = entry.cmd_type;
    row.cmd_type_text = command_name(entry.cmd_type);
    row.elevel = entry.elevel;
    row.stats_since = bucket.start_us + since_us(entry);
    row.minmax_stats_since = row.stats_since;
    row.exported_at = exported_at_us;
    fill_texts(store, entry, row);

    Counters counters{};
    counters.hot = entry.hot;
    for (std::uint32_t i = 0; i < kColdPartCount; ++i)
        if (entry.parts[i] != 0)
            std::memcpy(reinterpret_cast<std::byte*>(&counters) + kColdPartOffset[i],
                        store.part(entry.parts[i]), kColdPartSize[i]);
    fill_counters(counters, row);
    fill_cells(store, entry, row.resp_calls);
}

std::string_view command_name(std::int32_t cmd_type) noexcept {
    constexpr std::array<std::string_view, 8> kNames{"",       "SELECT", "UPDATE",  "INSERT",
                                                     "DELETE", "MERGE",  "UTILITY", "NOTHING"};
    const auto i = static_cast<std::size_t>(cmd_type);  // huge when negative
    return i < kNames.size() ? kNames[i] : std::string_view{};
}

}  // namespace pgsm::core
