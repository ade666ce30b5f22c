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
faults_relay 'alerts = ( { command = [ "/bin/true" ]; } );'
echo "spool = \"$T/lib/spool\";" >>"$T/postern.conf"
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
is 'with room again, the file is there without a restart' "$(relay_wait state_is_there && echo there)" there
sleep 3
load_end
forgets_nothing 'the disk had room again'
judge 'the disk had room again'
is 'and so is the journal' "$(send dora >/dev/null && relay_wait journal_works dora && echo there)" there

full || { faults_end; exit $status; }

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
faults_stop

# ---- a disk that fails while mail flows: the kernel makes it read-only, with files open and mapped ----
faults_relay
truncate -s 32m "$T/image"
mkfs.ext4 -q -F "$T/image"
on_disk -o loop "$T/image"
faults_start
use_up
load
sleep 1
is 'the disk becomes read-only' "$(mount -o remount,abort "$T/lib" 2>&1; touch "$T/lib/x" 2>&1 | grep -c 'Read-only')" '*1'
sleep "$(much 10 3)"
load_end
recovers 'the disk failed'
forgets_nothing 'the disk failed'
judge 'the disk failed'
# Another disk in its place, without a restart.
mkdir "$T/lib.second" && cp -a "$T/lib/." "$T/lib.second" && rm -f "$T/lib.second/state"
mount --bind "$T/lib.second" "$T/lib"
is 'another disk in its place is used without a restart' "$(relay_wait state_is_there && echo used)" used
sleep 2.5
recovers 'another disk'
forgets_nothing 'another disk'
for program in policyd milter; do kill_program KILL $program; done
recovers 'another disk, restarted'
forgets_nothing 'another disk, restarted'
faults_end
faults_stop

# ---- read-only from the start ----
faults_relay
on_disk -t tmpfs -o size=24m none
faults_import
mount -o remount,ro "$T/lib"
faults_start
use_up
load_for "$(much 8 2)"
recovers 'started on a read-only disk'
judge 'started on a read-only disk'
forgets_nothing 'started on a read-only disk'
is 'on a read-only disk an import says so' "$(relay_import --tenant contoso "$T/lib/cas.csv" "$T/lib/transport.json" 2>&1 | grep -c 'Read-only file system')" '[1-9]*'
mount -o remount,rw "$T/lib"
is 'writable again, the file is there' "$(relay_wait state_is_there && echo there)" there
sleep 2.5
forgets_nothing 'writable again'
faults_end
faults_stop

# ---- what was written cannot be put to the disk: EIO from fsync ----
faults_relay
faults_start_wrapped strace -D -f --seccomp-bpf -qq -o /dev/null -e trace=fsync,fdatasync,msync,sync_file_range -e inject=fsync,fdatasync,msync,sync_file_range:error=EIO
load_for "$(much 8 2)"
recovers 'EIO from fsync'
judge 'EIO from fsync'
is 'EIO from fsync: it is told once' "$(grep -c 'cannot be put to the disk' "$T/policyd.log")" '[01]'
before=$("$BIN/postern-mirror" show -d "$T/lib/directory" dora@contoso.example)
sed -i '/dora/s/"False"$/"True"/' "$T/lib/cas.csv"
is 'an import whose fsync fails is refused' "$(strace -f -qq -o /dev/null -e trace=fsync,fdatasync -e inject=fsync,fdatasync:error=EIO \
    "$BIN/postern-mirror" import -d "$T/lib/directory" --force --tenant contoso "$T/lib/cas.csv" "$T/lib/transport.json" >"$T/import.log" 2>&1 || grep -c 'Input/output error' "$T/import.log")" '[1-9]*'
is 'and changes nothing' "$("$BIN/postern-mirror" show -d "$T/lib/directory" dora@contoso.example)" "$before"
is 'and leaves nothing behind' "$(find "$T/lib/directory" -type f -printf '%f ' | grep -c new)" 0
faults_end
exit $status
