#!/bin/bash
# Attacks through a real Postfix, with both front ends behind it: forms of addresses and headers, forged logins, recipients that
# lead elsewhere, smuggled messages, probing. See tests/attacks/postfix_attacks.py. TAP lines. Needs root.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

make_relay '{ name = "burst"; per = "user"; count = "messages"; rate = "1/d"; burst = 100; },
            { name = "recipients"; per = "user"; count = "recipients"; rate = "1/d"; burst = 100; }' \
    'connectors = ( { name = "printers"; networks = [ "127.20.0.0/16" ]; recipients = "internal"; tenant = "contoso"; } );
     tenants = ( { name = "contoso"; domains = [ "contoso.example" ]; } );'
# The last one: a header without From stays one, although all clients here are on loopback.
# shellcheck disable=SC2034 # for relay_start
RELAY_MAIN_CF='smtpd_tls_auth_only = no
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 1000
local_header_rewrite_clients ='
relay_start both || exit 1

attack() { python3 tests/attacks/postfix_attacks.py "$@"; }
used() { "$BIN/postern" -c "$T/postern.conf" explain --user "$1" | sed -n "s/.*limit $2: \([0-9]*\) used.*/\1/p"; }

attack rows "$SMTP" "$SMTP25" || status=1

# ---- A36 ----
attack probe "$SMTP" cleo@contoso.example
is 'A36: recipients of transactions that were given up cost nothing' "$(used cleo@contoso.example burst) $(used cleo@contoso.example recipients)" '0 0'

# ---- A34: as shipped, one message; where bare line ends are taken, two that are judged and charged ----
C=cleo@contoso.example
arrived_of() { grep -l "Subject: $1" "$T"/sink/* 2>/dev/null | wc -l; }
for end in lfcrlf lflf crcr crlfcr lfcrcrlf; do
    before=$(used $C burst)
    is "A34: nothing is smuggled behind $end" "$(attack smuggle "$SMTP" $C boss@contoso.example $end)" '[245]?? 221'
    is "A34: and at most one message is charged ($end)" "$(($(used $C burst) - before))" '[01]'
done
# Stopped and begun anew: behind a reload, a process with the old settings may take one more client.
postfix -c "$T/postfix" stop >/dev/null 2>&1
sed -i 's/^smtpd_forbid_\(bare_newline\|unauth_pipelining\) = .*/smtpd_forbid_\1 = no/' "$T/postfix/main.cf"
relay_settled "$T/postfix/main.cf"
postfix -c "$T/postfix" start >>"$T/postfix.log" 2>&1
relay_wait relay_listens "$SMTP"
for end in lfcrlf lflf; do
    before=$(used $C burst)
    is "A34: a message smuggled behind $end is judged by itself" "$(attack smuggle "$SMTP" $C boss@contoso.example $end)" '250 *5[35][05] *'
    is "A34: and refused for its own sender: one message is charged ($end)" "$(($(used $C burst) - before))" 1
    is "A34: with a sender of his own it passes ($end)" "$(attack smuggle "$SMTP" $C $C $end)" '250 250 250 354 250 221'
    is "A34: and is charged, too ($end)" "$(($(used $C burst) - before))" 3
done
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit $status
