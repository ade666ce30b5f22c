#!/bin/bash
# "postern check-postfix" against real Postfix configurations: the shipped one is clean, and each way to make postern useless
# or harmful is named, with the file and line to change and an exit status. TAP lines. Needs root and Postfix.
# shellcheck disable=SC2016 # $ stands in Postfix's files and sed's addresses
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh
POSTERN=${BUILD:-build/asan}/postern
T=

# What the checks are made on: the shipped snippets, with sockets in $F/run as Postfix would find them.
F=$(mktemp -d /tmp/postern-check-postfix.XXXXXX)
trap 'relay_stop; kill "$sockets" 2>/dev/null; rm -rf "$F"' EXIT
chmod 755 "$F"
mkdir -p "$F/run" "$F/lib" "$F/queue/postern" "$F/shipped"
cat >"$F/postern.conf" <<END
directory = "$F/lib/directory";
state = { file = "$F/lib/state"; entries = 1024; };
connectors = ( { name = "printers"; networks = ["192.0.2.0/24"]; } );
policyd = { listen = "unix:$F/run/policyd.sock"; };
milter = { listen = "unix:$F/run/milter.sock"; };
END
python3 - "$F/run/policyd.sock" "$F/run/milter.sock" <<'END' &
import os, signal, socket, sys
listeners = []
for path in sys.argv[1:]:
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    os.chmod(path, 0o660)
    s.listen()
    listeners.append(s)
signal.pause()
END
sockets=$!
relay_wait test -S "$F/run/milter.sock"
chgrp postfix "$F/run" "$F/run/policyd.sock" "$F/run/milter.sock" && chmod 2750 "$F/run"
{
    echo 'compatibility_level = 3.6'
    sed -e "s|/run/postern/|$F/run/|" -e 's|^mynetworks = .*|mynetworks = 127.0.0.1/32 192.0.2.0/25|' conf/postfix/main.cf
    echo "queue_directory = $F/queue"
} >"$F/shipped/main.cf"
cp conf/postfix/master.cf "$F/shipped/master.cf"

# with MAIN-SED MASTER-SED: a configuration that differs from the shipped one by these.
with()
{
    rm -rf "$F/pf"
    cp -r "$F/shipped" "$F/pf"
    [ -z "$1" ] || sed -i -e "$1" "$F/pf/main.cf"
    [ -z "${2:-}" ] || sed -i -e "$2" "$F/pf/master.cf"
    relay_settled "$F/pf/main.cf"
}

check() { "$POSTERN" -c "$F/postern.conf" check-postfix --config-dir "$F/pf" "$@" 2>"$F/stderr"; }

# finds WHAT ID STATUS WHERE-PATTERN MAIN-SED [MASTER-SED]: that rule is named there, with that exit status.
finds()
{
    local what=$1 id=$2 status=$3 where=$4 got
    with "$5" "${6:-}"
    check --json >"$F/json"
    got=$?
    got="$got $(python3 -c '
import json, sys
for f in json.load(open(sys.argv[1]))["findings"]:
    if f["id"] == sys.argv[2]:
        print(f["where"], "|", f["advice"])
        break
' "$F/json" "$id")"
    is "$what" "$got" "$status $where"
}

with '' ''
check >"$F/text"
is 'the shipped configuration has nothing to change but what only time can show' "$? $(grep -c '^critical\|^high\|^medium' "$F/text")" '[03] 0'

relay='/^postern_relay_restrictions/,/reject_unauth/'
finds 'a service with logins that asks nobody' not-asked 5 'master.cf:* submission*' '' '/smtpd_milters\|_restrictions/d'
finds 'the end of the message is not asked about' cannot-count 4 '*end_of_data*' '' '/smtpd_milters\|end_of_data/d'
finds 'permit_mynetworks in front of postern, with the milter behind it' permit-in-front 3 'main.cf:*postern_relay_restrictions*check_policy_service*' \
    "$relay{/check_policy/d};s/^    permit_mynetworks/    permit_mynetworks check_policy_service \$postern_policy/"
finds 'the same without a milter' permit-in-front 5 '*' \
    "$relay{/check_policy/d};s/^    permit_mynetworks/    permit_mynetworks check_policy_service \$postern_policy/" /smtpd_milters/d
finds 'warn_if_reject in front of postern' warn-only 4 '*remove warn_if_reject*' 's/^    check_policy_service/    warn_if_reject check_policy_service/'
finds 'the client list without delay, before there is a login' early-stage 4 '*smtpd_delay_reject = yes' \
    's/^smtpd_delay_reject.*/smtpd_delay_reject = no/' 's/smtpd_relay_restrictions=/smtpd_client_restrictions=/'
finds 'the policy service fails open' policy-default-action 5 '*451*' 's/default_action = 451[^}]*/default_action = DUNNO /'
finds 'the policy service fails open by the general default' policy-default-action 5 'main.cf:*smtpd_policy_service_default_action*' \
    's/^postern_policy =/smtpd_policy_service_default_action = permit\npostern_policy =/;s/timeout=20s, { default_action[^}]*}/timeout=20s/'
finds 'the milter fails open' milter-default-action 5 '*tempfail' 's/default_action=tempfail/default_action=accept/'
finds 'an old milter protocol with other macros hides the login' milter-macros 4 'main.cf:*' '$a milter_protocol = 4\nmilter_mail_macros = i' ''
finds 'a map that switches the milter off' milter-switched-off 3 '*' '$a smtpd_milter_maps = inline:{192.0.2.1=DISABLE}'
finds 'bare newlines are taken' bare-newline 4 'main.cf:* smtpd_forbid_bare_newline*normalize' 's/^smtpd_forbid_bare_newline = .*/smtpd_forbid_bare_newline = no/'
finds 'a chrooted service cannot reach the socket' socket-chroot 4 '*unix:postern/*' '' '/^submission/s/       n       -       -/       y       -       -/'
finds 'a socket that nobody made' socket-missing 4 '*' "s|$F/run/milter|$F/lib/milter|"
finds 'an address at which postern does not listen' wrong-socket 4 '*' "s|$F/run/milter.sock|$F/run/postern-old.sock|"
finds 'a policy timeout that the client does not outwait' timeout 3 '*timeout=20s*' 's/timeout=20s, //'
finds 'networks that no connector has' mynetworks 4 'main.cf:* mynetworks*remove 198.51.100.0/24*' 's|^mynetworks = .*|mynetworks = 127.0.0.1 192.0.2.0/24 198.51.100.0/24|'
finds 'networks that are wider than the connector' mynetworks 4 '*192.0.2.0/23*' 's|^mynetworks = .*|mynetworks = 192.0.2.0/23|'
finds 'passwords without TLS' tls-auth-only 4 '*' 's/^smtpd_tls_auth_only.*/smtpd_tls_auth_only = no/'
finds 'anonymous logins' sasl-anonymous 4 'master.cf:*' '' 's/=noanonymous/=/'
finds 'a network that may claim any login' xclient 4 '*' '$a smtpd_authorized_xclient_hosts = 203.0.113.0/24'
finds 'refusals that are not final' soft-bounce 3 '*' '$a soft_bounce = yes'
finds 'local mail through the milter' local-milter 3 '*' '$a non_smtpd_milters = $postern_milter'
finds 'no service with logins' no-service 4 '*' '' '/sasl_auth_enable/d'
chmod 700 "$F/run"
chown root:root "$F/run"
finds 'a socket that Postfix may not reach' socket-permission 4 '*' ''
chgrp postfix "$F/run" && chmod 2750 "$F/run"

with 's/^smtpd_tls_auth_only.*/smtpd_tls_auth_only = no/' ''
check --junit >"$F/junit.xml"
is 'JUnit XML has one failure for it' "$(python3 -c '
import sys, xml.etree.ElementTree as e
s = e.parse(sys.argv[1]).getroot()[0]
print(s.get("failures"), [c.get("name").split(":")[0] for c in s if c.find("failure") is not None and "tls" in c.get("name")])
' "$F/junit.xml")" "[12] \['tls-auth-only'\]"
echo 'hello' >"$F/pf/main.cf"
relay_settled "$F/pf/main.cf"
printf 'x\n' >"$F/pf/master.cf"
check >/dev/null
is 'a configuration that postconf cannot read is no finding' "$? $(cat "$F/stderr")" '1 *postconf*'

# The relay of the demonstration, running, with a message behind it: nothing that should be changed.
make_relay '{ name = "m"; per = "user"; count = "messages"; rate = "100/m"; then = "defer"; }'
relay_start both || exit 1
is 'a message is taken' "$(submit anna@contoso.example)" '250*'
sleep 2
"$POSTERN" -c "$T/postern.conf" check-postfix --config-dir "$T/postfix" >"$F/live" 2>&1
is 'a running relay as shipped is clean' "$? $(grep -v '^not seen' "$F/live" | grep -A2 '^critical\|^high\|^medium\|^low' | tr '\n' ' ')" '0 '
exit $status
