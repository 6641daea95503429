// What a new entry shows of a plan: relations and plan text.
#include "core/api.hpp"

#include "pgglue/collect.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/explain.h"
#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
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

// Names of a few schemas, so that a new statement over open tables needs no catalog at all.
constexpr int kSchemas = 8;
struct Schema {
    Oid oid;
    NameData name;
};
Schema schemas[kSchemas];
int next_schema;

extern "C" void forget_schemas(Datum, SystemCacheId, uint32) {
    for (Schema& schema : schemas) schema.oid = InvalidOid;
}

const char* known_schema(Oid oid) {
    for (const Schema& schema : schemas)
        if (schema.oid == oid) return NameStr(schema.name);
    return nullptr;
}

void remember_schema(Oid oid, const char* name) {
    static bool watching;
    if (!watching) CacheRegisterSyscacheCallback(NAMESPACEOID, forget_schemas, Datum{0});
    watching = true;
    if (known_schema(oid) != nullptr) return;
    schemas[next_schema].oid = oid;
    namestrcpy(&schemas[next_schema].name, name);
    next_schema = (next_schema + 1) % kSchemas;
}

bool is_wanted(const Names& names, Oid relid) {
    for (int i = 0; i < names.count; ++i)
        if (names.seen[i] == relid) return false;
    return names.count < kMostRelations;
}

/// Names are kept one a line: a line feed in one is shown as \n.
void append_line(StringInfo text, const char* name) {
    for (; *name != '\0'; ++name) {
        if (*name == '\n')
            appendStringInfoString(text, "\\n");
        else
            appendStringInfoChar(text, *name);
    }
}

void append_name(Names& names, Oid relid, const char* schema, const char* name, char kind) {
    names.seen[names.count++] = relid;
    if (names.text.len > 0) appendStringInfoChar(&names.text, '\n');
    append_line(&names.text, schema);
    appendStringInfoChar(&names.text, '.');
    append_line(&names.text, name);
    if (kind == RELKIND_VIEW) appendStringInfoChar(&names.text, '*');
}

void add_name(Names& names, Oid relid) {
    if (!is_wanted(names, relid)) return;
    const char* name = get_rel_name(relid);
    const Oid schema_oid = get_rel_namespace(relid);
    const char* schema = get_namespace_name(schema_oid);
    // Dropped by the statement itself.
    if (name == nullptr || schema == nullptr) return;
    remember_schema(schema_oid, schema);
    append_name(names, relid, schema, name, get_rel_relkind(relid));
}

}  // namespace

bool touches_relations(const PlannedStmt* plan) {
    ListCell* cell;
    foreach (cell, plan->rtable)
        if (touches_relation(lfirst_node(RangeTblEntry, cell))) return true;
    return false;
}

bool open_relation_names(const QueryDesc* query_desc, std::string_view& text) {
    const EState* estate = query_desc->estate;
    Names names{};
    initStringInfo(&names.text);
    ListCell* cell;
    foreach (cell, query_desc->plannedstmt->rtable) {
        const auto* entry = lfirst_node(RangeTblEntry, cell);
        if (!touches_relation(entry) || !is_wanted(names, entry->relid)) continue;
        const RelationData* relation = estate->es_relations[foreach_current_index(cell)];
        const char* schema = relation != nullptr ? known_schema(relation->rd_rel->relnamespace) : nullptr;
        if (schema == nullptr) return false;
        append_name(names, entry->relid, schema, NameStr(relation->rd_rel->relname),
                    relation->rd_rel->relkind);
    }
    text = {names.text.data, static_cast<size_t>(names.text.len)};
    return true;
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
