// In which database the exporter works, when pgsm_export_database does not say: the one in which CREATE
// EXTENSION was committed first. It is kept in SharedState::export_database and remembered over restarts by a
// small file in the data directory, pg_stat_monitor.database, that holds the database's oid as text. Only the
// exporter process writes the file; if it is lost, as in a crash right after CREATE EXTENSION, the exporter
// finds the database by looking.
//
// Locks: SharedState's mutex for export_database; everything else here belongs to one process.
#include "core/api.hpp"

#include "pgglue/exporter_database.hpp"

#include "pgglue/export.hpp"

#include "pgglue/number_file.hpp"
#include "pgglue/shmem.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace pgsm::glue {
namespace {

constexpr char kPath[] = "pg_stat_monitor.database";

/// The (sub)transaction in which CREATE EXTENSION ran; InvalidSubTransactionId: none did.
SubTransactionId created_in = InvalidSubTransactionId;

/// What the file holds, as far as the exporter knows.
Oid saved_database = InvalidOid;

/// Databases are cloned from templates, so none of ours belongs there: a connection would stop CREATE
/// DATABASE.
bool is_template_database() {
    HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
    if (!HeapTupleIsValid(tuple)) return false;
    const bool is_template = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple))->datistemplate;
    ReleaseSysCache(tuple);
    return is_template;
}

void publish_database() {
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    if (!OidIsValid(state.export_database)) state.export_database = MyDatabaseId;
    // Tells an exporter that waits with growing delays that the world has changed.
    state.extension_news = true;
    SpinLockRelease(&state.mutex);
    wake_exporter();
}

Oid known_database() {
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    const Oid database = state.export_database;
    SpinLockRelease(&state.mutex);
    return database;
}

int by_oid(const void* left, const void* right) {
    const Oid a = static_cast<const Candidate*>(left)->database;
    const Oid b = static_cast<const Candidate*>(right)->database;
    return a < b ? -1 : a > b;
}

}  // namespace

void note_extension_created() {
    if (!store_ready() || is_template_database()) return;
    watch_transaction();
    if (created_in == InvalidSubTransactionId) created_in = GetCurrentSubTransactionId();
}

void note_xact_event(XactEvent event) {
    if (created_in == InvalidSubTransactionId) return;
    if (event == XACT_EVENT_COMMIT) {
        created_in = InvalidSubTransactionId;
        publish_database();
    } else if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE) {
        created_in = InvalidSubTransactionId;
    }
}

void note_subxact_event(SubXactEvent event, SubTransactionId sub, SubTransactionId parent) {
    if (created_in != sub) return;
    if (event == SUBXACT_EVENT_COMMIT_SUB) created_in = parent;
    if (event == SUBXACT_EVENT_ABORT_SUB) created_in = InvalidSubTransactionId;
}

void load_export_database() {
    int64 database = 0;
    if (!read_number(kPath, &database) || database <= 0 || database > PG_UINT32_MAX) return;
    saved_database = static_cast<Oid>(database);
    set_export_database(saved_database);
}

void set_export_database(Oid database) {
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    state.export_database = database;
    SpinLockRelease(&state.mutex);
}

void save_export_database() {
    const Oid database = known_database();
    if (database == saved_database) return;
    saved_database =
        database;  // whether it can be written or not: to try at every waking would flood the log
    write_number(kPath, database);
}

Candidate* list_databases(int* count) {
    int room = 64;
    auto* list = static_cast<Candidate*>(palloc(static_cast<Size>(room) * sizeof(Candidate)));
    *count = 0;
    Relation relation = table_open(DatabaseRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
    for (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection); HeapTupleIsValid(tuple);
         tuple = heap_getnext(scan, ForwardScanDirection)) {
        auto* database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
        if (*count == room) {
            room *= 2;
            list = static_cast<Candidate*>(repalloc(list, static_cast<Size>(room) * sizeof(Candidate)));
        }
        list[(*count)++] = {database->oid, database->datname,
                            database->datallowconn && database->datconnlimit != -2, database->datistemplate};
    }
    table_endscan(scan);
    table_close(relation, AccessShareLock);
    qsort(list, static_cast<std::size_t>(*count), sizeof(Candidate), by_oid);
    return list;
}

}  // namespace pgsm::glue
