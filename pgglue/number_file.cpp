#include <cinttypes>
#include <cstdio>

#include <unistd.h>

#include "core/api.hpp"

#include "pgglue/number_file.hpp"

extern "C" {
#include "storage/fd.h"
}

namespace pgsm::glue {

bool read_number(const char* path, int64* number) {
    FILE* file = AllocateFile(path, PG_BINARY_R);
    if (file == nullptr) return false;
    std::int64_t value = 0;
    const bool read = fscanf(file, "%" SCNd64, &value) == 1;
    FreeFile(file);
    if (read) *number = value;
    return read;
}

void write_number(const char* path, int64 number) {
    char new_path[MAXPGPATH];
    snprintf(new_path, sizeof(new_path), "%s.new", path);
    FILE* file = AllocateFile(new_path, PG_BINARY_W);
    bool written = file != nullptr && fprintf(file, INT64_FORMAT "\n", number) > 0;
    if (file != nullptr && FreeFile(file) != 0) written = false;
    if (!written) {
        ereport(LOG, (errcode_for_file_access(), errmsg("could not write file \"%s\": %m", new_path)));
        static_cast<void>(unlink(new_path));
        return;
    }
    // Writes it to disk before and after the renaming.
    static_cast<void>(durable_rename(new_path, path, LOG));
}

}  // namespace pgsm::glue
