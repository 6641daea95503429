// Small files in the data directory that remember one number each.
#pragma once

#include "pgglue/pg.hpp"

namespace pgsm::glue {

enum class NumberFile {
    read,
    none,        // no such file, or none any more: one without a number has been set aside
    unreadable,  // it is there, but it could not be read: that has been logged
};

/// Sets `number` when it was read.
[[nodiscard]] NumberFile read_number(const char* path, int64* number);

/// Replaces the file as a whole, safely on disk. What goes wrong is in the log, never an error.
void write_number(const char* path, int64 number);

}  // namespace pgsm::glue
