// The settings that the export worker runs with: those of the configuration file, of which some are pinned;
// nothing that ALTER DATABASE or ALTER ROLE sets. Both are done before the worker is connected, with a source
// that is above theirs, as autovacuum does it: PostgreSQL then leaves them alone when it connects. Later
// would be too late: a transaction_timeout can end the worker while it is connecting.
//
// Every setting is kept as it is, not only those that are known to do harm: each major brings new ones, and
// libraries have theirs.
#include "core/api.hpp"

#include "pgglue/worker_settings.hpp"

#include "pgglue/pg.hpp"

#include <cstring>

extern "C" {
#include "utils/guc.h"
#include "utils/guc_tables.h"
}

namespace pgsm::glue {
namespace {

struct Pin {
    const char* name;
    const char* value;
};

/// What would keep the export from working, let it wait for ever or change what it writes, wherever it is
/// set. Every major: a setting that the server does not have is left out. Autovacuum pins the timeouts,
/// isolation, synchronous_commit, zero_damaged_pages and search_path; a logical replication worker
/// session_replication_role and search_path.
constexpr Pin kPins[] = {
    {"statement_timeout", "0"},
    {"lock_timeout", "2s"},
    {"idle_in_transaction_session_timeout", "0"},
    {"idle_session_timeout", "0"},
    {"transaction_timeout", "0"},  // 17
    {"default_transaction_read_only", "off"},
    {"default_transaction_isolation", "read committed"},
    {"default_transaction_deferrable", "off"},
    {"exit_on_error", "off"},
    // On disk before memory lets go of it; a standby that is away must not keep it there.
    {"synchronous_commit", "local"},
    {"role", "none"},
    {"session_replication_role", "origin"},
    {"row_security", "on"},
    {"search_path", ""},
    {"default_tablespace", ""},
    {"temp_tablespaces", ""},
    {"default_table_access_method", "heap"},
    {"zero_damaged_pages", "off"},
    {"ignore_checksum_failure", "off"},
    {"ignore_system_indexes", "off"},
    {"allow_system_table_mods", "off"},
    {"restrict_nonsystem_relation_kind", ""},  // 17, and minor releases before
    {"standard_conforming_strings", "on"},
    {"backslash_quote", "safe_encoding"},
    {"quote_all_identifiers", "off"},
    {"transform_null_equals", "off"},
    {"array_nulls", "on"},
    {"DateStyle", "ISO, YMD"},
    {"IntervalStyle", "postgres"},
    {"extra_float_digits", "1"},
    {"bytea_output", "hex"},
    // No stored row is worth a scan of memory, no worker of its own a slot.
    {"enable_partition_pruning", "on"},
    {"plan_cache_mode", "auto"},
    {"max_parallel_workers_per_gather", "0"},
    {"max_parallel_maintenance_workers", "0"},
    {"force_parallel_mode", "off"},   // 15
    {"debug_parallel_query", "off"},  // 16
    {"jit", "off"},
};

/// As if it came with the server's start: every setting may be set, and what is refused (none should be) is
/// left as it is.
void set_above_all(const char* name, const char* value) {
    static_cast<void>(
        set_config_option(name, value, PGC_POSTMASTER, PGC_S_OVERRIDE, GUC_ACTION_SET, true, DEBUG5, false));
}

/// Whether a database or a role may have a value of its own for it. What no file can set belongs to a
/// transaction or a session; the role is among the pins.
bool can_be_of_database(const config_generic& setting) {
    const bool of_sessions = setting.context == PGC_USERSET || setting.context == PGC_SUSET;
    // Ours mean nothing to the worker, and some warn that they mean nothing to anybody.
    const bool own = strncmp(setting.name, "pg_stat_monitor.", 16) == 0;
    return of_sessions && !own && (setting.flags & GUC_DISALLOW_IN_FILE) == 0;
}

}  // namespace

void pin_settings() {
    int count = 0;
    config_generic** settings = PGSM_ALL_SETTINGS(&count);
    for (int i = 0; i < count; ++i) {
        if (!can_be_of_database(*settings[i])) continue;
        const char* value = GetConfigOption(settings[i]->name, true, false);
        if (value != nullptr) set_above_all(settings[i]->name, value);
    }
    for (const Pin& pin : kPins)
        if (GetConfigOption(pin.name, true, false) != nullptr) set_above_all(pin.name, pin.value);
}

}  // namespace pgsm::glue
