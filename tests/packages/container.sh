#!/bin/bash
# The images of scripts/container, made of packages that a clean Debian 13 has built, and run as a container runtime runs them, as
# far as that goes without one: root file system that cannot be written to, volumes, no capability, no network, numbers of their
# own. TAP lines on stdout. Needs root, a Debian mirror and some minutes: "make check-container".
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/packages/clean.sh

if [ "$(id -u)" -ne 0 ]; then
    echo 'ok container # SKIP making a root file system needs root'
    exit 0
fi
release=
T=$(mktemp -d /tmp/postern-container.XXXXXX)
chmod 755 "$T"
pids=
status=0
trap 'stop; rm -rf --one-file-system "$T"' EXIT
trap 'exit 1' INT TERM

# unshare(1) ends with the program. (It would not take it along: whoever changes its user no longer ends with its parent.)
stop()
{
    local pid inner
    for pid in $pids; do
        inner=$(pgrep -P "$pid") && kill -9 "$inner" && relay_wait gone "$inner"
    done
    wait
    pids=
}
gone() { ! kill -0 "$1"; }

make_packages()
{
    clean_tree "$T/builder" && clean_inside "$T/builder" apt-get install -y --no-install-recommends make &&
        clean_inside "$T/builder" make -C /src deb
}

make_images()
{
    scripts/container/make-root.sh trixie "$T/builder/src/build/deb" || return 1
    for image in postern postfix; do
        mkdir "$T/$image" && tar -xf "build/container/$image.tar" -C "$T/$image" || return 1
    done
    # New volumes are as the image has these folders.
    cp -a "$T/postern/run/postern" "$T/sockets" && cp -a "$T/postern/var/lib/postern" "$T/state"
}

# contained IMAGE NUMBER COMMAND...: the volumes are mounted in a namespace of the command's own.
contained() { (become_contained "$@"); }
become_contained()
{
    # shellcheck disable=SC2016 # for the shell in there
    exec unshare --mount --pid --fork --kill-child --net --ipc --uts sh -c 'set -e
        root=$1/$2 number=$3
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount --bind /dev "$root/dev"
        mkdir -p "$root/run/postern"
        mount -o remount,bind,ro "$root"
        mount --bind "$1/sockets" "$root/run/postern"
        [ "$2" != postern ] || mount --bind "$1/state" "$root/var/lib/postern"
        shift 3
        exec chroot "$root" setpriv --reuid="$number" --regid="$number" --clear-groups --inh-caps=-all --bounding-set=-all \
            --no-new-privs env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' sh "$T" "$@" </dev/null
}

# The commands of compose.yaml.
start()
{
    local name
    for name in policyd milter; do
        become_contained postern 2525 "/usr/sbin/postern-$name" -c /etc/postern/postern.conf >>"$T/$name.log" 2>&1 &
        pids="$pids $!"
        relay_wait test -S "$T/sockets/$name.sock" || { cat "$T/$name.log"; return 1; }
    done
}

import()
{
    echo anna@contoso.example >"$T/state/mailboxes.txt"
    contained postern 2525 postern-mirror import --tenant contoso /var/lib/postern/mailboxes.txt
}

# answers PATTERN NUMBER PROGRAM [LOGIN INSTANCE]: what a program of the Postfix image is told, under that number.
answers()
{
    local pattern=$1 number=$2 said
    shift 2
    cp tests/packages/ask.pl "$T/postfix/ask.pl"
    for _ in $(seq 200); do
        said=$(contained postfix "$number" perl /ask.pl "$@" 2>&1)
        case $said in *451\ 4.7.0*) sleep 0.5 ;; *) break ;; esac
    done
    echo "$said"
    # shellcheck disable=SC2254  # a pattern is what is wanted
    case $said in $pattern) ;; *) return 1 ;; esac
}

logs_are_json()
{
    cat "$T"/*.log
    grep -q '"event":"decision"' "$T/policyd.log" && ! grep -v '^{.*}$' "$T/policyd.log" "$T/milter.log"
}

small() { du -sm "$T/postern" | tee /dev/stderr | awk '{ exit $1 > 200 }'; }

is_confined()
{
    grep -E '^(Uid|CapPrm|NoNewPrivs)' "/proc/$1/status"
    [ "$(awk '$1 == "Uid:" { print $3 } $1 == "CapPrm:" || $1 == "NoNewPrivs:" { print $2 }' "/proc/$1/status" |
        tr '\n' ' ')" = '2525 0000000000000000 1 ' ]
}
confined()
{
    local outer inner
    for outer in $pids; do
        inner=$(pgrep -P "$outer") && is_confined "$inner" || return 1
    done
}

if ! clean_make trixie "$T/builder" >"$T/said" 2>&1; then
    tail -n 3 "$T/said" | sed 's/^/    /'
    echo "ok container # SKIP no clean system can be made from $(clean_mirror)"
    exit 0
fi
check 'packages can be built' make_packages || exit 1
check 'root file systems can be made of them' make_images || exit 1
check 'the image has no more than 200 MB' small
check 'the door at AUTH is in it' contained postern 2525 postern-sasl -V
check 'policy server and milter start' start || exit 1
check 'neither of them is root, or may become it' confined
check 'a login is deferred while there is no directory' answers '*451 4.7.0*' 2526 policyd anna@contoso.example 1.0
check 'mailboxes can be brought in' import
check 'the policy server answers Postfix of the other container' answers 'action=DUNNO' 2526 policyd anna@contoso.example 1.1
check 'it refuses a login without a mailbox' answers 'action=550 5.7.139*' 2526 policyd nobody@contoso.example 1.2
check 'the milter answers Postfix' answers O 2526 milter
check 'but nobody else' answers '*ermission denied*' 2527 policyd anna@contoso.example 1.3
check 'the command line knows the state' contained postern 2525 postern blocks
check 'each line of the log is JSON, on stderr' logs_are_json
stop
rm -f "$T"/sockets/*.sock
check 'other containers with the same volumes start' start
check 'and know the mailboxes' answers 'action=DUNNO' 2526 policyd anna@contoso.example 2.1
exit $status
