// What the exporter's processes say about themselves to everybody. See exporter_state.cpp.
#pragma once

#include "core/api.hpp"

#include "pgglue/shmem.hpp"

namespace pgsm::glue {

/// Exporter processes only: puts down the state and its reason (empty for ok), and says the reason in the log
/// when it is news.
void set_exporter_state(ExporterState state, const char* reason);

/// Exporter only: a worker is about to begin. While a failing export is tried again the state stays failing.
void begin_attempt();

/// Exporter only: counts an export that failed, and its message, and sets the state.
void note_export_failure(const char* message);

/// Worker only: what came of it.
void set_worker_result(WorkerResult result, const char* message);

/// Exporter only: what the worker said, and the message that it left: why it failed, or what it died of.
WorkerResult worker_result(char* message, Size cap);

/// What keeps the history from being maintained; empty: nothing any more.
void note_history_error(const char* message);

/// Keeps the reason why buckets were given up since the last look, before it changes.
void note_losses();

/// Why the state is what it is; empty when all is well. Of SharedState, or of a copy of it.
const char* reason_of(const SharedState& state);

/// Why a bucket was given up, if it was now.
const char* reason_of_loss(const SharedState& state);

ExporterState exporter_state();

/// The database that the state is about.
Oid export_database();

}  // namespace pgsm::glue
