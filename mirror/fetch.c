#include "mirror/fetch.h"

#define C(name) COLUMN_BIT(COLUMN_##name)
#define UNLIMITED "{\"ResultSize\":\"Unlimited\"}"
#define ONE "{\"ResultSize\":1}"
#define CONFIGURATION                                                                                                  \
    "the Exchange role View-Only Configuration (in the role group View-Only Organization Management), or the Entra "   \
    "role Global Reader"
#define RECIPIENTS                                                                                                     \
    "the Exchange role View-Only Recipients (in the role group View-Only Organization Management), or the Entra role " \
    "Global Reader"

const struct fetch_row fetch_rows[] = {
    {FETCH_TRANSPORT_CONFIG, {"{}", KIND_TRANSPORT_CONFIG, C(SMTP_AUTH_DISABLED), CONFIGURATION, NULL}, NULL},
    {FETCH_SECURITY_DEFAULTS,
     {NULL, KIND_SECURITY_DEFAULTS, C(IS_ENABLED),
      "the application permission Policy.Read.All of Microsoft Graph, with an administrator's consent",
      "/v1.0/policies/identitySecurityDefaultsEnforcementPolicy"},
     NULL},
    {FETCH_AUTHENTICATION_POLICY,
     {"{}", KIND_AUTHENTICATION_POLICY, C(NAME) | C(BASIC_SMTP), CONFIGURATION, NULL},
     NULL},
    {FETCH_ORGANIZATION_CONFIG, {"{}", KIND_ORGANIZATION_CONFIG, C(DEFAULT_POLICY), CONFIGURATION, NULL}, NULL},
    {FETCH_OUTBOUND_POLICY,
     {"{}", KIND_OUTBOUND_POLICY, C(EXTERNAL_PER_HOUR) | C(INTERNAL_PER_HOUR) | C(PER_DAY) | C(IS_DEFAULT),
      "the Exchange role View-Only Configuration, or the Entra role Security Reader or Global Reader", NULL},
     NULL},
    {FETCH_ACCEPTED_DOMAIN, {"{}", KIND_ACCEPTED_DOMAIN, C(DOMAIN) | C(DOMAIN_TYPE), CONFIGURATION, NULL}, NULL},
    {FETCH_BLOCKED_SENDER,
     {"{}", KIND_BLOCKED_SENDER, C(SENDER),
      "the Exchange role View-Only Configuration, or the Entra role Security Reader or Global Reader", NULL},
     NULL},
    {FETCH_USER, {UNLIMITED, KIND_USER, C(GUID) | C(AUTH_POLICY), RECIPIENTS, NULL}, ONE},
    {FETCH_CAS_MAILBOX,
     {UNLIMITED, KIND_CAS_MAILBOX, C(PRIMARY) | C(PROXIES) | C(SMTP_AUTH_DISABLED), RECIPIENTS, NULL},
     ONE},
    {FETCH_MAILBOX, {UNLIMITED, KIND_MAILBOX, C(PRIMARY) | C(PROXIES) | C(UPN) | C(TYPE), RECIPIENTS, NULL}, ONE},
    {FETCH_RECIPIENT_PERMISSION,
     {UNLIMITED, KIND_RECIPIENT_PERMISSION, C(IDENTITY) | C(TRUSTEE) | C(ACCESS_TYPE) | C(ACCESS_RIGHTS),
      "the Exchange role View-Only Recipients or Mail Recipients (the Entra role Global Reader may not be enough)",
      NULL},
     ONE},
};
const size_t fetch_rows_n = sizeof fetch_rows / sizeof fetch_rows[0];

/* Where a tenant has no authentication policies, no user has one: a million users need not be asked. */
static bool needed(const struct fetch_row *row, const struct gathered *g)
{
    return row->series.kind != KIND_USER || !gather_has(g, KIND_AUTHENTICATION_POLICY) || g->n_policies > 0;
}

int fetch_all(struct exchange *x, struct gathered *g, struct fetch_report *report, struct error *e)
{
    struct buf organization = BUF_OVER(g->organization);

    buf_addf(&organization, "%s", x->signin.exchange->tenant_id);
    for (size_t i = 0; i < fetch_rows_n; i++) {
        struct series_count count;
        enum exchange_result result;

        if ((x->signin.exchange->fetch & fetch_rows[i].bit) == 0 || !needed(&fetch_rows[i], g))
            continue;
        result = series_fetch(x, &fetch_rows[i].series, g, &count, e);
        if (result == EXCHANGE_FAILED)
            return -1;
        if (result == EXCHANGE_FORBIDDEN) {
            report->forbidden++;
            session_say(&x->session, "not permitted: %s. What an earlier run had of it stays", e->text);
            continue;
        }
        report->read++;
        if (count.pages > 1)
            session_say(&x->session, "%s: %llu rows on %u pages", kind_name(fetch_rows[i].series.kind), count.rows,
                        count.pages);
    }
    return report->read > 0
               ? 0
               : error_set(e, "the application may read nothing at all; \"postern-mirror doctor\" says, step "
                              "by step, what is missing");
}
