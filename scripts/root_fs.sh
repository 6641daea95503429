# shellcheck shell=bash
# Sourced by scripts that need another Debian release, or a clean one, beside this machine: a root file system made by
# debootstrap from the mirror that this machine's apt uses, with apt's settings for proxies and dates. Nothing
# outside its folder changes. Needs root and namespaces; root_fs_missing says what is not there.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Prints why no root file system can be made here, and nothing where one can. Installs debootstrap.
root_fs_missing() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "not root"
    elif ! unshare --mount --pid --ipc --fork --mount-proc true 2>/dev/null; then
        echo "no namespaces (in a container: run it privileged)"
    elif ! command -v debootstrap >/dev/null || [ ! -r "$keyring" ]; then
        { apt-get update && apt-get install -y --no-install-recommends debootstrap debian-archive-keyring; } \
            >/dev/null 2>&1 </dev/null || echo "debootstrap can't be installed"
    fi
}

# Where this machine's packages come from.
root_fs_mirror() {
    local codename mirror
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    # shellcheck disable=SC2016  # apt's variables
    mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -v codename="$codename" '$1 == codename && $2 == "main" { print $3; exit }')
    echo "${mirror:-http://deb.debian.org/debian}"
}

# root_fs_make SUITE DIR Makes the root file system unless it is there. experimental is sid with PostgreSQL, and that
# alone, from experimental.
root_fs_make() {
    local suite=$1 dir=$2 new=$2.new base=$1 mirror script proxy='' secure_proxy=''
    [ ! -d "$dir" ] || return 0
    [ "$suite" != experimental ] || base=sid
    mirror=$(root_fs_mirror)
    # An older debootstrap doesn't know a newer release; all of Debian's are made like sid.
    script=/usr/share/debootstrap/scripts/$base
    [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
    eval "$(apt-config shell proxy Acquire::http::Proxy secure_proxy Acquire::https::Proxy)"
    [ -z "$proxy" ] || local -x http_proxy=$proxy
    [ -z "$secure_proxy" ] || local -x https_proxy=$secure_proxy

    rm -rf --one-file-system "$new"
    mkdir -p "${dir%/*}"
    unshare --mount --pid --fork --kill-child timeout 900 \
        debootstrap --variant=minbase --keyring="$keyring" "$base" "$new" "$mirror" "$script" || return 1

    # No service starts and no cluster is made; dpkg needn't wait for the disk.
    printf '#!/bin/sh\nexit 101\n' >"$new/usr/sbin/policy-rc.d"
    chmod 755 "$new/usr/sbin/policy-rc.d"
    mkdir -p "$new/etc/postgresql-common"
    echo 'create_main_cluster = false' >"$new/etc/postgresql-common/createcluster.conf"
    printf 'force-unsafe-io\nforce-confold\n' >"$new/etc/dpkg/dpkg.cfg.d/fast"
    cp /etc/resolv.conf /etc/hosts "$new/etc/"
    {
        echo 'Acquire::Languages "none";'
        apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date|Retries|https?::[^ ]+) ' || true
    } >"$new/etc/apt/apt.conf.d/host"
    if [ -r /etc/ssl/certs/ca-certificates.crt ]; then
        mkdir -p "$new/etc/ssl/certs"
        cp /etc/ssl/certs/ca-certificates.crt "$new/etc/ssl/certs/"
    fi
    echo "deb $mirror $base main" >"$new/etc/apt/sources.list"
    if [ "$suite" = experimental ]; then
        echo "deb $mirror experimental main" >>"$new/etc/apt/sources.list"
    fi
    root_fs_run "$new" apt-get -qq update || return 1
    if [ "$suite" = experimental ]; then
        printf 'Package: src:postgresql-%s src:postgresql-common\nPin: release a=experimental\nPin-Priority: 990\n' \
            "$(root_fs_major "$new")" >"$new/etc/apt/preferences.d/postgresql"
    fi
    mv "$new" "$dir"
}

# root_fs_major DIR The newest PostgreSQL that the release has.
root_fs_major() {
    root_fs_run "$1" apt-cache pkgnames postgresql-server-dev- | sed -n 's/.*-\([0-9]*\)$/\1/p' | sort -n | tail -n 1
}

# root_fs_run DIR COMMAND... Runs it as root in there; the processes and mounts that it leaves end with it.
root_fs_run() {
    # shellcheck disable=SC2016  # the inner shell's variables
    unshare --mount --pid --ipc --fork --kill-child bash -euc '
        dir=$1
        shift
        mount -t proc proc "$dir/proc"
        mount --rbind /dev "$dir/dev"
        mount -t tmpfs -o mode=1777 tmpfs "$dir/dev/shm"
        status=0
        chroot "$dir" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive "$@" || status=$?
        exit "$status"' root_fs_run "$@"
}

# root_fs_copy_source SOURCE DIR The files of a checkout that git knows or would take; all of any other folder. They
# are as new as the copy: what was built of another checkout must not look up to date.
root_fs_copy_source() {
    rm -rf --one-file-system "$2"
    mkdir -p "$2"
    if git -c safe.directory='*' -C "$1" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        # What is deleted and not committed is still listed.
        git -c safe.directory='*' -C "$1" ls-files -coz --exclude-standard |
            (cd "$1" && while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done) |
            tar -C "$1" -c --null -T - | tar -C "$2" -x -m --no-same-owner
    else
        tar -C "$1" -c . | tar -C "$2" -x -m --no-same-owner
    fi
}
