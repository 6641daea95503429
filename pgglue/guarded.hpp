// Work of ours inside a user's statement that may raise an error: the error is swallowed, the statement goes
// on.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// Work that touches memory alone: no catalog, no lock, no buffer. False when it raised an error.
bool without_error(void (*work)(void*), void* argument);

/// Work that reads catalogs, in a subtransaction of its own, so that an error in it leaves no lock or buffer
/// behind. False when it raised an error, or when there can be no subtransaction now. A cancel request is not
/// an error of ours: it goes on to the user's statement.
bool without_catalog_error(void (*work)(void*), void* argument);

/// A copy of the error that is being handled, in CurrentMemoryContext; null when memory is short, which is then the
/// error that is being handled.
ErrorData* copy_error();

/// Memory for the work on one statement, made when the library is loaded. Who has used it resets it.
MemoryContext scratch_context();
void make_scratch_context();

}  // namespace pgsm::glue
