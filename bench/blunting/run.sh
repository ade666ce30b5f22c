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
# In memory, where there is some: the state file is written all the time.
work=$(mktemp -d -p "${TMPDIR:-$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)}")
trap 'rm -rf "$work"' EXIT
T=${RESULTS:-$work}
mkdir -p "$T"

# one POLICY SEED honest|attacks
one()
{
    local d result=$T/$3.$1.$2
    local -a of_mode=(-m $((people * 2 / 5)))
    [ ! -e "$result" ] || return 0
    d=$(mktemp -d "$work/run.XXXXXX")
    # Without overrides the applications' queues grow and grow, and their attempts with them: 60 days say enough.
    case $3.$1 in
    honest.*-no-overrides) of_mode+=(-n 60) ;;
    attacks.*) of_mode=(-v "$victims") ;;
    esac
    "$programs/bench/blunting/blunting" -c "$here/policies/$1.conf" -d "$d" -s "$2" -p "$people" "${of_mode[@]}" "$3" \
        >"$d/result" 2>/dev/null && mv "$d/result" "$result"
    rm -rf "$d"
}

list_of_runs()
{
    local policy mode
    for seed in $(seq "$seeds"); do
        for mode in attacks honest; do echo "standard $seed $mode"; done
    done
    for seed in $(seq "$others"); do
        for policy in strict exchange-online policyd-rate-limit rspamd postfwd; do
            for mode in attacks honest; do echo "$policy $seed $mode"; done
        done
        echo "standard-no-overrides $seed honest"
    done
}

export -f one
export T work here programs victims people
list_of_runs | xargs -P "$jobs" -L 1 bash -c 'one "$@"' one

# table KIND POLICY...: of the results of these policies, in order.
table()
{
    local kind=$1 mode=honest files=() file
    shift
    [ "$kind" != attacks ] || mode=attacks
    for policy in "$@"; do
        for file in "$T/$mode.$policy".* "$T"/attacks."$policy".*; do
            case $kind.$file in
            goals.* | attacks.*/attacks.* | honest.*/honest.* | new.*/honest.*) [ ! -e "$file" ] || files+=("$file") ;;
            esac
        done
    done
    mapfile -t files < <(printf '%s\n' "${files[@]}" | awk '!seen[$0]++')
    awk -f "$here/tables.awk" -v table="$kind" -v policies="$*" "${files[@]}"
    echo
}

{
    echo "Goals and what is reached, of $(find "$T" -name 'attacks.standard.*' | wc -l) seeds the worst each (median / 90th / most of $victims"
    echo "victims):"
    echo
    table goals standard
    echo "Honest mail of a year, of logins after their first two weeks, all seeds together: deferred / late by more than 15 minutes /"
    echo "refused or lost, in 10,000 messages of that kind."
    echo
    table honest standard strict exchange-online
    echo "The same in the first two weeks, also where no network is named:"
    echo
    table new standard standard-no-overrides
    echo "Attacks: messages let through, median / 90th / most of the victims, of each the worst seed; how many were blocked, and within"
    echo "what time nine in ten of them. Of the others only the first day."
    echo
    table attacks standard strict exchange-online policyd-rate-limit rspamd postfwd
} >"$work/tables"
cat "$work/tables"
[ -n "$only_show" ] && exit
awk -v tables="$work/tables" '
    /<!-- tables end -->/ { skip = 0 }
    !skip { print }
    /<!-- tables begin/ { print ""; while ((getline line < tables) > 0) print line; print ""; skip = 1 }' \
    "$here/README.md" >"$work/README.md"
cat "$work/README.md" >"$here/README.md"
