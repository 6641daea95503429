// The shared memory of the library: one piece, pgsm_max + pgsm_query_shared_buffer long, with SharedState in
// front and the core's store behind it, and the lock that protects the store.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// What the exporter is doing. The names in pg_stat_monitor_status: see state_name() in status.cpp. The last
/// three have a reason, and stay until an export has worked or nothing waits for one.
enum class ExporterState : uint32 {
    not_started,  // no exporter process (a standby, the server starts, it was ended)
    ok,           // waiting for a bucket to end
    exporting,
    no_database,  // no database has the extension
    failing,      // the last attempt failed
    disabled,     // pgsm_export_database names a database that cannot be exported into
};

/// What a worker says before it ends. none: it did not come as far.
enum class WorkerResult : uint32 { none, exported, no_extension, failed };

/// Locks: `mutex` for everything unless said otherwise. Fixed size, lives as long as the server.
struct SharedState {
    slock_t mutex;
    Latch* exporter_latch;          // of the exporter process, null when there is none
    pid_t exporter_pid;             // 0 when there is none
    TimestampTz exporter_wakes_at;  // by itself, at the latest; set while the store lock is held
    ExporterState exporter_state;
    WorkerResult worker_result;  // of the worker at work, or of the last one
    bool extension_news;         // an extension was created: the exporter looks again
    bool exporter_refused;       // set once: the server had no slot for the exporter process
    Oid export_database;         // the one that CREATE EXTENSION was committed in first; InvalidOid: unknown
    Oid numbers_behind;          // database whose stored bucket numbers memory's are known to be behind
    TimestampTz stats_since;     // when the store was made or last reset
    TimestampTz last_export_at;  // 0: never
    int64 last_export_rows;
    double last_export_ms;
    int64 exports;  // that wrote something and committed
    int64 export_failures;
    TimestampTz last_error_at;     // 0: never
    TimestampTz history_error_at;  // 0: nothing is wrong
    TimestampTz history_oldest;    // exported_at of the oldest stored row; 0: none
    int64 history_bytes;           // of the history when it was looked at last; -1: not yet
    char reason[128];              // of exporter_state, for people; kept while a failing export is tried again
    char last_error[256];          // message of the last export that failed
    char worker_error[256];        // why the worker failed, or what it died of
    char history_error[256];       // what keeps the history from being maintained; empty: nothing
    char publications[128];        // that contain the table without naming it; empty: none
    char lost_reason[128];         // why buckets were given up last
    uint64 losses_explained;    // by lost_reason: buckets, as in core::Usage
};

/// False in a server that did not preload the library, and before its shared memory exists.
bool store_ready();

/// ERROR 55000 with the hint to preload unless store_ready().
void require_store();

SharedState& shared();

/// The store in shared memory. Its rules of locking: core/store.hpp.
[[gnu::hot]] core::Store store();

/// Bounds of the response-time histogram, made once at server start from the settings.
[[gnu::hot]] const core::HistogramBounds& histogram_bounds();

/// The store lock. No error may be raised, and nothing reported, while it is held.
[[gnu::hot]] void lock_store_shared();
void lock_store_exclusive();
[[gnu::hot]] void unlock_store();
bool store_lock_held();

/// A pause of 50 microseconds between two short holds of the store lock by one who works through much of it:
/// a waiter is woken when the lock is free, and would find it taken again.
void let_others_lock_store();

/// The spinlock of an entry in the running bucket.
[[gnu::hot]] slock_t* entry_lock(core::Entry& entry);

/// How many ended buckets may wait for an export that nobody has begun: as many as fit, whether anybody
/// exports or not.
constexpr uint32 ended_buckets_to_keep() { return PG_UINT32_MAX; }

/// Ends the running bucket if its time is over. Takes the store lock (shared to look, exclusive to rotate).
void rotate_if_due(TimestampTz now);

/// Wakes the exporter process, if there is one. Takes `mutex`; never while the store lock is held.
void wake_exporter();

/// Does so unless it wakes by itself between `now` and `at`: a signal takes ten times as long as the rest of
/// what a statement does to end a bucket, and gives its processor away. After what the exporter has to look
/// at was done under the store lock.
void wake_exporter_by(TimestampTz at, TimestampTz now);

/// What the exporter says about its sleep. The store lock is held.
void set_exporter_wakes_at(TimestampTz at);

}  // namespace pgsm::glue
