#!/bin/bash
# shellcheck disable=SC2086 # lists of words
# Measures how postern's speed changes with the number of mailboxes (and so of counters), of connections and of limits: requests
# or messages a second beside the floor's in the same minute, processor time, instructions and cache misses of a request or
# message. One thing changes at a time, the others stay at the middle: 1,000,000 mailboxes, 16 connections, six limits.
#
#   bench/growth.sh [BUILD-DIRECTORY] [policyd|milter] [keys|connections|limits]
#
# KEYS='1000 10000 100000 1000000 10000000' CONNECTIONS_OF='1 10 100 1000' LIMITS='1 2 4 8 16 32' MAILBOXES=1000000
# ROUNDS=3 SECONDS_EACH=2 WARM_SECONDS=2 COUNTED=4000 (messages under callgrind; 0: none); RESULTS=FILE
set -u
cd "$(dirname "$0")/.." || exit 1
. bench/lib.sh
bench_begin "${1:-}"
fronts=${2:-policyd milter} axes=${3:-keys connections limits}
rounds=${ROUNDS:-3} each=${SECONDS_EACH:-2} warm=${WARM_SECONDS:-2} counted=${COUNTED:-4000}
middle=${MAILBOXES:-1000000}

declare -A loader=([policyd]=policy_load [milter]=milter_load) floor=([policyd]=policy_floor [milter]='milter_floor -b')

# pairs SUITE POINT FRONT CONNECTIONS MAILBOXES: floor, postern, postern, floor ...
pairs()
{
    local suite=$1 point=$2 front=$3 connections=$4 mailboxes=$5 round name
    local load=("$build/bench/${loader[$front]}" -c "$connections" -m "$mailboxes")
    serve floor "$work/floor" "$build/bench/"${floor[$front]} "$work/floor"
    serve postern "$work/point.$front" "$build/postern-$front" -c "$work/point.conf"
    # The first seconds, in which each page of memory is touched for the first time, are a figure of their own. Then all pages
    # are to be there: the table of ten million's counters has half a million.
    as=cold measure "$suite" "$point" postern 0 "${load[@]}" -d "$each"
    "${load[@]}" -d 1 -s 1000 "${server_at[floor]}" >/dev/null || die 'the floor does not answer'
    "${load[@]}" -d $((warm + 2 * mailboxes / 1000000)) -s 1000 "${server_at[postern]}" >/dev/null || die 'postern does not answer'
    for round in $(seq "$rounds"); do
        for name in $([ $((round % 2)) = 1 ] && echo floor postern || echo postern floor); do
            measure "$suite" "$point" "$name" "$round" "${load[@]}" -d "$each"
        done
    done
    unserve floor
    unserve postern
}

# count SUITE POINT FRONT CONNECTIONS MAILBOXES: what a request or message takes in user space, the work of each second included
# (of which there is more, since all is slow here): instructions, and data reads and writes that miss the first and the last of
# the caches that callgrind models after this processor's; and the instructions of engine_decide alone.
count()
{
    local suite=$1 point=$2 front=$3 connections=$4 mailboxes=$5 each=$((counted / $4 + 1)) out n decide
    local load=("$build/bench/${loader[$front]}" -c "$connections" -d "$([ "$front" = milter ] && echo 0 || echo 1)" -m "$mailboxes" -n "$each")
    serve counted "$work/point.$front" valgrind --tool=callgrind --instr-atstart=no --cache-sim=yes \
        --log-file="$work/counted.valgrind" --callgrind-out-file="$work/callgrind.out" "$build/postern-$front" -c "$work/point.conf"
    "${load[@]}" -s 1001 "${server_at[counted]}" >/dev/null || die "$front does not answer under callgrind"
    callgrind_control -i on "${server_pid[counted]}" >/dev/null 2>&1 || die 'callgrind_control failed'
    out=$("${load[@]}" -s 1002 "${server_at[counted]}") || die "$front does not answer under callgrind"
    unserve counted
    n=$(awk -v a="$(field requests "$out")" -v b="$(field messages "$out")" 'BEGIN { print a + b }')
    # What its callers paid for it: its own lines lie scattered over the files whose functions became part of it.
    decide=$(awk '/^c?fn=\([0-9]+\) engine_decide$/ { id = $1; sub(/.*=/, "", id) }
        /^cfn=/ { called = $1; sub(/.*=/, "", called) }
        /^calls=/ { getline; if (called == id) sum += $2 }
        END { printf "%.0f", sum }' "$work/callgrind.out")
    # Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw
    sed -n 's/.*Collected : //p' "$work/counted.valgrind" | awk -v n="$n" -v d="${decide:-0}" -v s="$suite" -v p="$point" '{
        printf "%s\t%s\tcounted\t0\tinstructions=%.0f decide_instructions=%.0f d1_misses=%.2f ll_misses=%.2f\n",
            s, p, $1 / n, d / n, ($5 + $6) / n, ($8 + $9) / n }' |
        tee -a "$results" | sed 's/\t/ /g; s/^/           /' >&2
}

# point AXIS VALUE MAILBOXES CONNECTIONS LIMITS
point()
{
    local front suite
    make_directory "$3"
    for front in $fronts; do
        suite=growth.$front.$1
        rm -rf "$work"/point.*
        configure point "$(directory_of "$3")" "$3" "$5"
        pairs "$suite" "$2" "$front" "$4" "$3"
        [ "$counted" -eq 0 ] || count "$suite" "$2" "$front" "$4" "$3"
    done
}

for axis in $axes; do
    case $axis in
    keys)
        for n in ${KEYS:-1000 10000 100000 1000000 10000000}; do
            point keys "$n" "$n" 16 "$six_limits"
            [ "$n" -eq "$middle" ] || rm -rf "$work/directory.$n" # the middle one is needed again
        done
        ;;
    connections) for n in ${CONNECTIONS_OF:-1 10 100 1000}; do point connections "$n" "$middle" "$n" "$six_limits"; done ;;
    limits) for n in ${LIMITS:-1 2 4 8 16 32}; do point limits "$n" "$middle" 16 "$(limits_of_login "$n")"; done ;;
    esac
done
