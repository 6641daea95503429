// The library's own files in the data directory. Anything may lie where one is looked for; the start of a
// server must not hang at a FIFO, nor read a device to its end.
#pragma once

#include <cstdio>

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// Opens a regular file to read it. Null with errno ENOENT when there is none, or none any more: what is no
/// regular file is set aside, with a warning. Null with another errno when it cannot be opened: that has been
/// logged.
FILE* open_to_read(const char* path);

/// Opens a new file to write it; what is in its way is set aside unless it is a regular file. Null with errno
/// when that does not work.
FILE* open_to_write(const char* path);

/// Ends writing: `written` says whether it went well so far. Swaps the file in for `path`, safely on disk;
/// else removes it and logs why, out of errno. Never an error.
void finish_writing(FILE* file, bool written, const char* new_path, const char* path);

/// Renames a file to *.rejected, with a warning that says what it is and why. `fault` is a sentence.
void set_aside(const char* path, const char* what, const char* fault);

}  // namespace pgsm::glue
