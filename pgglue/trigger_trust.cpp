// What we write to the table we write as its owner, a superuser mostly, and a trigger runs as whoever writes.
// Who has the TRIGGER privilege on the table (GRANT ALL ON ALL TABLES gives it) could make one that reads
// everybody's statements, or does what only the owner may. Such triggers do not run while we write.
//
// Nothing says who created a trigger. So all the code counts that it runs: its function, and what its WHEN
// calls, must be of superusers or of roles that may act as the owner. What else it depends on, operators or
// types that somebody made, could call anything.
#include "core/api.hpp"

#include "pgglue/trigger_trust.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "partitioning/partdesc.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
}

namespace pgsm::glue {
namespace {

bool is_trusted_function(Oid function, Oid owner) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return false;
    const Oid author = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->proowner;
    ReleaseSysCache(tuple);
    return superuser_arg(author) || has_privs_of_role(author, owner);
}

/// PostgreSQL's own functions and types are pinned and do not appear.
bool is_trusted_trigger(Oid trigger, Oid owner) {
    Relation depend = table_open(DependRelationId, AccessShareLock);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(TriggerRelationId));
    ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(trigger));
    SysScanDesc scan = systable_beginscan(depend, DependDependerIndexId, true, nullptr, 2, keys);
    bool trusted = true;
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple); tuple = systable_getnext(scan)) {
        const auto* found = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));
        if (found->refclassid == ProcedureRelationId)
            trusted = trusted && is_trusted_function(found->refobjid, owner);
        else if (found->refclassid != RelationRelationId && found->refclassid != TriggerRelationId)
            trusted = false;
    }
    systable_endscan(scan);
    table_close(depend, AccessShareLock);
    return trusted;
}

bool has_foreign_trigger_itself(Oid table, Oid owner) {
    Relation triggers = table_open(TriggerRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(table));
    SysScanDesc scan = systable_beginscan(triggers, TriggerRelidNameIndexId, true, nullptr, 1, &key);
    bool found = false;
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple); tuple = systable_getnext(scan)) {
        const auto* trigger = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple));
        if (!trigger->tgisinternal && !is_trusted_trigger(trigger->oid, owner)) found = true;
    }
    systable_endscan(scan);
    table_close(triggers, AccessShareLock);
    return found;
}

}  // namespace

bool has_foreign_trigger(Relation table) {
    const Oid owner = table->rd_rel->relowner;
    if (has_foreign_trigger_itself(RelationGetRelid(table), owner)) return true;
    if (table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) return false;
    PartitionDesc parts = RelationGetPartitionDesc(table, true);
    for (int i = 0; i < parts->nparts; ++i)
        if (has_foreign_trigger_itself(parts->oids[i], owner)) return true;
    return false;
}

}  // namespace pgsm::glue
