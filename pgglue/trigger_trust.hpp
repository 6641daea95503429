// Whose triggers run while we write as the table's owner. See trigger_trust.cpp.
#pragma once

#include "pgglue/pg.hpp"

extern "C" {
#include "utils/relcache.h"
}

namespace pgsm::glue {

/// Whether the partitioned table or one of its partitions has a trigger that runs code of a role that could
/// not act as the table's owner anyway.
bool has_foreign_trigger(Relation table);

/// The name of the setting that keeps all triggers from running, but those that an owner enabled for
/// replicas.
inline constexpr char kTriggerSetting[] = "session_replication_role";

}  // namespace pgsm::glue
