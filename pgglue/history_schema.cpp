// Days lie in a schema of their own, pgsm_history, which belongs to the extension: `\dt` and tools that
// compare an application's schema with a model do not come upon tables that come and go, and grants on all
// tables of a schema do not reach them. The table, its live and its default partition are where CREATE
// EXTENSION has put them.
//
// All of it is the table owner's: what the exporter does it does as that role, which may be any (ALTER TABLE
// … OWNER TO does not reach partitions).
#include "core/api.hpp"

#include "pgglue/history_schema.hpp"

#include "pgglue/export.hpp"

#include <cstring>

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "commands/schemacmds.h"
#include "commands/tablecmds.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

namespace pgsm::glue {
namespace {

constexpr char kExtension[] = "pg_stat_monitor";
constexpr char kSchema[] = "pgsm_history";

/// The schema, if it is the extension's.
Oid find_schema() {
    const Oid schema = get_namespace_oid(kSchema, true);
    const Oid extension = get_extension_oid(kExtension, true);
    const bool own = OidIsValid(schema) && OidIsValid(extension) &&
                     getExtensionOfObject(NamespaceRelationId, schema) == extension;
    return own ? schema : InvalidOid;
}

/// All objects that belong to the extension, as ObjectAddress.
List* list_members(Oid extension) {
    Relation depend = table_open(DependRelationId, AccessShareLock);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(ExtensionRelationId));
    ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(extension));
    SysScanDesc scan = systable_beginscan(depend, DependReferenceIndexId, true, nullptr, 2, keys);
    List* members = NIL;
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple); tuple = systable_getnext(scan)) {
        const auto* found = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));
        if (found->deptype != DEPENDENCY_EXTENSION) continue;
        auto* member = static_cast<ObjectAddress*>(palloc(sizeof(ObjectAddress)));
        *member = {found->classid, found->objid, found->objsubid};
        members = lappend(members, member);
    }
    systable_endscan(scan);
    table_close(depend, AccessShareLock);
    return members;
}

bool is_stored_or_live(Oid relation) {
    const char kind = get_rel_relkind(relation);
    return kind == RELKIND_RELATION || kind == RELKIND_FOREIGN_TABLE;
}

Oid owner_of(SystemCacheId cache, Oid oid, AttrNumber attribute) {
    HeapTuple tuple = SearchSysCache1(cache, ObjectIdGetDatum(oid));
    if (!HeapTupleIsValid(tuple)) return InvalidOid;
    bool is_null = false;
    const Datum owner = SysCacheGetAttr(cache, tuple, attribute, &is_null);
    ReleaseSysCache(tuple);
    return is_null ? InvalidOid : DatumGetObjectId(owner);
}

Oid owner_of_table(Oid oid) { return owner_of(RELOID, oid, Anum_pg_class_relowner); }

/// Whether a member of the extension lies in a schema of the extension's own that is not the extension's
/// schema.
bool lies_apart(const ObjectAddress& member, Oid home, Oid extension) {
    const Oid schema = get_object_namespace(&member);
    return OidIsValid(schema) && schema != home &&
           getExtensionOfObject(NamespaceRelationId, schema) == extension;
}

/// The schema that PostgreSQL takes for the extension's.
Oid home_of(Oid extension) {
    Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension));
    SysScanDesc scan = systable_beginscan(extensions, ExtensionOidIndexId, true, nullptr, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    Oid home = InvalidOid;
    if (HeapTupleIsValid(tuple)) home = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->extnamespace;
    systable_endscan(scan);
    table_close(extensions, AccessShareLock);
    return home;
}

}  // namespace

Oid history_schema(Oid table) {
    const Oid schema = find_schema();
    return OidIsValid(schema) && PGSM_MAY_CREATE_IN(schema, GetUserId()) ? schema : get_rel_namespace(table);
}

void give_to_owner(Oid table) {
    const Oid owner = owner_of_table(table);
    const Oid schema = find_schema();
    if (!OidIsValid(owner)) return;
    if (OidIsValid(schema) && owner_of(NAMESPACEOID, schema, Anum_pg_namespace_nspowner) != owner)
        AlterSchemaOwner_oid(schema, owner);
    ListCell* cell = nullptr;
    List* members = list_members(get_extension_oid(kExtension, false));
    foreach (cell, members) {
        const auto& member = *static_cast<const ObjectAddress*>(lfirst(cell));
        if (member.classId != RelationRelationId || !is_stored_or_live(member.objectId)) continue;
        const bool part =
            get_rel_relispartition(member.objectId) && get_partition_parent(member.objectId, true) == table;
        const bool side = OidIsValid(schema) && get_rel_namespace(member.objectId) == schema;
        if ((part || side) && owner_of_table(member.objectId) != owner)
            ATExecChangeOwner(member.objectId, owner, false, AccessExclusiveLock);
    }
}

List* members_made_later() {
    const Oid extension = get_extension_oid(kExtension, true);
    List* later = NIL;
    if (!OidIsValid(extension)) return later;
    const Oid home = home_of(extension);
    const Oid days = find_schema();
    const Oid table = find_export_table();
    const Oid rest = OidIsValid(table) ? get_default_partition_oid(table) : InvalidOid;
    ListCell* cell = nullptr;
    List* members = list_members(extension);
    foreach (cell, members) {
        const auto& member = *static_cast<const ObjectAddress*>(lfirst(cell));
        const bool stored = member.classId == RelationRelationId &&
                            get_rel_relkind(member.objectId) == RELKIND_RELATION && member.objectId != rest;
        const bool schema = member.classId == NamespaceRelationId && member.objectId != days;
        if (stored || schema || lies_apart(member, home, extension)) later = lappend(later, lfirst(cell));
    }
    return later;
}

bool moves_extension(const Node* statement) {
    if (!IsA(statement, AlterObjectSchemaStmt)) return false;
    const auto* alter = reinterpret_cast<const AlterObjectSchemaStmt*>(statement);
    return alter->objectType == OBJECT_EXTENSION && IsA(alter->object, String) &&
           strcmp(strVal(alter->object), kExtension) == 0;
}

List* take_members_out() {
    const Oid extension = get_extension_oid(kExtension, true);
    // PostgreSQL says so itself.
    if (!OidIsValid(extension) || !PGSM_OWNS_EXTENSION(extension, GetUserId())) return NIL;
    // No day may come meanwhile. PostgreSQL will take the same lock.
    const Oid table = find_export_table();
    if (OidIsValid(table)) LockRelationOid(table, AccessExclusiveLock);
    const Oid home = home_of(extension);
    List* apart = NIL;
    ListCell* cell = nullptr;
    List* members = list_members(extension);
    foreach (cell, members) {
        const auto* member = static_cast<const ObjectAddress*>(lfirst(cell));
        if (!lies_apart(*member, home, extension)) continue;
        deleteDependencyRecordsForClass(member->classId, member->objectId, ExtensionRelationId,
                                        DEPENDENCY_EXTENSION);
        apart = lappend(apart, lfirst(cell));
    }
    CommandCounterIncrement();
    return apart;
}

void give_members_back(const List* members) {
    const ObjectAddress extension{ExtensionRelationId, get_extension_oid(kExtension, false), 0};
    const ListCell* cell = nullptr;
    foreach (cell, members)
        recordDependencyOn(static_cast<const ObjectAddress*>(lfirst(cell)), &extension, DEPENDENCY_EXTENSION);
    CommandCounterIncrement();
}

}  // namespace pgsm::glue
