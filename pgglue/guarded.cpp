#include "core/api.hpp"

#include "pgglue/guarded.hpp"

extern "C" {
#include "utils/memutils.h"
#include "utils/resowner.h"
}

namespace pgsm::glue {
namespace {

MemoryContext scratch;

/// A cancel, not an error of ours. Copied only then: memory may be what is short.
bool is_cancel() {
    const int state = geterrcode();
    return state == ERRCODE_QUERY_CANCELED || state == ERRCODE_ADMIN_SHUTDOWN;
}

}  // namespace

ErrorData* copy_error() {
    ErrorData* volatile copy = nullptr;
    PG_TRY();
    { copy = CopyErrorData(); }
    PG_CATCH();
    {}
    PG_END_TRY();
    return copy;
}

namespace {

enum class Outcome { done, failed, cancelled };

/// False when the subtransaction could not even begin, and all is as it was.
bool begin_subtransaction(MemoryContext context) {
    const int level = GetCurrentTransactionNestLevel();
    volatile bool begun = false;
    PG_TRY();
    {
        BeginInternalSubTransaction(nullptr);
        begun = true;
    }
    PG_CATCH();
    {
        // Half begun, only the end of the transaction can undo it.
        if (GetCurrentTransactionNestLevel() != level) PG_RE_THROW();
        MemoryContextSwitchTo(context);
        FlushErrorState();
    }
    PG_END_TRY();
    return begun;
}

/// `cancel`: the error to go on with when it was a cancel; null when it could not be copied.
Outcome run_in_subtransaction(void (*work)(void*), void* argument, ErrorData*& cancel) {
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    volatile Outcome outcome = Outcome::failed;
    ErrorData* volatile copy = nullptr;
    if (!begin_subtransaction(context)) return Outcome::failed;
    MemoryContextSwitchTo(context);
    PG_TRY();
    {
        work(argument);
        ReleaseCurrentSubTransaction();
        outcome = Outcome::done;
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        if (is_cancel()) {
            outcome = Outcome::cancelled;
            copy = copy_error();
        }
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
    cancel = copy;
    return outcome;
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
    ErrorData* cancel = nullptr;
    const Outcome outcome = run_in_subtransaction(work, argument, cancel);
    if (outcome != Outcome::cancelled) return outcome == Outcome::done;
    if (cancel != nullptr) ReThrowError(cancel);
    // It is asked for once more; the statement finds it where it looks next.
    QueryCancelPending = true;
    InterruptPending = true;
    return false;
}

MemoryContext scratch_context() { return scratch; }

void make_scratch_context() {
    scratch = AllocSetContextCreate(TopMemoryContext, "pg_stat_monitor", ALLOCSET_SMALL_SIZES);
}

}  // namespace pgsm::glue
