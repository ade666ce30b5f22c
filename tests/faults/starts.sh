#!/bin/bash
# Starts that cannot succeed, or only in part: a second instance (F34), wrong permissions and EACCES at each open (F35). Each says
# what is wrong, where; a first instance goes on; what starts all the same lets nothing through.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/faults/lib.sh

faults_relay
chmod 755 "$T"
ask() { python3 "$HERE/policy.py" ask "$T/run/policyd.sock" "$@"; }
# run_program NAME: until it serves or has ended; $T/try.log has what it said, $code its status or "serves".
run_program()
{
    rm -f "$T/run/$1.sock" "$T/try.log"
    "${FAULTS_WRAP[@]}" "$BIN/postern-$1" -c "$T/postern.conf" >"$T/try.log" 2>&1 &
    tried=$! code=
    relay_wait listens_or_ended "$1"
    code=serves
    sleep 0.2
    kill -0 "$tried" 2>/dev/null || { wait "$tried"; code=$?; }
}
listens_or_ended() { relay_listens_at "$T/run/$1.sock" || ! kill -0 "$tried"; }
end_program() { kill "$tried" 2>/dev/null; wait "$tried" 2>/dev/null; }

# ---- a second instance ----
for program in policyd milter; do
    run_program $program
    first=$tried
    "$BIN/postern-$program" -c "$T/postern.conf" >"$T/second.log" 2>&1
    is "a second $program does not start" "$?" 1
    is "and says where the first one is" "$(grep -c "$T/run/$program.sock" "$T/second.log")" '[1-9]*'
    is "the first $program goes on" "$(kill -0 $first && [ -S "$T/run/$program.sock" ] && echo on)" on
    tried=$first
    end_program
    # Many at once: exactly one serves.
    pids=
    for i in 1 2 3 4 5 6; do "$BIN/postern-$program" -c "$T/postern.conf" >>"$T/second.log" 2>&1 & pids="$pids $!"; done
    alive() { local n=0; for pid in $pids; do ! kill -0 "$pid" 2>/dev/null || n=$((n + 1)); done; [ $n -le "$1" ]; }
    is "of six that start $program at once, one serves" "$(relay_wait alive 1 && ! alive 0 && relay_wait relay_listens_at "$T/run/$program.sock" && echo one)" one
    [ $program = milter ] || is 'and it answers' "$(ask dora@contoso.example)" DUNNO
    for pid in $pids; do kill "$pid"; wait "$pid"; done 2>/dev/null
done
# Between bind and listen a socket looks like one that was left over.
rm -f "$T/run/policyd.sock"
strace -D -f -qq -o /dev/null -e trace=listen -e inject=listen:delay_enter=1500000 "$BIN/postern-policyd" -c "$T/postern.conf" >"$T/try.log" 2>&1 &
tried=$!
relay_wait test -S "$T/run/policyd.sock"
"$BIN/postern-policyd" -c "$T/postern.conf" >"$T/second.log" 2>&1 &
second=$!
ended() { ! kill -0 "$second"; }
is 'a second one that comes while the first is about to listen ends' "$(relay_wait ended && echo ended)" ended
is 'and the first one is who answers' "$(relay_wait grep serves "$T/try.log" && ask dora@contoso.example)" DUNNO
kill "$second" 2>/dev/null
end_program
# Two on one state with sockets of their own share the limits.
run_program policyd
first=$tried
sed "s|policyd.sock|other.sock|" "$T/postern.conf" >"$T/other.conf"
"$BIN/postern-policyd" -c "$T/other.conf" >>"$T/second.log" 2>&1 &
second=$!
relay_wait relay_listens_at "$T/run/other.sock"
here=$(python3 "$HERE/policy.py" charge "$T/run/policyd.sock" cleo@contoso.example 2)
there=$(python3 "$HERE/policy.py" charge "$T/run/other.sock" cleo@contoso.example 5)
is 'two on one state share one limit' "$((here + there))" 3
kill $first $second && wait $first $second

# ---- wrong permissions ----
postern() { FAULTS_WRAP=(setpriv --reuid 64123 --regid "$(getent group postfix | cut -d: -f3)" --clear-groups); }
postern
chmod 755 "$T/lib"
own() { chown -R 64123 "$T/lib" "$T/run"; chmod 2770 "$T/run"; chmod 644 "$T/postern.conf"; find "$T/lib" -type d -exec chmod 750 {} +; find "$T/lib" -type f -exec chmod 640 {} +; }
own
run_program policyd
is 'as a user of its own it starts' "$code" serves
is 'and serves' "$(ask dora@contoso.example)" DUNNO
end_program
# Started once by root, by hand, it starts as a service all the same.
rm -f "$T/run/"*.lock
for program in policyd milter; do
    FAULTS_WRAP=()
    run_program $program
    end_program
    postern
    run_program $program
    is "$program starts as a service after root started it by hand" "$code" serves
    end_program
done
# denied WHAT PATH WANTED-CODE WANTED-ANSWER
denied()
{
    chown root "$2" && chmod "${5:-0}" "$2"
    run_program policyd
    is "$1: $3" "$code" "$3"
    is "$1: it names the path and the reason" "$(grep -c "$2.*Permission denied\|Permission denied.*$2" "$T/try.log")" '[1-9]*'
    [ "$code" != serves ] || is "$1: a login gets" "$(ask dora@contoso.example)" "$4"
    [ "$code" != serves ] || is "$1: what is forbidden" "$(ask bert@contoso.example)" '[45]*'
    [ "$code" != serves ] || end_program
    own
}
denied 'configuration unreadable' "$T/postern.conf" 1
denied 'sockets'\'' folder not writable' "$T/run" 1 '' 755
denied 'directory unreadable' "$T/lib/directory" serves '451*'
denied 'manifest unreadable' "$T/lib/directory/current" serves '451*'
denied 'generation unreadable' "$T/lib/directory/$(sed -n 's/^file //p' "$T/lib/directory/current")" serves '451*'
denied 'state unreadable' "$T/lib/state" serves DUNNO
sleep 1
mkdir -p "$T/lib/journal"
chown root "$T/lib/journal" && chmod 0 "$T/lib/journal"
run_program policyd
is 'journal unreadable: it serves' "$code $(ask dora@contoso.example)" 'serves DUNNO'
is 'journal unreadable: it names the path and the reason' "$(relay_wait grep "$T/lib/journal.*Permission denied" "$T/try.log" && echo named)" named
end_program
own
FAULTS_WRAP=()

# ---- EACCES at each open ----
export ASAN_OPTIONS=detect_leaks=0
# first_and_last: in $T/opens, strace's output: at which open the configuration or data begin, and how many there are.
first_and_last()
{
    awk -v t="$T" 'index($0, t) && !first { first = NR } END { print first, NR }' "$T/opens"
}
for program in policyd milter; do
    FAULTS_WRAP=(strace -D -f -qq -e trace=openat -o "$T/opens")
    run_program $program
    end_program
    read -r from to < <(first_and_last)
    for ((n = from; n <= to; n += $(much 1 6))); do
        FAULTS_WRAP=(strace -D -f -qq -o /dev/null -e trace=openat -e "inject=openat:error=EACCES:when=$n")
        run_program $program
        case $code in
        serves)
            [ $program = milter ] || is "$program, EACCES at open $n: nothing passes that is forbidden" "$(ask bert@contoso.example)" '[45]*'
            end_program
            ;;
        *) is "$program, EACCES at open $n: it ends with words" "$code $(grep -c 'Permission denied' "$T/try.log")" '1 [1-9]*' ;;
        esac
        is "$program, EACCES at open $n: nothing came out of the sanitizers" "$(grep -c 'ERROR: \|runtime error' "$T/try.log")" 0
    done
done
FAULTS_WRAP=()
before=$("$BIN/postern-mirror" show -d "$T/lib/directory" bert@contoso.example)
sed -i '/bert/s/"True"$/"False"/' "$T/lib/cas.csv"
import=("$BIN/postern-mirror" import -d "$T/lib/directory" --force --tenant contoso "$T/lib/cas.csv" "$T/lib/transport.json")
cp -a "$T/lib/directory" "$T/lib/directory.before"
strace -f -qq -e trace=openat -o "$T/opens" "${import[@]}" >/dev/null 2>&1
read -r from to < <(first_and_last)
rm -rf "$T/lib/directory" && mv "$T/lib/directory.before" "$T/lib/directory"
for ((n = from; n <= to; n += $(much 1 6))); do
    cp -a "$T/lib/directory" "$T/lib/directory.before"
    strace -f -qq -o /dev/null -e trace=openat -e "inject=openat:error=EACCES:when=$n" "${import[@]}" >"$T/try.log" 2>&1
    code=$?
    after=$("$BIN/postern-mirror" show -d "$T/lib/directory" bert@contoso.example)
    if [ $code = 0 ]; then
        is "mirror, EACCES at open $n: done all the same" "$(echo "$after" | grep -c 'SMTP AUTH *enabled')" 1
    else
        is "mirror, EACCES at open $n: refused with words, and nothing changed" "$(grep -c 'Permission denied' "$T/try.log") $([ "$after" = "$before" ] && echo same)" '[1-9]* same'
    fi
    rm -rf "$T/lib/directory" && mv "$T/lib/directory.before" "$T/lib/directory"
done
exit $status
