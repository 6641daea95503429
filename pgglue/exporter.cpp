// The exporter: a background worker that is there as long as the server writes. It is connected to no
// database, so it is in nobody's way; the export itself is done by a worker that it launches in the database
// (export_worker.cpp).
//
// It sleeps on its latch. The first entry of a bucket wakes it (wake_exporter()), and then it sleeps until
// that bucket ends; on a server where nothing runs it does not wake at all. When an attempt has failed it
// tries again after a second, then two, four, up to a minute; CREATE EXTENSION or a reload of the settings
// make it try at once. The reason is in the status view, and in the log when it is a new one.
//
// Locks: SharedState's mutex for what others see; the rest belongs to this process.
#include "core/api.hpp"

#include "pgglue/exporter.hpp"

#include "pgglue/bucket_numbers.hpp"
#include "pgglue/export.hpp"
#include "pgglue/exporter_database.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/own_rows.hpp"
#include "pgglue/store_work.hpp"
#include "pgglue/tracking.hpp"

extern "C" {
#include "common/hashfn.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"
}

namespace pgsm::glue {
namespace {

constexpr int64 kMaxDelayUs = 60 * USECS_PER_SEC;
/// After a look at all databases in vain, the same ones are looked at again only after this: whatever brings
/// the extension to one of them tells us, a prepared transaction excepted. Only the one where it was last is
/// looked at at every attempt: a table that has been renamed is nobody's news when it gets its name back.
constexpr int64 kLookAgainUs = 3600 * USECS_PER_SEC;
/// Exported buckets whose memory an old snapshot still needs.
constexpr int64 kReleaseUs = 10 * USECS_PER_SEC;
/// No sleep is longer while something runs, so that a change of the clock does no harm.
constexpr int64 kMaxSleepUs = 600 * USECS_PER_SEC;

/// The process's own memory.
struct Exporter {
    bool fresh;                ///< just started, or the settings or the extensions have changed
    int failures;              ///< attempts in vain since the last good one
    TimestampTz next_attempt;  ///< not before this
    ExporterState seen;        ///< what this process found or put into SharedState last
    uint64 looked_at;          ///< hash of the databases that all have no extension; 0: not looked
    TimestampTz looked_when;
    int64 waited_for;  ///< number of the bucket whose end was slept for last
    Oid left;          ///< the database that had the extension until it was not found there
};

enum class Result { exported, no_extension, failed };

[[noreturn]] void leave() {
    // 1: started again unless the server stops.
    proc_exit(1);
}

void check_interrupts(Exporter& self) {
    if (ShutdownRequestPending) leave();
    CHECK_FOR_INTERRUPTS();
    if (!ConfigReloadPending) return;
    ConfigReloadPending = false;
    ProcessConfigFile(PGC_SIGHUP);
    self.fresh = true;
}

void sleep_on_latch(int64 us) {
    const int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (us >= 0 ? WL_TIMEOUT : 0);
    static_cast<void>(
        WaitLatch(MyLatch, events, us >= 0 ? static_cast<long>((us + 999) / 1000) : -1, PG_WAIT_EXTENSION));
    ResetLatch(MyLatch);
}

void wait_for_worker(Exporter& self, BackgroundWorkerHandle* handle) {
    pid_t pid = 0;
    while (GetBackgroundWorkerPid(handle, &pid) != BGWH_STOPPED) {
        if (ShutdownRequestPending) TerminateBackgroundWorker(handle);
        check_interrupts(self);
        sleep_on_latch(-1);
    }
}

/// Has one database exported. The reason of a failure is put down.
Result export_in(Exporter& self, Oid database) {
    BackgroundWorker worker{};
    strlcpy(worker.bgw_name, "pg_stat_monitor export", sizeof(worker.bgw_name));
    strlcpy(worker.bgw_type, "pg_stat_monitor export", sizeof(worker.bgw_type));
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_library_name, "pg_stat_monitor", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "pgsm_export_worker_main", sizeof(worker.bgw_function_name));
    worker.bgw_main_arg = ObjectIdGetDatum(database);
    worker.bgw_notify_pid = MyProcPid;
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    state.exporter_state = ExporterState::exporting;
    SpinLockRelease(&state.mutex);
    BackgroundWorkerHandle* handle = nullptr;
    if (!RegisterDynamicBackgroundWorker(&worker, &handle)) {
        set_exporter_state(ExporterState::failing,
                           "no background worker is free: increase max_worker_processes");
        return Result::failed;
    }
    wait_for_worker(self, handle);
    pfree(handle);
    switch (exporter_state()) {
    case ExporterState::idle:
        return Result::exported;
    case ExporterState::no_database:
        return Result::no_extension;
    case ExporterState::exporting:
        set_exporter_state(ExporterState::failing, "the export worker ended before its work was done");
        return Result::failed;
    default:
        return Result::failed;
    }
}

/// All databases, in `context`.
Candidate* read_databases(MemoryContext context, int* count) {
    StartTransactionCommand();
    static_cast<void>(GetTransactionSnapshot());
    MemoryContext before = MemoryContextSwitchTo(context);
    Candidate* list = list_databases(count);
    MemoryContextSwitchTo(before);
    CommitTransactionCommand();
    return list;
}

const Candidate* find_named(const Candidate* list, int count) {
    for (int i = 0; i < count; ++i)
        if (strcmp(NameStr(list[i].name), pgsm_export_database) == 0) return &list[i];
    return nullptr;
}

void report_missing(const char* what) {
    char reason[sizeof(SharedState::reason)];
    snprintf(reason, sizeof(reason), "database \"%s\" (pgsm_export_database) %s", pgsm_export_database, what);
    set_exporter_state(ExporterState::disabled, reason);
}

/// Export where pgsm_export_database says.
bool export_in_named(Exporter& self, const Candidate* list, int count) {
    const Candidate* named = find_named(list, count);
    if (named == nullptr) {
        report_missing("does not exist");
        return false;
    }
    if (!named->connectable) {
        report_missing("does not accept connections");
        return false;
    }
    const Result result = export_in(self, named->database);
    if (result == Result::no_extension) report_missing("does not have the extension pg_stat_monitor");
    return result == Result::exported;
}

uint64 hash_databases(const Candidate* list, int count) {
    uint64 hash = 1;
    for (int i = 0; i < count; ++i)
        if (list[i].connectable && !list[i].is_template) hash = hash_combine64(hash, list[i].database);
    return hash;
}

/// Looks for a database that has the extension, the oldest first.
bool export_somewhere(Exporter& self, const Candidate* list, int count) {
    constexpr char kNone[] = "no database has the extension pg_stat_monitor";
    const uint64 hash = hash_databases(list, count);
    const TimestampTz now = GetCurrentTimestamp();
    if (self.looked_at == hash && now - self.looked_when < kLookAgainUs) {
        set_exporter_state(ExporterState::no_database, kNone);
        return false;
    }
    bool all_seen = true;
    for (int i = 0; i < count; ++i) {
        if (!list[i].connectable || list[i].is_template) continue;
        const Result result = export_in(self, list[i].database);
        if (OidIsValid(export_database())) return result == Result::exported;
        all_seen = all_seen && result == Result::no_extension;
    }
    if (!all_seen) return false;
    self.looked_at = hash;
    self.looked_when = now;
    set_exporter_state(ExporterState::no_database, kNone);
    return false;
}

bool export_in_first(Exporter& self, const Candidate* list, int count) {
    if (OidIsValid(export_database())) self.left = export_database();
    const Oid known = self.left;
    for (int i = 0; i < count && OidIsValid(known); ++i) {
        if (list[i].database != known || !list[i].connectable) continue;
        const Result result = export_in(self, known);
        if (result != Result::no_extension) return result == Result::exported;
    }
    set_export_database(InvalidOid);
    return export_somewhere(self, list, count);
}

void attempt(Exporter& self, MemoryContext context) {
    int count = 0;
    const Candidate* list = read_databases(context, &count);
    const bool done = pgsm_export_database[0] != '\0' ? export_in_named(self, list, count)
                                                      : export_in_first(self, list, count);
    save_export_database();
    self.seen = exporter_state();
    self.failures = done ? 0 : self.failures + 1;
    self.next_attempt = 0;
    if (done) return;
    const int doublings = Min(self.failures - 1, 6);
    self.next_attempt = GetCurrentTimestamp() + Min(kMaxDelayUs, USECS_PER_SEC << doublings);
}

/// A name that is wrong is told before a bucket has to wait for it.
void check_named(MemoryContext context) {
    int count = 0;
    if (pgsm_export_database[0] == '\0') return;
    if (find_named(read_databases(context, &count), count) == nullptr) report_missing("does not exist");
}

/// Until something has to be done, in microseconds; -1: nothing until woken.
int64 time_to_sleep(Exporter& self, bool memory_waits) {
    const TimestampTz now = GetCurrentTimestamp();
    TimestampTz until = DT_NOEND;
    lock_store_shared();
    const core::Bucket& running = store().running();
    // An empty bucket is waited for once: on a busy server its first statement need not wake us then.
    if (running.entries > 0 || running.number != self.waited_for)
        until = Min(running.end_us, now + kMaxSleepUs);
    self.waited_for = running.number;
    set_exporter_wakes_at(until);
    unlock_store();
    if (memory_waits) until = Min(until, now + kReleaseUs);
    if (waiting_buckets() > 0) until = Min(until, self.next_attempt);
    if (until == DT_NOEND) return -1;
    return Max(until - now, int64{0});
}

void forget_exporter(int, Datum) {
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    state.exporter_latch = nullptr;
    state.exporter_pid = 0;
    state.exporter_state = ExporterState::not_started;
    SpinLockRelease(&state.mutex);
}

void announce_exporter() {
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    state.exporter_latch = MyLatch;
    state.exporter_pid = MyProcPid;
    SpinLockRelease(&state.mutex);
    before_shmem_exit(forget_exporter, Datum{0});
}

/// Forgets failures and what was looked at, and looks at the settings.
void start_afresh(Exporter& self, MemoryContext context) {
    self = Exporter{};
    set_exporter_state(ExporterState::idle, "");
    check_named(context);
    self.seen = exporter_state();
}

[[noreturn]] void run(MemoryContext context) {
    Exporter self{};
    self.fresh = true;
    for (;;) {
        MemoryContextReset(context);
        check_interrupts(self);
        // Somebody else changes the state when the extension has been created.
        if (self.fresh || exporter_state() != self.seen) start_afresh(self, context);
        rotate_if_due(GetCurrentTimestamp());
        finish_merges();
        bool memory_waits = release_exported_buckets();
        if (waiting_buckets() > 0 && GetCurrentTimestamp() >= self.next_attempt) {
            attempt(self, context);
            memory_waits = release_exported_buckets();
        }
        save_export_database();
        reserve_bucket_numbers();
        // A signal that came together with the end of a worker has set the latch only once.
        check_interrupts(self);
        if (!self.fresh) sleep_on_latch(time_to_sleep(self, memory_waits));
    }
}

}  // namespace

const char* reason_of(const SharedState& state) {
    if (state.exporter_state != ExporterState::not_started) return state.reason;
    return RecoveryInProgress() ? "the server is in recovery" : "the exporter process is not running";
}

const char* reason_of_loss(const SharedState& state) {
    const char* reason = reason_of(state);
    return reason[0] != '\0' ? reason : "the running bucket needed the room";
}

ExporterState exporter_state() {
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    const ExporterState found = state.exporter_state;
    SpinLockRelease(&state.mutex);
    return found;
}

Oid export_database() {
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    const Oid found = state.export_database;
    SpinLockRelease(&state.mutex);
    return found;
}

void set_exporter_state(ExporterState exporter_state, const char* reason) {
    SharedState& state = shared();
    char text[sizeof(state.reason)] = "";
    if (reason != nullptr) strlcpy(text, reason, sizeof(text));
    SpinLockAcquire(&state.mutex);
    state.exporter_state = exporter_state;
    const bool news = reason != nullptr && strcmp(state.reason, text) != 0;
    if (news) strlcpy(state.reason, text, sizeof(state.reason));
    SpinLockRelease(&state.mutex);
    if (!news || text[0] == '\0') return;
    // Not a statement's error: nothing to be recorded.
    tracking_suspended = tracking_suspended + 1;
    ereport(LOG, (errmsg("pg_stat_monitor does not export: %s", reason),
                  errhint("It goes on counting and tries again; see pg_stat_monitor_status.")));
    tracking_suspended = tracking_suspended - 1;
}

void register_exporter() {
    BackgroundWorker worker{};
    strlcpy(worker.bgw_name, "pg_stat_monitor exporter", sizeof(worker.bgw_name));
    strlcpy(worker.bgw_type, "pg_stat_monitor exporter", sizeof(worker.bgw_type));
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = 2;  // seconds
    strlcpy(worker.bgw_library_name, "pg_stat_monitor", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "pgsm_exporter_main", sizeof(worker.bgw_function_name));
    RegisterBackgroundWorker(&worker);
}

}  // namespace pgsm::glue

void pgsm_exporter_main(Datum) {
    using namespace pgsm::glue;
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    note_end_of_recovery();
    load_export_database();
    announce_exporter();
    run(AllocSetContextCreate(TopMemoryContext, "pg_stat_monitor exporter", ALLOCSET_DEFAULT_SIZES));
}
