#!/bin/bash
# Installs with apt what building and testing need on Debian 12 or newer, and names what it installs.
# Does nothing, and needs no root, when everything is there. PG_MAJOR chooses another server (default 15).
set -euo pipefail

major=${PG_MAJOR:-15}
# The runtime of libFuzzer: Debian 12 has no package that follows its clang.
case $(. /etc/os-release && echo "${VERSION_CODENAME:-}") in
    bookworm) fuzzer=libclang-rt-14-dev ;;
    *) fuzzer=libclang-rt-dev ;;
esac
wanted=(
    "postgresql-$major" "postgresql-server-dev-$major"
    g++ clang "$fuzzer" meson ninja-build pkg-config
    doctest-dev libxxhash-dev
    libkrb5-dev libssl-dev  # libpq-be.h, which has the client address, includes their headers
    python3 python3-yaml python3-jinja2
    perl libipc-run-perl
)

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}

missing=()
for package in "${wanted[@]}"; do
    installed "$package" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "packages: all ${#wanted[@]} that are needed are installed"
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "packages missing, run as root: apt-get install ${missing[*]}" >&2
    exit 1
fi

# Debian's server package makes and starts a cluster of its own. Nobody asked for one here, so it is told not
# to; the file goes away again, because a server that somebody installs later should get its cluster.
no_cluster=/etc/postgresql-common/createcluster.d/pg_stat_monitor-build.conf
if ! installed "postgresql-$major"; then
    trap 'rm -f "$no_cluster"; rmdir --ignore-fail-on-non-empty "${no_cluster%/*}"' EXIT
    mkdir -p "${no_cluster%/*}"
    echo "create_main_cluster = false" >"$no_cluster"
fi

echo "packages: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    cat "$log" >&2
    echo "packages: apt-get failed, its output is above" >&2
    rm -f "$log"
    exit 1
fi
rm -f "$log"
echo "packages: ${#missing[@]} installed, with what they depend on"
