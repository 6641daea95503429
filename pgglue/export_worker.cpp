// The short-lived worker that exports in one database and is gone again, so that nobody has to wait for it
// who wants to drop or to rename that database.
//
// What it found out it leaves in SharedState::worker_result, for the exporter, which waits for its end. Of
// what it dies, should it die, is left there by a log hook of its own.
#include "core/api.hpp"

#include "pgglue/exporter.hpp"

#include "pgglue/export.hpp"
#include "pgglue/exporter_state.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/history.hpp"
#include "pgglue/worker_settings.hpp"

extern "C" {
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace pgsm::glue {
namespace {

struct Attempt {
    bool has_table;
    ErrorData* error;  ///< null: it went well
};

emit_log_hook_type next_emit_log;

/// What is reported in this process was not caught, so it ends by it.
extern "C" void pgsm_note_death(ErrorData* error) {
    if (error->elevel >= ERROR && error->message != nullptr) {
        SharedState& state = shared();
        SpinLockAcquire(&state.mutex);
        strlcpy(state.worker_error, error->message, sizeof(state.worker_error));
        SpinLockRelease(&state.mutex);
    }
    if (next_emit_log != nullptr) next_emit_log(error);
}

void export_in_transaction(Attempt& attempt) {
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
    attempt.has_table = OidIsValid(find_export_table());
    if (attempt.has_table) static_cast<void>(export_ended_buckets(false));
    PopActiveSnapshot();
    CommitTransactionCommand();
}

void try_export(Attempt& attempt) {
    PG_TRY();
    { export_in_transaction(attempt); }
    PG_CATCH();
    {
        MemoryContextSwitchTo(TopMemoryContext);
        attempt.error = CopyErrorData();
        FlushErrorState();
        AbortCurrentTransaction();
    }
    PG_END_TRY();
}

/// Where the exporter had to look for it, this is the database from now on.
void adopt_database() {
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    if (!OidIsValid(state.export_database)) state.export_database = MyDatabaseId;
    SpinLockRelease(&state.mutex);
}

}  // namespace
}  // namespace pgsm::glue

void pgsm_export_worker_main(Datum arg) {
    using namespace pgsm::glue;
    pqsignal(SIGTERM, die);
    next_emit_log = emit_log_hook;
    emit_log_hook = pgsm_note_death;
    BackgroundWorkerUnblockSignals();
    pin_settings();
    BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);
    pgstat_report_activity(STATE_RUNNING, "exporting ended buckets");
    make_days_ahead();
    Attempt attempt{};
    try_export(attempt);
    if (attempt.has_table && pgsm_export_database[0] == '\0') adopt_database();
    if (attempt.error != nullptr) {
        set_worker_result(WorkerResult::failed, attempt.error->message);
    } else if (attempt.has_table) {
        set_worker_result(WorkerResult::exported, "");
        set_exporter_state(ExporterState::ok, "");
    } else {
        set_worker_result(WorkerResult::no_extension, "");
    }
    if (attempt.has_table) {
        pgstat_report_activity(STATE_RUNNING, "maintaining the history");
        keep_history();
    }
    proc_exit(0);
}
