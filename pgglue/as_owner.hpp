// Our own SQL against the table: as its owner, and unrecorded.
#pragma once

#include "pgglue/pg.hpp"

extern "C" {
#include "utils/rel.h"
}

namespace pgsm::glue {

/// Calls `work` with SPI connected, as the owner of `table`, in a security-restricted operation, with a
/// pinned search_path, row security off, and the recording of this backend suspended. So whoever may call us,
/// or owns a trigger on the table, gains nothing by it, and our statements do not show up as load.
void run_as_owner(Relation table, void (*work)(void* argument), void* argument);

/// The table's name as SQL wants it.
const char* quoted_name(Relation table);

}  // namespace pgsm::glue
