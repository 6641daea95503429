// What has to be remembered of a query between the hooks that see parts of it: planner -> executor start ->
// end.
#pragma once

#include "core/api.hpp"

#include "pgglue/collect.hpp"
#include "pgglue/cpu_time.hpp"

namespace pgsm::glue {

/// A query between ExecutorStart and ExecutorEnd. Lives in the query's own memory context, so that an error,
/// which skips ExecutorEnd, takes it away together with the query.
struct ActiveQuery {
    ActiveQuery* next;
    const QueryDesc* query_desc;
    core::Identity identity;
    CpuReading cpu;
    Usage used;                // by its executor runs and finish
    core::Counters* planning;  // of the planner calls that led to this execution; null without any
    MemoryContextCallback on_free;
};

ActiveQuery* start_query(QueryDesc* query_desc);
ActiveQuery* find_query(const QueryDesc* query_desc);
void end_query(ActiveQuery* query);

/// Keeps what planning cost until the plan is executed, or the transaction ends. Several calls for one
/// statement add up.
void remember_planning(int64 queryid, int level, const core::Counters& planning);

/// What was remembered for a statement at this nesting level, in memory of `context`; null if nothing.
core::Counters* take_planning(int64 queryid, int level, MemoryContext context);

}  // namespace pgsm::glue
