#include "core/api.hpp"

#include "pgglue/collect.hpp"

#include "pgglue/guarded.hpp"
#include "pgglue/guc.hpp"
#include "pgglue/session.hpp"
#include "pgglue/shmem.hpp"
#include "pgglue/tokens.hpp"
#include "pgglue/tracking.hpp"

#include <time.h>

#include <cstring>

extern "C" {
#include "utils/memutils.h"
}

namespace pgsm::glue {
namespace {

double ms(const instr_time& time) { return INSTR_TIME_GET_MILLISEC(time); }

/// Most I/O times are zero: track_io_timing is off, or nothing was read.
void add_ms(double& into, const instr_time& time) {
    if (!INSTR_TIME_IS_ZERO(time)) into += ms(time);
}

/// The time to within a tick of the kernel's, at a tenth of the price: only the change of buckets hangs on
/// it.
TimestampTz coarse_now() {
#ifdef CLOCK_REALTIME_COARSE
    timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    constexpr int64 kEpochDifference = int64{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * SECS_PER_DAY;
    return (static_cast<int64>(now.tv_sec) - kEpochDifference) * USECS_PER_SEC + now.tv_nsec / 1000;
#else
    return GetCurrentTimestamp();
#endif
}

/// The common case: the entry is there, with all the parts it needs.
bool record_known(core::Store store, const core::Key& key, const Execution& execution, TimestampTz now) {
    bool done = false;
    lock_store_shared();
    if (!core::rotation_due(store, now)) {
        core::Entry* entry = core::find(store, store.running().seq, key);
        if (entry != nullptr) {
            SpinLockAcquire(entry_lock(*entry));
            done = core::try_apply(store, *entry, execution.sample, execution.cell);
            SpinLockRelease(entry_lock(*entry));
        }
    }
    unlock_store();
    return done;
}

struct Outcome {
    core::Status status;
    bool rotated;
    bool first;          // of its bucket: the exporter has a bucket to wait for now
    TimestampTz end_us;  // of that bucket
};

Outcome record_exclusive(core::Store store, const core::Key& key, const core::Description* description,
                         const Execution& execution, TimestampTz now, uint32 keep, std::string_view notes) {
    Outcome outcome{};
    lock_store_exclusive();
    if (core::rotation_due(store, now)) {
        core::rotate(store, now, keep);
        outcome.rotated = true;
    }
    outcome.first = store.running().entries == 0;
    outcome.end_us = store.running().end_us;
    outcome.status = core::record(store, key, description, pgsm_normalized_query,
                                  execution.sample, execution.cell, now);
    if (!notes.empty() && outcome.status == core::Status::kOk) {
        core::Entry* entry = core::find(store, store.running().seq, key);
        if (entry != nullptr) core::set_notes(store, *entry, notes, execution.elevel);
    }
    unlock_store();
    return outcome;
}

/// Room for what is packed beside parent and plan text of a new entry.
constexpr Size kNestBytes = 16 + 4;
constexpr Size kPlanBytes = 1023;

/// Packed, in CurrentMemoryContext; empty when there is neither, or no memory.
std::string_view pack_nest_of(const Execution& execution) {
    if ((execution.identity.flags & (core::kHasParent | core::kHasPlan)) == 0) return {};
    core::NestTexts nest{};
    nest.parent_queryid = execution.identity.parent_queryid;
    nest.planid = execution.identity.planid;
    nest.plan = core::truncate_at_char(execution.plan, kPlanBytes, text_encoding());
    if ((execution.identity.flags & core::kHasParent) != 0) {
        if (execution.parent != nullptr) nest.parent = parent_text(*execution.parent);
        if (nest.parent.data() == nullptr) nest.parent = "parent query text not available";
    }
    const Size cap = kNestBytes + nest.plan.size() + nest.parent.size();
    char* out = allocate_or_null<char>(cap);
    return out != nullptr ? std::string_view{out, core::pack_nest(nest, out, cap)} : std::string_view{};
}

core::Description describe(const Execution& execution, const StatementText& text) {
    core::Description description{};
    description.identity = execution.identity;
    description.queryid = execution.queryid;
    description.query = text.text;
    description.pgsm_query_id = text.pgsm_query_id;
    description.session = session_names(execution.identity.userid, execution.identity.session_hash);
    description.flags = execution.identity.flags;
    if (!text.has_pgsm_query_id) description.flags |= core::kNoQueryId;
    if (pgsm_normalized_query) description.flags |= core::kNormalizedText;
    description.cmd_type = execution.cmd_type;
    description.elevel = execution.elevel;
    return description;
}

struct Naming {
    const Execution& execution;
    std::string_view text;
};

void name_relations(void* argument) {
    auto& work = *static_cast<Naming*>(argument);
    const Execution& execution = work.execution;
    work.text = execution.copied != nullptr ? relation_name(execution.copied)
                                            : relation_names(execution.query_desc->plannedstmt);
}

void explain(void* argument) {
    auto& work = *static_cast<Naming*>(argument);
    work.text = plan_text(work.execution.query_desc);
}

/// What `work` makes; nothing, and `missing`, when it raises an error.
std::string_view text_from_catalogs(void (*work)(void*), const Execution& execution, bool& missing) {
    Naming naming{execution, {}};
    if (without_catalog_error(work, &naming)) return naming.text;
    missing = true;
    return {};
}

struct OpenNaming {
    const QueryDesc* query_desc;
    std::string_view text;
    bool found;
};

void name_open_relations(void* argument) {
    auto& work = *static_cast<OpenNaming*>(argument);
    work.found = open_relation_names(work.query_desc, work.text);
}

std::string_view relations_of(const Execution& execution, bool& missing) {
    if (execution.query_desc != nullptr) {
        OpenNaming naming{execution.query_desc, {}, false};
        if (without_error(name_open_relations, &naming) && naming.found) return naming.text;
    }
    return text_from_catalogs(name_relations, execution, missing);
}

/// Makes the texts of a new entry and records into it.
Outcome record_new(core::Store store, const core::Key& key, const Execution& execution, TimestampTz now,
                   uint32 keep) {
    const StatementText text = execution.text != nullptr
                                   ? *execution.text
                                   : statement_text(execution.queryid, own_slice(execution.slice, execution.around != nullptr ? *execution.around : SourceSlice{}),
                                                    execution.kind);
    core::Description description = describe(execution, text);
    description.nest = pack_nest_of(execution);
    bool missing = execution.text_missing;
    if (execution.copied != nullptr ||
        (execution.query_desc != nullptr && touches_relations(execution.query_desc->plannedstmt)))
        description.relations = relations_of(execution, missing);
    if (missing) description.flags |= core::kTextMissing;
    char comments[core::kCommentsCap];
    char notes[core::kCommentsCap + 16];
    if (pgsm_extract_comments) {
        const Size len = core::extract_comments(text.text, comments, text_encoding());
        if (len != 0)
            description.notes = {notes, core::pack_notes({{}, {}, {comments, len}}, notes, sizeof notes)};
    }
    return record_exclusive(store, key, &description, execution, now, keep, {});
}

void wake_if_needed(const Outcome& outcome, TimestampTz now) {
    if (outcome.rotated)
        wake_exporter_by(now, now);
    else if (outcome.first)
        wake_exporter_by(outcome.end_us, now);
}

}  // namespace

void identify(core::Identity& identity, bool toplevel, int64 parent_queryid) {
    const Session& session = current_session();
    identity.userid = session.userid;
    identity.dbid = MyDatabaseId;
    identity.session_hash = session.hash;
    identity.flags = toplevel ? core::kTopLevel : 0;
    if (parent_queryid != 0) identity.flags |= core::kHasParent;
    identity.parent_queryid = parent_queryid;
    identity.planid = 0;
}

void add_usage(Usage& usage, const UsageStart& start) {
    instr_time time;
    INSTR_TIME_SET_CURRENT(time);
    INSTR_TIME_SUBTRACT(time, start.time);
    usage.ms += ms(time);
    usage.shared_blks_hit += pgBufferUsage.shared_blks_hit - start.buffers.shared_blks_hit;
    static_assert(offsetof(BufferUsage, shared_blks_hit) == 0);
    constexpr size_t kBehind = sizeof(pgBufferUsage.shared_blks_hit);
    if (memcmp(reinterpret_cast<const char*>(&pgBufferUsage) + kBehind,
               reinterpret_cast<const char*>(&start.buffers) + kBehind, sizeof(BufferUsage) - kBehind) == 0 &&
        memcmp(&pgWalUsage, &start.wal, sizeof(WalUsage)) == 0)
        return;
    if (!usage.more) {
        usage.buffers = {};
        usage.wal = {};
        usage.more = true;
    }
    BufferUsageAccumDiff(&usage.buffers, &pgBufferUsage, &start.buffers);
    WalUsageAccumDiff(&usage.wal, &pgWalUsage, &start.wal);
}

void count_usage(core::Sample& sample, const Usage& usage) {
    sample.hot().shared_blks_hit += usage.shared_blks_hit;
    if (!usage.more) return;
    const BufferUsage& from = usage.buffers;
    core::IoPart& io = sample.cold(&core::Counters::io);
    io.shared_blks_read += from.shared_blks_read;
    io.shared_blks_dirtied += from.shared_blks_dirtied;
    io.shared_blks_written += from.shared_blks_written;
    io.wal_records += usage.wal.wal_records;
    io.wal_fpi += usage.wal.wal_fpi;
    io.wal_bytes += static_cast<int64>(usage.wal.wal_bytes);
    core::BuffersPart& buffers = sample.cold(&core::Counters::buffers);
    buffers.local_blks_hit += from.local_blks_hit;
    buffers.local_blks_read += from.local_blks_read;
    buffers.local_blks_dirtied += from.local_blks_dirtied;
    buffers.local_blks_written += from.local_blks_written;
    buffers.temp_blks_read += from.temp_blks_read;
    buffers.temp_blks_written += from.temp_blks_written;
    add_ms(buffers.shared_blk_read_time, PGSM_SHARED_READ_TIME(from));
    add_ms(buffers.shared_blk_write_time, PGSM_SHARED_WRITE_TIME(from));
#if PGSM_HAS_LOCAL_BLOCK_TIMES
    add_ms(buffers.local_blk_read_time, from.local_blk_read_time);
    add_ms(buffers.local_blk_write_time, from.local_blk_write_time);
#endif
    add_ms(buffers.temp_blk_read_time, from.temp_blk_read_time);
    add_ms(buffers.temp_blk_write_time, from.temp_blk_write_time);
#if PGSM_HAS_WAL_AND_WORKER_COUNTS
    if (usage.wal.wal_buffers_full != 0)
        sample.cold(&core::Counters::jit).wal_buffers_full += usage.wal.wal_buffers_full;
#endif
}

void add_jit(core::Sample& sample, const JitInstrumentation& jit) {
    core::JitPart& part = sample.cold(&core::Counters::jit);
    part.jit_functions += static_cast<int64>(jit.created_functions);
    part.jit_generation_time += ms(jit.generation_counter);
    part.jit_inlining_time += ms(jit.inlining_counter);
    part.jit_inlining_count += !INSTR_TIME_IS_ZERO(jit.inlining_counter);
    part.jit_optimization_time += ms(jit.optimization_counter);
    part.jit_optimization_count += !INSTR_TIME_IS_ZERO(jit.optimization_counter);
    part.jit_emission_time += ms(jit.emission_counter);
    part.jit_emission_count += !INSTR_TIME_IS_ZERO(jit.emission_counter);
#if PGSM_HAS_JIT_DEFORM
    part.jit_deform_time += ms(jit.deform_counter);
    part.jit_deform_count += !INSTR_TIME_IS_ZERO(jit.deform_counter);
#endif
}

void set_exec_time(Execution& execution, double time_ms) {
    execution.sample.hot().exec = core::moments_of(time_ms);
    execution.cell = core::cell_of(histogram_bounds(), time_ms);
}

void explain_execution(Execution& execution) {
    MemoryContext old = MemoryContextSwitchTo(scratch_context());
    execution.plan = text_from_catalogs(explain, execution, execution.text_missing);
    if (!execution.plan.empty()) execution.plan = plan_without_constants(execution.plan);
    MemoryContextSwitchTo(old);
    int64 planid = 0;
    if (execution.plan.empty() || !plain_query_id(execution.plan, &planid)) return;
    execution.identity.planid = planid;
    execution.identity.flags |= core::kHasPlan;
}

void record_execution(const Execution& execution) {
    const core::Store s = store();
    const TimestampTz now = coarse_now();
    const core::Key key{execution.queryid, core::identity_hash(execution.identity)};
    // What has its text has not been seen for a while, if ever.
    const bool described = execution.text != nullptr;
    if (described || !record_known(s, key, execution, now)) {
        const uint32 keep = ended_buckets_to_keep();
        Outcome outcome{core::Status::kNeedsDescription, false, false, 0};
        if (!described) outcome = record_exclusive(s, key, nullptr, execution, now, keep, {});
        const bool rotated = outcome.rotated;
        if (outcome.status == core::Status::kNeedsDescription) {
            // After a utility statement any context may be current, one of a transaction that has just ended
            // included.
            MemoryContext old = MemoryContextSwitchTo(scratch_context());
            outcome = record_new(s, key, execution, now, keep);
            MemoryContextSwitchTo(old);
            if (execution.text == nullptr) MemoryContextReset(scratch_context());
        }
        outcome.rotated |= rotated;
        wake_if_needed(outcome, now);
    }
    if (!execution.plan.empty() || execution.text != nullptr) MemoryContextReset(scratch_context());
}

std::string_view parent_text(const ParentText& parent) {
    if (parent.text.data() != nullptr) return parent.text;
    const SourceSlice slice = own_slice(parent.slice, parent.around);
    if (slice.source == nullptr) return {};
    return statement_text(parent.queryid, slice, TextKind::planned).text;
}

KnownUtility known_utilities[kKnownUtilities];

int64 find_recorded_queryid(int64 queryid, const SourceSlice& slice, StatementText& text) {
    MemoryContext old = MemoryContextSwitchTo(scratch_context());
    text = statement_text(queryid, own_slice(slice, {}), TextKind::utility);
    MemoryContextSwitchTo(old);
    KnownUtility& known = known_utilities[static_cast<uint64>(queryid) % kKnownUtilities];
    known.queryid = queryid;
    known.normalized = pgsm_normalized_query;
    known.recorded = text.id_tells && text.kept_hash != 0 ? text.kept_hash : queryid;
    return known.recorded;
}

void record_error(const Execution& execution, std::string_view sqlcode, std::string_view message) {
    core::Description description = describe(execution, *execution.text);
    char comments[core::kCommentsCap];
    char notes[core::kCommentsCap + 128];
    Size comments_len = 0;
    if (pgsm_extract_comments)
        comments_len = core::extract_comments(execution.text->text, comments, text_encoding());
    const core::Notes packed{sqlcode, message, {comments, comments_len}};
    description.notes = {notes, core::pack_notes(packed, notes, sizeof notes)};
    const core::Key key{execution.queryid, core::identity_hash(execution.identity)};
    const TimestampTz now = GetCurrentTimestamp();
    wake_if_needed(record_exclusive(store(), key, &description, execution, now, ended_buckets_to_keep(),
                                    description.notes),
                   now);
}

}  // namespace pgsm::glue
