#include "mirror/build/gather.h"

#include <stdlib.h>

int gather_open(const char *folder, struct gathered **out, struct error *e)
{
    struct gathered *g = calloc(1, sizeof *g);

    *out = NULL;
    if (g == NULL)
        return error_set(e, "no memory to gather what the files say");
    g->proxies = calloc(1, sizeof *g->proxies);
    g->policies = calloc(GATHER_POLICIES_MAX, sizeof *g->policies);
    g->domains = calloc(GATHER_DOMAINS_MAX, sizeof *g->domains);
    if (g->proxies == NULL || g->policies == NULL || g->domains == NULL) {
        error_set(e, "no memory to gather what the files say");
        goto failed;
    }
    for (size_t i = 0; i < SHEETS; i++)
        if (sheet_open(folder, i == 0 ? NULL : g->sheets[0], &g->sheets[i], e) != 0)
            goto failed;
    if (sheet_open(folder, g->sheets[0], &g->recipients, e) != 0 || rights_open(&g->rights, e) != 0 ||
        accounts_open(&g->accounts, e) != 0)
        goto failed;
    g->says_accounts = KINDS;
    *out = g;
    return 0;
failed:
    gather_close(g);
    return -1;
}

void gather_close(struct gathered *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; i < SHEETS; i++)
        sheet_close(g->sheets[i]);
    sheet_close(g->recipients);
    free(g->inner);
    rights_close(g->rights);
    accounts_close(g->accounts);
    free(g->proxies);
    free(g->policies);
    free(g->domains);
    free(g->restricted);
    free(g);
}

int gather_row(struct gathered *g, enum kind kind, unsigned file, const struct row *row, struct error *e)
{
    static int (*const readers[KINDS])(struct gathered *, enum kind, unsigned, const struct row *, struct error *) = {
        [KIND_TRANSPORT_CONFIG] = gather_tenant_row,
        [KIND_SECURITY_DEFAULTS] = gather_tenant_row,
        [KIND_AUTHENTICATION_POLICY] = gather_policy_row,
        [KIND_ORGANIZATION_CONFIG] = gather_tenant_row,
        [KIND_OUTBOUND_POLICY] = gather_outbound_row,
        [KIND_ACCEPTED_DOMAIN] = gather_domain_row,
        [KIND_BLOCKED_SENDER] = gather_restricted_row,
        [KIND_USER] = gather_user_row,
        [KIND_ACCOUNT] = gather_account_row,
        [KIND_CAS_MAILBOX] = gather_mailbox_row,
        [KIND_MAILBOX] = gather_mailbox_row,
        [KIND_LIST] = gather_mailbox_row,
        [KIND_HVE_ACCOUNT] = gather_recipient_row,
        [KIND_RECIPIENT] = gather_recipient_row,
        [KIND_RECIPIENT_PERMISSION] = gather_permission_row,
        [KIND_GROUP_MEMBER] = gather_member_row,
    };

    g->rows[kind]++;
    return readers[kind](g, kind, file, row, e);
}

int gather_check_bad_rows(const struct gathered *g, struct error *e)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (g->bad_rows[i] <= g->rows[i] / GATHER_ROWS_A_BAD_ONE)
            continue;
        if (g->bad_rows[i] > 1)
            return error_set(e, "%.700s (and %llu more rows of %zu; one bad row in %d is accepted)",
                             g->first_bad[i].text, (unsigned long long)(g->bad_rows[i] - 1), g->rows[i],
                             GATHER_ROWS_A_BAD_ONE);
        *e = g->first_bad[i];
        return -1;
    }
    return 0;
}

bool gather_lists_mailboxes(const struct gathered *g)
{
    return !g->incomplete && !g->some_only &&
           (gather_has(g, KIND_CAS_MAILBOX) || gather_has(g, KIND_MAILBOX) || gather_has(g, KIND_LIST));
}

/* Regardless of case, and of the backslashes that a distinguished name puts in front of commas and the like. */
static bool same_policy_name(struct slice a, struct slice b)
{
    size_t i = 0, j = 0;

    for (;;) {
        i += i < a.n && a.p[i] == '\\';
        j += j < b.n && b.p[j] == '\\';
        if (i >= a.n || j >= b.n)
            return i >= a.n && j >= b.n;
        if (ascii_lower(a.p[i++]) != ascii_lower(b.p[j++]))
            return false;
    }
}

const struct policy *gather_policy(const struct gathered *g, struct slice name)
{
    name = policy_name(name);
    for (size_t i = 0; i < g->n_policies; i++)
        if (same_policy_name(name, slice_of(g->policies[i].name)))
            return &g->policies[i];
    return NULL;
}

struct gather_mark gather_mark(const struct gathered *g)
{
    struct gather_mark mark = {.rights = rights_count(g->rights),
                               .members = rights_members(g->rights),
                               .recipients = sheet_count(g->recipients),
                               .policies = g->n_policies,
                               .domains = g->n_domains,
                               .restricted = g->n_restricted,
                               .smtp_auth = g->smtp_auth,
                               .security_defaults = g->security_defaults,
                               .limits = g->limits,
                               .on_behalf = g->on_behalf,
                               .on_behalf_unknown = g->on_behalf_unknown,
                               .incomplete = g->incomplete,
                               .says_accounts = g->says_accounts,
                               .not_mailboxes = g->not_mailboxes,
                               .settings_own = g->settings_own};

    memcpy(mark.rows, g->rows, sizeof mark.rows);
    memcpy(mark.bad_rows, g->bad_rows, sizeof mark.bad_rows);
    for (size_t i = 0; i < SHEETS; i++)
        mark.sheet_rows[i] = sheet_count(g->sheets[i]);
    return mark;
}

void gather_rewind(struct gathered *g, const struct gather_mark *mark)
{
    memcpy(g->rows, mark->rows, sizeof g->rows);
    for (size_t i = 0; i < SHEETS; i++)
        sheet_cut(g->sheets[i], mark->sheet_rows[i]);
    rights_cut(g->rights, mark->rights);
    rights_cut_members(g->rights, mark->members);
    sheet_cut(g->recipients, mark->recipients);
    g->n_policies = mark->policies;
    g->n_domains = mark->domains;
    g->n_restricted = mark->restricted;
    g->smtp_auth = mark->smtp_auth;
    g->security_defaults = mark->security_defaults;
    g->limits = mark->limits;
    g->on_behalf = mark->on_behalf;
    g->on_behalf_unknown = mark->on_behalf_unknown;
    g->incomplete = mark->incomplete;
    g->says_accounts = mark->says_accounts;
    g->not_mailboxes = mark->not_mailboxes;
    g->settings_own = mark->settings_own;
    memcpy(g->bad_rows, mark->bad_rows, sizeof g->bad_rows);
}

void gather_take_back(struct gathered *g, enum kind kind, const struct gather_mark *mark)
{
    gather_rewind(g, mark);
    g->kinds &= ~(1u << kind);
}
