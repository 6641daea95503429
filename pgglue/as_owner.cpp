#include "core/api.hpp"

#include "pgglue/as_owner.hpp"

#include "pgglue/tracking.hpp"
#include "pgglue/trigger_trust.hpp"

extern "C" {
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
}

namespace pgsm::glue {
namespace {

void set_for_now(const char* name, const char* value) {
    static_cast<void>(
        set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false));
}

/// An error needs no undoing here: the server's abort puts user and settings back and leaves SPI.
void run_restricted(Relation table, void (*work)(void*), void* argument) {
    Oid caller = InvalidOid;
    int security = 0;
    const bool hushed = has_foreign_trigger(table);
    GetUserIdAndSecContext(&caller, &security);
    SetUserIdAndSecContext(table->rd_rel->relowner, security | SECURITY_RESTRICTED_OPERATION);
    const int nest_level = NewGUCNestLevel();
    set_for_now("search_path", "pg_catalog, pg_temp");
    set_for_now("row_security", "off");
    if (hushed)
        static_cast<void>(set_config_option(kTriggerSetting, "replica", PGC_SUSET, PGC_S_SESSION,
                                            GUC_ACTION_SAVE, true, 0, false));
    if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
    work(argument);
    if (SPI_finish() != SPI_OK_FINISH) elog(ERROR, "SPI_finish failed");
    AtEOXact_GUC(false, nest_level);
    SetUserIdAndSecContext(caller, security);
}

}  // namespace

void run_as_owner(Relation table, void (*work)(void*), void* argument) {
    tracking_suspended = tracking_suspended + 1;
    PG_TRY();
    { run_restricted(table, work, argument); }
    PG_FINALLY();
    { tracking_suspended = tracking_suspended - 1; }
    PG_END_TRY();
}

const char* quoted_name(Relation table) {
    return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table)),
                                      RelationGetRelationName(table));
}

}  // namespace pgsm::glue
