/* The walk: each mailbox once, with what was stored of it; counted, reported and written as it comes. */
#include "mirror/import_private.h"

#include <stdlib.h>

/* Registers the mailbox's names, so that rights written with them can be resolved. */
static void say_names(struct import *im, const struct mailbox_record *record)
{
    const struct slice plain[] = {record->primary, record->upn}, others[] = {record->alias, record->account};
    struct slice lists[] = {record->proxies, merge_names(im->m, SHEET_SETTINGS), merge_names(im->m, SHEET_DETAILS)};
    struct slice name;

    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        rights_name(im->g->rights, plain[i], &record->id, true);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        rights_name(im->g->rights, others[i], &record->id, false);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        while (packed_next(&lists[i], &name)) {
            rights_name(im->g->rights, name, &record->id, true);
            if (i > 0)
                rights_trustee_name(im->g->rights, name, &record->id);
        }
    rights_trustee_name(im->g->rights, record->name, &record->id);
}

static int write_mailbox(struct import *im, uint32_t tenant, const struct merged *item, struct error *e)
{
    /*
     * A mailbox with a new id is put together with its record under the old id. If this run may not drop mailboxes, the
     * old record stays.
     */
    bool stays_too = item->has && item->moved && !gather_lists_mailboxes(im->g);

    if (!item->has && item->moved)
        return 0;
    return writer_put_mailbox(im->w, tenant, item->had && !stays_too ? &item->before : NULL,
                              item->has ? &item->after : NULL, e);
}

int import_regard(struct import *im, const struct merged *item, struct error *e)
{
    import_count(im, item);
    import_count_effects(im, item);
    import_count_opened(im, item);
    return import_mailbox_lines(im, item, e) != 0 ? -1 : import_history_mailbox(im, item, e);
}

static int walk_mailbox(struct import *im, uint32_t tenant, const struct merged *item, struct error *e)
{
    if (item->has && rights_count(im->g->rights) > 0)
        say_names(im, &item->after);
    return write_mailbox(im, tenant, item, e) != 0 ? -1 : import_regard(im, item, e);
}

static int walk_mailboxes(struct import *im, uint32_t tenant, struct error *e)
{
    struct merged item;
    unsigned long long seen = 0;
    int more;

    if (rights_start_names(im->g->rights, im->g->all_recipients && gather_has(im->g, KIND_MAILBOX) && !im->g->unnamed,
                           e) != 0)
        return -1;
    im->mailbox_lines = scratch_size(im->lines);
    while ((more = merge_next(im->m, &item, e)) > 0) {
        progress_say(&im->progress, "writing", -1, ++seen);
        if (walk_mailbox(im, tenant, &item, e) != 0)
            return -1;
    }
    im->mailbox_lines_end = scratch_size(im->lines);
    if (more < 0 || import_recipients(im, tenant, e) != 0)
        return -1;
    return rights_resolve(im->g->rights, e);
}

static int write_domains(struct import *im, uint32_t tenant, struct error *e)
{
    const struct gathered *g = im->g;
    struct accepted_domain *list;
    int result;

    if (!gather_has(g, KIND_ACCEPTED_DOMAIN))
        return 0;
    list = calloc(g->n_domains + 1, sizeof *list);
    if (list == NULL)
        return error_set(e, "no memory for %zu domains", g->n_domains);
    for (size_t i = 0; i < g->n_domains; i++)
        list[i] = (struct accepted_domain){slice_of(g->domains[i].name), g->domains[i].type,
                                           g->domains[i].match_subdomains, import_closed(im, &g->domains[i])};
    result = writer_set_domains(im->w, tenant, list, g->n_domains, e);
    free(list);
    return result;
}

static int write_rights(struct import *im, uint32_t tenant, struct error *e)
{
    struct mailbox_id trustee, target;
    unsigned kind;
    size_t i = 0;

    if (gather_has(im->g, KIND_RECIPIENT_PERMISSION))
        im->rights |= RIGHT_SEND_AS;
    if (im->g->on_behalf && !im->g->on_behalf_unknown)
        im->rights |= RIGHT_SEND_ON_BEHALF;
    if (im->rights == 0)
        return 0;
    if (writer_replace_rights(im->w, tenant, im->rights, e) != 0)
        return -1;
    while (rights_next(im->g->rights, &i, &trustee, &target, &kind) > 0)
        if ((kind & im->rights) != 0 && writer_add_right(im->w, tenant, &trustee, &target, kind, e) != 0)
            return -1;
    return 0;
}

int import_walk(struct import *im, struct error *e)
{
    uint32_t tenant;

    if (writer_set_tenant(im->w, &im->after, &tenant, e) != 0 || import_tenant_lines(im, e) != 0 ||
        import_history_tenant(im, e) != 0 || write_domains(im, tenant, e) != 0 || walk_mailboxes(im, tenant, e) != 0 ||
        import_minor_line(im, e) != 0)
        return -1;
    return write_rights(im, tenant, e);
}
