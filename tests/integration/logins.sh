#!/bin/bash
# "postern-mirror logins" and "on-premises": what they make of exports of Active Directory and of the local Exchange, what they say of
# each account that they leave out, and that the services take the files. TAP lines. BUILD: the folder with programs.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
mirror=$(realpath "${BUILD:-build/asan}")/postern-mirror
policyd=$(dirname "$mirror")/postern-policyd
T=
D=$(mktemp -d "${TMPDIR:-/tmp}/postern-logins.XXXXXX")
trap 'rm -rf "$D"' EXIT

cat >"$D/cas.csv" <<'END'
PrimarySmtpAddress,SmtpClientAuthenticationDisabled
sean@contoso.example,False
sabine@contoso.example,False
ines@contoso.example,False
END
"$mirror" import -d "$D/directory" --tenant contoso "$D/cas.csv" >"$D/said" 2>&1 || cat "$D/said"
made() { # OPTION... FILE...: status, the file without its comment, what was said
    "$mirror" logins -d "$D/directory" "$@" >"$D/out" 2>"$D/said"
    echo "$? $(grep -v '^#' "$D/out" | tr '\n' ';')"
}

# As Export-Csv writes Get-ADUser: proxyAddresses is a type's name, unless it was joined.
cat >"$D/users.csv" <<'END'
#TYPE Microsoft.ActiveDirectory.Management.ADUser
"DistinguishedName","Enabled","mail","proxyAddresses","SamAccountName","UserPrincipalName"
"CN=Sean","True","sean@contoso.example","Microsoft.ActiveDirectory.Management.ADPropertyValueCollection","s.meyer","sean@contoso.local"
"CN=Sabine","True","old@contoso.example","SMTP:Sabine@contoso.example smtp:sab@contoso.example","Sabine.M","sabine@contoso.local"
"CN=Ines","True","","","ines","ines@contoso.example"
"CN=Local","True","local@contoso.example","","local","local@contoso.local"
"CN=Gone","False","gone@contoso.example","","gone","gone@contoso.local"
"CN=Service","True","","","svc-backup","svc-backup@"
"CN=Odd","True","odd@contoso.example","","odd name","odd@contoso.local"
END
is 'each account gets its mailbox' "$(made "$D/users.csv")" \
    '0 ines ines@contoso.example;local local@contoso.example;s.meyer sean@contoso.example;sabine.m sabine@contoso.example;'
is 'what was left out is counted' "$(cat "$D/said")" \
    '*4 accounts; left out: 1 disabled, 1 without a mail address, 1 with a name that is none, 0 that would be two*'
is 'and named, where it is odd' "$(cat "$D/said")" '*no name to sign in with, and left out: "odd name", *users.csv, line 9*'
is 'so are those that the directory does not know' "$(cat "$D/said")" "*1 accounts have a mail address that the directory doesn't know*"
is 'a domain goes in front' "$(made --netbios CONTOSO "$D/users.csv")" '0 contoso?ines ines@contoso.example;*'
cp "$D/out" "$D/logins"
printf 'directory = "%s"; journal = ""; smtp_auth = { logins_file = "%s"; };\n' "$D/directory" "$D/logins" >"$D/postern.conf"
is 'the services take it' "$("$policyd" -t -c "$D/postern.conf" 2>&1)" '*OK'

cat >"$D/two.csv" <<'END'
SamAccountName,mail
s.meyer,sabine@contoso.example
adm-ines,ines@contoso.example
END
is 'an account of two mailboxes is neither one'\''s, and the status says so' "$(made "$D/users.csv" "$D/two.csv")" \
    '4 adm-ines ines@contoso.example;ines ines@contoso.example;local *;sabine.m *;'
is 'both are named' "$(cat "$D/said")" \
    '*two mailboxes of one account, and left out: "s.meyer", sabine@contoso.example, sean@contoso.example*'
is 'and a mailbox with two accounts, each of which may send as it' "$(cat "$D/said")" \
    '*warning: one mailbox of two accounts, each of which may send as it: "ines@contoso.example", adm-ines, ines*'
is 'the same export twice is one' "$(made "$D/users.csv" "$D/users.csv")" '0 ines ines@contoso.example;local *'
printf '[{"SamAccountName":"s.meyer","mail":"x@contoso.example","proxyAddresses":["smtp:sm@contoso.example","SMTP:sean@contoso.example"]}]' >"$D/users.json"
is 'JSON has the primary address of its proxies' "$(made "$D/users.json")" '0 s.meyer sean@contoso.example;'
printf 'Name,mail\nx,y@contoso.example\n' >"$D/none.csv"
is 'a file without account names makes nothing' "$(made "$D/none.csv")" '1 '
is 'and says what to export' "$(cat "$D/said")" '*no SamAccountName; export Get-ADUser*'
printf 'SamAccountName,mail,Enabled\ns.meyer,sean@contoso.example,FALSCH\n' >"$D/language.csv"
is 'whether an account is disabled is not guessed' "$(made "$D/language.csv"; cat "$D/said")" '1 *line 2: Enabled is "FALSCH"; expected True or False*'
echo SamAccountName,mail >"$D/header.csv"
: >"$D/empty.csv"
is 'an export without rows empties no list' "$(made "$D/header.csv"; cat "$D/said")" '1 *no row in these files*'
rm -rf "$D/directory.away" && mv "$D/directory" "$D/directory.away"
is 'without a directory it goes by the files alone' "$(made "$D/users.csv")" '0 *sabine.m sabine@contoso.example;'
mv "$D/directory.away" "$D/directory"

# ---- mailboxes on premises ----

cat >"$D/Mailbox.csv" <<'END'
PrimarySmtpAddress,RecipientTypeDetails
anna@contoso.example,UserMailbox
room@contoso.example,RoomMailbox
both@contoso.example,UserMailbox
END
cat >"$D/RemoteMailbox.csv" <<'END'
PrimarySmtpAddress,RecipientTypeDetails
sean@contoso.example,RemoteUserMailbox
both@contoso.example,RemoteUserMailbox
END
is 'the local mailboxes are those on premises' \
    "$("$mirror" on-premises "$D/Mailbox.csv" "$D/RemoteMailbox.csv" 2>"$D/said" | grep -v '^#' | tr '\n' ';')" \
    'anna@contoso.example;room@contoso.example;'
is 'one that is in both exports is said' "$(cat "$D/said")" '*"both@contoso.example" is a mailbox here and a remote one*2 *on premises, 2 in*'
printf 'PrimarySmtpAddress\nanna@contoso.example\n' >"$D/untyped.csv"
is 'without types nobody knows where they live' "$("$mirror" on-premises "$D/untyped.csv" 2>&1; echo "$?")" '*RecipientTypeDetails*1'
# ConvertTo-Json in the local shell writes the enumeration as numbers
printf '[{"PrimarySmtpAddress":"anna@contoso.example","RecipientTypeDetails":1},{"PrimarySmtpAddress":"sean@contoso.example","RecipientTypeDetails":2147483648},{"PrimarySmtpAddress":"info@contoso.example","RecipientTypeDetails":34359738368}]' >"$D/numbers.json"
is 'a type may be a number' "$("$mirror" on-premises "$D/numbers.json" 2>/dev/null | grep -v '^#' | tr '\n' ';')" 'anna@contoso.example;'
is 'and says where a mailbox lives' "$("$mirror" on-premises "$D/numbers.json" 2>&1 >/dev/null)" '1 mailboxes live on premises, 2 in Exchange Online'
printf 'PrimarySmtpAddress,RecipientTypeDetails\nall@contoso.example,MailUniversalDistributionGroup\ngus@supplier.example,MailContact\nx@contoso.example,MailUser\n' >"$D/others.csv"
is 'groups, contacts and mail users are no mailboxes there' "$("$mirror" on-premises "$D/others.csv" 2>&1 >/dev/null | tr '\n' ';')" \
    '3 rows are no mailboxes to sign in to*;0 mailboxes live on premises*'
printf 'PrimarySmtpAddress,RecipientTypeDetails\nanna@contoso.example,Benutzerpostfach\n' >"$D/unknown.csv"
is 'a type that is not known puts nobody there' "$("$mirror" on-premises "$D/unknown.csv" 2>&1; echo "$?")" \
    '*line 2: RecipientTypeDetails is "Benutzerpostfach"; expected a type as UserMailbox or RemoteUserMailbox*1'
is 'exports without rows empty no list of them' "$("$mirror" on-premises "$D/empty.csv" 2>&1; echo "$?")" '*no row in these files*1'
exit $status
