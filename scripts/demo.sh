#!/bin/bash
# demo.sh [--keep]
# The main job in one command: installs the packages, builds, starts a throw-away PostgreSQL server with the
# library preloaded, runs a mixed load on it, exports, and prints what it cost and whether all was counted.
# --keep leaves the server running. BUILD_DIR and PG_CONFIG as in build.sh. Fails when a count is wrong.
set -euo pipefail

keep=no
case ${1:-} in
    --keep) keep=yes ;;
    '') ;;
    *) echo "usage: $0 [--keep]" >&2; exit 2 ;;
esac

source_dir=$(cd "$(dirname "$0")/.." && pwd)
export BUILD_DIR=${BUILD_DIR:-$source_dir/build}
"$source_dir/scripts/install_packages.sh"
MESON_OPTIONS="-Dtests=false ${MESON_OPTIONS:-}" "$source_dir/scripts/build.sh"
# shellcheck source=scripts/private_server.sh
. "$source_dir/scripts/private_server.sh"

work=$(mktemp -d /tmp/pgsm-demo.XXXXXX)
data=$work/data
sockets=$work
port=5432
# shellcheck disable=SC2317  # a trap calls it
finish() {
    server_stop || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

bin=$("$source_dir/scripts/private_tree.sh" "$BUILD_DIR" "${PG_CONFIG:-pg_config}" "$work/tree")
chmod go+rx "$work"
[ "$(id -u)" -ne 0 ] || chown "$server_user" "$work"
cd "$work"

ask() {
    server_psql -At -d demo -c "$1"
}

# Runs pgbench and prints the number of transactions that it says it processed.
bench() {
    as_server_user "$bin/pgbench" -h "$sockets" -p "$port" -U postgres "$@" demo 2>"$work/pgbench.err" |
        sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p'
}

# What the library takes: the server's whole shared memory with it, minus without it.
segment_bytes() {
    server_psql -At -d postgres -c 'SELECT sum(allocated_size) FROM pg_shmem_allocations'
}
server_init </dev/null
server_start
without=$(segment_bytes)
server_stop
echo "shared_preload_libraries = 'pg_stat_monitor'" >>"$data/postgresql.conf"
server_start
with=$(segment_bytes)

server_psql -d postgres -c 'CREATE DATABASE demo'
ask 'CREATE EXTENSION pg_stat_monitor'
echo
echo "server:  PostgreSQL $(ask 'SHOW server_version') in $work"
echo "library: pg_stat_monitor $(ask 'SELECT pg_stat_monitor_version()')"
echo "load:    pgbench's reads and writes, failing statements, ANALYZE, a function with statements inside"

bench -i -s 1 -q
mixed=$(bench -n -c 4 -j 2 -t 500)
reads=$(bench -n -S -c 4 -j 2 -t 1000)

printf 'SELECT 1 / 0 AS failing;\n%.0s' {1..50} >"$work/failing.sql"
failed=$(server_psql -d demo -v ON_ERROR_STOP=0 2>&1 <"$work/failing.sql" | grep -c 'division by zero')

analyzed="SELECT analyze_count FROM pg_stat_all_tables WHERE relname = 'pgbench_branches'"
analyzed_before=$(ask "$analyzed")
printf 'ANALYZE pgbench_branches;\n%.0s' {1..20} | server_psql -d demo
analyzed=$(($(ask "$analyzed") - analyzed_before))

server_psql -d demo <<'SQL'
CREATE TABLE demo_counter AS SELECT 0 AS n;
CREATE TABLE demo_log (at timestamptz);
CREATE FUNCTION demo_step() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE demo_counter SET n = n + 1;
    INSERT INTO demo_log VALUES (clock_timestamp());
END $$;
SQL
{
    echo "SET pg_stat_monitor.pgsm_track = 'all';"
    printf 'SELECT demo_step();\n%.0s' {1..100}
} | server_psql -d demo >/dev/null
steps=$(ask 'SELECT n FROM demo_counter')
logged=$(ask 'SELECT count(*) FROM demo_log')

echo "export:  SELECT pg_stat_monitor_export() wrote $(ask 'SELECT pg_stat_monitor_export()') rows"
echo
awk -v bytes=$((with - without)) \
    'BEGIN { printf "Shared memory: %.2f MB. pg_stat_monitor 2.3 takes 276 MB.\n", bytes / 1048576 }'
echo
echo "The ten statements that took the most time, out of pg_stat_monitor:"
server_psql -d demo -P footer=off -P border=1 -c "
    SELECT sum(calls) AS calls, round(sum(total_exec_time)::numeric, 1) AS ms, sum(rows) AS rows,
           left(regexp_replace(min(query), '\s+', ' ', 'g'), 72) AS query
    FROM pg_stat_monitor GROUP BY queryid ORDER BY sum(total_exec_time) DESC LIMIT 10"

# What ran is known from elsewhere: pgbench's own count, the errors that psql showed, PostgreSQL's count of
# ANALYZE, the rows that the function left.
counts="
    SELECT what, ran,
           (SELECT coalesce(sum(calls), 0) FROM pg_stat_monitor WHERE query LIKE pattern) AS counted
    FROM (VALUES
        (1, 'pgbench: SELECT', $((mixed + reads)), 'SELECT abalance FROM pgbench_accounts%'),
        (2, 'pgbench: UPDATE', $((3 * mixed)), 'UPDATE pgbench_%'),
        (3, 'pgbench: INSERT', $mixed, 'INSERT INTO pgbench_history%'),
        (4, 'pgbench: BEGIN', $mixed, 'BEGIN%'),
        (5, 'pgbench: END', $mixed, 'END%'),
        (6, 'failing statement', $failed, 'SELECT 1 / 0 AS failing%'),
        (7, 'utility: ANALYZE', $analyzed, 'ANALYZE pgbench_branches%'),
        (8, 'function call', $steps, 'SELECT demo_step()%'),
        (9, 'nested UPDATE', $steps, 'UPDATE demo_counter%'),
        (10, 'nested INSERT', $logged, 'INSERT INTO demo_log%')) AS load (place, what, ran, pattern)
    ORDER BY place"
echo "Executions that ran, and that were counted:"
server_psql -d demo -P footer=off -P border=1 -c "
    WITH counts AS ($counts)
    SELECT * FROM counts UNION ALL SELECT 'all', sum(ran), sum(counted) FROM counts"
wrong=$(ask "SELECT count(*) FROM ($counts) c WHERE ran <> counted")

if [ "$keep" = yes ]; then
    trap - EXIT
    as_owner=
    [ "$(id -u)" -ne 0 ] || as_owner="runuser -u $server_user -- "
    echo "The server runs on. Connect: $bin/psql -h $sockets -p $port -U postgres demo"
    echo "Stop and remove it:          $as_owner$bin/pg_ctl stop -D $data && rm -r $work"
else
    echo "The server in $work is stopped and removed now. To keep it: $0 --keep"
    echo "It then says how to connect: psql -h DIRECTORY -p $port -U postgres demo"
fi
if [ "$wrong" -ne 0 ]; then
    echo "$wrong kinds of statements were not counted exactly" >&2
    exit 1
fi
