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

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_statistic.h"
#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
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

void hide_grants_from_dumps(const History& history) {
    const char* days = "";
    for (int i = 0; i < history.count; ++i)
        if (history.parts[i].own)
            days = psprintf("%s%s%u", days, days[0] == '\0' ? "" : ",", history.parts[i].oid);
    // pg_dump leaves out what the extension is said to have granted itself.
    const uint64 count = run_sql(psprintf(
        "SELECT DISTINCT g.oid FROM (SELECT c.oid, 0 AS part, c.relacl AS acl FROM pg_class AS c UNION ALL "
        "SELECT a.attrelid, a.attnum, a.attacl FROM pg_attribute AS a) AS g LEFT JOIN pg_init_privs AS p "
        "ON p.objoid = g.oid AND p.classoid = 'pg_class'::regclass AND p.objsubid = g.part "
        "WHERE g.oid = ANY ('{%s}'::oid[]) AND g.acl IS NOT NULL AND g.acl IS DISTINCT FROM p.initprivs",
        days));
    const SPITupleTable* found = SPI_tuptable;
    for (uint64 i = 0; i < count; ++i) {
        bool is_null = false;
        recordExtObjInitPriv(DatumGetObjectId(SPI_getbinval(found->vals[i], found->tupdesc, 1, &is_null)),
                             RelationRelationId);
    }
}

}  // namespace pgsm::glue
