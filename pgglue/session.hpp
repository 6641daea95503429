// Who this backend works for right now: user, database, application name, client address.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"

namespace pgsm::glue {

constexpr uint32 kPackedNamesCap = 3 * NAMEDATALEN + 32;

enum class NamesState : uint8 {
    unknown,  // learnt without a catalog: for the moment alone
    known,
    stale,  // a role was changed since: to be looked up again, good until then
};

/// What every statement looks at comes first, in one cache line for most application names.
struct alignas(64) Session {
    Oid userid;
    uint32 packed_len;  // 0: not used yet
    uint64 hash;        // of all names and the address
    NamesState names;
    char application[NAMEDATALEN];
    uint32 user_hash;  // of the user's entry in the system cache; 0 unless its names are known
    char packed[kPackedNamesCap];
};

/// The client's, whatever function runs, without touching a catalog: for the log hook.
const Session& client_session_without_catalog();

/// The same of whoever code runs as just now, in the middle of an error.
const Session& current_session_without_catalog();

/// Packed names of the session that a statement began in. Statements that run while it is forgotten for
/// others were given them (keep_names() in active_query.cpp); those of now if it is not known.
std::string_view session_names(Oid userid, uint64 hash);

/// To be called when the library is loaded: renamed roles are noticed.
void watch_roles();

}  // namespace pgsm::glue
