#!/bin/bash
# package_check.sh [SUITE] Builds the Debian package for the PostgreSQL of a Debian release (default: bookworm) in a root
# file system of its own, runs lintian over it, installs it in a clean one, and follows docs/operating.md there word for
# word: what the page prints in blocks marked `sh` for the package is run. Then the package's autopkgtest. Needs root;
# root file systems lie below MATRIX_DIR as for matrix.sh. The packages are left in MATRIX_DIR/packages-SUITE.
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/.." && pwd)
suite=${1:-bookworm}
[[ $suite =~ ^[a-z]+$ ]] || { sed -n '2,/^set/{/^#/s/^# //p}' "$0" >&2; exit 2; }
matrix_dir=${MATRIX_DIR:-/var/tmp/pg_stat_monitor-matrix}
# shellcheck source=scripts/root_fs.sh
. "$source_dir/scripts/root_fs.sh"

missing=$(root_fs_missing)
[ -z "$missing" ] || { echo "no root file system can be made here: $missing" >&2; exit 77; }

mkdir -p "$matrix_dir"
log=$matrix_dir/package-$suite.log
clean=$matrix_dir/clean-$suite
build=$matrix_dir/package-$suite
user=$matrix_dir/user-$suite
packages=$matrix_dir/packages-$suite
quietly() {
    "$@" >"$log" 2>&1 </dev/null && return
    tail -n 40 "$log" >&2
    echo "failed (all of it in $log): $*" >&2
    exit 1
}
step() { echo "package: $*"; }

step "a clean root file system of $suite"
quietly root_fs_make "$suite" "$clean"
[ -d "$build" ] || cp -a --reflink=auto "$clean" "$build"
major=$(root_fs_major "$clean")
package=postgresql-$major-pg-stat-monitor-lowmem

step "building $package"
root_fs_copy_source "$source_dir" "$build/src/package"
quietly root_fs_run "$build" bash -euc "
    cd /src/package
    rm -f ../*.deb ../*.changes ../*.buildinfo
    apt-get -qq update
    apt-get -qq -y --no-install-recommends install dpkg-dev lintian postgresql-server-dev-all postgresql-common
    pg_buildext updatecontrol
    apt-get -qq -y --no-install-recommends build-dep ./
    dpkg-buildpackage -us -uc -b"
rm -rf "$packages"
mkdir "$packages"
cp "$build"/src/*.deb "$build"/src/*.changes "$packages"
(cd "$packages" && ls -- *.deb)

step "lintian"
root_fs_run "$build" bash -euc 'cd /src && lintian --allow-root --fail-on error,warning --info --tag-display-limit 0 *.changes'

step "installing it in the clean root file system, and following docs/operating.md"
rm -rf --one-file-system "$user"
cp -a --reflink=auto "$clean" "$user"
# Here the server's package shall do what it does anywhere: make a cluster.
rm "$user/etc/postgresql-common/createcluster.conf"
printf 'APT::Get::Assume-Yes "true";\nAPT::Install-Recommends "false";\n' >"$user/etc/apt/apt.conf.d/yes"
cp "$packages/$package"_*.deb "$user/root/"
"$source_dir/scripts/page_commands.py" "$source_dir/docs/operating.md" package "$major" >"$user/root/page.sh"
root_fs_run "$user" bash -euc "
    cd /root
    apt-get -qq update
    bash -euxo pipefail page.sh
    echo rows in pg_stat_monitor: \$(runuser -u postgres -- psql -XAtc 'SELECT count(*) FROM pg_stat_monitor')" \
    2>&1 </dev/null | tee "$log" | grep -v '^\(Get\|Selecting\|Preparing\|Unpacking\|Setting up\|(Reading\|Processing\)' | tail -n 60
tail -n 1 "$log" | grep -Eqx 'rows in pg_stat_monitor: [1-9][0-9]*' || { echo "the page ends without rows" >&2; exit 1; }

step "autopkgtest"
quietly root_fs_run "$build" apt-get -qq -y --no-install-recommends install autopkgtest
root_fs_run "$build" bash -euc "cd /src && autopkgtest -B ./${package}_*.deb package/ -- null" 2>&1 </dev/null |
    tee "$log" | tail -n 15
grep -Eq '^server +PASS' "$log" || { echo "the autopkgtest failed" >&2; exit 1; }
step "all is well: $packages"
