// The sites: what the library calls and may fail. The linker sends each call of NAME to __wrap_NAME
// (-Wl,--wrap), which comes here; __real_NAME is the function itself.
//
// A call that raises errors is one line in sites.inc: its wrapper takes its parameters from the declaration,
// so that no version of PostgreSQL needs a line of its own. The address of that wrapper gets its name by an
// ifunc. By hand are those that report otherwise or take arguments without end.
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <type_traits>

#include <sys/stat.h>
#include <unistd.h>

#include "core/api.hpp"

#include "pgglue/pg.hpp"

#include "tests/instrumented/faults.hpp"

extern "C" {
#include "access/genam.h"
#include "access/heapam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/toast_internals.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/partition.h"
#include "catalog/pg_publication.h"
#include "commands/comment.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/explain.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
#include "commands/extension.h"
#include "commands/schemacmds.h"
#include "commands/tablecmds.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "parser/scanner.h"
#include "partitioning/partdesc.h"
#include "postmaster/bgworker.h"
#include "storage/fd.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc_tables.h"
#include "utils/wait_event.h"
#include "utils/catcache.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/regproc.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
}

namespace pgsm::faults {

template <auto* kReal, const char* kName>
struct Site;

template <typename Result, typename... Arguments, Result (*kReal)(Arguments...), const char* kName>
struct Site<kReal, kName> {
    static Result call(Arguments... arguments) {
        point(kName);
        return kReal(arguments...);
    }
};

/// Counts as a failure of the system call that the function would have made.
bool fails(const char* site, int error) {
    if (!due(site)) return false;
    errno = error;
    return true;
}

}  // namespace pgsm::faults

using namespace pgsm::faults;

#define SITE(name)                                                                                           \
    extern "C" decltype(name) __real_##name;                                                                 \
    static constexpr char site_##name[] = #name;                                                             \
    extern "C" decltype(&name) resolve_##name() { return &Site<&__real_##name, site_##name>::call; }         \
    extern "C" decltype(name) __wrap_##name __attribute__((ifunc("resolve_" #name)));
#include "tests/instrumented/sites.inc"
#undef SITE

#define REAL(name) extern "C" decltype(name) __real_##name

REAL(MarkGUCPrefixReserved);
REAL(MemoryContextAllocExtended);
REAL(RegisterDynamicBackgroundWorker);
REAL(AllocateFile);
REAL(FreeFile);
REAL(durable_rename);
REAL(durable_unlink);
REAL(fread);
REAL(fwrite);
extern "C" int __real_fstat64(int file, struct stat* status);
extern "C" int __real_unlink(const char* path);
extern "C" int __real_access(const char* path, int mode);

extern "C" void __wrap_MarkGUCPrefixReserved(const char* prefix) {
    define_settings();
    __real_MarkGUCPrefixReserved(prefix);
}

extern "C" void* __wrap_MemoryContextAllocExtended(MemoryContext context, Size size, int flags) {
    if (due("MemoryContextAllocExtended")) {
        if ((flags & MCXT_ALLOC_NO_OOM) != 0) return nullptr;
        raise("MemoryContextAllocExtended");
    }
    return __real_MemoryContextAllocExtended(context, size, flags);
}

extern "C" bool __wrap_RegisterDynamicBackgroundWorker(BackgroundWorker* worker,
                                                       BackgroundWorkerHandle** handle) {
    return !due("RegisterDynamicBackgroundWorker") && __real_RegisterDynamicBackgroundWorker(worker, handle);
}

extern "C" char* __wrap_psprintf(const char* format, ...) {
    point("psprintf");
    StringInfoData text;
    initStringInfo(&text);
    va_list arguments;
    for (int needed = 1; needed != 0;) {
        va_start(arguments, format);
        needed = appendStringInfoVA(&text, format, arguments);
        va_end(arguments);
        if (needed != 0) enlargeStringInfo(&text, needed);
    }
    return text.data;
}

extern "C" void __wrap_appendStringInfo(StringInfo text, const char* format, ...) {
    point("appendStringInfo");
    va_list arguments;
    for (int needed = 1; needed != 0;) {
        va_start(arguments, format);
        needed = appendStringInfoVA(text, format, arguments);
        va_end(arguments);
        if (needed != 0) enlargeStringInfo(text, needed);
    }
}

extern "C" FILE* __wrap_AllocateFile(const char* path, const char* mode) {
    return fails("AllocateFile", ENOSPC) ? nullptr : __real_AllocateFile(path, mode);
}

/// Closes, but what was written has not come to the disk.
extern "C" int __wrap_FreeFile(FILE* file) {
    const int result = __real_FreeFile(file);
    return fails("FreeFile", ENOSPC) ? EOF : result;
}

extern "C" int __wrap_durable_rename(const char* from, const char* to, int elevel) {
    if (!fails("durable_rename", EIO)) return __real_durable_rename(from, to, elevel);
    ereport(elevel,
            (errcode_for_file_access(), errmsg("could not rename file \"%s\" to \"%s\": %m", from, to)));
    return -1;
}

extern "C" int __wrap_durable_unlink(const char* path, int elevel) {
    if (!fails("durable_unlink", EIO)) return __real_durable_unlink(path, elevel);
    ereport(elevel, (errcode_for_file_access(), errmsg("could not remove file \"%s\": %m", path)));
    return -1;
}

extern "C" size_t __wrap_fread(void* into, size_t size, size_t count, FILE* file) {
    return fails("fread", EIO) ? 0 : __real_fread(into, size, count, file);
}

/// Half of it is written, as on a disk that has become full.
extern "C" size_t __wrap_fwrite(const void* from, size_t size, size_t count, FILE* file) {
    if (!fails("fwrite", ENOSPC)) return __real_fwrite(from, size, count, file);
    static_cast<void>(__real_fwrite(from, 1, size * count / 2, file));
    errno = ENOSPC;
    return 0;
}

extern "C" int __wrap_pg_fprintf(FILE* file, const char* format, ...) {
    if (fails("pg_fprintf", ENOSPC)) return -1;
    va_list arguments;
    va_start(arguments, format);
    const int result = pg_vfprintf(file, format, arguments);
    va_end(arguments);
    return result;
}

extern "C" int __wrap_fstat64(int file, struct stat* status) {
    return fails("fstat64", EIO) ? -1 : __real_fstat64(file, status);
}

extern "C" int __wrap_unlink(const char* path) { return fails("unlink", EIO) ? -1 : __real_unlink(path); }

extern "C" int __wrap_access(const char* path, int mode) {
    return fails("access", EIO) ? -1 : __real_access(path, mode);
}
