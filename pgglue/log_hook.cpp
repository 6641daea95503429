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
#include "utils/backend_status.h"
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

/// The statement's own id; where it has none, above all when the text could not be parsed, the hash of the
/// text, as in 2.3.
int64 failed_queryid(std::string_view client_string) {
    if (executed_statement.queryid != 0 &&
        executed_statement.message_time == GetCurrentStatementStartTimestamp())
        return executed_statement.queryid;
    const auto reported = static_cast<int64>(pgstat_get_my_query_id());
    if (reported != 0) return reported;
    return static_cast<int64>(
        hash_bytes_extended(reinterpret_cast<const unsigned char*>(client_string.data()),
                            static_cast<int>(client_string.size()), 0));
}

/// The message without a piece of a password: the parser quotes what it stumbles over.
std::string_view message_of(const ErrorData* error, std::string_view client_string) {
    if (error->message == nullptr) return {};
    size_t len = strlen(error->message);
    const char* quote = strchr(error->message, '"');
    if (quote != nullptr && error->sqlerrcode == ERRCODE_SYNTAX_ERROR &&
        core::mentions_password(client_string))
        len = static_cast<size_t>(quote - error->message);
    return core::truncate_at_char({error->message, len}, kMessageBytes, text_encoding());
}

void capture(const ErrorData* error) {
    const std::string_view client_string{debug_query_string, strlen(debug_query_string)};
    const Session& session = current_session_without_catalog();
    Execution execution;
    execution.identity.userid = session.userid;
    execution.identity.dbid = MyDatabaseId;
    execution.identity.session_hash = session.hash;
    execution.identity.flags = core::kError | (nesting_level == 0 ? core::kTopLevel : 0);
    execution.queryid = failed_queryid(client_string);
    set_exec_time(execution, 0.0);
    execution.utility = true;  // text as it is
    execution.slice = {debug_query_string, -1, 0};
    execution.elevel = static_cast<uint8>(error->elevel);
    record_error(execution, unpack_sql_state(error->sqlerrcode), message_of(error, client_string));
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
