#!/bin/bash
# shellcheck disable=SC2086 # lists of words
# A storm of reload signals with broken configurations in between, under load (F24): none is lost, none is taken halfway, and memory
# stays where it is.
set -u
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build/release} # sanitizers keep freed memory
. tests/faults/lib.sh

faults_relay
faults_start
use_up
cp "$T/postern.conf" "$T/good.conf"
put() { cp "$1" "$T/postern.conf.new" && mv "$T/postern.conf.new" "$T/postern.conf"; }
broken()
{
    case $1 in
    0) echo 'limmits = ();' >>"$T/postern.conf" ;;
    1) echo 'mode = "monitor"; {' >>"$T/postern.conf" ;;
    2) { head -c $((RANDOM % 900)) "$T/good.conf" && echo '('; } >"$T/half" && put "$T/half" ;;
    3) head -c 5000 /dev/urandom >"$T/half" && put "$T/half" ;;
    4) rm -f "$T/postern.conf" ;;
    5) rm -f "$T/postern.conf" && mkdir "$T/postern.conf" ;;
    6) echo '@include "nowhere.conf"' >>"$T/postern.conf" ;;
    esac
}
storm()
{
    local i end=$((SECONDS + $1)) pids
    pids="$(pid_of policyd) $(pid_of milter)"
    while [ $SECONDS -lt $end ]; do
        broken $((RANDOM % 7))
        for ((i = 0; i < 100; i++)); do kill -USR1 $pids; done
        pause_random 0 100
        rm -rf "$T/postern.conf"
        put "$T/good.conf"
        for ((i = 0; i < 100; i++)); do kill -USR1 $pids; done
        pause_random 0 300
    done
}
began=$(date +%s)
load
storm "$(much 15 2)"
before=$(($(rss_kib "$(pid_of policyd)") + $(rss_kib "$(pid_of milter)")))
open_before=$(descriptors "$(pid_of policyd)")
storm "$(much 60 4)"
after=$(($(rss_kib "$(pid_of policyd)") + $(rss_kib "$(pid_of milter)")))
open_after=$(descriptors "$(pid_of policyd)")
sleep 1
kill -USR1 "$(pid_of policyd)" "$(pid_of milter)"
load_end
echo "# resident: $before KiB, then $after KiB; reloads: $(grep -c 'configuration .* loaded' "$T/policyd.log") and $(grep -c 'configuration .* loaded' "$T/milter.log"), refused: $(grep -c 'reload refused' "$T/policyd.log") and $(grep -c 'reload refused' "$T/milter.log")"
recovers 'reloaded in a storm'
judge 'reloaded in a storm'
forgets_nothing 'reloaded in a storm'
is 'both took some and refused some' "$(for p in policyd milter; do grep -c 'reload refused' "$T/$p.log"; grep -c 'configuration .* loaded' "$T/$p.log"; done | grep -cx 0)" 0
taken() { grep -c 'reload refused\|configuration .* loaded' "$T/$1.log"; }
most=$((6 * ($(date +%s) - began + 2)))
is 'a storm is a few reloads a second' "$([ "$(taken policyd)" -le $most ] && [ "$(taken milter)" -le $most ] && echo few || echo "$(taken policyd), $(taken milter) of at most $most")" few
# Meanwhile each program's cache of the journal's pages may fill: 4 MiB. A configuration that leaks, some hundred times, is more.
is 'memory does not grow with them' "$([ $((after - before)) -lt $((2048 + 2 * 4096)) ] && echo flat || echo "$before KiB, then $after KiB")" flat
is 'nor do descriptors' "$([ "$open_after" -le $((open_before + 16)) ] && echo flat || echo "$open_before, then $open_after")" flat
is 'no program ended' "$(grep -c 'version .* serves' "$T/policyd.log")" 1
faults_end
exit $status
