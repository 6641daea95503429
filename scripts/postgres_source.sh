# shellcheck shell=bash
# Sourced by scripts that need PostgreSQL's own sources: Debian's, unpacked with Debian's patches. They come from where
# apt has its packages from, by lists and caches of their own: apt's settings stay as they are.

# postgres_source MAJOR DIR Makes DIR unless it is there: the sources of the version that is installed or, where the
# mirror doesn't have those, of the newest one before it; DIR/VERSION says which. Needs root the first time (apt).
postgres_source() {
    local major=$1 dir=$2 installed version
    [ ! -d "$dir" ] || return 0
    # shellcheck disable=SC2016  # dpkg-query's variables
    installed=$(dpkg-query -W -f '${source:Version}' "postgresql-$major") || return 1
    if ! command -v dpkg-source >/dev/null || ! command -v bzip2 >/dev/null || ! command -v gpgv >/dev/null ||
        [ ! -r /usr/share/keyrings/debian-keyring.gpg ]; then
        { apt-get update && apt-get install -y --no-install-recommends dpkg-dev bzip2 gpgv debian-keyring; } \
            >/dev/null 2>&1 </dev/null || { echo "dpkg-dev can't be installed" >&2; return 1; }
    fi
    postgres_source_lists "$dir.apt" >"$dir.log" 2>&1 || { cat "$dir.log" >&2; return 1; }
    for version in "$installed" $(postgres_source_older "$major" "$installed"); do
        rm -rf "$dir.new" "$dir.get"
        mkdir -p "$dir.get"
        if (cd "$dir.get" && {
            apt-get "${postgres_source_options[@]}" source --download-only "postgresql-$major=$version" ||
            postgres_source_by_name "postgresql-$major" "$version"; } &&
            dpkg-source --no-copy --extract ./*.dsc "$dir.new") >>"$dir.log" 2>&1; then
            echo "$version" >"$dir.new/VERSION"
            rm -rf "$dir.get" "$dir.apt" "$dir.log"
            mv "$dir.new" "$dir"
            return 0
        fi
    done
    tail -n 15 "$dir.log" >&2
    return 1
}

# The versions before the installed one, as its changelog has them.
postgres_source_older() {
    zcat "/usr/share/doc/postgresql-$1/changelog.Debian.gz" 2>/dev/null |
        sed -n "s/^postgresql-$1 (\([^)]*\)).*/\1/p" | grep -vxF "$2" | head -n 4
}

# Lists of sources in a folder of their own; leaves in postgres_source_options what makes apt-get use them.
postgres_source_lists() {
    local work=$1
    postgres_source_options=(-q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=-
        -o APT::Sandbox::User=root -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache")
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    # shellcheck disable=SC2016  # apt's variables
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk -v key=/usr/share/keyrings/debian-archive-keyring.gpg \
            '$1 == "Debian" { printf "deb-src [signed-by=%s] %s %s %s\n", key, $2, $3, $4 }' >"$work/sources.list"
    apt-get "${postgres_source_options[@]}" update
}

# Into the current folder, a version that the lists don't have any more. Its maintainer's signature vouches for it.
postgres_source_by_name() {
    local base mirror file
    # shellcheck disable=SC2016  # apt's variables
    mirror=$(apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 == "main" { print $3; exit }')
    base=${mirror%/}/pool/main/p/$1
    file=$1_$2.dsc
    /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "$base/$file" "$file" || return 1
    gpgv --keyring /usr/share/keyrings/debian-keyring.gpg --keyring /usr/share/keyrings/debian-maintainers.gpg \
        "$file" || return 1
    sed -n '/^Checksums-Sha256:/,/^[^ ]/s/^ \([0-9a-f]*\) [0-9]* \(.*\)/\1 \2/p' "$file" |
        while read -r sum name; do
            /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "$base/$name" "$name" "SHA256:$sum" || exit 1
        done
}
