// Parser, planner and executor hooks (utility statements: utility_hook.cpp): they measure, keep the nesting
// depth, and hand on what they saw. Each calls the previous hook exactly once, whatever happens.
//
// What every statement comes by is marked as hot, here, in the headers and in the core: the linker puts it
// together, into three pages instead of a dozen.
#include "core/api.hpp"

#include "pgglue/active_query.hpp"
#include "pgglue/collect.hpp"
#include "pgglue/failure.hpp"
#include "pgglue/guarded.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/install.hpp"
#include "pgglue/shmem.hpp"
#include "pgglue/tracking.hpp"

extern "C" {
#include "executor/executor.h"
#include "optimizer/planner.h"
#include "parser/analyze.h"
}

namespace pgsm::glue {

int tracking_suspended;
int nesting_level;
ExecutedStatement executed_statement;
const QueryDesc* current_run;
UtilityRun* current_utility;

namespace {

post_parse_analyze_hook_type prev_post_parse_analyze;
planner_hook_type prev_planner;
ExecutorStart_hook_type prev_executor_start;
ExecutorRun_hook_type prev_executor_run;
ExecutorFinish_hook_type prev_executor_finish;
ExecutorEnd_hook_type prev_executor_end;

/// A tracker that is off takes the short way: a test and a jump. What does more is not inlined behind it, so
/// that it sets up no stack frame.
inline bool has_nothing_to_do() { return tracking_is_off() && queryid_is_reported(); }

[[gnu::hot, gnu::noinline]] void analyzed(ParseState* pstate, Query* query, JumbleStateArg jumble) {
    if (prev_post_parse_analyze) prev_post_parse_analyze(pstate, query, jumble);
    const bool client = nesting_level == 0;
    const bool planned = query->commandType != CMD_UTILITY;
    const auto queryid = static_cast<int64>(query->queryId);
    if (!client && (queryid == 0 || !planned || !tracks_level(nesting_level))) return;
    const SourceSlice slice{pstate->p_sourcetext, query->stmt_location, query->stmt_len};
    if (client) note_parsed(queryid, slice, jumble, static_cast<uint8>(query->commandType));
    // A simple Query message parses without parameters of any kind, and its plans go with it.
    if ((client && pstate->p_paramref_hook == nullptr) || !planned || queryid == 0 || jumble == nullptr)
        return;
    note_kept(queryid, slice, current_utility != nullptr ? current_utility->execution.slice : SourceSlice{},
              jumble);
}

extern "C" [[gnu::hot]] void pgsm_post_parse_analyze(ParseState* pstate, Query* query,
                                                     JumbleStateArg jumble) {
    // Until 15 utility statements have no constants; they are noted when they are executed.
    if (!tracking_is_off() && (PGSM_JUMBLES_UTILITY || query->commandType != CMD_UTILITY))
        return analyzed(pstate, query, jumble);
    if (prev_post_parse_analyze) prev_post_parse_analyze(pstate, query, jumble);
}

// planner

PlannedStmt* call_planner(PGSM_PLANNER_PARAMS) {
    return prev_planner ? prev_planner(PGSM_PLANNER_ARGS) : standard_planner(PGSM_PLANNER_ARGS);
}

/// Functions that the planner evaluates run statements: nested ones. `start` null: it is not measured.
[[gnu::hot]] PlannedStmt* nested_planner(const UsageStart* start, PGSM_PLANNER_PARAMS) {
    PlannedStmt* volatile plan = nullptr;
    nesting_level = nesting_level + 1;
    PG_TRY();
    { plan = call_planner(PGSM_PLANNER_ARGS); }
    PG_CATCH();
    {
        nesting_level = nesting_level - 1;
        planner_failed(parse, query_string, start);
        PG_RE_THROW();
    }
    PG_END_TRY();
    nesting_level = nesting_level - 1;
    return plan;
}

[[gnu::hot, gnu::noinline]] PlannedStmt* measured_planner(PGSM_PLANNER_PARAMS) {
    note_executed(static_cast<int64>(parse->queryId));
    if (tracking_is_off()) return call_planner(PGSM_PLANNER_ARGS);
    if (!pgsm_track_planning || parse->queryId == 0 || !tracks_level(nesting_level) ||
        !can_remember_plannings())
        return nested_planner(nullptr, PGSM_PLANNER_ARGS);

    UsageStart start;
    begin_usage(start);
    PlannedStmt* plan = nested_planner(&start, PGSM_PLANNER_ARGS);
    Usage used;
    clear_usage(used);
    add_usage(used, start);
    core::Sample planning;
    planning.cold(&core::Counters::plan).plan = core::moments_of(used.ms);
    count_usage(planning, used);
    remember_planning(static_cast<int64>(parse->queryId), nesting_level, planning);
    return plan;
}

extern "C" [[gnu::hot]] PlannedStmt* pgsm_planner(PGSM_PLANNER_PARAMS) {
    if (has_nothing_to_do()) return call_planner(PGSM_PLANNER_ARGS);
    return measured_planner(PGSM_PLANNER_ARGS);
}

// executor

inline void call_executor_start(QueryDesc* query_desc, int flags) {
    if (prev_executor_start)
        prev_executor_start(query_desc, flags);
    else
        standard_ExecutorStart(query_desc, flags);
}

[[gnu::hot, gnu::noinline]] void tracked_start(QueryDesc* query_desc, int flags) {
    call_executor_start(query_desc, flags);
    const int64 queryid = queryid_of(query_desc->plannedstmt);
    if (queryid == 0 || !tracks_level(nesting_level)) return;
    ActiveQuery* query = start_query(query_desc);
    if (query == nullptr) return;
    identify(query->identity, nesting_level == 0, parent_queryid());
    place_query(query);
    if (pgsm_track_planning)
        query->planning = take_planning(queryid, nesting_level, query_desc->estate->es_query_cxt);
    begin_cpu_time(queryid, query_desc->plannedstmt->parallelModeNeeded, query->cpu);
}

extern "C" [[gnu::hot]] void pgsm_ExecutorStart(QueryDesc* query_desc, int flags) {
    if (tracking_is_off()) return call_executor_start(query_desc, flags);
    tracked_start(query_desc, flags);
}

/// Without triggers to fire and data-modifying WITH queries to finish, there is nothing to measure.
bool finish_is_empty(const EState* estate) {
    return (estate->es_top_eflags & EXEC_FLAG_SKIP_TRIGGERS) != 0 && estate->es_auxmodifytables == NIL;
}

/// True when a run with this limit has reached the end and nothing is left to finish. Clients are told then
/// that the statement is complete, though its portal may wait for their next message and, should that fail,
/// is dropped without an ExecutorEnd. What a cursor that scrolls back runs again is in the rows of its
/// FETCHes.
bool has_ended(const EState* estate, ScanDirection direction, uint64 count) {
    return ScanDirectionIsForward(direction) && (count == 0 || estate->es_processed < count) &&
           finish_is_empty(estate);
}

inline void call_executor_run(PGSM_EXECUTOR_RUN_PARAMS) {
    if (prev_executor_run)
        prev_executor_run(PGSM_EXECUTOR_RUN_ARGS);
    else
        standard_ExecutorRun(PGSM_EXECUTOR_RUN_ARGS);
}

[[gnu::hot, gnu::noinline]] void measured_run(PGSM_EXECUTOR_RUN_PARAMS) {
    note_executed(queryid_of(query_desc->plannedstmt));
    if (tracking_is_off()) return call_executor_run(PGSM_EXECUTOR_RUN_ARGS);
    const QueryDesc* const outer = current_run;
    current_run = query_desc;
    nesting_level = nesting_level + 1;
    ActiveQuery* const query = find_query(query_desc);
    if (query != nullptr) begin_usage(query->start);
    PG_TRY();
    { call_executor_run(PGSM_EXECUTOR_RUN_ARGS); }
    PG_CATCH();
    {
        nesting_level = nesting_level - 1;
        current_run = outer;
        run_failed(query);
        PG_RE_THROW();
    }
    PG_END_TRY();
    nesting_level = nesting_level - 1;
    current_run = outer;
    if (failure_waits) record_caught_error();
    if (query == nullptr) return;
    add_usage(query->used, query->start);
    INSTR_TIME_SET_ZERO(query->start.time);
    if (has_ended(query_desc->estate, direction, count)) end_query(query, query_desc);
}

extern "C" [[gnu::hot]] void pgsm_ExecutorRun(PGSM_EXECUTOR_RUN_PARAMS) {
    if (has_nothing_to_do()) return call_executor_run(PGSM_EXECUTOR_RUN_ARGS);
    measured_run(PGSM_EXECUTOR_RUN_ARGS);
}

inline void call_executor_finish(QueryDesc* query_desc) {
    if (prev_executor_finish)
        prev_executor_finish(query_desc);
    else
        standard_ExecutorFinish(query_desc);
}

[[gnu::noinline]] void measured_finish(QueryDesc* query_desc) {
    const QueryDesc* const outer = current_run;
    current_run = nullptr;
    nesting_level = nesting_level + 1;
    ActiveQuery* const query = find_query(query_desc);
    if (query != nullptr) begin_usage(query->start);
    PG_TRY();
    { call_executor_finish(query_desc); }
    PG_CATCH();
    {
        nesting_level = nesting_level - 1;
        current_run = outer;
        run_failed(query);
        PG_RE_THROW();
    }
    PG_END_TRY();
    nesting_level = nesting_level - 1;
    current_run = outer;
    if (failure_waits) record_caught_error();
    if (query == nullptr) return;
    add_usage(query->used, query->start);
    INSTR_TIME_SET_ZERO(query->start.time);
}

extern "C" [[gnu::hot]] void pgsm_ExecutorFinish(QueryDesc* query_desc) {
    if (tracking_is_off() || finish_is_empty(query_desc->estate)) return call_executor_finish(query_desc);
    measured_finish(query_desc);
}

extern "C" [[gnu::hot]] void pgsm_ExecutorEnd(QueryDesc* query_desc) {
    ActiveQuery* query = newest_query != nullptr ? find_query(query_desc) : nullptr;
    if (query != nullptr) end_query(query, query_desc);
    // What fails from here on is the string's next statement.
    if (nesting_level == 0) parsed_statement.ended = true;
    if (prev_executor_end)
        prev_executor_end(query_desc);
    else
        standard_ExecutorEnd(query_desc);
}

}  // namespace

void install_statement_hooks() {
    make_scratch_context();
    make_failure_context();
    prev_post_parse_analyze = post_parse_analyze_hook;
    post_parse_analyze_hook = pgsm_post_parse_analyze;
    prev_planner = planner_hook;
    planner_hook = pgsm_planner;
    prev_executor_start = ExecutorStart_hook;
    ExecutorStart_hook = pgsm_ExecutorStart;
    prev_executor_run = ExecutorRun_hook;
    ExecutorRun_hook = pgsm_ExecutorRun;
    prev_executor_finish = ExecutorFinish_hook;
    ExecutorFinish_hook = pgsm_ExecutorFinish;
    prev_executor_end = ExecutorEnd_hook;
    ExecutorEnd_hook = pgsm_ExecutorEnd;
    install_utility_hook();
}

}  // namespace pgsm::glue
