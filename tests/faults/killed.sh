#!/bin/bash
# Programs killed with -9 at random moments while mail flows (F1), once as they are and once with sockets that a service manager
# holds; SIGHUP to the milter (F25).
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/faults/lib.sh

# kill_at_random ROUNDS
kill_at_random()
{
    for _ in $(seq "$1"); do
        pause_random 50 900
        case $((RANDOM % 3)) in
        0) kill_program KILL policyd ;;
        1) kill_program KILL milter ;;
        2) kill_program KILL policyd && kill_program KILL milter ;;
        esac
    done
    sleep 1
}

faults_relay
faults_start
load
kill_at_random "$(rounds 100 6)"
load_end
recovers 'killed at random'
judge 'killed at random'

full || { faults_end; exit $status; }

rm "$T/record"
load
for _ in $(seq "$(much 20 3)"); do
    pause_random 50 400
    kill_program HUP milter
    kill_program HUP policyd
done
before=$(pid_of milter),$(pid_of policyd)
load_end
judge 'SIGHUP'
is 'SIGHUP ends no program' "$(pid_of milter),$(pid_of policyd)" "$before"
is 'SIGHUP reloads nothing: the milter says how to' "$(grep -c 'SIGHUP ignored.*SIGUSR1' "$T/milter.log")" '[1-9]*'
faults_end
relay_stop

faults_relay
faults_start --socket
load
kill_at_random "$(rounds 100 6)"
load_end
recovers 'killed, with held sockets'
judge 'killed, with held sockets'
faults_end
exit $status
