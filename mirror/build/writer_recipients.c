/* Groups and mail users: those of the run, and those of the tenants of which it brought none. */
#include "mirror/build/writer_run.h"

/* Memory for sorting them; what is more goes to disk. */
#define RECIPIENT_BUDGET ((size_t)4 * 1024 * 1024)

static int add(struct writer *w, struct slice key, struct slice value, struct error *e)
{
    if (w->recipients == NULL && sorter_make(w->folder, RECIPIENT_BUDGET, &w->recipients, e) != 0)
        return -1;
    return sorter_add(w->recipients, key, value, e);
}

int writer_replace_recipients(struct writer *w, uint32_t tenant, struct error *e)
{
    if (writer_check_tenant(w, tenant, e) != 0)
        return -1;
    w->tenants[tenant].recipients_replaced = true;
    return 0;
}

int writer_put_recipient(struct writer *w, uint32_t tenant, const struct mailbox_record *r, struct error *e)
{
    struct directory_key key = mailbox_key(tenant, &r->id);
    size_t n;

    if (writer_check_tenant(w, tenant, e) != 0 || writer_check_record(r, e) != 0)
        return -1;
    if (!w->tenants[tenant].recipients_replaced)
        return error_set(e, "tenant %s: recipients were put before they were replaced", w->facts[tenant].name);
    n = mailbox_encode(r, w->value, MAILBOX_VALUE_MAX);
    return n > 0 ? add(w, key_slice(&key), (struct slice){(char *)w->value, n}, e)
                 : error_set(e, "recipient %.*s: its record is too long", SLICE_ARG(r->primary));
}

/* Those of the last generation of which the run says nothing. */
static int keep(struct writer *w, struct error *e)
{
    struct mailbox_id id;
    struct old_table old;
    uint32_t tenant;
    int result = old_table_open(w, TABLE_RECIPIENTS, &old, e);

    while (result == 0 && old.there) {
        if (!mailbox_key_read(old.key, &tenant, &id) || tenant >= w->tenants_n)
            result = old_table_damaged(e, TABLE_RECIPIENTS);
        else if (!w->tenants[tenant].recipients_replaced)
            result = add(w, old.key, old.value, e);
        if (result == 0)
            result = old_table_next(&old, e);
    }
    old_table_close(&old);
    return result;
}

/* Appends them all; notices whether the last generation has just the same. */
static int append_all(struct writer *w, struct old_table *old, struct error *e)
{
    struct slice key, value;
    int more;

    while ((more = sorter_next(w->recipients, &key, &value, e)) == 1) {
        if (old->there && slice_eq(old->key, key) && slice_eq(old->value, value)) {
            if (old_table_next(old, e) != 0)
                return -1;
        } else {
            w->changed = true;
        }
        if (builder_append(w->builder, TABLE_RECIPIENTS, key, value, e) != 0)
            return -1;
    }
    return more;
}

int writer_end_recipients(struct writer *w, struct error *e)
{
    struct old_table old = {0};
    int result = keep(w, e);

    if (result == 0)
        result = old_table_open(w, TABLE_RECIPIENTS, &old, e);
    if (result == 0 && w->recipients != NULL)
        result = sorter_sort(w->recipients, e) != 0 ? -1 : append_all(w, &old, e);
    w->changed |= old.there;
    old_table_close(&old);
    return result;
}
