// The schema that days lie in, and who owns what lies there. See history_schema.cpp.
#pragma once

#include "pgglue/pg.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace pgsm::glue {

/// Where partitions of `table` are made: pgsm_history, or the schema of the table when that is not the
/// extension's or the current role may make nothing there.
Oid history_schema(Oid table);

/// Gives the partitions of ours and their schema to the owner of the table. Not for SPI; by a superuser.
void give_to_owner(Oid table);

/// The extension's members, as ObjectAddress, that its script does not make: what a dump is restored into lacks
/// them until somebody makes them anew.
List* members_made_later();

/// Whether the statement is ALTER EXTENSION pg_stat_monitor SET SCHEMA.
bool moves_extension(const Node* statement);

/// Takes out of the extension, for the time of this command, what lies in schemas of the extension's own:
/// PostgreSQL moves only extensions whose objects all lie in one schema. For give_members_back().
List* take_members_out();

void give_members_back(const List* members);

}  // namespace pgsm::glue
