// What a new entry shows of a plan: relations and plan text.
#include "core/api.hpp"

#include "pgglue/collect.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "commands/explain.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"
}

namespace pgsm::glue {
namespace {

constexpr int kMostRelations = 10;

/// A view is among the range table of a plan as the subquery it became (16 and later) or as the placeholder
/// entries of its rule (15).
bool touches_relation(const RangeTblEntry* entry) {
    return OidIsValid(entry->relid) && (entry->rtekind == RTE_RELATION || entry->rtekind == RTE_SUBQUERY);
}

}  // namespace

std::string_view relation_names(const PlannedStmt* plan) {
    Oid seen[kMostRelations];
    int count = 0;
    StringInfoData names;
    initStringInfo(&names);
    ListCell* cell;
    foreach (cell, plan->rtable) {
        const auto* entry = lfirst_node(RangeTblEntry, cell);
        if (!touches_relation(entry)) continue;
        bool known = false;
        for (int i = 0; i < count; ++i) known = known || seen[i] == entry->relid;
        if (known || count == kMostRelations) continue;
        const char* name = get_rel_name(entry->relid);
        const char* schema = get_namespace_name(get_rel_namespace(entry->relid));
        // Dropped by the statement itself.
        if (name == nullptr || schema == nullptr) continue;
        seen[count++] = entry->relid;
        appendStringInfo(&names, "%s%s.%s%s", names.len > 0 ? "\n" : "", schema, name,
                         entry->relkind == RELKIND_VIEW ? "*" : "");
    }
    return {names.data, static_cast<size_t>(names.len)};
}

std::string_view plan_text(QueryDesc* query_desc) {
    ExplainState* state = NewExplainState();
    state->costs = false;
    state->format = EXPLAIN_FORMAT_TEXT;
    ExplainBeginOutput(state);
    ExplainPrintPlan(state, query_desc);
    ExplainEndOutput(state);
    size_t len = static_cast<size_t>(state->str->len);
    while (len > 0 && state->str->data[len - 1] == '\n') --len;
    return {state->str->data, len};
}

}  // namespace pgsm::glue
