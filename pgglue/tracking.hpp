// What the hooks know about the statements of this backend.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"
#include "pgglue/statement_text.hpp"

namespace pgsm::glue {

/// While it is not zero this backend records nothing: set around our own SQL (the export's INSERTs). Plain
/// counter: whoever raises it lowers it again in PG_FINALLY.
extern int tracking_suspended;

/// Depth of executor, planner and utility calls that the code running now is inside of; 0 for the client's
/// statement.
extern int nesting_level;

/// True when a statement at this level is to be recorded.
bool tracks_level(int level);

/// The statement that a client message executes, for the rows of its errors. The server itself knows it
/// (pgstat_get_my_query_id()) but for what the extended protocol executes after it was bound, in some majors.
struct ExecutedStatement {
    int64 queryid;
    TimestampTz message_time;  // start of the client message; of an older one, this is nothing
};
extern ExecutedStatement executed_statement;

}  // namespace pgsm::glue
