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
python3 - "$F/run/policyd.sock" "$F/run/milter.sock" "$F/run/sasl.sock" "$F/run/dovecot.sock" <<'END' &
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
relay_wait relay_listens_at "$F/run/dovecot.sock"
chgrp postfix "$F/run" "$F"/run/*.sock && chmod 2750 "$F/run"
{
    echo 'compatibility_level = 3.6'
    sed -e "s|/run/postern/|$F/run/|" -e 's|^mynetworks =.*|mynetworks = 192.0.2.0/25|' conf/postfix/main.cf
    echo "queue_directory = $F/queue"
} >"$F/shipped/main.cf"
cp conf/postfix/master.cf "$F/shipped/master.cf"
cp conf/exchange-online-networks "$F"

# with MAIN-SED MASTER-SED: a configuration that differs from the shipped one by these.
with()
{
    rm -rf "$F/pf"
    cp -r "$F/shipped" "$F/pf"
    [ -z "$1" ] || sed -i -e "$1" "$F/pf/main.cf"
    [ -z "${2:-}" ] || sed -i -e "$2" "$F/pf/master.cf"
    relay_settled "$F/pf/main.cf"
}

# Of postern.conf with this setting, in the place of the one of that name: the file's name.
settings()
{
    [ -n "$1" ] || { echo "$F/postern.conf"; return; }
    { grep -v "^${1%% *} =" "$F/postern.conf"; echo "$1"; } >"$F/other.conf"
    echo "$F/other.conf"
}
check() { "$POSTERN" -c "${CONF:-$F/postern.conf}" check-postfix --config-dir "$F/pf" "$@" 2>"$F/stderr"; }

# finds WHAT ID STATUS WHERE-PATTERN MAIN-SED [MASTER-SED [SETTINGS]]: that rule is named there, with that exit status. SETTINGS:
# of postern.conf.
finds()
{
    local what=$1 id=$2 status=$3 where=$4 got
    with "$5" "${6:-}"
    CONF=$(settings "${7:-}") check --json >"$F/json"
    got=$?
    got="$got $(python3 -c '
import json, sys
for f in json.load(open(sys.argv[1]))["findings"]:
    if f["id"] == sys.argv[2]:
        print(f["where"], "|", f["advice"])
        break
' "$F/json" "$id")"
    is "$what" "$got" "$status $where"
    paste "$what" "$id" "$got" "${7:-}"
}

# The command of a finding, run as it is printed, ends that finding. (This Postfix does not run: no reload.)
paste()
{
    local command evidence
    command=$(grep -o '\(postconf\|sed -i\) .* && postfix -c .* reload' <<<"$3")
    command=${command% && postfix -c *}
    [ -n "$command" ] || return 0
    evidence=$(evidence_of "$2")
    evidence=${evidence%%$'\n'*}
    bash -c "$command" || echo "not ok $1: the command fails"
    relay_settled "$F/pf/main.cf"
    CONF=$(settings "$4") check --json >"$F/json"
    is "$1: its command helps" "$(evidence_of "$2" | grep -Fx "$evidence")" ''
}
# evidence_of ID: of all findings of that rule.
evidence_of()
{
    python3 -c '
import json, sys
for f in json.load(open(sys.argv[1]))["findings"]:
    if f["id"] == sys.argv[2]:
        print(f["evidence"])
' "$F/json" "$1"
}
state()
{
    python3 -c '
import json, sys
print([r["state"] for r in json.load(open(sys.argv[1]))["rules"] if r["id"] == sys.argv[2]])
' "$F/json" "$1"
}

# lacks WHAT ID MAIN-SED [MASTER-SED [SETTINGS]]: that rule is kept.
lacks()
{
    with "$3" "${4:-}"
    CONF=$(settings "${5:-}") check --json >"$F/json"
    is "$1" "$(state "$2")" '*passed*'
}

with '' ''
check >"$F/text"
is 'the shipped configuration has nothing to change but what only time can show' "$? $(grep -c '^critical\|^high\|^medium' "$F/text")" '[03] 0'

relay='/^postern_relay_restrictions/,/reject_unauth/'
finds 'a service with logins that asks nobody' not-asked 5 'master.cf:* submission*postconf*-P '\''submission/inet/smtpd_relay_restrictions=$postern_relay_restrictions'\''*reload' \
    '' '/smtpd_milters\|_restrictions/d'
# An smtpd whose lists are an undefined parameter refuses to start.
finds 'the same where main.cf has nothing of postern' not-asked 5 "master.cf:* submission*postern setup-postfix --dry-run --config-dir '$F/pf' *--apply*" \
    '/^postern_/,/^    [c{]/d;/^    /d' '/smtpd_milters\|_restrictions/d'
finds 'the end of the message is not asked about, with no list to name' cannot-count 4 '*postern setup-postfix --dry-run *' \
    '/^postern_end_of_data/,/check_policy/d' '/smtpd_milters\|end_of_data/d'
finds 'the end of the message is not asked about' cannot-count 4 '*postconf*end_of_data_restrictions*' '' '/smtpd_milters\|end_of_data/d'
finds 'permit_mynetworks in front of postern, with the milter behind it' permit-in-front 3 'main.cf:*postern_relay_restrictions*postconf*postern_relay_restrictions = check_policy_service $postern_policy permit_mynetworks permit_sasl*' \
    "$relay{/check_policy/d};s/^    permit_mynetworks/    permit_mynetworks check_policy_service \$postern_policy/"
finds 'the same without a milter' permit-in-front 5 '*' \
    "$relay{/check_policy/d};s/^    permit_mynetworks/    permit_mynetworks check_policy_service \$postern_policy/" /smtpd_milters/d
# in_front WORDS, behind WORDS: sed for main.cf: the words in front of postern, or behind it where networks are permitted.
in_front() { printf 's|^    check_policy_service|    %s check_policy_service|' "$1"; }
behind() { printf 's|^    permit_mynetworks|    permit_mynetworks %s|' "$1"; }
finds 'clients with a certificate in front' permit-in-front 5 '*' "$(in_front 'permit_tls_clientcerts')" /smtpd_milters/d
printf '192.0.2.9 OK\n' >"$F/clients"
printf '/^198\\.51\\./ REJECT\n!/^203/i  permit_mynetworks, reject\n' >"$F/clients.re"
printf '192.0.2.9 REJECT OK then\n198.51.100.7 550 no\n' >"$F/refused"
finds 'a table of clients in front that says OK' permit-in-front 5 '*' "$(in_front "check_client_access texthash:$F/clients")" /smtpd_milters/d
finds 'patterns in front that permit' permit-in-front 5 '*' "$(in_front "check_client_access regexp:$F/clients.re")" /smtpd_milters/d
finds 'logins of a table in front' permit-in-front 5 '*' "$(in_front 'check_sasl_access inline:{anna@contoso.example=OK}')" /smtpd_milters/d
finds 'a table in front that says nobody knows what' permit-in-front 3 '*' "$(in_front "check_client_access ldap:$F/ldap.cf")" /smtpd_milters/d
finds 'a restriction class in front that permits' permit-in-front 5 '*' \
    "$(in_front friends);\$a smtpd_restriction_classes = friends\nfriends = reject_unknown_sender_domain permit_inet_interfaces" /smtpd_milters/d
lacks 'a table in front that only refuses' permit-in-front "$(in_front "check_client_access texthash:$F/refused")" /smtpd_milters/d
lacks 'postern in a restriction class' not-asked "$relay{s/^    check_policy_service.*/    postern_first/};\$a smtpd_restriction_classes = postern_first\npostern_first = check_policy_service \$postern_policy" /smtpd_milters/d
finds 'certificates that nobody but Postfix knows' permit-unknown 4 'main.cf:*postern_relay_restrictions*unauthenticated = "reject"*' "$(behind 'permit_tls_clientcerts')"
lacks 'certificates that a connector names' permit-unknown "$(behind permit_tls_clientcerts)" '' \
    'connectors = ( { name = "erp"; ccert_subjects = ["erp.contoso.example"]; } );'
finds 'a table behind postern that lets strangers relay' permit-unknown 4 '*' "$(behind 'check_client_access inline:{198.51.100.1=OK}')"
lacks 'a table behind postern of a connector'\''s clients' permit-unknown "$(behind "check_client_access texthash:$F/clients")"
lacks 'a table of logins behind postern' permit-unknown "$(behind 'check_sasl_access static:OK')"
lacks 'what permits behind the last word' permit-unknown 's/^    reject_unauth_destination/    reject_unauth_destination permit/'
finds 'asked twice about each recipient' listed-twice 3 'main.cf:* smtpd_recipient_restrictions*postconf*smtpd_recipient_restrictions =*' \
    '$a smtpd_recipient_restrictions = check_policy_service $postern_policy'
finds 'the milter twice' listed-twice 3 '*smtpd_milters*once*' '' 's/=\$postern_milter/=$postern_milter,$postern_milter/'
lacks 'an smtpd at a UNIX socket, for this host' not-asked '' '$a inside unix n - n - - smtpd\n  -o smtpd_relay_restrictions=permit_mynetworks,reject'
finds 'asked in other words at the end' other-words 3 'main.cf:* postern_end_of_data_restrictions*$postern_policy*' \
    '/^postern_end_of_data/,/check_policy/s/\$postern_policy/{ unix:RUN\/policyd.sock, timeout=25s, { default_action = 451 4.3.5 busy } }/;s|RUN|'"$F"'/run|'
finds 'bytes, asked at DATA alone' no-bytes 3 '*end_of_data_restrictions*' '' \
    '/smtpd_milters/d;s/smtpd_end_of_data_restrictions=/smtpd_data_restrictions=/' 'limits = ( { name = "b"; per = "user"; count = "bytes"; rate = "1M/h"; burst = "1M"; } );'
finds 'the same where no limit counts bytes' no-bytes 0 '*' '' '/smtpd_milters/d;s/smtpd_end_of_data_restrictions=/smtpd_data_restrictions=/' 'preset = "none";'
finds 'warn_if_reject in front of postern' warn-only 4 '*postern_relay_restrictions = check_policy_service*' 's/^    check_policy_service/    warn_if_reject check_policy_service/'
finds 'the client list without delay, before there is a login' early-stage 4 '*smtpd_delay_reject = yes*' \
    's/^smtpd_delay_reject.*/smtpd_delay_reject = no/' 's/smtpd_relay_restrictions=/smtpd_client_restrictions=/'
finds 'the policy service fails open' policy-default-action 5 '*sed -i*DUNNO*451*main.cf*' 's/default_action = 451[^}]*/default_action = DUNNO /'
finds 'the policy service fails open by the general default' policy-default-action 5 'main.cf:*smtpd_policy_service_default_action = 451*' \
    's/^postern_policy =/smtpd_policy_service_default_action = permit\npostern_policy =/;s/timeout=20s, { default_action[^}]*}/timeout=20s/'
finds 'the milter fails open' milter-default-action 5 '*default_action=tempfail*' 's/default_action=tempfail/default_action=accept/'
finds 'an old milter protocol with other macros hides the login' milter-macros 4 'main.cf:*postconf*-X*' '$a milter_protocol = 4\nmilter_mail_macros = i' ''
finds 'a map that switches the milter off' milter-switched-off 3 '*' '$a smtpd_milter_maps = inline:{192.0.2.1=DISABLE}'
finds 'milters switched off, without a policy service' no-milters 5 "main.cf:*receive_override_options*receive_override_options = no_header_body_checks'*" \
    "\$a receive_override_options = no_header_body_checks no_milters
$relay{/check_policy/d}" '/end_of_data/d'
finds 'milters switched off for one service, with a policy service' no-milters 4 'master.cf:*submission -o receive_override_options*' '' \
    's/^  -o smtpd_sasl_path.*/&\n  -o receive_override_options=no_milters/'
finds 'a filter before the queue, with the milter alone' before-queue-filter 5 'main.cf:*content_filter=smtp:\[127.0.0.1\]:10024*' \
    "\$a smtpd_proxy_filter = 127.0.0.1:10024
$relay{/check_policy/d}" '/end_of_data/d'
finds 'the milter alone does not count behind such a filter' cannot-count 5 '*' "\$a smtpd_proxy_filter = 127.0.0.1:10024
$relay{/check_policy/d}" '/end_of_data/d'
finds 'a filter before the queue, with both' before-queue-filter 4 '*' '$a smtpd_proxy_filter = 127.0.0.1:10024'
lacks 'a filter before the queue, with the policy service alone' before-queue-filter '$a smtpd_proxy_filter = 127.0.0.1:10024' '/smtpd_milters/d'
finds 'another milter in front' milter-not-first 3 "master.cf:*smtpd_milters=\$postern_milter,inet:127.0.0.1:8891'*" '' 's/=\$postern_milter/=inet:127.0.0.1:8891,$postern_milter/'
finds 'another milter in front, and no policy service' milter-not-first 4 '*' "$relay{/check_policy/d}" '/end_of_data/d;s/=\$postern_milter/=inet:127.0.0.1:8891,$postern_milter/'
lacks 'another milter behind postern' milter-not-first '' 's/=\$postern_milter/=$postern_milter,inet:127.0.0.1:8891/'
way_back='$a 127.0.0.1:10025 inet n - n - - smtpd\n  -o content_filter=\n  -o smtpd_relay_restrictions=$postern_relay_restrictions\n  -o smtpd_milters=$postern_milter'
finds 'the way back from a filter refuses everything' way-back 5 "master.cf:* 127.0.0.1:10025*'127.0.0.1:10025/inet/smtpd_milters='*" \
    '$a content_filter = smtp:[127.0.0.1]:10024' "$way_back" 'unauthenticated = "reject";'
finds 'the way back from a filter asks for nothing' way-back 3 '*' '$a content_filter = smtp:[127.0.0.1]:10024' "$way_back"
lacks 'the way back as the example has it' way-back '$a content_filter = smtp:[127.0.0.1]:10024' 's/^#\(127\|  -o\)/\1/' 'unauthenticated = "reject";'
lacks 'the network of the way back, which is this host' mynetworks '$a content_filter = smtp:[127.0.0.1]:10024' "$way_back"'\n  -o mynetworks=127.0.0.0/8'
finds 'senders that are rewritten after they were judged' sender-rewritten 3 "main.cf:* sender_canonical_maps*smtp_generic_maps = inline:*-X 'sender_canonical_maps'*" \
    '$a sender_canonical_maps = inline:{anna@contoso.local=anna@contoso.example}'
lacks 'recipients that are rewritten' sender-rewritten '$a recipient_canonical_maps = inline:{anna@contoso.local=anna@contoso.example}'
finds 'bare newlines are taken' bare-newline 4 'main.cf:* smtpd_forbid_bare_newline*normalize*' 's/^smtpd_forbid_bare_newline = .*/smtpd_forbid_bare_newline = no/'
finds 'a chrooted service cannot reach the socket' socket-chroot 4 "*postconf*'submission/inet/chroot=n'*unix:postern/*" '' '/^submission/s/       n       -       -/       y       -       -/'
finds 'a socket that nobody made' socket-missing 4 '*systemctl*postern-milter' "s|$F/run/milter|$F/lib/milter|"
finds 'an address at which postern does not listen' wrong-socket 4 "*sed -i 's|unix:*|unix:$F/run/milter*" "s|$F/run/milter.sock|$F/run/postern-old.sock|"
finds 'a policy timeout that the client does not outwait' timeout 3 '*smtpd_policy_service_timeout = 20s*' 's/timeout=20s, //'
finds 'networks that no connector has' mynetworks 4 "main.cf:* mynetworks*'mynetworks = 192.0.2.0/24'*" 's|^mynetworks =.*|mynetworks = 127.0.0.1 192.0.2.0/24 198.51.100.0/24|'
finds 'networks that are wider than the connector' mynetworks 4 "*'mynetworks ='*" 's|^mynetworks =.*|mynetworks = 192.0.2.0/23|'
finds 'the relay itself among the networks' mynetworks 4 "*'mynetworks ='*" 's|^mynetworks =.*|mynetworks = 127.0.0.0/8|'
finds 'networks of Postfix'\''s default' mynetworks 4 "*'mynetworks =*" '/^mynetworks =/d'
finds 'networks of one service' mynetworks 4 'master.cf:*smtp -o mynetworks*' '' '$a\  -o mynetworks=203.0.113.0/24'
finds 'networks that postern refuses' mynetworks 3 '*' 's|^mynetworks =.*|mynetworks = 127.0.0.0/8|' '' 'unauthenticated = "reject";'
cloud='s|^mynetworks =.*|mynetworks = 192.0.2.0/25 40.92.0.0/15 [2a01:111:f403::]/48|'
# connector SETTINGS: one with the networks of Exchange Online.
connector() { echo "connectors = ( { name = \"printers\"; networks = \"192.0.2.0/24\"; }, { name = \"cloud\"; networks_file = \"exchange-online-networks\"; $1 } );"; }
finds 'networks of Exchange Online, which are every customer'\''s' exchange-online-open 5 'main.cf:* mynetworks*connector with senders*' "$cloud"
is 'both of them, and why' "$(evidence_of exchange-online-open)" \
    '*40.92.0.0/15, where Exchange Online sends from (*/exchange-online-networks), and no connector has it: every customer*2a01:111:f403::*'
is 'once, and not as any network' "$(evidence_of mynetworks)" ''
finds 'in a connector that bounds nothing' exchange-online-open 5 '*' "$cloud" '' "$(connector '')"
is 'it is named' "$(evidence_of exchange-online-open)" '*connector cloud does not bound its senders*'
finds 'in one that only watches' exchange-online-open 5 '*' "$cloud" '' "$(connector 'senders = "@contoso.example"; mode = "monitor";')"
lacks 'but not in one with senders' exchange-online-open "$cloud" '' "$(connector 'senders = "@contoso.example";')"
lacks 'nor where postern refuses who has no connector' exchange-online-open "$cloud" '' 'unauthenticated = "reject";'
lacks 'nor other networks' exchange-online-open 's|^mynetworks =.*|mynetworks = 40.96.0.0/13|'
lacks 'nor where nobody relays by network' exchange-online-open "$cloud;$relay{/permit_mynetworks/d}"
echo nothing >"$F/exchange-online-networks"
with "$cloud" ''
check --json >"$F/json"
is 'without a list that can be read the rule is left out' "$(state exchange-online-open)" '*skipped*'
cp conf/exchange-online-networks "$F"
finds 'passwords without TLS' tls-auth-only 4 '*smtpd_tls_auth_only = yes*' 's/^smtpd_tls_auth_only.*/smtpd_tls_auth_only = no/'
finds 'anonymous logins' sasl-anonymous 4 "master.cf:*'submission/inet/smtpd_sasl_security_options=noanonymous'*" '' 's/=noanonymous/=/'
finds 'a network that may claim any login' xclient 4 '*' '$a smtpd_authorized_xclient_hosts = 203.0.113.0/24'
finds 'an XCLIENT of this host alone' xclient 0 '*' '$a smtpd_authorized_xclient_hosts = 127.0.0.1'
fronted='s/^submission /127.0.0.1:10587 /;s/^  -o smtpd_sasl_path.*/&\n  -o smtpd_authorized_xclient_hosts=127.0.0.1'
finds 'a front whose logins are dropped' front 3 "*'127.0.0.1:10587/inet/smtpd_tls_auth_only=no'*" '' "$fronted/"
finds 'a front that postern does not know of' front 3 'master.cf:*smtpd_authorized_xclient_hosts*front = *' '' "$fronted\n  -o smtpd_tls_auth_only=no/"
finds 'a proxy that everybody may pretend to be' proxy-protocol 3 'master.cf:* submission -o smtpd_upstream_proxy_protocol*' '' \
    's/^  -o smtpd_sasl_path.*/&\n  -o smtpd_upstream_proxy_protocol=haproxy/'
lacks 'a proxy on this host' proxy-protocol '' 's/^submission /127.0.0.1:587 /;s/^  -o smtpd_sasl_path.*/&\n  -o smtpd_upstream_proxy_protocol=haproxy/'
finds 'every user of the host sends as anybody' local-submission 3 "*'authorized_submit_users = root'*" '/^authorized_submit_users/d'
finds 'refusals that are not final' soft-bounce 3 '*' '$a soft_bounce = yes'
finds 'queue ids that come again' short-queue-ids 3 "main.cf:* enable_long_queue_ids*'enable_long_queue_ids = yes'*" 's/^enable_long_queue_ids.*/enable_long_queue_ids = no/'
finds 'queue ids that come again, by the default' short-queue-ids 3 "main.cf enable_long_queue_ids*'enable_long_queue_ids = yes'*" '/^enable_long_queue_ids/d'
finds 'the lines of the example behind Debian'\''s own' double-service 4 'master.cf:* smtp *delete one of the two*' '' '1i smtp inet n - y - - smtpd'
finds 'other instances of Postfix' other-instances 3 'main.cf:* multi_instance_directories*--config-dir*' '$a multi_instance_directories = /etc/postfix-out'
lacks 'one instance' other-instances ''
lacks 'services of one name and two types' double-service '' '$a smtp unix - - n - - smtp'
finds 'local mail through the milter' local-milter 3 '*' '$a non_smtpd_milters = $postern_milter'
finds 'no service with logins' no-service 4 '*' '' '/sasl_auth_enable/d'

# The door before Dovecot. SIGNS_IN: where the services of the example sign clients in.
guessing='limits = ( { name = "guessing"; per = "client_net"; count = "auth failures"; rate = "20/h"; burst = 20; then = "block 15m"; } );'
door="sasl = { listen = \"unix:$F/run/sasl.sock\"; upstream = \"unix:$F/run/dovecot.sock\"; };"
SIGNS_IN="s|smtpd_sasl_path=.*|smtpd_sasl_path=unix:$F/run/sasl.sock|"
finds 'a service that signs in past the door' past-the-door 4 "master.cf:* submission -o smtpd_sasl_path*'submission/inet/smtpd_sasl_path=unix:$F/run/sasl.sock'*" '' '' "$door"
finds 'past it by main.cf' past-the-door 4 "main.cf:* smtpd_sasl_path*'smtpd_sasl_path = unix:$F/run/sasl.sock'*" '$a smtpd_sasl_path = private/auth' '/smtpd_sasl_path/d' "$door"
finds 'another SASL server than Dovecot' past-the-door 4 "master.cf:* submission -o smtpd_sasl_type*'submission/inet/smtpd_sasl_type=dovecot'*" '' \
    "$SIGNS_IN;s/smtpd_sasl_type=dovecot/smtpd_sasl_type=cyrus/" "$door"
lacks 'a service that signs in by the door' past-the-door '' "$SIGNS_IN" "$door"
lacks 'the same without a type, which is a UNIX socket for Postfix' past-the-door '' "${SIGNS_IN/unix:/}" "$door"
lacks 'no door' past-the-door '' ''
lacks 'a service without logins' past-the-door '$a smtpd_sasl_path = private/auth' "$SIGNS_IN" "$door"
finds 'a door that is not there' wrong-socket 4 "master.cf:* submission -o smtpd_sasl_path*sasl = *" '' "$SIGNS_IN"
finds 'a door that listens elsewhere' wrong-socket 4 "*'submission/inet/smtpd_sasl_path=unix:$F/run/sasl.sock'*" '' "${SIGNS_IN/run\/sasl/run\/postern-old}" "$door"
finds 'a door outside the chroot' socket-chroot 5 "master.cf:* submission -o smtpd_sasl_path*postconf*'submission/inet/chroot=n'*sasl.listen*" '' \
    "$SIGNS_IN;/^submission/s/       n       -       -/       y       -       -/;/submission/,/^#/{/restrictions\|smtpd_milters/d}" "$door"
finds 'a door that does not run' socket-missing 4 '*systemctl*postern-sasl' '' "s|smtpd_sasl_path=.*|smtpd_sasl_path=unix:$F/lib/sasl.sock|" "${door/run\/sasl/lib/sasl}"
chmod 600 "$F/run/sasl.sock"
finds 'a door that Postfix may not open' socket-permission 4 "*smtpd_sasl_path*chgrp postfix*sasl.sock*" '' "$SIGNS_IN" "$door"
chmod 660 "$F/run/sasl.sock"
if id postern >/dev/null 2>&1; then
    finds 'a door that may not ask Dovecot' door-upstream 4 '*unix_listener auth-postern*' '' "$SIGNS_IN" "$door"
    finds 'a door whose Dovecot is not there' door-upstream 4 '*unix_listener auth-postern*' '' "$SIGNS_IN" "${door/dovecot.sock/nothing.sock}"
fi

# Dovecot's own penalty. doveconf reads one file, which is put in the place of this host's.
dovecot_says()
{
    { echo 'ssl = no'; cat; } >"$F/dovecot.conf"
    [ "$("${DOVECOT[@]}" doveconf -n 2>/dev/null | grep -c '^ssl = no')" = 1 ]
}
DOVECOT=(unshare -m --propagation private sh -c 'mount --bind "$0" /etc/dovecot/dovecot.conf && exec "$@"' "$F/dovecot.conf")
# penalty SETTINGS: what is found.
penalty()
{
    with '' "$SIGNS_IN"
    "${DOVECOT[@]}" "$POSTERN" -c "$(settings "$1")" check-postfix --config-dir "$F/pf" --json >"$F/json" 2>"$F/stderr"
    echo "$(state dovecot-penalty) $(evidence_of dovecot-penalty)"
}
case $(dovecot --version) in
2.[0-3].*) deny='passdb {
  driver = passwd-file
  args = /nonexistent/deny
  deny = yes
}' ;;
*) deny='passdb passwd-file {
  passwd_file_path = /nonexistent/deny
  deny = yes
}' ;;
esac
if dovecot_says </dev/null; then
    is 'without a door and a list Dovecot is left alone' "$(penalty '')" '*passed*'
    dovecot_says <<<"$deny"
    is 'a list of who may not sign in slows whole offices' "$(penalty '')" '*found* a passdb with deny = yes*4 to 15 seconds*'
    dovecot_says <<<"$deny
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}"
    is 'not without the penalty' "$(penalty '')" '*passed*'
    dovecot_says </dev/null
    is 'a door without limits on failures leaves the penalty to slow offices' "$(penalty "$door preset = \"none\";")" '*found* after a wrong password*'
    is 'with them the door asks for none' "$(penalty "$door $guessing")" '*passed*'
else
    echo '# Dovecot'\''s configuration cannot be replaced here: its penalty is not checked'
fi
chmod 700 "$F/run"
chown root:root "$F/run"
finds 'a socket that Postfix may not reach' socket-permission 4 '*' ''
chgrp postfix "$F/run" && chmod 2750 "$F/run"

# One line of main.cf, for two services: one command mends both.
with 's/^smtpd_forbid_bare_newline = .*/smtpd_forbid_bare_newline = no/' ''
check --json >"$F/json"
is 'one cause is told once, with all whom it meets' "$(evidence_of bare-newline | wc -l) $(evidence_of bare-newline)" '1 *service submission*; service smtp*'
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
make_relay '{ name = "m"; per = "user"; count = "messages"; rate = "100/m"; then = "defer"; }' \
    'connectors = ( { name = "printers"; networks = ["127.20.0.0/16"]; } );'
relay_start both || exit 1
is 'a message is taken' "$(submit anna@contoso.example)" '250*'
live()
{
    "$POSTERN" -c "$T/postern.conf" check-postfix --config-dir "$T/postfix" >"$F/live" 2>&1
    echo "$? $(grep -v '^not seen' "$F/live" | grep -A2 '^critical\|^high\|^medium\|^low' | tr '\n' ' ')"
}
becomes 'a running relay as shipped is clean' live '0 '
exit $status
