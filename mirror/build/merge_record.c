#include "mirror/build/merge_private.h"
#include "mirror/words.h"

/* The row that has this value. Get-Mailbox comes first, since its details are the complete ones. NULL: none has it. */
static const struct sheet_row *who_says(const struct merge *m, unsigned what)
{
    static const enum sheet_of order[] = {SHEET_DETAILS, SHEET_SETTINGS};

    for (size_t i = 0; i < 2; i++)
        if (m->has[order[i]] && (m->rows[order[i]].says & what) != 0)
            return &m->rows[order[i]];
    return NULL;
}

static bool add_all(struct address_set *set, struct slice list)
{
    struct slice address;

    while (packed_next(&list, &address))
        if (!address_set_add(set, address))
            return false;
    return true;
}

/* All addresses in the exports of this run; the stored ones when no export has the column. */
static int merge_proxies(struct merge *m, struct merged *out, struct error *e)
{
    struct address_set *set = m->g->proxies;
    struct buf b = BUF_OVER(m->packed);
    bool fits = true;

    address_set_clear(set);
    if (who_says(m, SAYS_PROXIES) == NULL) {
        fits = add_all(set, out->before.proxies);
    } else {
        for (size_t i = SHEET_SETTINGS; i <= SHEET_DETAILS; i++)
            if (m->has[i] && (m->rows[i].says & SAYS_PROXIES) != 0)
                fits = fits && add_all(set, m->rows[i].proxies);
    }
    address_set_pack(set, out->after.primary, &b);
    if (!fits || b.full)
        return error_set(e, "\"%s\": more than %d addresses in all exports of this mailbox together",
                         words(out->after.primary).text, ADDRESS_SET_MAX);
    out->after.proxies = buf_slice(&b);
    return 0;
}

static int merge_policy(const struct merge *m, struct merged *out, struct error *e)
{
    const struct sheet_row *user = m->has[SHEET_POLICIES] ? &m->rows[SHEET_POLICIES] : NULL;
    struct mailbox_record *after = &out->after;
    const struct policy *policy;

    after->auth_policy = user != NULL ? user->policy : out->before.auth_policy;
    after->basic_smtp = TRI_UNKNOWN;
    if (user != NULL)
        after->knows |= MAILBOX_KNOWS_POLICY;
    if (gather_has(m->g, KIND_AUTHENTICATION_POLICY) && m->g->n_policies == 0)
        after->auth_policy.n = 0; /* a tenant without policies: nobody can have one */
    if (after->auth_policy.n == 0)
        return 0;
    policy = gather_policy(m->g, after->auth_policy);
    if (policy != NULL) {
        after->basic_smtp = policy->basic_smtp ? TRI_YES : TRI_NO;
        return 0;
    }
    after->basic_smtp = out->before.basic_smtp;
    if (user == NULL ||
        (out->had && out->before.basic_smtp != TRI_UNKNOWN && slice_ieq(out->before.auth_policy, after->auth_policy)))
        return 0;
    return error_set(e,
                     "%s: %s: nothing is known of the authentication policy \"%s\"; give the export of "
                     "Get-AuthenticationPolicy in the same run",
                     m->paths[user->file], place_words(user->place).text, words(after->auth_policy).text);
}

/* Of several exports in one run that say it, one that says "disabled" counts. Without any it stays as it was. */
static void merge_account(const struct merge *m, struct mailbox_record *after)
{
    enum tri said = accounts_find(m->g->accounts, after->upn, after->primary);

    for (size_t i = 0; i < SHEETS; i++)
        if (m->has[i] && (m->rows[i].says & SAYS_ACCOUNT_STATE) != 0 && said != TRI_NO)
            said = m->rows[i].enabled ? TRI_YES : TRI_NO;
    after->sign_in = said != TRI_UNKNOWN ? said : after->sign_in;
}

/* An empty list lifts all restrictions; without a list they stay. */
static void merge_restricted(const struct merge *m, struct mailbox_record *after)
{
    const struct slice own[] = {after->primary, after->upn};
    struct slice proxies = after->proxies, proxy;

    if (!gather_has(m->g, KIND_BLOCKED_SENDER))
        return;
    after->knows &= (uint8_t)~MAILBOX_RESTRICTED;
    if (m->g->n_restricted == 0)
        return;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (own[i].n > 0 && gather_restricts(m->g, own[i]))
            after->knows |= MAILBOX_RESTRICTED;
    while (packed_next(&proxies, &proxy))
        if (gather_restricts(m->g, proxy))
            after->knows |= MAILBOX_RESTRICTED;
}

int merge_record(struct merge *m, const struct mailbox_id *id, struct merged *out, struct error *e)
{
    const struct sheet_row *settings = m->has[SHEET_SETTINGS] ? &m->rows[SHEET_SETTINGS] : NULL;
    const struct sheet_row *details = m->has[SHEET_DETAILS] ? &m->rows[SHEET_DETAILS] : NULL;
    const struct sheet_row *says;
    struct mailbox_record *after = &out->after;

    *after = out->before;
    after->id = *id;
    if (settings != NULL || details != NULL)
        after->primary = settings != NULL ? settings->primary : details->primary;
    if (details != NULL || (settings != NULL && (settings->says & SAYS_UPN) != 0))
        after->knows |= MAILBOX_KNOWS_DETAILS;
    if (settings != NULL && (settings->says & SAYS_SMTP_AUTH) != 0) {
        after->knows |= MAILBOX_KNOWS_SETTINGS;
        after->smtp_auth = settings->smtp_auth;
    }
    if ((says = who_says(m, SAYS_UPN)) != NULL)
        after->upn = says->upn;
    if ((says = who_says(m, SAYS_ALIAS)) != NULL)
        after->alias = says->alias;
    if ((says = who_says(m, SAYS_ACCOUNT)) != NULL)
        after->account = says->account;
    if ((says = who_says(m, SAYS_NAME)) != NULL)
        after->name = says->name;
    if ((says = who_says(m, SAYS_TYPE)) != NULL)
        after->recipient_type = says->recipient_type;
    out->has = true;
    if (merge_proxies(m, out, e) != 0)
        return -1;
    merge_restricted(m, after);
    merge_account(m, after);
    return merge_policy(m, out, e);
}
