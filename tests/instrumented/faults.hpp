// Faults on demand. What may fail is a site: a call that leaves the library for the server or for libc, by
// the name of the function called. sites.cpp has them all; here is which one fails, and when.
//
// Settings, per session or in postgresql.conf; setting fault_at starts the counting anew:
//   pg_stat_monitor.fault_at      the first site to fail, counted from 1; 0: none
//   pg_stat_monitor.fault_count   how many fail from there on
//   pg_stat_monitor.fault_sites   only sites in this list, separated by blanks; empty: all
//   pg_stat_monitor.fault_process client, postmaster, exporter or worker: where
//   pg_stat_monitor.fault_state   SQLSTATE of the error that is raised
//   pg_stat_monitor.fault_fired   shows which site has failed last since fault_at was set
// Every fault is a line "fault: SITE" in the server's log.
#pragma once

namespace pgsm::faults {

void define_settings();

/// Counts; true when this one has to fail.
bool due(const char* site);

/// ERROR with the SQLSTATE of the settings.
[[noreturn]] void raise(const char* site);

inline void point(const char* site) {
    if (due(site)) raise(site);
}

}  // namespace pgsm::faults
