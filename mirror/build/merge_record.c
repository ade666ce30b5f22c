#include "mirror/build/merge_private.h"
#include "mirror/words.h"

/* The row that says this of the mailbox: Get-Mailbox's first, which is where details are at home. NULL: none does. */
static const struct staged *who_knows(const struct merge *m, unsigned what)
{
    static const enum stage_of order[] = {STAGE_DETAILS, STAGE_SETTINGS};

    for (size_t i = 0; i < 2; i++)
        if (m->has[order[i]] && (m->rows[order[i]].knows & what) != 0)
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

/* All addresses that the exports of this run have; the stored ones when none of them says. */
static int merge_proxies(struct merge *m, struct merged *out, struct error *e)
{
    struct address_set *set = m->g->proxies;
    struct buf b = BUF_OVER(m->packed);
    bool fits = true;

    address_set_clear(set);
    if (who_knows(m, STAGED_PROXIES) == NULL) {
        fits = add_all(set, out->before.proxies);
    } else {
        for (size_t i = STAGE_SETTINGS; i <= STAGE_DETAILS; i++)
            if (m->has[i] && (m->rows[i].knows & STAGED_PROXIES) != 0)
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
    const struct staged *user = m->has[STAGE_POLICIES] ? &m->rows[STAGE_POLICIES] : NULL;
    struct mailbox_record *after = &out->after;
    const struct policy *policy;

    after->auth_policy = user != NULL ? user->policy : out->before.auth_policy;
    after->basic_smtp = TRI_UNKNOWN;
    if (user != NULL)
        after->knows |= MAILBOX_KNOWS_POLICY;
    if (gather_has(m->g, KIND_AUTHENTICATION_POLICY) && m->g->n_policies == 0)
        after->auth_policy.n = 0; /* in a tenant without policies nobody can have one */
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

/* An empty list lifts every restriction; without one they stay. */
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
    const struct staged *settings = m->has[STAGE_SETTINGS] ? &m->rows[STAGE_SETTINGS] : NULL;
    const struct staged *details = m->has[STAGE_DETAILS] ? &m->rows[STAGE_DETAILS] : NULL;
    const struct staged *says;
    struct mailbox_record *after = &out->after;

    *after = out->before;
    after->id = *id;
    if (settings != NULL || details != NULL)
        after->primary = settings != NULL ? settings->primary : details->primary;
    if (details != NULL || (settings != NULL && (settings->knows & STAGED_UPN) != 0))
        after->knows |= MAILBOX_KNOWS_DETAILS;
    if (settings != NULL && (settings->knows & STAGED_SMTP_AUTH) != 0) {
        after->knows |= MAILBOX_KNOWS_SETTINGS;
        after->smtp_auth = settings->smtp_auth;
    }
    if ((says = who_knows(m, STAGED_UPN)) != NULL)
        after->upn = says->upn;
    if ((says = who_knows(m, STAGED_ALIAS)) != NULL)
        after->alias = says->alias;
    if ((says = who_knows(m, STAGED_ACCOUNT)) != NULL)
        after->account = says->account;
    if ((says = who_knows(m, STAGED_NAME)) != NULL)
        after->name = says->name;
    if ((says = who_knows(m, STAGED_TYPE)) != NULL)
        after->recipient_type = says->recipient_type;
    out->has = true;
    if (merge_proxies(m, out, e) != 0)
        return -1;
    merge_restricted(m, after);
    return merge_policy(m, out, e);
}
