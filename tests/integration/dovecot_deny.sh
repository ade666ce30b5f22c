#!/bin/bash
# "postern-mirror export --dovecot-deny": the list has the names that the decision refuses for a password, and no others, in the form
# that Dovecot looks for; what goes wrong leaves the old list. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
build=$(realpath "${BUILD:-build/asan}")
D=$(mktemp -d "${TMPDIR:-/tmp}/postern-deny.XXXXXX")
trap 'rm -rf "$D"' EXIT
trap 'exit 1' INT TERM
status=0
is()
{
    # shellcheck disable=SC2254  # a pattern is what is wanted
    case $2 in $3) echo "ok $1" ;; *) echo "not ok $1"; printf '    got:      %s\n    expected: %s\n' "$2" "$3"; status=1 ;; esac
}
# configure [SETTINGS]: the rest is the same for all.
configure()
{
    cat >"$D/postern.conf" <<END
directory = "$D/directory"; state = { file = "$D/state"; entries = 1024; }; journal = ""; log = { to = "stderr"; };
preset = "none"; tls = { required = false; };
policyd = { listen = "unix:$D/policyd.sock"; };
${1:-}
END
}
import() { "$build/postern-mirror" import -d "$D/directory" --force --tenant contoso "$@" >"$D/out" 2>&1 || cat "$D/out"; }
export_list() { "$build/postern-mirror" export -c "$D/postern.conf" --dovecot-deny "$D/run/deny" >"$D/out" 2>&1; }
said() { cat "$D/out"; }
names() { grep -v '^#' "$D/run/deny"; }
# As Dovecot looks for it.
# shellcheck disable=SC2001 # a replacement in bash takes & and quotes for its own
escaped() { sed "s/[\\\\\"']/\\\\&/g" <<<"$1"; }

# Number, primary address, user principal name, alias, account name, setting, policy.
table='
01 anna@contoso.example anna@contoso.example anna A1 False
02 bert@contoso.example b.berg@contoso.example bert B1 True
03 cleo@contoso.example cleo@contoso.example cleo C1 null
04 dora@contoso.example dora@contoso.example dora D1 True Devices
05 emil@contoso.example emil@contoso.example emil E1 False Devices
06 finn@contoso.example finn@contoso.example finn F1 False None
07 kim.o'"'"'neil@contoso.example kim@contoso.example kim K1 True
08 #desk@contoso.example desk@contoso.example desk #G1 True
09 twin@contoso.example twin@contoso.example twin T1 True
10 other@contoso.example other@contoso.example other T1 False
11 old@contoso.example old@contoso.example old O1 True
12 gone@contoso.example gone@contoso.example gone Z1 False'
rows() { awk 'NF' <<<"$table"; }
{
    echo Guid,PrimarySmtpAddress,SamAccountName,SmtpClientAuthenticationDisabled,EmailAddresses
    rows | while read -r n primary _ _ account setting _; do
        echo "0a7d6d2c-0001-4b7e-9d55-0000000000$n,$primary,$account,${setting#null},SMTP:$primary"
    done
} >"$D/CASMailbox.csv"
rows | jq -Rn '[inputs | split(" ") | {Guid: "0a7d6d2c-0001-4b7e-9d55-0000000000\(.[0])", PrimarySmtpAddress: .[1], UserPrincipalName: .[2],
    Alias: .[3], Name: .[3], RecipientTypeDetails: "UserMailbox", DisplayName: .[3], GrantSendOnBehalfTo: [],
    AccountDisabled: (.[3] == "gone"),
    EmailAddresses: ["SMTP:\(.[1])", "smtp:\(.[3]).2@contoso.example", "smtp:\(.[3])@fabrikam.example"]}]' >"$D/Mailbox.json"
rows | jq -Rn '[inputs | split(" ") | {Guid: "0a7d6d2c-0001-4b7e-9d55-0000000000\(.[0])", UserPrincipalName: .[2], AuthenticationPolicy: .[6]}]' >"$D/User.json"
echo '[{"Name":"None","AllowBasicAuthSmtp":false},{"Name":"Devices","AllowBasicAuthSmtp":true}]' >"$D/AuthenticationPolicy.json"
echo '[{"DomainName":"contoso.example","DomainType":"Authoritative","Default":true},{"DomainName":"fabrikam.example","DomainType":"Authoritative","Default":false}]' >"$D/AcceptedDomain.json"
# state ORGANIZATION-DISABLED SECURITY-DEFAULTS DEFAULT-POLICY
tenant_is()
{
    echo "{ \"JournalingReportNdrTo\": \"<>\", \"MaxRecipientEnvelopeLimit\": \"500\", \"SmtpClientAuthenticationDisabled\": $1 }" >"$D/TransportConfig.json"
    echo "[{\"id\":\"00000000-0000-0000-0000-000000000005\",\"isEnabled\":$2}]" >"$D/SecurityDefaults.json"
    echo "[{\"Name\":\"contoso\",\"DefaultAuthenticationPolicy\":$3,\"RejectDirectSend\":false}]" >"$D/OrganizationConfig.json"
    import "$D"/{CASMailbox.csv,Mailbox.json,User.json,AuthenticationPolicy.json,AcceptedDomain.json,TransportConfig.json,SecurityDefaults.json,OrganizationConfig.json}
}
# All names of all mailboxes, and some that are nobody's, with Dovecot's lower case.
candidates()
{
    rows | while read -r _ primary upn alias account _; do
        printf '%s\n' "$primary" "$upn" "$alias.2@contoso.example" "$alias@fabrikam.example" "$alias@contoso.local" "${primary%@*}" "${upn%@*}"
        for name in "$alias" "$account" "$alias.2"; do printf '%s\n' "$name" "contoso\\$name" "CONTOSO/$name" "adatum\\$name"; done
    done | tr '[:upper:]' '[:lower:]' | sort -u
    printf '%s\n' scanner@contoso.example meter
}
# A name on which list and explain differ. The names that cannot be written and those that are nobody's are left out.
disagree()
{
    local name reason
    names >"$D/names"
    while read -r name; do
        reason=$("$build/postern" -c "$D/postern.conf" explain --json --user "$name" --method PLAIN --sender "$name" --recipient guest@adatum.example |
            jq -r 'if .action == "reject" then .reason else "passes" end')
        case $name:$reason in
        '#'* | *:unlisted | *:no-tenant | *:bad-login) reason=passes ;;
        *:sender-*) reason=passes ;;
        esac
        asked=$((asked + 1))
        if grep -qxF -e "$(escaped "$name")" "$D/names"; then [ "$reason" != passes ]; else [ "$reason" = passes ]; fi ||
            echo "$name: $reason"
    done < <(candidates)
}

mkdir -p "$D/run"
chgrp dovecot "$D/run" 2>/dev/null && chmod 2750 "$D/run"
configure
tenant_is true false null
# explain reads the state that a service left.
"$build/postern-policyd" -c "$D/postern.conf" 2>"$D/policyd.log" &
pid=$!
relay_wait relay_listens_at "$D/policyd.sock"
kill "$pid"
wait "$pid"

printf '%s\n' dora@contoso.example >"$D/allow"
printf '%s\n' 'contoso\anna' emil.2@contoso.example scanner@contoso.example >"$D/deny"
printf '%s\n' 'meter bert@contoso.example' '@contoso.local @contoso.example' >"$D/logins"
printf '%s\n' old@contoso.example >"$D/premises"
netbios='tenants = ( { name = "contoso"; domains = ["contoso.example", "fabrikam.example"]; netbios = ["CONTOSO"]; MORE } );'
lists='smtp_auth = { allow_file = "allow"; deny_file = "deny"; logins_file = "logins"; on_premises_file = "premises"; };'
agrees() # WHAT: with what is configured and imported now
{
    local asked=0 differ
    export_list || said
    differ=$(disagree)
    is "the list is what explain says: $1" "$differ" ''
}
agrees 'the settings of mailboxes, the organization is closed'
is 'who is disabled is on it by every name' "$(names | grep -c -xF -e bert@contoso.example -e b.berg@contoso.example -e bert.2@contoso.example \
    -e bert@fabrikam.example -e bert -e b1)" 6
is 'and who inherits that' "$(names | grep -cx cleo@contoso.example)" 1
is 'and whose account is disabled' "$(names | grep -cx -e gone@contoso.example -e z1)" 2
is 'and a name of two mailboxes, if one may not' "$(names | grep -cx t1)" 1
is 'who is enabled is not' "$(names | grep -c '^anna\|^a1$\|^other')" 0
is 'a quote is as Dovecot looks for it' "$(names | grep "neil@c")" "kim.o\\\\'neil@contoso.example"
is 'a name that cannot be written is said' "$(said)" '*warning: #desk@contoso.example cannot stand*'
is 'and said once' "$(said | grep -c '^warning: #desk@contoso.example cannot')" 1
is 'names are sorted, each once' "$(names | LC_ALL=C sort -cu && echo sorted)" sorted
is 'all may read it who are in the group of the folder, and nobody else' "$(stat -c '%a %G' "$D/run/deny")" "640 $(stat -c %G "$D/run")"
is 'it says from which generation it is' "$(head -n 1 "$D/run/deny")" '# *generation 1, 20*UTC.'

configure "${netbios/MORE/} $lists"
agrees 'with lists, logins and NetBIOS names'
is 'an allowed one is not on it' "$(names | grep -c ^dora)" 0
is 'a denied one is' "$(names | grep -cx -e anna@fabrikam.example -e emil@contoso.example)" 2
is 'and one that has no mailbox' "$(names | grep -cx scanner@contoso.example)" 1
is 'and a login that is mapped, or in a mapped domain' "$(names | grep -cx -e meter -e bert@contoso.local)" 2
is 'and a name that is an address without its domain' "$(names | grep -cx -e b.berg -e bert.2)" 2
is 'and a name behind that of the domain' "$(names | grep -cxF -e 'contoso\\bert' -e contoso/bert -e 'adatum\\bert')" 2
is 'one on premises is not' "$(names | grep -c ^old)" 0
configure "${netbios/MORE/smtp_auth = \"enabled\";}"
agrees 'tenants.smtp_auth'
is 'who inherits may then' "$(names | grep -c ^cleo)" 0
configure
tenant_is false true null
agrees 'security defaults'
is 'these close all' "$(names | grep -cx -e anna@contoso.example -e emil@contoso.example)" 2
configure 'smtp_auth = { security_defaults = false; };'
tenant_is false true '"None"'
agrees 'policies, where security defaults do not count'
is 'a default policy closes those without one' "$(names | grep -cx -e cleo@contoso.example -e finn@contoso.example -e emil@contoso.example)" 2
configure 'smtp_auth = { security_defaults = false; authentication_policy = false; };'
agrees 'policies that do not count'
configure 'smtp_auth = { login_names = ["primary", "upn"]; disabled_accounts = "none"; };'
tenant_is true false null
agrees 'names that count as logins, and accounts that do not'
is 'an address that is no login is not on it' "$(names | grep -c '^bert\.2@\|^bert@fabrikam\|^gone')" 0
tenant_is false true '"None"'
configure 'replies = { mailbox-disabled = "450 4.7.1 Not now"; account-disabled = "450 4.7.1 Not now"; };
    smtp_auth = { security_defaults = false; authentication_policy = false; };'
export_list
is 'what is deferred is not denied at AUTH' "$(names)" ''

cp "$D/CASMailbox.csv" "$D/few.csv"
for n in 20 21 22 23 24 25 26 27 28; do echo "0a7d6d2c-0001-4b7e-9d55-0000000000$n,crowd$n@contoso.example,crowd,True,SMTP:crowd$n@contoso.example"; done >>"$D/CASMailbox.csv"
configure
tenant_is false false null
is 'a name that too many mailboxes have stops nothing, and is said' "$(export_list; echo $?) $(said) $(names | grep -c '^crowd2') $(names | grep -cx crowd)" \
    '0 *warning: crowd is the name of too many mailboxes*9 0'
mv "$D/few.csv" "$D/CASMailbox.csv"

configure
tenant_is false false null
export_list
inode=$(stat -c %i "$D/run/deny")
tenant_is false true null
tenant_is false false null
export_list
is 'a list with the same names is left alone' "$(stat -c %i "$D/run/deny") $(said)" "$inode *as before*"
chmod 600 "$D/run/deny"
export_list
is 'unless its mode is another' "$(stat -c %a "$D/run/deny")" 640
touch -d '+1 hour' "$D/run/deny"
before=$(stat -c %Y "$D/run/deny")
echo anna@contoso.example >"$D/deny"
configure 'smtp_auth = { deny_file = "deny"; };'
export_list
is 'a changed one has another time, since Dovecot looks at seconds' "$(($(stat -c %Y "$D/run/deny") - before))" 1
cp "$D/run/deny" "$D/kept"
kept() { cmp -s "$D/kept" "$D/run/deny" && echo kept; }

for mode in 'mode = "monitor";' 'smtp_auth = { mode = "monitor"; };' 'tenants = ( { name = "contoso"; mode = "monitor"; } );'; do
    configure "$mode"
    export_list
    is "in monitor mode nothing is denied, and that is said ($mode)" "$(names) $(said) $(sed -n 3p "$D/run/deny")" \
        ' *warning: monitor mode: [1-9]* names*# Monitor mode*'
    cp "$D/kept" "$D/run/deny"
done

configure 'tenants = ( { name = "contoso"; max_age = "1s"; when_stale = "defer"; } );'
sleep 2
is 'an old directory leaves the list' "$(export_list; echo $?) $(said) $(kept)" '1 *older than tenants.max_age*stays kept'
configure 'tenants = ( { name = "contoso"; max_age = "1s"; } );'
is 'unless it is to be used nevertheless' "$(export_list; echo $?)" 0
cp "$D/kept" "$D/run/deny"
configure
mv "$D/directory" "$D/away"
is 'no directory leaves the list' "$(export_list; echo $?) $(said) $(kept)" '1 *kept'
mv "$D/away" "$D/directory"
cp -a "$D/directory" "$D/whole"
truncate -s -4096 "$D"/directory/directory-*.mdb
is 'a damaged one leaves it' "$(export_list; echo $?) $(kept)" '1 kept'
rm -r "$D/directory"
mv "$D/whole" "$D/directory"
echo 'smtp_auth = { deny_file = "none"; };' >>"$D/postern.conf"
is 'and so does a bad configuration' "$(export_list; echo $?) $(kept)" '1 kept'
configure
mv "$D/run/deny" "$D/run/real"
ln -s real "$D/run/deny"
is 'nothing is written through a symbolic link' "$(export_list; echo $?) $(said) $(cmp "$D/kept" "$D/run/real" && readlink "$D/run/deny")" '1 *symbolic link*real'
rm "$D/run/deny"
is 'nothing is left beside it' "$(export_list; find "$D/run" -type f -name '.*')" ''
exit $status
