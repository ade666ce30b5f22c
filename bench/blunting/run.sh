#!/bin/bash
# Runs the simulation and writes its tables into README.md beside this file, or with -n only shows them.
#
#   bench/blunting/run.sh [-n] DIRECTORY-OF-PROGRAMS
#
# SEEDS (10) for what ships, OTHER_SEEDS (1) for what it is compared with, JOBS (2) at a time. RESULTS names a folder for
# what each run says: it is kept, and runs whose result is there are not repeated.
set -eu
here=$(dirname "$0")
only_show=
[ "${1:-}" != -n ] || { only_show=1; shift; }
programs=$1
seeds=${SEEDS:-10} others=${OTHER_SEEDS:-1} jobs=${JOBS:-2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
T=${RESULTS:-$work}
mkdir -p "$T"

# one POLICY SEED honest|attacks
one()
{
    local d result=$T/$3.$1.$2
    [ ! -e "$result" ] || return 0
    d=$(mktemp -d "$work/run.XXXXXX")
    # Without overrides the applications' queues grow and grow, and their attempts with them: 60 days say enough.
    case $1 in *-no-overrides) set -- "$@" -n 60 ;; esac
    "$programs/bench/blunting/blunting" -c "$here/policies/$1.conf" -d "$d" -s "$2" ${4:+"$4" "$5"} "$3" >"$d/result"
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
export T work here programs
list_of_runs | xargs -P "$jobs" -L 1 bash -c 'one "$@"' one

# Honest mail, all seeds together: a row a kind, for each policy deferred and refused in 10,000.
honest_table()
{
    local policy
    echo "| honest mail | messages | $(printf '%s | ' "$@")"
    echo "| --- | --- |$(printf ' --- |%.0s' "$@")"
    for policy in "$@"; do
        cat "$T/honest.$policy".* | sed "s/^/$policy\t/"
    done | awk -F'\t' -v policies="$*" '
        $2 ~ /^by / { next }
        {
            if (!($2 in seen)) { order[++n] = $2; seen[$2] = 1 }
            sent[$1, $2] += $3; late[$1, $2] += $5; gone[$1, $2] += $6 + $7; runs[$1, $2]++
        }
        function cell(l, g, s) { return s == 0 ? "-" : sprintf("%s / %s", rate(l, s), rate(g, s)) }
        function rate(x, s) { return x == 0 ? "0" : x / s * 10000 < 10 ? sprintf("%.2g", x / s * 10000) : sprintf("%d", x / s * 10000) }
        END {
            np = split(policies, p, " ")
            for (i = 1; i <= n; i++) {
                k = order[i]
                line = sprintf("| %s | %d |", k, sent[p[1], k] / runs[p[1], k])
                for (j = 1; j <= np; j++) {
                    line = line " " cell(late[p[j], k], gone[p[j], k], sent[p[j], k]) " |"
                    s[j] += sent[p[j], k]; l[j] += late[p[j], k]; g[j] += gone[p[j], k]
                }
                print line
                all += sent[p[1], k] / runs[p[1], k]
            }
            line = sprintf("| **all** | %d |", all)
            for (j = 1; j <= np; j++) line = line " " cell(l[j], g[j], s[j]) " |"
            print line
        }'
}

# Attacks: for each policy the worst of all seeds, let through until the block or else in the first hour, on the worst
# day after the first, and when the block came.
attacks_table()
{
    local policy
    echo "| attack | $(printf '%s | ' "$@")"
    echo "| --- |$(printf ' --- |%.0s' "$@")"
    for policy in "$@"; do
        cat "$T/attacks.$policy".* | sed "s/^/$policy\t/"
    done | awk -F'\t' -v policies="$*" '
        function most(a, b) { return a > b ? a : b }
        function span(s) { return s < 120 ? s " s" : s < 7200 ? int(s / 60) " min" : s < 172800 ? int(s / 3600) " h" : int(s / 86400) " d" }
        {
            if (!($2 in seen)) { order[++n] = $2; seen[$2] = 1 }
            k = $1 SUBSEP $2
            hour[k] = most(hour[k] + 0, $3 + 0); day[k] = most(day[k] + 0, $4 + 0)
            later[k] = most(later[k] + 0, $5 + 0); recipients[k] = most(recipients[k] + 0, $7 + 0)
            if ($8 == "-") unblocked[k] = 1
            else { before[k] = most(before[k] + 0, $8 + 0); when[k] = most(when[k] + 0, $9 + 0) }
        }
        END {
            np = split(policies, p, " ")
            for (i = 1; i <= n; i++) {
                line = "| " order[i] " |"
                for (j = 1; j <= np; j++) {
                    k = p[j] SUBSEP order[i]
                    line = line sprintf(" %d, %d, %d; %s |", hour[k], day[k], later[k],
                        unblocked[k] ? "-" : before[k] " in " span(when[k]))
                }
                print line
            }
        }'
}

{
    echo "Honest mail of a year: deferred / refused (or given up), in 10,000 messages of that kind."
    echo
    honest_table standard strict exchange-online policyd-rate-limit rspamd postfwd
    echo
    echo "The same without any override, of 60 days:"
    echo
    honest_table standard-no-overrides exchange-online-no-overrides
    echo
    echo "Attacks: messages let through in the first hour, the first day, the worst later day; until the login was blocked."
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
