#include <cerrno>
#include <cinttypes>
#include <cstdio>

#include "core/api.hpp"

#include "pgglue/number_file.hpp"

#include "pgglue/own_file.hpp"

extern "C" {
#include "storage/fd.h"
}

namespace pgsm::glue {

NumberFile read_number(const char* path, int64* number) {
    FILE* file = open_to_read(path);
    if (file == nullptr) return errno == ENOENT ? NumberFile::none : NumberFile::unreadable;
    std::int64_t value = 0;
    const bool read = fscanf(file, "%" SCNd64, &value) == 1;
    const bool failed = !read && ferror(file) != 0;
    if (failed) ereport(LOG, (errcode_for_file_access(), errmsg("could not read file \"%s\": %m", path)));
    FreeFile(file);
    if (failed) return NumberFile::unreadable;
    if (!read) {
        set_aside(path, psprintf("file \"%s\"", path), "It does not hold a number.");
        return NumberFile::none;
    }
    *number = value;
    return NumberFile::read;
}

void write_number(const char* path, int64 number) {
    char new_path[MAXPGPATH];
    snprintf(new_path, sizeof(new_path), "%s.new", path);
    errno = 0;
    FILE* file = open_to_write(new_path);
    const bool written = file != nullptr && fprintf(file, INT64_FORMAT "\n", number) > 0;
    finish_writing(file, written, new_path, path);
}

}  // namespace pgsm::glue
