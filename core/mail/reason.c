#include "core/mail/reason.h"

/*
 * Enhanced codes and wording are Exchange Online's where it has a reply for the case: 5.7.139 (SMTP client
 * authentication), 5.7.60 (send as), 5.1.8 (bad outbound sender), 5.7.57 (not authenticated), 5.7.64 (relaying), 4.7.66
 * (old TLS), 4.5.3 and 5.5.3 (too many recipients). Its 535 is a reply to AUTH alone (RFC 4954 6): MAIL and RCPT are
 * refused with 550 (RFC 5321 4.3.2), since clients take an unexpected code for a broken server and hide the text. A
 * refusal tells an administrator what to do, and a stranger nothing.
 */
#define DISABLED_FOR(what)                                                                                             \
    "550 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the " what                      \
    ". Visit https://aka.ms/smtp_auth_disabled for more information."

static const struct reason_row rows[REASON_COUNT] = {
    [REASON_NOT_OURS] = {"not-ours", NULL, "neither a login nor a client of a connector: left to Postfix"},
    [REASON_ALLOWED] = {"allowed", NULL, "the login may send this message now"},
    [REASON_CONNECTOR] = {"connector", NULL, "the client may relay this message by its connector's rules"},
    [REASON_BAD_REQUEST] =
        {"bad-request", "451 4.3.0 Policy request not understood, try again later",
         "Postfix (or something else) sent something that is not a policy request; the log line says what was wrong"},
    [REASON_INTERNAL] = {"internal", "451 4.3.0 Temporary local problem, try again later",
                         "postern itself has a problem; the log line says which"},
    [REASON_NO_DIRECTORY] = {"no-directory", "451 4.7.0 Mailbox settings not available yet, try again later",
                             "there is no directory: run postern-mirror, and look at its log"},
    [REASON_DIRECTORY_DAMAGED] = {"directory-damaged", "451 4.7.0 Mailbox settings not available, try again later",
                                  "a record of the directory is damaged: run postern-mirror verify; check the disk"},
    [REASON_DIRECTORY_STALE] =
        {"directory-stale", "451 4.7.0 Mailbox settings out of date, try again later",
         "the directory is older than max_age and when_stale is \"defer\": look why postern-mirror fails"},
    [REASON_UNAUTHENTICATED] =
        {"unauthenticated", "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail",
         "no login, and the client belongs to no connector: add its network to one if it may relay"},
    [REASON_BAD_LOGIN] = {"bad-login", "550 5.7.139 Authentication unsuccessful, this user name cannot name a mailbox",
                          "the login holds blanks, control characters or \"?\": correct it at the client"},
    [REASON_NO_TENANT] =
        {"no-tenant", "550 5.7.139 Authentication unsuccessful, the mailbox is not known here",
         "the login's domain belongs to no tenant (or to two): check tenants, default_tenant and the accepted domains"},
    [REASON_UNLISTED] =
        {"unlisted", "550 5.7.139 Authentication unsuccessful, the mailbox is not known here",
         "the directory has no mailbox of that name: check the spelling, map it in logins_file, or run postern-mirror"},
    [REASON_BLOCKED] =
        {"blocked", "550 5.1.8 Access denied, sender is blocked for unusual sending; ask the administrator",
         "a limit with then = \"block\" was exceeded, or an operator blocked it: see the line that made the block"},
    [REASON_HELD_BACK] =
        {"held-back", "451 4.7.1 Sender is held back for unusual sending; ask the administrator",
         "a login sent far more than it usually does, and is held back for a while: see the line that made the block; "
         "postern unblock lets it go on"},
    [REASON_RESTRICTED] = {"restricted", "550 5.1.8 Access denied, bad outbound sender",
                           "Exchange Online has restricted the mailbox for the mail that it sent: secure the account, "
                           "then remove it from "
                           "\"Restricted entities\" (Remove-BlockedSenderAddress)"},
    [REASON_TLS_REQUIRED] = {"tls-required", "530 5.7.0 Must issue a STARTTLS command first",
                             "the client sent without TLS: switch STARTTLS on at the client"},
    [REASON_TLS_TOO_OLD] = {"tls-too-old", "421 4.7.66 TLS 1.0 and 1.1 are not supported",
                            "the client's TLS is below tls.minimum: update it; 421 also ends the connection"},
    [REASON_TLS_BELOW] = {"tls-below-minimum", "550 5.7.10 TLS version of this connection is too old",
                          "the client's TLS is below tls.minimum: update it"},
    [REASON_DENY_FILE] = {"deny-file",
                          "550 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
                          "Mailbox. Contact your administrator.",
                          "the mailbox is in smtp_auth.deny_file"},
    [REASON_MAILBOX_DISABLED] =
        {"mailbox-disabled", DISABLED_FOR("Mailbox"),
         "Set-CASMailbox -SmtpClientAuthenticationDisabled is $true: set it to $false if the mailbox may send"},
    [REASON_ORGANIZATION_DISABLED] = {"organization-disabled", DISABLED_FOR("Tenant"),
                                      "the organization disables SMTP AUTH and the mailbox inherits: Set-CASMailbox "
                                      "-SmtpClientAuthenticationDisabled $false for this mailbox"},
    [REASON_SECURITY_DEFAULTS] =
        {"security-defaults",
         "550 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. "
         "Contact your administrator.",
         "the tenant's security defaults are on; smtp_auth.security_defaults = false lets the relay ignore them"},
    [REASON_BASIC_FORBIDDEN] = {"basic-forbidden",
                                "550 5.7.139 Authentication unsuccessful, basic authentication is disabled. Use OAuth.",
                                "the mailbox's or the tenant's authentication policy forbids Basic SMTP; "
                                "smtp_auth.authentication_policy = false lets the relay ignore it"},
    [REASON_ACCOUNT_DISABLED] =
        {"account-disabled",
         "550 5.7.139 Authentication unsuccessful, the user credentials were incorrect. Contact your administrator.",
         "the account behind the mailbox may not sign in (AccountDisabled, accountEnabled): enable it, or set "
         "smtp_auth.disabled_accounts"},
    [REASON_SETTING_UNKNOWN] =
        {"setting-unknown", "451 4.7.0 Mailbox settings incomplete, try again later",
         "the organization's or the mailbox's setting was never mirrored: import Get-TransportConfig and "
         "Get-CASMailbox, or set tenants.smtp_auth"},
    /* As a Conditional Access policy refuses, which is Exchange Online's own way to say from where. */
    [REASON_LOGINS_FROM] = {"logins-from",
                            "550 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be "
                            "authenticated successfully. Contact your administrator.",
                            "logins_from names the networks for this login, and the client is in none of them: add "
                            "its network, or find out who has the password"},
    [REASON_AUTH_FAILED] =
        {"auth-failed", "535 5.7.8 The user name or password is wrong",
         "the SASL server refused the login: a wrong or old password, a name that it doesn't know, or "
         "an account that it has disabled"},
    [REASON_AUTH_TOKEN_FAILED] =
        {"auth-token-failed", "535 5.7.8 The access token is wrong or has run out",
         "the SASL server refused an OAuth token: clients try an old one once, and get a new one"},
    [REASON_AUTH_WAITS] =
        {"auth-waits", "454 4.7.0 Too many attempts to sign in, try again later",
         "so many attempts from this client or network are under way, or failed lately, that one more "
         "could exceed a limit on failures; the field limit names it"},
    [REASON_AUTH_UNAVAILABLE] = {"auth-unavailable", "454 4.7.0 Temporary authentication failure",
                                 "the SASL server could not check the password, or did not answer: see its log"},
    [REASON_SENDER_BAD] = {"sender-bad", "553 5.1.7 Sender address is not valid",
                           "the envelope sender is not a mail address"},
    [REASON_SENDER_NOT_OWN] =
        {"sender-not-own", "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
         "the envelope sender is neither an address of the login's mailbox nor one that it may send as: "
         "correct the client, or Add-RecipientPermission"},
    [REASON_NULL_SENDER] = {"null-sender",
                            "550 5.7.60 SMTP; Client does not have permissions to send as the null sender",
                            "the null sender is for delivery reports with one recipient: see sender.null_sender"},
    [REASON_FROM_BAD] =
        {"from-bad",
         "550 5.6.0 Message has no From header field, or a From or Sender that cannot be read without doubt",
         "the header does not say without doubt whose the message is: field and fault tell what is wrong with it"},
    [REASON_FROM_NOT_OWN] =
        {"from-not-own", "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
         "the address in the header (field tells in which field) is neither one of the login's mailbox nor one that it "
         "may send as"},
    [REASON_CONNECTOR_SENDER] = {"connector-sender", "550 5.7.60 SMTP; This client may not send as this sender",
                                 "the envelope sender is not among the connector's senders"},
    [REASON_CONNECTOR_FROM] =
        {"connector-from", "550 5.7.60 SMTP; This client may not send as this sender",
         "the address in the header (field tells in which field) is not among the connector's senders"},
    [REASON_SENDER_DOMAIN] = {"sender-domain-disabled",
                              "550 5.7.1 Sending from addresses in this domain is disabled by the organization",
                              "the envelope sender is in an accepted domain with SendingFromDomainDisabled: send from "
                              "another address, or Set-AcceptedDomain -SendingFromDomainDisabled $false"},
    [REASON_FROM_DOMAIN] =
        {"from-domain-disabled", "550 5.7.1 Sending from addresses in this domain is disabled by the organization",
         "the address in the header (field tells in which field) is in an accepted domain with "
         "SendingFromDomainDisabled: send from another address, or Set-AcceptedDomain -SendingFromDomainDisabled "
         "$false"},
    [REASON_EXCESS_RECIPIENT] =
        {"excess-recipient", "452 4.5.3 Too many recipients, send the rest in another message",
         "a recipient more than recipients.max (or the connector's) allows in one message, or a second one of the null "
         "sender: the client sends it in another one"},
    [REASON_TOO_MANY_RECIPIENTS] = {"too-many-recipients", "550 5.5.3 Too many recipients in one message",
                                    "more recipients than recipients.max (or the connector's) allows in one message"},
    [REASON_EXTERNAL_RECIPIENT] = {"external-recipient",
                                   "550 5.7.64 TenantAttribution; Relay Access Denied: internal recipients only",
                                   "the connector may send to accepted domains only"},
    [REASON_RECIPIENT_DOMAIN] =
        {"recipient-domain-disabled", "550 5.7.1 Sending to recipients in this domain is disabled by the organization",
         "the recipient is in an accepted domain with SendingToDomainDisabled: use another address of the recipient, "
         "or Set-AcceptedDomain -SendingToDomainDisabled $false"},
    [REASON_RECIPIENTS_UNKNOWN] =
        {"recipients-unknown", "451 4.7.1 Recipients could not be checked, try again later",
         "the connector is for internal recipients, but postern was not asked about each recipient: list it in "
         "smtpd_relay_restrictions (seen once after a restart in mid-message: harmless)"},
    [REASON_LIMIT] = {"limit", "451 4.7.1 Sending rate exceeded, try again later",
                      "over a limit; the field limit names it"},
    [REASON_LIMIT_REJECT] = {"limit-reject", "550 5.7.1 Sending rate exceeded", "over a limit with then = \"reject\""},
    [REASON_LIMIT_NEVER] = {"limit-never", "550 5.5.3 Message exceeds what may be sent at once; split it",
                            "the message costs more than the limit's whole burst, so waiting would not help"},
    [REASON_LIMIT_HOLD] =
        {"limit-hold", NULL,
         "over a limit with then = \"hold\": the message waits in Postfix's hold queue (postsuper -H)"},
    [REASON_LIMIT_BLOCK] = {"limit-block",
                            "550 5.1.8 Access denied, sender is blocked for unusual sending; ask the administrator",
                            "over a limit with then = \"block\": blocked from now on"},
};

const struct reason_row *reason_row(enum reason reason)
{
    return &rows[(unsigned)reason < REASON_COUNT ? reason : REASON_INTERNAL];
}

bool reason_find(struct slice name, enum reason *out)
{
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (slice_eq(name, slice_of(rows[i].name))) {
            *out = (enum reason)i;
            return true;
        }
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* One to three digits at *at, then the wanted end character. */
static bool code_part(struct slice text, size_t *at, char end)
{
    size_t from = *at;

    while (*at < text.n && is_digit(text.p[*at]) && *at - from < 3)
        (*at)++;
    return *at > from && *at < text.n && text.p[(*at)++] == end;
}

int reply_check(struct slice text, struct error *e)
{
    size_t at = 4;

    if (text.n > REPLY_MAX)
        return error_set(e, "a reply of %zu bytes; at most %d are allowed", text.n, REPLY_MAX);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x20 || text.p[i] > 0x7e)
            return error_set(e, "a reply with a character that is not printable ASCII at byte %zu", i + 1);
    if (text.n < 4 || (text.p[0] != '4' && text.p[0] != '5') || !is_digit(text.p[1]) || !is_digit(text.p[2]) ||
        text.p[3] != ' ')
        return error_set(e, "a reply must begin with 4xx or 5xx, as in \"550 5.7.1 Not allowed\"");
    if (text.n < 6 || text.p[4] != text.p[0] || text.p[5] != '.' || !code_part(text, &at, '.') ||
        !code_part(text, &at, '.') || !code_part(text, &at, ' '))
        return error_set(e, "a reply must have an enhanced code of its own class, as in \"550 5.7.1 Not allowed\"");
    if (slice_trim((struct slice){text.p + at, text.n - at}).n == 0)
        return error_set(e, "a reply must have a text after the codes");
    return 0;
}
