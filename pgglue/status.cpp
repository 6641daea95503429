// pg_stat_monitor_status: how full the memory is, what was lost, what the exporter does. One row, taken under
// the two locks one after the other and made into datums when neither is held.
//
// Everybody may read it. A reason may be PostgreSQL's message for a failed INSERT or that of somebody's
// trigger, and such messages quote what was to be stored: other people's statements, for members of
// pg_read_all_stats alone.
#include "core/api.hpp"

#include "pgglue/datum.hpp"
#include "pgglue/exporter_state.hpp"
#include "pgglue/export.hpp"
#include "pgglue/guc.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/acl.h"
#include "utils/builtins.h"
}

namespace pgsm::glue {
namespace {

#include "generated/pgglue/columns.inc"

/// What the store lock protects.
struct StoreFigures {
    core::Usage usage;
    int64 running_bucket;
    TimestampTz running_start;
    int32 ended;
    int64 entries;
    int64 texts;
    uint64 store_total, store_used, text_total, text_used;
};

StoreFigures read_store_figures() {
    StoreFigures figures{};
    lock_store_shared();
    const core::Header& header = store().header();
    figures.usage = header.usage;
    figures.running_bucket = store().running().number;
    figures.running_start = store().running().start_us;
    for (uint32 i = 0; i < header.buckets; ++i) {
        const core::Bucket& bucket = store().bucket(i);
        figures.ended += bucket.state == core::BucketState::ended && !bucket.exported;
        figures.entries += bucket.entries;
    }
    figures.texts = header.texts.texts;
    figures.store_total = core::heap_total_bytes(header.heap);
    figures.store_used = core::heap_used_bytes(header.heap);
    figures.text_total = core::heap_total_bytes(header.texts.heap);
    figures.text_used = core::heap_used_bytes(header.texts.heap);
    unlock_store();
    return figures;
}

const char* state_name(ExporterState state) {
    switch (state) {
    case ExporterState::not_started:
        return RecoveryInProgress() ? "standby" : "not started";
    case ExporterState::ok:
        return "ok";
    case ExporterState::exporting:
        return "exporting";
    case ExporterState::no_database:
        return "no database";
    case ExporterState::failing:
        return "failing";
    case ExporterState::disabled:
        return "disabled";
    }
    return "unknown";
}

/// Sets columns one by one; all others stay NULL.
struct StatusRow {
    Datum values[kStatusColumns];
    bool nulls[kStatusColumns];

    void set(StatusColumn column, Datum value) {
        values[static_cast<int>(column)] = value;
        nulls[static_cast<int>(column)] = false;
    }
    void count(StatusColumn column, uint64 value) { set(column, Int64GetDatum(static_cast<int64>(value))); }
    /// NULL when it is empty. Messages come from any database: what is no text here gets question marks.
    void text(StatusColumn column, const char* value) {
        if (value[0] != '\0') set(column, text_datum(DatumContext{GetDatabaseEncoding()}, value));
    }
    /// What only some may read.
    void reason(StatusColumn column, const char* value, bool readable) {
        text(column, value[0] == '\0' || readable ? value : "<insufficient privilege>");
    }
    void time(StatusColumn column, TimestampTz value) {
        if (value != 0) set(column, TimestampTzGetDatum(value));
    }
};

void fill_from_store(StatusRow& row, const StoreFigures& figures) {
    row.count(StatusColumn::running_bucket, static_cast<uint64>(figures.running_bucket));
    row.time(StatusColumn::running_bucket_start, figures.running_start);
    row.set(StatusColumn::ended_buckets, Int32GetDatum(figures.ended));
    row.count(StatusColumn::entries, static_cast<uint64>(figures.entries));
    row.count(StatusColumn::store_bytes_total, figures.store_total);
    row.count(StatusColumn::store_bytes_used, figures.store_used);
    row.count(StatusColumn::text_bytes_total, figures.text_total);
    row.count(StatusColumn::text_bytes_used, figures.text_used);
    row.count(StatusColumn::texts, static_cast<uint64>(figures.texts));
    row.count(StatusColumn::entries_evicted, figures.usage.entries_evicted);
    row.count(StatusColumn::samples_folded, figures.usage.samples_folded);
    row.count(StatusColumn::texts_missing, figures.usage.texts_missing);
    row.count(StatusColumn::cells_lost, figures.usage.cells_lost);
    row.count(StatusColumn::buckets_lost, figures.usage.buckets_lost);
    row.count(StatusColumn::statements_lost, figures.usage.statements_lost);
    row.count(StatusColumn::calls_lost, figures.usage.calls_lost);
    row.count(StatusColumn::calls_without_room, figures.usage.calls_without_room);
    row.count(StatusColumn::calls_without_memory, figures.usage.calls_without_memory);
    row.count(StatusColumn::standby_buckets_dropped, figures.usage.buckets_dropped);
    row.count(StatusColumn::standby_calls_dropped, figures.usage.calls_dropped);
}

void fill_from_state(StatusRow& row, uint64 buckets_lost) {
    SpinLockAcquire(&shared().mutex);
    const SharedState state = shared();
    SpinLockRelease(&shared().mutex);
    row.text(StatusColumn::state, state_name(state.exporter_state));
    const bool readable = is_member_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
    row.reason(StatusColumn::reason, reason_of(state), readable);
    row.reason(StatusColumn::lost_reason,
               buckets_lost > state.losses_explained ? reason_of_loss(state) : state.lost_reason, readable);
    const bool named = pgsm_export_database[0] != '\0';
    const Oid database = named ? get_database_oid(pgsm_export_database, true) : state.export_database;
    const char* name = OidIsValid(database) ? get_database_name(database) : nullptr;
    if (name != nullptr) row.text(StatusColumn::export_database, name);
    row.time(StatusColumn::last_export_at, state.last_export_at);
    if (state.last_export_at != 0) {
        row.count(StatusColumn::last_export_rows, static_cast<uint64>(state.last_export_rows));
        row.set(StatusColumn::last_export_ms, Float8GetDatum(state.last_export_ms));
    }
    row.count(StatusColumn::exports, static_cast<uint64>(state.exports));
    row.count(StatusColumn::export_failures, static_cast<uint64>(state.export_failures));
    row.reason(StatusColumn::last_error, state.last_error, readable);
    row.time(StatusColumn::last_error_at, state.last_error_at);
    if (state.history_bytes >= 0)
        row.count(StatusColumn::history_bytes, static_cast<uint64>(state.history_bytes));
    row.time(StatusColumn::history_oldest, state.history_oldest);
    row.reason(StatusColumn::history_error, state.history_error, readable);
    row.time(StatusColumn::history_error_at, state.history_error_at);
    row.text(StatusColumn::publications, state.publications);
    row.time(StatusColumn::stats_since, state.stats_since);
}

}  // namespace

PGSM_FUNCTION(pg_stat_monitor_status_internal) {
    require_store();
    TupleDesc desc = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE || desc->natts != kStatusColumns)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("library and SQL objects of pg_stat_monitor do not match"),
                        errhint("Run ALTER EXTENSION pg_stat_monitor UPDATE.")));
    StatusRow row;
    for (bool& is_null : row.nulls) is_null = true;
    row.text(StatusColumn::version, PGSM_VERSION);
    const StoreFigures figures = read_store_figures();
    fill_from_store(row, figures);
    fill_from_state(row, figures.usage.buckets_lost);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), row.values, row.nulls)));
}

}  // namespace pgsm::glue
