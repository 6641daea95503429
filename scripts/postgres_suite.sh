#!/bin/bash
# postgres_suite.sh [SUITE...] PostgreSQL's own regression suite on servers with the library: prints the same as on a plain
# server, with everything switched on, normalised and not; and what pg_stat_statements counts of it beside the library is
# the same, or differs as docs/postgres_suite.md explains. On this machine's PostgreSQL, or on that of each Debian SUITE in a
# root file system of its own (see matrix.sh; MATRIX_DIR). About 8 minutes each. PARTS: what of it (default: results counts).
# BUILD_DIR and PG_CONFIG as in build.sh. WORK_DIR keeps the sources of PostgreSQL and what the runs leave (default
# /var/tmp/pg_stat_monitor-suite). Exits 1 when there is a difference.
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/.." && pwd)
work=${WORK_DIR:-/var/tmp/pg_stat_monitor-suite}
parts=${PARTS:-results counts}
for suite in "$@"; do
    [[ $suite =~ ^[a-z]+$ ]] || { sed -n '2,/^set/{/^#/s/^# //p}' "$0" >&2; exit 2; }
done

if [ $# -eq 0 ]; then
    # shellcheck source=scripts/postgres_source.sh
    . "$source_dir/scripts/postgres_source.sh"
    "$source_dir/scripts/install_packages.sh"
    export PG_CONFIG=${PG_CONFIG:-pg_config} BUILD_DIR=${BUILD_DIR:-$source_dir/build}
    MESON_OPTIONS="-Dtests=false ${MESON_OPTIONS:-}" "$source_dir/scripts/build.sh" >/dev/null
    major=$("$PG_CONFIG" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    mkdir -p "$work"
    postgres_source "$major" "$work/source-$major"
    echo "the suite of $(cat "$work/source-$major/VERSION") on $("$PG_CONFIG" --version)"
    # shellcheck disable=SC2086  # words
    nice -n 5 "$source_dir/tests/suite/run" "$BUILD_DIR" "$PG_CONFIG" "$work/source-$major" "$work/$major" $parts
    exit
fi

# shellcheck source=scripts/root_fs.sh
. "$source_dir/scripts/root_fs.sh"
missing=$(root_fs_missing)
[ -z "$missing" ] || { echo "no root file system can be made here: $missing" >&2; exit 1; }
status=0
for suite in "$@"; do
    root=${MATRIX_DIR:-/var/tmp/pg_stat_monitor-matrix}/$suite
    log=$root.postgres_suite.log
    echo "$suite: preparing $root"
    root_fs_make "$suite" "$root" >"$log" 2>&1 || { tail -n 15 "$log"; status=1; continue; }
    root_fs_copy_source "$source_dir" "$root/src-suite"
    major=$(root_fs_major "$root")
    root_fs_run "$root" env PG_MAJOR="$major" "PG_CONFIG=/usr/lib/postgresql/$major/bin/pg_config" \
        BUILD_DIR=/var/tmp/build-suite WORK_DIR="$work" PARTS="$parts" /src-suite/scripts/postgres_suite.sh || status=1
done
exit "$status"
