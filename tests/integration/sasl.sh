#!/bin/bash
# postern-sasl between a real Postfix and a real Dovecot: who may not send is refused at AUTH by every mechanism, a wrong password
# stays one, and when the door or Dovecot is gone, the client gets 454. TAP lines. Needs root, Postfix and Dovecot.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

# Settings for both versions of Dovecot: any name, no delays, a master user, tokens and certificates.
common='
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
auth_master_user_separator = *
auth_ssl_username_from_cert = yes
'
case $(dovecot --version) in
2.[0-3].*) master='auth_username_chars =
passdb {
  driver = passwd-file
  args = MASTERS
  master = yes
}
passdb {
  driver = static
  mechanisms = external
  args = nopassword=yes
}
' ;;
*) master='auth_username_chars =
passdb masters {
  driver = passwd-file
  passwd_file_path = MASTERS
  default_password_scheme = PLAIN
  master = yes
}
passdb certificates {
  driver = static
  mechanisms_filter = external
  fields {
    nopassword = yes
  }
}
' ;;
esac
make_relay '' 'sasl = { listen = "unix:SOCKET"; upstream = "unix:UPSTREAM"; }; sender = { envelope = "any"; header_from = "any"; };
    tenants = ( { name = "contoso"; domains = ["contoso.example"]; netbios = ["CONTOSO"]; } );'
sed -i "s|SOCKET|$T/run/sasl.sock|; s|UPSTREAM|$T/queue/private/auth|" "$T/postern.conf"
long=$(printf 'x%.0s' $(seq 4096))
# shellcheck disable=SC1003
printf '%s:{PLAIN}secret\n' bert 'contoso\\bert' 'contoso\\anna' 'anna berg' 'jürgen@contoso.example' "$long" >>"$T/users"
printf 'keeper:{PLAIN}master\n' >"$T/masters"
chmod a+r "$T/masters"
export RELAY_SASL=1 RELAY_MECHANISMS='plain login cram-md5 scram-sha-256 xoauth2 oauthbearer external'
export RELAY_DOVECOT="$common${master/MASTERS/$T/masters}"
relay_start both || exit 1

# auth MECHANISM USER [SECRET] [OPTIONS]: the reply to AUTH.
auth()
{
    local mechanism=$1 user=$2 secret=${3:-secret}
    [ $# -le 2 ] && shift 2 || shift 3
    python3 tests/integration/sasl_client.py "$@" "$SMTP" "$mechanism" "$user" "$secret" 2>&1
}
refused='535 5.7.8 Error: authentication failed: 5.7.139 *'

for mechanism in PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256; do
    is "$mechanism: who may signs in" "$(auth $mechanism anna@contoso.example)" '235 2.7.0 *'
    is "$mechanism: who may not is refused" "$(auth $mechanism bert@contoso.example)" "$refused"
    is "$mechanism: a wrong password is one" "$(auth $mechanism anna@contoso.example wrong)" '535 5.7.8 Error: authentication failed: *'
done
for mechanism in XOAUTH2 OAUTHBEARER; do
    is "$mechanism: who may signs in" "$(auth $mechanism anna@contoso.example "$(relay_token anna@contoso.example)")" '235 2.7.0 *'
    is "$mechanism: who may not is refused" "$(auth $mechanism bert@contoso.example "$(relay_token bert@contoso.example)")" "$refused"
    is "$mechanism: a bad token is one" "$(auth $mechanism anna@contoso.example "$(relay_token bert@contoso.example)x")" '535 5.7.8 *'
done
is 'the words are those of the reply at RCPT' "$(auth PLAIN bert@contoso.example | sed 's/.*failed: //')" \
    "$("$BIN/postern" -c "$T/postern.conf" explain --json --user bert@contoso.example --method PLAIN --sender bert@contoso.example \
        --recipient guest@adatum.example | jq -r .reply | sed 's/^5[0-9][0-9] //' | cut -c 1-200)"
is 'who signed in sends' "$(submit anna@contoso.example)" '250*'
# Postfix does not say what a client's certificate names, so this is said to the door itself.
door()
{
    python3 tests/integration/sasl_client.py --door "$T/run/sasl.sock" --parameters "rip=192.0.2.9 secured valid-client-cert cert_username=$1" EXTERNAL '' ''
}
is "EXTERNAL: who may signs in" "$(door anna@contoso.example)" 'OK 1 user=anna@contoso.example*'
is "EXTERNAL: who may not is refused" "$(door bert@contoso.example)" 'FAIL 1 user=bert@contoso.example reason=5.7.139 *'

is 'a master user who signs in as one who may' "$(auth PLAIN 'anna@contoso.example*keeper' master)" '235 *'
is 'and as one who may not' "$(auth PLAIN 'bert@contoso.example*keeper' master)" "$refused"
is 'a name with a backslash' "$(auth PLAIN 'CONTOSO\bert') $(auth PLAIN 'contoso\anna')" "$refused 235 *"
is 'an alias of one who may not' "$(auth LOGIN bert)" "535 5.7.8 Error: authentication failed: 5.7.*"
is 'a name with a blank is a name of nobody' "$(auth PLAIN 'anna berg')" '535 5.7.8 Error: authentication failed: 5.*'
is 'a name with a tab' "$(auth PLAIN $'anna\tberg')" '535 *'
is 'a name that is not ASCII' "$(auth PLAIN 'jürgen@contoso.example')" '535 *'
is 'a name of 4 KiB' "$(auth LOGIN "$long")" '535 *'
is 'a line that is too long' "$(auth LOGIN "$long$long")" '[45]?? *'
is 'a dialogue that breaks off' "$(auth LOGIN anna@contoso.example secret --break-off | tr '\n' ' ')" '501 *235 *'
is 'and another login after it' "$(auth PLAIN anna@contoso.example)" '235 *'
is 'who leaves before the answer' "$(python3 tests/integration/sasl_client.py --door "$T/run/sasl.sock" --parameters rip=192.0.2.44 --leave PLAIN anna@contoso.example wrong)" left
becomes 'has failed nevertheless' 'grep -c "reason=auth-failed.*client=192.0.2.44" "$T/sasl.log"' 1
is 'the log has the refusal with its stage' "$(grep -c 'event=decision action=reject reason=mailbox-disabled by=sasl stage=auth login=bert@contoso.example.*client=127.9.1.1 method=PLAIN' "$T/sasl.log")" '[1-9]*'
becomes 'postern log has it, too' '"$BIN/postern" -c "$T/postern.conf" log --csv --user bert@contoso.example | grep -c "mailbox-disabled.*sasl,auth"' '[1-9]*'
is 'postern status knows the door' "$("$BIN/postern" -c "$T/postern.conf" status | grep -c 'postern-sasl\|sasl.sock')" '[2-9]'
is 'and so do the metrics' "$("$BIN/postern" -c "$T/postern.conf" metrics | grep 'postern_listener_up{program="postern-sasl"')" '* 1'
is 'and no password' "$(grep -c 'secret\|c2VjcmV0' "$T/sasl.log")" 0

sed -i 's/tls = { required = false; };/tls = { required = true; };/' "$T/postern.conf"
relay_reload sasl
plain() { python3 tests/integration/sasl_client.py --door "$T/run/sasl.sock" --parameters "$1" PLAIN anna@contoso.example secret; }
is 'without TLS, where it is required' "$(plain 'rip=192.0.2.9')" 'FAIL 1 user=anna@contoso.example reason=5.7.0 Must issue a STARTTLS command first'
is 'and with it, as Postfix and Dovecot 2.4 say it' "$(plain 'rip=192.0.2.9 secured') $(plain 'rip=192.0.2.9 secured=tls')" 'OK 1 * OK 1 *'
sed -i 's/tls = { required = true; };/tls = { required = false; };/' "$T/postern.conf"
relay_reload sasl

# remembers PID TEXT...: how many of the texts are in the memory of that process.
remembers()
{
    python3 - "$@" <<'END'
import sys
pid, *texts = sys.argv[1:]
found = set()
with open("/proc/%s/maps" % pid) as maps, open("/proc/%s/mem" % pid, "rb", 0) as memory:
    for line in maps:
        start, end = (int(x, 16) for x in line.split()[0].split("-"))
        if "w" not in line.split()[1] or end - start > 1 << 28:
            continue
        try:
            memory.seek(start)
            data = memory.read(end - start)
        except (OSError, ValueError, OverflowError):
            continue
        found |= {text for text in texts if text.encode() in data}
print(len(found))
END
}
sasl=$(cat "$T/sasl.pid")
is 'a wrong password that is easy to find' "$(auth LOGIN anna@contoso.example hunted-for-PASSWORD) $(auth PLAIN bert@contoso.example hunted-for-PASSWORD)" '535 *535 *'
is 'is in no memory of the door' \
    "$(remembers "$sasl" "$(printf hunted-for-PASSWORD | base64)" "$(printf '\0bert@contoso.example\0hunted-for-PASSWORD' | base64)" hunted-for-PASSWORD)" 0
is 'where what else it knows is found' "$(remembers "$sasl" "$T/run/sasl.sock")" 1
is 'and it leaves no core' "$(sed -n 's/^Max core file size *\([0-9]*\) .*/\1/p' "/proc/$sasl/limits")" 0

sed -i 's/^preset/mode = "monitor"; preset/' "$T/postern.conf"
relay_reload sasl
is 'in monitor mode who may not signs in' "$(auth PLAIN bert@contoso.example)" '235 *'
becomes 'and that is said' 'grep -c "stage=auth.*bert@contoso.example.*would=mailbox-disabled" "$T/sasl.log"' 1
sed -i 's/mode = "monitor"; //' "$T/postern.conf"
relay_reload sasl

# ---- what fails ----

stop_dovecot()
{
    local pid
    pid=$(cat "$T/dovecot/master.pid")
    # shellcheck disable=SC2046 # words are what is wanted: its auth process would live on
    kill -9 $(pgrep -P "$pid") "$pid"
    rm "$T/dovecot/master.pid"
    relay_wait eval "! relay_listens_at $T/queue/private/auth"
}
start_dovecot() { dovecot -c "$T/dovecot.conf" >>"$T/dovecot.log" 2>&1 && relay_wait relay_listens_at "$T/queue/private/auth"; }

# An smtpd whose client has been greeted: only then something is to be answered. python's client says what it hears.
cat >"$T/steps.py" <<'END'
import base64, smtplib, ssl, subprocess, sys

port, stop, start = sys.argv[1:]
client = smtplib.SMTP("127.0.0.1", int(port), timeout=120, source_address=("127.9.1.2", 0))
client.starttls(context=ssl._create_unverified_context())
client.ehlo()
response = "PLAIN " + base64.b64encode(b"\0anna@contoso.example\0secret").decode()
print(client.docmd("AUTH", "LOGIN")[0])
subprocess.run(["bash", "-c", stop], check=True)
print(client.docmd(base64.b64encode(b"anna@contoso.example").decode())[0])
print(client.docmd("AUTH", response)[0])
subprocess.run(["bash", "-c", start], check=True)
print(client.docmd("AUTH", response)[0])
END
export -f stop_dovecot start_dovecot relay_wait relay_listens_at relay_die
export T RELAY_WAIT_S
is 'Dovecot that is gone is 454, and back again 235' "$(python3 "$T/steps.py" "$SMTP" stop_dovecot start_dovecot | tr '\n' ' ')" '334 454 454 235 '
export BIN sasl
restart_door() { "$BIN/postern-sasl" -c "$T/postern.conf" >>"$T/sasl.log" 2>&1 & echo $! >"$T/sasl.pid"; relay_wait relay_listens_at "$T/run/sasl.sock"; }
export -f restart_door
is 'a door that is gone is 454, and back again 235' "$(python3 "$T/steps.py" "$SMTP" "kill -9 $sasl" restart_door | tr '\n' ' ')" '334 454 454 235 '
wait "$sasl" 2>/dev/null
relay_pids="$relay_pids $(cat "$T/sasl.pid")"
is 'one who may not is still refused' "$(auth PLAIN bert@contoso.example)" "$refused"
is 'nothing came out of the sanitizers' "$(cat "$T"/*.log | grep -c 'ERROR: \|runtime error')" 0
exit $status
