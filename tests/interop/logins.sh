#!/bin/bash
# The shipped Dovecot configuration lets in the forms of login that it promises, and postern finds their mailboxes; what it does
# not promise is refused, and hurts nobody else. TAP lines. Needs root, Postfix and Dovecot.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
T=

# try WHAT LOGIN SENDER WANTED-PATTERN: the reply that decides, from the shipped Dovecot, Postfix and postern. Each from a client
# of its own: Dovecot lets a client wait longer after each wrong password, and Postfix waits for Dovecot ten seconds only.
clients=0
try()
{
    clients=$((clients + 1))
    is "$1" "$(python3 tests/interop/client.py "$SMTP" --source "127.9.2.$clients" --tls --login "$2" --from "$3" \
        guest@adatum.example)" "$4"
}

arrived() { grep -q '^Subject: cron' "$T"/sink/*; }

make_relay '' 'tenants = ( { name = "contoso"; netbios = ["CONTOSO"]; } );'
# All characters of a user principal name at Exchange Online, and one of sub-addresses.
odd="a'b.c-d_e!f#g^h~i+j@contoso.example"
printf '%s\n' '"Guid","PrimarySmtpAddress","SmtpClientAuthenticationDisabled"' \
    '"0a7d6d2c-0001-4b7e-9d55-000000000001","anna@contoso.example","False"' \
    '"0a7d6d2c-0001-4b7e-9d55-000000000002","bert@contoso.example","True"' \
    '"0a7d6d2c-0001-4b7e-9d55-000000000003","cleo@contoso.example","False"' \
    "\"0a7d6d2c-0001-4b7e-9d55-000000000004\",\"kim.o'neil@contoso.example\",\"False\"" \
    "\"0a7d6d2c-0001-4b7e-9d55-000000000005\",\"$odd\",\"False\"" >"$T/lib/cas.csv"
cat >"$T/lib/mailbox.json" <<'END'
[ { "Guid": "0a7d6d2c-0001-4b7e-9d55-000000000001", "UserPrincipalName": "anna@contoso.example", "Alias": "anna",
    "PrimarySmtpAddress": "anna@contoso.example", "EmailAddresses": [ "SMTP:anna@contoso.example" ],
    "RecipientTypeDetails": "UserMailbox" } ]
END
relay_import --tenant contoso "$T/lib/cas.csv" "$T/lib/mailbox.json" "$T/lib/transport.json" >"$T/mirror.log" 2>&1 ||
    { cat "$T/mirror.log"; exit 1; }
# As the comment in conf/dovecot/postern.conf says.
printf '%s:{PLAIN}secret\n' anna 'contoso\\anna' anna@contoso.example "kim.o\\'neil@contoso.example" "${odd/\'/\\\'}" \
    'fabrikam\\anna' 'jürgen@contoso.example' 'anna berg' >"$T/users"
RELAY_NETWORKS='' relay_start both || exit 1 # as the example has it

try 'a user principal name' anna@contoso.example anna@contoso.example '250 *'
try 'the same in capitals' Anna@Contoso.EXAMPLE anna@contoso.example '250 *'
try 'an account name alone' anna anna@contoso.example '250 *'
try 'an account name with its NetBIOS domain' 'CONTOSO\anna' anna@contoso.example '250 *'
try 'the same in small letters' 'contoso\anna' anna@contoso.example '250 *'
try 'an apostrophe' "kim.o'neil@contoso.example" "kim.o'neil@contoso.example" '250 *'
try 'every character of a user principal name' "$odd" "$odd" '250 *'
try 'a NetBIOS domain of nobody' 'FABRIKAM\anna' anna@contoso.example '5?? 5.7.139 *'
try 'a blank in a name' 'anna berg' anna@contoso.example '535 *'
try 'a letter that is not ASCII' 'jürgen@contoso.example' anna@contoso.example '[45]?? *'
try 'and then an honest one' anna@contoso.example anna@contoso.example '250 *'
is 'a program on the relay, without a login' \
    "$(python3 tests/interop/client.py "$SMTP25" --source 127.0.0.1 --from cleo@contoso.example guest@adatum.example)" '554 5.7.1*'
printf 'Subject: cron\n\nmade up\n' | sendmail -C "$T/postfix" -f root@contoso.example guest@adatum.example
is 'cron, through sendmail(1)' "$? $(relay_wait arrived && echo arrived)" '0 arrived'
exit $status
