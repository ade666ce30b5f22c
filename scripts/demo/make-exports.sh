#!/bin/bash
# Writes made-up exports of two tenants, as PowerShell writes them, into the folder $1.
set -eu
cd "$1"

# Get-CASMailbox -ResultSize Unlimited | Export-Csv contoso-casmailbox.csv
cat >contoso-casmailbox.csv <<'END'
#TYPE Microsoft.Exchange.Data.Directory.Management.CASMailbox
"Guid","PrimarySmtpAddress","DisplayName","OWAEnabled","ImapEnabled","SmtpClientAuthenticationDisabled"
"0a7d6d2c-0001-4b7e-9d55-000000000001","anna@contoso.example","Anna Berg","True","True","False"
"0a7d6d2c-0001-4b7e-9d55-000000000002","bert@contoso.example","Bert Lund","True","True","True"
"0a7d6d2c-0001-4b7e-9d55-000000000003","cleo@contoso.example","Cleo Marsh","True","True",""
"0a7d6d2c-0001-4b7e-9d55-000000000004","info@contoso.example","Info, shared","True","True",""
"0a7d6d2c-0001-4b7e-9d55-000000000005","app@contoso.example","An application","True","True","False"
"0a7d6d2c-0001-4b7e-9d55-000000000006","eva@contoso.example","Eva ""with policy"" Holt","True","True","False"
"0a7d6d2c-0001-4b7e-9d55-000000000007","rosa@contoso.example","Rosa Roaming","True","True","False"
END

# Get-Mailbox -ResultSize Unlimited | ConvertTo-Json
mailbox()
{
    cat <<END
  { "Guid": "0a7d6d2c-0001-4b7e-9d55-00000000000$1", "UserPrincipalName": "$2@contoso.example", "Name": "$2", "Alias": "$2",
    "DisplayName": "$2", "PrimarySmtpAddress": "$2@contoso.example",
    "EmailAddresses": [ "SMTP:$2@contoso.example", "smtp:$2.alias@contoso.example", "SIP:$2@contoso.example" ],
    "RecipientTypeDetails": "$3" }${4:-}
END
}
{
    echo '['
    mailbox 1 anna UserMailbox ,
    mailbox 2 bert UserMailbox ,
    mailbox 3 cleo UserMailbox ,
    mailbox 4 info SharedMailbox ,
    mailbox 5 app UserMailbox ,
    mailbox 6 eva UserMailbox ,
    mailbox 7 rosa UserMailbox
    echo ']'
} >contoso-mailbox.json

# Get-RecipientPermission | ConvertTo-Json
cat >contoso-recipientpermission.json <<'END'
[ { "Identity": "info", "Trustee": "anna@contoso.example", "AccessControlType": "Allow", "AccessRights": [ "SendAs" ] } ]
END

# Get-User | ConvertTo-Json (the authentication policy), Get-AuthenticationPolicy | ConvertTo-Json
cat >contoso-user.json <<'END'
[ { "Guid": "0a7d6d2c-0001-4b7e-9d55-000000000006", "UserPrincipalName": "eva@contoso.example",
    "AuthenticationPolicy": "Block Basic" } ]
END
cat >contoso-authenticationpolicy.json <<'END'
[ { "Name": "Block Basic", "Identity": "Block Basic", "AllowBasicAuthSmtp": false, "AllowBasicAuthImap": false } ]
END

# Get-TransportConfig | ConvertTo-Json: contoso forbids SMTP AUTH unless a mailbox allows it, fabrikam allows it.
cat >contoso-transportconfig.json <<'END'
{ "JournalingReportNdrTo": "<>", "MaxSendSize": "Unlimited", "SmtpClientAuthenticationDisabled": true }
END
sed 's/true/false/' contoso-transportconfig.json >fabrikam-transportconfig.json

cat >contoso-accepteddomain.json <<'END'
[ { "DomainName": "contoso.example", "DomainType": "Authoritative", "MatchSubDomains": false, "Default": true } ]
END
sed 's/contoso/fabrikam/' contoso-accepteddomain.json >fabrikam-accepteddomain.json

cat >fabrikam-casmailbox.csv <<'END'
"Guid";"PrimarySmtpAddress";"OWAEnabled";"SmtpClientAuthenticationDisabled"
"0a7d6d2c-0002-4b7e-9d55-000000000001";"dora@fabrikam.example";"True";""
END
