// What the hooks know about the statements of this backend.
#pragma once

#include "core/api.hpp"

#include "pgglue/guc.hpp"
#include "pgglue/pg.hpp"
#include "pgglue/parsed.hpp"

extern "C" {
#include "access/parallel.h"
#include "executor/execdesc.h"
#include "nodes/plannodes.h"
#include "utils/backend_status.h"
}

namespace pgsm::glue {

/// While it is not zero this backend records nothing: set around our own SQL (the export's INSERTs). Plain
/// counter: whoever raises it lowers it again in PG_FINALLY.
extern PGSM_OWN int tracking_suspended;

/// Depth of executor, planner and utility calls that the code running now is inside of; 0 for the client's
/// statement.
extern PGSM_OWN int nesting_level;

/// The statement that a client message executes, for the rows of its errors. The server itself knows it
/// (pgstat_get_my_query_id()) but for what the extended protocol executes after it was bound, in some majors.
struct ExecutedStatement {
    int64 queryid;
    TimestampTz message_time;  // start of the client message; of an older one, this is nothing
};
extern PGSM_OWN ExecutedStatement executed_statement;

/// The executor run that the current code is directly inside of: the parent of the statements that it runs.
/// Null at the top and in what is no run (utility statements, AFTER triggers), as in 2.3.
extern PGSM_OWN const QueryDesc* current_run;

inline int64 queryid_of(const PlannedStmt* plan) { return static_cast<int64>(plan->queryId); }

/// Where a query stands by what its plan says, which may be nothing (own_slice()).
inline SourceSlice slice_of(const QueryDesc* query_desc) {
    return {query_desc->sourceText, query_desc->plannedstmt->stmt_location, query_desc->plannedstmt->stmt_len};
}

inline bool tracking_is_off() { return track_level == kTrackNone; }

/// True when a statement at this level is to be recorded.
inline bool tracks_level(int level) {
    if (tracking_is_off() || tracking_suspended != 0 || IsParallelWorker()) return false;
    return track_level == kTrackAll || level == 0;
}

/// At level top nothing that has a parent is recorded, so parents are known under `all` only, as
/// in 2.3.
inline int64 parent_queryid() {
    return track_level == kTrackAll && current_run != nullptr ? queryid_of(current_run->plannedstmt) : 0;
}

/// True where the server itself knows the query id of what runs.
inline bool queryid_is_reported() { return MyBEEntry != nullptr && MyBEEntry->st_query_id != 0; }

/// Before what may fail. Of a message's statements the first is the client's, those inside it come later.
inline void note_executed(int64 queryid) {
    if (queryid_is_reported()) return;
    const TimestampTz message_time = GetCurrentStatementStartTimestamp();
    if (executed_statement.message_time != message_time) executed_statement = {queryid, message_time};
}

}  // namespace pgsm::glue
