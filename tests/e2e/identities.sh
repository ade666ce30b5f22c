#!/bin/bash
# Whom Postfix lets send, and as whom: disabled accounts, closed domains, groups and mail users; and that an import is heeded without
# a restart. A real Postfix with both programs. TAP lines. Needs root.
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/relay.sh
. tests/e2e/lib.sh

A=anna@contoso.example
make_relay '' 'tenants = ( { name = "contoso"; domains = [ "contoso.example" ]; } );'

# exports ANNA-DISABLED CLEO-IN-THE-GROUP: cleo's account is disabled; bert may not sign in at all.
exports()
{
    printf '%s\n' 'Guid,PrimarySmtpAddress,Name,DisplayName,UserPrincipalName,RecipientTypeDetails,AccountDisabled,EmailAddresses' \
        "0a7d6d2c-0001-4b7e-9d55-000000000001,$A,anna,Anna Berg,$A,UserMailbox,$1,SMTP:$A smtp:anna@legacy.example" \
        '0a7d6d2c-0001-4b7e-9d55-000000000002,bert@contoso.example,bert,Bert Lund,bert@contoso.example,UserMailbox,False,SMTP:bert@contoso.example' \
        '0a7d6d2c-0001-4b7e-9d55-000000000003,cleo@contoso.example,cleo,Cleo Marsh,cleo@contoso.example,UserMailbox,True,SMTP:cleo@contoso.example' \
        >"$T/lib/Mailbox.csv"
    printf '%s\n' 'DomainName,DomainType,MatchSubDomains,SendingFromDomainDisabled,SendingToDomainDisabled' \
        'contoso.example,Authoritative,False,False,False' 'legacy.example,Authoritative,False,True,False' \
        'unused.example,Authoritative,False,False,True' >"$T/lib/AcceptedDomain.csv"
    printf '%s\n' 'Guid,PrimarySmtpAddress,Name,DisplayName,RecipientTypeDetails,EmailAddresses' \
        '0a7d6d2c-0002-4b7e-9d55-000000000001,sales@contoso.example,sales,Sales Team,MailUniversalSecurityGroup,SMTP:sales@contoso.example' \
        '0a7d6d2c-0002-4b7e-9d55-000000000002,partner@contoso.example,partner,Partner,MailUser,SMTP:partner@contoso.example' \
        >"$T/lib/Recipient.csv"
    printf '%s\n' 'Identity,Trustee,AccessControlType,AccessRights' 'bert,Sales Team,Allow,SendAs' "sales,$A,Allow,SendAs" \
        'partner,Anna Berg,Allow,SendAs' >"$T/lib/RecipientPermission.csv"
    printf '%s\n' 'Group,Guid,PrimarySmtpAddress' "sales@contoso.example,,$2" >"$T/lib/DistributionGroupMember.csv"
    relay_import --tenant contoso "$T"/lib/{cas,Mailbox,AcceptedDomain,Recipient,RecipientPermission,DistributionGroupMember}.csv \
        "$T/lib/transport.json" >"$T/mirror.log" 2>&1 || cat "$T/mirror.log"
}
exports False "$A"
relay_start both || exit 1
reason() { grep -oh 'reason=[a-z-]*' "$T/policyd.log" "$T/milter.log" | tail -n 1; }

is 'who may send sends' "$(submit $A)" '250 2.0.0*'
is 'a disabled account is refused as Exchange Online refuses it, and nothing is said of it' "$(submit cleo@contoso.example)" \
    '550*5.7.139 Authentication unsuccessful, the user credentials were incorrect.*'
is 'the log has the reason' "$(reason)" 'reason=account-disabled'
is 'nothing is sent from a domain that is closed for it' "$(submit $A --from anna@legacy.example)" \
    '550*5.7.1 Sending from addresses in this domain is disabled by the organization*'
is 'nor with such an address in From' "$(submit $A --header 'From: anna@legacy.example')" \
    '550 5.7.1 Sending from addresses in this domain is disabled by the organization'
is 'nor to one that is closed for recipients' "$(submit $A --to x@unused.example)" \
    '550*5.7.1 *Sending to recipients in this domain is disabled by the organization*'
is 'the other way round they are open' "$(submit $A --to x@legacy.example)" '250 2.0.0*'
is 'a member sends as what his group may send as' "$(submit $A --from bert@contoso.example --header 'From: bert@contoso.example')" '250 2.0.0*'
is 'one sends as a group' "$(submit $A --from sales@contoso.example --header 'From: sales@contoso.example')" '250 2.0.0*'
is 'and as a mail user' "$(submit $A --from partner@contoso.example --header 'From: partner@contoso.example')" '250 2.0.0*'

exports True cleo@contoso.example
# shellcheck disable=SC2016 # for eval
becomes 'who is disabled in the next export is shut out without a restart' 'submit $A' '550*5.7.139*incorrect*'
exports False cleo@contoso.example
# shellcheck disable=SC2016 # for eval
becomes 'and let in again with the one after it' 'submit $A' '250 2.0.0*'
is 'who left the group has lost its right' "$(submit $A --from bert@contoso.example)" '550*5.7.60*'
exit $status
