#!/bin/bash
# Connectors by client certificate, as a real Postfix tells postern of them.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

# certificate NAME SUBJECT [OPTIONS]: a key and a certificate, its own authority if no option says another.
certificate()
{
    local name=$1 subject=$2
    shift 2
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "$subject" -keyout "$K/$name.key" -out "$K/$name.pem" "$@" 2>/dev/null
}
fingerprint() { openssl x509 -in "$1" -noout -fingerprint -sha256 | sed 's/.*=//'; }

# device CERTIFICATE SENDER: the reply that decided.
device()
{
    swaks --server "127.0.0.1:$SMTP" --tls --tls-cert "$K/$1.pem" --tls-key "$K/$1.key" --from "$2" --to guest@adatum.example \
        --header "From: $2" --body 'made up' >"$T/transcript" 2>&1
    sed -n 's/^<\(\*\*\|~\*\) *\([45][0-9][0-9][ -].*\)/\2/p' "$T/transcript" | tail -n 1 | grep . ||
        sed -n 's/^<[~-] *\(250 2.0.0 Ok: queued\).*/\1/p' "$T/transcript"
}

K=$(mktemp -d) || exit 1
trap 'relay_stop; rm -rf "$K"' EXIT
certificate ca '/CN=An authority'
certificate device7 /CN=device7.contoso.example
certificate erp '/O=Contoso/CN=erp \+ shop' -CA "$K/ca.pem" -CAkey "$K/ca.key"
certificate thief '/O=Contoso/CN=erp \+ shop'
chmod 755 "$K"; chmod 644 "$K/ca.pem"

connectors="connectors = (
  { name = \"device\"; ccert_fingerprints = \"$(fingerprint "$K/device7.pem")\"; senders = \"@.contoso.example\"; },
  { name = \"erp\"; ccert_subjects = \"erp + shop\"; senders = \"erp@contoso.example\"; } );
unauthenticated = \"reject\";"
tls="smtpd_tls_ask_ccert = yes
smtpd_tls_fingerprint_digest = sha256
smtpd_tls_CAfile = $K/ca.pem
relay_clientcerts = inline:{$(fingerprint "$K/device7.pem")=x,$(fingerprint "$K/erp.pem")=x,$(fingerprint "$K/thief.pem")=x}"
limit='{ name = "few"; per = "connector"; count = "messages"; rate = "2/d"; burst = 2; }'

make_relay "$limit" "$connectors"
RELAY_MAIN_CF="$tls
postern_relay_restrictions = check_policy_service \$postern_policy permit_tls_clientcerts reject_unauth_destination"
relay_start policyd || exit 1
is 'policyd: a fingerprint names a connector' "$(device device7 mfp@printers.contoso.example)" '250*'
is 'policyd: whose senders are its own' "$(device device7 boss@contoso.example)" '550*'
is 'policyd: a subject of a trusted issuer names one' "$(device erp erp@contoso.example)" '250*'
is 'policyd: the same subject of nobody does not' "$(device thief erp@contoso.example)" '530*'
is 'policyd: limits hold for it' "$(device erp erp@contoso.example; device erp erp@contoso.example)" '250*451*'
is 'policyd: nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
relay_stop

make_relay "$limit" "$connectors"
RELAY_MAIN_CF="$tls
postern_relay_restrictions = permit_tls_clientcerts reject_unauth_destination"
relay_start milter || exit 1
is 'milter: a subject of a trusted issuer names a connector' "$(device erp erp@contoso.example)" '250*'
is 'milter: whose senders are its own' "$(device erp boss@contoso.example)" '550*'
is 'milter: the same subject of nobody names none' "$(device thief erp@contoso.example)" '530*'
is 'milter: nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit $status
