# shellcheck shell=bash disable=SC2154 # who sources this sets root and T
# A clean system that runs, with a service manager, devices, control groups and a network of its own. Sourced after clean.sh; needs
# a folder $T and a Debian below $root.
#
#   boot UNIT-PATTERN...    boots it: what is enabled there and has such a name is started, and nothing that is not needed for it
#   halt                    ends it, and all that runs in it
#   running COMMAND...      runs a command in it
#   online COMMAND...       the same, but for the network: that is this machine's, where packages come from

init=
cgroup=/sys/fs/cgroup
[ ! -d $cgroup/systemd ] || cgroup=$cgroup/systemd
cgroup=$cgroup/postern-packages.$$

boot()
{
    {
        printf '[Unit]\nWants='
        (cd "$root/etc/systemd/system/multi-user.target.wants" && for pattern; do compgen -G "$pattern"; done | tr '\n' ' ')
    } >"$root/etc/systemd/system/test.target"
    rm -f "$root/usr/sbin/policy-rc.d"
    mkdir -p "$cgroup"
    (echo "$BASHPID" >"$cgroup/cgroup.procs" && exec unshare --mount --pid --fork --kill-child --uts --ipc --cgroup --net \
        tests/packages/boot.sh "$root" test.target) </dev/null >"$T/boot.log" 2>&1 &
    local parent=$!
    for _ in $(seq 100); do
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
    for _ in $(seq 20); do
        find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
        [ -d "$cgroup" ] || return 0
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
