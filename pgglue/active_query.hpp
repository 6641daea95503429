// What has to be remembered of a query between the hooks that see parts of it: planner -> executor start ->
// end.
#pragma once

#include "core/api.hpp"

#include "pgglue/collect.hpp"
#include "pgglue/cpu_time.hpp"
#include "pgglue/session.hpp"

namespace pgsm::glue {

/// A query between ExecutorStart and the end of its last run, or ExecutorEnd. Lives in the query's own memory
/// context, so that an error, which skips ExecutorEnd, takes it away together with the query.
struct ActiveQuery {
    ActiveQuery* next;
    const QueryDesc* query_desc;
    core::Identity identity;
    CpuReading cpu;
    Usage used;                    // by its executor runs and finish
    UsageStart start;              // of the run or finish under way; its time is zero when there is none
    core::Counters* planning;      // of the planner calls that led to this execution; null without any
    SourceSlice around;            // the utility statement that it was started in; without a source for none
    const QueryDesc* parent_desc;  // what runs it; null without a parent, or when that has ended
    ParentText parent;             // set when the parent ends
    std::string_view names;        // packed; empty while session_names() knows them
    MemoryContextCallback on_free;
};

[[gnu::hot]] ActiveQuery* start_query(QueryDesc* query_desc);

/// Notes what surrounds a query that has just been started and identified: utility statement and parent.
[[gnu::hot]] void place_query(ActiveQuery* query);

/// The statement that runs what is recorded now for a user, in `parent`; null when there is none, when it is
/// not tracked, or another user's.
const ParentText* current_parent(Oid userid, ParentText& parent);

/// For an execution that there is no memory to measure. Takes the store lock.
void count_lost_call();

/// Head of the list of all that are active.
extern PGSM_OWN ActiveQuery* newest_query;

/// Null for one that is not tracked.
[[gnu::hot]] ActiveQuery* find_query(const QueryDesc* query_desc);

/// What a query has counted, in `used` and elsewhere, into the sample of `execution`.
[[gnu::hot]] void count_query(Execution& execution, const ActiveQuery* query, const Usage& used, int64 rows);

/// Who runs the query, into `execution`. `parent` is memory for it.
[[gnu::hot]] void describe_parent(Execution& execution, const ActiveQuery* query, ParentText& parent);

/// Before a session is forgotten: gives its names to the statements that began in it.
void keep_names(const Session& session);

/// Records the query and forgets it. Takes the store lock (record_execution()).
[[gnu::hot]] void end_query(ActiveQuery* query, QueryDesc* query_desc);

/// Keeps what planning cost until the plan is executed, or the transaction ends. Several calls for one
/// statement add up.
void remember_planning(int64 queryid, int level, const core::Sample& planning);

/// What was remembered for a statement at this nesting level, in memory of `context`; null if nothing.
core::Counters* take_planning(int64 queryid, int level, MemoryContext context);

/// To be called before the first planning that is to be remembered; false when none can be.
bool can_remember_plannings();

/// Takes the plannings of this client message that no execution took, since something failed first: the
/// statement's own at `level`, and of those inside of it how often and how long (their blocks are the
/// statement's anyway).
void take_failed_plannings(int64 queryid, int level, core::Counters& into);

}  // namespace pgsm::glue
