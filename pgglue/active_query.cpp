#include "core/api.hpp"

#include "pgglue/active_query.hpp"

#include "pgglue/guarded.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/shmem.hpp"
#include "pgglue/tracking.hpp"
#include "pgglue/utility_run.hpp"

#include <cstring>

extern "C" {
#include "nodes/execnodes.h"
#include "utils/memutils.h"
}

namespace pgsm::glue {

ActiveQuery* newest_query;

namespace {

void unlink(ActiveQuery* query) {
    for (ActiveQuery** link = &newest_query; *link != nullptr; link = &(*link)->next) {
        if (*link == query) {
            *link = query->next;
            return;
        }
    }
}

/// Null when there is none: the user's statement goes on without us.
void* allocate(MemoryContext context, Size bytes) {
    return MemoryContextAllocExtended(context, bytes, MCXT_ALLOC_NO_OOM);
}

/// The text and place of a query that is still active; null for one that is not tracked, or is another user's: who
/// owns a SECURITY DEFINER function does not see what calls it.
const ParentText* active_parent(const QueryDesc* query_desc, Oid userid, ParentText& parent) {
    const ActiveQuery* query = find_query(query_desc);
    if (query == nullptr || query->identity.userid != userid) return nullptr;
    parent = {queryid_of(query_desc->plannedstmt), slice_of(query_desc), query->around, {}};
    return &parent;
}

/// Cursors and functions that return rows one by one may go on when the statement that began them has ended, and
/// its text is gone.
void hand_text_to_children(const ActiveQuery* parent) {
    std::string_view text{};
    for (ActiveQuery* query = newest_query; query != nullptr; query = query->next) {
        if (query->parent_desc != parent->query_desc) continue;
        query->parent_desc = nullptr;
        if (query->identity.userid != parent->identity.userid) continue;
        if (text.data() == nullptr) {
            MemoryContext old = MemoryContextSwitchTo(scratch_context());
            text = parent_text({queryid_of(parent->query_desc->plannedstmt),
                                slice_of(parent->query_desc),
                                parent->around,
                                {}});
            MemoryContextSwitchTo(old);
        }
        auto* copy = static_cast<char*>(allocate(query->query_desc->estate->es_query_cxt, text.size() + 1));
        if (copy == nullptr || text.data() == nullptr) continue;
        memcpy(copy, text.data(), text.size());
        query->parent.text = {copy, text.size()};
    }
    if (text.data() != nullptr) MemoryContextReset(scratch_context());
}

/// A portal has its source in a copy of its own.
void place_inside(ActiveQuery* query, const SourceSlice& utility) {
    const SourceSlice slice = slice_of(query->query_desc);
    if (slice.source == utility.source ||
        (slice.location <= 0 && slice.length <= 0 && strcmp(slice.source, utility.source) == 0))
        query->around = {slice.source, utility.location, utility.length};
}

extern "C" void forget_freed_query(void* arg) { unlink(static_cast<ActiveQuery*>(arg)); }

struct Planning {
    int64 queryid;  // 0: free
    int level;
    TimestampTz message_time;  // start of the client message
    core::Counters counters;
};

// A statement is executed soon after it was planned, and few are planned before one of them is executed.
constexpr int kPlannings = 8;
Planning plannings[kPlannings];
int next_planning;

extern "C" void forget_at_transaction_end(XactEvent event, void*) {
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT) return;
    for (Planning& known : plannings) known.queryid = 0;
}

void watch_transactions(void*) { RegisterXactCallback(forget_at_transaction_end, nullptr); }

}  // namespace

void count_lost_call() {
    lock_store_exclusive();
    store().header().usage.calls_without_memory += 1;
    unlock_store();
}

ActiveQuery* start_query(QueryDesc* query_desc) {
    MemoryContext context = query_desc->estate->es_query_cxt;
    auto* query = static_cast<ActiveQuery*>(allocate(context, sizeof(ActiveQuery)));
    if (query == nullptr) {
        count_lost_call();
        return nullptr;
    }
    clear_usage(query->used);
    INSTR_TIME_SET_ZERO(query->start.time);
    query->names = {};
    query->identity.userid = InvalidOid;  // not identified yet: keep_names()
    query->planning = nullptr;
    query->query_desc = query_desc;
    query->next = newest_query;
    newest_query = query;
    query->on_free.func = forget_freed_query;
    query->on_free.arg = query;
    MemoryContextRegisterResetCallback(context, &query->on_free);
    return query;
}

ActiveQuery* find_query(const QueryDesc* query_desc) {
    for (ActiveQuery* query = newest_query; query != nullptr; query = query->next)
        if (query->query_desc == query_desc) return query;
    return nullptr;
}

void place_query(ActiveQuery* query) {
    query->around.source = nullptr;
    if (current_utility != nullptr) place_inside(query, current_utility->execution.slice);
    query->parent_desc = (query->identity.flags & core::kHasParent) != 0 ? current_run : nullptr;
    query->parent.text = {};
}

const ParentText* current_parent(Oid userid, ParentText& parent) {
    return current_run != nullptr ? active_parent(current_run, userid, parent) : nullptr;
}

[[gnu::always_inline]] static inline void count(Execution& execution, const ActiveQuery* query,
                                                const Usage& used, int64 rows) {
    const QueryDesc* query_desc = query->query_desc;
    const EState* estate = query_desc->estate;
    execution.identity = query->identity;
    execution.queryid = queryid_of(query_desc->plannedstmt);
    if (query->planning != nullptr) execution.sample = *query->planning;
    set_exec_time(execution, used.ms);
    execution.sample.hot().rows = rows;
    end_cpu_time(execution.queryid, query->cpu, execution.sample.hot());
    count_usage(execution.sample, used);
    if (estate->es_jit != nullptr) add_jit(execution.sample, estate->es_jit->instr);
#if PGSM_HAS_WAL_AND_WORKER_COUNTS
    if (estate->es_parallel_workers_to_launch != 0) {
        core::JitPart& jit = execution.sample.cold(&core::Counters::jit);
        jit.parallel_workers_to_launch = estate->es_parallel_workers_to_launch;
        jit.parallel_workers_launched = estate->es_parallel_workers_launched;
    }
#endif
    execution.cmd_type = static_cast<uint8>(query_desc->operation);
    execution.slice = slice_of(query_desc);
    execution.around = &query->around;
    execution.names = &query->names;
}

void count_query(Execution& execution, const ActiveQuery* query, const Usage& used, int64 rows) {
    count(execution, query, used, rows);
}

void describe_parent(Execution& execution, const ActiveQuery* query, ParentText& parent) {
    if (query->parent.text.data() != nullptr)
        execution.parent = &query->parent;
    else if (query->parent_desc != nullptr)
        execution.parent = active_parent(query->parent_desc, query->identity.userid, parent);
}

namespace {

std::string_view copy_names(const Session& session, char* to) {
    memcpy(to, session.packed, session.packed_len);
    return {to, session.packed_len};
}

bool began_in(const core::Identity& identity, const Session& session) {
    return identity.userid == session.userid && identity.session_hash == session.hash;
}

}  // namespace

void keep_names(const Session& session) {
    for (ActiveQuery* query = newest_query; query != nullptr; query = query->next) {
        if (!query->names.empty() || !began_in(query->identity, session)) continue;
        auto* copy = static_cast<char*>(allocate(query->query_desc->estate->es_query_cxt, session.packed_len));
        if (copy != nullptr) query->names = copy_names(session, copy);
    }
    for (UtilityRun* run = current_utility; run != nullptr; run = run->outer)
        if (run->recorded && run->kept_names_len == 0 && began_in(run->execution.identity, session))
            run->kept_names_len = static_cast<uint32>(copy_names(session, run->kept_names).size());
}

void end_query(ActiveQuery* query, QueryDesc* query_desc) {
    unlink(query);
    if (newest_query != nullptr) hand_text_to_children(query);
    ParentText parent;
    Execution execution;
    count(execution, query, query->used, PGSM_ROWS_PROCESSED(query_desc->estate));
    execution.query_desc = query_desc;
    describe_parent(execution, query, parent);
    if (pgsm_enable_query_plan && query_desc->operation == CMD_SELECT) explain_execution(execution);
    record_execution(execution);
}

bool can_remember_plannings() {
    static bool watching;  // most backends never come here, and pay nothing at their transactions' ends
    watching = watching || without_error(watch_transactions, nullptr);
    return watching;
}

void remember_planning(int64 queryid, int level, const core::Sample& planning) {
    for (Planning& known : plannings) {
        if (known.queryid == queryid && known.level == level) {
            known.message_time = GetCurrentStatementStartTimestamp();
            planning.add_to(known.counters);
            return;
        }
    }
    plannings[next_planning] = {queryid, level, GetCurrentStatementStartTimestamp(), {}};
    planning.add_to(plannings[next_planning].counters);
    next_planning = (next_planning + 1) % kPlannings;
}

core::Counters* take_planning(int64 queryid, int level, MemoryContext context) {
    for (Planning& known : plannings) {
        if (known.queryid != queryid || known.level != level) continue;
        known.queryid = 0;
        auto* taken = static_cast<core::Counters*>(allocate(context, sizeof(core::Counters)));
        if (taken != nullptr) *taken = known.counters;
        return taken;
    }
    return nullptr;
}

void take_failed_plannings(int64 queryid, int level, core::Counters& into) {
    for (Planning& known : plannings) {
        const bool own = known.level == level && known.queryid == queryid;
        if (known.queryid == 0 || !(own || known.level > level) ||
            known.message_time != GetCurrentStatementStartTimestamp())
            continue;
        known.queryid = 0;
        if (own)
            core::merge(into, known.counters);
        else
            core::merge(into.plan, known.counters.plan);
    }
}

}  // namespace pgsm::glue
