// Who may delete and truncate what is stored. See emptying.cpp.
#pragma once

#include "pgglue/pg.hpp"

extern "C" {
#include "utils/relcache.h"
}

namespace pgsm::glue {

/// pg_stat_monitor_reset() of this database's extension, wherever it is; InvalidOid when there is none.
Oid find_reset_function();

/// What the triggers call that ask; InvalidOid when there is none.
Oid find_check_function();

/// ERROR 42501 unless the current role owns the table, or may call pg_stat_monitor_reset(). `what`: "delete
/// from" or "truncate".
void require_emptying(Relation table, const char* what);

}  // namespace pgsm::glue
