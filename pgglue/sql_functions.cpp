// The SQL functions that 2.3 has, under every C symbol that released SQL objects name: live rows, reset,
// version, histogram. What 2.4 adds is in export.cpp, status.cpp and fdw.cpp.
//
// Rows of the functions: everybody sees every row, but of other people's only what gives no text and no
// address away (compat-2.3.md 4.10, decisions.md). The table hides such rows altogether, by its policy.
#include <span>
#include <string_view>

#include "core/api.hpp"

#include "pgglue/as_owner.hpp"
#include "pgglue/datum.hpp"
#include "pgglue/export.hpp"
#include "pgglue/reader.hpp"
#include "pgglue/shmem.hpp"

extern "C" {
#include "access/relation.h"
#include "access/xlog.h"
#include "catalog/partition.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace pgsm::glue {
namespace {

constexpr std::string_view kHidden = "<insufficient privilege>";

bool& null_flag(core::Row& row, core::Column column) { return row.is_null[static_cast<int>(column)]; }

/// Leaves the texts out, for showtext = false: NULL, as in pg_stat_statements. The view of 2.3 always asks
/// for them.
void drop_texts(core::Row& row) {
    using enum core::Column;
    for (const core::Column column : {query, query_plan, top_query, comments, message})
        null_flag(row, column) = true;
}

/// Hides what is private from who may not see it. As in 2.3 the text and the plan are always said to be
/// hidden, the plan even where there is none; the others only where there is something to hide.
void hide_private(core::Row& row) {
    using enum core::Column;
    row.query = row.query_plan = row.top_query = row.comments = row.message = kHidden;
    null_flag(row, query) = false;
    null_flag(row, query_plan) = false;
    null_flag(row, client_ip) = true;
}

/// Fills the result of a row function of an SQL version, which is given times ten.
void return_live_rows(FunctionCallInfo fcinfo, int sql_version) {
    require_store();
    InitMaterializedSRF(fcinfo, 0);
    const ReturnSetInfo& result = *reinterpret_cast<const ReturnSetInfo*>(fcinfo->resultinfo);
    if (result.setDesc->natts != internal_columns(sql_version))
        elog(ERROR, "incorrect number of output arguments: %d, not %d", result.setDesc->natts,
             internal_columns(sql_version));
    const bool with_texts = PG_NARGS() == 0 || PG_ARGISNULL(0) || PG_GETARG_BOOL(0);
    const Oid reader = GetUserId();
    const bool reads_all = is_member_of_role(reader, ROLE_PG_READ_ALL_STATS);

    const core::Store copy = copy_visible(GetActiveSnapshot());
    const MemoryContext row_memory =
        AllocSetContextCreate(CurrentMemoryContext, "pg_stat_monitor row", ALLOCSET_SMALL_SIZES);
    const MemoryContext previous = MemoryContextSwitchTo(row_memory);
    core::Row row;
    Datum values[kWidestRow];
    bool nulls[kWidestRow];
    EntryCursor cursor = first_entry(copy);
    const core::Bucket* bucket = nullptr;
    while (const core::Entry* entry = next_entry(cursor, bucket)) {
        CHECK_FOR_INTERRUPTS();
        core::fill_row(copy, *bucket, *entry, core::kLive, row);
        if (!reads_all && row.userid != reader) hide_private(row);
        if (!with_texts) drop_texts(row);
        row_to_internal_datums_of(sql_version, row, datum_context(copy, *entry), values, nulls);
        tuplestore_putvalues(result.setResult, result.setDesc, values, nulls);
        MemoryContextReset(row_memory);
    }
    MemoryContextSwitchTo(previous);
    MemoryContextDelete(row_memory);
    pfree(copy.base);
}

[[noreturn]] void report_too_old() {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("the SQL objects of pg_stat_monitor 1.0 are not supported by this library"),
                    errhint("Run ALTER EXTENSION pg_stat_monitor UPDATE.")));
    pg_unreachable();
}

/// The name of the first argument, an integer that counts from `first`; NULL for others.
Datum decoded(FunctionCallInfo fcinfo, int64 first, std::span<const char* const> names) {
    if (PG_NARGS() != 1 || PG_ARGISNULL(0)) PG_RETURN_NULL();
    const int64 place = PG_GETARG_INT32(0) - first;
    if (place < 0 || place >= static_cast<int64>(names.size())) PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(names[static_cast<std::size_t>(place)]));
}

void delete_history(void* history) {
    const char* sql = psprintf("DELETE FROM %s WHERE exported_at < 'infinity'",
                               quoted_name(static_cast<Relation>(history)));
    const int result = SPI_execute(sql, false, 0);
    if (result != SPI_OK_DELETE) elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
}

/// Deletes what is stored in this database, if it has the table: SQL objects of 2.3 have a view over the
/// memory. Exports are kept out to the end of the transaction, so that none that is at work brings rows back.
void empty_table() {
    const Oid table = find_export_table();
    const Relation history = OidIsValid(table) ? try_relation_open(table, RowExclusiveLock) : nullptr;
    lock_exports();
    if (history == nullptr) return;
    // No trigger comes between the look for them (as_owner.cpp) and the DELETE.
    const Oid rest = get_default_partition_oid(table);
    if (OidIsValid(rest)) LockRelationOid(rest, RowExclusiveLock);
    run_as_owner(history, delete_history, history);
    relation_close(history, NoLock);
}

void empty_memory() {
    const TimestampTz now = GetCurrentTimestamp();
    lock_store_exclusive();
    core::reset(store(), now);
    unlock_store();
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    state.stats_since = now;
    state.exports = state.export_failures = 0;
    state.last_error_at = 0;
    state.last_error[0] = '\0';
    state.losses_explained = 0;
    state.lost_reason[0] = '\0';
    SpinLockRelease(&state.mutex);
}

}  // namespace

PGSM_FUNCTION(pg_stat_monitor_2_3) {
    return_live_rows(fcinfo, 23);
    return Datum{0};
}

PGSM_FUNCTION(pg_stat_monitor_2_1) {
    return_live_rows(fcinfo, 21);
    return Datum{0};
}

PGSM_FUNCTION(pg_stat_monitor_2_0) {
    return_live_rows(fcinfo, 20);
    return Datum{0};
}

PGSM_FUNCTION(pg_stat_monitor_1_0) { report_too_old(); }

PGSM_FUNCTION(pg_stat_monitor) { report_too_old(); }

/// Empties what the relation shows: the history of this database in the caller's transaction, the memory at
/// once and for good.
PGSM_FUNCTION(pg_stat_monitor_reset) {
    require_store();
    // What is stored on a standby is the primary's.
    if (!RecoveryInProgress()) empty_table();
    empty_memory();
    PG_RETURN_VOID();
}

PGSM_FUNCTION(pg_stat_monitor_version) { PG_RETURN_TEXT_P(cstring_to_text(PGSM_VERSION)); }

/// The ranges as one text, which range() splits. Without shared memory there is no histogram: empty, as in
/// 2.3.
PGSM_FUNCTION(get_histogram_timings) {
    char timings[core::kTimingsTextCap];
    const std::size_t length = store_ready() ? core::timings_text(histogram_bounds(), timings) : 0;
    PG_RETURN_TEXT_P(cstring_to_text_with_len(timings, static_cast<int>(length)));
}

/// What the decoders of upstream's 2.4 call; those of ours are SQL.
PGSM_FUNCTION(pg_stat_monitor_get_cmd_type) {
    static constexpr const char* kNames[] = {"",       "SELECT", "UPDATE",  "INSERT",
                                             "DELETE", "MERGE",  "UTILITY", "NOTHING"};
    return decoded(fcinfo, 0, kNames);
}

PGSM_FUNCTION(pg_stat_monitor_decode_error_level) {
    static constexpr const char* kNames[] = {"DEBUG5",
                                             "DEBUG4",
                                             "DEBUG3",
                                             "DEBUG2",
                                             "DEBUG1",
                                             "LOG",
                                             "LOG_SERVER_ONLY",
                                             "INFO",
                                             "NOTICE",
                                             "WARNING",
                                             "WARNING_CLIENT_ONLY",
                                             "ERROR",
                                             "FATAL",
                                             "PANIC"};
    if (PG_NARGS() == 1 && !PG_ARGISNULL(0) && PG_GETARG_INT32(0) == 0) PG_RETURN_TEXT_P(cstring_to_text(""));
    return decoded(fcinfo, DEBUG5, kNames);
}

/// No released SQL object names it, but 2.3's library has it.
PGSM_FUNCTION(pg_stat_monitor_hook_stats) { return Datum{0}; }

}  // namespace pgsm::glue
