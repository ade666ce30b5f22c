#!/bin/bash
# The list of "postern-mirror export --dovecot-deny" with a real Dovecot behind Postfix: who may not send is refused at AUTH, and a
# change holds from the next login on.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

make_relay '' 'sender = { envelope = "any"; header_from = "any"; }; smtp_auth = { deny_file = "deny"; };
     tenants = ( { name = "contoso"; domains = ["contoso.example"]; netbios = ["CONTOSO"]; } );'
: >"$T/deny"
printf '%s:{PLAIN}secret\n' bert 'contoso\\bert' >>"$T/users"
install -d -m 2750 -g dovecot "$T/deny-list"
export_list() { "$BIN/postern-mirror" export -c "$T/postern.conf" --dovecot-deny "$T/deny-list/deny" >>"$T/export.log" 2>&1 || cat "$T/export.log"; }
export_list
# As the snippet has it, without the comment signs, and without Dovecot's delay of an address that was refused.
RELAY_DOVECOT_DENY=$T/deny-list/deny
relay_start both || exit 1

# The reply to AUTH PLAIN of that login.
auth()
{
    swaks --server "127.0.0.1:$SMTP" --tls --auth PLAIN --auth-user "$1" --auth-password "${2:-secret}" --quit-after AUTH >"$T/transcript" 2>&1
    sed -n 's/^<[~*]\** *\([0-9][0-9][0-9] .*\)/\1/p' "$T/transcript" | grep -E '^(235|535|454|451|550)' | tail -n 1
}
# The same with an access token.
auth_token()
{
    python3 - "$SMTP" "$1" "$(relay_token "$1")" <<'END'
import smtplib, ssl, sys
port, login, token = sys.argv[1:]
client = smtplib.SMTP("127.0.0.1", int(port))
client.starttls(context=ssl._create_unverified_context())
client.ehlo()
try:
    print(client.auth("XOAUTH2", lambda challenge=None: "user=%s\1auth=Bearer %s\1\1" % (login, token))[0])
except smtplib.SMTPResponseException as e:
    print(e.smtp_code)
END
}

is 'one that may signs in' "$(auth anna@contoso.example)" '235 *'
# With the right password, so that nothing but the list is the reason.
is 'one that may not is refused at AUTH' "$(auth bert@contoso.example)" '535 5.7.8*'
is 'by another name, too' "$(auth bert) $(auth 'CONTOSO\bert') $(auth BERT@Contoso.Example)" '535 *535 *535 *'
is 'and one who may sends' "$(submit anna@contoso.example)" '250*'

printf '%s\n' anna@contoso.example cleo@contoso.example >"$T/deny"
export_list
becomes 'who is denied by a file is refused at the next login' 'auth anna@contoso.example' '535 *'
sed -i 's/"0a7d6d2c-0001-4b7e-9d55-000000000002",\(.*\)"True"$/"0a7d6d2c-0001-4b7e-9d55-000000000002",\1"False"/' "$T/lib/cas.csv"
relay_import --tenant contoso "$T/lib/cas.csv" "$T/lib/transport.json" >>"$T/mirror.log" 2>&1
export_list
becomes 'who is enabled again signs in' 'auth bert@contoso.example' '235 *'
is 'OAuth is not what the list is about' "$(auth cleo@contoso.example) $(auth_token cleo@contoso.example)" '535 * 235'
is 'a wrong password stays one' "$(auth bert@contoso.example wrong)" '535 *'
echo 'mode = "monitor";' >>"$T/postern.conf"
export_list
becomes 'in monitor mode all sign in' 'auth anna@contoso.example' '235 *'
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit $status
