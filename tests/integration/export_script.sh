#!/bin/bash
# export.ps1, which runs where nobody tests it: what it asks for is what postern-mirror reads, under names that it knows, and it keeps
# to what Windows PowerShell 5.1 and PowerShell 7 both do. TAP lines.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh
trap 'rm -rf "$D"' EXIT
MIRROR=${BUILD:-build/asan}/postern-mirror
script=conf/powershell/export.ps1
D=$(mktemp -d /tmp/postern-export.XXXXXX)
T=
none() { is "$1" "$(sort -u | tr '\n' ' ')" ''; }

# One file for each row of its table, as Get-Row and Add-File write a tenant with anna, who may send, and bert, who may not.
mkdir "$D/export" "$D/empty"
python3 - "$script" "$D" <<'END' || exit 1
import json, re, sys
script, folder = open(sys.argv[1], encoding="ascii").read(), sys.argv[2]
code = re.sub(r"(?m)^ *#.*$", "", re.sub(r"<#.*?#>", "", script, flags=re.S))
table = re.findall(r"@\{ Noun = '(\w+)'; Needs = '(\w+)'([^\n]*)\n\s*Columns = @\(([^)]*)\)", code)
people = [{"Guid": "0a7d6d2c-0001-4b7e-9d55-00000000000%d" % i, "ExchangeGuid": "0a7d6d2c-0002-4b7e-9d55-00000000000%d" % i,
           "ExternalDirectoryObjectId": "0a7d6d2c-0003-4b7e-9d55-00000000000%d" % i, "Identity": name, "Name": name, "Alias": name,
           "DisplayName": name.capitalize() + " Bj\u00f6rk", "UserPrincipalName": name + "@contoso.example",
           "PrimarySmtpAddress": name + "@contoso.example", "SamAccountName": "$A" + str(i),
           "RecipientTypeDetails": "UserMailbox", "AccountDisabled": False, "OwaMailboxPolicy": "Default", "ImapUseProtocolDefaults": True,
           "SmtpClientAuthenticationDisabled": name == "bert", "EmailAddresses": ["SMTP:" + name + "@contoso.example"],
           "GrantSendOnBehalfTo": ["anna"] if name == "bert" else [], "AuthenticationPolicy": "Devices"}
          for i, name in enumerate(("anna", "bert"), 1)]
one = {"TransportConfig": {"Name": "Transport Settings", "SmtpClientAuthenticationDisabled": True, "AllowLegacyTLSClients": None},
       "AcceptedDomain": {"DomainName": "contoso.example", "DomainType": "Authoritative", "MatchSubDomains": False, "Default": True,
                          "SendingFromDomainDisabled": False, "SendingToDomainDisabled": False},
       "RecipientPermission": {"Identity": "bert", "Trustee": "anna@contoso.example", "AccessControlType": "Allow",
                               "AccessRights": ["SendAs"]},
       "AuthenticationPolicy": {"Name": "Devices", "AllowBasicAuthSmtp": True},
       "OrganizationConfig": {"Name": "contoso", "DefaultAuthenticationPolicy": "Devices", "RejectDirectSend": False},
       "HostedOutboundSpamFilterPolicy": {"Name": "Default", "IsDefault": True, "RecipientLimitExternalPerHour": "0",
                                          "RecipientLimitInternalPerHour": "0", "RecipientLimitPerDay": "0"},
       "BlockedSenderAddress": {"SenderAddress": "eva@contoso.example", "Reason": "OutboundSpamLast24Hours=100"}}
with open(folder + "/columns", "w") as columns, open(folder + "/nouns", "w") as nouns:
    for noun, needs, _, names in table:
        names = re.findall(r"'(\w+)'", names)
        rows = [{name: row[name] for name in names} for row in ([one[noun]] if noun in one else people)]
        open("%s/export/%s.json" % (folder, noun), "w").write(json.dumps(rows, separators=(",", ":")) + "\n")
        open("%s/empty/%s.json" % (folder, noun), "w").write("[]\n")
        nouns.write(noun + "\n")
        for name in names:
            columns.write(name + "\n")
        if needs not in names:
            print("not ok %s asks for what it needs" % noun)
graph = re.search(r"Add-File '(\w+)' @\(\[pscustomobject\]@\{ id = .*; isEnabled = ", code).group(1)
open("%s/export/%s.json" % (folder, graph), "w").write('[{"id":"00000000-0000-0000-0000-000000000005","isEnabled":false}]\n')
open(folder + "/code", "w").write(code)
END
is 'it asks eleven cmdlets, and one of the groups that hold rights' "$(wc -l <"$D/nouns")$(grep -c 'Get-DistributionGroupMember -Identity' "$D/code")" 111
"$MIRROR" import --directory "$D/directory" --tenant contoso "$D"/export/*.json >"$D/said" 2>&1
is 'what it writes is imported' "$? $(tail -n 3 "$D/said")" '0 *'
is 'so are both rights of anna on the mailbox of bert' "$(cat "$D/said")" '*contoso: 2 rights to send as*'
grep -i 'not mirrored\|warning\|ignored\|not known' "$D/said" | none 'nothing is missing then, and nothing is odd'
is 'anna may send' "$("$MIRROR" show --directory "$D/directory" anna@contoso.example 2>&1)" '*SMTP AUTH *enabled*'
is 'bert may not' "$("$MIRROR" show --directory "$D/directory" bert@contoso.example 2>&1)" '*SMTP AUTH *disabled*'
while read -r column; do
    grep -rqF "\"$column\"" mirror --include='column.c' || case $column in Default) ;; *) echo "$column" ;; esac
done <"$D/columns" | none 'each column is one that is read'
# A tenant need not have authentication policies or restricted senders; of the others an empty file is a failure.
while read -r noun; do
    rm -rf "$D/empty/directory" && cp -r "$D/directory" "$D/empty/directory"
    "$MIRROR" import --directory "$D/empty/directory" --tenant contoso "$D/empty/$noun.json" >"$D/said" 2>&1
    case $?:$noun in
    0:AuthenticationPolicy | 0:BlockedSenderAddress | 0:Recipient) ;;
    *) grep -q "is empty, as no tenant's Get-$noun is" "$D/said" || echo "$noun: $(cat "$D/said")" ;;
    esac
done <"$D/nouns" | none 'an empty file is known by its name'

# ---- what PowerShell 5.1 and 7 do alike ----

is 'the script is ASCII' "$(LC_ALL=C grep -c '[^ -~]' "$script")" 0
# Their encodings differ; > is Out-File.
grep -nE 'Out-File|Set-Content|Add-Content|Export-Csv|[^-=]>[^=&]|Out-String' "$D/code" | grep -v '\[regex\]' | none 'nothing but WriteAllText writes'
grep -nE 'Format-(Table|List)|FormatEnumerationLimit|Select-Object|ConvertTo-Csv' "$D/code" | none 'nothing cuts lists off, or makes texts of them'
# Operators and cmdlets' options that 5.1 lacks.
grep -nE '\?\?|\?\.|&&|\|\||-Parallel|-AsArray|-EscapeHandling|-AsHashtable|\? .* : ' "$D/code" | none 'nothing needs PowerShell 7'
grep -nE 'Connect-MgGraph|Invoke-MgGraphRequest' "$D/code" | grep -v 'Get-Command\|-ErrorAction Stop' | none 'who asks the services stops at errors'
is 'Exchange'\''s cmdlets do so, too' "$(grep -c "arguments = @{ ErrorAction = 'Stop' }" "$D/code")" 1
is 'and none ends at 1000 rows' "$(sed -n "s/.*Noun = '\([A-Za-z]*\)'.*All = \$true.*/\1/p" "$D/code" | sort | tr '\n' ' ')" 'CASMailbox Mailbox Recipient RecipientPermission User '
exit $status
