#!/bin/bash
# Runs the simulation and writes its tables into README.md beside this file, or with -n only shows them.
#
#   bench/blunting/run.sh [-n] DIRECTORY-OF-PROGRAMS
#
# SEEDS (10) for what ships, OTHER_SEEDS (1) for what it is compared with, JOBS (2) at a time; VICTIMS (40) of each attack, and
# PEOPLE (500). RESULTS names a folder for what each run says: it is kept, and runs whose result is there are not repeated.
set -eu
here=$(dirname "$0")
only_show=
[ "${1:-}" != -n ] || { only_show=1; shift; }
programs=$1
seeds=${SEEDS:-10} others=${OTHER_SEEDS:-1} jobs=${JOBS:-2} victims=${VICTIMS:-40} people=${PEOPLE:-500}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
T=${RESULTS:-$work}
mkdir -p "$T"

# one POLICY SEED honest|attacks
one()
{
    local d attack result=$T/$3.$1.$2
    [ ! -e "$result" ] || return 0
    d=$(mktemp -d "$work/run.XXXXXX")
    # Without overrides the applications' queues grow and grow, and their attempts with them: 60 days say enough.
    case $3.$1 in honest.*-no-overrides) set -- "$@" -n 60 ;; esac
    if [ "$3" = honest ]; then
        "$programs/bench/blunting/blunting" -c "$here/policies/$1.conf" -d "$d" -s "$2" -p "$people" -m $((people * 2 / 5)) \
            ${4:+"$4" "$5"} honest >"$d/result"
    else
        # Each attack by itself, on many victims at once, until there is none of that number.
        for attack in $(seq 0 99); do
            rm -rf "$d/relay" && mkdir "$d/relay"
            "$programs/bench/blunting/blunting" -c "$here/policies/$1.conf" -d "$d/relay" -s "$2" -p "$people" -a "$attack" \
                -v "$victims" attacks >>"$d/result" 2>/dev/null || break
        done
    fi
    mv "$d/result" "$result"
    rm -rf "$d"
}

list_of_runs()
{
    local policy mode
    for seed in $(seq "$seeds"); do
        for mode in honest attacks; do
            echo "standard $seed $mode"
            echo "strict $seed $mode"
        done
    done
    for seed in $(seq "$others"); do
        for policy in exchange-online policyd-rate-limit rspamd postfwd; do
            for mode in honest attacks; do echo "$policy $seed $mode"; done
        done
    done
    echo 'standard-no-overrides 1 honest'
    echo 'exchange-online-no-overrides 1 honest'
}

export -f one
export T work here programs victims people
list_of_runs | xargs -P "$jobs" -L 1 bash -c 'one "$@"' one

# Honest mail, all seeds together: a row a kind; for each policy what is deferred, late by more than 15 minutes, and refused or lost,
# in 10,000 messages. new: of logins in their first two weeks; settled: of the others.
honest_table()
{
    local policy phase=$1
    shift
    echo "| honest mail | messages | $(printf '%s | ' "$@")"
    echo "| --- | --- |$(printf ' --- |%.0s' "$@")"
    for policy in "$@"; do
        cat "$T/honest.$policy".* | sed "s/^/$policy\t/"
    done | awk -F'\t' -v policies="$*" -v phase="$phase" '
        $2 ~ /^by / || ($2 ~ /^new: /) != (phase == "new") { next }
        {
            sub(/^new: /, "", $2)
            if (!($2 in seen)) { order[++n] = $2; seen[$2] = 1 }
            sent[$1, $2] += $3; deferred[$1, $2] += $5; late[$1, $2] += $9; gone[$1, $2] += $6 + $7; runs[$1, $2]++
        }
        function rate(x, s) { return x == 0 ? "0" : x / s * 10000 < 10 ? sprintf("%.2g", x / s * 10000) : sprintf("%d", x / s * 10000) }
        function cell(d, l, g, s) { return s == 0 ? "-" : sprintf("%s / %s / %s", rate(d, s), rate(l, s), rate(g, s)) }
        END {
            np = split(policies, p, " ")
            for (i = 1; i <= n; i++) {
                k = order[i]
                line = sprintf("| %s | %d |", k, sent[p[1], k] / runs[p[1], k])
                for (j = 1; j <= np; j++) {
                    line = line " " cell(deferred[p[j], k], late[p[j], k], gone[p[j], k], sent[p[j], k]) " |"
                    s[j] += sent[p[j], k]; d[j] += deferred[p[j], k]; l[j] += late[p[j], k]; g[j] += gone[p[j], k]
                }
                print line
                all += sent[p[1], k] / runs[p[1], k]
            }
            line = sprintf("| **all** | %d |", all)
            for (j = 1; j <= np; j++) line = line " " cell(d[j], l[j], g[j], s[j]) " |"
            print line
        }'
}

# Attacks: for each policy, of all victims and seeds, median / 90th / most messages let through in the first hour; on the first
# day; on the worst later day; how many victims were blocked, and within what time 9 in 10 of them.
attacks_table()
{
    local policy
    echo "| attack | $(printf '%s | ' "$@")"
    echo "| --- |$(printf ' --- |%.0s' "$@")"
    for policy in "$@"; do
        cat "$T/attacks.$policy".* | sed "s/^/$policy\t/"
    done | awk -F'\t' -v policies="$*" '
        function span(s) { return s < 120 ? s " s" : s < 7200 ? int(s / 60) " min" : s < 172800 ? int(s / 3600) " h" : int(s / 86400) " d" }
        function sorted(kind, k,    m, i, j, v, x) {
            m = split(list[kind, k], x, " ")
            for (i = 2; i <= m; i++) { v = x[i] + 0; for (j = i - 1; j > 0 && x[j] + 0 > v; j--) x[j + 1] = x[j]; x[j + 1] = v }
            at50 = x[int((m + 1) / 2)]; at90 = x[int(m * 0.9 + 0.999)]; last = x[m]
        }
        function three(kind, k) { sorted(kind, k); return at50 "/" at90 "/" last }
        {
            if (!($2 in seen)) { order[++n] = $2; seen[$2] = 1 }
            k = $1 SUBSEP $2; all[k]++
            list["hour", k] = list["hour", k] " " $3; list["day", k] = list["day", k] " " $4; list["later", k] = list["later", k] " " $5
            if ($9 != "-") { blocked[k]++; list["when", k] = list["when", k] " " $9 }
        }
        END {
            np = split(policies, p, " ")
            for (i = 1; i <= n; i++) {
                line = "| " order[i] " |"
                for (j = 1; j <= np; j++) {
                    k = p[j] SUBSEP order[i]
                    when = "-"
                    if (blocked[k] > 0) { sorted("when", k); when = blocked[k] " of " all[k] ", " span(at90) }
                    line = line sprintf(" %s; %s; %s; %s |", three("hour", k), three("day", k), three("later", k), when)
                }
                print line
            }
        }'
}

{
    echo "Honest mail of a year, of logins after their first two weeks: deferred / late by more than 15 minutes / refused or lost, in"
    echo "10,000 messages of that kind."
    echo
    honest_table settled standard strict exchange-online policyd-rate-limit rspamd postfwd
    echo
    echo "The same in the first two weeks:"
    echo
    honest_table new standard strict exchange-online
    echo
    echo "The presets alone, of 60 days, after the first two weeks:"
    echo
    honest_table settled standard-no-overrides exchange-online-no-overrides
    echo
    echo "Attacks: messages let through in the first hour; on the first day; on the worst later day, each as median/90th/most of all"
    echo "victims; how many of these were blocked, and within what time nine in ten of them."
    echo
    attacks_table standard strict exchange-online policyd-rate-limit rspamd postfwd
} >"$work/tables"
cat "$work/tables"
[ -n "$only_show" ] && exit
awk -v tables="$work/tables" '
    /<!-- tables end -->/ { skip = 0 }
    !skip { print }
    /<!-- tables begin/ { print ""; while ((getline line < tables) > 0) print line; print ""; skip = 1 }' \
    "$here/README.md" >"$work/README.md"
cat "$work/README.md" >"$here/README.md"
