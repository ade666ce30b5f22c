# shellcheck shell=bash
# Clean Debian systems below a temporary folder. Sourced by bash scripts, from the tree's top; needs root and a Debian mirror.
#
#   clean_make RELEASE FOLDER       makes FOLDER a minimal Debian RELEASE (bookworm, trixie) in which no service is started
#   clean_inside FOLDER COMMAND...  runs a command in it; what that leaves running ends with it
#   clean_tree FOLDER               puts this tree, without what was built, at FOLDER/src
#   clean_each_release WHAT [RELEASE...]   sets $release where one is given; else runs the script for each, and ends it with what came
#                                   of that. Without root it says that WHAT is skipped
#   check NAME COMMAND...           prints "ok", with $release where that is set, if the command succeeds; shows what it says, and
#                                   sets $status, if it does not; needs a folder $T
#
#   DEBIAN_MIRROR=URL     in the place of the mirror that this machine's apt uses

# shellcheck disable=SC2016 # $(SITE) is for apt-get
clean_mirror() { echo "${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Label: Debian' | head -n 1)}"; }

# The bases are kept in build/, for the next one.
clean_make()
{
    local base=build/clean-$1.tar
    if [ ! -e "$base" ]; then
        mkdir -p build
        mmdebstrap --format=tar --variant=minbase --include=ca-certificates "$1" "$base.$$" "$(clean_mirror)" || return 1
        mv "$base.$$" "$base"
    fi
    mkdir "$2" && tar -xf "$base" -C "$2" || return 1
    cp /etc/resolv.conf "$2/etc/resolv.conf"
    printf '#!/bin/sh\nexit 101\n' >"$2/usr/sbin/policy-rc.d"
    chmod 755 "$2/usr/sbin/policy-rc.d"
    clean_inside "$2" apt-get update
}

clean_inside()
{
    local root=$1
    shift
    unshare --mount --pid --fork --kill-child --mount-proc --root="$root" --wd=/ \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@" </dev/null
}

clean_tree() { mkdir "$1/src" && tar -c --exclude=./build --exclude=./.git . | tar -x --no-same-owner -C "$1/src"; }

clean_each_release()
{
    local what=$1 status=0
    shift
    if [ "$(id -u)" -ne 0 ]; then
        echo "ok $what # SKIP installing needs root"
        exit 0
    fi
    if [ $# -ne 1 ]; then
        [ $# -gt 0 ] || set -- bookworm trixie
        for release; do "$0" "$release" || status=1; done
        exit $status
    fi
    release=$1
}

check()
{
    local name=${release:+$release: }$1
    shift
    if "$@" >"$T/said" 2>&1; then
        echo "ok $name"
    else
        echo "not ok $name"
        tail -n 40 "$T/said" | sed 's/^/    /'
        # shellcheck disable=SC2034 # for who sources this
        status=1
        return 1
    fi
}
