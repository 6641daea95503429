// The wrapper behind pg_stat_monitor_live: shared memory as a partition of the table.
//
// Reading: one private copy for each scan node, taken at its first row, given out again by rescans. Writing:
// rows in memory cannot be changed one by one. But statements on the parent that meet no live row (retention
// by DELETE) have this partition in their plan, so it takes part in them and only objects when a live row is
// really hit.
#include <cstring>
#include <string_view>

#include "core/api.hpp"

#include "pgglue/datum.hpp"
#include "pgglue/emptying.hpp"
#include "pgglue/export.hpp"
#include "pgglue/reader.hpp"
#include "pgglue/shmem.hpp"

extern "C" {
#include "access/sysattr.h"
#include "catalog/dependency.h"
#include "catalog/partition.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "foreign/fdwapi.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
}

namespace pgsm::glue {
namespace {

#include "generated/pgglue/columns.inc"

/// State of a scan node, in the query's memory context.
struct LiveScan {
    bool through_parent;  ///< the query names pg_stat_monitor, not the partition
    bool reads_all;       ///< the reader may see everybody's rows
    Oid reader;
    bool absent;           ///< no shared memory, and that has been said
    bool started;          ///< `cursor` is set
    MemoryContext memory;  ///< of the copy
    EntryCursor cursor;
    int attributes;                        ///< of the foreign table, dropped ones included
    int* source;                           ///< for each attribute its index in kTableColumnInfo; -1: dropped
    bool unwanted[core::kAllColumnCount];  ///< by core::Column: nobody looks at it
};

int column_index(const Form_pg_attribute attribute) {
    const std::string_view name{NameStr(attribute->attname)};
    for (int i = 0; i < kTableColumns; ++i)
        if (name == kTableColumnInfo[i].name) return kTableColumnInfo[i].type == attribute->atttypid ? i : -1;
    return -1;
}

[[noreturn]] void report_mismatch(Relation relation, const Form_pg_attribute attribute) {
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("column \"%s\" of \"%s\" is not what this pg_stat_monitor library has",
                    NameStr(attribute->attname), RelationGetRelationName(relation)),
             errdetail("The loaded library is version %s and does not fit the SQL objects.", PGSM_VERSION),
             errhint("Restart the server if the library was replaced, then run ALTER EXTENSION "
                     "pg_stat_monitor UPDATE.")));
    pg_unreachable();
}

/// Matches the table's columns with the library's, by name.
int* map_columns(Relation relation) {
    const TupleDesc desc = RelationGetDescr(relation);
    int* source = static_cast<int*>(palloc(sizeof(int) * static_cast<std::size_t>(desc->natts)));
    for (int i = 0; i < desc->natts; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(desc, i);
        source[i] = attribute->attisdropped ? -1 : column_index(attribute);
        if (source[i] < 0 && !attribute->attisdropped) report_mismatch(relation, attribute);
    }
    return source;
}

/// Notes which columns the plan node never looks at, so that no Datums are made for them: sum(calls) needs no
/// texts.
void find_unwanted(const ForeignScan* plan, LiveScan& scan) {
    Bitmapset* used = nullptr;
    pull_varattnos(reinterpret_cast<Node*>(plan->scan.plan.targetlist), plan->scan.scanrelid, &used);
    pull_varattnos(reinterpret_cast<Node*>(plan->scan.plan.qual), plan->scan.scanrelid, &used);
    if (bms_is_member(InvalidAttrNumber - FirstLowInvalidHeapAttributeNumber, used)) return;  // the whole row
    for (bool& unwanted : scan.unwanted) unwanted = true;
    for (int i = 0; i < scan.attributes; ++i) {
        if (scan.source[i] < 0 || !bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, used)) continue;
        scan.unwanted[static_cast<int>(kTableColumnInfo[scan.source[i]].column)] = false;
    }
}

/// Takes the copy. When the library is not preloaded, the rest of the table is left to answer.
void begin_reading(LiveScan& scan, Snapshot snapshot) {
    if (!store_ready() && scan.through_parent) {
        scan.absent = true;
        ereport(WARNING,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("pg_stat_monitor shows stored rows only, since the library is not preloaded"),
                 errhint("Add pg_stat_monitor to shared_preload_libraries and restart the server.")));
        return;
    }
    require_store();
    const MemoryContext previous = MemoryContextSwitchTo(scan.memory);
    scan.cursor = first_entry(copy_visible(snapshot));
    MemoryContextSwitchTo(previous);
    scan.started = true;
}

/// Whether the policy of pg_stat_monitor filters what the scan returns. Row-level security is that of the
/// relation that the query names: the topmost of those that the planner replaced by their children. An arm of
/// UNION ALL is such a child, too, but of no relation; and a table that somebody made pg_stat_monitor or a
/// table over this server a partition of has other policies, or none.
bool is_through_parent(PlannerInfo* root, const RelOptInfo* rel, Oid foreign_table) {
    Index top = rel->relid;
    while (root->append_rel_array != nullptr && root->append_rel_array[top] != nullptr &&
           planner_rt_fetch(root->append_rel_array[top]->parent_relid, root)->rtekind == RTE_RELATION)
        top = root->append_rel_array[top]->parent_relid;
    if (top == rel->relid || !get_rel_relispartition(foreign_table)) return false;
    const Oid named = planner_rt_fetch(top, root)->relid;
    const Oid extension = get_extension_oid("pg_stat_monitor", true);
    return named == get_partition_parent(foreign_table, true) && OidIsValid(extension) &&
           getExtensionOfObject(RelationRelationId, named) == extension;
}

double live_entries() {
    if (!store_ready()) return 1;
    uint64 entries = 0;
    lock_store_shared();
    const core::Store live = store();
    for (uint32 i = 0; i < live.header().buckets; ++i) entries += live.bucket(i).entries;
    unlock_store();
    return static_cast<double>(entries);
}

void store_tuple(const LiveScan& scan, const core::Bucket& bucket, const core::Entry& entry,
                 TupleTableSlot* slot) {
    core::Row row;
    core::fill_row(scan.cursor.copy, bucket, entry, core::kLive, row);
    for (std::size_t i = 0; i < core::kAllColumnCount; ++i)
        row.is_null[i] = row.is_null[i] || scan.unwanted[i];

    Datum values[kWidestRow];
    bool nulls[kWidestRow];
    row_to_datums(row, datum_context(scan.cursor.copy, entry), values, nulls);
    for (int i = 0; i < scan.attributes; ++i) {
        const int from = scan.source[i];
        slot->tts_values[i] = from < 0 ? Datum{0} : values[from];
        slot->tts_isnull[i] = from < 0 || nulls[from];
    }
    ExecStoreVirtualTuple(slot);
}

/// A foreign table can have no policy of its own, and pg_read_all_data may read any table.
bool may_see(const LiveScan& scan, const core::Entry& entry) {
    return scan.reads_all || entry.userid == scan.reader;
}

[[noreturn]] void report_unwritable(const char* what, const char* hint) {
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot %s live rows of pg_stat_monitor", what),
             errdetail("Rows whose exported_at is infinity are in shared memory."), errhint("%s", hint)));
    pg_unreachable();
}

constexpr char kChangeHint[] = "Restrict the statement to exported_at < 'infinity', or call "
                               "pg_stat_monitor_export() before. TRUNCATE and "
                               "pg_stat_monitor_reset() empty the memory.";
constexpr char kInsertHint[] = "Rows with another exported_at can be inserted.";

extern "C" {

static void pgsm_GetForeignRelSize(PlannerInfo* root, RelOptInfo* rel, Oid) {
    rel->tuples = live_entries();
    const double share = clauselist_selectivity(root, rel->baserestrictinfo, 0, JOIN_INNER, nullptr);
    rel->rows = clamp_row_est(rel->tuples * share);
}

static void pgsm_GetForeignPaths(PlannerInfo* root, RelOptInfo* rel, Oid) {
    // Copying is next to nothing beside making Datums of 72 columns: about ten plain tuples' worth.
    const Cost startup = rel->baserestrictcost.startup;
    const Cost total = startup + rel->tuples * (10 * cpu_tuple_cost + rel->baserestrictcost.per_tuple);
    add_path(rel, reinterpret_cast<Path*>(PGSM_FOREIGN_SCAN_PATH(root, rel, rel->rows, startup, total)));
}

static ForeignScan* pgsm_GetForeignPlan(PlannerInfo* root, RelOptInfo* rel, Oid foreign_table, ForeignPath*,
                                        List* tlist, List* clauses, Plan* outer_plan) {
    // Of roles only the owner of a view that reads for its users, for a plan outlives SET ROLE: who else reads is
    // asked when the plan runs.
    const bool through_parent = is_through_parent(root, rel, foreign_table);
    return make_foreignscan(tlist, extract_actual_clauses(clauses, false), rel->relid, NIL,
                            list_make2(makeInteger(through_parent), makeInteger(static_cast<int>(rel->userid))), NIL, NIL,
                            outer_plan);
}

// A worker sees what its leader's snapshot sees, and one process runs the whole scan.
static bool pgsm_IsForeignScanParallelSafe(PlannerInfo*, RelOptInfo*, RangeTblEntry*) { return true; }

static void pgsm_BeginForeignScan(ForeignScanState* node, int eflags) {
    if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0) return;
    const ForeignScan* plan = reinterpret_cast<const ForeignScan*>(node->ss.ps.plan);
    LiveScan* scan = static_cast<LiveScan*>(palloc0(sizeof(LiveScan)));
    scan->through_parent = intVal(linitial(plan->fdw_private)) != 0;
    const Oid as_owner = static_cast<Oid>(intVal(lsecond(plan->fdw_private)));
    scan->reader = OidIsValid(as_owner) ? as_owner : GetUserId();
    // The policy does not hold for a table's owner, who may be an ordinary role: so this does, whatever it says.
    scan->reads_all = is_member_of_role(scan->reader, ROLE_PG_READ_ALL_STATS);
    scan->attributes = RelationGetDescr(node->ss.ss_currentRelation)->natts;
    scan->source = map_columns(node->ss.ss_currentRelation);
    find_unwanted(plan, *scan);
    scan->memory = AllocSetContextCreate(CurrentMemoryContext, "pg_stat_monitor scan", ALLOCSET_SMALL_SIZES);
    node->fdw_state = scan;
}

static TupleTableSlot* pgsm_IterateForeignScan(ForeignScanState* node) {
    LiveScan& scan = *static_cast<LiveScan*>(node->fdw_state);
    TupleTableSlot* slot = node->ss.ss_ScanTupleSlot;
    ExecClearTuple(slot);
    if (!scan.started && !scan.absent) begin_reading(scan, node->ss.ps.state->es_snapshot);
    if (scan.absent) return slot;
    const core::Bucket* bucket = nullptr;
    const core::Entry* entry = next_entry(scan.cursor, bucket);
    while (entry != nullptr && !may_see(scan, *entry)) entry = next_entry(scan.cursor, bucket);
    if (entry != nullptr) store_tuple(scan, *bucket, *entry, slot);
    return slot;
}

static void pgsm_ReScanForeignScan(ForeignScanState* node) {
    LiveScan& scan = *static_cast<LiveScan*>(node->fdw_state);
    if (scan.started) scan.cursor = first_entry(scan.cursor.copy);
}

static void pgsm_EndForeignScan(ForeignScanState* node) {
    if (node->fdw_state != nullptr) MemoryContextDelete(static_cast<LiveScan*>(node->fdw_state)->memory);
}

static TupleTableSlot* pgsm_ExecForeignInsert(EState*, ResultRelInfo*, TupleTableSlot*, TupleTableSlot*) {
    report_unwritable("insert", kInsertHint);
}

static TupleTableSlot* pgsm_ExecForeignUpdate(EState*, ResultRelInfo*, TupleTableSlot*, TupleTableSlot*) {
    report_unwritable("update", kChangeHint);
}

static TupleTableSlot* pgsm_ExecForeignDelete(EState*, ResultRelInfo*, TupleTableSlot*, TupleTableSlot*) {
    report_unwritable("delete", kChangeHint);
}

static void pgsm_ExecForeignTruncate(List* tables, DropBehavior, bool) {
    ListCell* cell = nullptr;
    foreach (cell, tables) require_emptying(static_cast<Relation>(lfirst(cell)), "truncate");
    require_store();
    stamp_all_buckets();
}

// Live rows come and go within minutes; statistics about them would only mislead the planner. Taking part
// with no rows keeps ANALYZE of the parent free of warnings.
static int pgsm_acquire_no_rows(Relation, int, HeapTuple*, int, double* rows, double* dead_rows) {
    *rows = 0;
    *dead_rows = 0;
    return 0;
}

static bool pgsm_AnalyzeForeignTable(Relation, AcquireSampleRowsFunc* function, BlockNumber* pages) {
    *function = pgsm_acquire_no_rows;
    *pages = 0;
    return true;
}

}  // extern "C"

}  // namespace

PGSM_FUNCTION(pg_stat_monitor_fdw_handler) {
    FdwRoutine* routine = makeNode(FdwRoutine);
    routine->GetForeignRelSize = pgsm_GetForeignRelSize;
    routine->GetForeignPaths = pgsm_GetForeignPaths;
    routine->GetForeignPlan = pgsm_GetForeignPlan;
    routine->BeginForeignScan = pgsm_BeginForeignScan;
    routine->IterateForeignScan = pgsm_IterateForeignScan;
    routine->ReScanForeignScan = pgsm_ReScanForeignScan;
    routine->EndForeignScan = pgsm_EndForeignScan;
    routine->IsForeignScanParallelSafe = pgsm_IsForeignScanParallelSafe;
    routine->ExecForeignInsert = pgsm_ExecForeignInsert;
    routine->ExecForeignUpdate = pgsm_ExecForeignUpdate;
    routine->ExecForeignDelete = pgsm_ExecForeignDelete;
    routine->ExecForeignTruncate = pgsm_ExecForeignTruncate;
    routine->AnalyzeForeignTable = pgsm_AnalyzeForeignTable;
    PG_RETURN_POINTER(routine);
}

}  // namespace pgsm::glue
