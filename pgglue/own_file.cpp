#include <cerrno>
#include <cstdio>

#include <sys/stat.h>
#include <unistd.h>

#include "core/api.hpp"

#include "pgglue/own_file.hpp"

extern "C" {
#include "storage/fd.h"
}

namespace pgsm::glue {
namespace {

constexpr char kNoRegularFile[] = "It is not a regular file.";

}  // namespace

void set_aside(const char* path, const char* what, const char* fault) {
    char rejected[MAXPGPATH];
    snprintf(rejected, sizeof(rejected), "%s.rejected", path);
    if (rename(path, rejected) != 0) {
        ereport(WARNING, (errcode_for_file_access(),
                          errmsg("could not rename file \"%s\" to \"%s\": %m", path, rejected),
                          errdetail("%s", fault), errhint("Remove it.")));
        return;
    }
    ereport(WARNING, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("pg_stat_monitor cannot use %s", what),
                      errdetail("%s", fault), errhint("The file is kept as \"%s\".", rejected)));
}

FILE* open_to_read(const char* path) {
    struct stat found;
    if (stat(path, &found) == 0 && !S_ISREG(found.st_mode)) {
        set_aside(path, psprintf("file \"%s\"", path), kNoRegularFile);
        errno = ENOENT;
        return nullptr;
    }
    FILE* file = AllocateFile(path, PG_BINARY_R);
    if (file == nullptr && errno != ENOENT) {
        const int error = errno;
        ereport(LOG, (errcode_for_file_access(), errmsg("could not open file \"%s\": %m", path)));
        errno = error;
    }
    return file;
}

FILE* open_to_write(const char* path) {
    struct stat found;
    if (lstat(path, &found) == 0 && !S_ISREG(found.st_mode)) {
        set_aside(path, psprintf("file \"%s\"", path), kNoRegularFile);
        if (lstat(path, &found) == 0) {
            errno = EEXIST;
            return nullptr;
        }
    }
    return AllocateFile(path, PG_BINARY_W);
}

void finish_writing(FILE* file, bool written, const char* new_path, const char* path) {
    int error = errno;
    if (file != nullptr && FreeFile(file) != 0 && written) {
        error = errno;
        written = false;
    }
    if (!written) {
        // A write that came to its end early says nothing: then the disk is full.
        errno = error != 0 ? error : ENOSPC;
        ereport(LOG, (errcode_for_file_access(), errmsg("could not write file \"%s\": %m", new_path)));
        static_cast<void>(unlink(new_path));
        return;
    }
    struct stat found;
    if (lstat(path, &found) == 0 && S_ISDIR(found.st_mode))
        set_aside(path, psprintf("file \"%s\"", path), kNoRegularFile);
    // Writes it to disk before and after the renaming.
    static_cast<void>(durable_rename(new_path, path, LOG));
}

}  // namespace pgsm::glue
