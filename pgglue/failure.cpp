#include "core/api.hpp"

#include "pgglue/failure.hpp"

#include "pgglue/error_message.hpp"
#include "pgglue/guarded.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/shmem.hpp"
#include "pgglue/tracking.hpp"

#include <cstring>

extern "C" {
#include "nodes/execnodes.h"
#include "utils/memutils.h"
}

namespace pgsm::glue {

bool failure_waits;

namespace {

/// Texts of the row that waits. It keeps a block that is enough for a copy of most errors.
MemoryContext failure_memory;
constexpr Size kKeptBytes = 8 * 1024;

/// The client's statement that has failed last.
struct ClientFailure {
    Spent spent;
    int sqlerrcode;            // 0: none
    TimestampTz message_time;  // start of the client message
};
constinit ClientFailure client{};

/// The row that waits; the views are of failure_memory.
struct NestedFailure {
    Spent spent;
    int sqlerrcode;
    int level;
    StatementText text;
    std::string_view message;
    std::string_view nest;
};
constinit NestedFailure nested{};

void forget_nested() {
    failure_waits = false;
    MemoryContextReset(failure_memory);
}

/// Puts counters and names of a statement that is still there into `spent`.
void take_spent(const Execution& execution, bool identified, Spent& spent) {
    spent.identified = identified;
    spent.cmd_type = execution.cmd_type;
    spent.queryid = execution.queryid;
    spent.slice = own_slice(execution.slice, execution.around != nullptr ? *execution.around : SourceSlice{});
    spent.names_len = 0;
    spent.counters = {};
    execution.sample.add_to(spent.counters);
    if (!identified) return;
    spent.identity = execution.identity;
    const std::string_view names =
        execution.names != nullptr && !execution.names->empty()
            ? *execution.names
            : session_names(execution.identity.userid, execution.identity.session_hash);
    memcpy(spent.names, names.data(), names.size());
    spent.names_len = static_cast<uint32>(names.size());
}

/// True when the row that waits is of the error that passes `level` now. Else it has been caught, and is
/// recorded.
bool passes_on(int level, int sqlerrcode) {
    if (!failure_waits) return false;
    if (nested.sqlerrcode == sqlerrcode && level < nested.level) return true;
    record_caught_error();
    return false;
}

/// The error that is handled now is another one, that there was no memory for a copy: the first one goes on. Whoever
/// catches it sees the same SQLSTATE; its message is gone. The kept block is there so that this does not happen.
[[noreturn]] void raise_again(int sqlerrcode) {
    FlushErrorState();
    if (!store_lock_held()) count_lost_call();
    ereport(ERROR, (errcode(sqlerrcode), errmsg("out of memory while an error was handled")));
    pg_unreachable();
}

/// Makes texts and message of the nested statement that has failed. Not for lack of memory: that error is not
/// copied.
void make_texts(Execution& execution, int sqlerrcode) {
    MemoryContext old = MemoryContextSwitchTo(failure_memory);
    const SourceSlice slice =
        own_slice(execution.slice, execution.around != nullptr ? *execution.around : SourceSlice{});
    nested.text = statement_text(execution.queryid, slice, execution.kind);
    execution.identity.flags |= core::kError;
    nested.nest = packed_nest(execution);
    nested.message = {};
    constexpr size_t kCap = kMessageBytes + 16;
    char* out = static_cast<char*>(MemoryContextAllocExtended(failure_memory, kCap, MCXT_ALLOC_NO_OOM));
    const bool copied = out != nullptr && sqlerrcode != ERRCODE_OUT_OF_MEMORY;
    const ErrorData* error = copied ? copy_error() : nullptr;
    if (copied && error == nullptr) {
        MemoryContextSwitchTo(old);
        raise_again(sqlerrcode);
    }
    // What a function raises may have been handed to it by any of the statements around.
    if (error != nullptr && is_written_by_users(error))
        nested.message = "...";
    else if (error != nullptr)
        nested.message = error_message(error, slice, execution.kind, nested.text.has_secret, out, kCap);
    MemoryContextSwitchTo(old);
}

/// The row of a nested statement.
void note_nested(Execution& execution, int sqlerrcode) {
    const bool passing = failure_waits;
    const core::Moments inner = passing ? nested.spent.counters.plan.plan : core::Moments{};
    if (passing) forget_nested();
    make_texts(execution, sqlerrcode);
    take_spent(execution, true, nested.spent);
    core::merge(nested.spent.counters.plan.plan, inner);
    take_failed_plannings(execution.queryid, nesting_level, nested.spent.counters);
    nested.sqlerrcode = sqlerrcode;
    nested.level = nesting_level;
    failure_waits = true;
}

void note_client(const Execution& execution, bool identified, int sqlerrcode) {
    take_spent(execution, identified, client.spent);
    if (failure_waits) {
        core::merge(client.spent.counters.plan.plan, nested.spent.counters.plan.plan);
        forget_nested();
    }
    client.sqlerrcode = sqlerrcode;
    client.message_time = GetCurrentStatementStartTimestamp();
}

/// An error passes a statement at the nesting level. `identified`: it is tracked, and who runs it is known.
void note(Execution& execution, bool identified) {
    const int sqlerrcode = geterrcode();
    passes_on(nesting_level, sqlerrcode);
    if (nesting_level == 0)
        note_client(execution, identified, sqlerrcode);
    else if (identified && execution.queryid != 0)
        note_nested(execution, sqlerrcode);
}

bool watches_failures() { return tracking_suspended == 0 && !IsParallelWorker() && store_ready(); }

bool is_running(const ActiveQuery& query) { return !INSTR_TIME_IS_ZERO(query.start.time); }

void count_failed_query(Execution& execution, const ActiveQuery& query, const Usage& used) {
    count_query(execution, &query, used, PGSM_ROWS_OF_RUN_TOO(query.query_desc->estate));
}

void count_failed_utility(Execution& execution, const UtilityRun& run) {
    Usage used;
    clear_usage(used);
    add_usage(used, run.start);
    set_exec_time(execution, used.ms);
    if (run.recorded) end_cpu_time(execution.queryid, run.cpu, execution.sample.hot());
    count_usage(execution.sample, used);
    execution.cmd_type = CMD_UTILITY;
}

/// The client's statement in the middle of which the process ends.
bool running_spent(Spent& spent) {
    const UtilityRun* run = current_utility;
    while (run != nullptr && run->level != 0) run = run->outer;
    if (run != nullptr) {
        Execution execution = run->execution;
        const std::string_view names = run->names();
        execution.names = &names;
        count_failed_utility(execution, *run);
        take_spent(execution, run->recorded, spent);
        return true;
    }
    for (const ActiveQuery* query = newest_query; query != nullptr; query = query->next) {
        if (!is_running(*query) || (query->identity.flags & core::kTopLevel) == 0) continue;
        Execution execution;
        Usage used = query->used;
        add_usage(used, query->start);
        count_failed_query(execution, *query, used);
        take_spent(execution, true, spent);
        return true;
    }
    return false;
}

}  // namespace

void run_failed(ActiveQuery* query) {
    if (query == nullptr || !watches_failures()) return;
    add_usage(query->used, query->start);
    INSTR_TIME_SET_ZERO(query->start.time);
    Execution execution;
    ParentText parent;
    count_failed_query(execution, *query, query->used);
    if (nesting_level > 0) describe_parent(execution, query, parent);
    note(execution, true);
}

void utility_failed(UtilityRun& run) {
    if (!watches_failures()) return;
    const std::string_view names = run.names();
    run.execution.names = &names;
    count_failed_utility(run.execution, run);
    note(run.execution, run.recorded);
}

void planner_failed(const Query* parse, const char* query_string, const UsageStart* start) {
    if (!watches_failures() || !tracks_level(nesting_level)) return;
    const auto queryid = static_cast<int64>(parse->queryId);
    if (start != nullptr) {
        Usage used;
        clear_usage(used);
        add_usage(used, *start);
        core::Sample planning;
        planning.cold(&core::Counters::plan).plan = core::moments_of(used.ms);
        count_usage(planning, used);
        remember_planning(queryid, nesting_level, planning);
    }
    Execution execution;
    ParentText parent;
    execution.queryid = queryid;
    execution.cmd_type = static_cast<uint8>(parse->commandType);
    execution.slice = {query_string, parse->stmt_location, parse->stmt_len};
    if (current_utility != nullptr) execution.around = &current_utility->execution.slice;
    set_exec_time(execution, nesting_level == 0 && start == nullptr ? unmeasured_ms() : 0.0);
    if (nesting_level > 0) {
        const Session& session = current_session_without_catalog();
        set_identity(execution.identity, session, false, parent_queryid());
        if ((execution.identity.flags & core::kHasParent) != 0)
            execution.parent = current_parent(session.userid, parent);
    }
    note(execution, nesting_level > 0);
}

void record_caught_error() {
    Execution execution;
    const Spent& spent = nested.spent;
    const std::string_view names{spent.names, spent.names_len};
    execution.identity = spent.identity;
    execution.queryid = spent.queryid == 0 || nested.text.id_tells ? nested.text.kept_hash : spent.queryid;
    execution.sample = spent.counters;
    execution.cell = core::cell_of(histogram_bounds(), spent.counters.hot.exec.total);
    execution.cmd_type = spent.cmd_type;
    execution.text = &nested.text;
    execution.elevel = ERROR;
    execution.names = &names;
    if (!store_lock_held())
        record_error(execution, nested.sqlerrcode, nested.message, nested.nest);
    forget_nested();
}

bool client_spent(const ErrorData* error, Spent& spent) {
    if (error->elevel > ERROR) return nesting_level > 0 && running_spent(spent);
    if (client.sqlerrcode != error->sqlerrcode || client.message_time != GetCurrentStatementStartTimestamp())
        return false;
    client.sqlerrcode = 0;
    spent = client.spent;
    return true;
}

double unmeasured_ms() {
    const TimestampTz began = GetCurrentStatementStartTimestamp();
    const TimestampTz now = GetCurrentTimestamp();
    if (began == 0 || now < began) return 0;
    const double of_message = static_cast<double>(now - began) / 1000.0;
    if (INSTR_TIME_IS_ZERO(counted_until)) return of_message;
    instr_time passed;
    INSTR_TIME_SET_CURRENT(passed);
    INSTR_TIME_SUBTRACT(passed, counted_until);
    return Min(of_message, INSTR_TIME_GET_MILLISEC(passed));
}

void make_failure_context() {
    failure_memory = AllocSetContextCreate(TopMemoryContext, "pg_stat_monitor failures", kKeptBytes,
                                           kKeptBytes, kKeptBytes * 4);
}

}  // namespace pgsm::glue
