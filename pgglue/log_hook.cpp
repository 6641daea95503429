// Rows of errors and warnings. The hook runs in the middle of error reporting, possibly for lack of memory or
// in an aborted transaction: nothing in it raises an error, touches a catalog or waits for more than the
// store lock.
#include "core/api.hpp"

#include "pgglue/collect.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/install.hpp"
#include "pgglue/session.hpp"
#include "pgglue/shmem.hpp"
#include "pgglue/tracking.hpp"

#include <cstring>

extern "C" {
#include "access/parallel.h"
#include "common/hashfn.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
}

namespace pgsm::glue {
namespace {

emit_log_hook_type prev_emit_log;
bool in_log_hook;

constexpr size_t kMessageBytes = 99;  // as in 2.3

bool worth_recording(const ErrorData* error) {
    return error->elevel >= WARNING && debug_query_string != nullptr && MyProc != nullptr && store_ready() &&
           tracking_suspended == 0 && !IsParallelWorker() && !proc_exit_inprogress && CritSectionCount == 0 &&
           MyDatabaseId != InvalidOid && !store_lock_held();
}

/// The statement's own id where the message belongs to the client message that it ran in; else, above all
/// when the text could not be parsed, the hash of the text, as in 2.3.
int64 failed_queryid(std::string_view client_string) {
    if (last_statement.queryid != 0 && last_statement.message_time == GetCurrentStatementStartTimestamp())
        return last_statement.queryid;
    return static_cast<int64>(
        hash_bytes_extended(reinterpret_cast<const unsigned char*>(client_string.data()),
                            static_cast<int>(client_string.size()), 0));
}

void capture(const ErrorData* error) {
    const std::string_view client_string{debug_query_string, strlen(debug_query_string)};
    const Session& session = current_session_without_catalog();
    Execution execution{};
    execution.identity.userid = session.userid;
    execution.identity.dbid = MyDatabaseId;
    execution.identity.session_hash = session.hash;
    execution.identity.flags = core::kError | (nesting_level == 0 ? core::kTopLevel : 0);
    execution.queryid = failed_queryid(client_string);
    set_exec_time(execution, 0.0);
    execution.utility = true;  // text as it is
    execution.slice = {debug_query_string, -1, 0};
    execution.elevel = static_cast<uint8>(error->elevel);
    execution.sqlcode = unpack_sql_state(error->sqlerrcode);
    if (error->message != nullptr)
        execution.message =
            core::truncate_at_char({error->message, strlen(error->message)}, kMessageBytes, text_encoding());
    record_error(execution);
}

extern "C" void pgsm_emit_log(ErrorData* error) {
    if (!in_log_hook && worth_recording(error)) {
        in_log_hook = true;
        capture(error);
        in_log_hook = false;
    }
    if (prev_emit_log) prev_emit_log(error);
}

}  // namespace

void install_log_hook() {
    prev_emit_log = emit_log_hook;
    emit_log_hook = pgsm_emit_log;
}

}  // namespace pgsm::glue
