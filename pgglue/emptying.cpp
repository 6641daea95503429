// Who may empty the history by DELETE and TRUNCATE: who may by pg_stat_monitor_reset(). A grant on all
// tables, or default privileges that give everything, are meant for an application's tables; on these they
// would let it wipe out what was recorded of it, and on the live partition everybody's memory.
//
// A trigger for statements on the table and on each of its partitions asks, so other statements pay nothing;
// a policy then lets the rows be deleted. A foreign table can have no trigger for TRUNCATE on 15: the wrapper
// asks there. Owners need no grant, and our own SQL runs as the owner.
#include "core/api.hpp"

#include "pgglue/emptying.hpp"

#include "pgglue/tracking.hpp"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/rel.h"
#include "utils/regproc.h"
}

namespace pgsm::glue {
namespace {

[[noreturn]] void report_forbidden(Relation table, const char* what, Oid reset) {
    const char* name = OidIsValid(reset) ? format_procedure_qualified(reset) : "pg_stat_monitor_reset()";
    ereport(ERROR,
            (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
             errmsg("permission denied to %s table \"%s\"", what, RelationGetRelationName(table)),
             errdetail(
                 "Only its owner and roles with privileges of calling pg_stat_monitor_reset() may do this."),
             errhint("GRANT EXECUTE ON FUNCTION %s lets a role do so.", name)));
    pg_unreachable();
}

/// The extension's function of that name and without arguments, in whatever schema.
Oid find_function(const char* name) {
    const Oid extension = get_extension_oid("pg_stat_monitor", true);
    if (!OidIsValid(extension)) return InvalidOid;
    Oid found = InvalidOid;
    CatCList* list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
    for (int i = 0; i < list->n_members; ++i) {
        const auto* function = reinterpret_cast<Form_pg_proc>(GETSTRUCT(&list->members[i]->tuple));
        if (function->pronargs == 0 && getExtensionOfObject(ProcedureRelationId, function->oid) == extension)
            found = function->oid;
    }
    ReleaseSysCacheList(list);
    return found;
}

}  // namespace

Oid find_reset_function() { return find_function("pg_stat_monitor_reset"); }

Oid find_check_function() { return find_function("pgsm_check_delete"); }

void require_emptying(Relation table, const char* what) {
    const Oid role = GetUserId();
    if (tracking_suspended != 0 || has_privs_of_role(role, table->rd_rel->relowner)) return;
    const Oid reset = find_reset_function();
    if (!OidIsValid(reset) || !PGSM_MAY_EXECUTE(reset, role)) report_forbidden(table, what, reset);
}

PGSM_FUNCTION(pgsm_check_delete) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("function \"%s\" was not called by trigger manager", "pgsm_check_delete")));
    const TriggerData& trigger = *reinterpret_cast<const TriggerData*>(fcinfo->context);
    const bool truncates = TRIGGER_FIRED_BY_TRUNCATE(trigger.tg_event);
    require_emptying(trigger.tg_relation, truncates ? "truncate" : "delete from");
    return Datum{0};
}

}  // namespace pgsm::glue
