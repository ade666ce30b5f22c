#!/bin/bash
# What postern-web costs, and how long those wait who ask it: the figures of bench/README.md, "Pages". Needs python3; for "view" what
# drives Chromium ("make browser" installs it).
#
#   bench/web.sh BUILD-DIRECTORY [view|policyd|live|asked]
#
# MAILBOXES=1000000 ROUNDS=9: pairs for policyd, in turns within one run, so that what else the machine does hits both. LIVE_S=20.
# shellcheck disable=SC2034 # what those it sources use
set -u
cd "$(dirname "$0")/.." || exit 1
. bench/lib.sh
bench_begin "${1:-}"
what=${2:-all}
mailboxes=${MAILBOXES:-1000000} rounds=${ROUNDS:-9} live_s=${LIVE_S:-20}
crowd=
trap '[ -z "$crowd" ] || kill "$crowd" 2>/dev/null; bench_end' EXIT

# web_of NAME: postern-web before the files of that configuration; $token for it.
web_of()
{
    echo "web = { listen = \"unix:$work/$1.web\"; users = \"$work/$1.users\"; };" >>"$work/$1.conf"
    token=$("$build/postern" -c "$work/$1.conf" web-user token bench --role reader --expires 1d 2>/dev/null)
    serve "web-$1" "$work/$1.web" "$build/postern-web" -c "$work/$1.conf"
}
load() { python3 bench/web_load.py "$work/$1.web" "$token" "${@:2}"; }
# look NAME SECONDS: sixty-four look on meanwhile.
look()
{
    load "$1" look 64 "$2" >"$work/crowd" &
    crowd=$!
    until grep -q looking "$work/crowd"; do sleep 0.1; kill -0 $crowd || die "$(cat "$work/crowd")"; done
}
# Anonymous: the directory's pages, which this process alone may have in use at the moment, are the page cache's.
private_mib() { awk '/^Anonymous:/ { printf "%.1f", $2 / 1024 }' "/proc/$1/smaps_rollup"; }

prepare()
{
    local name
    make_directory "$mailboxes"
    for name; do
        configure "$name" "$(directory_of "$mailboxes")" "$mailboxes" "$six_limits"
        serve "$name" "$work/$name.policyd" "$build/postern-policyd" -c "$work/$name.conf"
        "$build/bench/policy_load" -c 16 -d 3 -m "$mailboxes" -s 1000 "${server_at[$name]}" >/dev/null
    done
}

of_view()
{
    . scripts/relay.sh
    . tests/browser/scene.sh
    (
        trap scene_end EXIT
        scene_make "$(realpath "$build")" && scene_play || die 'no scene'
        node tests/browser/first_view.mjs "$T/run/web.sock"
    )
}

of_policyd()
{
    prepare alone twin shown
    policyd_pairs web 'another one (what the machine does)' twin
    web_of shown
    policyd_pairs web 'postern-web there' shown
    look shown 3600
    policyd_pairs web '64 look on' shown
    kill "$crowd"; wait "$crowd" 2>/dev/null
    crowd=
    for name in alone twin shown web-shown; do unserve "$name"; done
}

of_live()
{
    local cpu loader pid
    prepare live
    web_of live
    pid=${server_pid[web-live]}
    echo "private memory: $(private_mib "$pid") MiB before anybody asks"
    "$build/bench/policy_load" -c 2 -d $((live_s + 5)) -m "$mailboxes" -s 7 "${server_at[live]}" >/dev/null &
    loader=$!
    look live "$live_s"
    cpu=$(family_cpu_us "$pid")
    wait "$crowd" || die "$(cat "$work/crowd")"
    crowd=
    awk -v a="$cpu" -v b="$(family_cpu_us "$pid")" -v s="$live_s" 'BEGIN { printf "64 look on, with %s: %.2f %% of a core; ", ARGV[1], (b - a) / s / 1e4 }' "$(tail -n 1 "$work/crowd") each"
    echo "private memory: $(private_mib "$pid") MiB"
    wait "$loader"
    unserve web-live
    unserve live
}

of_asked()
{
    local pid
    prepare asked
    web_of asked
    pid=${server_pid[web-asked]}
    echo "$mailboxes mailboxes:"
    load asked ask 200 '/api/v1/mailboxes?q=user{:07d}' '/api/v1/mailboxes?q=ser{:07d}' '/api/v1/mailboxes?q=u{}' '/api/v1/mailboxes/user{:07d}@contoso.example' || die 'asking failed'
    load asked rows '/api/v1/reports/enabled?format=csv' '/api/v1/reports/unused?days=90&format=csv' '/api/v1/reports/used?format=csv' || die 'no rows'
    echo "private memory: $(private_mib "$pid") MiB after that"
    unserve web-asked
    unserve asked
}

for part in view policyd live asked; do
    case $what in all | "$part") of_$part ;; esac
done
