// The utility hook: what no executor runs. It calls the previous hook exactly once, whatever happens.
#include "core/api.hpp"

#include "pgglue/active_query.hpp"
#include "pgglue/collect.hpp"
#include "pgglue/cpu_time.hpp"
#include "pgglue/exporter_database.hpp"
#include "pgglue/failure.hpp"
#include "pgglue/guarded.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/history_notices.hpp"
#include "pgglue/history_privacy.hpp"
#include "pgglue/history_schema.hpp"
#include "pgglue/install.hpp"
#include "pgglue/shmem.hpp"
#include "pgglue/tracking.hpp"
#include "pgglue/utility_run.hpp"

#include <cstring>

extern "C" {
#include "parser/analyze.h"
#include "tcop/utility.h"
}

namespace pgsm::glue {
namespace {

ProcessUtility_hook_type prev_process_utility;

/// What EXECUTE runs is recorded at EXECUTE's own level; PREPARE and DEALLOCATE do no work worth a row.
bool is_run_by_itself(const Node* statement) {
    return IsA(statement, ExecuteStmt) || IsA(statement, PrepareStmt) || IsA(statement, DeallocateStmt);
}

void call_next(PlannedStmt* pstmt, const char* query_string, bool read_only_tree,
               ProcessUtilityContext context, ParamListInfo params, QueryEnvironment* environment,
               DestReceiver* dest, QueryCompletion* completion) {
    if (prev_process_utility)
        prev_process_utility(pstmt, query_string, read_only_tree, context, params, environment, dest,
                             completion);
    else
        standard_ProcessUtility(pstmt, query_string, read_only_tree, context, params, environment, dest,
                                completion);
}

/// Statements that may change what is the extension's; a closer look follows.
bool may_touch_extension(const Node* statement) {
    switch (nodeTag(statement)) {
    case T_AlterObjectSchemaStmt:
    case T_AlterOwnerStmt:
    case T_AlterTableStmt:
    case T_DropOwnedStmt:
    case T_DropStmt:
    case T_GrantStmt:
    case T_ReassignOwnedStmt:
        return true;
    default:
        return false;
    }
}

/// Work of ours around a statement, whose blocks and WAL are not the statement's.
struct OwnWork {
    BufferUsage buffers;
    WalUsage wal;
};
OwnWork begin_own_work() { return {pgBufferUsage, pgWalUsage}; }
void end_own_work(const OwnWork& work) {
    pgBufferUsage = work.buffers;
    pgWalUsage = work.wal;
}

void note_grants(void*) { hide_grants_from_dumps(); }

struct Dropped {
    const Node* statement;
    int64 bytes;
};
void measure_dropped(void* argument) {
    auto& dropped = *static_cast<Dropped*>(argument);
    dropped.bytes = history_to_be_dropped(dropped.statement);
}

[[gnu::noinline]] void call_around_extension(PlannedStmt* pstmt, const char* query_string,
                                             bool read_only_tree, ProcessUtilityContext context,
                                             ParamListInfo params, QueryEnvironment* environment,
                                             DestReceiver* dest, QueryCompletion* completion) {
    // An error needs no undoing: what it takes out of the extension is in the same transaction.
    const Node* statement = pstmt->utilityStmt;
    const OwnWork before = begin_own_work();
    const bool grants = changes_grants(statement);
    const List* apart = moves_extension(statement) ? take_members_out() : NIL;
    // An error of ours is not the statement's: the export worker notes grants, too.
    Dropped dropped{statement, 0};
    const bool drops = IsA(statement, DropStmt) &&
                       reinterpret_cast<const DropStmt*>(statement)->removeType == OBJECT_EXTENSION;
    if (drops && !without_catalog_error(measure_dropped, &dropped)) dropped.bytes = 0;
    end_own_work(before);
    call_next(pstmt, query_string, read_only_tree, context, params, environment, dest, completion);
    const OwnWork behind = begin_own_work();
    if (apart != NIL) give_members_back(apart);
    if (dropped.bytes > 0) report_dropped_history(dropped.bytes);
    if (grants) static_cast<void>(without_catalog_error(note_grants, nullptr));
    end_own_work(behind);
}

void call_process_utility(PlannedStmt* pstmt, const char* query_string, bool read_only_tree,
                          ProcessUtilityContext context, ParamListInfo params, QueryEnvironment* environment,
                          DestReceiver* dest, QueryCompletion* completion) {
    // Most statements come by here for nothing.
    if (may_touch_extension(pstmt->utilityStmt))
        call_around_extension(pstmt, query_string, read_only_tree, context, params, environment, dest,
                              completion);
    else
        call_next(pstmt, query_string, read_only_tree, context, params, environment, dest, completion);
}

bool concerns_extension(const Node* statement) {
    return IsA(statement, CreateExtensionStmt) || IsA(statement, AlterExtensionStmt);
}

bool is_our_extension(const Node* statement) {
    const char* name = nullptr;
    if (IsA(statement, CreateExtensionStmt))
        name = reinterpret_cast<const CreateExtensionStmt*>(statement)->extname;
    if (IsA(statement, AlterExtensionStmt))
        name = reinterpret_cast<const AlterExtensionStmt*>(statement)->extname;
    return name != nullptr && strcmp(name, "pg_stat_monitor") == 0;
}

/// A module that is called before us may have taken the id out of the statement (pg_stat_statements does);
/// the server computes the same one again.
int64 utility_queryid(PlannedStmt* pstmt, const char* query_string) {
    if (pstmt->queryId != 0 || !IsQueryIdEnabled()) return queryid_of(pstmt);
    Query query{};
    query.type = T_Query;
    query.commandType = CMD_UTILITY;
    query.utilityStmt = pstmt->utilityStmt;
    query.stmt_location = pstmt->stmt_location;
    query.stmt_len = pstmt->stmt_len;
    PGSM_JUMBLE_QUERY(&query, query_string);
    return static_cast<int64>(query.queryId);
}

int64 utility_rows(const QueryCompletion* completion) {
    if (completion == nullptr) return 0;
    switch (completion->commandTag) {
    case CMDTAG_COPY:
    case CMDTAG_FETCH:
    case CMDTAG_SELECT:
    case CMDTAG_REFRESH_MATERIALIZED_VIEW:
        return static_cast<int64>(completion->nprocessed);
    default:
        return 0;
    }
}

[[gnu::noinline]] void measured_process_utility(PlannedStmt* pstmt, const char* query_string,
                                                bool read_only_tree, ProcessUtilityContext context,
                                                ParamListInfo params, QueryEnvironment* environment,
                                                DestReceiver* dest, QueryCompletion* completion) {
    const Node* statement = pstmt->utilityStmt;
    const volatile bool creates_extension =
        concerns_extension(statement) && is_our_extension(statement);  // over PG_TRY
    // Steps of another statement (an index of CREATE TABLE, a table of CREATE SCHEMA) are no statements.
    const bool tracked =
        pgsm_track_utility && context != PROCESS_UTILITY_SUBCOMMAND && tracks_level(nesting_level);
    const int64 queryid = tracked || nesting_level == 0 ? utility_queryid(pstmt, query_string) : 0;
    note_executed(queryid);

    // The statement may be freed by its own execution (a transaction's end, DEALLOCATE): all is taken before.
    UtilityRun run;
    ParentText parent;
    Execution& execution = run.execution;
    run.recorded = tracked && queryid != 0;
    run.kept_names_len = 0;
    run.level = nesting_level;
    SourceSlice& slice = execution.slice;
    slice = {query_string, pstmt->stmt_location, pstmt->stmt_len};
    if (!PGSM_JUMBLES_UTILITY && nesting_level == 0) note_client_statement(queryid, slice, CMD_UTILITY);
    if (current_utility != nullptr && current_utility->execution.slice.source == query_string)
        slice = own_slice(slice, current_utility->execution.slice);
    execution.queryid = queryid;
    if (run.recorded) {
        identify(execution.identity, nesting_level == 0, parent_queryid());
        execution.cmd_type = CMD_UTILITY;
        execution.kind = TextKind::utility;
        if (IsA(statement, CopyStmt))
            execution.copied = reinterpret_cast<const CopyStmt*>(statement)->relation;
        if ((execution.identity.flags & core::kHasParent) != 0)
            execution.parent = current_parent(execution.identity.userid, parent);
        begin_cpu_time(queryid, false, run.cpu);
    }
    begin_usage(run.start);

    const QueryDesc* const outer = current_run;
    run.outer = current_utility;
    current_run = nullptr;
    current_utility = &run;
    nesting_level = nesting_level + 1;
    PG_TRY();
    {
        call_process_utility(pstmt, query_string, read_only_tree, context, params, environment, dest,
                             completion);
    }
    PG_CATCH();
    {
        nesting_level = run.level;
        current_run = outer;
        current_utility = run.outer;
        utility_failed(run);
        PG_RE_THROW();
    }
    PG_END_TRY();
    nesting_level = nesting_level - 1;
    current_run = outer;
    current_utility = run.outer;

    if (failure_waits) record_caught_error();
    if (nesting_level == 0) parsed_statement.ended = true;
    if (run.recorded) {
        Usage used;
        clear_usage(used);
        add_usage(used, run.start);
        set_exec_time(execution, used.ms);
        execution.sample.hot().rows = utility_rows(completion);
        end_cpu_time(queryid, run.cpu, execution.sample.hot());
        count_usage(execution.sample, used);
        StatementText text;
        text.text = {};
        execution.queryid = recorded_queryid(queryid, slice, text);
        if (text.text.data() != nullptr) execution.text = &text;
        const std::string_view names = run.names();
        if (run.kept_names_len != 0) execution.names = &names;
        record_execution(execution);
    }
    if (creates_extension && store_ready()) {
        note_extension_created();
        if (IsA(pstmt->utilityStmt, CreateExtensionStmt)) advise_creator();
    }
}

[[gnu::noinline]] void noted_process_utility(PlannedStmt* pstmt, const char* query_string,
                                             bool read_only_tree, ProcessUtilityContext context,
                                             ParamListInfo params, QueryEnvironment* environment,
                                             DestReceiver* dest, QueryCompletion* completion) {
    if (!PGSM_JUMBLES_UTILITY && nesting_level == 0)
        note_client_statement(queryid_of(pstmt), {query_string, pstmt->stmt_location, pstmt->stmt_len},
                              CMD_UTILITY);
    call_process_utility(pstmt, query_string, read_only_tree, context, params, environment, dest, completion);
}

extern "C" void pgsm_ProcessUtility(PlannedStmt* pstmt, const char* query_string, bool read_only_tree,
                                    ProcessUtilityContext context, ParamListInfo params,
                                    QueryEnvironment* environment, DestReceiver* dest,
                                    QueryCompletion* completion) {
    const Node* statement = pstmt->utilityStmt;
    if (tracking_is_off() && !concerns_extension(statement))
        call_process_utility(pstmt, query_string, read_only_tree, context, params, environment, dest,
                             completion);
    else if (is_run_by_itself(statement))
        noted_process_utility(pstmt, query_string, read_only_tree, context, params, environment, dest,
                              completion);
    else
        measured_process_utility(pstmt, query_string, read_only_tree, context, params, environment, dest,
                                 completion);
}

}  // namespace

void install_utility_hook() {
    prev_process_utility = ProcessUtility_hook;
    ProcessUtility_hook = pgsm_ProcessUtility;
}

}  // namespace pgsm::glue
