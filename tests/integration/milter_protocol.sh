#!/bin/bash
# The milter behind a real Postfix, in what other set-ups do to it: every milter_protocol, messages without a header, recipients of
# virtual alias domains, filters that take the message away, fronts that sign in, several sockets, and a peer that ends it.
# And behind another MTA's side of the protocol, miltertest. TAP lines. Needs root.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

make_relay '{ name = "recipients"; per = "user"; count = "recipients"; rate = "1/d"; burst = 60; }' \
    'recipients = { max = 3; };
     connectors = ( { name = "printers"; networks = [ "127.20.0.0/16" ]; senders = [ "@contoso.example" ];
                      recipients = "internal"; tenant = "contoso"; } );
     tenants = ( { name = "contoso"; domains = [ "contoso.example" ]; } );'
# At the front's listeners TLS is required, and at nobody else's.
sed -i -e "s|^policyd = .*|policyd = { listen = ( \"unix:$T/run/policyd.sock\", { address = \"unix:$T/run/front-policyd.sock\"; \
tls = { required = true; }; front = { tls = \"1.2\"; method = \"unknown\"; }; } ); workers = 2; };|" \
    -e "s|^milter = .*|milter = { listen = ( \"unix:$T/run/milter.sock\", { address = \"unix:$T/run/front.sock\"; \
tls = { required = true; }; front = { tls = \"1.2\"; method = \"unknown\"; }; }, { address = \"unix:$T/run/strict.sock\"; \
tls = { required = true; }; } ); };|" "$T/postern.conf"

declare -A port
for name in v2 v3 v4 v6 front strict proxied behind unseen; do port[$name]=$(relay_free_port); done
milter() { echo "{ unix:$T/run/$1.sock, default_action=tempfail }"; }
service() # NAME OPTION...
{
    printf '127.0.0.1:%s inet n - n - - smtpd\n' "${port[$1]}"
    shift
    printf '  -o %s\n' smtpd_sasl_auth_enable=yes smtpd_sasl_type=dovecot smtpd_sasl_path=private/auth "$@"
}
ALONE='smtpd_relay_restrictions=permit_mynetworks,permit_sasl_authenticated,reject'
# shellcheck disable=SC2016,SC2034 # for Postfix, for relay_start
RELAY_MASTER_CF="$(
    for v in 2 3 4 6; do service v$v "$ALONE" 'smtpd_milters=$postern_milter' milter_protocol=$v; done
    service front 'smtpd_relay_restrictions=check_policy_service,{unix:'"$T"'/run/front-policyd.sock},permit_sasl_authenticated,reject' \
        "smtpd_milters=$(milter front)"
    service strict "$ALONE" "smtpd_milters=$(milter strict)"
    service proxied 'smtpd_relay_restrictions=$postern_relay_restrictions' 'smtpd_milters=$postern_milter' \
        'smtpd_end_of_data_restrictions=$postern_end_of_data_restrictions' "smtpd_proxy_filter=127.0.0.1:${port[behind]}"
    service behind 'smtpd_relay_restrictions=permit_mynetworks,reject' mynetworks=127.0.0.0/8 \
        smtpd_authorized_xforward_hosts=127.0.0.0/8
    service unseen 'smtpd_relay_restrictions=$postern_relay_restrictions' 'smtpd_milters=$postern_milter' \
        'smtpd_end_of_data_restrictions=$postern_end_of_data_restrictions' receive_override_options=no_milters
)
"
# The second: Postfix adds no From of its own, although all clients here are on loopback.
# shellcheck disable=SC2034 # for relay_start
RELAY_MAIN_CF="smtpd_tls_auth_only = no
local_header_rewrite_clients =
smtpd_error_sleep_time = 0
virtual_alias_domains = lists.adatum.example
virtual_alias_maps = regexp:$T/virtual"
# shellcheck disable=SC2016 # for Postfix
echo '/^(.*)@lists\.adatum\.example$/ $1@adatum.example' >"$T/virtual"
chmod 644 "$T/virtual"
relay_start both || exit 1
relay_wait relay_listens_at "$T/run/strict.sock"

# say PORT LOGIN MESSAGE [RECIPIENTS [SENDER]]: the reply that decided. MESSAGE with \n as line ends, as it goes behind DATA.
say() { PYTHONPATH=tests/attacks python3 tests/integration/milter_say.py "$@"; }
A=anna@contoso.example
# From fields of the message with that word in it, as the next server got it.
from_of() { relay_wait grep -qrs "$1" "$T/sink" && sed -n '1,/^\r*$/p' "$(grep -lrs "$1" "$T/sink" | head -n 1)" | grep -ci '^From:.*anna@contoso'; }

# ---- every version of the protocol ----
for v in v2 v3 v4 v6; do
    is "$v: a message with From passes" "$(say "${port[$v]}" $A "From: $A\nSubject: x\n\nx")" '250*'
    is "$v: another's From is refused" "$(say "${port[$v]}" $A 'From: boss@contoso.example\n\nx')" '550 5.7.60*'
    is "$v: a message with other fields only passes" "$(say "${port[$v]}" $A "Subject: fields-$v\n\nx")" '250*'
    is "$v: and got its From" "$(from_of "fields-$v")" 1
    is "$v: so does one without a header" "$(say "${port[$v]}" $A "\nheaderless-$v")" '250*'
    is "$v: and got its From" "$(from_of "headerless-$v")" 1
    is "$v: so does one without a header and its empty line" "$(say "${port[$v]}" $A "lineless-$v\nFrom: boss@contoso.example")" '250*'
    is "$v: and got its From" "$(from_of "lineless-$v")" 1
    is "$v: so does nothing at all" "$(say "${port[$v]}" $A '')" '250*'
    is "$v: what is no login of ours is refused" "$(say "${port[$v]}" bert@contoso.example 'From: bert@contoso.example\n\nx')" '5[35][05]*'
done
is 'a printer without From passes' "$(say "$SMTP25" - '\nprinter-page' '<cleo@contoso.example>' '<anna@contoso.example>')" '250*'
is 'and got its From' "$(from_of printer-page)" 1
is 'a From that only some readers see is judged, not replaced' "$(say "${port[v6]}" $A 'Subject: x\nFrom : boss@contoso.example\n\nx')" '550 5.7.60*'
is 'a From behind the first line that is none of a header is text' "$(say "${port[v6]}" $A 'textual\nFrom: boss@contoso.example')" '250*'
is 'and text it stays' "$(from_of textual)" 1

# ---- recipients that Postfix accepts for a virtual alias domain ----
lists() { for i in $(seq "$1"); do printf '<r%s@lists.adatum.example> ' "$i"; done; }
is 'recipients of virtual alias domains count for the maximum' "$(say "${port[v6]}" $A "From: $A\n\nx" "$(lists 4)")" '[45]5*'
is 'and for what a connector may send to' "$(say "$SMTP25" - 'From: scan@contoso.example\n\nx' '<r@lists.adatum.example>' '<scan@contoso.example>')" '550 5.7.64*'

# ---- fronts ----
is 'without a word about the front, TLS is missing' "$(say "${port[strict]}" $A "From: $A\n\nx")" '530 5.7.0*'
is 'where the listener says what stands before it, mail passes' "$(say "${port[front]}" $A "From: $A\n\nx")" '250*'
is 'and is judged as elsewhere' "$(say "${port[front]}" $A 'From: boss@contoso.example\n\nx')" '550 5.7.60*'
becomes 'and logged with the TLS and the mechanism of the front' \
    'cat "$T/milter.log" "$T/policyd.log" | grep -c "action=pass .* by=.* method=unknown tls=TLSv1.2 "' '[12]'

# ---- filters that take the message away ----
told() { grep -c "$2" "$T/$1.log"; }
is 'nothing is told of messages that have no end while all is well' "$(told milter 'smtpd_proxy_filter') $(told policyd 'nobody judged')" '0 0'
for i in 1 2 3; do
    is "a message for the filter passes ($i)" \
        "$(say "${port[proxied]}" $A 'From: boss@contoso.example\n\nx')" '250*'
done
relay_wait grep -q smtpd_proxy_filter "$T/milter.log"
is 'the milter tells of it once' "$(told milter 'smtpd_proxy_filter')" 1
becomes 'and the policy server of a From that nobody judged' 'told policyd "nobody checked the header From of 1 message, .*smtpd_proxy_filter"' 1
C=cleo@contoso.example
kill "$(cat "$T/policyd.pid")"
wait "$(cat "$T/policyd.pid")" 2>/dev/null
relay_start_policyd
is 'a message that no milter is shown passes' "$(say "${port[unseen]}" $C 'From: boss@contoso.example\n\nx')" '250*'
becomes 'and the policy server tells of it' 'told policyd "nobody checked the header From of 1 message, the latest from login=$C .*no_milters"' 1

# ---- the other side played by miltertest ----
for v in 2 3 4 6; do
    out=$(miltertest -D socket="unix:$T/run/milter.sock" -D version=$v -s tests/integration/milter_protocol.lua 2>&1; echo "status $?")
    is "miltertest, version $v" "$out" 'status 0'
done

# ---- a peer that ends it ----
# As the unit does: again and again, at once.
kill "$(cat "$T/milter.pid")"
wait "$(cat "$T/milter.pid")" 2>/dev/null
# shellcheck disable=SC2016 # for the other shell
relay_run again bash -c 'trap "kill \$p; wait \$p; exit" TERM
while :; do "$@" & p=$!; wait $p; echo ended; sleep 0.02; done' again "$BIN/postern-milter" -c "$T/postern.conf"
relay_wait relay_listens_at "$T/run/strict.sock"
before=$(relay_arrived)
python3 tests/integration/milter_ender.py "$T/run/milter.sock" 40 >"$T/ender.log" 2>&1 &
ender=$!
refused=0
for i in $(seq 12); do
    for mail in "bert@contoso.example From:_bert@contoso.example" "$A From:_boss@contoso.example"; do
        case $(say "${port[v6]}" "${mail% *}" "$(tr _ ' ' <<<"${mail#* }")\n\nforbidden") in [45]*) refused=$((refused + 1)) ;; esac
    done
done
wait $ender
is 'a malformed packet ends the milter' "$(grep -c ended "$T/again.log" | sed 's/^[1-9].*/ended/')" ended
is 'and nothing passes meanwhile that is forbidden' "$refused $(grep -lrs forbidden "$T/sink" | wc -l)" '24 0'
passes_again() { [[ $(say "${port[v6]}" "$A" "From: $A\n\nx") = 250* ]]; }
relay_wait passes_again
is 'and afterwards mail passes as before' "$((before < $(relay_arrived)))" 1
exit $status
