#!/bin/bash
# shellcheck disable=SC2086 # lists of words
# Measures postern against the floor (servers that answer without thinking), in pairs within one run: floor, postern,
# postern, floor ... The figure is the median of the pairs' ratios, so that what else the machine does hits both.
#
#   bench/run.sh BUILD-DIRECTORY [policyd|milter|start]
#
# MAILBOXES=1000000 ROUNDS=15 SECONDS_EACH=1 CONNECTIONS=16: short rounds, since a virtual machine is faster now and slower then
set -u
cd "$(dirname "$0")/.." || exit 1
. bench/lib.sh
bench_begin "${1:-}"
what=${2:-all}
mailboxes=${MAILBOXES:-1000000} rounds=${ROUNDS:-15} each=${SECONDS_EACH:-1} connections=${CONNECTIONS:-16}

# pairs FRONT FLOOR LOADER FIELD
pairs()
{
    local front=$1 floor=$2 loader=$3 speed=$4 round name row memory
    serve floor "$work/floor" "$build/bench/"$floor "$work/floor"
    serve postern "$work/run.$front" "$build/postern-$front" -c "$work/run.conf"
    # The first reads the directory's pages into memory.
    "$build/bench/$loader" -c "$connections" -d 4 -m "$mailboxes" -s 1000 "${server_at[postern]}" >/dev/null
    rm -f "$work/speeds" "$work/p99s"
    for round in $(seq "$rounds"); do
        for name in $([ $((round % 2)) = 1 ] && echo floor postern || echo postern floor); do
            measure run "$front" "$name" "$round" "$build/bench/$loader" -c "$connections" -d "$each" -m "$mailboxes"
            row=$(tail -n 1 "$results")
            [ "$name" = floor ] && floor_row=$row || postern_row=$row
        done
        ratio "$(field "$speed" "$postern_row")" "$(field "$speed" "$floor_row")" >>"$work/speeds"
        ratio "$(field p99_us "$postern_row")" "$(field p99_us "$floor_row")" >>"$work/p99s"
    done
    memory=$(field anon_mib "$postern_row")
    printf '%s: %s of the floor per second, p99 %s times the floor'\''s (medians of %d pairs); %s MiB anonymous\n' "$front" \
        "$(median <"$work/speeds")" "$(median <"$work/p99s")" "$rounds" "$memory"
    unserve floor
    unserve postern
}

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
case $what in all | policyd) pairs policyd policy_floor policy_load rps ;; esac
case $what in all | milter) pairs milter 'milter_floor -b' milter_load mps ;; esac
echo "counters: 16 bytes each"
