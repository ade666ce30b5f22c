#!/bin/bash
# Measures a whole relay: messages a second through a throwaway Postfix to a sink, without postern, with the policy server, with
# the milter, with both. One Postfix has a port for each, and all else in common; one port is used at a time, there and back
# again (ABCDDCBA), so that what drifts meets all alike. The queue is on a memory file system: a disk would hide the difference.
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
ways='without policyd milter both'

# A port a way: the relay restrictions and end-of-data restrictions ask policyd or don't, the milter is there or not.
services()
{
    local way restrictions
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
        *) printf '  -o smtpd_relay_restrictions=permit_mynetworks,permit_sasl_authenticated,reject_unauth_destination\n' ;;
        esac
        case $way in milter | both) printf '  -o smtpd_milters=$postern_milter\n' ;; esac
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
    relay_start_dovecot && relay_start_policyd && relay_start_milter && relay_start_postfix both || die 'the relay does not start'
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

# Each message has arrived, and where postern was asked it was decided and charged once, by one of the two.
check()
{
    local sent=$(((rounds * 2 + 1) * (messages / connections) * connections)) arrived decided
    arrived=$(grep -c 'status=sent' "$T/maillog")
    decided=$(cat "$T/policyd.log" "$T/milter.log" | grep -c 'event=decision action=pass')
    [ "$arrived" -eq $((4 * sent)) ] || die "$arrived messages have arrived, expected $((4 * sent))"
    [ "$decided" -eq $((3 * sent)) ] || die "$decided messages were decided, expected $((3 * sent))"
}

make_directory "$mailboxes"
start_relay
for way in $ways; do one "$way" 0; done
for round in $(seq "$rounds"); do
    for way in $ways $(printf '%s\n' $ways | tac); do one "$way" "$round"; done
done
check
