// The message of an error as it is shown: without constants and secrets of the statement, 99 bytes at most.
#pragma once

#include "core/api.hpp"

#include "pgglue/statement_text.hpp"

namespace pgsm::glue {

constexpr size_t kMessageBytes = 99;  // as in 2.3

/// Into `out`, of at least kMessageBytes + 16 bytes. `slice` and `kind` are the statement's that failed,
/// `has_secret` what its text says. May allocate in CurrentMemoryContext; never raises an error.
std::string_view error_message(const ErrorData* error, const SourceSlice& slice, TextKind kind,
                               bool has_secret, char* out, size_t cap);

/// RAISE and the like: nothing tells what is in it.
bool is_written_by_users(const ErrorData* error);

}  // namespace pgsm::glue
