// Which of the stored rows this server has exported itself. See own_rows.cpp.
#pragma once

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// Postmaster, at start: notes whether what is stored is another server's so far. True on a standby.
bool note_start();

/// Exporter, at start: from now on this server stores rows of its own.
void note_end_of_recovery();

}  // namespace pgsm::glue
