// The exporter: a background worker that exports ended buckets with nobody calling anything. See exporter.cpp.
#pragma once

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// Registers the background worker. From _PG_init, preloaded only.
void register_exporter();

}  // namespace pgsm::glue

// Entry points that the server finds by name: the exporter itself, and the short-lived worker in one database.
extern "C" {
PGDLLEXPORT void pgsm_exporter_main(Datum arg);
PGDLLEXPORT void pgsm_export_worker_main(Datum arg);
}
