#!/bin/bash
# Disks that are full (F5), read-only (F6) or broken (F7) under state, directory, journal and spool: at the start, and while mail
# flows. What is on the disk is no reason to stop, to forget a limit, or to let anything through.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/faults/lib.sh

# on_disk OPTIONS...: puts $T/lib on a filesystem of its own (mount's options).
on_disk()
{
    cp -a "$T/lib" "$T/lib.copy"
    mount "$@" "$T/lib"
    cp -a "$T/lib.copy/." "$T/lib"
}
ext4_image()
{
    truncate -s "$2" "$1"
    mkfs.ext4 -q -F -m 0 -O ^has_journal "$1"
}
# To the last byte.
fill()
{
    local size
    for size in 1M 64k 4k 1k; do dd if=/dev/zero of="$T/lib/filler.$size" bs=$size 2>/dev/null; done
    ! echo x 2>/dev/null >"$T/lib/filler.last"
}
free() { rm -f "$T"/lib/filler.*; }
state_is_there() { [ -s "$T/lib/state" ]; }
journal_works() { "$BIN/postern" -c "$T/postern.conf" log --since 1h | grep -q "$1"; }

# ---- full at the start ----
faults_relay "spool = \"$T/lib/spool\"; alerts = ( { command = [\"/bin/true\"]; } );"
on_disk -t tmpfs -o size=24m none
is 'the disk is full' "$(fill && echo full)" full
faults_start
use_up
load_for "$(much 12 3)"
recovers 'started on a full disk'
judge 'started on a full disk'
is 'started on a full disk: both say that limits count in memory' \
    "$(for p in policyd milter; do grep -c 'limits count in memory.*No space' "$T/$p.log"; done | tr '\n' ' ')" '[1-9]* [1-9]* '
is 'on a full disk an import is refused' "$(sed -i 's/True","False"$/True","True"/' "$T/lib.copy/cas.csv" &&
    relay_import --force --tenant contoso "$T/lib.copy/cas.csv" "$T/lib.copy/transport.json" 2>&1 | grep -c 'No space left')" '[1-9]*'
is 'and the settings are those from before' "$("$BIN/postern-mirror" show -d "$T/lib/directory" dora@contoso.example | grep -c 'SMTP AUTH *enabled')" 1
load
sleep 1
free
is 'with room again, the file is there without a restart' "$(waits 150 state_is_there && echo there)" there
sleep 3
load_end
forgets_nothing 'the disk had room again'
judge 'the disk had room again'
is 'and so is the journal' "$(send dora >/dev/null && waits 100 journal_works dora && echo there)" there

# ---- full in the run ----
load
for _ in $(seq "$(much 8 1)"); do
    fill
    pause_random 300 1500
    free
    pause_random 300 1500
done
load_end
recovers 'full now and then'
judge 'full now and then'
forgets_nothing 'full now and then'
faults_end
exit $status
