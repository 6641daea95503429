// What _PG_init calls, each putting its hooks into the server's chains.
#pragma once

namespace pgsm::glue {

void install_shmem();
void install_statement_hooks();
void install_utility_hook();  // by install_statement_hooks()
void install_log_hook();

}  // namespace pgsm::glue
