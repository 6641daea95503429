// A partition is a table by itself: roles that may read every table (pg_read_all_data, default privileges)
// read it past the parent, and the planner estimates by its statistics. So each has the policies of the
// parent, no privileges, and no statistics but of the columns that have `statistics` in schema/columns.yaml:
// a condition like query < 'x' is leakproof, so PostgreSQL estimates it by the rows of others as well, and
// EXPLAIN shows the estimate to everybody.
//
// Statistics are looked at anew now and then: tables of earlier versions have them, and columns that a newer
// server brought.
#include "core/api.hpp"

#include "pgglue/history_privacy.hpp"

#include "pgglue/emptying.hpp"
#include "pgglue/history_schema.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_init_privs.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_statistic.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
}

namespace pgsm::glue {
namespace {

#include "generated/pgglue/history.inc"

bool is_analysed(const char* column) {
    for (const char* name : kAnalysedColumns)
        if (strcmp(name, column) == 0) return true;
    return false;
}

/// The target of ANALYZE for a column is 0. Its type and whether it can be null are not the same in all
/// majors.
bool has_no_target(HeapTuple attribute, TupleDesc desc) {
    bool is_null = false;
    const Datum target = heap_getattr(attribute, Anum_pg_attribute_attstattarget, desc, &is_null);
    return !is_null && DatumGetInt16(target) == 0;
}

/// "ALTER COLUMN a SET STATISTICS 0, …" for what still has a target; empty when nothing has.
const char* actions_against_targets(Oid oid) {
    Relation attributes = table_open(AttributeRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_attribute_attrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(oid));
    SysScanDesc scan = systable_beginscan(attributes, AttributeRelidNumIndexId, true, nullptr, 1, &key);
    const char* actions = "";
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple); tuple = systable_getnext(scan)) {
        const auto* column = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple));
        if (column->attnum <= 0 || column->attisdropped || is_analysed(NameStr(column->attname))) continue;
        if (has_no_target(tuple, RelationGetDescr(attributes))) continue;
        actions = psprintf("%s%sALTER COLUMN %s SET STATISTICS 0", actions, actions[0] == '\0' ? "" : ", ",
                           quote_identifier(NameStr(column->attname)));
    }
    systable_endscan(scan);
    table_close(attributes, AccessShareLock);
    return actions;
}

/// A column that has telling statistics; 0 when none has.
AttrNumber find_telling_column(Oid oid) {
    Relation statistics = table_open(StatisticRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_statistic_starelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(oid));
    SysScanDesc scan = systable_beginscan(statistics, StatisticRelidAttnumInhIndexId, true, nullptr, 1, &key);
    AttrNumber found = 0;
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple); tuple = systable_getnext(scan)) {
        const AttrNumber number = reinterpret_cast<Form_pg_statistic>(GETSTRUCT(tuple))->staattnum;
        const char* name = get_attname(oid, number, true);
        if (name == nullptr || !is_analysed(name)) found = number;
    }
    systable_endscan(scan);
    table_close(statistics, AccessShareLock);
    return found;
}

/// As if there were no default privileges. A REVOKE would leave an ACL behind, which pg_dump compares and
/// pg_upgrade carries along.
void clear_privileges(Oid oid) {
    HeapTuple tuple = SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(oid));
    if (!HeapTupleIsValid(tuple)) return;
    bool is_null = false;
    const Datum acl = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &is_null);
    if (is_null) return;
    Oid* members = nullptr;
    const int count = aclmembers(DatumGetAclP(acl), &members);
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;

    Datum values[Natts_pg_class] = {};
    bool nulls[Natts_pg_class] = {};
    bool changes[Natts_pg_class] = {};
    nulls[Anum_pg_class_relacl - 1] = changes[Anum_pg_class_relacl - 1] = true;
    Relation classes = table_open(RelationRelationId, RowExclusiveLock);
    tuple = heap_modify_tuple(tuple, RelationGetDescr(classes), values, nulls, changes);
    CatalogTupleUpdate(classes, &tuple->t_self, tuple);
    table_close(classes, RowExclusiveLock);
    updateAclDependencies(RelationRelationId, oid, 0, owner, count, members, 0, nullptr);
    CommandCounterIncrement();
}

/// The check of DELETE and TRUNCATE, unless the SQL objects are of an earlier version.
void make_check(const char* full) {
    const Oid reset = find_reset_function();
    if (!OidIsValid(reset)) return;
    run_sql(psprintf(kDeletePolicySql, full, quote_literal_cstr(format_procedure_qualified(reset))));
    const Oid check = find_check_function();
    if (!OidIsValid(check)) return;
    run_sql(psprintf("CREATE TRIGGER pg_stat_monitor_check_delete BEFORE DELETE OR TRUNCATE ON %s "
                     "FOR EACH STATEMENT EXECUTE FUNCTION %s",
                     full, format_procedure_qualified(check)));
}

/// What the extension is said to have granted itself; null: nothing.
Acl* noted_grants(const ObjectAddress& member, int column) {
    Relation relation = table_open(InitPrivsRelationId, AccessShareLock);
    ScanKeyData keys[3];
    ScanKeyInit(&keys[0], Anum_pg_init_privs_objoid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(member.objectId));
    ScanKeyInit(&keys[1], Anum_pg_init_privs_classoid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(member.classId));
    ScanKeyInit(&keys[2], Anum_pg_init_privs_objsubid, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(column));
    SysScanDesc scan = systable_beginscan(relation, InitPrivsObjIndexId, true, nullptr, 3, keys);
    HeapTuple tuple = systable_getnext(scan);
    Acl* grants = nullptr;
    if (HeapTupleIsValid(tuple)) {
        bool is_null = false;
        const Datum found =
            heap_getattr(tuple, Anum_pg_init_privs_initprivs, RelationGetDescr(relation), &is_null);
        if (!is_null) grants = DatumGetAclPCopy(found);
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return grants;
}

/// Whether a tuple of the catalog has privileges that are not noted yet.
bool is_new(SystemCacheId cache, HeapTuple tuple, AttrNumber attribute, const ObjectAddress& member, int column) {
    bool is_null = false;
    const Datum found = SysCacheGetAttr(cache, tuple, attribute, &is_null);
    if (is_null) return false;
    const Acl* noted = noted_grants(member, column);
    return noted == nullptr || !aclequal(DatumGetAclP(found), noted);
}

bool has_new_grants(SystemCacheId cache, AttrNumber attribute, const ObjectAddress& member) {
    HeapTuple tuple = SearchSysCache1(cache, ObjectIdGetDatum(member.objectId));
    if (!HeapTupleIsValid(tuple)) return false;
    const bool found = is_new(cache, tuple, attribute, member, 0);
    ReleaseSysCache(tuple);
    return found;
}

bool has_new_column_grants(const ObjectAddress& member) {
    bool found = false;
    CatCList* list = SearchSysCacheList1(ATTNUM, ObjectIdGetDatum(member.objectId));
    for (int i = 0; i < list->n_members && !found; ++i) {
        HeapTuple tuple = &list->members[i]->tuple;
        const AttrNumber number = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple))->attnum;
        found = is_new(ATTNUM, tuple, Anum_pg_attribute_attacl, member, number);
    }
    ReleaseSysCacheList(list);
    return found;
}

bool has_no_privileges(Oid relation) {
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple)) return false;
    bool is_null = false;
    const Datum acl = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &is_null);
    const bool none = !is_null && ACL_NUM(DatumGetAclP(acl)) == 0;
    ReleaseSysCache(tuple);
    return none;
}

bool has_new_grants(const ObjectAddress& member) {
    switch (member.classId) {
    case RelationRelationId:
        return has_new_grants(RELOID, Anum_pg_class_relacl, member) || has_new_column_grants(member);
    case NamespaceRelationId:
        return has_new_grants(NAMESPACEOID, Anum_pg_namespace_nspacl, member);
    case ProcedureRelationId:
        return has_new_grants(PROCOID, Anum_pg_proc_proacl, member);
    default:
        return false;
    }
}

}  // namespace

void protect_table(Oid oid) {
    const char* full = qualified_name(oid);
    clear_privileges(oid);
    run_sql(psprintf(kPolicySql, full));
    make_check(full);
    run_sql(psprintf("ALTER TABLE %s ENABLE ROW LEVEL SECURITY", full));
    remove_telling_statistics(oid);
}

bool has_telling_statistics(Oid oid) {
    return find_telling_column(oid) != 0 || actions_against_targets(oid)[0] != '\0';
}

void remove_telling_statistics(Oid oid) {
    // Its lock keeps ANALYZE out.
    const char* actions = actions_against_targets(oid);
    if (actions[0] != '\0') run_sql(psprintf("ALTER TABLE ONLY %s %s", qualified_name(oid), actions));
    for (AttrNumber column = find_telling_column(oid); column != 0; column = find_telling_column(oid)) {
        RemoveStatistics(oid, column);
        CommandCounterIncrement();
    }
}

void hide_grants_from_dumps() {
    // pg_upgrade takes both along, what was granted and what is noted.
    if (IsBinaryUpgrade) return;
    CommandCounterIncrement();
    ListCell* cell = nullptr;
    List* members = members_made_later();
    foreach (cell, members) {
        const auto& member = *static_cast<const ObjectAddress*>(lfirst(cell));
        if (!has_new_grants(member)) continue;
        if (member.classId == RelationRelationId && has_no_privileges(member.objectId)) {
            // Not even its owner, as whom we write. There is no way to note that, either.
            clear_privileges(member.objectId);
            continue;
        }
        // One at a time: two sessions that grant would write the same tuple.
        LockRelationOid(InitPrivsRelationId, ShareRowExclusiveLock);
        // pg_dump leaves out what the extension is said to have granted itself.
        recordExtObjInitPriv(member.objectId, member.classId);
        CommandCounterIncrement();
    }
}

bool changes_grants(const Node* statement) {
    switch (nodeTag(statement)) {
    case T_GrantStmt:
    case T_DropOwnedStmt:
    case T_ReassignOwnedStmt:
        return true;
    case T_AlterOwnerStmt:
        return reinterpret_cast<const AlterOwnerStmt*>(statement)->objectType == OBJECT_SCHEMA;
    case T_AlterTableStmt: {
        ListCell* cell = nullptr;
        foreach (cell, reinterpret_cast<const AlterTableStmt*>(statement)->cmds)
            if (lfirst_node(AlterTableCmd, cell)->subtype == AT_ChangeOwner) return true;
        return false;
    }
    default:
        return false;
    }
}

}  // namespace pgsm::glue
