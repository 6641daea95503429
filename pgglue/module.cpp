// The library's door: magic block and installation, in an order that can be read here.
#include "core/api.hpp"

#include "pgglue/exporter.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/install.hpp"

extern "C" {
PGSM_MODULE_MAGIC;
}

void _PG_init(void) {
    using namespace pgsm::glue;
    // Loaded in any other way there is no shared memory, so nothing is recorded; the SQL functions say so.
    if (!process_shared_preload_libraries_in_progress) return;
    define_settings();
    // pg_upgrade starts servers that only it is to change. The library then has no shared memory, records
    // nothing, exports nothing, drops no day, and leaves alone what it saved at the last shutdown.
    if (IsBinaryUpgrade) return;
    EnableQueryId();
    install_shmem();
    install_statement_hooks();
    install_log_hook();
    register_exporter();
}
