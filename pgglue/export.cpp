// The export: ended buckets become rows of the table, in the caller's transaction.
//
// Order of things: lock the table, lock out other exports, stamp (export_stamps.cpp says why nobody sees a
// row twice), copy the stamped buckets to private memory, write their rows, settle the stamps. No lock of the
// store is held while anything is written, and only for short pieces while it is copied: an ended bucket does
// not change, it can only vanish when the ring needs it or with a reset; what has vanished before its texts
// were copied is left out. The rows are written as the table's owner (as_owner.hpp).
//
// Rows lie on the disk for days, and most of an array of counts is zeros: values are compressed here, because
// PostgreSQL does it only for rows of more than 2 kB. The rows of a bucket are written in the order of the
// index on bucket and query id, which then grows at its end only and is half as big.
#include "core/api.hpp"

#include "pgglue/export_stamps.hpp"

#include "pgglue/as_owner.hpp"
#include "pgglue/bucket_numbers.hpp"
#include "pgglue/datum.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/history_notices.hpp"
#include "pgglue/shmem.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "access/toast_compression.h"
#include "access/toast_internals.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
}

namespace pgsm::glue {
namespace {

#include "generated/pgglue/columns.inc"

constexpr char kName[] = "pg_stat_monitor";

/// One export at work.
struct Job {
    Relation table;
    StampRange range;
    core::Store copy;
    core::Ref* scratch;  ///< for fold_rest(): as long as the longest bucket
    uint32 scratch_count;
    AttrNumber numbers[kTableColumns];  ///< of the library's columns in the table; those it lacks: invalid
    MemoryContext row_context;
    int64 rows;
};

void raise_mismatch(const char* detail) {
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("library and SQL objects of pg_stat_monitor do not match"),
             errdetail_internal("%s", detail),
             errhint("Run ALTER EXTENSION pg_stat_monitor UPDATE, or restart the server when the library has "
                     "been replaced.")));
}

/// How many of the library's columns the table has. One that pg_upgrade brought to a newer server has only
/// the base columns.
int count_columns(Relation table) {
    const char* last = kTableColumnInfo[kTableColumns - 1].name;
    return get_attnum(RelationGetRelid(table), last) != InvalidAttrNumber ? kTableColumns : kBaseColumns;
}

/// Every column of the library must be there with its type; others are the owner's business.
void check_columns(Relation table) {
    TupleDesc have = RelationGetDescr(table);
    for (int i = 0; i < count_columns(table); ++i) {
        const ColumnInfo& column = kTableColumnInfo[i];
        const AttrNumber number = get_attnum(RelationGetRelid(table), column.name);
        if (number == InvalidAttrNumber)
            raise_mismatch(
                psprintf("Table \"%s\" has no column \"%s\".", RelationGetRelationName(table), column.name));
        if (TupleDescAttr(have, number - 1)->atttypid != column.type)
            raise_mismatch(psprintf("Column \"%s\" of table \"%s\" is not of type %s.", column.name,
                                    RelationGetRelationName(table), format_type_be(column.type)));
    }
}

/// One piece of a bucket's entries; `at` moves behind it. False when the bucket is gone.
bool copy_piece(core::Store copy, int64 number, core::Ref& at) {
    constexpr int kAtOnce = 64;
    lock_store_shared();
    const bool there = find_ended(store(), number) != nullptr;
    for (int i = 0; there && i < kAtOnce && at != 0; ++i) {
        const core::Entry& entry = *store().entry(at);
        core::copy_entry(store(), copy, entry);
        at = entry.list_next;
    }
    unlock_store();
    return there;
}

/// The same of the texts. False when that was the last.
bool copy_text_piece(core::Store copy, core::Ref& at) {
    lock_store_shared();
    const bool more = core::copy_text_piece(store(), copy, at);
    unlock_store();
    return more;
}

void pause_between_pieces() {
    let_others_lock_store();
    CHECK_FOR_INTERRUPTS();
}

void note_copied(const Job& job, uint64 buckets_lost) {
    for (int i = 0; i < job.range.count; ++i) {
        const core::Bucket* bucket = find_ended(job.copy, stamped_bucket(job.range, i));
        if (bucket == nullptr) continue;
        uint64 calls = 0;
        for (core::Ref at = bucket->first_entry; at != 0; at = job.copy.entry(at)->list_next)
            calls = calls + static_cast<uint64>(job.copy.entry(at)->hot.exec.count);
        note_written(job.range, i, bucket->entries, calls, buckets_lost);
    }
}

/// Copies the stamped buckets; one that vanished meanwhile is free in the copy.
void copy_buckets(Job& job) {
    const auto bytes = static_cast<Size>(core::copy_bytes(store()));
    auto* memory =
        static_cast<std::byte*>(MemoryContextAllocExtended(CurrentMemoryContext, bytes, MCXT_ALLOC_HUGE));
    lock_store_shared();
    job.copy = core::copy_frame(store(), {memory, bytes});
    unlock_store();
    core::touch_pages(job.copy);
    for (int i = 0; i < job.range.count; ++i) {
        const int64 number = stamped_bucket(job.range, i);
        core::Bucket* bucket = find_ended(job.copy, number);
        if (bucket == nullptr) continue;
        job.scratch_count = Max(job.scratch_count, bucket->entries);
        core::Ref at = bucket->first_entry;
        while (at != 0 && copy_piece(job.copy, number, at)) pause_between_pieces();
    }
    core::Ref text = 0;
    while (copy_text_piece(job.copy, text)) pause_between_pieces();
    lock_store_shared();
    const uint64 buckets_lost = store().header().usage.buckets_lost;
    for (int i = 0; i < job.range.count; ++i) {
        core::Bucket* bucket = find_ended(job.copy, stamped_bucket(job.range, i));
        if (bucket != nullptr && find_ended(store(), bucket->number) == nullptr)
            bucket->state = core::BucketState::free;
    }
    unlock_store();
    note_copied(job, buckets_lost);
    job.scratch = static_cast<core::Ref*>(MemoryContextAllocExtended(
        CurrentMemoryContext, job.scratch_count * sizeof(core::Ref), MCXT_ALLOC_HUGE));
}

SPIPlanPtr prepare_insert(Relation table) {
    const int columns = count_columns(table);
    const bool all = columns == kTableColumns;
    const char* sql = psprintf("INSERT INTO %s (%s%s) VALUES (%s%s)", quoted_name(table), kInsertColumns,
                               all ? kLateInsertColumns : "", kInsertParams, all ? kLateInsertParams : "");
    Oid types[kTableColumns];
    for (int i = 0; i < kTableColumns; ++i) types[i] = kTableColumnInfo[i].type;
    SPIPlanPtr plan = SPI_prepare(sql, columns, types);
    if (plan == nullptr) elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
    return plan;
}

/// Compresses what is worth it of a row, unless the table's owner wants it plain.
void compress_values(const Job& job, Datum* values, const bool* is_null) {
    constexpr Size kWorthwhile = 128;  // as little as an array of counts, more than most names
    for (int i = 0; i < kTableColumns; ++i) {
        const AttrNumber number = job.numbers[i];
        if (is_null[i] || number == InvalidAttrNumber) continue;
        const FormData_pg_attribute& column = *TupleDescAttr(RelationGetDescr(job.table), number - 1);
        if (column.attlen != -1 || VARSIZE_ANY(DatumGetPointer(values[i])) < kWorthwhile) continue;
        if (column.attstorage != TYPSTORAGE_EXTENDED && column.attstorage != TYPSTORAGE_MAIN) continue;
        const Datum small = toast_compress_datum(values[i], column.attcompression);
        if (DatumGetPointer(small) != nullptr) values[i] = small;
    }
}

void write_row(Job& job, SPIPlanPtr plan, const core::Bucket& bucket, const core::Entry& entry) {
    MemoryContext before = MemoryContextSwitchTo(job.row_context);
    core::Row row;
    core::fill_row(job.copy, bucket, entry, GetCurrentTransactionStartTimestamp(), row);
    Datum values[kTableColumns];
    bool is_null[kTableColumns];
    row_to_datums(row, datum_context(job.copy, entry), values, is_null);
    compress_values(job, values, is_null);
    char nulls[kTableColumns];
    for (int i = 0; i < kTableColumns; ++i) nulls[i] = is_null[i] ? 'n' : ' ';
    const int result = SPI_execute_plan(plan, values, nulls, false, 0);
    if (result != SPI_OK_INSERT) elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
    job.rows = job.rows + static_cast<int64>(SPI_processed);
    MemoryContextSwitchTo(before);
    MemoryContextReset(job.row_context);
}

/// `argument` is the Job.
void write_buckets(void* argument) {
    Job& job = *static_cast<Job*>(argument);
    SPIPlanPtr plan = prepare_insert(job.table);
    for (int i = 0; i < job.range.count; ++i) {
        core::Bucket* bucket = find_ended(job.copy, stamped_bucket(job.range, i));
        if (bucket == nullptr) continue;
        // The residual rows of the bucket before are written: its spare memory can serve again.
        job.copy.header().spare_next = core::region_bytes(job.copy.header().config);
        core::fold_rest(job.copy, *bucket, static_cast<uint32>(pgsm_export_top_n),
                        {job.scratch, job.scratch_count});
        for (core::Ref at = bucket->first_entry; at != 0; at = job.copy.entry(at)->list_next) {
            CHECK_FOR_INTERRUPTS();
            write_row(job, plan, *bucket, *job.copy.entry(at));
        }
    }
}

/// A table that is dropped while its lock is waited for may have been made anew by then.
Relation open_export_table() {
    for (;;) {
        const Oid oid = find_export_table();
        if (!OidIsValid(oid))
            raise_mismatch(
                "This database has no partitioned table \"pg_stat_monitor\" that belongs to the extension.");
        Relation table = try_table_open(oid, RowExclusiveLock);
        if (table != nullptr) return table;
    }
}

int64 export_into(Relation table, StampUse use) {
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "pg_stat_monitor export", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    const TimestampTz start = GetCurrentTimestamp();
    Job job{};
    job.table = table;
    for (int i = 0; i < kTableColumns; ++i)
        job.numbers[i] = get_attnum(RelationGetRelid(table), kTableColumnInfo[i].name);
    job.range = stamp_ended_buckets(use);
    if (job.range.count > 0) {
        job.row_context = AllocSetContextCreate(context, "pg_stat_monitor row", ALLOCSET_DEFAULT_SIZES);
        copy_buckets(job);
        run_as_owner(table, write_buckets, &job);
        settle_stamps(job.range);
        note_export(job.range, job.rows, static_cast<double>(GetCurrentTimestamp() - start) / 1000);
    }
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    return job.rows;
}

}  // namespace

Oid find_export_table() {
    const Oid extension = get_extension_oid(kName, true);
    if (!OidIsValid(extension)) return InvalidOid;
    // Found as the extension's member and not by its schema, which can be changed.
    Relation depend = table_open(DependRelationId, AccessShareLock);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(ExtensionRelationId));
    ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(extension));
    SysScanDesc scan = systable_beginscan(depend, DependReferenceIndexId, true, nullptr, 2, keys);
    Oid found = InvalidOid;
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple); tuple = systable_getnext(scan)) {
        auto* member = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));
        if (member->classid != RelationRelationId || member->deptype != DEPENDENCY_EXTENSION) continue;
        if (get_rel_relkind(member->objid) != RELKIND_PARTITIONED_TABLE) continue;
        const char* name = get_rel_name(member->objid);
        if (name != nullptr && strcmp(name, kName) == 0) found = member->objid;
    }
    systable_endscan(scan);
    table_close(depend, AccessShareLock);
    return found;
}

int64 export_ended_buckets(bool end_running) {
    require_store();
    PreventCommandDuringRecovery("pg_stat_monitor_export()");
    PreventCommandIfReadOnly("pg_stat_monitor_export()");
    PreventCommandIfParallelMode("pg_stat_monitor_export()");
    Relation table = open_export_table();
    check_columns(table);
    // A day's partition that is attached meanwhile takes its rows away from the default one: an INSERT that
    // was on its way there would fail. Attaching locks the default partition, too.
    const Oid default_partition = get_default_partition_oid(RelationGetRelid(table));
    if (OidIsValid(default_partition)) LockRelationOid(default_partition, RowExclusiveLock);
    lock_exports();
    static_cast<void>(release_exported_buckets());
    continue_behind_table(table);
    const int64 rows = export_into(table, end_running ? StampUse::export_all : StampUse::export_ended);
    table_close(table, NoLock);
    return rows;
}

PGSM_FUNCTION(pg_stat_monitor_export) {
    const int64 rows = export_ended_buckets(true);
    advise_exporting_caller();
    PG_RETURN_INT32(static_cast<int32>(Min(rows, int64{PG_INT32_MAX})));
}

}  // namespace pgsm::glue
