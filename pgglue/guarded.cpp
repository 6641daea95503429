#include "core/api.hpp"

#include "pgglue/guarded.hpp"

extern "C" {
#include "utils/memutils.h"
#include "utils/resowner.h"
}

namespace pgsm::glue {
namespace {

MemoryContext scratch;

bool is_cancel(const ErrorData* error) {
    return error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN;
}

ErrorData* error_of_subtransaction(void (*work)(void*), void* argument) {
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    ErrorData* volatile error = nullptr;
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(context);
    PG_TRY();
    {
        work(argument);
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
    return error;
}

}  // namespace

bool without_error(void (*work)(void*), void* argument) {
    MemoryContext context = CurrentMemoryContext;
    volatile bool done = false;
    PG_TRY();
    {
        work(argument);
        done = true;
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        FlushErrorState();
    }
    PG_END_TRY();
    return done;
}

bool without_catalog_error(void (*work)(void*), void* argument) {
    if (!IsTransactionState() || PGSM_NO_SUBTRANSACTION_NOW()) return false;
    ErrorData* error = error_of_subtransaction(work, argument);
    if (error == nullptr) return true;
    if (is_cancel(error)) ReThrowError(error);
    FreeErrorData(error);
    return false;
}

MemoryContext scratch_context() { return scratch; }

void make_scratch_context() {
    scratch = AllocSetContextCreate(TopMemoryContext, "pg_stat_monitor", ALLOCSET_SMALL_SIZES);
}

}  // namespace pgsm::glue
