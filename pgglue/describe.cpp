// What a new entry shows of a plan: relations and plan text.
#include "core/api.hpp"

#include "pgglue/collect.hpp"

extern "C" {
#include "catalog/namespace.h"
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

struct Names {
    Oid seen[kMostRelations];
    int count;
    StringInfoData text;
};

void add_name(Names& names, Oid relid) {
    for (int i = 0; i < names.count; ++i)
        if (names.seen[i] == relid) return;
    if (names.count == kMostRelations) return;
    const char* name = get_rel_name(relid);
    const char* schema = get_namespace_name(get_rel_namespace(relid));
    // Dropped by the statement itself.
    if (name == nullptr || schema == nullptr) return;
    names.seen[names.count++] = relid;
    appendStringInfo(&names.text, "%s%s.%s%s", names.text.len > 0 ? "\n" : "", schema, name,
                     get_rel_relkind(relid) == RELKIND_VIEW ? "*" : "");
}

}  // namespace

bool touches_relations(const PlannedStmt* plan) {
    ListCell* cell;
    foreach (cell, plan->rtable)
        if (touches_relation(lfirst_node(RangeTblEntry, cell))) return true;
    return false;
}

std::string_view relation_names(const PlannedStmt* plan) {
    Names names{};
    initStringInfo(&names.text);
    ListCell* cell;
    foreach (cell, plan->rtable) {
        const auto* entry = lfirst_node(RangeTblEntry, cell);
        if (touches_relation(entry)) add_name(names, entry->relid);
    }
    return {names.text.data, static_cast<size_t>(names.text.len)};
}

std::string_view relation_name(const RangeVar* relation) {
    Names names{};
    initStringInfo(&names.text);
    const Oid relid = RangeVarGetRelid(relation, NoLock, true);
    if (OidIsValid(relid)) add_name(names, relid);
    return {names.text.data, static_cast<size_t>(names.text.len)};
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
