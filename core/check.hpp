#pragma once
#include "core/firewall.hpp"

/// A rule of the store that holds whatever its callers do, looked at where a break would otherwise show much
/// later. Only builds with asserts look (buildtype=debug, the fuzzer). A trap, since the core may call
/// nothing.
#ifdef NDEBUG
#define PGSM_CHECK(rule) static_cast<void>(0)
#else
#define PGSM_CHECK(rule) ((rule) ? static_cast<void>(0) : __builtin_trap())
#endif
