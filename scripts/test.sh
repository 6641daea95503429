#!/bin/bash
# Runs every test there is: installs the packages, builds with warnings as errors, runs all suites, and counts
# what ran. The last line is `N passed, N failed, N skipped`; the exit status is not 0 when anything failed.
# BUILD_DIR and PG_CONFIG as in build.sh.
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
/usr/bin/python3 "$source_dir/scripts/count_tests.py" "$logs/testlog.json" "$status"
