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

/// The statement of the client that ran last, for the rows of its errors: when an error is reported, the
/// hooks that ran it have been left already.
struct ClientStatement {
    int64 queryid;             // 0: it has none
    int end;                   // byte of the client's string behind it; 0: at its end, or it is not in there
    TimestampTz message_time;  // start of the client message it belongs to
};
extern ClientStatement last_statement;
void note_client_statement(int64 queryid, const SourceSlice& slice);

}  // namespace pgsm::glue
