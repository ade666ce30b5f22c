#!/bin/bash
# shellcheck disable=SC2086 # lists of words
# Measures a whole relay: messages a second through a throwaway Postfix to a sink, without postern, with the policy server, with
# the milter, with both; and with a policy server and a milter that answer without thinking, which is what asking costs. One
# Postfix has a port for each, and all else in common; one port is used at a time, there and back again (ABCCBA), so that what
# drifts meets all alike. The queue is on a memory file system: a disk would hide the difference.
#
#   bench/postfix.sh [BUILD-DIRECTORY]
#
# ROUNDS=5 MESSAGES=2000 CONNECTIONS=16 MAILBOXES=100000; RESULTS=FILE gets a row a measurement
set -u
cd "$(dirname "$0")/.." || exit 1
. bench/lib.sh
. scripts/relay.sh
bench_begin "${1:-}"
rounds=${ROUNDS:-5} messages=${MESSAGES:-2000} connections=${CONNECTIONS:-16} mailboxes=${MAILBOXES:-100000}
trap 'relay_stop; bench_end' EXIT
[ ! -w /dev/shm ] || TMPDIR=/dev/shm

declare -A port
ways='without policy_floor policyd milter_floor milter both'
asking='policyd milter both' # of these, the ways that ask postern

permit=permit_mynetworks,permit_sasl_authenticated,reject_unauth_destination

# A port a way: the relay restrictions and end-of-data restrictions ask a policy server or don't, a milter is there or not.
services()
{
    local way
    for way in $ways; do
        port[$way]=$(relay_free_port)
        printf '127.0.0.1:%s inet n - n - - smtpd\n' "${port[$way]}"
        # A login by XCLIENT needs SASL switched on; the second one comes from the address that the first one named.
        printf '  -o %s\n' smtpd_sasl_auth_enable=yes smtpd_tls_auth_only=no smtpd_sasl_type=dovecot \
            smtpd_sasl_path=private/auth smtpd_authorized_xclient_hosts=127.0.0.1,203.0.113.9
        case $way in
        policyd | both)
            printf '  -o smtpd_relay_restrictions=$postern_relay_restrictions\n'
            printf '  -o smtpd_end_of_data_restrictions=$postern_end_of_data_restrictions\n'
            ;;
        policy_floor)
            printf '  -o smtpd_relay_restrictions=check_policy_service,unix:%s,%s\n' "$T/run/policy_floor" "$permit"
            printf '  -o smtpd_end_of_data_restrictions=check_policy_service,unix:%s\n' "$T/run/policy_floor"
            ;;
        *) printf '  -o smtpd_relay_restrictions=%s\n' "$permit" ;;
        esac
        case $way in
        milter | both) printf '  -o smtpd_milters=$postern_milter\n' ;;
        milter_floor) printf '  -o smtpd_milters=unix:%s\n' "$T/run/milter_floor" ;;
        esac
    done
}

start_relay()
{
    relay_make "$build" || die 'no relay'
    echo 'anna@contoso.example:{PLAIN}made-up' >"$T/users"
    configure relay "$(directory_of "$mailboxes")" "$mailboxes" "$six_limits"
    sed "s|unix:$work/relay\.\([a-z]*\)|unix:$T/run/\1.sock|; s|$work/relay|$T/run/relay|" "$work/relay.conf" >"$T/postern.conf"
    services >"$work/services"
    RELAY_MASTER_CF=$(cat "$work/services")$'\n'
    # Neither slow start nor slowing down of arrivals: both would be measured instead.
    RELAY_MAIN_CF='in_flow_delay = 0s
initial_destination_concurrency = 20'
    relay_run sink smtp-sink -u nobody "inet:127.0.0.1:$SINK" 256
    relay_wait relay_listens "$SINK"
    start_servers
    relay_start_dovecot && relay_start_postfix both || die 'the relay does not start'
}

# All four as postern's units would have them.
start_servers()
{
    local socket
    relay_run policyd "${service[@]}" "$BIN/postern-policyd" -c "$T/postern.conf"
    relay_run milter "${service[@]}" "$BIN/postern-milter" -c "$T/postern.conf"
    relay_run policy_floor "${service[@]}" "$build/bench/policy_floor" "$T/run/policy_floor"
    relay_run milter_floor "${service[@]}" "$build/bench/milter_floor" -b "$T/run/milter_floor"
    for socket in policyd.sock milter.sock policy_floor milter_floor; do
        relay_wait test -S "$T/run/$socket" || die "nobody listens on $socket"
    done
    chmod 666 "$T/run/policy_floor" "$T/run/milter_floor"
}

# one WAY ROUND: a row. Processor time of Postfix with all that it runs, and of postern, a message.
one()
{
    local out before after postern postern_after master
    master=$(cat "$T/queue/pid/master.pid")
    before=$(family_cpu_us "$master")
    postern=$(family_cpu_us "$(cat "$T/policyd.pid")" "$(cat "$T/milter.pid")")
    out=$(bench/smtp_load.py "${port[$1]}" "$T/queue" "$connections" "$messages" "$mailboxes") || { tail -n 5 "$T/maillog" >&2; die "$1: $out"; }
    after=$(family_cpu_us "$master")
    postern_after=$(family_cpu_us "$(cat "$T/policyd.pid")" "$(cat "$T/milter.pid")")
    [ "$2" -gt 0 ] || return 0
    printf 'postfix\t%s\t%s\t%s\t%s server_cpu_us=%s postern_cpu_us=%s\n' "$connections" "$1" "$2" "$out" \
        "$(ratio $((after - before)) "$messages")" "$(ratio $((postern_after - postern)) "$messages")" >>"$results"
    say "  postfix $1 $2: $(field mps "$out") messages/s, p99 $(field p99_us "$out") us"
}

# expect_each NUMBER WHAT WAY...: as many as were sent in these ways.
expect_each()
{
    local got=$1 what=$2 wanted
    shift 2
    wanted=$(($# * (rounds * 2 + 1) * (messages / connections) * connections))
    [ "$got" -eq $wanted ] || die "$got messages $what, expected $wanted"
}

# Each message has arrived, and where postern was asked it was decided and charged once, by one of the two.
check()
{
    local arrived decided
    arrived=$(grep -c 'status=sent' "$T/maillog")
    decided=$(cat "$T/policyd.log" "$T/milter.log" | grep -c 'event=decision action=pass')
    expect_each "$arrived" 'have arrived' $ways
    expect_each "$decided" 'were decided' $asking
}

make_directory "$mailboxes"
start_relay
for way in $ways; do one "$way" 0; done
for round in $(seq "$rounds"); do
    for way in $ways $(printf '%s\n' $ways | tac); do one "$way" "$round"; done
done
check
