// The SQL functions that 2.3 has, under every C symbol that released SQL objects name: live rows, reset, version,
// histogram. What 2.4 adds is in export.cpp, status.cpp and fdw.cpp.
//
// Rows of the functions: everybody sees every row, but of other people's only what gives no text and no address away
// (compat-2.3.md 4.10, decisions.md). The table hides such rows altogether, by its policy.
#include <string_view>

#include "core/api.hpp"

#include "pgglue/datum.hpp"
#include "pgglue/export.hpp"
#include "pgglue/reader.hpp"
#include "pgglue/shmem.hpp"
#include "pgglue/tracking.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace pgsm::glue {
namespace {

constexpr std::string_view kHidden = "<insufficient privilege>";

bool& null_flag(core::Row& row, core::Column column) { return row.is_null[static_cast<int>(column)]; }

/// Leaves the texts out, for showtext = false: NULL, as in pg_stat_statements. The view of 2.3 always asks for them.
void drop_texts(core::Row& row) {
    using enum core::Column;
    for (const core::Column column : {query, query_plan, top_query, comments, message}) null_flag(row, column) = true;
}

/// Hides what is private from who may not see it. As in 2.3 the text and the plan are always said to be hidden, the
/// plan even where there is none; the others only where there is something to hide.
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

/// The schema of the extension, or InvalidOid.
Oid extension_schema(Oid extension) {
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension));
    const Relation catalog = table_open(ExtensionRelationId, AccessShareLock);
    const SysScanDesc scan = systable_beginscan(catalog, ExtensionOidIndexId, true, nullptr, 1, &key);
    const HeapTuple tuple = systable_getnext(scan);
    const Oid schema = HeapTupleIsValid(tuple)
                           ? reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->extnamespace
                           : InvalidOid;
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return schema;
}

/// This database's table, locked for a DELETE; null when the extension is not here, or is at 2.3, which has a view.
Relation open_history() {
    const Oid extension = get_extension_oid("pg_stat_monitor", true);
    if (!OidIsValid(extension)) return nullptr;
    const Oid table = get_relname_relid("pg_stat_monitor", extension_schema(extension));
    if (!OidIsValid(table) || get_rel_relkind(table) != RELKIND_PARTITIONED_TABLE) return nullptr;
    if (getExtensionOfObject(RelationRelationId, table) != extension) return nullptr;
    return try_relation_open(table, RowExclusiveLock);
}

void set_for_now(const char* name, const char* value) {
    set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/// Runs our own statement unrecorded.
void execute_untracked(const char* sql, int expected) {
    tracking_suspended = tracking_suspended + 1;
    PG_TRY();
    {
        SPI_connect();
        const int result = SPI_execute(sql, false, 0);
        if (result != expected) elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(result));
        SPI_finish();
    }
    PG_FINALLY();
    {
        tracking_suspended = tracking_suspended - 1;
    }
    PG_END_TRY();
}

/// Deletes the stored rows as the table's owner, who can do nothing else with the caller's rights meanwhile.
void delete_history(Relation history) {
    const char* sql = psprintf("DELETE FROM %s WHERE exported_at < 'infinity'",
                               quote_qualified_identifier(get_namespace_name(RelationGetNamespace(history)),
                                                          RelationGetRelationName(history)));
    Oid caller;
    int security;
    GetUserIdAndSecContext(&caller, &security);
    SetUserIdAndSecContext(history->rd_rel->relowner,
                           security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    const int nest_level = NewGUCNestLevel();
    set_for_now("search_path", "pg_catalog, pg_temp");
    set_for_now("row_security", "off");
    execute_untracked(sql, SPI_OK_DELETE);
    AtEOXact_GUC(false, nest_level);
    SetUserIdAndSecContext(caller, security);
}

void empty_memory() {
    const TimestampTz now = GetCurrentTimestamp();
    lock_store_exclusive();
    core::reset(store(), now);
    unlock_store();
    SpinLockAcquire(&shared().mutex);
    shared().stats_since = now;
    SpinLockRelease(&shared().mutex);
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

/// Empties what the relation shows: the history of this database in the caller's transaction, the memory at once and
/// for good. Exports are kept out until the end of the transaction, so that none brings rows from before back.
PGSM_FUNCTION(pg_stat_monitor_reset) {
    require_store();
    // A standby has no history of its own.
    if (!RecoveryInProgress()) {
        const Relation history = open_history();
        lock_exports();
        if (history != nullptr) {
            delete_history(history);
            relation_close(history, NoLock);
        }
    }
    empty_memory();
    PG_RETURN_VOID();
}

PGSM_FUNCTION(pg_stat_monitor_version) { PG_RETURN_TEXT_P(cstring_to_text(PGSM_VERSION)); }

/// The ranges as one text, which range() splits. Without shared memory there is no histogram: empty, as in 2.3.
PGSM_FUNCTION(get_histogram_timings) {
    char timings[core::kTimingsTextCap];
    const std::size_t length = store_ready() ? core::timings_text(histogram_bounds(), timings) : 0;
    PG_RETURN_TEXT_P(cstring_to_text_with_len(timings, static_cast<int>(length)));
}

/// No released SQL object names it, but 2.3's library has it.
PGSM_FUNCTION(pg_stat_monitor_hook_stats) { return Datum{0}; }

}  // namespace pgsm::glue
