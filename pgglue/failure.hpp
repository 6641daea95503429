// What statements had used when they failed. An error passes the hooks from the innermost statement outwards,
// before anybody knows who will catch it, and its row is that of the outermost statement that it ended:
//
//   the client's   noted when the error passes it; the log hook, which the server calls next, makes the row
//   a nested one   its row is made as the error passes it, and waits. The next statement outwards that fails
//   of the same
//                  error takes its place; when one goes on, or fails of another error, somebody has caught
//                  the error, and the row is recorded (pgsm_track = all)
//
// What ends the process (FATAL) passes no hook: the log hook is called in the middle of the statement then.
//
// Statements that fail before they are planned or run (names, privileges, locks) do not come by here.
#pragma once

#include "core/api.hpp"

#include "pgglue/active_query.hpp"
#include "pgglue/utility_run.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace pgsm::glue {

/// What a statement has used until it failed, and who ran it.
struct Spent {
    core::Identity identity;  // set if `identified`
    bool identified;
    uint8 cmd_type;  // the server's CmdType
    int64 queryid;
    SourceSlice slice;  // its own; without a source where that is not known
    uint32 names_len;
    char names[kPackedNamesCap];
    core::Counters counters;
};

// In PG_CATCH, when the nesting level is that of the statement again. They raise no error.

/// Of an executor run or finish. `query` null: it is not tracked.
void run_failed(ActiveQuery* query);
void utility_failed(UtilityRun& run);
/// `start` null: planning is not measured.
void planner_failed(const Query* parse, const char* query_string, const UsageStart* start);

/// True while the row of a nested statement waits.
extern PGSM_OWN bool failure_waits;

/// Records that row: the error has been caught.
void record_caught_error();

/// What the client's statement has used, in the log hook. False when nothing is known of it: it failed
/// outside of what is measured.
bool client_spent(const ErrorData* error, Spent& spent);

/// Time that the client's message has taken and no row has: of what failed before it was run (while it waited
/// for a lock), or after it (at the commit).
double unmeasured_ms();

/// To be called when the library is loaded.
void make_failure_context();

}  // namespace pgsm::glue
