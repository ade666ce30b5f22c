#!/bin/bash
# postern behind a proxy: who the client is, with the PROXY protocol through a real haproxy and with XCLIENT. TAP lines. Needs root,
# Postfix and haproxy.
#
#   tests/interop/proxies.sh [all]     all: also health checks, TLS that ends at the proxy, clients without an address
# shellcheck disable=SC2016 # $ is for master.cf
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
T=
anna=anna@contoso.example

# A service of master.cf at 127.0.0.1:PORT with logins, and with these settings of its own.
service()
{
    local port=$1 setting
    shift
    echo "127.0.0.1:$port inet n - n - - smtpd"
    for setting in smtpd_sasl_auth_enable=yes smtpd_sasl_type=dovecot smtpd_sasl_path=private/auth \
        smtpd_sasl_security_options=noanonymous 'smtpd_relay_restrictions=$postern_relay_restrictions' \
        'smtpd_end_of_data_restrictions=$postern_end_of_data_restrictions' 'smtpd_milters=$postern_milter' "$@"; do
        echo "  -o $setting"
    done
}

# proxy NAME PORT SERVER-OPTIONS [BIND-OPTIONS [TO]]: what haproxy passes on, to $PROXIED unless said.
proxy()
{
    cat <<END
listen $1
    bind 127.0.0.1:$2 ${4:-}
    server postfix 127.0.0.1:${5:-$PROXIED} $3
END
}

# What it shall do stands in $T/haproxy.cfg; it listens at these ports then.
start_haproxy()
{
    local port
    cat "$T/cert.pem" "$T/key.pem" >"$T/both.pem"
    sed -i '1i defaults\n    mode tcp\n    timeout connect 10s\n    timeout client 60s\n    timeout server 60s' "$T/haproxy.cfg"
    relay_run haproxy haproxy -db -f "$T/haproxy.cfg"
    for port; do relay_wait relay_listens "$port"; done
}

client() { python3 tests/interop/client.py "$@" --from "$anna" guest@adatum.example; }
# decided PATTERN: "decided" once a decision like that stands in a log.
decided() { relay_wait in_log "$1" && echo decided; }
in_log() { cat "$T"/{policyd,milter}.log | grep -q "event=decision .*$1"; }

make_relay '{ name = "few"; per = "client"; count = "messages"; rate = "2/d"; burst = 2; then = "defer"; }' \
    'connectors = ( { name = "printers"; networks = ["127.20.0.0/16"]; recipients = "internal"; } );'
PROXIED=$(relay_free_port) XCLIENT=$(relay_free_port) V1=$(relay_free_port) V2=$(relay_free_port) PLAIN=$(relay_free_port)
CHECKED=$(relay_free_port) TLS=$(relay_free_port) FRONT=$(relay_free_port) BEHIND=$(relay_free_port)
RELAY_MASTER_CF="$(service "$PROXIED" smtpd_upstream_proxy_protocol=haproxy)
$(service "$BEHIND" smtpd_upstream_proxy_protocol=haproxy smtpd_tls_auth_only=no smtpd_tls_security_level=none)
$(service "$XCLIENT" smtpd_authorized_xclient_hosts=127.0.0.1 smtpd_tls_auth_only=no smtpd_tls_security_level=none)
" RELAY_MAIN_CF='inet_protocols = all' relay_start both || exit 1
{
    proxy v1 "$V1" send-proxy
    proxy v2 "$V2" send-proxy-v2
    proxy plain "$PLAIN" '' '' "$XCLIENT"
    proxy checked "$CHECKED" 'send-proxy-v2 check check-send-proxy'
    echo '    option smtpchk EHLO proxy.contoso.example'
    proxy tls "$TLS" send-proxy-v2-ssl "ssl crt $T/both.pem"
    proxy front "$FRONT" send-proxy-v2-ssl "ssl crt $T/both.pem" "$BEHIND"
} >"$T/haproxy.cfg"
start_haproxy "$V1" "$V2" "$PLAIN" "$CHECKED" "$TLS" "$FRONT"

for version in 1 2; do
    port=V$version
    for _ in 1 2; do client "${!port}" --source "127.9.$version.1" --tls --login "$anna"; done >"$T/replies"
    is "PROXY v$version: a login behind the proxy" "$(grep -c ^250 "$T/replies")" 2
    is "PROXY v$version: its address is the client's" "$(decided "client=127.9.$version.1 ")" decided
    is "PROXY v$version: a limit per client holds" "$(client "${!port}" --source "127.9.$version.1" --tls --login "$anna")" '451 4.7.1*'
    is "PROXY v$version: and not for another client" "$(client "${!port}" --source "127.9.$version.2" --tls --login "$anna")" '250*'
    is "PROXY v$version: a device of a connector" "$(client "${!port}" --source "127.20.$version.1")" '550 5.7.64*'
    is "PROXY v$version: nobody" "$(client "${!port}" --source "127.9.$version.3")" '554 5.7.1*'
done
is 'XCLIENT: login and client are those that the front names' \
    "$(client "$PLAIN" --xclient "ADDR=198.51.100.9 LOGIN=$anna") $(decided "login=$anna .*client=198.51.100.9 ")" '250* decided'
is 'XCLIENT: a login that may not send' "$(client "$PLAIN" --xclient 'ADDR=198.51.100.10 LOGIN=bert@contoso.example')" '[25]?? 5.7.139*'
is 'XCLIENT is for the front alone' "$(client "$SMTP" --xclient "LOGIN=$anna")" '5?? *'

variants()
{
    checked() { [ "$(grep -c 'disconnect from .*127.0.0.1.* quit=1 commands=2' "$T/maillog")" -ge 2 ]; }
    is 'health checks by SMTP' "$(relay_wait checked && client "$CHECKED" --source 127.9.3.1 --tls --login "$anna")" '250*'
    is 'no health check is a decision, or a warning' "$(cat "$T"/{policyd,milter}.log "$T/maillog" | grep -c 'client=127.0.0.1 \|warning: haproxy')" 0
    is 'TLS at the proxy: smtpd_tls_auth_only does not see it' "$(client "$TLS" --source 127.9.4.1 --wrap --login "$anna")" '503 *'
    is 'TLS at the proxy: without it a login is taken, and the client known' \
        "$(client "$FRONT" --source 127.9.4.1 --wrap --login "$anna") $(decided 'client=127.9.4.1 ')" '250* decided'
    is 'XCLIENT: smtpd_tls_auth_only drops the login of a front without TLS' \
        "$(client "$SMTP" --source 127.0.0.1 --xclient "ADDR=198.51.100.21 LOGIN=$anna")" '554 5.7.1*'
    is 'XCLIENT: TLS from the front on keeps it' \
        "$(client "$SMTP" --source 127.0.0.1 --tls --xclient "ADDR=198.51.100.22 LOGIN=$anna") $(decided 'client=198.51.100.22 ')" '250* decided'
    is 'XCLIENT: an IPv6 client' "$(client "$PLAIN" --xclient "ADDR=IPV6:2001:DB8::7 LOGIN=$anna") $(decided 'client=2001:db8::7 ')" '250* decided'
    is 'XCLIENT: a front that knows no address is answered' "$(client "$PLAIN" --xclient "ADDR=[UNAVAILABLE] LOGIN=$anna")" '[245]?? *'
}
[ "${1:-}" != all ] || variants
relay_stop
exit $status
