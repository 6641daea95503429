// A utility statement while it is executed, in the frame of its hook. The frames are linked, so that whoever
// needs them (an error, a session that is forgotten) finds all.
#pragma once

#include "core/api.hpp"

#include "pgglue/collect.hpp"
#include "pgglue/cpu_time.hpp"
#include "pgglue/session.hpp"

namespace pgsm::glue {

struct UtilityRun {
    Execution execution;  // what is known before it has ended; its slice is always set
    CpuReading cpu;
    UsageStart start;
    UtilityRun* outer;
    int level;              // of nesting; 0 the client's
    bool recorded;          // false: the rest of `execution` is not set
    uint32 kept_names_len;  // 0: session_names() still knows them
    char kept_names[kPackedNamesCap];

    std::string_view names() const {
        return kept_names_len != 0 ? std::string_view{kept_names, kept_names_len} : std::string_view{};
    }
};

/// The innermost one; null for none.
extern PGSM_OWN UtilityRun* current_utility;

}  // namespace pgsm::glue
