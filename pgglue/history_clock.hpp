// By which time the history ages. See history_clock.cpp.
#pragma once

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// A clock in microseconds that nobody sets; of the machine, so that it goes on while the server is stopped.
int64 steady_us();

/// The time by which stored rows are too old. A clock that was set is believed after a day, or after
/// pgsm_history_retention where that is shorter; the log says once that it was set. Export worker only.
TimestampTz trusted_now();

/// Notes the trusted time for the next start. Exporter process only, at a clean shutdown.
void save_trusted_time();

/// A standby becomes a primary: what was noted is the old primary's.
void forget_trusted_time();

}  // namespace pgsm::glue
