#!/bin/bash
# "postern audit --basic-shutdown": who stops when Exchange Online takes no passwords, by source, and the ways out. TAP lines.
# BUILD: the folder with the programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=$(realpath "${BUILD:-build/asan}")
work=$(mktemp -d "${TMPDIR:-/tmp}/postern-shutdown.XXXXXX")
trap 'rm -rf "$work"' EXIT
export TZ=UTC
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
conf()
{
    local tenants='tenants = ( { name = "contoso"; domains = ["contoso.example"]; } );'
    cat >"$work/postern.conf" <<END
directory = "$work/dir"; journal = "$work/journal"; spool = "$work/spool"; state = { file = "$work/state"; entries = 1024; };
log = { to = "stderr"; }; policyd = { listen = "unix:$work/policyd.sock"; }; milter = { listen = ""; };
${1:-$tenants}
${2:-}
END
}
postfix()
{
    mkdir -p "$work/postfix"
    printf '%s\n' 'compatibility_level = 3.6' "$@" >"$work/postfix/main.cf"
    echo 'smtp inet n - n - - smtpd' >"$work/postfix/master.cf"
}
audit() { "$build/postern" -c "$work/postern.conf" audit --basic-shutdown --config-dir "$work/postfix" "$@" 2>"$work/said"; }
rows() { audit --json "$@" | jq -r 'map([(.mailbox | sub("@.*"; "")), .source, .mechanism, .effect, (.way_out // "-")] | join(" ")) | join("\n")'; }
# sql FILE STATEMENT: as its service would have written it. To close it would remove the files beside it.
sql()
{
    python3 - "$@" <<'END'
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
with db:
    db.execute(sys.argv[2])
os._exit(0)
END
}
now=$(date +%s)
ago() { echo $((now - $1 * 86400)); }

conf
postfix 'relayhost = [contoso-example.mail.protection.outlook.com]:25'
{
    echo 'Guid,PrimarySmtpAddress,RecipientTypeDetails,UserPrincipalName,SmtpClientAuthenticationDisabled'
    n=0
    for name in person:UserMailbox scanner:SharedMailbox relayed:SharedMailbox both:UserMailbox token:UserMailbox old:UserMailbox; do
        n=$((n + 1))
        echo "0000000$n-3c5e-4b7a-9d21-000000010000,${name%:*}@contoso.example,${name#*:},${name%:*}@contoso.example,$([ "${name%:*}" = both ] && echo False)"
    done
} >"$work/all.csv"
cut -d, -f1,2,5 "$work/all.csv" >"$work/CASMailbox.csv"
cut -d, -f1-4 "$work/all.csv" >"$work/Mailbox.csv"
printf '%s\n' 'Name,SmtpClientAuthenticationDisabled' 'Transport Settings,True' >"$work/TransportConfig.csv"
"$build/postern-mirror" import -c "$work/postern.conf" --tenant contoso "$work"/*Mailbox.csv "$work/TransportConfig.csv" >"$work/said" 2>&1 ||
    { echo 'not ok settings'; cat "$work/said"; exit 1; }

"$build/postern-policyd" -c "$work/postern.conf" >"$work/policyd.log" 2>&1 &
service=$!
for _ in $(seq 600); do [ -S "$work/policyd.sock" ] && [ -e "$work/journal/journal.sqlite" ] && break; sleep 0.1; done
kill $service
wait $service
is 'without any use nobody stops' "$(audit; echo " $?")" '*nobody was seen to use a password* 0'
is 'and it is said what is not known' "$(cat "$work/said")" '*not at all at Exchange Online itself*set exchange.sign_ins, or import the SMTP AUTH clients report*'

used() { sql "$work/journal/journal.sqlite" "INSERT OR REPLACE INTO usage VALUES ('contoso','$1@contoso.example',$2,$2,0,5,6,7,$3,$4,0,0,0,0,0,5,0,NULL,NULL,'$5')"; }
used relayed "$(ago 3)" 5 0 "192.0.2.7=$(ago 3)"
used both "$(ago 2)" 5 2 "192.0.2.7=$(ago 2) 192.0.2.8=$(ago 2) 192.0.2.9=$(ago 2)"
used token "$(ago 2)" 0 9 "192.0.2.7=$(ago 2)"
used old "$(ago 200)" 9 0 "192.0.2.7=$(ago 200)"
cloud() { sql "$work/dir/history.sqlite" "INSERT OR REPLACE INTO cloud_use VALUES ('contoso','$1@contoso.example','$2',$3,$3,9,$4,$5,NULL,'$6')"; }
cloud scanner sign-ins "$(ago 1)" 9 0 "192.0.2.20=$(ago 1)"
cloud person sign-ins "$(ago 1)" 9 0 "198.51.100.1=$(ago 1) 198.51.100.2=$(ago 1) 198.51.100.3=$(ago 1)"
cloud person report "$(ago 5)" 0 0 ''
cloud token report "$(ago 5)" 0 9 ''
cloud old sign-ins "$(ago 200)" 9 0 "192.0.2.7=$(ago 200)"
cloud guessed failures "$(ago 1)" 9 0 "192.0.2.66=$(ago 1)"

is 'who signs in at Exchange Online with a password stops, with the ways out of a person and of a device' "$(rows | grep stops)" \
    'person cloud-sign-ins password stops relay-login, oauth
scanner cloud-sign-ins password stops relay-connector, relay-login, oauth, high-volume-email'
is 'of a report without mechanisms it is not known' "$(rows | grep unknown)" 'person cloud-report unknown unknown relay-login, oauth'
is 'who signs in at the relay depends on what is mirrored' "$(rows | grep ' relay ')" \
    'both relay password, oauth depends oauth, allow-file
relayed relay password depends relay-connector, oauth, allow-file'
is 'tokens, failures and what is long ago are not in it' "$(rows | grep -c 'token\|guessed\|old')" 0
is 'a longer time has the old ones' "$(rows --days 300 | grep -c '^old')" 2
is 'people get a table with what it means' "$(audit | tr -s '\n ' ' ')" \
    '*scanner@contoso.example*cloud-sign-ins*stops*stops 2: signs in at Exchange Online itself*depends 2: *The ways out:*relay-connector submit to this relay without a login*high-volume-email*'
audit >/dev/null
is 'somebody who stops is a high finding' $? 4
is 'programs get all columns' "$(audit --csv | head -n 1 | tr -d '\r')" 'tenant,mailbox,source,mechanism,number,last,clients,effect,way_out'
is 'with numbers and clients' "$(audit --csv | grep scanner | tr -d '\r')" 'contoso,scanner@contoso.example,cloud-sign-ins,password,9,20*Z,192.0.2.20,stops,"relay-connector, relay-login, oauth, high-volume-email"'

echo relayed@contoso.example >"$work/allow"
conf '' "smtp_auth = { allow_file = \"$work/allow\"; };"
is 'whom the allow file names goes on' "$(rows | grep ' relay ')" 'both relay password, oauth depends oauth, allow-file
relayed relay password goes-on -'
conf 'tenants = ( { name = "contoso"; domains = ["contoso.example"]; smtp_auth = "enabled"; } );' \
    'smtp_auth = { security_defaults = false; authentication_policy = false; };'
is 'where nothing mirrored counts, all of the relay go on' "$(rows | grep -c ' goes-on -$')" 2
conf '' 'smtp_auth = { security_defaults = false; authentication_policy = false; };'
is 'where the organization counts, those with a setting of their own do' "$(rows | grep ' relay ')" \
    'both relay password, oauth goes-on -
relayed relay password depends relay-connector, oauth, allow-file'

postfix 'relayhost = [smtp.office365.com]:587' 'smtp_sasl_auth_enable = yes' 'smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd'
is 'a relay that signs in there itself stops with all of its mail' "$(rows | head -n 1)" '(all mail of this relay) postfix password stops inbound-connector, oauth'
postfix 'relayhost = [smtp.office365.com]:587' 'smtp_sasl_auth_enable = yes' 'smtp_sasl_mechanism_filter = xoauth2'
is 'not with OAuth' "$(rows | grep -c postfix)" 0
audit --junit >/dev/null
is 'there are rows, not findings' "$?$(cat "$work/said")" '2*--csv or --json*'
is 'what belongs to it is refused without it' "$("$build/postern" -c "$work/postern.conf" audit --csv 2>&1; echo $?)" '*--basic-shutdown*2'
exit $status
