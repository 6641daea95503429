# shellcheck shell=bash disable=SC2154
# Sourced by scripts that need a server of their own out of a private tree (see private_tree.sh).
# The caller sets: bin (the tree's bin folder), data (data directory), sockets (folder for the socket), port.
# Everything that belongs to the server is reached over its unix socket alone.

# initdb and the server refuse root: as root everything of theirs runs as Debian's user postgres.
if [ "$(id -u)" -eq 0 ]; then
    server_user=postgres
else
    server_user=$(id -un)
fi

can_run_servers() {
    id "$server_user" >/dev/null 2>&1
}

as_server_user() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid="$server_user" --regid="$(id -g "$server_user")" --init-groups env HOME=/tmp "$@"
    else
        "$@"
    fi
}

# Lines on stdin are added to the configuration.
server_init() {
    as_server_user "$bin/initdb" -D "$data" -U postgres -A trust -N --encoding=UTF8 --locale=C \
        >"$data.initdb.log" 2>&1 || {
        cat "$data.initdb.log" >&2
        return 1
    }
    {
        echo "listen_addresses = ''"
        echo "unix_socket_directories = '$sockets'"
        echo "port = $port"
        echo "fsync = off"
        cat
    } >>"$data/postgresql.conf"
}

server_start() {
    as_server_user "$bin/pg_ctl" start -w -D "$data" -l "$data.log" >/dev/null || {
        tail -n 40 "$data.log" >&2
        return 1
    }
}

# Safe to call when nothing runs, as a trap does.
server_stop() {
    if [ -f "$data/postmaster.pid" ]; then
        as_server_user "$bin/pg_ctl" stop -m fast -w -D "$data" >/dev/null
    fi
}

server_psql() {
    as_server_user "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$sockets" -p "$port" -U postgres "$@"
}
