// The short-lived worker that exports in one database and is gone again, so that nobody has to wait for it
// who wants to drop or to rename that database.
//
// What it found out it leaves in SharedState: exporter_state is idle after an export, no_database when the
// extension (or its table) is not there, failing after an error. Its parent set it to exporting before; if it
// still is that when the worker has ended, the worker did not come as far as to say anything.
#include "core/api.hpp"

#include "pgglue/exporter.hpp"

#include "pgglue/export.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/history.hpp"

extern "C" {
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace pgsm::glue {
namespace {

struct Attempt {
    bool has_table;
    ErrorData* error;  ///< null: it went well
};

/// What a database or a role may have set, and would keep the export from working or let it wait for ever.
void pin_settings() {
    constexpr const char* kSettings[][2] = {
        {"default_transaction_read_only", "off"},
        {"default_transaction_isolation", "read committed"},
        {"default_transaction_deferrable", "off"},
        {"statement_timeout", "0"},
        {"lock_timeout", "2s"},
        {"idle_in_transaction_session_timeout", "0"},
        // On disk before memory lets go of it; a standby that is away must not keep it there.
        {"synchronous_commit", "local"},
        {"jit", "off"},
    };
    for (const auto& setting : kSettings) SetConfigOption(setting[0], setting[1], PGC_SUSET, PGC_S_OVERRIDE);
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

void note_failure(const ErrorData& error) {
    const TimestampTz now = GetCurrentTimestamp();
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    state.export_failures = state.export_failures + 1;
    state.last_error_at = now;
    strlcpy(state.last_error, error.message, sizeof(state.last_error));
    SpinLockRelease(&state.mutex);
    set_exporter_state(ExporterState::failing, error.message);
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
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);
    pin_settings();
    make_days_ahead();
    Attempt attempt{};
    try_export(attempt);
    if (attempt.has_table && pgsm_export_database[0] == '\0') adopt_database();
    if (attempt.error != nullptr) {
        note_failure(*attempt.error);
    } else if (attempt.has_table) {
        set_exporter_state(ExporterState::idle, "");
    } else {
        set_exporter_state(ExporterState::no_database, nullptr);
    }
    if (attempt.has_table) keep_history();
    proc_exit(0);
}
