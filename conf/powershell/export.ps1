<#
.SYNOPSIS
    Exports what postern-mirror reads of Exchange Online: one folder, one file a cmdlet, named after it.

.DESCRIPTION
    For Windows PowerShell 5.1 and PowerShell 7, with the module ExchangeOnlineManagement; for security defaults, with
    Microsoft.Graph.Authentication too, where that is installed. It only reads. Files are ASCII (other letters are \uNNNN,
    which is JSON), so that no encoding can damage them on the way.

    It stops at the first cmdlet that fails, and writes nothing then: half an export is worse than none. Security defaults
    that can't be had, and cmdlets that the account's roles do not bring, are left out, and named at the end.

    Afterwards copy the folder to the relay, and there:
        sudo postern-mirror import --tenant NAME FOLDER/*.json

.PARAMETER Folder
    Where the files go; made if it is not there. Files of an earlier run are replaced, or removed where this run left theirs out.

.PARAMETER WithoutSecurityDefaults
    Leaves security defaults out, and with them the sign-in to Microsoft Graph.

.EXAMPLE
    powershell.exe -ExecutionPolicy Bypass -File export.ps1
#>
[CmdletBinding()]
param(
    [string]$Folder = 'postern-export',
    [switch]$WithoutSecurityDefaults
)

$ErrorActionPreference = 'Stop'
$target = (New-Item -ItemType Directory -Force -Path $Folder).FullName
$files = [ordered]@{} # name and contents; $null: left out
$left = New-Object 'Collections.Generic.List[string]'
$exported = @{} # rows by noun

function Add-File([string]$Name, [object[]]$Rows) {
    $json = ConvertTo-Json -InputObject $Rows -Depth 4 -Compress
    $files[$Name] = [regex]::Replace($json, '[^\x00-\x7e]', { param($letter) '\u{0:x4}' -f [int][char]$letter.Value }) + "`n"
    Write-Host ('{0,-34} {1,8} rows' -f $Name, $Rows.Count)
}

# What JSON has plainly: true, false, null, texts, lists of texts. (Select-Object would make a text of a list of one, and leave
# objects that ConvertTo-Json cuts off.) A property that the object does not have gets no column: absent is not empty.
function Get-Row($Object, [string[]]$Columns) {
    $row = [ordered]@{}
    foreach ($column in $Columns) {
        $property = $Object.PSObject.Properties[$column]
        if ($null -eq $property) {
            continue
        }
        $value = $property.Value
        if ($null -eq $value -or $value -is [bool]) {
            $row[$column] = $value
        } elseif ($value -is [Collections.IEnumerable] -and $value -isnot [string]) {
            $row[$column] = [string[]]@($value | ForEach-Object { "$_" })
        } else {
            $row[$column] = "$value"
        }
    }
    [pscustomobject]$row
}

# Export-Rows NOUN: the file NOUN.json, from Get-NOUN. -Needs: a column without which the answer is not Exchange Online's. -All: the
# cmdlet would stop at 1000 rows. -Optional: some roles lack the cmdlet. The functions of Exchange Online's module do not see this
# script's preference, so each of them is told to stop at an error.
function Export-Rows([string]$Noun, [string[]]$Columns, [string]$Needs, [switch]$All, [switch]$Optional) {
    $cmdlet = "Get-$Noun"
    $arguments = @{ ErrorAction = 'Stop' }
    if ($All) {
        $arguments['ResultSize'] = 'Unlimited'
    }
    if (-not (Get-Command $cmdlet -ErrorAction SilentlyContinue)) {
        if (-not $Optional) {
            throw "$cmdlet is not there: the account needs the roles View-Only Recipients and View-Only Configuration"
        }
        $files[$Noun] = $null
        $left.Add("$cmdlet (no role of this account brings it)")
        return
    }
    $rows = @(& $cmdlet @arguments | Where-Object { $null -ne $_ } | ForEach-Object { Get-Row $_ $Columns })
    if ($rows.Count -gt 0 -and $null -eq $rows[0].PSObject.Properties[$Needs]) {
        throw "$cmdlet returns no ${Needs}: is this a session of an Exchange on premises?"
    }
    Add-File $Noun $rows
    $exported[$Noun] = $rows
}

# The members of those groups that hold rights, and of the groups in these. A row of a group alone says that it has none.
function Export-Members {
    $files['DistributionGroupMember'] = $null
    if (-not $exported.ContainsKey('RecipientPermission') -or -not $exported.ContainsKey('Recipient')) {
        return
    }
    if (-not (Get-Command Get-DistributionGroupMember -ErrorAction SilentlyContinue)) {
        $left.Add('Get-DistributionGroupMember (no role of this account brings it)')
        return
    }
    $trustees = @{}
    foreach ($row in $exported['RecipientPermission']) {
        $trustees["$($row.Trustee)"] = $true
    }
    $groups = @{}
    $queue = New-Object 'Collections.Generic.Queue[string]'
    $lists = @('MailUniversalSecurityGroup', 'MailUniversalDistributionGroup', 'MailNonUniversalGroup', 'RoomList')
    foreach ($row in $exported['Recipient']) {
        if ($lists -notcontains $row.RecipientTypeDetails) {
            continue
        }
        $groups["$($row.Guid)"] = "$($row.PrimarySmtpAddress)"
        $names = @($row.Name, $row.DisplayName, $row.Identity, $row.PrimarySmtpAddress, $row.Guid)
        if (@($names | Where-Object { "$_" -ne '' -and $trustees.ContainsKey("$_") }).Count -gt 0) {
            $queue.Enqueue("$($row.Guid)")
        }
    }
    $asked = @{}
    $rows = New-Object 'Collections.Generic.List[object]'
    while ($queue.Count -gt 0) {
        $guid = $queue.Dequeue()
        if ($asked.ContainsKey($guid)) {
            continue
        }
        $asked[$guid] = $true
        $rows.Add([pscustomobject]@{ Group = $groups[$guid]; Guid = $null; PrimarySmtpAddress = $null })
        foreach ($member in @(Get-DistributionGroupMember -Identity $guid -ResultSize Unlimited -ErrorAction Stop)) {
            $rows.Add([pscustomobject]@{ Group = $groups[$guid]; Guid = "$($member.Guid)"
                    PrimarySmtpAddress = "$($member.PrimarySmtpAddress)" })
            if ($groups.ContainsKey("$($member.Guid)")) {
                $queue.Enqueue("$($member.Guid)")
            }
        }
    }
    Add-File 'DistributionGroupMember' $rows.ToArray()
}

if (-not (Get-Command Get-CASMailbox -ErrorAction SilentlyContinue)) {
    if (-not (Get-Command Connect-ExchangeOnline -ErrorAction SilentlyContinue)) {
        throw 'Exchange Online PowerShell is not installed: Install-Module ExchangeOnlineManagement'
    }
    Connect-ExchangeOnline -ShowBanner:$false
}

$exports = @(
    @{ Noun = 'TransportConfig'; Needs = 'SmtpClientAuthenticationDisabled'
        Columns = @('Name', 'SmtpClientAuthenticationDisabled', 'AllowLegacyTLSClients') }
    @{ Noun = 'AcceptedDomain'; Needs = 'DomainType'
        Columns = @('DomainName', 'DomainType', 'MatchSubDomains', 'Default', 'SendingFromDomainDisabled',
            'SendingToDomainDisabled') }
    @{ Noun = 'CASMailbox'; Needs = 'SmtpClientAuthenticationDisabled'; All = $true
        Columns = @('Guid', 'ExternalDirectoryObjectId', 'PrimarySmtpAddress', 'SamAccountName',
            'SmtpClientAuthenticationDisabled', 'OwaMailboxPolicy', 'ImapUseProtocolDefaults', 'EmailAddresses') }
    @{ Noun = 'Mailbox'; Needs = 'PrimarySmtpAddress'; All = $true
        Columns = @('Guid', 'ExchangeGuid', 'ExternalDirectoryObjectId', 'Identity', 'Name', 'Alias', 'DisplayName',
            'UserPrincipalName', 'PrimarySmtpAddress', 'RecipientTypeDetails', 'AccountDisabled', 'EmailAddresses',
            'GrantSendOnBehalfTo') }
    @{ Noun = 'User'; Needs = 'AuthenticationPolicy'; All = $true; Optional = $true
        Columns = @('Guid', 'UserPrincipalName', 'AuthenticationPolicy', 'AccountDisabled') }
    @{ Noun = 'Recipient'; Needs = 'RecipientTypeDetails'; All = $true; Optional = $true
        Columns = @('Guid', 'Identity', 'Name', 'DisplayName', 'PrimarySmtpAddress', 'RecipientTypeDetails', 'EmailAddresses') }
    @{ Noun = 'RecipientPermission'; Needs = 'Trustee'; All = $true; Optional = $true
        Columns = @('Identity', 'Trustee', 'AccessControlType', 'AccessRights') }
    @{ Noun = 'AuthenticationPolicy'; Needs = 'AllowBasicAuthSmtp'; Optional = $true
        Columns = @('Name', 'AllowBasicAuthSmtp') }
    @{ Noun = 'OrganizationConfig'; Needs = 'DefaultAuthenticationPolicy'; Optional = $true
        Columns = @('Name', 'DefaultAuthenticationPolicy', 'RejectDirectSend') }
    @{ Noun = 'HostedOutboundSpamFilterPolicy'; Needs = 'IsDefault'; Optional = $true
        Columns = @('Name', 'IsDefault', 'RecipientLimitExternalPerHour', 'RecipientLimitInternalPerHour',
            'RecipientLimitPerDay') }
    @{ Noun = 'BlockedSenderAddress'; Needs = 'SenderAddress'; Optional = $true
        Columns = @('SenderAddress', 'Reason') }
)
foreach ($export in $exports) {
    Export-Rows @export
}
Export-Members

# Is security defaults' answer of the tenant that the rest is of? A session of Microsoft Graph may have been there before.
function Assert-SameTenant {
    if (-not (Get-Command Get-ConnectionInformation -ErrorAction SilentlyContinue)) {
        return
    }
    $graph = "$((Get-MgContext).TenantId)"
    $exchange = @(Get-ConnectionInformation | ForEach-Object { "$($_.TenantID)" })
    if ($exchange.Count -gt 0 -and $exchange -notcontains $graph) {
        throw "Microsoft Graph is signed in to tenant $graph, Exchange Online to $($exchange -join ', ')"
    }
}

$files['SecurityDefaults'] = $null
if ($WithoutSecurityDefaults) {
    $left.Add('security defaults (left out on purpose)')
} elseif (-not (Get-Command Invoke-MgGraphRequest -ErrorAction SilentlyContinue)) {
    $left.Add('security defaults (Install-Module Microsoft.Graph.Authentication)')
} else {
    # The two modules bring libraries that do not always go together in one session: that costs this part alone.
    try {
        if (-not (Get-MgContext)) {
            Connect-MgGraph -Scopes Policy.Read.All -NoWelcome -ErrorAction Stop
        }
        Assert-SameTenant
        $policy = Invoke-MgGraphRequest -Method GET -Uri '/v1.0/policies/identitySecurityDefaultsEnforcementPolicy' -ErrorAction Stop
        if ($policy['isEnabled'] -isnot [bool]) {
            throw 'Microsoft Graph does not say whether they are on'
        }
        Add-File 'SecurityDefaults' @([pscustomobject]@{ id = "$($policy['id'])"; isEnabled = $policy['isEnabled'] })
    } catch {
        $left.Add("security defaults ($($_.Exception.Message))")
    }
}

foreach ($name in @($files.Keys)) {
    $path = Join-Path $target "$name.json"
    if ($null -ne $files[$name]) {
        [IO.File]::WriteAllText($path, $files[$name], [Text.Encoding]::ASCII)
    } elseif (Test-Path -LiteralPath $path) {
        Remove-Item -LiteralPath $path
    }
}

Write-Host ''
if ($left.Count -gt 0) {
    Write-Host ('Not exported: ' + ($left -join ', '))
}
Write-Host "Copy $target to the relay, and there: sudo postern-mirror import --tenant NAME $(Split-Path -Leaf $target)/*.json"
