#!/bin/bash
# The power fails (F4): images of the disk, copied while imports, charges, blocks and the journal write to it, are mounted (the
# filesystem replays its journal) and started from. The settings are those of one import, whole; blocks that had been put to the
# disk are there; nothing that is forbidden passes.
set -u
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build/release}
. tests/faults/lib.sh

faults_relay
# The disk is a file in a filesystem that is frozen while it is copied. Otherwise the copy would be of many moments: what
# was written last in front of it, and what had to be written before that missing further behind.
truncate -s 160m "$T/below"
mkfs.ext4 -q -F "$T/below"
mkdir "$T/disk"
mount -o loop "$T/below" "$T/disk"
lib_on_ext4 "$T/disk/image" commit=1
mkdir "$T/cut"
D=$T/lib/directory
content() { for who in anna bert cleo dora emma; do "$BIN/postern-mirror" show -d "$1" "$who@contoso.example" | grep 'SMTP AUTH'; done 2>&1 | md5sum; }
import() { relay_import --force --tenant contoso "$1" "$T/lib.copy/transport.json" >>"$T/mirror.log" 2>&1; }
cp "$T/lib.copy/cas.csv" "$T/first.csv"
sed '/cleo\|anna/s/"False"$/"True"/' "$T/first.csv" >"$T/second.csv"
import "$T/first.csv" && first=$(content "$D")
import "$T/second.csv" && second=$(content "$D")
import "$T/first.csv"
faults_start
use_up
sync -f "$T/lib"
load --kinds dora,printer,bert,forged
while :; do
    import "$T/second.csv"
    import "$T/first.csv"
done &
importing=$!
faults_pids="$faults_pids $importing"

sed "s|$T/lib|$T/cut|g; s|/run/policyd.sock|/run/cut.sock|" "$T/postern.conf" >"$T/cut.conf"
ask() { python3 "$HERE/policy.py" ask "$T/run/cut.sock" "$1"; }
cuts=0 mixed=0 unusable=0 lifted=0 passed=0 asides=0 lost=0
for _ in $(seq "$(rounds 80 3)"); do
    pause_random 50 700
    freeze "$T/disk"
    cp --sparse=always "$T/disk/image" "$T/image.cut"
    thaw
    cuts=$((cuts + 1))
    mount -o loop "$T/image.cut" "$T/cut" || { unusable=$((unusable + 1)); continue; }
    there=$(content "$T/cut/directory")
    [ "$there" = "$first" ] || [ "$there" = "$second" ] || mixed=$((mixed + 1))
    "$BIN/postern-policyd" -c "$T/cut.conf" >"$T/cut.log" 2>&1 &
    pid=$!
    relay_wait relay_listens_at "$T/run/cut.sock"
    case $(ask bert@contoso.example) in 5*) ;; *) passed=$((passed + 1)) ;; esac
    case $(ask emma@contoso.example) in 5*) ;; *) lifted=$((lifted + 1)) ;; esac
    case $(ask cleo@contoso.example) in 4* | 5*) ;; *) lost=$((lost + 1)) ;; esac
    ! grep -q 'set aside\|in memory' "$T/cut.log" || asides=$((asides + 1))
    kill $pid
    wait $pid
    "$BIN/postern" -c "$T/cut.conf" log --since 1h >"$T/cut.log" 2>&1 || unusable=$((unusable + 1))
    umount "$T/cut"
done
kill $importing
wait $importing 2>/dev/null
load_end
is "$cuts cuts: the directory is that of one import" $mixed 0
is "$cuts cuts: every image can be used" $unusable 0
is "$cuts cuts: no state was set aside" $asides 0
is "$cuts cuts: no block was lifted" $lifted 0
is "$cuts cuts: what was counted before is counted" $lost 0
is "$cuts cuts: nothing passes that is forbidden" $passed 0
recovers 'meanwhile'
judge 'meanwhile' --served dora,printer
faults_end
exit $status
