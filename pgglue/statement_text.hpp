// Texts and ids that can only be made with what is known where the statement is parsed: the text with its
// constants replaced, and pgsm_query_id, which is the hash of that text. Executions need them later, maybe
// much later (prepared statements), so each backend remembers which tokens are constants, in 56 kB of its
// own, whatever it runs; of what is forgotten the constants are guessed.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// A statement's place in the text that the client (or a function) sent.
struct SourceSlice {
    const char* source;  // whole string, NUL-terminated
    int location;        // bytes; -1 unknown
    int length;          // bytes; 0: to the end
};

/// The statement alone, without white space around it and without the semicolon.
std::string_view slice_text(const SourceSlice& slice);

/// Remembers the constants of a statement that has just been parsed, unless the store's texts will do (store
/// lock, shared). `kept`: its plan may be executed again without being parsed. Cheap when it is known
/// already. Never raises an error.
[[gnu::hot]] void remember_statement(int64 queryid, const SourceSlice& slice, JumbleStateArg jumble,
                                     bool kept);

struct StatementText {
    std::string_view text;  // normalised if that was asked for
    int64 pgsm_query_id;
    bool has_pgsm_query_id;  // false: the setting is off, or no memory
};

/// Text and pgsm_query_id for a new entry, in CurrentMemoryContext. Never raises an error: short of memory it
/// says so in place of the text.
StatementText statement_text(int64 queryid, const SourceSlice& slice, bool normalized);

/// pgsm_query_id of a text as it is: of utility statements and of errors (compat-2.3.md 3.2).
/// False when memory for the cleaned text is short; never raises an error.
bool plain_query_id(std::string_view text, int64* id);

core::TextEncoding text_encoding();

}  // namespace pgsm::glue
