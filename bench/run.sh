#!/bin/bash
# shellcheck disable=SC2086 # lists of words
# Measures postern against the floor (servers that answer without thinking), in pairs within one run: floor, postern,
# postern, floor ... The figure is the median of the pairs' ratios, so that what else the machine does hits both.
#
#   bench/run.sh BUILD-DIRECTORY [policyd|busy|milter|sasl|cluster|start]
#
# MAILBOXES=1000000 ROUNDS=15 SECONDS_EACH=1 CONNECTIONS=16: short rounds, since a virtual machine is faster now and slower then
set -u
cd "$(dirname "$0")/.." || exit 1
. bench/lib.sh
bench_begin "${1:-}"
what=${2:-all}
# In memory, as /run is.
outbox=$([ -w /dev/shm ] && echo "/dev/shm/postern-bench.$$" || echo "$work/outbox")
mailboxes=${MAILBOXES:-1000000} rounds=${ROUNDS:-15} each=${SECONDS_EACH:-1} connections=${CONNECTIONS:-16}

# pairs WHAT FRONT FLOOR LOADER FIELD
pairs()
{
    local what=$1 front=$2 floor=$3 loader=$4 speed=$5 round name row
    serve floor "$work/floor" "$build/bench/"$floor "$work/floor"
    serve postern "$work/run.$front" "$build/postern-$front" -c "$work/run.conf"
    # The first reads the directory's pages into memory.
    "$build/bench/"$loader -c "$connections" -d 4 -m "$mailboxes" -s 1000 "${server_at[postern]}" >/dev/null
    rm -f "$work/speeds" "$work/p99s" "$work/costs" "$work/full" "$work/more"
    for round in $(seq "$rounds"); do
        for name in $([ $((round % 2)) = 1 ] && echo floor postern || echo postern floor); do
            measure run "$what" "$name" "$round" "$build/bench/"$loader -c "$connections" -d "$each" -m "$mailboxes"
            row=$(tail -n 1 "$results")
            [ "$name" = floor ] && floor_row=$row || postern_row=$row
        done
        ratio "$(field "$speed" "$postern_row")" "$(field "$speed" "$floor_row")" >>"$work/speeds"
        ratio "$(field p99_us "$postern_row")" "$(field p99_us "$floor_row")" >>"$work/p99s"
        ratio "$(field cpu_us "$floor_row")" "$(field cpu_us "$postern_row")" >>"$work/costs"
        more "$postern_row" "$floor_row" >>"$work/more"
        full "$postern_row" >>"$work/full"
    done
    printf '%s: %s of the floor per second, %s a processor second, p50 %s us more than the floor, p99 %s times its (medians of %d pairs); its processor %s %% full, %s us each; %s MiB anonymous\n' \
        "$what" "$(median <"$work/speeds")" "$(median <"$work/costs")" "$(median <"$work/more")" "$(median <"$work/p99s")" "$rounds" \
        "$(median <"$work/full")" "$(field cpu_us "$postern_row")" "$(field anon_mib "$postern_row")"
    unserve floor
    unserve postern
}

more() { awk -v a="$(field p50_us "$1")" -v b="$(field p50_us "$2")" 'BEGIN { printf "%.0f\n", a - b }'; }

# The policy server alone, and beside it one that posts what it counts to an outbox, where nobody may be reading it.
cluster()
{
    local round name
    rm -f "$work/costs" "$work/p99s"
    configure shared "$(directory_of "$mailboxes")" "$mailboxes" "$six_limits"
    echo "cluster = { server = \"unix:/nowhere\"; outbox = \"$outbox\"; };" >>"$work/shared.conf"
    serve alone "$work/run.policyd" "$build/postern-policyd" -c "$work/run.conf"
    serve shared "$work/shared.policyd" "$build/postern-policyd" -c "$work/shared.conf"
    for name in alone shared; do
        "$build/bench/policy_load" -c "$connections" -d 4 -m "$mailboxes" -s 1000 "${server_at[$name]}" >/dev/null
    done
    for round in $(seq "$rounds"); do
        for name in $([ $((round % 2)) = 1 ] && echo alone shared || echo shared alone); do
            measure run cluster "$name" "$round" "$build/bench/policy_load" -c "$connections" -d "$each" -m "$mailboxes"
            row=$(tail -n 1 "$results")
            [ "$name" = alone ] && alone_row=$row || shared_row=$row
        done
        ratio "$(field cpu_us "$shared_row")" "$(field cpu_us "$alone_row")" >>"$work/costs"
        ratio "$(field p99_us "$shared_row")" "$(field p99_us "$alone_row")" >>"$work/p99s"
    done
    printf 'cluster: processor time a request %s times, p99 %s times that without (medians of %d pairs)\n' \
        "$(median <"$work/costs")" "$(median <"$work/p99s")" "$rounds"
    unserve alone
    unserve shared
    rm -f "$outbox"
}

# Of one processor, which several threads may share.
full() { awk -v n="$(field "$speed" "$1")" -v us="$(field cpu_us "$1")" 'BEGIN { printf "%.0f\n", n * us / 1e4 }'; }

first_answer()
{
    local start pid
    : >"$work/starts"
    for _ in $(seq 5); do
        rm -f "$work/run.policyd"
        start=$(date +%s%N)
        "$build/postern-policyd" -c "$work/run.conf" >/dev/null 2>"$work/log" &
        pid=$!
        "$build/bench/policy_load" -1 "$work/run.policyd" >/dev/null || { cat "$work/log" >&2; exit 1; }
        echo $((($(date +%s%N) - start) / 1000000)) >>"$work/starts"
        kill $pid
        wait $pid
    done
    echo "policyd: first answer $(median <"$work/starts") ms after the start (median of 5)"
}

make_directory "$mailboxes"
configure run "$(directory_of "$mailboxes")" "$mailboxes" "$six_limits"
case $what in all | start) first_answer ;; esac
case $what in all | policyd) pairs policyd policyd policy_floor policy_load rps ;; esac
case $what in all | busy) pairs 'policyd, kept busy' policyd policy_floor 'policy_load -b' rps ;; esac
case $what in all | cluster) cluster ;; esac
case $what in all | milter) pairs milter milter 'milter_floor -b' milter_load mps ;; esac
# The floor is the server that postern-sasl asks, too: what is more is what stands between.
case $what in all | sasl)
    pairs 'sasl, 16 at once, with pauses' sasl sasl_stub 'sasl_load -r 2000' rps
    pairs 'sasl, kept busy' sasl sasl_stub sasl_load rps
    ;;
esac
echo "counters: 16 bytes each"
