#!/bin/bash
# Configures and compiles into BUILD_DIR (default: build/ in the checkout), warnings as errors.
# PG_CONFIG chooses the PostgreSQL to build for (default: pg_config from PATH), CC and CXX the compilers, MESON_OPTIONS
# further options, as words. Says little when all is well.
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/.." && pwd)
build_dir=${BUILD_DIR:-$source_dir/build}
# Meson looks for python3 in PATH; the modules that the generator needs come from Debian, so its python3 goes
# first.
export PATH=/usr/bin:$PATH

options=(-Dwerror=true -Dtests=true "-Dpg_config=${PG_CONFIG:-pg_config}")
read -r -a more <<<"${MESON_OPTIONS:-}"
options+=("${more[@]}")
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() {
    "$@" >"$log" 2>&1 && return
    cat "$log" >&2
    echo "failed: $*" >&2
    exit 1
}

configure=(meson setup "${options[@]}" "$build_dir" "$source_dir")
if [ ! -f "$build_dir/build.ninja" ]; then
    run "${configure[@]}"
elif ! "${configure[@]}" --reconfigure >"$log" 2>&1; then
    # Meson does not let a folder of an older checkout have an option that is new since.
    run "${configure[@]}" --wipe
fi
run meson compile -C "$build_dir"
echo "build: $build_dir"
