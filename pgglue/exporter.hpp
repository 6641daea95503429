// The exporter: background workers that export ended buckets with nobody calling anything. See exporter.cpp.
#pragma once

#include "core/api.hpp"

#include "pgglue/shmem.hpp"

namespace pgsm::glue {

/// Registers the background worker. From _PG_init, preloaded only.
void register_exporter();

/// Exporter processes only: puts down what keeps the export from happening, or that nothing does (idle, no
/// text), and says it in the log when it is news.
void set_exporter_state(ExporterState state, const char* reason);

/// Why nothing is exported; empty when all is well. Of SharedState, or of a copy of it.
const char* reason_of(const SharedState& state);

/// Why a bucket is given up now.
const char* reason_of_loss(const SharedState& state);

/// The state and the database that it is about.
ExporterState exporter_state();
Oid export_database();

}  // namespace pgsm::glue

// Entry points that the server finds by name: the exporter itself, and the short-lived worker in one
// database.
extern "C" {
PGDLLEXPORT void pgsm_exporter_main(Datum arg);
PGDLLEXPORT void pgsm_export_worker_main(Datum arg);
}
