#!/bin/bash
# matrix.sh [SUITE...] Runs every test on the PostgreSQL of other Debian releases: by default trixie (17), forky (18)
# and experimental (19's release candidate), each in a root file system of its own below MATRIX_DIR (default
# /var/tmp/pg_stat_monitor-matrix: made once, about 1.5 GB each, kept for the next time; rm -r removes it).
# CC, CXX and MESON_OPTIONS as in build.sh. Where no root file system can be made it says why, and counts that as
# skipped. The last line is `N passed, N failed, N skipped`, summed over all.
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/.." && pwd)
matrix_dir=${MATRIX_DIR:-/var/tmp/pg_stat_monitor-matrix}
# shellcheck source=scripts/root_fs.sh
. "$source_dir/scripts/root_fs.sh"

suites=("$@")
[ $# -gt 0 ] || suites=(trixie forky experimental)
for suite in "${suites[@]}"; do
    [[ $suite =~ ^[a-z]+$ ]] || { sed -n '2,/^set/{/^#/s/^# //p}' "$0" >&2; exit 2; }
done

build_dir=/var/tmp/build-${CXX:-g++}$(tr -c 'A-Za-z0-9\n' _ <<<"${MESON_OPTIONS:-}")
table=''
counts=''
status=0

skip() {
    echo "$suite: SKIPPED, $1"
    table+=$(printf '%-13s skipped: %s' "$suite" "$1")$'\n'
    counts+="0 passed, 0 failed, 1 skipped"$'\n'
}

in_root() {
    root_fs_run "$root" env PG_MAJOR="$major" "PG_CONFIG=/usr/lib/postgresql/$major/bin/pg_config" \
        BUILD_DIR="$build_dir" ${CC:+CC="$CC"} ${CXX:+CXX="$CXX"} "MESON_OPTIONS=${MESON_OPTIONS:-}" "$@"
}

run_suite() {
    local root=$matrix_dir/$suite log=$matrix_dir/$suite.log major server last began=$SECONDS
    mkdir -p "$matrix_dir"
    exec 8>"$matrix_dir/.$suite.lock"
    flock 8
    echo "$suite: preparing $root"
    if ! root_fs_make "$suite" "$root" >"$log" 2>&1 8>&-; then
        tail -n 15 "$log"
        skip "its root file system could not be made (above: the end of $log)"
        return
    fi
    root_fs_copy_source "$source_dir" "$root/src"
    major=$(root_fs_major "$root")
    if ! in_root /src/scripts/install_packages.sh >"$log" 2>&1 8>&-; then
        tail -n 15 "$log"
        skip "its packages could not be installed (above: the end of $log)"
        return
    fi
    server=$(in_root "/usr/lib/postgresql/$major/bin/pg_config" --version)
    echo "$suite: $server, root file system and packages after $((SECONDS - began)) s"
    in_root /src/scripts/test.sh 2>&1 8>&- | tee "$log" || status=1
    last=$(tail -n 1 "$log")
    [[ $last =~ ^[0-9]+\ passed,\ [0-9]+\ failed,\ [0-9]+\ skipped$ ]] || {
        last="0 passed, 1 failed, 0 skipped"
        status=1
    }
    table+=$(printf '%-13s %s, %s: %s (%d s)' "$suite" "$server" "${CXX:-g++}" "$last" $((SECONDS - began)))$'\n'
    counts+=$last$'\n'
    flock -u 8
}

missing=$(root_fs_missing)
for suite in "${suites[@]}"; do
    if [ -n "$missing" ]; then skip "no root file system can be made here: $missing"; else run_suite; fi
done

printf '\n%s' "$table"
awk '{ passed += $1; failed += $3; skipped += $5 }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' <<<"${counts%$'\n'}"
exit "$status"
