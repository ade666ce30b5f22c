#!/bin/bash
# kill -9 at each system call that matters, one run a call: of postern-policyd as it starts and charges (F2), of an import (F3), of a
# block by hand (F2). What is left is whole, and the next start goes on from there.
set -u
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build/release}
. tests/faults/lib.sh

faults_relay
CALLS='openat read pread64 write pwrite64 pwritev writev fsync fdatasync msync renameat renameat2 rename unlinkat unlink ftruncate
    fallocate mmap munmap flock close fchmod fchown mkdir link linkat fcntl newfstatat recvfrom sendto epoll_wait accept4
    rt_sigtimedwait clone3 getrandom futex'

# steps COMMAND...: "CALL COUNT" a line, for one thread at most so many.
steps()
{
    strace -f -qq -o "$T/calls" "$@" >/dev/null 2>&1
    for call in $CALLS; do
        awk -v c="$call(" 'index($2, c) == 1 { n[$1]++; if (n[$1] > most) most = n[$1] } END { if (most) print most }' "$T/calls" | sed "s/^/$call /"
    done
}
# killed_at CALL N COMMAND...: its N-th such call is its last. Replaces the shell that runs it.
killed_at() { local call=$1 n=$2; shift 2; exec strace "${STRACE[@]}" -f -qq -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" "$@"; }
every=$(much 1 9)
STRACE=()

# ---- an import ----
D=$T/lib/directory
SHOWN='anna bert cleo dora emma'
content() { for who in $SHOWN; do "$BIN/postern-mirror" show -d "$D" "$who@contoso.example" | grep 'SMTP AUTH'; done 2>&1 | md5sum; }
import=("$BIN/postern-mirror" import -d "$D" --force --tenant contoso "$T/new.csv" "$T/lib/transport.json")
sed 's/"True","False"$/"True","True"/; t; s/"True","True"$/"True","False"/' "$T/lib/cas.csv" >"$T/new.csv" # everybody's changes
old=$(content)
cp -a "$D" "$T/before"
again() { rm -rf "$D" && cp -a "$T/before" "$D"; }
steps "${import[@]}" >"$T/steps"
new=$(content)
kills=0 bad=0 odd=''
while read -r call most; do
    for ((n = 1 + RANDOM % every; n <= most; n += every)); do
        again
        (killed_at "$call" "$n" "${import[@]}") >/dev/null 2>&1
        kills=$((kills + 1))
        there=$(content)
        [ "$there" = "$old" ] || [ "$there" = "$new" ] || { bad=$((bad + 1)); odd="$odd $call:$n"; }
        "${import[@]}" >"$T/import.log" 2>&1 || { bad=$((bad + 1)); odd="$odd $call:$n:next"; }
        [ "$(content)" = "$new" ] || { bad=$((bad + 1)); odd="$odd $call:$n:new"; }
        [ "$(find "$D" -type f | grep -cv '/current$\|/directory-[0-9]*.mdb$\|lock')" = 0 ] || { bad=$((bad + 1)); odd="$odd $call:$n:left"; }
    done
done <"$T/steps"
is "an import killed at $kills calls: old or new, and the next one works and leaves nothing behind" "$bad$odd" 0
again

# ---- policyd from nothing ----
config=$T/postern.conf
kills=0 bad=0 odd=''
steps timeout 3 "$BIN/postern-policyd" -c "$config" >"$T/steps"
every=$(much 2 9)
STRACE=(-D)
ask() { python3 "$HERE/policy.py" ask "$T/run/policyd.sock" "$@"; }
# start_clean: without strace.
start_clean()
{
    "$BIN/postern-policyd" -c "$config" >"$T/policyd.log" 2>&1 &
    clean=$!
    relay_wait answers dora@contoso.example
}
answers() { ask "$1" | grep -qx DUNNO; }
stop_clean() { kill "$clean"; wait "$clean"; } 2>/dev/null
dies() { ! kill -0 "$1"; }
while read -r call most; do
    case $call in openat | pwrite64 | fsync | fdatasync | renameat | unlinkat | fallocate | flock | fchmod | mkdir | clone3) ;; *) continue ;; esac
    for ((n = 1 + RANDOM % every; n <= most; n += every)); do
        rm -rf "$T/lib/state" "$T/lib/journal"
        killed_at "$call" "$n" "$BIN/postern-policyd" -c "$config" >/dev/null 2>&1 &
        pid=$!
        RELAY_WAIT_S=20 relay_wait dies $pid || kill -9 $pid
        wait $pid 2>/dev/null
        kills=$((kills + 1))
        start_clean || { bad=$((bad + 1)); odd="$odd $call:$n"; }
        grep -q 'damaged\|set aside\|in memory' "$T/policyd.log" && { bad=$((bad + 1)); odd="$odd $call:$n:said"; }
        [ -z "$(find "$T/lib" -name '.state.new' -o -name '*.damaged*')" ] || { bad=$((bad + 1)); odd="$odd $call:$n:left"; }
        stop_clean
    done
done <"$T/steps"
is "policyd killed at $kills calls of its start: the next start serves, and finds nothing damaged" "$bad$odd" 0

# ---- policyd as it charges ----
cat >"$T/charge.conf" <<CONF
$(sed 's/limits = (/limits = ( { name = "all"; per = "user"; count = "messages"; rate = "20\/d"; burst = 5000; for = "logins"; except = ( { user = "emma@contoso.example"; rate = "unlimited"; } ); },/' "$T/postern.conf")
charge = "policyd";
CONF
config=$T/charge.conf
rm -rf "$T/lib/state" "$T/lib/journal"
start_clean
passed=1 # start_clean's own
for i in 1 2 3; do ask emma@contoso.example >/dev/null; done
is 'emma is blocked' "$(ask emma@contoso.example)" '550 5.1.8*'
sleep 1.5
stop_clean
kills=0 rounds=0
serves_or_ended() { relay_listens_at "$T/run/policyd.sock" || ! kill -0 "$1"; }
for call in recvfrom sendto epoll_wait pwrite64 fdatasync futex mmap read write newfstatat openat rt_sigtimedwait; do
    for ((n = 3; n <= $(much 60 12); n += $(much 6 9))); do
        rm -f "$T/run/policyd.sock"
        killed_at $call $n "$BIN/postern-policyd" -c "$config" >/dev/null 2>&1 &
        pid=$!
        relay_wait serves_or_ended $pid
        got=$(python3 "$HERE/policy.py" charge "$T/run/policyd.sock" dora@contoso.example 40)
        passed=$((passed + got)) rounds=$((rounds + 1))
        kill -0 $pid 2>/dev/null || kills=$((kills + 1))
        kill -9 $pid 2>/dev/null
        wait $pid 2>/dev/null
    done
done
start_clean
passed=$((passed + 1))
rest=$(python3 "$HERE/policy.py" charge "$T/run/policyd.sock" dora@contoso.example 6000)
echo "# $rounds rounds, $kills of them ended by the call; $passed passed meanwhile, $rest afterwards, of 5000"
is 'no charge that was answered is forgotten' "$([ $((passed + rest)) -le 5001 ] && echo none || echo $((passed + rest)))" none
is 'and each kill cost at most the charges that were not answered' "$([ $((passed + rest)) -ge $((5000 - 2 * rounds)) ] && echo few || echo $((passed + rest)))" few
is 'the block is still there' "$(ask emma@contoso.example)" '550 5.1.8*'
is 'and nothing was damaged' "$(grep -c 'damaged\|set aside' "$T/policyd.log")" 0
stop_clean

# ---- a block by hand ----
STRACE=()
every=$(much 1 9)
config=$T/postern.conf
kills=0 bad=0 odd=''
block=("$BIN/postern" -c "$config" block)
"${block[@]}" dora@contoso.example --for 1h >"$T/block.log" 2>&1 || { cat "$T/block.log"; is 'a block by hand' failed works; }
is 'a block by hand is there' "$("$BIN/postern" -c "$config" blocks | grep -c dora@contoso.example)" '[1-9]*'
"$BIN/postern" -c "$config" unblock dora@contoso.example >/dev/null 2>&1
steps "${block[@]}" dora@contoso.example --for 1h >"$T/steps"
while read -r call most; do
    for ((n = 1 + RANDOM % every; n <= most; n += every)); do
        "$BIN/postern" -c "$config" unblock dora@contoso.example >/dev/null 2>&1
        (killed_at "$call" "$n" "${block[@]}" dora@contoso.example --for 1h) >/dev/null 2>&1
        kills=$((kills + 1))
        "$BIN/postern" -c "$config" blocks >"$T/blocks" 2>&1 || { bad=$((bad + 1)); odd="$odd $call:$n"; }
        grep -q emma@contoso.example "$T/blocks" || { bad=$((bad + 1)); odd="$odd $call:$n:emma"; }
    done
done <"$T/steps"
is "a block by hand killed at $kills calls: the others are there, and the next command works" "$bad$odd" 0
exit $status
