// Bucket numbers are never used twice, not even after a crash. See bucket_numbers.cpp.
#pragma once

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// Postmaster, at start: lets a store that is empty go on behind all numbers that were ever given out (not
/// one that has come from the image file: it knows them), and reserves the next ones.
void continue_bucket_numbers(bool from_image);

/// Exporter, whenever it is awake: reserves more numbers before the last reserved one is reached.
void reserve_bucket_numbers();

}  // namespace pgsm::glue
