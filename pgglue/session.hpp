// Who this backend works for right now: user, database, application name, client address.
#pragma once

#include "core/api.hpp"

#include "pgglue/pg.hpp"

namespace pgsm::glue {

/// What every statement looks at comes first, in one cache line for most application names.
struct alignas(64) Session {
    Oid userid;
    uint32 packed_len;  // 0: not used yet
    uint64 hash;        // of application name and address; with userid it names the session's texts
    bool names_known;
    char application[NAMEDATALEN];
    char packed[3 * NAMEDATALEN + 32];
};

/// The session as it is now. Looks names up in the catalogs when the user has changed and a transaction is in
/// progress; without one (an aborted transaction) the names known so far are used, the user's empty if
/// unknown.
[[gnu::hot]] const Session& current_session();

/// The client's, whatever function runs, without touching a catalog: for the log hook.
const Session& client_session_without_catalog();

/// Packed names of the session that a statement began in; those of now if it was too long ago.
std::string_view session_names(Oid userid, uint64 hash);

}  // namespace pgsm::glue
