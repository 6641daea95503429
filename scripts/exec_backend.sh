#!/bin/bash
# exec_backend.sh Builds PostgreSQL with -DEXEC_BACKEND, as it is on Windows: every process of the server begins as a new
# program, which attaches to shared memory by itself. Then builds the library for that server and tries it there: it
# starts, records, exports, restarts with what it had in memory, and survives the crash of a process. PG_MAJOR chooses
# the major (default: pg_config's); its sources are Debian's (see postgres_source.sh). What is built stays in WORK_DIR
# (default /var/tmp/pg_stat_monitor-exec-backend, 250 MB), so that it takes minutes only once; rm -r removes it.
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/.." && pwd)
export PATH=/usr/bin:$PATH
major=${PG_MAJOR:-$(pg_config --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')}
work=${WORK_DIR:-/var/tmp/pg_stat_monitor-exec-backend}
# shellcheck source=scripts/postgres_source.sh
. "$source_dir/scripts/postgres_source.sh"
# shellcheck source=scripts/private_server.sh
. "$source_dir/scripts/private_server.sh"
can_run_servers || { echo "run as root, and there is no user $server_user to run a server as" >&2; exit 1; }

mkdir -p "$work"
prefix=$work/postgresql-$major
if [ ! -e "$prefix/bin/pg_config" ]; then
    postgres_source "$major" "$work/source-$major"
    # From 17 on the sources come without what these make of them.
    if ! command -v bison >/dev/null || ! command -v flex >/dev/null; then
        { apt-get update && apt-get install -y --no-install-recommends bison flex make; } >/dev/null 2>&1 </dev/null ||
            { echo "bison and flex can't be installed" >&2; exit 1; }
    fi
    mkdir -p "$work/objects-$major"
    echo "building PostgreSQL $(cat "$work/source-$major/VERSION") with -DEXEC_BACKEND"
    (
        cd "$work/objects-$major"
        "$work/source-$major/configure" --prefix="$prefix" --without-readline --without-zlib --without-icu \
            CPPFLAGS=-DEXEC_BACKEND CFLAGS=-O1
        nice -n 5 make -s -j2 -C src
        make -s -C src install
    ) >"$work/build-$major.log" 2>&1 || { tail -n 20 "$work/build-$major.log"; exit 1; }
fi

"$prefix/bin/pg_config" --cppflags | grep -q EXEC_BACKEND || { echo "$prefix is built without -DEXEC_BACKEND" >&2; exit 1; }

build=$work/library-$major
[ "$(cat "$build.source" 2>/dev/null)" = "$source_dir" ] || rm -rf "$build"
echo "$source_dir" >"$build.source"
[ -d "$build" ] || meson setup "$build" "$source_dir" -Dtests=false "-Dpg_config=$prefix/bin/pg_config" >/dev/null
meson compile -C "$build" >"$build.log" 2>&1 || { tail -n 20 "$build.log"; exit 1; }
meson install --no-rebuild --quiet -C "$build"

run=$(mktemp -d /tmp/pgsm-exec.XXXXXX)
bin=$prefix/bin
data=$run/data
sockets=$run
port=5432
# shellcheck disable=SC2317  # a trap calls it
finish() {
    server_stop || true
    rm -rf "$run"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod go+rx "$run"
[ "$(id -u)" -ne 0 ] || chown "$server_user" "$run"
cd "$run"

fail() {
    echo "FAILED: $1" >&2
    [ ! -f "$data.log" ] || tail -n 30 "$data.log" >&2
    exit 1
}
ask() {
    server_psql -At -d postgres -c "$1"
}
# expect WHAT SQL VALUE
expect() {
    local value
    value=$(ask "$2") || fail "$1"
    [ "$value" = "$3" ] || fail "$1: $value instead of $3"
    echo "ok: $1"
}
# until_true WHAT SQL Asks for up to a minute.
until_true() {
    local i
    for ((i = 0; i < 600; i++)); do
        if [ "$(ask "$2" 2>/dev/null)" = t ]; then echo "ok: $1"; return 0; fi
        sleep 0.1
    done
    server_psql -d postgres -x -c 'SELECT * FROM pg_stat_monitor_status' >&2 || true
    fail "$1: not within a minute"
}

# Statements of different shapes: those that differ in constants and column names alone have one text.
calls="SELECT coalesce(sum(calls), 0) FROM pg_stat_monitor WHERE query ="
server_init <<'CONF'
shared_preload_libraries = 'pg_stat_monitor'
pg_stat_monitor.pgsm_track = 'all'
pg_stat_monitor.pgsm_bucket_time = 2147483647
autovacuum = off
CONF
server_start || fail "the server starts with the library"
echo "ok: the server starts with the library"
ask 'CREATE EXTENSION pg_stat_monitor'
for _ in 1 2 3; do ask "SELECT 'recorded'" >/dev/null; done
expect "each session is a process that records" "$calls 'SELECT \$1'" 3
if ask 'SELECT 1 / 0' 2>/dev/null; then fail "a division by zero is an error"; fi
expect "an error is recorded" "SELECT sum(calls) FROM pg_stat_monitor WHERE sqlcode = '22012'" 1
expect "an export by hand stores it" "SELECT pg_stat_monitor_export() > 0" t
expect "and what is stored is there once" "$calls 'SELECT \$1'" 3
until_true "the exporter works in this database" \
    "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type LIKE 'pg_stat_monitor%'"
ask "SELECT 43, 'kept'" >/dev/null
server_stop
server_start || fail "the server starts again"
expect "a restart keeps what was in memory" "$calls 'SELECT \$1, \$2'" 1
grep -qE '(WARNING|PANIC|FATAL)' "$data.log" && fail "the log is silent"

# Every process is killed, the postmaster makes shared memory anew, and new processes find that.
kill -9 "$(ask "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")"
until_true "it comes back after a crash" "SELECT true"
ask "SELECT 44, 44, 'after the crash'" >/dev/null
expect "and records" "$calls 'SELECT \$1, \$2, \$3'" 1
server_stop
sed -i 's/pgsm_bucket_time = .*/pgsm_bucket_time = 1/' "$data/postgresql.conf"
server_start || fail "the server starts with short buckets"
ask "SELECT 45, 45, 45, 'exported'" >/dev/null
until_true "the exporter stores by itself" \
    "SELECT count(*) = 1 FROM pg_stat_monitor WHERE query = 'SELECT \$1, \$2, \$3, \$4' AND exported_at < 'infinity'"
echo "PostgreSQL $major with -DEXEC_BACKEND: passed"
