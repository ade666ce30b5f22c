#!/bin/bash
# Postfix reloaded, aborted, stopped and started while mail flows (F26): nothing is lost, and nothing is left behind in the
# programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/faults/lib.sh

is_away() { ! postfix -c "$T/postfix" status; }
again()
{
    postfix -c "$T/postfix" "$1" >>"$T/postfix.log" 2>&1
    case $1 in abort | stop)
        relay_wait is_away
        postfix -c "$T/postfix" start >>"$T/postfix.log" 2>&1
        ;;
    esac
}

# With a log of its own, Postfix can block itself: all its programs wait for postlogd, which is stopped with them.
FAULTS_MAIN_CF='maillog_file ='
faults_relay
faults_start
load_for 2 # for all that is made once
sleep 1
base_policyd=$(descriptors "$(pid_of policyd)") base_milter=$(descriptors "$(pid_of milter)")
started=$(pid_of policyd),$(pid_of milter)
load
for _ in $(seq "$(much 25 1)"); do
    for how in reload abort stop; do
        pause_random 50 500
        again $how
    done
done
pause_random 500 500
load_end
recovers 'Postfix came and went'
judge 'Postfix came and went'
is 'the programs are the same as before' "$(pid_of policyd),$(pid_of milter)" "$started"
postfix -c "$T/postfix" stop >>"$T/postfix.log" 2>&1
as_before() { [ "$(descriptors "$(pid_of policyd)")" -le "$base_policyd" ] && [ "$(descriptors "$(pid_of milter)")" -le "$base_milter" ]; }
relay_wait as_before
is 'no descriptor is left behind' "$(as_before && echo none)" none
faults_end
exit $status
