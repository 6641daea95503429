// The exporter: background workers that export ended buckets with nobody calling anything. See exporter.cpp.
#pragma once

#include "core/api.hpp"

#include "pgglue/shmem.hpp"

namespace pgsm::glue {

/// Registers the background worker. From _PG_init, preloaded only.
void register_exporter();

/// Whether the server has taken it: max_worker_processes may have left no room. Postmaster only.
bool exporter_is_registered();

}  // namespace pgsm::glue

// Entry points that the server finds by name: the exporter itself, and the short-lived worker in one
// database.
extern "C" {
PGDLLEXPORT void pgsm_exporter_main(Datum arg);
PGDLLEXPORT void pgsm_export_worker_main(Datum arg);
}
