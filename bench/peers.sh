#!/bin/bash
# Measures postern beside the programs that people would otherwise take, all on this machine, with the same load, in turns:
# postfwd and policyd-rate-limit as policy servers, rspamd and opendkim as milters, and the floors. bench/peers_setup.sh
# says how they are set up. All run all the time and one is asked at a time.
#
#   bench/peers.sh [BUILD-DIRECTORY] [policy|milter]
#
# ROUNDS=3 SECONDS_EACH=4 CONNECTIONS=16 MAILBOXES=100000; RESULTS=FILE gets a row a measurement
set -u
cd "$(dirname "$0")/.." || exit 1
. bench/lib.sh
. bench/peers_setup.sh
bench_begin "${1:-}"
what=${2:-all}
rounds=${ROUNDS:-3} each=${SECONDS_EACH:-4} connections=${CONNECTIONS:-16} mailboxes=${MAILBOXES:-100000}
[ "$(id -u)" -eq 0 ] || die 'needs root: some peers drop privileges'

# turns SUITE LOADER NAME...: rounds, each asking all one after the other, every second one backwards.
turns()
{
    local suite=$1 loader=$2 round name names backwards
    shift 2
    names=$* backwards=$(printf '%s\n' "$@" | tac)
    for name in $names; do
        "$build/bench/$loader" -c "$connections" -d 1 -m "$mailboxes" "${server_at[$name]}" >/dev/null ||
            die "$name does not answer"
    done
    for round in $(seq "$rounds"); do
        for name in $([ $((round % 2)) = 1 ] && echo "$names" || echo "$backwards"); do
            with_pids=
            [ "$name" != rspamd ] || with_pids=${server_pid[redis]}
            measure "$suite" "$connections" "$name" "$round" "$build/bench/$loader" -c "$connections" -d "$each" -m "$mailboxes"
        done
    done
}

versions()
{
    local package
    for package in "$@"; do printf 'version\t%s\t%s\t0\t\n' "$package" "$(dpkg-query -W -f '${Version}' "$package")"; done >>"$results"
}

make_directory "$mailboxes"
configure two "$(directory_of "$mailboxes")" "$mailboxes" "$(limits_of_login 2)"
case $what in all | policy)
    serve floor "$work/floor" "$build/bench/policy_floor" "$work/floor"
    serve postern "$work/two.policyd" "$build/postern-policyd" -c "$work/two.conf"
    setup_postfwd
    setup_policyd_rate_limit
    versions postfwd policyd-rate-limit
    turns policy policy_load floor postern postfwd policyd-rate-limit
    for name in floor postern postfwd policyd-rate-limit; do unserve $name; done
    ;;
esac
case $what in all | milter)
    serve floor "$work/milter-floor" "$build/bench/milter_floor" "$work/milter-floor"
    serve postern "$work/two.milter" "$build/postern-milter" -c "$work/two.conf"
    setup_redis
    setup_rspamd
    setup_opendkim
    versions rspamd redis-server opendkim
    turns milter milter_load floor postern rspamd opendkim
    ;;
esac
