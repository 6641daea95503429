// The file that carries the store over a clean restart. See image_file.cpp.
#pragma once

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// Fills the store, which has just been made, from the file of the last shutdown, if there is one that fits;
/// else sees to it that no bucket number is used again. Postmaster only, in the shared-memory startup hook,
/// after SharedState and the store are initialised. Never an error.
void load_image();

/// on_shmem_exit callback of the postmaster: writes the file after a clean shutdown. Never an error.
void save_image(int code, Datum arg);

}  // namespace pgsm::glue
