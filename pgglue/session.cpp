#include "core/api.hpp"

#include "pgglue/session.hpp"

#include "pgglue/guarded.hpp"

#include <cstring>

extern "C" {
#include "commands/dbcommands.h"
#include "libpq/libpq-be.h"
#include "mb/pg_wchar.h"
#include "utils/guc.h"
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

struct Names {
    Oid userid;
    char* user;
    char* database;
};

void look_names_up(void* argument) {
    auto& names = *static_cast<Names*>(argument);
    names.user = GetUserNameFromId(names.userid, true);
    names.database = get_database_name(MyDatabaseId);
}

/// As SET ROLE or the client has given it; null when the role is another one (of a SECURITY DEFINER function).
const char* name_without_catalog(Oid userid) {
    if (userid == GetCurrentRoleId()) return GetConfigOption("role", true, false);
    if (MyProcPort != nullptr && userid == GetAuthenticatedUserId()) return MyProcPort->user_name;
    return nullptr;
}

/// True when the names are the catalog's. What was learnt without it is for this time alone.
bool find_names(Oid userid, bool may_use_catalog) {
    if (user_name_of == userid && database_name[0] != '\0') return true;
    Names names{userid, nullptr, nullptr};
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
    return looked_up;
}

struct SessionKey {
    core::ClientAddress address;
    char application[NAMEDATALEN];
    bool has_user_name;  // rows without are not those of who has one
};

/// A session whose names could not be looked up serves only until they can be.
bool same(const Session& session, Oid userid, const char* application, bool may_use_catalog) {
    return session.userid == userid && session.packed_len != 0 && (session.names_known || !may_use_catalog) &&
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
    SessionKey key;
    memset(&key, 0, sizeof key);
    key.address = names.address;
    strlcpy(key.application, application, NAMEDATALEN);
    key.has_user_name = user_name[0] != '\0';
    session->hash = core::hash64({reinterpret_cast<const char*>(&key), sizeof key}, 0);
    session->names_known = looked_up;
    return *session;
}

[[gnu::always_inline]] inline const Session& session_for(Oid userid, bool may_use_catalog) {
    const char* application = port_name(application_name);
    const Session& session = sessions[newest];
    if (same(session, userid, application, may_use_catalog)) return session;
    return other_session(userid, application, may_use_catalog);
}

}  // namespace

const Session& current_session() { return session_for(GetUserId(), true); }
const Session& client_session_without_catalog() { return session_for(GetOuterUserId(), false); }

std::string_view session_names(Oid userid, uint64 hash) {
    for (const Session& session : sessions)
        if (session.packed_len != 0 && session.userid == userid && session.hash == hash)
            return {session.packed, session.packed_len};
    return {sessions[newest].packed, sessions[newest].packed_len};
}

}  // namespace pgsm::glue
