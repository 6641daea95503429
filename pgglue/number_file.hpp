// Small files in the data directory that remember one number each.
#pragma once

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// False, and `number` untouched, when there is no such file or no number in it.
bool read_number(const char* path, int64* number);

/// Replaces the file as a whole, safely on disk. What goes wrong is in the log, never an error.
void write_number(const char* path, int64 number);

}  // namespace pgsm::glue
