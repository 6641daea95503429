// The exporter: a background worker that is there as long as the server writes. It is connected to no
// database, so it is in nobody's way; the export itself is done by a worker that it launches in the database
// (export_worker.cpp).
//
// It sleeps on its latch. The first entry of a bucket wakes it (wake_exporter()), and then it sleeps until
// that bucket ends; on a server where nothing runs it does not wake at all. When an attempt has failed it
// tries again after a second, then two, four, up to a minute; CREATE EXTENSION or a reload of the settings
// make it try at once. What it says about itself: exporter_state.cpp.
//
// Locks: SharedState's mutex for what others see; the rest belongs to this process.
#include "core/api.hpp"

#include "pgglue/exporter.hpp"

#include "pgglue/bucket_numbers.hpp"
#include "pgglue/export.hpp"
#include "pgglue/exporter_database.hpp"
#include "pgglue/exporter_state.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/own_rows.hpp"

extern "C" {
#include "pgstat.h"
#include "postmaster/bgworker_internals.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/backend_status.h"
#include "utils/wait_event.h"
}

namespace pgsm::glue {
namespace {

constexpr char kMain[] = "pgsm_exporter_main";

constexpr int64 kMaxDelayUs = 60 * USECS_PER_SEC;
/// A database that had no extension is looked at again only after this: whatever brings the extension to one
/// tells us, a prepared transaction excepted. Only the one where it was last is looked at at every attempt: a
/// table that has been renamed is nobody's news when it gets its name back.
constexpr int64 kLookAgainUs = 3600 * USECS_PER_SEC;
/// Exported buckets whose memory an old snapshot still needs.
constexpr int64 kReleaseUs = 10 * USECS_PER_SEC;
/// No sleep is longer while something runs, so that a change of the clock does no harm.
constexpr int64 kMaxSleepUs = 600 * USECS_PER_SEC;

/// The process's own memory.
struct Exporter {
    bool fresh;                ///< just started, or the settings or the extensions have changed
    int failures;              ///< attempts that failed since the last good one
    TimestampTz next_attempt;  ///< not before this
    Oid* looked_at;            ///< databases that had no extension
    int looked_count, looked_room;
    TimestampTz looked_when;  ///< at the first of them
    int64 waited_for;         ///< number of the bucket whose end was slept for last
    Oid left;                 ///< the database that had the extension until it was not found there
};

enum class Result { exported, no_extension, failed };

uint32 sleep_event() {
    static uint32 event;
    if (event == 0) event = PGSM_WAIT_EVENT("PgStatMonitorExporter");
    return event;
}

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
        WaitLatch(MyLatch, events, us >= 0 ? static_cast<long>((us + 999) / 1000) : -1, sleep_event()));
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

Result result_of_worker() {
    char message[sizeof(SharedState::worker_error)];
    switch (worker_result(message, sizeof(message))) {
    case WorkerResult::exported:
        // It died of the history, behind the export.
        if (message[0] != '\0') note_history_error(message);
        return Result::exported;
    case WorkerResult::no_extension:
        return Result::no_extension;
    default:
        note_export_failure(message[0] != '\0' ? message
                                               : "the export worker ended before its work was done");
        return Result::failed;
    }
}

/// Has one database exported. The reason of a failure is put down.
Result export_in(Exporter& self, const Candidate& candidate) {
    BackgroundWorker worker{};
    strlcpy(worker.bgw_name, "pg_stat_monitor export", sizeof(worker.bgw_name));
    strlcpy(worker.bgw_type, "pg_stat_monitor export", sizeof(worker.bgw_type));
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_library_name, "pg_stat_monitor", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "pgsm_export_worker_main", sizeof(worker.bgw_function_name));
    worker.bgw_main_arg = ObjectIdGetDatum(candidate.database);
    worker.bgw_notify_pid = MyProcPid;
    begin_attempt();
    BackgroundWorkerHandle* handle = nullptr;
    if (!RegisterDynamicBackgroundWorker(&worker, &handle)) {
        note_export_failure("no background worker is free: increase max_worker_processes");
        return Result::failed;
    }
    char activity[NAMEDATALEN + 32];
    snprintf(activity, sizeof(activity), "exporting in database \"%s\"", NameStr(candidate.name));
    pgstat_report_activity(STATE_RUNNING, activity);
    wait_for_worker(self, handle);
    pgstat_report_activity(STATE_IDLE, "waiting for a bucket to end");
    pfree(handle);
    return result_of_worker();
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

/// What is wrong with the database that pgsm_export_database names, as far as the list tells; null: nothing.
const char* fault_of_named(const Candidate* named) {
    if (named == nullptr) return "does not exist";
    return named->connectable ? nullptr : "does not accept connections";
}

/// Export where pgsm_export_database says.
bool export_in_named(Exporter& self, const Candidate* list, int count) {
    const Candidate* named = find_named(list, count);
    if (const char* fault = fault_of_named(named); fault != nullptr) {
        report_missing(fault);
        return false;
    }
    const Result result = export_in(self, *named);
    if (result == Result::no_extension) report_missing("does not have the extension pg_stat_monitor");
    return result == Result::exported;
}

bool was_looked_at(const Exporter& self, Oid database) {
    for (int i = 0; i < self.looked_count; ++i)
        if (self.looked_at[i] == database) return true;
    return false;
}

void note_looked_at(Exporter& self, Oid database) {
    if (self.looked_count == 0) self.looked_when = GetCurrentTimestamp();
    if (self.looked_count == self.looked_room) {
        const int room = self.looked_room + 64;
        auto* grown =
            static_cast<Oid*>(MemoryContextAlloc(TopMemoryContext, static_cast<Size>(room) * sizeof(Oid)));
        for (int i = 0; i < self.looked_count; ++i) grown[i] = self.looked_at[i];
        if (self.looked_at != nullptr) pfree(self.looked_at);
        self.looked_at = grown;
        self.looked_room = room;
    }
    self.looked_at[self.looked_count++] = database;
}

/// Looks for a database that has the extension, the oldest first; into those that had none only once.
bool export_somewhere(Exporter& self, const Candidate* list, int count) {
    if (GetCurrentTimestamp() - self.looked_when >= kLookAgainUs) self.looked_count = 0;
    bool all_seen = true;
    for (int i = 0; i < count; ++i) {
        if (!list[i].connectable || list[i].is_template || was_looked_at(self, list[i].database)) continue;
        const Result result = export_in(self, list[i]);
        if (OidIsValid(export_database())) return result == Result::exported;
        if (result == Result::no_extension) note_looked_at(self, list[i].database);
        all_seen = all_seen && result == Result::no_extension;
    }
    if (all_seen)
        set_exporter_state(ExporterState::no_database, "no database has the extension pg_stat_monitor");
    return false;
}

bool export_in_first(Exporter& self, const Candidate* list, int count) {
    if (OidIsValid(export_database())) self.left = export_database();
    const Oid known = self.left;
    for (int i = 0; i < count && OidIsValid(known); ++i) {
        if (list[i].database != known || !list[i].connectable) continue;
        const Result result = export_in(self, list[i]);
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
    self.failures = done ? 0 : self.failures + 1;
    self.next_attempt = 0;
    if (done) return;
    const int doublings = Min(self.failures - 1, 6);
    self.next_attempt = GetCurrentTimestamp() + Min(kMaxDelayUs, USECS_PER_SEC << doublings);
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
    state.reason[0] = '\0';
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

/// Whether an extension was created since the last call.
bool take_extension_news() {
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    const bool news = state.extension_news;
    state.extension_news = false;
    SpinLockRelease(&state.mutex);
    return news;
}

/// Forgets failures and looks at the settings: a name that is wrong is told before a bucket has to wait for
/// it. Whether what kept exports from working is over the next attempt tells.
void start_afresh(Exporter& self, MemoryContext context) {
    self.fresh = false;
    self.failures = 0;
    self.next_attempt = 0;
    const ExporterState state = exporter_state();
    if (pgsm_export_database[0] != '\0') {
        int count = 0;
        const Candidate* list = read_databases(context, &count);
        if (const char* fault = fault_of_named(find_named(list, count)); fault != nullptr) {
            report_missing(fault);
            return;
        }
    }
    if (state == ExporterState::not_started || state == ExporterState::disabled ||
        (state == ExporterState::no_database && OidIsValid(export_database())))
        set_exporter_state(ExporterState::ok, "");
}

/// Somebody has exported by hand, or has thrown away, what could not be exported.
void nothing_waits(Exporter& self) {
    if (exporter_state() != ExporterState::failing) return;
    self.failures = 0;
    set_exporter_state(ExporterState::ok, "");
}

[[noreturn]] void run(MemoryContext context) {
    Exporter self{};
    self.fresh = true;
    pgstat_report_activity(STATE_IDLE, "waiting for a bucket to end");
    note_losses();
    for (;;) {
        MemoryContextReset(context);
        check_interrupts(self);
        if (take_extension_news()) {
            self.looked_count = 0;
            self.fresh = true;
        }
        if (self.fresh) start_afresh(self, context);
        rotate_if_due(GetCurrentTimestamp());
        bool memory_waits = release_exported_buckets();
        if (waiting_buckets() == 0) {
            nothing_waits(self);
        } else if (GetCurrentTimestamp() >= self.next_attempt) {
            attempt(self, context);
            memory_waits = release_exported_buckets();
        }
        note_losses();
        save_export_database();
        reserve_bucket_numbers();
        // A signal that came together with the end of a worker has set the latch only once.
        check_interrupts(self);
        if (!self.fresh) sleep_on_latch(time_to_sleep(self, memory_waits));
    }
}

}  // namespace

void register_exporter() {
    BackgroundWorker worker{};
    strlcpy(worker.bgw_name, "pg_stat_monitor exporter", sizeof(worker.bgw_name));
    strlcpy(worker.bgw_type, "pg_stat_monitor exporter", sizeof(worker.bgw_type));
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = 2;  // seconds
    strlcpy(worker.bgw_library_name, "pg_stat_monitor", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, kMain, sizeof(worker.bgw_function_name));
    RegisterBackgroundWorker(&worker);
    if (!exporter_is_registered())
        ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                          errmsg("pg_stat_monitor has no background worker to export with"),
                          errdetail("Statistics stay in memory as long as there is room."),
                          errhint("Increase max_worker_processes by 2 and restart the server.")));
}

bool exporter_is_registered() {
    for (const auto* node = PGSM_FIRST_WORKER; node != nullptr; node = PGSM_NEXT_WORKER(node)) {
        const auto* worker = reinterpret_cast<const RegisteredBgWorker*>(
            reinterpret_cast<const char*>(node) - offsetof(RegisteredBgWorker, rw_lnode));
        if (strcmp(worker->rw_worker.bgw_function_name, kMain) == 0) return true;
    }
    return false;
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
