// The history is kept in one database of the server, is dropped with the extension there, and is part of
// every publication of all tables and of those of its schema. Who creates the extension, exports by hand or
// drops it is told so.
//
// A subscriber to such a publication stops at the first row of a table that it does not have, for all tables;
// and a table for each day comes by itself. PostgreSQL has no way to keep an ordinary table out of FOR ALL
// TABLES before 19, which has EXCEPT. A partition is published with its parent, in whatever schema it is, so
// what matters is the schema of the table.
#include "core/api.hpp"

#include "pgglue/history_notices.hpp"

#include "pgglue/export.hpp"
#include "pgglue/exporter_state.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/history_days.hpp"
#include "pgglue/tracking.hpp"

#include <cstring>

extern "C" {
#include "catalog/pg_publication.h"
#include "commands/dbcommands.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace pgsm::glue {
namespace {

constexpr char kExtension[] = "pg_stat_monitor";

/// The database of the history, if it is known and another one; else null.
const char* other_database() {
    if (!store_ready()) return nullptr;
    const bool named = pgsm_export_database[0] != '\0';
    const Oid database = named ? get_database_oid(pgsm_export_database, true) : export_database();
    return OidIsValid(database) && database != MyDatabaseId ? get_database_name(database) : nullptr;
}

bool publishes_inserts(Oid publication) { return GetPublication(publication)->pubactions.pubinsert; }

void append_name(StringInfo names, Oid publication) {
    if (!publishes_inserts(publication)) return;
    appendStringInfo(names, "%s%s", names->len == 0 ? "" : ", ",
                     quote_identifier(get_publication_name(publication, false)));
}

/// Names of the publications, in the current memory context; empty when there are none. Whoever names the
/// table knows what he does.
const char* find_publications(Oid table) {
    StringInfoData names;
    initStringInfo(&names);
    ListCell* cell = nullptr;
    List* all = list_difference_oid(GetAllTablesPublications(), PGSM_EXCLUDED_PUBLICATIONS(table));
    foreach (cell, all) append_name(&names, lfirst_oid(cell));
    List* of_schema =
        list_difference_oid(GetSchemaPublications(get_rel_namespace(table)), PGSM_NAMING_PUBLICATIONS(table));
    foreach (cell, of_schema) append_name(&names, lfirst_oid(cell));
    return names.data;
}

bool drops_extension(const Node* statement) {
    if (!IsA(statement, DropStmt)) return false;
    const auto* drop = reinterpret_cast<const DropStmt*>(statement);
    if (drop->removeType != OBJECT_EXTENSION) return false;
    const ListCell* cell = nullptr;
    foreach (cell, drop->objects)
        if (strcmp(strVal(lfirst(cell)), kExtension) == 0) return true;
    return false;
}

/// Without indexes and TOAST, of which a table without rows has some.
int64 main_bytes(Oid oid) {
    return DatumGetInt64(DirectFunctionCall2(pg_relation_size, ObjectIdGetDatum(oid),
                                             PointerGetDatum(cstring_to_text("main"))));
}

}  // namespace

void advise_creator() {
    if (const char* database = other_database(); database != nullptr)
        ereport(NOTICE, (errmsg("pg_stat_monitor keeps its history in database \"%s\"", database),
                         errdetail("The table of this database shows what is in memory, and what is exported "
                                   "here by hand."),
                         errhint("To have the history here, set pg_stat_monitor.pgsm_export_database to this "
                                 "database.")));
    const Oid table = find_export_table();
    const char* publications = OidIsValid(table) ? find_publications(table) : "";
    if (publications[0] == '\0') return;
    ereport(
        WARNING,
        (errcode(ERRCODE_WARNING), errmsg("publications contain pg_stat_monitor: %s", publications),
         errdetail("Their subscribers stop when statistics are stored, unless they have the same tables."),
         errhint("Drop the extension and create it in a database of its own, or publish tables or schemas "
                 "by name.")));
}

void advise_exporting_caller() {
    const char* database = other_database();
    if (database == nullptr) return;
    ereport(NOTICE,
            (errmsg("pg_stat_monitor keeps its history in database \"%s\"", database),
             errdetail("What this call has exported is stored here, and will not be there."),
             errhint("Call it there, or set pg_stat_monitor.pgsm_export_database to this database.")));
}

int64 history_to_be_dropped(const Node* statement) {
    if (!drops_extension(statement)) return 0;
    const Oid table = find_export_table();
    if (!OidIsValid(table)) return 0;
    const History history = read_history(table, true);
    int64 bytes = 0;
    for (int i = 0; i < history.count; ++i)
        if (history.parts[i].own && main_bytes(history.parts[i].oid) > 0) bytes += history.parts[i].bytes;
    if (history.rest_own && main_bytes(history.rest) > 0) bytes += history.rest_bytes;
    return bytes;
}

void report_dropped_history(int64 bytes) {
    const Datum size = DirectFunctionCall1(pg_size_pretty, Int64GetDatum(bytes));
    ereport(NOTICE, (errmsg("the statistics that pg_stat_monitor has stored in this database are dropped: %s",
                            TextDatumGetCString(size))));
}

void note_publications(Oid table) {
    SharedState& state = shared();
    char text[sizeof(state.publications)];
    strlcpy(text, find_publications(table), sizeof(text));
    SpinLockAcquire(&state.mutex);
    const bool news = strcmp(state.publications, text) != 0;
    strlcpy(state.publications, text, sizeof(state.publications));
    SpinLockRelease(&state.mutex);
    if (!news || text[0] == '\0') return;
    tracking_suspended = tracking_suspended + 1;
    ereport(
        LOG,
        (errcode(ERRCODE_WARNING), errmsg("publications contain pg_stat_monitor: %s", text),
         errdetail("Their subscribers stop when statistics are stored, unless they have the same tables."),
         errhint("Have the history in a database of its own (pg_stat_monitor.pgsm_export_database), or "
                 "publish tables or schemas by name.")));
    tracking_suspended = tracking_suspended - 1;
}

}  // namespace pgsm::glue
