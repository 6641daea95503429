#!/bin/bash
# variants.sh [VARIANT...] Runs every test with other compilers and options (all of them without arguments), each in a
# build folder of its own below VARIANTS_DIR (default /var/tmp/pg_stat_monitor-variants), and prints a table of counts.
#   gcc, clang           as released
#   gcc-lto, clang-lto   link-time optimisation
#   gcc-debug            for the debugger (-O1), our asserts enabled
#   gcc-sanitize         AddressSanitizer and UBSan, also in the servers that the tests start
# PG_CONFIG as in build.sh. Another major: scripts/matrix.sh with CC, CXX and MESON_OPTIONS.
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/.." && pwd)
variants_dir=${VARIANTS_DIR:-/var/tmp/pg_stat_monitor-variants}
all=(gcc clang gcc-lto clang-lto gcc-debug gcc-sanitize)
[ $# -gt 0 ] || set -- "${all[@]}"
mkdir -p "$variants_dir"

table=''
failed=0
for variant in "$@"; do
    case ${variant%%-*} in
        gcc) compilers=(CC=gcc CXX=g++) ;;
        clang) compilers=(CC=clang CXX=clang++) ;;
        *) echo "no such variant: $variant (there are: ${all[*]})" >&2; exit 2 ;;
    esac
    more=()
    case $variant in
        gcc | clang) options='' ;;
        *-lto) options='-Db_lto=true' ;;
        *-debug) options='-Dbuildtype=debug' ;;
        *-sanitize)
            options='-Dbuildtype=debugoptimized -Db_sanitize=address,undefined'
            # PostgreSQL itself is not instrumented: the runtime has to be there first, and what a process leaves
            # to its end is no leak. A finding is a crash; an exit would be taken for that of a session that failed.
            runtime=$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)
            more=("SERVER_PRELOAD=$runtime:$variants_dir/$variant/tests/server/asan-first.so"
                ASAN_OPTIONS=detect_leaks=0:abort_on_error=1
                UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1)
            ;;
        *) echo "no such variant: $variant (there are: ${all[*]})" >&2; exit 2 ;;
    esac
    log=$variants_dir/$variant.log
    env "${compilers[@]}" "${more[@]}" "MESON_OPTIONS=$options" "BUILD_DIR=$variants_dir/$variant" \
        "$source_dir/scripts/test.sh" >"$log" 2>&1 || failed=1
    table+=$(printf '%-13s %s' "$variant" "$(tail -n 1 "$log")")$'\n'
    echo "${table%$'\n'}" | tail -n 1
done
printf '\n%s' "$table"
exit "$failed"
