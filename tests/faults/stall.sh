#!/bin/bash
# A disk that stands still for seconds (F33): frozen under state, directory and journal while mail flows. Postfix waits, and defers
# at worst; when it moves again, all goes on.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/faults/lib.sh

faults_relay
lib_on_ext4 "$T/image"
faults_start
use_up
started=$(pid_of policyd),$(pid_of milter)
load
for _ in $(seq "$(much 8 1)"); do
    sync -f "$T/lib" # so that the next charge has to write to a page that is clean
    freeze "$T/lib"
    is 'while the disk stands still, what is forbidden is not served' "$(timeout 3 python3 "$HERE/load.py" one "$PORTS" bert || echo none)" '[!2]*'
    pause_random 500 6000
    thaw
    pause_random 500 2000
done
load_end
recovers 'the disk stood still'
judge 'the disk stood still'
forgets_nothing 'the disk stood still'
is 'the programs are the same as before' "$(pid_of policyd),$(pid_of milter)" "$started"
faults_end
exit $status
