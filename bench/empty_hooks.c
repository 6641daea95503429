/* The hooks of a tracker with nothing in them: what a tracker that is switched off can't cost less than. */
#include "postgres.h"

#include "executor/executor.h"
#include "fmgr.h"
#include "optimizer/planner.h"
#include "parser/analyze.h"
#include "tcop/utility.h"

PG_MODULE_MAGIC;

#if PG_VERSION_NUM >= 180000
#define RUN_PARAMS QueryDesc *query, ScanDirection direction, uint64 count
#define RUN_ARGS query, direction, count
#else
#define RUN_PARAMS QueryDesc *query, ScanDirection direction, uint64 count, bool once
#define RUN_ARGS query, direction, count, once
#endif

static post_parse_analyze_hook_type next_analyze;
static planner_hook_type next_planner;
static ExecutorStart_hook_type next_start;
static ExecutorRun_hook_type next_run;
static ExecutorFinish_hook_type next_finish;
static ExecutorEnd_hook_type next_end;
static ProcessUtility_hook_type next_utility;

static void empty_analyze(ParseState *state, Query *query, JumbleState *jumble) {
    if (next_analyze) next_analyze(state, query, jumble);
}

static PlannedStmt *empty_planner(Query *parse, const char *source, int options, ParamListInfo params) {
    return next_planner ? next_planner(parse, source, options, params)
                        : standard_planner(parse, source, options, params);
}

static void empty_start(QueryDesc *query, int flags) {
    if (next_start) next_start(query, flags);
    else standard_ExecutorStart(query, flags);
}

static void empty_run(RUN_PARAMS) {
    if (next_run) next_run(RUN_ARGS);
    else standard_ExecutorRun(RUN_ARGS);
}

static void empty_finish(QueryDesc *query) {
    if (next_finish) next_finish(query);
    else standard_ExecutorFinish(query);
}

static void empty_end(QueryDesc *query) {
    if (next_end) next_end(query);
    else standard_ExecutorEnd(query);
}

static void empty_utility(PlannedStmt *statement, const char *source, bool read_only_tree, ProcessUtilityContext context,
                          ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *qc) {
    if (next_utility) next_utility(statement, source, read_only_tree, context, params, environment, dest, qc);
    else standard_ProcessUtility(statement, source, read_only_tree, context, params, environment, dest, qc);
}

void _PG_init(void) {
    next_analyze = post_parse_analyze_hook;
    post_parse_analyze_hook = empty_analyze;
    next_planner = planner_hook;
    planner_hook = empty_planner;
    next_start = ExecutorStart_hook;
    ExecutorStart_hook = empty_start;
    next_run = ExecutorRun_hook;
    ExecutorRun_hook = empty_run;
    next_finish = ExecutorFinish_hook;
    ExecutorFinish_hook = empty_finish;
    next_end = ExecutorEnd_hook;
    ExecutorEnd_hook = empty_end;
    next_utility = ProcessUtility_hook;
    ProcessUtility_hook = empty_utility;
}
