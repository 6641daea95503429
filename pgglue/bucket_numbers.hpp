// Bucket numbers are never used twice, not even after a crash. See bucket_numbers.cpp.
#pragma once

#include "pgglue/pg.hpp"

extern "C" {
#include "utils/rel.h"
}

namespace pgsm::glue {

/// Postmaster, at start: lets a store that is empty go on behind all numbers that were ever given out (not
/// one that has come from the image file: it knows them), and reserves the next ones.
void continue_bucket_numbers(bool from_image);

/// Exporter, whenever it is awake: reserves more numbers before the last reserved one is reached.
void reserve_bucket_numbers();

/// An export, once in each run of the server, before it stamps anything: if the table has rows with numbers
/// that memory is yet to give out or to export (this server was a standby, or has been restored), memory goes
/// on behind them. `table` is open and lock_exports() has been called. Needs an index that begins with
/// `bucket`; without one nothing is done.
void continue_behind_table(Relation table);

}  // namespace pgsm::glue
