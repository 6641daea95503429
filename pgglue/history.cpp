// What the export worker does for the history beside exporting: partitions for today and tomorrow before it,
// and after it, for one to three seconds at most, what is due of: dropping what is older than
// pgsm_history_retention, dropping the oldest until pgsm_history_max_size is kept, moving rows of the default
// partition into one of their day, merging days into hours (history_rollup.cpp). What is left is done after
// the next export; on a server where nothing runs nothing is done. Before all this the partitions are given
// to the table's owner, should that have changed, and what would tell on other people's rows is looked for
// (history_privacy.cpp).
//
// Every step is a transaction of its own, as the table's owner (as_owner.hpp). A lock that is not to be had
// within milliseconds is given up and asked for again a little later, so that nobody queues up behind us. An
// error ends the one piece of work, is put into the status, and never concerns the export.
#include "core/api.hpp"

#include "pgglue/history.hpp"

#include "pgglue/as_owner.hpp"
#include "pgglue/export.hpp"
#include "pgglue/exporter_state.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/history_notices.hpp"
#include "pgglue/history_privacy.hpp"
#include "pgglue/history_rollup.hpp"
#include "pgglue/history_schema.hpp"
#include "pgglue/shmem.hpp"
#include "pgglue/trigger_trust.hpp"

extern "C" {
#include "access/table.h"
#include "executor/spi.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"
}

namespace pgsm::glue {
namespace {

/// Readers that come while we wait for a lock wait as well: at most for the three locks of a change, and the
/// change itself (10 ms and more on a slow disk). Together less than 50 ms (bench/run --only history).
constexpr char kLockTimeout[] = "10ms";
constexpr int kTries = 30;
constexpr long kPauseMs = 25;
/// After a twentieth of a bucket, within these bounds, no new step is begun: the next export is not to wait,
/// nor DROP DATABASE, which has five seconds.
constexpr int64 kLeastBudgetUs = USECS_PER_SEC;
constexpr int64 kMostBudgetUs = 3 * USECS_PER_SEC;
/// Rows of the default partition that are deleted in one transaction.
constexpr int kRowsAtOnce = 5000;
/// What tools of 2.3 are shown is as young as this, or as ten buckets (own_rows.cpp).
constexpr int64 kServedUs = 3600 * USECS_PER_SEC;
constexpr int64 kServedBuckets = 10;

struct Call;
using Step = Progress (*)(Call& call);

/// One step of the work, and what it is about.
struct Call {
    Step step;  ///< null: give_to_owner(), as the superuser that a background worker is
    Oid part;
    TimestampTz at;
    Relation relation;
    Oid table;
    Progress result;
    ErrorData* error;  ///< null: it went well
};

/// As run_as_owner() calls it.
void enter_step(void* argument) {
    Call& call = *static_cast<Call*>(argument);
    // The lock stays; but nothing can be attached to a table that is open here.
    table_close(call.relation, NoLock);
    call.result = call.step(call);
}

void run_in_transaction(Call& call) {
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
    call.result = Progress::nothing;
    call.table = find_export_table();
    // It may be dropped while we wait.
    call.relation = OidIsValid(call.table) ? try_table_open(call.table, AccessShareLock) : nullptr;
    if (call.relation != nullptr && call.step == nullptr) {
        table_close(call.relation, NoLock);
        give_to_owner(call.table);
    } else if (call.relation != nullptr) {
        run_as_owner(call.relation, enter_step, &call);
    }
    PopActiveSnapshot();
    CommitTransactionCommand();
}

void try_once(Call& call) {
    call.error = nullptr;
    PG_TRY();
    { run_in_transaction(call); }
    PG_CATCH();
    {
        MemoryContextSwitchTo(TopMemoryContext);
        call.error = CopyErrorData();
        FlushErrorState();
        AbortCurrentTransaction();
    }
    PG_END_TRY();
}

bool is_busy(const ErrorData& error) {
    return error.sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
           error.sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

uint32 pause_event() {
    static uint32 event;
    if (event == 0) event = PGSM_WAIT_EVENT("PgStatMonitorHistory");
    return event;
}

void pause_a_little() {
    static_cast<void>(
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kPauseMs, pause_event()));
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
}

/// Whether any step has failed in this process.
bool failed;

/// Runs a step until it gets its locks. False after an error.
bool run_step(Call& call) {
    for (int i = 0; i < kTries; ++i) {
        try_once(call);
        if (call.error == nullptr) return true;
        if (!is_busy(*call.error)) break;
        pause_a_little();
    }
    failed = true;
    note_history_error(call.error->message);
    return false;
}

bool run_step(Step step, Oid part, TimestampTz at, Progress* result) {
    Call call{};
    call.step = step;
    call.part = part;
    call.at = at;
    const bool done = run_step(call);
    if (result != nullptr) *result = done ? call.result : Progress::nothing;
    return done;
}

/// The process's own memory: what the last survey found.
History history;

Progress survey_step(Call& call) {
    const History found = read_history(call.table, true);
    history = found;
    history.side_bytes = side_bytes();
    const Size bytes = static_cast<Size>(found.count) * sizeof(HistoryPart);
    history.parts = static_cast<HistoryPart*>(MemoryContextAllocZero(TopMemoryContext, bytes + 1));
    for (int i = 0; i < found.count; ++i) history.parts[i] = found.parts[i];
    return Progress::nothing;
}

/// How large the history is and how far it goes back, for the status.
Progress measure_step(Call& call) {
    const History found = read_history(call.table, true);
    int64 bytes = found.rest_bytes + side_bytes();
    for (int i = 0; i < found.count; ++i) bytes += found.parts[i].bytes;
    run_sql(psprintf("SELECT pg_catalog.min(exported_at) FROM %s WHERE exported_at < 'infinity'",
                     qualified_name(call.table)));
    bool is_null = true;
    const Datum oldest = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
    SharedState& state = shared();
    SpinLockAcquire(&state.mutex);
    state.history_bytes = bytes;
    state.history_oldest = is_null ? 0 : DatumGetTimestampTz(oldest);
    SpinLockRelease(&state.mutex);
    return Progress::nothing;
}

Progress publication_step(Call& call) {
    note_publications(call.table);
    return Progress::nothing;
}

/// What gives something away of the table and of what is the extension's below it; users' partitions are
/// theirs.
Progress privacy_step(Call& call) {
    const History found = read_history(call.table, false);
    hide_grants_from_dumps(found);
    if (has_telling_statistics(call.table)) {
        remove_telling_statistics(call.table);
        return Progress::more;
    }
    if (found.rest_own && has_telling_statistics(found.rest)) {
        remove_telling_statistics(found.rest);
        return Progress::more;
    }
    for (int i = 0; i < found.count; ++i) {
        if (!found.parts[i].own || !has_telling_statistics(found.parts[i].oid)) continue;
        remove_telling_statistics(found.parts[i].oid);
        return Progress::more;
    }
    return Progress::nothing;
}

bool is_covered(const History& found, TimestampTz at) {
    for (int i = 0; i < found.count; ++i)
        if (found.parts[i].from <= at && at < found.parts[i].to) return true;
    return false;
}

/// `at`: an instant of the day.
Progress day_step(Call& call) {
    if (is_covered(read_history(call.table, false), call.at)) return Progress::nothing;
    return make_day(call.table, day_of(call.at)) ? Progress::more : Progress::nothing;
}

/// `part`: an own partition.
Progress drop_step(Call& call) {
    const History found = read_history(call.table, false);
    lock_for_change(call.table, found.rest, call.part);
    for (int i = 0; i < found.count; ++i)
        if (found.parts[i].oid == call.part && found.parts[i].own) drop_own(call.part);
    return Progress::more;
}

/// Deletes rows of the default partition that were exported before `at`.
Progress expire_step(Call& call) {
    const History found = read_history(call.table, false);
    if (!found.rest_own) return Progress::nothing;
    const char* name = qualified_name(found.rest);
    const uint64 rows =
        run_sql(psprintf("DELETE FROM ONLY %s WHERE ctid = ANY (ARRAY(SELECT ctid FROM ONLY %s "
                         "WHERE exported_at < %s LIMIT %d))",
                         name, name, instant_literal(call.at), kRowsAtOnce));
    return rows > 0 ? Progress::more : Progress::nothing;
}

/// Makes the partition of the oldest day of which the default partition has rows.
Progress drain_step(Call& call) {
    const History found = read_history(call.table, false);
    TimestampTz since = 0;  // 2000: what is older is no statistics
    while (found.rest_own) {
        run_sql(psprintf("SELECT min(exported_at) FROM ONLY %s WHERE exported_at >= %s AND exported_at <= %s",
                         qualified_name(found.rest), instant_literal(since), instant_literal(call.at)));
        bool is_null = false;
        const Datum oldest = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
        if (is_null) break;
        const TimestampTz day = day_of(DatumGetTimestampTz(oldest));
        if (make_day(call.table, day)) return Progress::more;
        since = day + USECS_PER_DAY;
    }
    return Progress::nothing;
}

/// Where everything else is gone and it is still too much.
Progress truncate_step(Call& call) {
    const History found = read_history(call.table, false);
    if (!found.rest_own) return Progress::nothing;
    lock_for_change(call.table, InvalidOid, found.rest);
    run_sql(psprintf("TRUNCATE ONLY %s", qualified_name(found.rest)));
    return Progress::more;
}

Progress rollup_step(Call& call) { return merge_step(call.table, call.at); }

bool in_budget(TimestampTz start) {
    const int64 share = pgsm_bucket_time * USECS_PER_SEC / 20;
    return GetCurrentTimestamp() - start < Min(Max(share, kLeastBudgetUs), kMostBudgetUs);
}

int64 minutes_us(int minutes) { return static_cast<int64>(minutes) * 60 * USECS_PER_SEC; }

/// Repeats a step while it has something to do.
void repeat(Step step, TimestampTz at, TimestampTz start) {
    Progress result = Progress::more;
    while (result == Progress::more && in_budget(start))
        if (!run_step(step, InvalidOid, at, &result)) return;
}

bool drop_part(HistoryPart& part) {
    if (!run_step(drop_step, part.oid, 0, nullptr)) return false;
    part.own = false;
    return true;
}

void drop_expired(TimestampTz before) {
    for (int i = 0; i < history.count; ++i)
        if (history.parts[i].own && history.parts[i].to <= before) drop_part(history.parts[i]);
}

/// The oldest goes first, today's last.
void keep_size(int64 most_bytes) {
    int64 bytes = history.rest_bytes + history.side_bytes;
    for (int i = 0; i < history.count; ++i)
        if (history.parts[i].own) bytes += history.parts[i].bytes;
    for (int i = 0; i < history.count && bytes > most_bytes; ++i) {
        if (!history.parts[i].own || history.parts[i].bytes == 0) continue;
        const int64 saved = history.parts[i].bytes;
        if (drop_part(history.parts[i])) bytes -= saved;
    }
    if (bytes > most_bytes && history.rest_bytes > most_bytes)
        run_step(truncate_step, InvalidOid, 0, nullptr);
}

/// Days that ended before this are merged into hours; DT_NOBEGIN: none.
TimestampTz merge_before(TimestampTz now) {
    const int64 bucket_us = pgsm_bucket_time * USECS_PER_SEC;
    if (pgsm_history_rollup_after == 0 || bucket_us >= 3600 * USECS_PER_SEC) return DT_NOBEGIN;
    const int64 served = Max(kServedUs, kServedBuckets * bucket_us);
    return now - Max(minutes_us(pgsm_history_rollup_after), served);
}

/// Moving rows about is nobody's business but ours: no trigger runs by it.
void set_triggers(const char* role) { SetConfigOption(kTriggerSetting, role, PGC_SUSET, PGC_S_OVERRIDE); }

void set_lock_timeout(const char* value) {
    SetConfigOption("lock_timeout", value, PGC_SUSET, PGC_S_OVERRIDE);
}

}  // namespace

void make_days_ahead() {
    const TimestampTz now = GetCurrentTimestamp();
    set_lock_timeout(kLockTimeout);
    set_triggers("replica");
    run_step(nullptr, InvalidOid, 0, nullptr);
    for (int day = 0; day < 2; ++day) run_step(day_step, InvalidOid, now + day * USECS_PER_DAY, nullptr);
    set_triggers("origin");
    set_lock_timeout("2s");
}

void keep_history() {
    const TimestampTz now = GetCurrentTimestamp();
    set_lock_timeout(kLockTimeout);
    set_triggers("replica");
    SetConfigOption("work_mem", "32MB", PGC_SUSET, PGC_S_OVERRIDE);
    run_step(publication_step, InvalidOid, 0, nullptr);
    repeat(privacy_step, 0, now);
    if (!run_step(survey_step, InvalidOid, 0, nullptr)) return;
    if (pgsm_history_retention != 0) {
        const TimestampTz before = now - minutes_us(pgsm_history_retention);
        drop_expired(before);
        repeat(expire_step, before, now);
    }
    if (pgsm_history_max_size != 0) keep_size(static_cast<int64>(pgsm_history_max_size) * 1024 * 1024);
    repeat(drain_step, now, now);
    // With nothing to be merged it clears away what was begun.
    repeat(rollup_step, merge_before(now), now);
    run_step(measure_step, InvalidOid, 0, nullptr);
    if (!failed) note_history_error("");
}

}  // namespace pgsm::glue
