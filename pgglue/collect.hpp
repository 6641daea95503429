// From the server's instrumentation to the core's sample, and from the sample into the store.
#pragma once

#include "core/api.hpp"

#include "pgglue/guc.hpp"
#include "pgglue/pg.hpp"
#include "pgglue/statement_text.hpp"

extern "C" {
#include "executor/execdesc.h"
#include "executor/instrument.h"
#include "jit/jit.h"
}

namespace pgsm::glue {

/// What the backend used in some stretches of time. Most statements that are short find all blocks in memory
/// and write nothing: the rest is looked at only if it has changed, and valid only with `more`.
struct Usage {
    double ms;
    int64 shared_blks_hit;
    bool more;
    BufferUsage buffers;
    WalUsage wal;
};

/// Makes it empty.
inline void clear_usage(Usage& usage) {
    usage.ms = 0;
    usage.shared_blks_hit = 0;
    usage.more = false;
}

/// Where a stretch begins.
struct UsageStart {
    instr_time time;
    BufferUsage buffers;
    WalUsage wal;
};

/// The server's counters only ever grow, so two looks at them measure a stretch. Executor instrumentation
/// would give the same figures (2.3 uses it), at twice the price.
inline UsageStart begin_usage() {
    UsageStart start;
    start.buffers = pgBufferUsage;
    start.wal = pgWalUsage;
    INSTR_TIME_SET_CURRENT(start.time);
    return start;
}

/// Adds the stretch from `start` to now.
[[gnu::hot]] void add_usage(Usage& usage, const UsageStart& start);

/// The statement that ran another one: where it stands, or its text, once it has ended before the other.
struct ParentText {
    int64 queryid;
    SourceSlice slice;  // looked at while `text` has no data
    SourceSlice around;
    std::string_view text;  // as it is kept
};

/// One finished execution, utility statement or error, ready to be recorded. Everything that only a new entry
/// needs is behind pointers and looked at only when there is none yet.
struct Execution {
    core::Identity identity{};
    int64 queryid = 0;
    core::Sample sample;
    uint32 cell = 0;       // of the histogram
    uint8 cmd_type = 0;    // the server's CmdType
    TextKind kind = TextKind::planned;
    SourceSlice slice{};                   // as the server has it
    const SourceSlice* around = nullptr;   // the utility statement that it is inside of
    const StatementText* text = nullptr;   // where it has been made already
    QueryDesc* query_desc = nullptr;       // for relations; null for utility statements and errors
    const RangeVar* copied = nullptr;      // of COPY alone: the relation; still there when it has ended
    const ParentText* parent = nullptr;    // null if there is none
    std::string_view plan;                 // text of the plan, empty unless asked for
    uint8 elevel = 0;                      // of errors
    bool text_missing = false;             // one of its texts could not be made
};

/// Sets the identity of what starts now, in the session as it is. `parent_queryid` 0: no parent.
[[gnu::hot]] void identify(core::Identity& identity, bool toplevel, int64 parent_queryid);

/// Adds blocks, I/O times and WAL. The time is for the caller to place.
[[gnu::hot]] void count_usage(core::Sample& sample, const Usage& usage);
void add_jit(core::Sample& sample, const JitInstrumentation& jit);
[[gnu::hot]] void set_exec_time(Execution& execution, double ms);

/// Counts an execution. Takes the store lock, shared if the entry is there, else exclusive. For a new entry
/// it looks names up in the catalogs and allocates in the scratch context, which is empty afterwards.
[[gnu::hot]] void record_execution(const Execution& execution);

/// Query ids under which utility statements are recorded.
struct KnownUtility {
    int64 queryid;
    int64 recorded;
    bool normalized;
};
constexpr uint32 kKnownUtilities = 256;
extern KnownUtility known_utilities[kKnownUtilities];

/// For recorded_queryid() where it is not known. Makes `text` in the scratch context.
int64 find_recorded_queryid(int64 queryid, const SourceSlice& slice, StatementText& text);

/// The query id under which a utility statement is recorded: the server's, unless that is made of something that is
/// not kept (secrets; constants, where the server has them in the id), for it would confirm it. Where it is not known, `text` is made, for record_execution(), and
/// says so by having data.
inline int64 recorded_queryid(int64 queryid, const SourceSlice& slice, StatementText& text) {
    const KnownUtility& known = known_utilities[static_cast<uint64>(queryid) % kKnownUtilities];
    if (known.queryid == queryid && known.normalized == pgsm_normalized_query) return known.recorded;
    return find_recorded_queryid(queryid, slice, text);
}

/// A parent's text as it is kept, in CurrentMemoryContext. Never raises an error.
std::string_view parent_text(const ParentText& parent);

/// Counts an error or a warning, whose text has been made: no catalog, no error, no allocation that can fail.
/// Exclusive store lock.
void record_error(const Execution& execution, std::string_view sqlcode, std::string_view message);

/// True when a plan touches a relation at all.
bool touches_relations(const PlannedStmt* plan);

/// The same as relation_names(), where every relation is open and its schema known: without a catalog, so
/// without an error but for lack of memory. False where that is not so. Between executor start and end.
bool open_relation_names(const QueryDesc* query_desc, std::string_view& text);

/// Names of the relations that a plan touches, one a line, at most ten (compat-2.3.md 3.4).
std::string_view relation_names(const PlannedStmt* plan);

/// The name of the one relation of a COPY.
std::string_view relation_name(const RangeVar* relation);

/// Text of the plan of an execution, without its last line feed.
std::string_view plan_text(QueryDesc* query_desc);

/// Puts plan text and plan id into an execution, which record_execution() must follow. Where the plan can't
/// be explained (a function in it was dropped meanwhile) it stays without.
void explain_execution(Execution& execution);

}  // namespace pgsm::glue
