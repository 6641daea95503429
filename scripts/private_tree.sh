#!/bin/bash
# private_tree.sh BUILD_DIR PG_CONFIG DEST Copies the PostgreSQL that PG_CONFIG describes below DEST and
# installs the build into the copy, so that the system's own tree is never touched. PostgreSQL's programs find
# their files relative to themselves, which makes the copy a server of its own. Prints the path of the copy's
# bin folder. An empty BUILD_DIR copies PostgreSQL alone. SERVER_PRELOAD: what the copy's servers, and nothing else,
# have in LD_PRELOAD before anything of their own: the runtime of a sanitizer that they are built without.
set -euo pipefail

[ $# -eq 3 ] || { echo "usage: $0 BUILD_DIR PG_CONFIG DEST" >&2; exit 2; }
build_dir=$1
pg_config=$2
dest=$3

for what in bindir pkglibdir sharedir; do
    from=$("$pg_config" "--$what")
    mkdir -p "$dest$from"
    cp -a --reflink=auto "$from/." "$dest$from/"
done

if [ -n "$build_dir" ]; then
    # Two tests may do this at once, and both would write the build's install log.
    exec 9>"$build_dir/.private_tree.lock"
    flock 9
    DESTDIR=$dest meson install --no-rebuild --quiet -C "$build_dir" >"$dest/install.log" 2>&1 || {
        cat "$dest/install.log" >&2
        exit 1
    }
    exec 9>&-
    # A module of the tests, in builds that have them.
    if [ -f "$build_dir/tests/server/scanner_beside.so" ]; then
        cp "$build_dir/tests/server/scanner_beside.so" "$dest$("$pg_config" --pkglibdir)"
    fi
fi

bin=$dest$("$pg_config" --bindir)
if [ -n "${SERVER_PRELOAD:-}" ]; then
    mv "$bin/postgres" "$bin/postgres.bare"
    cat >"$bin/postgres" <<'WRAPPER'
#!/bin/bash
LD_PRELOAD=$SERVER_PRELOAD${LD_PRELOAD:+:$LD_PRELOAD} exec -a "$0" "$0.bare" "$@"
WRAPPER
    chmod 755 "$bin/postgres"
fi
echo "$bin"
