// What is kept of a statement's text. Nothing else of the library stores or shows a text that a client sent.
//
//   secrets      gone, whatever the settings: every literal of a statement that sets passwords, connections,
//                commands or program text; elsewhere literals, comments and names that speak of a secret
//   constants    shown as $1, $2, … with pgsm_normalized_query
//   unreadable   not kept
#pragma once

#include "core/api.hpp"

#include "pgglue/parsed.hpp"
#include "pgglue/pg.hpp"

namespace pgsm::glue {

enum class TextKind : uint8 {
    planned,  // a statement that the planner has seen; the constants are the parser's
    utility,
    unparsed,  // no statement: what it would have become nobody knows
};

struct StatementText {
    std::string_view text;
    /// Of the whole text before it is cut: pgsm_query_id, and the query id of what has none.
    int64 pgsm_query_id;
    int64 kept_hash;
    bool has_pgsm_query_id;  // false: the setting is off, or no memory
    bool has_secret;         // something was blanked for being one
    bool id_tells;           // the server's query id may be made of what is not kept
};

/// Text and pgsm_query_id of a statement, in CurrentMemoryContext. `slice` is its own (own_slice()). Never raises
/// an error; short of memory, or where the text can't be read, it says so in place of the text.
StatementText statement_text(int64 queryid, const SourceSlice& slice, TextKind kind);

/// A plan's text with its constants replaced, in CurrentMemoryContext; empty when it can't be read.
std::string_view plan_without_constants(std::string_view plan);

/// The hash that pgsm_query_id is (compat-2.3.md 3.2), of the text without comments and with single spaces.
/// False when memory is short; never raises an error.
bool plain_query_id(std::string_view text, int64* id);

core::TextEncoding text_encoding();

}  // namespace pgsm::glue
