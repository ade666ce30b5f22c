#!/bin/bash
# Signing in while postern-sasl or Dovecot is killed, or hangs: nobody comes in unchecked, and nobody is told that a right password
# is wrong. And crowds at the door: idle connections, guesses from one network, one password for many logins.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/faults/lib.sh

# With postern-sasl before Dovecot, or before what stands in its place.
door() { echo "sasl = { listen = \"unix:$T/run/sasl.sock\"; upstream = \"unix:$T/queue/private/auth\"; };" >>"$T/postern.conf"; }
relay_start_sasl()
{
    KEEP_SOCKET=${kept:-} keep sasl "$BIN/postern-sasl" -c "$T/postern.conf"
    relay_wait relay_listens_at "$T/run/sasl.sock"
}
export RELAY_SASL=1
# master(8) starts an smtpd that found nobody to ask again after a minute, unless told otherwise.
FAULTS_MAIN_CF='service_throttle_time = 1s'

# ---- killed in the midst of logins ----

stop_dovecot()
{
    local pid children
    pid=$(cat "$T/dovecot/master.pid")
    children=$(pgrep -P "$pid")
    # shellcheck disable=SC2086 # words are what is wanted: they would live on
    kill -9 "$pid" $children 2>/dev/null
    rm -f "$T/dovecot/master.pid"
    relay_wait eval "! relay_listens_at $T/queue/private/auth"
}
start_dovecot()
{
    relay_wait dovecot -c "$T/dovecot.conf" # a child that was begun meanwhile may still listen
    relay_wait relay_listens_at "$T/queue/private/auth"
}
# sign_in TIMES: in the background, by as many clients as a small relay has at once.
sign_in()
{
    python3 "$HERE/sign_in.py" "$SMTP" "$1" 16 anna@contoso.example=secret bert@contoso.example=secret anna@contoso.example=guess \
        >"$T/codes" 2>>"$T/load.log" &
    load_pid=$!
}
signed_in() { ! kill -0 "$load_pid" 2>/dev/null; }
# told NAME CODES...: all that those attempts were told are these codes, and there were some.
told()
{
    local name=$1
    shift
    is "$what: $name is told only ${*// / or }" "$(awk -v name="$name" -v codes=" $* " '
        $1 == name { n += $3; if (index(codes, " " $2 " ") == 0) wrong = wrong " " $2 "*" $3 }
        END { print (n > 0 ? "some" : "nobody") wrong }' "$T/codes")" some
}
# kills WHAT COMMAND: again and again, while logins go on.
kills()
{
    local what=$1 times=0
    shift
    sign_in "$(much 1000 90)"
    until signed_in; do
        "$@"
        times=$((times + 1))
        pause_random 200 1500
    done
    wait "$load_pid"
    load_pid=
    echo "# $what $times times: $(tr '\n' ',' <"$T/codes")"
    told anna@contoso.example 235 454
    told bert@contoso.example 535 454
    told anna@contoso.example-wrong 535 454
    is "$what: all are told something" "$(awk '{ n += $3 } END { print n }' "$T/codes")" "$(much 1000 90)"
}
kill_dovecot() { stop_dovecot; pause_random 50 400; start_dovecot; }
# Its master lives, and starts another.
kill_auth() { pkill -9 -P "$(cat "$T/dovecot/master.pid")" -x auth; }
export RELAY_DOVECOT='auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
'

faults_relay
door
faults_start
kills 'the door killed' kill_program KILL sasl
kills "Dovecot's auth process killed" kill_auth
kills 'Dovecot killed' kill_dovecot
in_again() { python3 "$HERE/sign_in.py" "$SMTP" 1 1 "$1"; }
becomes 'afterwards who may signs in' 'in_again anna@contoso.example=secret' '*235 1'
becomes 'and who may not is refused' 'in_again bert@contoso.example=secret' '*535 1'
faults_end
relay_stop

# With its socket kept open meanwhile, as the unit has it, smtpd waits for the next door in place of ending for want of somebody to
# ask: all but one that has just been accepted, and not greeted, when the door is killed.
faults_relay
door
kept=yes
faults_start
kills 'the door killed, its socket kept' kill_program KILL sasl
is 'then smtpd waits' "$(grep -c 'no SASL authentication mechanisms' "$T/maillog")" '[01]'
faults_end
kept=
relay_stop

# ---- crowds, before a server without passwords ----

# stub [OPTIONS]: in Dovecot's place.
stub()
{
    relay_run stub "$BIN/bench/sasl_stub" "$@" "$T/queue/private/auth"
    relay_wait relay_listens_at "$T/queue/private/auth"
    asked_before=0
}
count() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" <<<"$2"; }
# Sets n to the logins that the stub was asked about since the last time.
asked()
{
    local lines
    lines=$(wc -l <"$T/stub.log")
    kill -USR1 "$(cat "$T/stub.pid")"
    relay_wait eval "[ \$(wc -l <'$T/stub.log') -gt $lines ]"
    n=$(count auth "$(tail -n 1 "$T/stub.log")")
    n=$((n - asked_before))
    asked_before=$((n + asked_before))
}
# reach WHAT MOST: of what was tried since, some reached Dovecot, and no more than that.
reach()
{
    asked
    is "of $1 at most $2 reach Dovecot" "$([ "$n" -ge 1 ] && [ "$n" -le "$2" ] && echo so || echo "$n; $said")" so
    echo "# $n did: $said"
}
faults_relay
sed -i 's/^limits = (/&\
    { name = "guessing"; per = "client_net"; count = "auth failures"; rate = "20\/h"; burst = 20; then = "block 15m"; },\
    { name = "spraying"; per = "client_net"; count = "distinct failed login"; rate = "10\/h"; burst = 10; then = "block 1h"; },/' "$T/postern.conf"
door
stub -d 200
relay_start_sasl
LOAD=$BIN/bench/sasl_load S=$T/run/sasl.sock
anna=(-l anna@contoso.example -a 203.0.113)

connections=$(much 8000 500)
said=$("$LOAD" -c 8 -i "$connections" -d 2 "${anna[@]}" "$S")
echo "# $connections idle, $(rss_kib "$(pid_of sasl)") KiB: $said"
is "beside $connections idle connections logins are served" "$(count ok "$said") $(count fail "$said") $(count closed "$said") $(count silent "$said")" '[1-9]* 0 0 0'

# One login, which the limit on different ones meets only while Dovecot has not answered.
asked
said=$("$LOAD" -c "$(much 500 100)" -n "$(much 10000 1000)" -l anna@contoso.example -w guess -a 198.51.100 "$S")
is 'of many guesses at once none is let in, and all are answered' "$(count ok "$said") $(count silent "$said")" '0 0'
guess_on() { "$LOAD" -c 4 -n 4 -l anna@contoso.example -w guess -a 198.51.100 "$S" >/dev/null; "$BIN/postern" -c "$T/postern.conf" blocks; }
becomes 'their network is blocked' guess_on '*198.51.100.0/24*'
reach "$(much 10000 1000) guesses from one network" 20
is 'the right password does not help from there' "$("$LOAD" -n 1 -c 1 -l anna@contoso.example -a 198.51.100 "$S")" '*ok=0 fail=1*'
is 'from elsewhere it does' "$("$LOAD" -n 1 -c 1 "${anna[@]}" "$S")" '*ok=1*'
asked
said=$("$LOAD" -c 1 -n "$(much 500 100)" -m 500 -w spring -a 192.0.2 "$S")
reach "$(much 500 100) logins with one password" 10
becomes 'their network is blocked, too, with the reason' '"$BIN/postern" -c "$T/postern.conf" blocks' '*spraying (10 logins tried from 192.0.2.0/24)*'

# ---- Dovecot hangs ----

"$LOAD" -c 8 -n 8 -w hang -t 120 -a 203.0.113 "$S" >"$T/hung" &
hung=$!
said=$("$LOAD" -c 8 -d 2 -l anna@contoso.example -a 198.18.0 "$S") # from elsewhere: what hangs counts as a failure until it ends
is 'while Dovecot leaves some without an answer others sign in' "$(count ok "$said") $(count fail "$said") $(count closed "$said")" '[1-9]* 0 0'
wait "$hung"
echo "# a hung Dovecot: $(cat "$T/hung")"
is 'those are told to come again' "$(cat "$T/hung")" '*closed=8 silent=0*'
is 'and that is no failure of theirs' "$("$LOAD" -n 1 -c 1 "${anna[@]}" "$S")" '*ok=1*'

# ---- Dovecot says what it must not, or ends ----

for what in temp drop garbage long other; do
    is "Dovecot's \"$what\": nobody is let in, nobody is told that a password is wrong" \
        "$("$LOAD" -c 4 -n 20 -w $what -t 120 -a 203.0.113 "$S" 2>&1 | grep -o 'ok=.* other')" 'ok=0 fail=* closed=* silent=0 other'
done
"$LOAD" -c 4 -n 4 -w exit -t 120 -a 203.0.113 "$S" >"$T/exit" 2>&1
is 'nor by one that ends' "$(cat "$T/exit")" '*closed=4 *'
stub
is 'afterwards all is well' "$("$LOAD" -n 4 -c 4 "${anna[@]}" "$S")" '*ok=4*'
is 'an answer in pieces is one' "$("$LOAD" -n 4 -c 4 -w split "${anna[@]}" "$S")" '*ok=4*'
faults_end
exit $status
