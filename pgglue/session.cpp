#include "core/api.hpp"

#include "pgglue/session.hpp"

#include "pgglue/active_query.hpp"
#include "pgglue/guarded.hpp"
#include "pgglue/worker_cpu.hpp"

#include <cstring>

extern "C" {
#include "access/parallel.h"
#include "commands/dbcommands.h"
#include "libpq/libpq-be.h"
#include "mb/pg_wchar.h"
#include "utils/guc.h"
#include "utils/inval.h"
}

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace pgsm::glue {
namespace {

// A statement that changes role or application name is shown under those it began with, so a few are
// remembered.
constexpr int kRemembered = 4;
Session sessions[kRemembered];
int newest;
char database_name[NAMEDATALEN];
char user_name[NAMEDATALEN];
Oid user_name_of;
uint32 user_name_hash;

core::ClientAddress client_address() {
    core::ClientAddress address = core::kLoopbackAddress;
    if (MyProcPort == nullptr) return address;
    const auto* peer = reinterpret_cast<const sockaddr*>(&MyProcPort->raddr.addr);
    if (peer->sa_family == AF_INET) {
        memcpy(address.bytes, &reinterpret_cast<const sockaddr_in*>(peer)->sin_addr, 4);
    } else if (peer->sa_family == AF_INET6) {
        address.family = 6;
        memcpy(address.bytes, &reinterpret_cast<const sockaddr_in6*>(peer)->sin6_addr, 16);
    }
    return address;
}

const char* port_name(const char* name) { return name != nullptr ? name : ""; }

struct LookUp {
    Oid userid;
    char* user;
    char* database;
    uint32 user_hash;
};

void look_names_up(void* argument) {
    auto& names = *static_cast<LookUp*>(argument);
    names.user = GetUserNameFromId(names.userid, true);
    names.database = get_database_name(MyDatabaseId);
    names.user_hash = GetSysCacheHashValue1(AUTHOID, ObjectIdGetDatum(names.userid));
}

/// As SET ROLE or the client has given it; null when the role is another one (of a SECURITY DEFINER
/// function).
const char* name_without_catalog(Oid userid) {
    if (userid == GetCurrentRoleId()) return GetConfigOption("role", true, false);
    if (MyProcPort != nullptr && userid == GetAuthenticatedUserId()) return MyProcPort->user_name;
    return nullptr;
}

/// True when the names are the catalog's. What was learnt without it is for this time alone.
bool find_names(Oid userid, bool may_use_catalog) {
    if (user_name_of == userid && database_name[0] != '\0') return true;
    LookUp names{userid, nullptr, nullptr, 0};
    const bool looked_up = may_use_catalog && without_catalog_error(look_names_up, &names);
    const char* user = names.user;
    const char* database = names.database;
    if (!looked_up) {
        user = name_without_catalog(userid);
        if (MyProcPort != nullptr) database = MyProcPort->database_name;
    }
    strlcpy(user_name, user != nullptr ? user : "", NAMEDATALEN);
    if (database != nullptr) strlcpy(database_name, database, NAMEDATALEN);
    user_name_of = looked_up ? userid : InvalidOid;
    user_name_hash = names.user_hash;
    return looked_up;
}

/// A session whose names could not be looked up serves only until they can be.
bool same(const Session& session, Oid userid, const char* application, bool may_use_catalog) {
    return session.userid == userid &&
           (session.names == NamesState::known || (!may_use_catalog && session.packed_len != 0)) &&
           strcmp(session.application, application) == 0;
}

/// What was learnt without a catalog is replaced, so that nobody finds it any more.
int place_for(Oid userid, const char* application) {
    for (int i = 0; i < kRemembered; ++i)
        if (sessions[i].userid == userid && strcmp(sessions[i].application, application) == 0) return i;
    return (newest + 1) % kRemembered;
}

[[gnu::noinline]] const Session& other_session(Oid userid, const char* application, bool may_use_catalog) {
    for (int i = 0; i < kRemembered; ++i) {
        if (same(sessions[i], userid, application, may_use_catalog)) {
            newest = i;
            return sessions[i];
        }
    }
    const bool looked_up = find_names(userid, may_use_catalog);
    newest = place_for(userid, application);
    Session* session = &sessions[newest];
    if (session->packed_len != 0) {
        const bool is_it = session->userid == userid && strcmp(session->application, application) == 0;
        if (is_it && !looked_up && session->names == NamesState::stale) return *session;
        keep_names(*session);
    }
    session->userid = userid;
    strlcpy(session->application, application, NAMEDATALEN);
    core::SessionNames names{};
    names.address = client_address();
    names.encoding = GetDatabaseEncoding();
    names.user = user_name;
    names.database = database_name;
    names.application = session->application;
    session->packed_len =
        static_cast<uint32>(core::pack_session(names, session->packed, sizeof session->packed));
    session->hash = core::hash64({session->packed, session->packed_len}, 0);
    session->names = looked_up ? NamesState::known : NamesState::unknown;
    session->user_hash = looked_up ? user_name_hash : 0;
    return *session;
}

[[gnu::always_inline]] inline const Session& session_for(Oid userid, bool may_use_catalog) {
    const char* application = port_name(application_name);
    const Session& session = sessions[newest];
    if (same(session, userid, application, may_use_catalog)) return session;
    return other_session(userid, application, may_use_catalog);
}

/// `hash` 0: any role. A parallel worker is called when it starts, too.
extern "C" void roles_changed(Datum, SystemCacheId, uint32 hash) {
    for (Session& session : sessions)
        if (session.names == NamesState::known && (hash == 0 || hash == session.user_hash))
            session.names = NamesState::stale;
    if (hash == 0 || hash == user_name_hash) user_name_of = InvalidOid;
    if (IsParallelWorker()) report_worker_cpu();
}

}  // namespace

void watch_roles() { CacheRegisterSyscacheCallback(AUTHOID, roles_changed, Datum{0}); }

// Here, where the look at the session is inlined.
void identify(core::Identity& identity, bool toplevel, int64 parent_queryid) {
    set_identity(identity, session_for(GetUserId(), true), toplevel, parent_queryid);
}

const Session& current_session_without_catalog() { return session_for(GetUserId(), false); }
const Session& client_session_without_catalog() { return session_for(GetOuterUserId(), false); }

std::string_view session_names(Oid userid, uint64 hash) {
    for (const Session& session : sessions)
        if (session.packed_len != 0 && session.userid == userid && session.hash == hash)
            return {session.packed, session.packed_len};
    return {sessions[newest].packed, sessions[newest].packed_len};
}

}  // namespace pgsm::glue
