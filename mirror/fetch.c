#include "mirror/fetch.h"

#include "mirror/members.h"

#define C(name) COLUMN_BIT(COLUMN_##name)
#define UNLIMITED "{\"ResultSize\":\"Unlimited\"}"
/* All that can hold a right, or be sent as, but for mailboxes. */
#define OTHER_RECIPIENTS                                                                                               \
    "{\"ResultSize\":\"Unlimited\",\"RecipientTypeDetails\":[\"MailUser\",\"GuestMailUser\",\"GroupMailbox\","         \
    "\"MailUniversalSecurityGroup\",\"MailUniversalDistributionGroup\",\"MailNonUniversalGroup\","                     \
    "\"RoomList\",\"DynamicDistributionGroup\"]}"
#define HVE_ACCOUNTS "{\"HVEAccount\":true,\"ResultSize\":\"Unlimited\"}"
#define ONE "{\"ResultSize\":1}"
#define CONFIGURATION                                                                                                  \
    "the Exchange role View-Only Configuration (in the role group View-Only Organization Management), or the Entra "   \
    "role Global Reader"
#define RECIPIENTS                                                                                                     \
    "the Exchange role View-Only Recipients (in the role group View-Only Organization Management), or the Entra role " \
    "Global Reader"

const struct fetch_row fetch_rows[] = {
    {FETCH_TRANSPORT_CONFIG, {"{}", KIND_TRANSPORT_CONFIG, C(SMTP_AUTH_DISABLED), CONFIGURATION, NULL}, NULL, true},
    {FETCH_SECURITY_DEFAULTS,
     {NULL, KIND_SECURITY_DEFAULTS, C(IS_ENABLED),
      "the application permission Policy.Read.All of Microsoft Graph, with an administrator's consent",
      "/v1.0/policies/identitySecurityDefaultsEnforcementPolicy"},
     NULL,
     false},
    {FETCH_AUTHENTICATION_POLICY,
     {"{}", KIND_AUTHENTICATION_POLICY, C(NAME) | C(BASIC_SMTP), CONFIGURATION, NULL},
     NULL,
     false},
    {FETCH_ORGANIZATION_CONFIG, {"{}", KIND_ORGANIZATION_CONFIG, C(DEFAULT_POLICY), CONFIGURATION, NULL}, NULL, false},
    {FETCH_OUTBOUND_POLICY,
     {"{}", KIND_OUTBOUND_POLICY, C(EXTERNAL_PER_HOUR) | C(INTERNAL_PER_HOUR) | C(PER_DAY) | C(IS_DEFAULT),
      "the Exchange role View-Only Configuration, or the Entra role Security Reader or Global Reader", NULL},
     NULL,
     false},
    {FETCH_ACCEPTED_DOMAIN, {"{}", KIND_ACCEPTED_DOMAIN, C(DOMAIN) | C(DOMAIN_TYPE), CONFIGURATION, NULL}, NULL, false},
    {FETCH_BLOCKED_SENDER,
     {"{}", KIND_BLOCKED_SENDER, C(SENDER),
      "the Exchange role View-Only Configuration, or the Entra role Security Reader or Global Reader", NULL},
     NULL,
     false},
    {FETCH_USER, {UNLIMITED, KIND_USER, C(GUID) | C(AUTH_POLICY), RECIPIENTS, NULL}, ONE, false},
    {FETCH_CAS_MAILBOX,
     {UNLIMITED, KIND_CAS_MAILBOX, C(PRIMARY) | C(PROXIES) | C(SMTP_AUTH_DISABLED), RECIPIENTS, NULL},
     ONE,
     true},
    {FETCH_MAILBOX, {UNLIMITED, KIND_MAILBOX, C(PRIMARY) | C(PROXIES) | C(UPN) | C(TYPE), RECIPIENTS, NULL}, ONE, true},
    {FETCH_HVE_ACCOUNT,
     {HVE_ACCOUNTS, KIND_HVE_ACCOUNT, C(PRIMARY) | C(PROXIES), RECIPIENTS, NULL},
     "{\"HVEAccount\":true,\"ResultSize\":1}",
     false},
    {FETCH_RECIPIENT,
     {OTHER_RECIPIENTS, KIND_RECIPIENT, C(PRIMARY) | C(PROXIES) | C(TYPE) | C(NAME) | C(DISPLAY_NAME), RECIPIENTS,
      NULL},
     ONE,
     false},
    {FETCH_RECIPIENT_PERMISSION,
     {UNLIMITED, KIND_RECIPIENT_PERMISSION, C(IDENTITY) | C(TRUSTEE) | C(ACCESS_TYPE) | C(ACCESS_RIGHTS),
      "the Exchange role View-Only Recipients or Mail Recipients (the Entra role Global Reader may not be enough)",
      NULL},
     ONE,
     false},
};
const size_t fetch_rows_n = sizeof fetch_rows / sizeof fetch_rows[0];

bool fetch_may_be_missing(const struct fetch_row *row)
{
    return row->series.kind == KIND_HVE_ACCOUNT;
}

#define LEFT "The directory keeps what it has of it"

/* In a tenant without authentication policies no user has one, so users need not be read. */
static bool needed(const struct fetch_row *row, const struct gathered *g)
{
    return row->series.kind != KIND_USER || !gather_has(g, KIND_AUTHENTICATION_POLICY) || g->n_policies > 0;
}

/* Users refer to policies by name. If the policies could not be read, users are of no use. */
static bool lacks_policies(const struct exchange *x, const struct fetch_row *row, const struct gathered *g)
{
    return row->series.kind == KIND_USER && !gather_has(g, KIND_AUTHENTICATION_POLICY) &&
           (x->signin.exchange->fetch & FETCH_AUTHENTICATION_POLICY) != 0;
}

/* The same for the default policy: if it is not among the policies, the row is discarded. */
static bool default_is_known(const struct gathered *g)
{
    return g->default_policy[0] == '\0' || gather_policy(g, slice_of(g->default_policy)) != NULL;
}

/* Rights of groups and on groups can't be told without the list of them: those that are known stay, rather than go. */
static bool lacks_recipients(const struct fetch_row *row, const struct fetch_report *report)
{
    return row->series.kind == KIND_RECIPIENT_PERMISSION && report->no_recipients;
}

static void leave_out(const struct exchange *x, const char *why, const char *what, struct fetch_report *report)
{
    report->left_out++;
    session_say(&x->session, "%s: %s. " LEFT, why, what);
}

static void leave_out_rights(const struct exchange *x, struct gathered *g, struct fetch_report *report)
{
    leave_out(x, "not read", "Get-RecipientPermission, as Get-Recipient was not read", report);
    g->on_behalf_unknown = true;
}

/*
 * The members of those groups that hold rights. If they can't be read, the rights are not taken either: the directory
 * keeps what it has, rather than lose what the groups' members may do. 0, also then; -1 with e.
 */
static int fetch_members(struct exchange *x, const struct gather_mark *before, struct gathered *g,
                         struct fetch_report *report, struct error *e)
{
    struct members_report found;
    enum exchange_result result;

    if (!gather_has(g, KIND_RECIPIENT))
        return 0;
    result = members_fetch(x, g, &found, e);
    if (result == EXCHANGE_OK) {
        report->read += found.groups > 0;
        return 0;
    }
    if (result == EXCHANGE_FORBIDDEN) {
        report->left_out++;
        session_say(&x->session, "not permitted: %s. Rights of groups are left out", e->text);
        return 0;
    }
    if (result != EXCHANGE_UNABLE)
        return -1;
    leave_out(x, "not read, and so the rights of groups aren't known", e->text, report);
    gather_take_back(g, KIND_RECIPIENT_PERMISSION, before);
    g->on_behalf_unknown = true;
    return 0;
}

/* Fetches one part. 0, also when it is left out; -1 with e. */
static int fetch_one(struct exchange *x, const struct fetch_row *row, struct gathered *g, struct fetch_report *report,
                     struct error *e)
{
    struct gather_mark mark = gather_mark(g);
    struct series_count count;
    enum exchange_result result = series_fetch(x, &row->series, g, &count, e);

    if (fetch_may_be_missing(row) && (result == EXCHANGE_FORBIDDEN || result == EXCHANGE_UNABLE)) {
        session_say(&x->session, "not there, or not permitted: %s", e->text);
        return 0;
    }
    if (result == EXCHANGE_FORBIDDEN) {
        leave_out(x, "not permitted", e->text, report);
        return 0;
    }
    if (result == EXCHANGE_UNABLE && !row->decisive) {
        leave_out(x, "not read", e->text, report);
        report->no_recipients = report->no_recipients || row->series.kind == KIND_RECIPIENT;
        return 0;
    }
    if (result != EXCHANGE_OK)
        return -1;
    if (row->series.kind == KIND_ORGANIZATION_CONFIG && !default_is_known(g)) {
        gather_take_back(g, KIND_ORGANIZATION_CONFIG, &mark);
        leave_out(x, "not taken", "Get-OrganizationConfig: its default authentication policy is not among those read",
                  report);
        return 0;
    }
    report->read++;
    g->all_recipients = g->all_recipients || row->series.kind == KIND_RECIPIENT;
    if (row->series.kind == KIND_RECIPIENT_PERMISSION && fetch_members(x, &mark, g, report, e) != 0)
        return -1;
    if (count.pages > 1)
        session_say(&x->session, "%s: %llu rows on %u pages", kind_name(row->series.kind), count.rows, count.pages);
    return 0;
}

int fetch_all(struct exchange *x, struct gathered *g, struct fetch_report *report, struct error *e)
{
    struct buf organization = BUF_OVER(g->organization);

    buf_addf(&organization, "%s", x->signin.exchange->tenant_id);
    for (size_t i = 0; i < fetch_rows_n; i++) {
        const struct fetch_row *row = &fetch_rows[i];

        if ((x->signin.exchange->fetch & row->bit) == 0 || !needed(row, g))
            continue;
        if (lacks_policies(x, row, g))
            leave_out(x, "not read", "Get-User, as Get-AuthenticationPolicy was not read", report);
        else if (lacks_recipients(row, report))
            leave_out_rights(x, g, report);
        else if (fetch_one(x, row, g, report, e) != 0)
            return -1;
    }
    return report->read > 0
               ? 0
               : error_set(e, "the application may read nothing at all; \"postern-mirror doctor\" says, step "
                              "by step, what is missing");
}
