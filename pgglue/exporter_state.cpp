// State, reason and errors of the exporter, as pg_stat_monitor_status shows them.
//
// A reason belongs to its state and goes with it. While a failing export is tried again the state stays
// failing, so whoever looks now and then does not miss it. The error of an export stays when it is over, as
// the last one with its time; that of the history goes, as it has no state that would say so.
//
// Buckets may be given up by any statement, under the store lock. The reason that is kept for them is the one
// that held then: set_exporter_state() looks for losses before it changes the reason.
//
// Locks: SharedState's mutex; note_losses() takes the store lock as well, not at the same time.
#include "core/api.hpp"

#include "pgglue/exporter_state.hpp"

#include "pgglue/tracking.hpp"

extern "C" {
#include "access/xlog.h"
}

namespace pgsm::glue {
namespace {

bool has_reason(ExporterState state) {
    return state == ExporterState::no_database || state == ExporterState::failing ||
           state == ExporterState::disabled;
}

void report_state(const char* reason) {
    // Not a statement's error: nothing to be recorded.
    tracking_suspended = tracking_suspended + 1;
    ereport(LOG, (errmsg("pg_stat_monitor does not export: %s", reason),
                  errhint("It goes on counting and tries again; see pg_stat_monitor_status.")));
    tracking_suspended = tracking_suspended - 1;
}

void report_history_error(const char* message) {
    tracking_suspended = tracking_suspended + 1;
    ereport(LOG, (errmsg("pg_stat_monitor cannot maintain its history: %s", message),
                  errhint("It goes on exporting and tries again; see pg_stat_monitor_status.")));
    tracking_suspended = tracking_suspended - 1;
}

}  // namespace

void set_exporter_state(ExporterState exporter_state, const char* reason) {
    note_losses();
    SharedState& state = shared();
    char text[sizeof(state.reason)];
    strlcpy(text, reason, sizeof(text));
    SpinLockAcquire(&state.mutex);
    state.exporter_state = exporter_state;
    const bool news = strcmp(state.reason, text) != 0;
    strlcpy(state.reason, text, sizeof(state.reason));
    SpinLockRelease(&state.mutex);
    if (news && text[0] != '\0') report_state(reason);
}

void begin_attempt() {
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    if (state.exporter_state == ExporterState::ok) state.exporter_state = ExporterState::exporting;
    state.worker_result = WorkerResult::none;
    state.worker_error[0] = '\0';
    SpinLockRelease(&state.mutex);
}

void note_export_failure(const char* message) {
    const TimestampTz now = GetCurrentTimestamp();
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    state.export_failures = state.export_failures + 1;
    state.last_error_at = now;
    strlcpy(state.last_error, message, sizeof(state.last_error));
    SpinLockRelease(&state.mutex);
    set_exporter_state(ExporterState::failing, message);
}

void set_worker_result(WorkerResult result, const char* message) {
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    state.worker_result = result;
    strlcpy(state.worker_error, message, sizeof(state.worker_error));
    SpinLockRelease(&state.mutex);
}

WorkerResult worker_result(char* message, Size cap) {
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    const WorkerResult result = state.worker_result;
    strlcpy(message, state.worker_error, cap);
    SpinLockRelease(&state.mutex);
    return result;
}

void note_history_error(const char* message) {
    const TimestampTz now = GetCurrentTimestamp();
    SharedState& state = shared();
    char text[sizeof(state.history_error)];
    strlcpy(text, message, sizeof(text));
    SpinLockAcquire(&state.mutex);
    const bool news = strcmp(state.history_error, text) != 0;
    strlcpy(state.history_error, text, sizeof(state.history_error));
    state.history_error_at = text[0] != '\0' ? now : 0;
    SpinLockRelease(&state.mutex);
    if (news && text[0] != '\0') report_history_error(message);
}

void note_losses() {
    lock_store_shared();
    const uint64 lost = store().header().usage.buckets_lost;
    unlock_store();
    SharedState& state = shared();
    // The exporter's processes alone write what is read here, one at a time.
    const char* reason = reason_of_loss(state);
    SpinLockAcquire(&state.mutex);
    if (lost > state.losses_explained) strlcpy(state.lost_reason, reason, sizeof(state.lost_reason));
    state.losses_explained = lost;
    SpinLockRelease(&state.mutex);
}

const char* reason_of(const SharedState& state) {
    if (has_reason(state.exporter_state)) return state.reason;
    if (state.exporter_state != ExporterState::not_started) return "";
    if (RecoveryInProgress()) return "the server is in recovery";
    return state.exporter_refused
               ? "max_worker_processes is too small for the exporter process: increase it by 2"
               : "the exporter process is not running";
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

}  // namespace pgsm::glue
