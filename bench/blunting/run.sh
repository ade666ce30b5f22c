#!/bin/bash
# Runs the simulation and writes its tables into README.md beside this file, or with -n only shows them.
#
#   bench/blunting/run.sh [-n] DIRECTORY-OF-PROGRAMS
#
# SEEDS (10) for what ships, JOBS (2) at a time; VICTIMS (40) of each attack, and PEOPLE (500); CURVE_PEOPLE (200) for the figures
# around those that ship. RELAYS (1): honest mail meets any of so many that count as one. OTHER_SEEDS (0) of the policies that it may be compared with, which are only shown. RESULTS names a
# folder for what each run says: it is kept, and runs whose result is there are not repeated.
set -eu
here=$(dirname "$0")
only_show=
[ "${1:-}" != -n ] || { only_show=1; shift; }
programs=$1
seeds=${SEEDS:-10} others=${OTHER_SEEDS:-0} jobs=${JOBS:-2} victims=${VICTIMS:-40} people=${PEOPLE:-500}
curve_people=${CURVE_PEOPLE:-200} relays=${RELAYS:-1}
# In memory, where there is some: the state file is written all the time.
work=$(mktemp -d -p "${TMPDIR:-$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)}")
trap 'rm -rf "$work"' EXIT
T=${RESULTS:-$work}
mkdir -p "$T"

# What is tried around the figures that ship: for the hour and the day, the sum and hundredths of the habit.
curve=(hour_20_125_day_100_125 hour_20_150_day_120_150 hour_20_150_day_85_120 hour_20_150_day_60_100 hour_40_150_day_85_120)

# The file of a policy; one of the curve is made.
policy_file()
{
    local words
    IFS=_ read -r -a words <<<"$1"
    case $1 in
    hour_*)
        sed 's/^preset.*//' "$here/policies/standard.conf"
        printf 'preset = "standard";\nlimits = (\n'
        printf '{ name = "habit-%s"; per = "user"; count = "messages"; rate = "%s"; beyond = "habit"; factor = %s; ceiling = 10000;' \
            hour "${words[1]}/h" "$((words[2] / 100)).$((words[2] % 100))"
        printf 'learning = 60; learning_known = 100; for = "logins"; },\n'
        printf '{ name = "habit-%s"; per = "user"; count = "messages"; rate = "%s"; beyond = "habit"; factor = %s; ceiling = 10000;' \
            day "${words[4]}/d" "$((words[5] / 100)).$((words[5] % 100))"
        printf 'learning = 150; for = "logins"; }\n);\n'
        ;;
    *) cat "$here/policies/$1.conf" ;;
    esac
}

# one POLICY SEED honest|attacks
one()
{
    local d result=$T/$3.$1.$2 n=$people only=('') attack
    local -a of_mode=()
    [ ! -e "$result" ] || return 0
    d=$(mktemp -d "$work/run.XXXXXX")
    policy_file "$1" >"$d/policy"
    case $1 in hour_*) n=$curve_people only=('-a 18' '-a 19' '-a 22') ;; esac
    # Without overrides the queue of an application elsewhere grows and grows: 60 days say enough.
    case $3.$1 in
    honest.*-no-overrides) of_mode=(-m $((n * 2 / 5)) -n 60) only=('') ;;
    honest.*) of_mode=(-m $((n * 2 / 5)) -r "$relays") only=('') ;;
    attacks.*) of_mode=(-v "$victims") ;;
    esac
    for attack in "${only[@]}"; do
        # shellcheck disable=SC2086 # an option and its value, or nothing
        "$programs/bench/blunting/blunting" -c "$d/policy" -d "$(mktemp -d "$d/XXXXXX")" -s "$2" -p "$n" "${of_mode[@]}" $attack "$3" \
            >>"$d/result" 2>/dev/null || return 0
    done
    mv "$d/result" "$result"
    rm -rf "$d"
}

list_of_runs()
{
    local policy mode
    for seed in $(seq "$seeds"); do
        for mode in attacks honest; do echo "standard $seed $mode"; done
    done
    echo "standard-no-overrides 1 honest"
    for policy in "${curve[@]}"; do
        for mode in attacks honest; do echo "$policy 1 $mode"; done
    done
    for seed in $(seq "$others"); do
        for policy in strict exchange-online policyd-rate-limit rspamd postfwd; do
            for mode in attacks honest; do echo "$policy $seed $mode"; done
        done
    done
}

export -f one policy_file
export T work here programs victims people curve_people relays
list_of_runs | xargs -P "$jobs" -L 1 bash -c 'one "$@"' one

# table KIND POLICY...: of the results of these policies.
table()
{
    local kind=$1 policy files=() file
    shift
    for policy in "$@"; do
        for file in "$T"/*."$policy".*; do [ ! -e "$file" ] || files+=("$file"); done
    done
    awk -f "$here/tables.awk" -v table="$kind" -v policies="$*" "${files[@]}"
    echo
}

n_of() { find "$T" -name "$1.standard.*" | wc -l; }

{
    echo "The worst of $(n_of attacks) seeds with attacks and $(n_of honest) with honest mail; median / 90th / most of $victims victims:"
    echo
    table goals standard
    echo "Honest mail, all seeds together: deferred / late by more than 15 minutes / refused or lost, in 10,000 messages of that kind."
    echo
    table honest standard standard-no-overrides
    echo "Attacks, messages let through: median / 90th / most of the victims, the worst of the seeds."
    echo
    table attacks standard
    echo "The trade (seed 1, $curve_people people): what a login may send in an hour and a day, on the attackers' best day, and in 10,000"
    echo "honest messages but those of December's doubled run:"
    echo
    table curve "${curve[@]}"
} >"$work/tables"
cat "$work/tables"
[ "$others" = 0 ] || table compare standard strict exchange-online policyd-rate-limit rspamd postfwd
[ -n "$only_show" ] && exit
awk -v tables="$work/tables" '
    /<!-- tables end -->/ { skip = 0 }
    !skip { print }
    /<!-- tables begin/ { print ""; while ((getline line < tables) > 0) print line; print ""; skip = 1 }' \
    "$here/README.md" >"$work/README.md"
cat "$work/README.md" >"$here/README.md"
