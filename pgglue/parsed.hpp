// What is known from where a statement is parsed: where its constants are. Executions need that later, maybe
// much later (prepared statements). Places belong to a text: two spellings of a statement have one query id.
//
//   the client's statement that was parsed last   as the parser noted it, for it is mostly executed at once
//   statements whose plans are kept, nested ones  by the hash of their texts, packed, in a ring of 24 kB
//
// Of what is forgotten the constants are guessed (constants.hpp).
#pragma once

#include "core/api.hpp"

#include "pgglue/constants.hpp"
#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// A statement's place in the text that the client (or a function) sent.
struct SourceSlice {
    const char* source;  // whole string, NUL-terminated; null: the statement's own text is not known
    int location;        // bytes; -1 unknown
    int length;          // bytes; 0: to the end
};

/// The client's statement that was parsed last. Without constants for a utility statement until 15.
struct ParsedStatement {
    static constexpr int kMostNoted = 256;

    SourceSlice slice;
    int64 queryid;
    TimestampTz message_time;  // start of the client message
    uint8 command;             // the server's CmdType
    bool ended;                // it has been executed
    bool all_noted;            // `place` has all
    int count;
    int highest_param;
    NotedConstants::Place place[kMostNoted];
};
extern PGSM_OWN ParsedStatement parsed_statement;

/// Whether it belongs to the client message that is worked on.
inline bool is_parsed_now() {
    return parsed_statement.slice.source != nullptr &&
           parsed_statement.message_time == GetCurrentStatementStartTimestamp();
}

/// Notes a client's statement without constants.
inline void note_client_statement(int64 queryid, const SourceSlice& slice, uint8 command) {
    ParsedStatement& parsed = parsed_statement;
    parsed.slice = slice;
    parsed.queryid = queryid;
    parsed.message_time = GetCurrentStatementStartTimestamp();
    parsed.command = command;
    parsed.ended = false;
    parsed.all_noted = true;
    parsed.count = 0;
    parsed.highest_param = 0;
}

/// Where a statement really stands: one inside of a utility statement (EXPLAIN) or made by a rule does not say,
/// and is shown as what the client wrote. `around`: the utility statement that it is inside of; without a source for
/// none. Gives a slice without a source when that can't be told. Reads the text where the slice does not say.
SourceSlice own_slice(const SourceSlice& slice, const SourceSlice& around);

/// The statement alone, without white space around it and without the semicolon.
std::string_view slice_text(const SourceSlice& slice);

/// Remembers the constants of the client's statement, which has just been parsed. `jumble` null: it has none. `command`:
/// the server's CmdType.
[[gnu::hot]] void note_parsed(int64 queryid, const SourceSlice& slice, JumbleStateArg jumble, uint8 command);

/// The same for any statement whose plan may be executed again without being parsed.
void note_kept(int64 queryid, const SourceSlice& slice, const SourceSlice& around, JumbleStateArg jumble);

/// What is remembered of a statement, with places from the start of `part` of its text. False when nothing is.
/// May allocate in CurrentMemoryContext; never raises an error.
bool noted_constants(int64 queryid, const SourceSlice& slice, std::string_view text, std::string_view part,
                     NotedConstants& noted);

}  // namespace pgsm::glue
