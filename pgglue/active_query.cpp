#include "core/api.hpp"

#include "pgglue/active_query.hpp"

#include <cstring>

extern "C" {
#include "nodes/execnodes.h"
}

namespace pgsm::glue {
namespace {

ActiveQuery* newest_query;

void unlink(ActiveQuery* query) {
    for (ActiveQuery** link = &newest_query; *link != nullptr; link = &(*link)->next) {
        if (*link == query) {
            *link = query->next;
            return;
        }
    }
}

extern "C" void forget_freed_query(void* arg) { unlink(static_cast<ActiveQuery*>(arg)); }

struct Planning {
    int64 queryid;  // 0: free
    int level;
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

void merge_counters(core::Counters& into, const core::Counters& from) {
    core::merge(into.hot, from.hot);
    core::merge(into.io, from.io);
    core::merge(into.buffers, from.buffers);
    core::merge(into.plan, from.plan);
    core::merge(into.jit, from.jit);
}

}  // namespace

ActiveQuery* start_query(QueryDesc* query_desc) {
    MemoryContext context = query_desc->estate->es_query_cxt;
    auto* query = static_cast<ActiveQuery*>(MemoryContextAlloc(context, sizeof(ActiveQuery)));
    query->used = {};
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

void end_query(ActiveQuery* query) { unlink(query); }

void remember_planning(int64 queryid, int level, const core::Counters& planning) {
    static bool watching;  // most backends never come here, and pay nothing at their transactions' ends
    if (!watching) RegisterXactCallback(forget_at_transaction_end, nullptr);
    watching = true;
    for (Planning& known : plannings) {
        if (known.queryid == queryid && known.level == level) {
            merge_counters(known.counters, planning);
            return;
        }
    }
    plannings[next_planning] = {queryid, level, planning};
    next_planning = (next_planning + 1) % kPlannings;
}

core::Counters* take_planning(int64 queryid, int level, MemoryContext context) {
    for (Planning& known : plannings) {
        if (known.queryid != queryid || known.level != level) continue;
        known.queryid = 0;
        auto* taken = static_cast<core::Counters*>(MemoryContextAlloc(context, sizeof(core::Counters)));
        *taken = known.counters;
        return taken;
    }
    return nullptr;
}

}  // namespace pgsm::glue
