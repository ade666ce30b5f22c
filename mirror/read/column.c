#include "mirror/read/column.h"

static const struct {
    const char *text;
    size_t n;
} names[COLUMNS] = {
    [COLUMN_GUID] = {"Guid", sizeof "Guid" - 1},
    [COLUMN_DIRECTORY_OBJECT] = {"ExternalDirectoryObjectId", sizeof "ExternalDirectoryObjectId" - 1},
    [COLUMN_IDENTITY] = {"Identity", sizeof "Identity" - 1},
    [COLUMN_NAME] = {"Name", sizeof "Name" - 1},
    [COLUMN_DISTINGUISHED_NAME] = {"DistinguishedName", sizeof "DistinguishedName" - 1},
    [COLUMN_DISPLAY_NAME] = {"DisplayName", sizeof "DisplayName" - 1},
    [COLUMN_PRIMARY] = {"PrimarySmtpAddress", sizeof "PrimarySmtpAddress" - 1},
    [COLUMN_PROXIES] = {"EmailAddresses", sizeof "EmailAddresses" - 1},
    [COLUMN_UPN] = {"UserPrincipalName", sizeof "UserPrincipalName" - 1},
    [COLUMN_ALIAS] = {"Alias", sizeof "Alias" - 1},
    [COLUMN_ACCOUNT] = {"SamAccountName", sizeof "SamAccountName" - 1},
    [COLUMN_TYPE] = {"RecipientTypeDetails", sizeof "RecipientTypeDetails" - 1},
    [COLUMN_EXCHANGE_GUID] = {"ExchangeGuid", sizeof "ExchangeGuid" - 1},
    [COLUMN_ON_BEHALF] = {"GrantSendOnBehalfTo", sizeof "GrantSendOnBehalfTo" - 1},
    [COLUMN_MAIL] = {"mail", sizeof "mail" - 1},
    [COLUMN_GROUP] = {"Group", sizeof "Group" - 1},
    [COLUMN_SMTP_AUTH_DISABLED] = {"SmtpClientAuthenticationDisabled", sizeof "SmtpClientAuthenticationDisabled" - 1},
    [COLUMN_AUTH_POLICY] = {"AuthenticationPolicy", sizeof "AuthenticationPolicy" - 1},
    [COLUMN_BASIC_SMTP] = {"AllowBasicAuthSmtp", sizeof "AllowBasicAuthSmtp" - 1},
    [COLUMN_DEFAULT_POLICY] = {"DefaultAuthenticationPolicy", sizeof "DefaultAuthenticationPolicy" - 1},
    [COLUMN_IS_ENABLED] = {"isEnabled", sizeof "isEnabled" - 1},
    [COLUMN_ACCOUNT_DISABLED] = {"AccountDisabled", sizeof "AccountDisabled" - 1},
    [COLUMN_ACCOUNT_ENABLED] = {"accountEnabled", sizeof "accountEnabled" - 1},
    [COLUMN_ENABLED] = {"Enabled", sizeof "Enabled" - 1},
    [COLUMN_EXTERNAL_PER_HOUR] = {"RecipientLimitExternalPerHour", sizeof "RecipientLimitExternalPerHour" - 1},
    [COLUMN_INTERNAL_PER_HOUR] = {"RecipientLimitInternalPerHour", sizeof "RecipientLimitInternalPerHour" - 1},
    [COLUMN_PER_DAY] = {"RecipientLimitPerDay", sizeof "RecipientLimitPerDay" - 1},
    [COLUMN_IS_DEFAULT] = {"IsDefault", sizeof "IsDefault" - 1},
    [COLUMN_SENDER] = {"SenderAddress", sizeof "SenderAddress" - 1},
    [COLUMN_TRUSTEE] = {"Trustee", sizeof "Trustee" - 1},
    [COLUMN_ACCESS_TYPE] = {"AccessControlType", sizeof "AccessControlType" - 1},
    [COLUMN_ACCESS_RIGHTS] = {"AccessRights", sizeof "AccessRights" - 1},
    [COLUMN_DOMAIN] = {"DomainName", sizeof "DomainName" - 1},
    [COLUMN_DOMAIN_TYPE] = {"DomainType", sizeof "DomainType" - 1},
    [COLUMN_MATCH_SUBDOMAINS] = {"MatchSubDomains", sizeof "MatchSubDomains" - 1},
    [COLUMN_SENDING_FROM_DISABLED] = {"SendingFromDomainDisabled", sizeof "SendingFromDomainDisabled" - 1},
    [COLUMN_SENDING_TO_DISABLED] = {"SendingToDomainDisabled", sizeof "SendingToDomainDisabled" - 1},
    [COLUMN_OWA] = {"OWAEnabled", sizeof "OWAEnabled" - 1},
    [COLUMN_ECP] = {"ECPEnabled", sizeof "ECPEnabled" - 1},
    [COLUMN_IMAP] = {"ImapEnabled", sizeof "ImapEnabled" - 1},
    [COLUMN_POP] = {"PopEnabled", sizeof "PopEnabled" - 1},
    [COLUMN_MAPI] = {"MAPIEnabled", sizeof "MAPIEnabled" - 1},
    [COLUMN_ACTIVE_SYNC] = {"ActiveSyncEnabled", sizeof "ActiveSyncEnabled" - 1},
    [COLUMN_ENVELOPE_LIMIT] = {"MaxRecipientEnvelopeLimit", sizeof "MaxRecipientEnvelopeLimit" - 1},
    [COLUMN_TLS_RECEIVE] = {"TLSReceiveDomainSecureList", sizeof "TLSReceiveDomainSecureList" - 1},
    [COLUMN_SAFETY_NET] = {"SafetyNetHoldTime", sizeof "SafetyNetHoldTime" - 1},
    [COLUMN_LEGACY_TLS] = {"AllowLegacyTLSClients", sizeof "AllowLegacyTLSClients" - 1},
    [COLUMN_JOURNALING_NDR] = {"JournalingReportNdrTo", sizeof "JournalingReportNdrTo" - 1},
    [COLUMN_CLEAR_CATEGORIES] = {"ClearCategories", sizeof "ClearCategories" - 1},
    [COLUMN_RFC2231] = {"Rfc2231EncodingEnabled", sizeof "Rfc2231EncodingEnabled" - 1},
    [COLUMN_POSTMASTER] = {"ExternalPostmasterAddress", sizeof "ExternalPostmasterAddress" - 1},
    [COLUMN_REJECT_DIRECT_SEND] = {"RejectDirectSend", sizeof "RejectDirectSend" - 1},
    [COLUMN_REASON] = {"Reason", sizeof "Reason" - 1},
    [COLUMN_INACTIVE] = {"IsInactiveMailbox", sizeof "IsInactiveMailbox" - 1},
    [COLUMN_SOFT_DELETED] = {"WhenSoftDeleted", sizeof "WhenSoftDeleted" - 1},
    [COLUMN_OWA_POLICY] = {"OwaMailboxPolicy", sizeof "OwaMailboxPolicy" - 1},
    [COLUMN_EWS_OUTLOOK] = {"EwsAllowOutlook", sizeof "EwsAllowOutlook" - 1},
    [COLUMN_IMAP_DEFAULTS] = {"ImapUseProtocolDefaults", sizeof "ImapUseProtocolDefaults" - 1},
    [COLUMN_MAPI_HTTP] = {"MapiHttpEnabled", sizeof "MapiHttpEnabled" - 1},
    [COLUMN_RECIPIENT_ADDRESS] = {"RecipientAddress", sizeof "RecipientAddress" - 1},
    [COLUMN_RECEIVED] = {"Received", sizeof "Received" - 1},
    [COLUMN_GROUP_TYPE] = {"GroupType", sizeof "GroupType" - 1},
    [COLUMN_BLOCK_CREDENTIAL] = {"Block credential", sizeof "Block credential" - 1},
    [COLUMN_ARCHIVE_STATUS] = {"Archive status", sizeof "Archive status" - 1},
    [COLUMN_GRAPH_PROXIES] = {"proxyAddresses", sizeof "proxyAddresses" - 1},
    [COLUMN_FORMATTED] = {"ClassId2e4f51ef21dd47e99d3c952918aff9cd",
                          sizeof "ClassId2e4f51ef21dd47e99d3c952918aff9cd" - 1},
    [COLUMN_LENGTH] = {"Length", sizeof "Length" - 1},
    [COLUMN_SUBJECT] = {"Subject", sizeof "Subject" - 1},
    [COLUMN_ID] = {"id", sizeof "id" - 1},
};

const char *column_name(enum column column)
{
    return names[column].text;
}

enum column column_named(struct slice name)
{
    for (size_t i = 0; i < COLUMNS; i++)
        if (names[i].n == name.n && name.n > 0 && ascii_lower(names[i].text[0]) == ascii_lower(name.p[0]) &&
            slice_ieq(name, (struct slice){names[i].text, names[i].n}))
            return (enum column)i;
    return COLUMNS;
}

/* Other names that export scripts give these columns, in lower-case letters and digits only. */
static const struct {
    const char *text;
    enum column column;
} synonyms[] = {
    {"smtpauthdisabled", COLUMN_SMTP_AUTH_DISABLED},
    {"smtpauthenticationdisabled", COLUMN_SMTP_AUTH_DISABLED},
    {"smtpclientauthdisabled", COLUMN_SMTP_AUTH_DISABLED},
    {"smtpclientauthentication", COLUMN_SMTP_AUTH_DISABLED},
    {"smtpclientauthenticationenabled", COLUMN_SMTP_AUTH_DISABLED},
    {"smtpauthenabled", COLUMN_SMTP_AUTH_DISABLED},
    {"smtpauth", COLUMN_SMTP_AUTH_DISABLED},
    {"authenticatedsmtp", COLUMN_SMTP_AUTH_DISABLED},
    {"authenticatedsmtpdisabled", COLUMN_SMTP_AUTH_DISABLED},
    {"upn", COLUMN_UPN},
    {"primarysmtp", COLUMN_PRIMARY},
    {"primaryaddress", COLUMN_PRIMARY},
    {"primaryemail", COLUMN_PRIMARY},
    {"primaryemailaddress", COLUMN_PRIMARY},
    {"emailaddress", COLUMN_PRIMARY},
    {"email", COLUMN_PRIMARY},
    {"mail", COLUMN_PRIMARY},
    {"smtp", COLUMN_PROXIES},
    {"aliases", COLUMN_PROXIES},
    {"proxyaddress", COLUMN_PROXIES},
    {"proxyaddresses", COLUMN_PROXIES},
    {"smtpaddresses", COLUMN_PROXIES},
    {"additionalemailaddresses", COLUMN_PROXIES},
    {"otheremailaddresses", COLUMN_PROXIES},
};

/* Longer than any of the names with a separator between all letters. */
#define MEANT_MAX 96

/*
 * Keeps letters and digits, in lower case, and drops what is not ASCII: characters that nobody sees are pasted along
 * with names. False for other characters than separators, and for too many.
 */
static bool plain_letters(struct slice name, char out[MEANT_MAX], size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);

        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            if (*n == MEANT_MAX)
                return false;
            out[(*n)++] = c;
        } else if ((unsigned char)c < 0x80 && c != ' ' && c != '-' && c != '_' && c != '.') {
            return false;
        }
    }
    return *n > 0;
}

enum column column_meant(struct slice name)
{
    char letters[MEANT_MAX];
    struct slice plain = {letters, 0};

    if (!plain_letters(name, letters, &plain.n))
        return COLUMNS;
    for (size_t i = 0; i < sizeof synonyms / sizeof synonyms[0]; i++)
        if (slice_eq(plain, slice_of(synonyms[i].text)))
            return synonyms[i].column;
    return column_named(plain);
}
