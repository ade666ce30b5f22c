# shellcheck shell=bash disable=SC2154 # who sources this sets root and T
# A clean system that runs, with a service manager, devices, control groups and a network of its own. Sourced after clean.sh; needs
# a folder $T and a Debian below $root.
#
#   boot UNIT-PATTERN...    boots it: what is enabled there and has such a name is started, and nothing that is not needed for it
#   halt                    ends it, and all that runs in it
#   running COMMAND...      runs a command in it
#   online COMMAND...       the same, but for the network: that is this machine's, where packages come from

init=
# One in each hierarchy, so that two such systems at a time don't count each other's processes.
cgroups()
{
    local top
    for top in /sys/fs/cgroup /sys/fs/cgroup/*; do
        [ -e "$top/cgroup.procs" ] || continue
        echo "$top/postern-packages.$$"
        [ "$top" != /sys/fs/cgroup ] || return 0 # the only one
    done
}

boot()
{
    {
        printf '[Unit]\nWants='
        (cd "$root/etc/systemd/system/multi-user.target.wants" && for pattern; do compgen -G "$pattern"; done | tr '\n' ' ')
    } >"$root/etc/systemd/system/test.target"
    rm -f "$root/usr/sbin/policy-rc.d"
    cgroups | xargs mkdir -p
    # That of processors takes nobody before it has some; it bounds nothing here.
    (for cgroup in $(cgroups); do echo "$BASHPID" >"$cgroup/cgroup.procs" 2>/dev/null; done && exec unshare --mount --pid --fork --kill-child --uts --ipc --cgroup --net \
        tests/packages/boot.sh "$root" test.target) </dev/null >"$T/boot.log" 2>&1 &
    local parent=$!
    for _ in $(seq 600); do
        sleep 0.2
        init=$(pgrep -P $parent) || continue
        [ "$(running systemctl is-active test.target 2>/dev/null)" != active ] || return 0
    done
    cat "$T/boot.log"
    return 1
}

halt()
{
    [ -n "$init" ] || return 0
    kill -9 "$init"
    init=
    wait
    for _ in $(seq 200); do
        cgroups | xargs -I@ find @ -depth -type d -exec rmdir {} + 2>/dev/null
        [ -n "$(cgroups | xargs -I@ find @ -maxdepth 0 2>/dev/null)" ] || return 0
        sleep 0.1
    done
}

# It reads what stands in the file $input, or nothing.
enter()
{
    nsenter --target "$init" --mount --pid --ipc --uts --cgroup --root --wd "$@" <"${input:-/dev/null}"
}
in_there=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive)
running() { enter --net "${in_there[@]}" "$@"; }
online() { enter "${in_there[@]}" "$@"; }
