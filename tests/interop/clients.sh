#!/bin/bash
# Mail clients that programs are built on: each sends what it may, and says in postern's own words what it may not, over one
# connection a message. TAP lines. Needs root, Postfix and the clients: "make check-clients".
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
T=
clients=$PWD/tests/interop/clients

send_ruby() { ruby "$clients/mail.rb" "$SMTP" "$1"; }
send_phpmailer() { php "$clients/mail.php" "$SMTP" "$1"; }
send_jakarta_mail()
{
    java -cp "/usr/share/java/jakarta-mail.jar:/usr/share/java/jakarta-activation.jar" "$clients/Mail.java" "$SMTP" "$1"
}
send_nodemailer() { NODE_PATH=/usr/share/nodejs:/usr/lib/nodejs node "$clients/mail.js" "$SMTP" "$1"; }
send_curl()
{
    curl -sS -v --url "smtp://127.0.0.1:$SMTP/client.contoso.example" --ssl-reqd -k --user "$1:secret" --mail-from "$1" \
        --mail-rcpt guest@adatum.example -T <(printf 'From: %s\r\nSubject: made up\r\n\r\nmade up\r\n' "$1") && echo sent
}
send_msmtp()
{
    printf 'From: %s\nSubject: made up\n\nmade up\n' "$1" | msmtp --file=/dev/null --host=127.0.0.1 --port="$SMTP" --tls=on \
        --tls-certcheck=off --auth=plain --user="$1" --passwordeval='echo secret' --from="$1" guest@adatum.example && echo sent
}

six() { [ "$(relay_arrived)" -ge 6 ]; }
connections() { grep -c 'submission/smtpd.*: connect from' "$T/maillog"; }

# try CLIENT WHAT LOGIN WANTED-PATTERN: what it says, and how often it connects.
try()
{
    local before said
    before=$(connections)
    said=$("send_$1" "$3" 2>&1 | tr '\r\n' '  ')
    is "$1, $2" "$said" "$4"
    relay_wait connected_since "$before"
    is "$1, $2: one connection" "$(($(connections) - before))" 1
}
connected_since() { [ "$(connections)" -gt "$1" ]; }

for variant in milter policyd; do
    make_relay '{ name = "few"; per = "user"; count = "messages"; rate = "6/d"; burst = 6; then = "defer"; }'
    relay_start "$variant" || exit 1
    relay_wait connected_since 0 # the look whether it listens
    for client in ruby phpmailer jakarta_mail nodemailer curl msmtp; do
        try $client "$variant, who may" anna@contoso.example '*sent*'
        try $client "$variant, who may not" bert@contoso.example '*Authentication unsuccessful, *is disabled for the*'
    done
    for client in ruby phpmailer jakarta_mail nodemailer curl msmtp; do
        try $client "$variant, over a limit" anna@contoso.example '*[Ss]ending rate exceeded*'
    done
    is "$variant: what arrived was sent once" "$(relay_wait six && relay_arrived)" 6
    relay_stop
done
exit $status
