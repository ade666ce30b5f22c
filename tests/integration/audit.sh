#!/bin/bash
# "postern audit": each rule finds what it is for, and a good installation passes. TAP lines.
set -u
cd "$(dirname "$0")/../.." || exit 1
BIN=${BUILD:-build/asan}
A=$(mktemp -d /tmp/postern-audit.XXXXXX)
trap 'rm -rf "$A"' EXIT
status=0

is()
{
    # shellcheck disable=SC2254 # a pattern is what is wanted
    case $2 in
    $3) echo "ok $1" ;;
    *)
        echo "not ok $1"
        echo "    got \"$2\", expected \"$3\""
        status=1
        ;;
    esac
}

# What else can forbid SMTP AUTH, in a tenant without policies.
gates=(SecurityDefaults.json OrganizationConfig.json AuthenticationPolicy.json User.csv BlockedSenderAddress.json)
echo '{ "isEnabled": true }' >"$A/SecurityDefaults.json"
echo '{ "Name": "contoso", "DefaultAuthenticationPolicy": null, "RejectDirectSend": false }' >"$A/OrganizationConfig.json"
echo '[]' | tee "$A/AuthenticationPolicy.json" >"$A/BlockedSenderAddress.json"
printf '%s\n' '"Guid","UserPrincipalName","AuthenticationPolicy","AccountDisabled"' \
    '"0a7d6d2c-0001-4b7e-9d55-000000000001","scan@contoso.example","","False"' >"$A/User.csv"

# import FILE...: of the folder.
import()
{
    "$BIN/postern-mirror" import -d "$A/directory" --tenant contoso "${@/#/$A/}" >"$A/import.log" 2>&1 || cat "$A/import.log"
}

# settings ORGANIZATION-DISABLED: contoso with a device, a person, a shared mailbox and one that inherits.
settings()
{
    rm -rf "$A/directory"
    cat >"$A/cas.csv" <<'END'
"Guid","PrimarySmtpAddress","OWAEnabled","SmtpClientAuthenticationDisabled"
"0a7d6d2c-0001-4b7e-9d55-000000000001","scan@contoso.example","True","True"
"0a7d6d2c-0001-4b7e-9d55-000000000002","bert@contoso.example","True",""
"0a7d6d2c-0001-4b7e-9d55-000000000003","info@contoso.example","True","SHARED"
"0a7d6d2c-0001-4b7e-9d55-000000000004","anna@contoso.example","True","PERSON"
END
    sed -i "s/SHARED/${2:-True}/; s/PERSON/${3:-True}/" "$A/cas.csv"
    cat >"$A/mailbox.csv" <<'END'
"Guid","PrimarySmtpAddress","UserPrincipalName","RecipientTypeDetails","Alias","EmailAddresses","SamAccountName"
"0a7d6d2c-0001-4b7e-9d55-000000000001","scan@contoso.example","scan@contoso.example","UserMailbox","scan","SMTP:scan@contoso.example","scan"
"0a7d6d2c-0001-4b7e-9d55-000000000002","bert@contoso.example","bert@contoso.example","UserMailbox","bert","SMTP:bert@contoso.example","bert"
"0a7d6d2c-0001-4b7e-9d55-000000000003","info@contoso.example","info@contoso.example","SharedMailbox","info","SMTP:info@contoso.example","info"
"0a7d6d2c-0001-4b7e-9d55-000000000004","anna@contoso.example","anna@contoso.example","UserMailbox","anna","SMTP:anna@contoso.example","anna"
END
    echo "{ \"JournalingReportNdrTo\": \"<>\", \"MaxSendSize\": \"Unlimited\", \"SmtpClientAuthenticationDisabled\": $1 }" >"$A/transport.json"
    import cas.csv mailbox.csv transport.json "${gates[@]}"
    chmod -R o= "$A/directory"
}

# audit [SETTINGS...]: runs it on that configuration; the output goes to $A/json.
audit()
{
    {
        echo "directory = \"$A/directory\"; state = { file = \"$A/state\"; entries = 1024; }; journal = \"$A/journal\";"
        printf '%s\n' "$@"
    } >"$A/postern.conf"
    "$BIN/postern" -c "$A/postern.conf" audit --json >"$A/json" 2>"$A/stderr"
}
alerts='alerts = ( { command = ["/bin/true"]; } );'
found() { python3 -c '
import json, sys
print(" ".join(f["id"] for f in json.load(open(sys.argv[1]))["findings"]))' "$A/json"; }

# finds WHAT STATUS IDS SETTINGS
finds()
{
    local got
    audit "$alerts" "${@:4}"
    got=$?
    is "$1" "$got $(found)" "$2 $3"
}

cp conf/exchange-online-networks "$A"
mkdir -m 750 "$A/journal"
settings true
finds 'a good installation has no finding' 0 '' ''
audit ''
is 'without alerts that is said, and the worst is low' "$? $(found)" '3 no-alerts'
finds 'limits that are switched off' 4 'no-limit' 'preset = "none";'
finds 'a limit above the service' 3 'limit-above-service' 'limits = ( { name = "message-rate"; per = "user"; count = "messages"; rate = "100/m"; } );'
finds 'an exception above the service' 3 'limit-above-service' \
    'limits = ( { name = "message-rate"; per = "user"; count = "messages"; rate = "30/m"; except = ( { user = "anna@contoso.example"; rate = "unlimited"; } ); } );'
finds 'monitor mode' 3 'monitor' 'mode = "monitor";'
finds 'logins without TLS' 4 'tls-rule' 'tls = { required = false; };'
finds 'any sender' 3 'sender-rule' 'sender = { envelope = "any"; };'
finds 'unknown logins may send' 4 'unlisted' 'smtp_auth = { unlisted = "allow"; };'
finds 'a wide connector' 4 'connector-wide' 'connectors = ( { name = "p"; networks = ["10.0.0.0/12"]; recipients = "internal"; } );'
finds 'the whole world as a connector' 5 'connector-wide exchange-online-open' 'connectors = ( { name = "p"; networks = ["0.0.0.0/0"]; recipients = "internal"; } );'
finds 'a connector that may do anything' 3 'connector-open' 'connectors = ( { name = "p"; networks = ["192.0.2.0/28"]; } );'
echo anna@contoso.example >"$A/allow"
chmod 640 "$A/allow"
finds 'local files that override' 3 'local-allow' 'smtp_auth = { allow_file = "allow"; };'
install -m 644 /dev/null "$A/key"
audit "alerts = ( { url = \"https://hooks.contoso.example/\"; secret_file = \"$A/key\"; } );"
is 'a secret that everybody can read' "$? $(found)" '5 secrets-readable'
install -d -m 700 "$A/secrets"
install -m 644 /dev/null "$A/secrets/key.pem"
exchange='tenants = ( { name = "contoso"; exchange = { tenant_id = "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d1";
    application = "7a5d1c3e-52b0-4f0e-9c7d-2f6a10b4e8d2"; certificate_file = "cert.pem"; key_file = "key.pem"; }; } );'
finds 'a folder of secrets that is closed' 0 '' "$exchange"
chmod 755 "$A/secrets"
finds 'one that everybody can enter, and the original of a credential there' 5 'secrets-readable secrets-readable' "$exchange"
chmod 750 "$A/secrets"
chmod 640 "$A/secrets/key.pem"
finds 'one that a group can enter' 5 'secrets-readable' ''
chmod 700 "$A/secrets"
if [ "$(id -u)" -eq 0 ]; then
    chown nobody "$A/secrets"
    finds 'one that is not root'"'"'s' 5 'secrets-readable' ''
fi
rm -r "$A/secrets"
chmod 755 "$A/journal"
finds 'a journal that everybody can read' 3 'data-readable' ''
chmod 750 "$A/journal"

settings false
finds 'SMTP AUTH enabled for the organization' 4 'organization-enabled' ''
is 'it is named as auditors name it, with who inherits' "$(python3 -c '
import json, sys
f = json.load(open(sys.argv[1]))["findings"][0]
print(f["references"], f["where"], f["evidence"])' "$A/json")" 'CISA MS.EXO.5.1v1, CIS 6.5.4 contoso *1 of 4 mailboxes inherit*'
settings true False True
finds 'a shared mailbox that is enabled, from anywhere' 3 'shared-enabled login-anywhere' ''
finds 'a shared mailbox that is enabled, from its network' 3 'shared-enabled' 'logins_from = ( { user = "info"; networks = "192.0.2.0/24"; } );'
finds 'a row of logins_from for a name that nobody has' 3 'shared-enabled login-anywhere unknown-names' 'logins_from = ( { user = "sacn@contoso.example"; networks = "192.0.2.0/24"; } );'
settings true True False
finds 'a person that is enabled' 3 'people-enabled' ''
sed '1!s/"False"$/"True"/' "$A/User.csv" >"$A/users.csv"
sed -i 's/000000000001/000000000004/; s/scan@/anna@/' "$A/users.csv"
import users.csv
chmod -R o= "$A/directory"
finds 'one whose account is disabled' 3 'people-enabled account-disabled' ''
is 'it is named' "$(cat "$A/json")" '*1 enabled mailbox with a disabled account: anna@contoso.example*'
finds 'and where that does not count' 3 'gates-off people-enabled account-disabled' 'smtp_auth = { disabled_accounts = "none"; };'
settings true
# connector SETTINGS: one of that kind.
connector() { printf 'connectors = ( { name = "cloud"; %s } );' "$1"; }
finds 'a connector for all customers of Exchange Online' 5 'exchange-online-open connector-wide *connector-wide connector-open' \
    "$(connector 'networks_file = "exchange-online-networks";')"
is 'it says what they may do' "$(grep -o '40.92.0.0/15 and others[^"]*' "$A/json")" \
    '*Exchange Online sends from (*/exchange-online-networks), and nothing bounds the senders: every customer of the service may send*'
finds 'a single address of the service' 5 'exchange-online-open connector-open' "$(connector 'networks = "2a01:111:f403:c::7";')"
finds 'a network around the service' 5 'exchange-online-open connector-wide connector-open' "$(connector 'networks = "40.0.0.0/8";')"
finds 'one that names its senders' 0 '' "$(connector 'networks = "40.92.1.7"; senders = "@contoso.example";')"
finds 'one that only watches its senders' 5 'exchange-online-open monitor' \
    "$(connector 'networks = "40.92.1.7"; senders = "@contoso.example"; mode = "monitor";')"
finds 'one to internal recipients' 3 'exchange-online-open' "$(connector 'networks = "40.92.1.7"; recipients = "internal";')"
finds 'one by the certificate of the service' 5 'exchange-online-open connector-open' \
    "$(connector 'ccert_subjects = "Mail.Protection.Outlook.com";')"
finds 'a longer network of another connector decides' 4 'connector-wide *connector-wide connector-open' 'connectors = (
    { name = "wide"; networks = "40.92.0.0/14"; }, { name = "cloud"; networks_file = "exchange-online-networks"; senders = "@contoso.example"; } );'
audit "$alerts" 'connectors = ( { name = "world"; networks = "0.0.0.0/0"; }, { name = "cloud"; networks = "40.92.0.0/15"; } );'
is 'of two open connectors each is named' "$(python3 -c '
import json, sys
print(*(f["where"] for f in json.load(open(sys.argv[1]))["findings"] if f["id"] == "exchange-online-open"))' "$A/json")" \
    'connectors\[world\].networks connectors\[cloud\].networks'
echo 198.51.100.0/24 >"$A/exchange-online-networks"
finds 'a file of the administrator takes the place of the shipped one' 5 'exchange-online-open connector-open' \
    "$(connector 'networks = "198.51.100.8";')"
finds 'all of it' 3 'connector-open' "$(connector 'networks = "40.92.1.7";')"
echo 40.92.0.1/15 >"$A/exchange-online-networks"
audit "$alerts"
is 'one that cannot be read is said' "$("$BIN/postern" -c "$A/postern.conf" audit 2>/dev/null)" '*exchange-online-networks:1: network*'
cp conf/exchange-online-networks "$A"
rm -rf "$A/directory"
finds 'no directory' 5 'mirror-missing' ''
"$BIN/postern" -c "$A/postern.conf" audit --junit >"$A/junit.xml" 2>/dev/null
rules=$(grep -c '^    \[AUDIT_' core/report/audit_rules.c)
is 'JUnit XML can be read, with failures and skipped rules' "$(python3 -c '
import sys, xml.etree.ElementTree as e
s = e.parse(sys.argv[1]).getroot()[0]
print(s.get("tests"), s.get("failures"), int(s.get("skipped")) > 5, len(s))' "$A/junit.xml")" "$rules 1 True $rules"
gates=(SecurityDefaults.json)
settings true
finds 'gates whose exports never came' 3 'not-mirrored' ''
is 'they are named' "$(python3 -c '
import json, sys
print(json.load(open(sys.argv[1]))["findings"][0]["evidence"])' "$A/json")" \
    "not mirrored: default authentication policy, authentication policies, users' own policies, disabled accounts, restricted senders"
finds 'but not those that are switched off' 3 'not-mirrored' 'smtp_auth = { authentication_policy = false; };'
is 'which leaves two' "$(grep -o 'not mirrored: [^"]*' "$A/json")" 'not mirrored: disabled accounts, restricted senders'
finds 'nor accounts that do not count' 3 'not-mirrored' 'smtp_auth = { authentication_policy = false; disabled_accounts = "none"; };'
is 'which leaves one' "$(grep -o 'not mirrored: [^"]*' "$A/json")" 'not mirrored: restricted senders'
gates=(SecurityDefaults.json OrganizationConfig.json AuthenticationPolicy.json User.csv BlockedSenderAddress.json)
settings true
old=$(($(date +%s) - 90 * 86400))
finds 'a member that nobody is' 3 'unknown-names' 'groups = ( { name = "g"; members = ["anna@contoso.example", "ana@contoso.example"]; } );'
is 'it is named' "$(grep -o 'no mailbox has[^"]*' "$A/json")" 'no mailbox has the name ana@contoso.example'
finds 'a mailbox counts by any of its names' 0 '' 'groups = ( { name = "g"; members = ["scan", "@contoso.example"]; } );'
finds 'an exception for nobody' 3 'unknown-names' \
    'limits = ( { name = "message-rate"; per = "user"; count = "messages"; rate = "30/m"; except = ( { user = "a@contoso.example"; rate = "10/m"; } ); } );'
audit 'alerts = ( { command = ["/usr/bin/there-is-no-pager"]; } );'
is 'a command of alerts that is not there' "$? $(found)" '4 alert-command'
install -d -m 750 "$A/spool" "$A/spool/alerts" "$A/spool/alerts/failed"
touch "$A/spool/alerts/$(printf '%020d' $((old * 1000000000)))-block-01234567.json"
finds 'a notice that nobody takes' 4 'notices-undelivered' "spool = \"$A/spool\";"
rm "$A/spool/alerts/"*.json
touch "$A/spool/alerts/failed/x"
finds 'one that was given up' 4 'notices-undelivered' "spool = \"$A/spool\";"
rm -r "$A/spool"

# ---- relays that count as one ----
install -d -m 700 "$A/run" "$A/secrets"
install -m 600 /dev/null "$A/secrets/cluster.key"
install -m 600 /dev/null "$A/secrets/redis.password"
# said STATE NODES [POLICY [EVICTS [AGE]]]: what postern-cluster has written.
said()
{
    latest=("$@")
    printf '{"own":{"name":"mx1","state":"%s","at":%d000},"trouble":"","policy":"%s","evicts":%s,"clone":false,"nodes":[%s]}' \
        "$1" $(($(date +%s) - ${5:-0})) "${3:-noeviction}" "${4:-false}" "$2" >"$A/run/cluster.json"
}
way="user = \"postern\"; password_file = \"$A/secrets/redis.password\";"
cluster() { echo "cluster = { key_file = \"$A/secrets/cluster.key\"; outbox = \"$A/run/outbox\"; folder = \"$A/cluster\"; $1 };"; }
good='{"name":"mx2","silent_s":0,"differs":""}'
evidence() { python3 -c '
import json, sys
print("; ".join(f["evidence"] for f in json.load(open(sys.argv[1]))["findings"]))' "$A/json"; }
finds 'another relay without a cluster' 3 'cluster-none' 'other_relays = ["mx2.contoso.example"];'
said shares "$good"
# The same without usage-missing, which is found everywhere here: without a journal nothing is known of the others' usage.
finds_of_cluster()
{
    local got ids
    # Anew each time: what was written some seconds ago is taken for that of a program that has ended.
    [ ! -e "$A/run/cluster.json" ] || said "${latest[@]}"
    audit "$alerts" "${@:4}"
    got=$?
    ids=$(found | sed 's/ \?usage-missing//; s/^ //')
    [ -n "$ids" ] || [ $got -ne 3 ] || got=0
    is "$1" "$got $ids" "$2 $3"
}
is 'of a cluster whose usage is not known that is found' "$(audit "$alerts" "$(cluster 'server = "unix:/run/redis/redis.sock";')"; found)" '*usage-missing*'
finds_of_cluster 'a good cluster has no finding' 0 '' "$(cluster "server = \"redis.contoso.example\"; $way")"
finds_of_cluster 'a UNIX socket needs no password' 0 '' "$(cluster 'server = "unix:/run/redis/redis.sock";')"
finds_of_cluster 'a server on this machine needs no TLS' 0 '' "$(cluster "server = \"127.0.0.1\"; tls = \"never\"; $way")"
finds_of_cluster 'nor does one at [::1]' 0 '' "$(cluster "server = \"[::1]\"; tls = \"never\"; $way")"
finds_of_cluster 'one on a network does' 4 'cluster-unencrypted' "$(cluster "server = \"192.0.2.7\"; tls = \"never\"; $way")"
finds_of_cluster 'and a password' 3 'cluster-user' "$(cluster 'server = "redis.contoso.example";')"
finds_of_cluster 'of a user of its own' 3 'cluster-user' "$(cluster "server = \"redis.contoso.example\"; password_file = \"$A/secrets/redis.password\";")"
chmod 604 "$A/secrets/cluster.key" "$A/secrets/redis.password"
chmod 701 "$A/secrets"
finds_of_cluster 'a key and a password that others can read' 5 'secrets-readable secrets-readable secrets-readable' "$(cluster "server = \"redis.contoso.example\"; $way")"
chmod 600 "$A/secrets/"*
chmod 700 "$A/secrets"
install -d -m 700 "$A/cluster"
install -m 600 "$A/allow" "$A/cluster/allow"
finds_of_cluster 'what all relays allow' 3 'local-allow' "$(cluster 'server = "unix:/run/redis/redis.sock";')"
is 'is told from what this one does' "$(evidence)" '*1 mailboxes or domains*; 1 of them on all relays of the cluster'
rm "$A/cluster/allow"
cluster=$(cluster "server = \"redis.contoso.example\"; $way")
said shares ''
finds_of_cluster 'a relay that hears of no other' 3 'cluster-silent' "$cluster"
said shares "$good,{\"name\":\"mx3\",\"silent_s\":77,\"differs\":\"\"}"
finds_of_cluster 'one that is silent' 3 'cluster-silent' "$cluster"
is 'by its name' "$(evidence)" '*mx3'
said shares '{"name":"mx2","silent_s":0,"differs":"limits, tenants"}'
finds_of_cluster 'one that differs' 4 'cluster-differs' "$cluster"
is 'in what' "$(evidence)" '*mx2 (limits, tenants)*'
said shares "$good" allkeys-lru true
finds_of_cluster 'a Redis that drops what it likes' 4 'cluster-evicts' "$cluster"
said shares "$good" volatile-ttl true
finds_of_cluster 'one that drops what has an end, as counters have' 4 'cluster-evicts' "$cluster"
said shares "$good" allkeys-lru false
finds_of_cluster 'but not one whose memory has no bound' 0 '' "$cluster"
said offline ''
finds_of_cluster 'a relay that counts for itself' 4 'cluster-alone' "$cluster"
said shares "$good" noeviction false 60
finds_of_cluster 'one whose postern-cluster does not run' 4 'cluster-alone' "$cluster"
rm "$A/run/cluster.json"
finds_of_cluster 'and never ran' 4 'cluster-alone' "$cluster"
rm -r "$A/secrets"
audit "$alerts"
is 'what the text says is for people' "$("$BIN/postern" -c "$A/postern.conf" audit 2>/dev/null | tail -n 1)" "audit: 0 findings; of $rules rules *"
"$BIN/postern" -c "$A/postern.conf" audit --days 0 >/dev/null 2>&1
is 'a wrong option is no finding' "$?" 2
exit $status
