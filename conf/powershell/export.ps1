<#
.SYNOPSIS
    Exports what postern-mirror reads of Exchange Online: one folder, one file a cmdlet, named after it.

.DESCRIPTION
    For Windows PowerShell 5.1 and PowerShell 7, with the ExchangeOnlineManagement module; for security defaults, with
    Microsoft.Graph.Authentication too, where that is installed. It only reads. Files are ASCII (other letters are \uNNNN,
    which is JSON), so that no encoding can damage them on the way. It stops at the first cmdlet that fails: half an export
    is worse than none.

    Afterwards copy the folder to the relay, and there:
        sudo postern-mirror import --tenant NAME FOLDER/*.json

.PARAMETER Folder
    Where the files go; made if it is not there. Files of an earlier run are replaced.

.PARAMETER WithoutSecurityDefaults
    Leaves security defaults out, and with them the sign-in to Microsoft Graph.
#>
param(
    [string]$Folder = 'postern-export',
    [switch]$WithoutSecurityDefaults
)

$ErrorActionPreference = 'Stop'
$target = (New-Item -ItemType Directory -Force -Path $Folder).FullName

function Save-Rows([string]$Name, $Rows) {
    $rows = @($Rows | Where-Object { $null -ne $_ })
    $json = ConvertTo-Json -InputObject $rows -Depth 4 -Compress
    $ascii = [regex]::Replace($json, '[^\x00-\x7e]', { param($match) '\u{0:x4}' -f [int][char]$match.Value })
    [IO.File]::WriteAllText((Join-Path $target "$Name.json"), $ascii + "`n", [Text.Encoding]::ASCII)
    Write-Host ('{0,-34} {1,8} rows' -f $Name, $rows.Count)
}

# Lists as texts: Select-Object would leave objects that ConvertTo-Json cuts off.
function Join-Property([string]$Name) {
    @{ n = $Name; e = [scriptblock]::Create("@(`$_.$Name | ForEach-Object { `"`$_`" })") }
}
function Text-Property([string]$Name) {
    @{ n = $Name; e = [scriptblock]::Create("if (`$null -ne `$_.$Name) { `"`$(`$_.$Name)`" }") }
}

if (-not (Get-Command Get-CASMailbox -ErrorAction SilentlyContinue)) {
    Connect-ExchangeOnline -ShowBanner:$false
}

Save-Rows 'TransportConfig' (Get-TransportConfig |
    Select-Object Name, SmtpClientAuthenticationDisabled, AllowLegacyTLSClients)
Save-Rows 'AcceptedDomain' (Get-AcceptedDomain |
    Select-Object (Text-Property DomainName), (Text-Property DomainType), MatchSubDomains, Default)
Save-Rows 'CASMailbox' (Get-CASMailbox -ResultSize Unlimited |
    Select-Object (Text-Property Guid), (Text-Property ExternalDirectoryObjectId), (Text-Property PrimarySmtpAddress),
        SamAccountName, SmtpClientAuthenticationDisabled, OwaMailboxPolicy, ImapUseProtocolDefaults,
        (Join-Property EmailAddresses))
Save-Rows 'Mailbox' (Get-Mailbox -ResultSize Unlimited |
    Select-Object (Text-Property Guid), (Text-Property ExchangeGuid), (Text-Property ExternalDirectoryObjectId), Identity,
        Name, Alias, DisplayName, UserPrincipalName, (Text-Property PrimarySmtpAddress),
        (Text-Property RecipientTypeDetails), (Join-Property EmailAddresses), (Join-Property GrantSendOnBehalfTo))
Save-Rows 'User' (Get-User -ResultSize Unlimited |
    Select-Object (Text-Property Guid), UserPrincipalName, (Text-Property AuthenticationPolicy))
Save-Rows 'RecipientPermission' (Get-RecipientPermission -ResultSize Unlimited |
    Select-Object (Text-Property Identity), (Text-Property Trustee), (Text-Property AccessControlType),
        (Join-Property AccessRights))
Save-Rows 'AuthenticationPolicy' (Get-AuthenticationPolicy | Select-Object Name, AllowBasicAuthSmtp)
Save-Rows 'OrganizationConfig' (Get-OrganizationConfig |
    Select-Object Name, (Text-Property DefaultAuthenticationPolicy), RejectDirectSend)
Save-Rows 'HostedOutboundSpamFilterPolicy' (Get-HostedOutboundSpamFilterPolicy |
    Select-Object Name, IsDefault, RecipientLimitExternalPerHour, RecipientLimitInternalPerHour, RecipientLimitPerDay)
Save-Rows 'BlockedSenderAddress' (Get-BlockedSenderAddress | Select-Object (Text-Property SenderAddress), Reason)

$left = @()
if ($WithoutSecurityDefaults) {
    $left += 'security defaults (left out on purpose)'
} elseif (-not (Get-Command Invoke-MgGraphRequest -ErrorAction SilentlyContinue)) {
    $left += 'security defaults (Install-Module Microsoft.Graph.Authentication)'
} else {
    if (-not (Get-MgContext)) {
        Connect-MgGraph -Scopes Policy.Read.All -NoWelcome
    }
    $policy = Invoke-MgGraphRequest -Method GET -Uri '/v1.0/policies/identitySecurityDefaultsEnforcementPolicy'
    Save-Rows 'SecurityDefaults' ([pscustomobject]@{ id = $policy.id; isEnabled = $policy.isEnabled })
}

Write-Host ''
if ($left.Count -gt 0) {
    Write-Host ('Not exported: ' + ($left -join ', '))
}
Write-Host "Copy $target to the relay, and there: sudo postern-mirror import --tenant NAME $(Split-Path -Leaf $target)/*.json"
