#!/bin/bash
# The wall clock steps by a second, an hour, a year, to 1970 and to 2106 (F28), and settings grow old (F12). While the programs run,
# limits don't notice; across a restart with another boot the gate opens by no more than one burst, and never jams.
set -u
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build/release} # libfaketime and the sanitizers are both preloaded
. tests/faults/lib.sh

library=$(find /usr/lib -name libfaketimeMT.so.1 | head -n 1)
# The wall clock of the programs is what $T/clock says; the boot-time clock is left alone.
set_clock() { echo "$1" >"$T/clock.new" && mv "$T/clock.new" "$T/clock"; }

faults_relay 'tenants = ( { name = "contoso"; domains = [ "contoso.example" ]; max_age = "2d"; when_stale = "keep"; } );'
set_clock '+0'
FAULTS_WRAP=(env "LD_PRELOAD=$library" "FAKETIME_TIMESTAMP_FILE=$T/clock" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
    DONT_FAKE_MONOTONIC=1)
faults_start
is 'the clock of a program can be set' "$(set_clock '@2031-05-06 07:08:09'; sleep 1.5; send bert >/dev/null; tail -n 1 "$T/policyd.log" "$T/milter.log" | grep -c 2031-05-06)" '[1-9]*'
set_clock '+0'
use_up
load
steps='+1 -1 +3600 -3600 +31536000 -31536000 @1970-01-01_00:00:01 @2106-02-07_06:28:16 @2038-01-19_03:14:07'
full || steps='+31536000 @1970-01-01_00:00:01'
for step in $steps; do
    set_clock "${step/_/ }"
    sleep 2.2
    forgets_nothing "the clock steps to $step"
done
set_clock '+0'
sleep 1.5
load_end
recovers 'the clock stepped'
judge 'the clock stepped'

# Programs that start at another time, within the same boot.
for step in '-1y' '+1y' '@1970-01-01 00:00:01'; do
    set_clock "$step"
    kill_program KILL policyd
    kill_program KILL milter
    sleep 1.5
    recovers "started at $step"
    forgets_nothing "started at $step"
    full || break
done

# ---- settings that nobody renews ----
stale() { grep -c 'settings are [0-9]* s old' "$T/policyd.log"; }
for age in 1h 1d; do
    : >"$T/policyd.log"
    set_clock "+$age"
    kill_program KILL policyd && sleep 1.5
    is "settings $age old are young" "$(stale)" 0
done
for age in 7d 1y; do
    : >"$T/policyd.log"
    set_clock "+$age"
    kill_program KILL policyd && kill_program KILL milter
    sleep 2.5
    is "settings $age old are told of, once" "$(stale)" 1
    is "settings $age old: kept, a login is served" "$(send dora)" '250*'
    is "settings $age old: kept, what is forbidden is refused" "$(send bert)" '550*'
    sed -i 's/"keep"/"defer"/' "$T/postern.conf"
    kill_program USR1 policyd && kill_program USR1 milter
    sleep 1.5
    is "settings $age old: deferred" "$(send dora)" '451*'
    is "settings $age old: connectors are served" "$(send printer)" '250*'
    sed -i 's/"defer"; } ); *$/"keep"; } );/; s/when_stale = "defer"/when_stale = "keep"/' "$T/postern.conf"
    full || break
done
set_clock '+0'
kill_program KILL policyd && kill_program KILL milter
sleep 1
recovers 'settings are young again'
faults_end
faults_stop
FAULTS_WRAP=()
full || exit $status

# ---- another boot, and a boot-time clock that stands elsewhere: time namespaces, and a boot id of our own ----
boot_id=$(mktemp)
mount --bind "$boot_id" /proc/sys/kernel/random/boot_id
boots=0
# boot SECONDS: the programs as if the machine were up for so long.
boot()
{
    boots=$((boots + 1))
    printf '00000000-0000-4000-8000-%012d\n' $boots >"$boot_id"
    FAULTS_WRAP=(env "LD_PRELOAD=$library" "FAKETIME_TIMESTAMP_FILE=$T/clock" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
        DONT_FAKE_MONOTONIC=1 unshare --time --boottime "$1" --monotonic "$1" --fork --kill-child)
    relay_start_policyd
    relay_start_milter
    sleep 1.5
}
# unshare waits for the program and takes no signal itself.
shut_down()
{
    local program pid
    for program in policyd milter; do
        pid=$(pgrep -P "$(pid_of $program)")
        kill -9 "$(cat "$T/keep-$program.pid")"
        wait "$(cat "$T/keep-$program.pid")" 2>/dev/null
        kill "$pid"
        relay_wait gone "$pid"
    done
}
gone() { ! kill -0 "$1"; }
faults_relay
set_clock '+0'
boot 0
relay_start_sink && relay_start_dovecot && relay_start_postfix both
use_up
remembers_at()
{
    shut_down
    set_clock "$1"
    boot $((RANDOM * 100))
    recovers "another boot, the clock at $1"
    forgets_nothing "another boot, the clock at $1"
}
remembers_at +5
remembers_at +30m
shut_down
set_clock '+3d'
boot 10
is 'three days later the block has ended' "$(send emma)" '250*'
for i in 1 2 3; do is "and the limit of the day is as new: $i" "$(send cleo)" '250*'; done
is 'but no more than one burst passes' "$(send cleo)" '451*'
for i in 1 2; do send emma >/dev/null; done
sleep 1.5
# Where the clock is behind, no time has passed.
remembers_at -1y
remembers_at -20y
remembers_at '@1970-01-01 00:00:01'
is 'and nobody is shut out for longer than the limit says' \
    "$(sed -n 's/.*login=cleo.* retry=\([0-9]*\).*/\1/p' "$T/policyd.log" | tail -n 1 | awk '$1 <= 86400 { print "no" }')" no
shut_down
rm -f "$boot_id"
exit $status
