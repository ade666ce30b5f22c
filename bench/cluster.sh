#!/bin/bash
# What relays cost that count as one, and what that gains: the figures of bench/README.md, "Relays that count as one". Needs
# redis-server, python3.
#
#   bench/cluster.sh BUILD-DIRECTORY [redis|join|stolen|blocks|policyd]
#
# COUNTERS=10000000 RELAYS=100 RATE=100000: for redis; about a gigabyte and a half. JOIN=1000000 counters. TIMES=20 thefts and
# blocks, at most 60. MAILBOXES=1000000 ROUNDS=9: pairs for policyd, in turns within one run, so that what else the machine
# does hits both.
# shellcheck disable=SC2086,SC2031 # lists of words; what subshells set stays there
set -u
cd "$(dirname "$0")/.." || exit 1
. bench/lib.sh
bench_begin "${1:-}"
what=${2:-all}
counters=${COUNTERS:-10000000} relays=${RELAYS:-100} rate=${RATE:-100000} times=${TIMES:-20} rounds=${ROUNDS:-9}
redis_pid=

# ---- Redis ----

redis() { redis-cli -s "$work/redis.sock" "$@"; }
redis_start()
{
    redis-server --port 0 --unixsocket "$work/redis.sock" --save '' --appendonly no --dir "$work" >"$work/redis.log" 2>&1 &
    redis_pid=$!
    for _ in $(seq 100); do redis PING >/dev/null 2>&1 && return; sleep 0.1; done
    die 'redis-server does not start'
}
redis_stop()
{
    [ -n "$redis_pid" ] || return 0
    kill -CONT "$redis_pid" 2>/dev/null
    kill -KILL "$redis_pid" 2>/dev/null
    wait "$redis_pid" 2>/dev/null
    redis_pid=
}
trap 'redis_stop; bench_end' EXIT

info() { redis INFO "$1" | tr -d '\r' | sed -n "s/^$2:\(.*\)/\1/p"; }
redis_cpu_s() { redis INFO cpu | tr -d '\r' | awk -F: '/^used_cpu_(user|sys):/ { n += $2 } END { print n }'; }
# What stands in Redis takes so much: bytes, keys.
redis_holds() { echo "$(info memory used_memory) $(redis DBSIZE)"; }
nodes() { "$build/bench/cluster_nodes" -n "$relays" "$@" "$work/redis.sock" || die "cluster_nodes failed"; }

# bytes_a_key WHAT BEFORE AFTER
bytes_a_key() { awk -v what="$1" '{ printf "redis: %s: %.0f bytes each, of %d more\n", what, ($3 - $1) / ($4 - $2), $4 - $2 }' <<<"$2 $3"; }

of_redis()
{
    local empty full marked out cpu
    redis_start
    empty=$(redis_holds)
    say "filling $counters counters"
    nodes -k "$counters" fill >>"$work/nodes"
    full=$(redis_holds)
    bytes_a_key counters "$empty" "$full"
    # The script's time is that of the clock: not that of who takes the processor from it.
    chrt -r -p 1 "$redis_pid" 2>/dev/null || say 'Redis cannot be given the processor first: the time of the script will be that of a busy machine'
    redis CONFIG RESETSTAT >/dev/null
    cpu=$(redis_cpu_s)
    out=$(nodes -k "$counters" -r "$rate" -p 40 -d 20 load)
    cpu=$(awk -v a="$cpu" -v b="$(redis_cpu_s)" 'BEGIN { print b - a }')
    awk -v cpu="$cpu" -v n="$(field updates "$out")" -v s="$(field seconds "$out")" -v wanted="$rate" -v relays="$relays" -v heard="$(field heard "$out")" 'BEGIN {
        printf "redis: %d relays, %.0f updates a second (of %d), %.0f pushes heard a second: %.1f us of processor time an update; %.2f of a core at %d a second\n",
            relays, n / s, wanted, heard / s, cpu * 1e6 / n, cpu / n * wanted, wanted }'
    echo "redis: the script: $(info latencystats latency_percentiles_usec_evalsha) us; a relay waits $(field p50_us "$out") us, p99 $(field p99_us "$out") us"
    chrt -o -p 0 "$redis_pid" 2>/dev/null
    full=$(redis_holds)
    say 'telling marks'
    nodes -k "$counters" -m $((counters / 10)) marks >>"$work/nodes"
    marked=$(redis_holds)
    bytes_a_key 'marks of distinct members' "$full" "$marked"
    redis_stop
}

# ---- a relay that comes later ----

relay_conf()
{
    cat >"$work/$1.conf" <<END
directory = "$work/none"; state = { file = "$work/$1.state"; entries = 4194304; }; journal = ""; spool = "$work/$1.spool";
log = { to = "stderr"; }; preset = "none"; policyd = { listen = "unix:$work/$1.policyd"; }; milter = { listen = ""; };
limits = ( { name = "user"; per = "user"; count = "messages"; rate = "12/h"; burst = 28; } );
cluster = { server = "unix:$work/redis.sock"; key_file = "$work/$1.key"; outbox = "$work/$1.outbox"; folder = "$work/$1.cluster"; node = "$1"; };
END
}

of_join()
{
    local begun cpu redis_cpu pid keys=${JOIN:-1000000}
    redis_start
    nodes -k "$keys" fill >>"$work/nodes"
    relay_conf late
    "$build/postern-cluster" init -c "$work/late.conf" >"$work/late.log" || die "$(cat "$work/late.log")"
    redis_cpu=$(redis_cpu_s) begun=$(date +%s%N)
    "$build/postern-cluster" -c "$work/late.conf" 2>"$work/late.log" &
    pid=$!
    until grep -q 'were taken over' "$work/late.log"; do sleep 0.02; kill -0 $pid || die "$(cat "$work/late.log")"; done
    begun=$((($(date +%s%N) - begun) / 1000000)) cpu=$(family_cpu_us $pid)
    awk -v ms=$begun -v own="$cpu" -v a="$redis_cpu" -v b="$(redis_cpu_s)" -v said="$(sed -n 's/.*: \([0-9]* counters\).*/\1/p' "$work/late.log")" 'BEGIN {
        printf "join: %s taken over in %.1f s; processor time %.1f s, of Redis %.1f s\n", said, ms / 1e3, own / 1e6, b - a }'
    kill $pid
    wait $pid 2>/dev/null
    redis_stop
}

# ---- three relays, as the tests make them ----

percentiles() { sort -n | awk '{ a[NR] = $1 } END { printf "p50 %s ms, p99 %s ms, of %d", a[int((NR + 1) / 2)], a[int(NR * 0.99 + 0.5)], NR }'; }

# To be called in a subshell, which has their functions and their end for itself.
three_relays()
{
    BUILD=$build
    . scripts/relay.sh
    . tests/integration/cluster_lib.sh
    redis_start
    cluster_make a b c
}

of_stolen()
(
    three_relays
    for _ in $(seq "$times"); do
        login
        ask steal $who 2 "$T/a/policyd.sock" "$T/b/policyd.sock" "$T/c/policyd.sock"
    done | awk '{ print $1 }' | sort -n | awk '{ a[NR] = $1 } END { printf "stolen: three relays, a burst of 28: median %d, most %d, of %d thefts (84 without)\n", a[int((NR + 1) / 2)], a[NR], NR }'
)

of_blocks()
(
    three_relays
    for i in $(seq "$times"); do
        who=user$((i % 50 + 1))@contoso.example
        ask gap 5 $who "$T/a/policyd.sock" "$T/b/policyd.sock" "$build/postern" -c "$T/a/postern.conf" block user $who --for 1h >>"$T/blocks"
        ask gap DUNNO $who "$T/c/policyd.sock" "$T/a/policyd.sock" "$build/postern" -c "$T/c/postern.conf" unblock user $who >>"$T/lifts"
    done
    echo "blocks: seen at another relay after $(percentiles <"$T/blocks"); lifts: $(percentiles <"$T/lifts")"
)

# ---- the mail path ----

of_policyd()
{
    local cluster flusher mailboxes=${MAILBOXES:-1000000} run=$work/run name
    [ ! -w /dev/shm ] || memory=/dev/shm/postern-bench.$$ run=$memory # as /run is; bench_end removes it
    mkdir -p "$run"
    make_directory "$mailboxes"
    for name in alone twin shared; do configure $name "$(directory_of "$mailboxes")" "$mailboxes" "$six_limits"; done
    echo "cluster = { server = \"unix:$work/redis.sock\"; outbox = \"$run/outbox\"; key_file = \"$work/key\"; folder = \"$work/cluster\"; };" >>"$work/shared.conf"
    "$build/postern-cluster" init -c "$work/shared.conf" >"$work/cluster.log" || die "$(cat "$work/cluster.log")"
    for name in alone twin shared; do
        serve $name "$work/$name.policyd" "$build/postern-policyd" -c "$work/$name.conf"
        "$build/bench/policy_load" -c 16 -d 3 -m "$mailboxes" -s 1000 "${server_at[$name]}" >/dev/null
    done
    policyd_pairs cluster 'another one without a cluster (what the machine does)' twin
    redis_start
    "$build/postern-cluster" -c "$work/shared.conf" 2>>"$work/cluster.log" &
    cluster=$!
    until grep -q 'shares with the cluster' "$work/cluster.log"; do sleep 0.1; kill -0 $cluster || die "$(cat "$work/cluster.log")"; done
    policyd_pairs cluster 'Redis there' shared
    while :; do redis FLUSHALL >/dev/null; sleep 0.5; done &
    flusher=$!
    policyd_pairs cluster 'Redis emptied all the time' shared
    kill $flusher
    wait $flusher 2>/dev/null
    kill -STOP "$redis_pid"
    policyd_pairs cluster 'Redis hangs' shared
    redis_stop
    policyd_pairs cluster 'Redis stopped' shared
    kill $cluster
    wait $cluster 2>/dev/null
    for name in alone twin shared; do unserve $name; done
}

for part in redis join stolen blocks policyd; do
    case $what in all | "$part") of_$part ;; esac
done
