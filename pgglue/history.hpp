// The history: day partitions made ahead, old ones merged into hours and dropped. See history.cpp.
#pragma once

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// Export worker only, outside of a transaction: sees to it that today and tomorrow have partitions, and
/// the week that follows when tomorrow has none. What
/// goes wrong is put into the status; the rows then go to the default partition.
void make_days_ahead();

/// Export worker only, outside of a transaction, after an export: some of the work that is due, in short
/// transactions. What goes wrong is put into the status.
void keep_history();

}  // namespace pgsm::glue
