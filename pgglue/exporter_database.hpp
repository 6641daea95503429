// In which database the exporter works. See exporter_database.cpp.
#pragma once

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// CREATE EXTENSION pg_stat_monitor, or its update, has run in this (sub)transaction: when it commits, and no
/// database is known yet, the exporter works here; in any case it looks again at once.
void note_extension_created();

/// Called by the callback that watch_transaction() registers.
void note_xact_event(XactEvent event);

/// What to call note_extension_created()'s (sub)transaction when a part of it ends.
void note_subxact_event(SubXactEvent event, SubTransactionId sub, SubTransactionId parent);

/// Exporter only: reads the file that remembers the database.
void load_export_database();

/// Exporter only: remembers `database` (InvalidOid: none is known) in shared memory and in the file.
void set_export_database(Oid database);

/// Exporter only: writes the file if shared memory has another database than it.
void save_export_database();

/// A database that could have the extension.
struct Candidate {
    Oid database;
    NameData name;
    bool connectable;
    bool is_template;
};

/// Exporter only: all databases, ordered by oid, in the current memory context. Inside a transaction.
Candidate* list_databases(int* count);

}  // namespace pgsm::glue
