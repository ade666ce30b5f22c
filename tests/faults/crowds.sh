#!/bin/bash
# Many peers and slow ones (F30, F31), and too few descriptors, threads, memory or time for them (F20, F21, F23, F33): mail is
# served or deferred, and all is well as soon as they have gone.
set -u
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build/release} # sanitizers need memory and descriptors of their own
. tests/faults/lib.sh

# crowd COMMAND SOCKET N...: in the background; $crowd is its pid, $T/crowd what it prints.
crowd()
{
    rm -f "$T/crowd"
    python3 "$HERE/crowd.py" "$@" >"$T/crowd" 2>>"$T/crowd.log" &
    crowd=$!
    faults_pids="$faults_pids $crowd"
    [ "$1" = drip ] || relay_wait test -s "$T/crowd"
}
crowd_leaves() { kill "$crowd"; wait "$crowd"; } 2>/dev/null
# Postfix gives up sooner than by the snippets' time limits.
FAULTS_MAIN_CF='postern_policy = { unix:$queue_directory/../run/policyd.sock, timeout=4s, { default_action = 451 4.3.5 Policy service unavailable } }
postern_milter = { unix:$queue_directory/../run/milter.sock, connect_timeout=4s, command_timeout=4s, content_timeout=8s, default_action=tempfail }'

# ---- many idle connections ----
faults_relay
faults_start
use_up
load_for 2
policyd=$(pid_of policyd) milter=$(pid_of milter)
rss=$(rss_kib "$policyd")
crowd idle "$T/run/policyd.sock" "$(much 10000 2000)"
is 'policyd takes all connections' "$(cat "$T/crowd")" "$(much 10000 2000)"
sleep 1
more=$(($(rss_kib "$policyd") - rss))
echo "# $(much 10000 2000) idle connections take $more KiB"
is 'idle connections take little memory' "$([ $more -le 20480 ] && echo little || echo "$more KiB")" little
load_for "$(much 8 2)"
recovers 'beside idle connections'
judge 'beside idle connections'
crowd_leaves
as_few() { [ "$(descriptors "$policyd")" -lt 200 ]; }
is 'they leave nothing behind' "$(relay_wait as_few && echo nothing)" nothing
crowd idle "$T/run/milter.sock" "$(much 2000 300)"
is 'the milter takes all connections' "$(cat "$T/crowd")" "$(much 2000 300)"
sleep 1
is 'without a thread for each' "$([ "$(threads "$milter")" -lt 40 ] && echo few || threads "$milter")" few
recovers 'beside idle milter sessions'
crowd_leaves

# ---- half packets, drips ----
rm "$T/record"
crowd half "$T/run/milter.sock" "$(much 500 100)"
load_for "$(much 8 2)"
echo "# $(cat "$T/crowd") half packets, $(threads "$milter") threads"
crowd_leaves
recovers 'half packets at the milter'
judge 'half packets at the milter'
crowd drip "$T/run/policyd.sock" "$(much 1000 200)" 30
load_for "$(much 8 2)"
recovers 'dripping requests'
wait "$crowd"
is 'each that drips is ended' "$(cat "$T/crowd")" "$(much 1000 200)"
judge 'dripping requests'

# ---- stopped for seconds ----
rm "$T/record"
load --kinds anna,dora,bert,forged
for _ in $(seq "$(much 6 1)"); do
    for program in policyd milter; do
        kill_program STOP $program
        pause_random 500 "$(much 7000 1500)"
        kill_program CONT $program
        pause_random 200 800
    done
done
load_end
recovers 'stopped for seconds'
judge 'stopped for seconds' --served anna,dora
forgets_nothing 'stopped for seconds'
is 'the programs are the same as in the beginning' "$(pid_of policyd),$(pid_of milter)" "$policyd,$milter"
faults_end
faults_stop

full || exit $status

# ---- too few descriptors ----
faults_relay
FAULTS_WRAP=(prlimit --nofile=64:64)
faults_start
crowd idle "$T/run/policyd.sock" 300
policy_crowd=$crowd
crowd idle "$T/run/milter.sock" 300
load_for "$(much 8 2)"
is 'without descriptors nothing passes that is forbidden' "$(timeout 60 python3 "$HERE/load.py" one "$PORTS" bert)" '[!2]*'
busy() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
before=$(busy "$(pid_of policyd)") && sleep 2
used=$(($(busy "$(pid_of policyd)") - before))
is 'policyd does not spin meanwhile' "$([ $used -lt 100 ] && echo rests || echo "$used ticks of 200")" rests
kill "$policy_crowd" && wait "$policy_crowd" 2>/dev/null
crowd_leaves
recovers 'descriptors are free again'
judge 'without descriptors' --served ''
faults_end
faults_stop

# ---- too few threads, as a user of its own ----
faults_relay
chmod 711 "$T/lib" && chown -R 64123 "$T/lib" "$T/run" && chmod 2777 "$T/run"
FAULTS_WRAP=(setpriv --reuid 64123 --regid "$(getent group postfix | cut -d: -f3)" --clear-groups prlimit --nproc=24:24)
faults_start
crowd half "$T/run/milter.sock" 200
load_for "$(much 8 2)"
is 'without threads nothing passes that is forbidden' "$(timeout 100 python3 "$HERE/load.py" one "$PORTS" bert)" '[!2]*'
crowd_leaves
recovers 'threads can be had again'
judge 'without threads' --served ''
FAULTS_WRAP=()
faults_end
faults_stop

# ---- killed for memory ----
cgroup=/sys/fs/cgroup/memory/postern-faults.$$
if mkdir "$cgroup" 2>/dev/null; then
    faults_relay
    echo 48M >"$cgroup/memory.limit_in_bytes"
    FAULTS_WRAP=(bash -c "echo \$\$ >$cgroup/cgroup.procs; exec \"\$@\"" -)
    faults_start
    FAULTS_WRAP=()
    use_up
    load
    for _ in $(seq "$(much 4 1)"); do
        # Something beside them takes what there is; the kernel chooses who ends.
        bash -c "echo \$\$ >$cgroup/cgroup.procs; exec timeout 20 python3 -c 'x = [bytes(1 << 20) + b\"1\" for i in range(200)]'" 2>/dev/null
        kill_program KILL policyd
        pause_random 500 1500
    done
    load_end
    recovers 'killed for memory'
    judge 'killed for memory'
    forgets_nothing 'killed for memory'
    echo "# the kernel refused memory $(cat "$cgroup/memory.failcnt") times"
    faults_end
    faults_stop
    sleep 1
    rmdir "$cgroup"
fi
exit $status
