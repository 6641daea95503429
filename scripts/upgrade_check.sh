#!/bin/bash
# upgrade_check.sh [OLD_SUITE NEW_SUITE] pg_upgrade with history, from the PostgreSQL of one Debian release to that of another
# (default: bookworm trixie, 15 to 17), both in one root file system, MATRIX_DIR/upgrade-OLD_SUITE-NEW_SUITE (2.8 GB, made
# once). What is tried: tests/upgrade/run. Half a minute, and ten the first time.
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/.." && pwd)
old_suite=${1:-bookworm} new_suite=${2:-trixie}
[[ "$#$old_suite$new_suite" =~ ^[02][a-z]+$ ]] || { sed -n '2,/^set/{/^#/s/^# //p}' "$0" >&2; exit 2; }
# shellcheck source=scripts/root_fs.sh
. "$source_dir/scripts/root_fs.sh"
missing=$(root_fs_missing)
[ -z "$missing" ] || { echo "SKIPPED: no root file system can be made here: $missing"; exit 0; }

root=${MATRIX_DIR:-/var/tmp/pg_stat_monitor-matrix}/upgrade-$old_suite-$new_suite
log=$root.log
quietly() {
    "$@" >>"$log" 2>&1 || { tail -n 20 "$log"; echo "failed: $*" >&2; exit 1; }
}
mkdir -p "${root%/*}"
: >"$log"
echo "preparing $root"
quietly root_fs_make "$new_suite" "$root"
new=$(root_fs_major "$root")
if [ ! -e "$root/etc/apt/sources.list.d/old.list" ]; then
    echo "deb $(root_fs_mirror) $old_suite main" >"$root/etc/apt/sources.list.d/old.list"
fi
quietly root_fs_run "$root" apt-get -qq update
old=$(root_fs_run "$root" apt-cache pkgnames postgresql-server-dev- | sed -n 's/.*-\([0-9]*\)$/\1/p' | sort -n | head -n 1)
root_fs_copy_source "$source_dir" "$root/src"
for major in "$new" "$old"; do
    quietly root_fs_run "$root" env PG_MAJOR="$major" /src/scripts/install_packages.sh
    quietly root_fs_run "$root" env PG_CONFIG="/usr/lib/postgresql/$major/bin/pg_config" MESON_OPTIONS=-Dtests=false \
        BUILD_DIR="/var/tmp/build-$major" nice -n 5 /src/scripts/build.sh
done
root_fs_run "$root" nice -n 5 /src/tests/upgrade/run "/var/tmp/build-$old" "/usr/lib/postgresql/$old/bin/pg_config" \
    "/var/tmp/build-$new" "/usr/lib/postgresql/$new/bin/pg_config"
