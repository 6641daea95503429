// What keeps the stored rows of others from whoever may not see them. See history_privacy.cpp.
#pragma once

#include "pgglue/history_days.hpp"
#include "pgglue/pg.hpp"

extern "C" {
#include "nodes/nodes.h"
}

namespace pgsm::glue {

/// Gives a table that was just made like pg_stat_monitor what LIKE does not copy: policies, the check of
/// DELETE and TRUNCATE, no statistics of what is private, and no privileges for anybody but its owner. For
/// SPI.
void protect_table(Oid oid);

/// Whether PostgreSQL keeps or may gather statistics of the relation that would tell what is private.
bool has_telling_statistics(Oid oid);

/// Removes them and has no more gathered, of the relation alone. For SPI.
void remove_telling_statistics(Oid oid);

/// Keeps what somebody granted on days of ours, and on what else is made later than the extension, out of dumps:
/// where they are restored, there are no such objects, and the GRANT would fail.
void hide_grants_from_dumps();

/// Whether the statement may change privileges, so that hide_grants_from_dumps() has to follow.
bool changes_grants(const Node* statement);

}  // namespace pgsm::glue
