/* Writes mailboxes: those of the run as they come, all others unchanged. */
#include "mirror/build/writer_run.h"

/* ---- rules for records ---- */

static bool is_text(struct slice s, size_t max)
{
    if (s.n > max)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return true;
}

static bool is_address(struct slice s)
{
    const char *at = s.n > 0 ? memrchr(s.p, '@', s.n) : NULL;

    return at != NULL && at > s.p && at < s.p + s.n - 1 && is_text(s, ADDRESS_OF_NAME_MAX);
}

int writer_check_record(const struct mailbox_record *r, struct error *e)
{
    const struct slice names[] = {r->alias, r->account, r->name, r->auth_policy};
    struct slice list = r->proxies, proxy;
    char shown[2 * ADDRESS_OF_NAME_MAX];
    struct buf b = BUF_OVER(shown);

    buf_add_escaped(&b, r->primary, ADDRESS_OF_NAME_MAX);
    if (!is_address(r->primary) || (r->upn.n > 0 && !is_address(r->upn)))
        return error_set(e, "mailbox \"%s\": its primary address or UPN is not an address", b.p);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!is_text(names[i], MAILBOX_NAME_MAX))
            return error_set(e, "mailbox \"%s\": a name is longer than %d bytes or has control characters", b.p,
                             MAILBOX_NAME_MAX);
    while (packed_next(&list, &proxy))
        if (!is_address(proxy))
            return error_set(e, "mailbox \"%s\": a proxy address is not an address", b.p);
    if (list.n != 0 || r->proxies.n > MAILBOX_PROXIES_MAX)
        return error_set(e, "mailbox \"%s\": its list of proxy addresses is malformed or too long", b.p);
    if (r->knows >= MAILBOX_KNOWS_END || r->smtp_auth > SMTP_AUTH_DISABLED || r->basic_smtp > TRI_YES ||
        r->sign_in > TRI_YES || r->recipient_type >= RECIPIENT_TYPES)
        return error_set(e, "mailbox \"%s\": a setting has a value that does not exist", b.p);
    return 0;
}

/* ---- appending ---- */

static int append_mailbox(struct writer *w, uint32_t tenant, const struct mailbox_record *r, struct error *e)
{
    struct directory_key key = mailbox_key(tenant, &r->id);
    size_t n = mailbox_encode(r, w->value, MAILBOX_VALUE_MAX);

    if (n == 0)
        return error_set(e, "mailbox %.*s: its record is too long", SLICE_ARG(r->primary));
    if (w->above.n > 0 && sorter_compare(key_slice(&key), key_slice(&w->above)) <= 0)
        return error_set(e, "mailbox %.*s: mailboxes must be put in ascending order of their ids, each once",
                         SLICE_ARG(r->primary));
    w->above = key;
    w->tenants[tenant].mailboxes++;
    if (writer_derive_domains(w, tenant, r, e) != 0)
        return -1;
    return builder_append(w->builder, TABLE_MAILBOXES, key_slice(&key), (struct slice){(char *)w->value, n}, e);
}

/* Copies the tenant's mailboxes from the last generation. */
static int copy_tenant(struct writer *w, uint32_t tenant, struct error *e)
{
    struct mailbox_record r;
    enum directory_result found =
        w->before != NULL ? directory_next_mailbox(w->before, tenant, NULL, &r) : DIRECTORY_NOT_FOUND;

    for (; found == DIRECTORY_FOUND; found = directory_next_mailbox(w->before, tenant, &r.id, &r))
        if (append_mailbox(w, tenant, &r, e) != 0)
            return -1;
    return found == DIRECTORY_NOT_FOUND ? 0 : old_table_damaged(e, TABLE_MAILBOXES);
}

/* How many mailboxes of the tenant the last generation has. */
static uint64_t stored(const struct writer *w, uint32_t tenant)
{
    return w->before != NULL && tenant < directory_tenants(w->before) ? w->before->generation->tenants[tenant].mailboxes
                                                                      : 0;
}

/* Completes the tenants below `end`. If the run put mailboxes of one, it must have put all. */
static int complete(struct writer *w, uint32_t end, struct error *e)
{
    for (; w->done < end; w->done++) {
        const struct run_tenant *t = &w->tenants[w->done];

        if (!t->walked && copy_tenant(w, w->done, e) != 0)
            return -1;
        if (t->walked && t->seen != stored(w, w->done))
            return error_set(e, "tenant %s: the run spoke of %llu of its %llu mailboxes", w->facts[w->done].name,
                             (unsigned long long)t->seen, (unsigned long long)stored(w, w->done));
    }
    return 0;
}

int writer_put_mailbox(struct writer *w, uint32_t tenant, const struct mailbox_record *before,
                       const struct mailbox_record *after, struct error *e)
{
    bool same = before != NULL && after != NULL && mailbox_same(before, after);

    if (writer_check_tenant(w, tenant, e) != 0 || (after != NULL && !same && writer_check_record(after, e) != 0))
        return -1;
    if (tenant < w->done)
        return error_set(e, "tenant %s: its mailboxes must be put before those of later tenants",
                         w->facts[tenant].name);
    if (complete(w, tenant, e) != 0)
        return -1;
    w->tenants[tenant].walked = true;
    w->tenants[tenant].seen += before != NULL;
    w->changed |= !same;
    w->summary.added += before == NULL && after != NULL;
    w->summary.deleted += before != NULL && after == NULL;
    w->summary.changed += before != NULL && after != NULL && !same;
    return after != NULL ? append_mailbox(w, tenant, after, e) : 0;
}

int writer_end_mailboxes(struct writer *w, struct error *e)
{
    return complete(w, w->tenants_n, e);
}
