#include <cstring>

#include "core/api.hpp"

#include "tests/instrumented/faults.hpp"

#include "pgglue/shmem.hpp"

extern "C" {
#include "postmaster/bgworker.h"
#include "utils/guc.h"
}

namespace pgsm::faults {
namespace {

int fault_at;
int fault_count = 1;
char* fault_sites;
char* fault_process;
char* fault_state;
char* fault_fired;

int seen;
const char* fired = "";

extern "C" void assign_fault_at(int, void*) {
    seen = 0;
    fired = "";
}

extern "C" const char* show_fault_fired() { return fired; }

const char* process() {
    if (!IsUnderPostmaster) return "postmaster";
    if (MyBgworkerEntry == nullptr) return "client";
    if (strcmp(MyBgworkerEntry->bgw_function_name, "pgsm_exporter_main") == 0) return "exporter";
    return strcmp(MyBgworkerEntry->bgw_function_name, "pgsm_export_worker_main") == 0 ? "worker" : "other";
}

bool is_listed(const char* site) {
    if (fault_sites[0] == '\0') return true;
    const size_t len = strlen(site);
    for (const char* at = fault_sites; (at = strstr(at, site)) != nullptr; at += len) {
        const bool begins = at == fault_sites || at[-1] == ' ';
        if (begins && (at[len] == ' ' || at[len] == '\0')) return true;
    }
    return false;
}

}  // namespace

void define_settings() {
    DefineCustomIntVariable("pg_stat_monitor.fault_at", "First call that fails.", nullptr, &fault_at, 0, 0,
                            INT_MAX, PGC_USERSET, 0, nullptr, assign_fault_at, nullptr);
    DefineCustomIntVariable("pg_stat_monitor.fault_count", "Calls that fail.", nullptr, &fault_count, 1, 1,
                            INT_MAX, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("pg_stat_monitor.fault_sites", "Functions that fail.", nullptr, &fault_sites,
                               "", PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("pg_stat_monitor.fault_process", "Process that has the fault.", nullptr,
                               &fault_process, "client", PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("pg_stat_monitor.fault_state", "SQLSTATE of the fault.", nullptr, &fault_state,
                               "53200", PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("pg_stat_monitor.fault_fired", "Function that has failed last.", nullptr,
                               &fault_fired, "", PGC_USERSET, 0, nullptr, nullptr, show_fault_fired);
}

bool due(const char* site) {
    if (fault_at == 0 || strcmp(process(), fault_process) != 0 || !is_listed(site)) return false;
    // No error may be raised there, so nothing that can raise one may be called.
    if (glue::store_ready() && glue::store_lock_held())
        write_stderr("fault under the store lock: %s\n", site);
    seen = seen + 1;
    if (seen < fault_at || seen - fault_at >= fault_count) return false;
    fired = site;
    write_stderr("fault: %s\n", site);
    return true;
}

void raise(const char* site) {
    const char* state = fault_state;
    ereport(ERROR, (errcode(MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4])),
                    errmsg("injected fault in %s", site)));
}

}  // namespace pgsm::faults
