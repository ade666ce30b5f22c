#!/bin/bash
# Each of the other programs missing, alone and in pairs (F32): what cannot be checked is deferred, nothing passes that is forbidden,
# and when they are back all goes on without a hand.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/faults/lib.sh

FAULTS_MAIN_CF='postern_policy = { unix:$queue_directory/../run/policyd.sock, timeout=4s, { default_action = 451 4.3.5 Policy service unavailable } }
postern_milter = { unix:$queue_directory/../run/milter.sock, connect_timeout=4s, command_timeout=4s, content_timeout=8s, default_action=tempfail }'
faults_relay 'alerts = ( { command = [ "/bin/true" ]; events = "block"; } );'
echo "spool = \"$T/lib/spool\";" >>"$T/postern.conf"
start_alert() { keep alert "$BIN/postern-alert" -c "$T/postern.conf"; }
take_away()
{
    case $1 in
    policyd | milter | alert)
        kill -9 "$(cat "$T/keep-$1.pid")"
        wait "$(cat "$T/keep-$1.pid")" 2>/dev/null
        kill_program KILL "$1"
        ;;
    dovecot) kill "$(cat "$T/dovecot/master.pid")" && relay_wait test ! -e "$T/dovecot/master.pid" ;;
    sink) kill "$(cat "$T/sink.pid")" && wait "$(cat "$T/sink.pid")" 2>/dev/null ;;
    esac
}
bring_back()
{
    case $1 in
    policyd | milter) "relay_start_$1" ;;
    alert) start_alert ;;
    dovecot) relay_start_dovecot ;;
    sink) relay_start_sink ;;
    esac
}
faults_start
start_alert
use_up
load
programs=(policyd milter alert dovecot sink)
cases=()
for ((i = 0; i < 5; i++)); do
    cases+=("${programs[i]}")
    for ((j = i + 1; j < 5; j++)); do cases+=("${programs[i]} ${programs[j]}"); done
done
full || cases=('policyd milter')
for case in "${cases[@]}"; do
    for program in $case; do take_away "$program"; done
    # By the first character of what the client is told.
    case $case in *policyd* | *milter*) wanted=4 ;; *) wanted=2 ;; esac
    refused=45
    # Without SASL a new smtpd of Postfix's says 4xx, or hangs up ("cut closed"); one that has begun already goes on.
    case $case in *dovecot*) wanted=${wanted}4c refused=${refused}c ;; esac
    is "without $case: a permitted message" "$(send dora)" "[$wanted]*"
    is "without $case: a forbidden one" "$(send bert)" "[$refused]*"
    is "without $case: a forbidden From" "$(send forged)" "[$refused]*"
    for program in $case; do bring_back "$program"; done
    is "with $case again: served" "$(relay_wait sends dora && echo served)" served
done
load_end
recovers 'each was missing'
judge 'each was missing'
forgets_nothing 'each was missing'
faults_end
exit $status
