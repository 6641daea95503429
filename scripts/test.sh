#!/bin/bash
# test.sh [SUITE...] Runs every test there is: installs the packages, builds with warnings as errors, runs all suites, and
# counts what ran; then the same on the PostgreSQL of each Debian SUITE (see matrix.sh). The last line is
# `N passed, N failed, N skipped`, summed over all; the exit status is not 0 when anything failed. BUILD_DIR, PG_CONFIG
# and the like as in build.sh.
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/.." && pwd)
export BUILD_DIR=${BUILD_DIR:-$source_dir/build}
export PATH=/usr/bin:$PATH

"$source_dir/scripts/install_packages.sh"
"$source_dir/scripts/build.sh"

logs=$BUILD_DIR/meson-logs
rm -f "$logs/testlog.json"
status=0
meson test -C "$BUILD_DIR" --print-errorlogs || status=$?
count() {
    /usr/bin/python3 "$source_dir/scripts/count_tests.py" "$logs/testlog.json" "$status"
}
[ $# -gt 0 ] || { count; exit; }

failed=0
said=$(mktemp)
trap 'rm -f "$said"' EXIT
count | tee "$said" || failed=1
counts=$(tail -n 1 "$said")
"$source_dir/scripts/matrix.sh" "$@" | tee "$said" || failed=1
counts+=$'\n'$(tail -n 1 "$said")
echo
awk '/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { passed += $1; failed += $3; skipped += $5; next }
     { failed++ }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' <<<"$counts"
exit "$failed"
