#include "core/api.hpp"

#include "pgglue/guc.hpp"

extern "C" {
#include "access/parallel.h"
#include "utils/guc.h"
}

namespace pgsm::glue {

int pgsm_max;
int pgsm_query_max_len;
int pgsm_max_buckets;
int pgsm_bucket_time;
double pgsm_histogram_min;
double pgsm_histogram_max;
int pgsm_histogram_buckets;
int pgsm_query_shared_buffer;
int pgsm_track;
int pgsm_track_minimum;
int track_level = kTrackTop;
bool pgsm_track_utility;
bool pgsm_track_planning;
bool pgsm_enable_pgsm_query_id;
bool pgsm_normalized_query;
bool pgsm_enable_query_plan;
bool pgsm_extract_comments;
int pgsm_export_top_n;
int pgsm_history_retention;
int pgsm_history_rollup_after;
int pgsm_history_max_size;
char* pgsm_export_database;

namespace {

// Settings of 2.3 that have nothing left to decide. They stay so that old files and commands are understood.
bool unused_enable_overflow;
int unused_overflow_target;
bool unused_track_application_names;

/// One of them, and whether it has been spoken of.
struct Unused {
    const char* name;
    const char* detail;
    bool warned;
};

constexpr char kBounded[] = "Memory never grows beyond pgsm_max and pgsm_query_shared_buffer.";
Unused enable_overflow{"pgsm_enable_overflow", kBounded, false};
Unused overflow_target{"pgsm_overflow_target", kBounded, false};
Unused track_application_names{"pgsm_track_application_names", "Application names are always tracked.",
                               false};

/// Warns once a process, and where somebody reads it: in the log for what is in a file, not in each session
/// that inherits it or reads the file again; in a session for what is set there, not in its parallel workers
/// and not in all sessions of a role or database for which it was set.
void warn_unused(Unused& unused, GucSource source) {
    const bool in_log = source > PGC_S_DEFAULT && source <= PGC_S_ARGV && !IsUnderPostmaster;
    const bool in_session = source >= PGC_S_CLIENT && !IsParallelWorker();
    if (unused.warned || !(in_log || in_session)) return;
    unused.warned = true;
    ereport(WARNING, (errcode(ERRCODE_WARNING_DEPRECATED_FEATURE),
                      errmsg("setting pg_stat_monitor.%s has no effect", unused.name),
                      errdetail("%s", unused.detail)));
}

extern "C" bool check_enable_overflow(bool* value, void**, GucSource source) {
    if (*value) warn_unused(enable_overflow, source);
    return true;
}

extern "C" bool check_overflow_target(int*, void**, GucSource source) {
    warn_unused(overflow_target, source);
    return true;
}

extern "C" bool check_track_application_names(bool*, void**, GucSource source) {
    warn_unused(track_application_names, source);
    return true;
}

const config_enum_entry kTrackOptions[] = {
    {"none", kTrackNone, false}, {"top", kTrackTop, false}, {"all", kTrackAll, false}, {nullptr, 0, false}};

// A hook is called before its own variable is set.
extern "C" void assign_track(int value, void*) { track_level = Max(value, pgsm_track_minimum); }

extern "C" void assign_track_minimum(int value, void*) { track_level = Max(value, pgsm_track); }

struct IntSetting {
    const char* name;
    const char* description;
    int* value;
    int boot, min, max;
    GucContext context;
    int flags;
    GucIntCheckHook check;
};

struct BoolSetting {
    const char* name;
    const char* description;
    bool* value;
    bool boot;
    GucContext context;
    GucBoolCheckHook check;
};

struct RealSetting {
    const char* name;
    const char* description;
    double* value;
    double boot, min, max;
};

const IntSetting kIntSettings[] = {
    {"pgsm_max", "Shared memory for entries.", &pgsm_max, 2, 1, 10240, PGC_POSTMASTER, GUC_UNIT_MB, nullptr},
    {"pgsm_query_max_len", "Longest query text that is kept; longer ones are cut.", &pgsm_query_max_len, 1536,
     1024, INT_MAX, PGC_POSTMASTER, GUC_UNIT_BYTE, nullptr},
    {"pgsm_max_buckets", "Ended buckets that can wait in memory, beside 64.", &pgsm_max_buckets, 2,
     1, 20000, PGC_POSTMASTER, 0, nullptr},
    {"pgsm_bucket_time", "Length of a bucket.", &pgsm_bucket_time, 60, 1, INT_MAX, PGC_POSTMASTER, GUC_UNIT_S,
     nullptr},
    {"pgsm_histogram_buckets", "Cells of the response time histogram, outliers not counted.",
     &pgsm_histogram_buckets, 20, 2, 50, PGC_POSTMASTER, 0, nullptr},
    {"pgsm_query_shared_buffer", "Shared memory for query texts and names.", &pgsm_query_shared_buffer, 1024,
     512, 10240000, PGC_POSTMASTER, GUC_UNIT_KB, nullptr},
    {"pgsm_overflow_target", "Has no effect; kept for old configurations.", &unused_overflow_target, 1, 0, 1,
     PGC_POSTMASTER, 0, check_overflow_target},
    {"pgsm_export_top_n", "Statements of a bucket that are exported one by one, by total execution time.",
     &pgsm_export_top_n, 300, 1, 1000000, PGC_SIGHUP, 0, nullptr},
    {"pgsm_history_retention", "Age at which stored statistics are dropped; 0: never.",
     &pgsm_history_retention, 7 * 24 * 60, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MIN, nullptr},
    {"pgsm_history_rollup_after", "Age at which stored statistics are merged into hours; 0: never.",
     &pgsm_history_rollup_after, 24 * 60, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MIN, nullptr},
    {"pgsm_history_max_size", "Size at which the oldest stored statistics are dropped; 0: no limit.",
     &pgsm_history_max_size, 1024, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MB, nullptr},
};

const BoolSetting kBoolSettings[] = {
    {"pgsm_enable_overflow", "Has no effect; kept for old configurations.", &unused_enable_overflow, false,
     PGC_POSTMASTER, check_enable_overflow},
    {"pgsm_track_utility", "Records utility statements.", &pgsm_track_utility, true, PGC_USERSET, nullptr},
    {"pgsm_track_planning", "Records the time and the resources of planning.", &pgsm_track_planning, false,
     PGC_USERSET, nullptr},
    {"pgsm_track_application_names", "Has no effect; kept for old configurations.",
     &unused_track_application_names, true, PGC_USERSET, check_track_application_names},
    {"pgsm_enable_pgsm_query_id", "Computes pgsm_query_id, which is equal across servers and databases.",
     &pgsm_enable_pgsm_query_id, true, PGC_USERSET, nullptr},
    {"pgsm_normalized_query", "Shows query texts with their constants replaced.", &pgsm_normalized_query,
     true, PGC_USERSET, nullptr},
    {"pgsm_enable_query_plan", "Records the plan of SELECT statements.", &pgsm_enable_query_plan, false,
     PGC_USERSET, nullptr},
    {"pgsm_extract_comments", "Records the comments in query texts.", &pgsm_extract_comments, false,
     PGC_USERSET, nullptr},
};

const RealSetting kRealSettings[] = {
    {"pgsm_histogram_min", "Lower bound of the response time histogram.", &pgsm_histogram_min, 1, 0,
     50000000},
    {"pgsm_histogram_max", "Upper bound of the response time histogram.", &pgsm_histogram_max, 100000, 10,
     50000000},
};

#define PGSM_NAME(short_name) psprintf("pg_stat_monitor.%s", short_name)

/// The two bounds depend on each other, and PostgreSQL checks settings one at a time; so both are looked at
/// when both are known. 2.3 refuses to start with a minimum above 99999.
void check_histogram() {
    core::HistogramBounds bounds;
    if (core::make_bounds(pgsm_histogram_min, pgsm_histogram_max, static_cast<uint32>(pgsm_histogram_buckets),
                          bounds))
        return;
    ereport(
        WARNING,
        (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
         errmsg("pg_stat_monitor.pgsm_histogram_max must be greater than pgsm_histogram_min by at least 1"),
         errdetail("The defaults, 1 ms and 100000 ms, are used.")));
    SetConfigOption("pg_stat_monitor.pgsm_histogram_min", "1", PGC_POSTMASTER, PGC_S_OVERRIDE);
    SetConfigOption("pg_stat_monitor.pgsm_histogram_max", "100000", PGC_POSTMASTER, PGC_S_OVERRIDE);
}

}  // namespace

void define_settings() {
    for (const IntSetting& s : kIntSettings)
        DefineCustomIntVariable(PGSM_NAME(s.name), s.description, nullptr, s.value, s.boot, s.min, s.max,
                                s.context, s.flags, s.check, nullptr, nullptr);
    for (const BoolSetting& s : kBoolSettings)
        DefineCustomBoolVariable(PGSM_NAME(s.name), s.description, nullptr, s.value, s.boot, s.context, 0,
                                 s.check, nullptr, nullptr);
    for (const RealSetting& s : kRealSettings)
        DefineCustomRealVariable(PGSM_NAME(s.name), s.description, nullptr, s.value, s.boot, s.min, s.max,
                                 PGC_POSTMASTER, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomEnumVariable("pg_stat_monitor.pgsm_track", "Which statements are recorded.", nullptr,
                             &pgsm_track, kTrackTop, kTrackOptions, PGC_USERSET, 0, nullptr, assign_track,
                             nullptr);
    DefineCustomEnumVariable("pg_stat_monitor.pgsm_track_minimum",
                             "Statements that are recorded whatever pgsm_track says.", nullptr,
                             &pgsm_track_minimum, kTrackNone, kTrackOptions, PGC_SIGHUP, 0, nullptr,
                             assign_track_minimum, nullptr);
    DefineCustomStringVariable("pg_stat_monitor.pgsm_export_database",
                               "Database that ended buckets are exported into.",
                               "Empty: the database in which CREATE EXTENSION was committed first.",
                               &pgsm_export_database, "", PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    MarkGUCPrefixReserved("pg_stat_monitor");
    check_histogram();
}

}  // namespace pgsm::glue
