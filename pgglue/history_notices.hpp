// What is said about the history to whom it may surprise. See history_notices.cpp.
#pragma once

#include "pgglue/pg.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgsm::glue {

/// CREATE EXTENSION has run here: NOTICE when the history is kept in another database, WARNING when
/// publications would take it along.
void advise_creator();

/// pg_stat_monitor_export() has run here: NOTICE when the history is kept in another database.
void advise_exporting_caller();

/// Bytes of stored statistics that a statement is about to drop with the extension; 0: it does not drop it,
/// or there are none. Before it runs.
int64 history_to_be_dropped(const Node* statement);

/// When it has run.
void report_dropped_history(int64 bytes);

/// Worker only, inside a transaction: puts the publications that take the history along into the status, and
/// into the log when they are news.
void note_publications(Oid table);

}  // namespace pgsm::glue
