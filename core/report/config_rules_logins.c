/* Rows of logins_from that bound nobody, or never count. */
#include "core/report/config_rules_parts.h"

#include <stdlib.h>

static struct where where_of_row(const struct logins_from *row, const char *member)
{
    return where_of("logins_from", row->name, member);
}

/* ---- networks ---- */

static void look_at_networks(const struct rules_walk *w, const struct logins_from *row)
{
    char text[NETWORK_TEXT_MAX];

    if (row->n_networks == 0)
        found(w, where_of_row(row, ".networks").text,
              "there are none, so these logins are refused wherever they come from");
    for (size_t i = 0; i < row->n_networks; i++)
        if (network_is_huge(&row->networks[i]))
            found(w, where_of_row(row, ".networks").text,
                  "%.*s is a large part of the Internet, so the row keeps hardly anybody out",
                  SLICE_ARG(network_text(&row->networks[i], text)));
}

/* ---- rows that never count ---- */

/* How many of a group's members another row counts for, and the last of them. */
struct overlap {
    size_t own, before;
    char member[ADDRESS_OF_NAME_MAX + 2];
    const struct logins_from *other;
};

static const struct logins_from *group_before(const struct config *c, const struct logins_from *row,
                                              struct slice member)
{
    for (const struct logins_from *other = c->logins_from; other < row; other++)
        if (other->whose == WHOSE_GROUP && list_has(c->groups[other->group].members, member, NULL))
            return other;
    return NULL;
}

static void compare_members(const struct config *c, const struct logins_from *row, struct overlap *o)
{
    struct list_place place;
    struct slice member;

    for (size_t at = 0; list_next(c->groups[row->group].members, &at, &member, &place);) {
        const struct logins_from *other = group_before(c, row, member);

        if (list_has(c->logins_from_users, member, NULL)) {
            o->own++;
        } else if (other != NULL) {
            struct buf b = BUF_OVER(o->member);

            buf_add(&b, member);
            o->before++;
            o->other = other;
        }
    }
}

static void look_at_members(const struct rules_walk *w, const struct logins_from *row)
{
    size_t n = list_count(w->config->groups[row->group].members);
    struct overlap o = {.own = 0};

    compare_members(w->config, row, &o);
    if (o.own + o.before == n)
        found(w, where_of_row(row, "").text, "it never counts: %s",
              n == 0 ? "the group has no members"
                     : "each member of the group has a row of its own or is in a group whose row comes first");
    else if (o.before > 0)
        found(
            w, where_of_row(row, "").text,
            "%zu of the group's members (%s, for one) are in group %s, too, whose row comes first and counts for them",
            o.before, o.member, o.other->name);
}

/* A group that has the whole domain means the same mailboxes. */
static void look_at_domain(const struct rules_walk *w, const struct logins_from *row)
{
    const struct config *c = w->config;

    for (size_t i = 0; i < c->n_logins_from; i++) {
        const struct logins_from *other = &c->logins_from[i];

        if (other->whose != WHOSE_GROUP || !list_has(c->groups[other->group].members, slice_of(row->name), NULL))
            continue;
        found(w, where_of_row(row, "").text,
              "it never counts: group %s has the whole domain, and a group's row goes before a domain's", other->name);
        return;
    }
}

void look_logins_from(const struct rules_walk *w)
{
    for (size_t i = 0; i < w->config->n_logins_from; i++) {
        const struct logins_from *row = &w->config->logins_from[i];

        look_at_networks(w, row);
        if (row->whose == WHOSE_GROUP)
            look_at_members(w, row);
        if (row->whose == WHOSE_DOMAIN)
            look_at_domain(w, row);
    }
}

/* ---- names ---- */

/* A mailbox that a row of a user means. */
struct meant {
    struct mailbox_id id;
    uint32_t tenant;
    const struct logins_from *row; /* NULL: none is known by that name */
};

/* Or by the login that the logins file maps to one. */
static bool find_meant(const struct rules_walk *w, const struct logins_from *row, struct meant *out)
{
    struct slice name = slice_of(row->name);
    struct address mapped;
    struct mailbox_ref ref;
    struct login login;

    login_parse(name, &login);
    if (list_pair(w->config->smtp_auth.logins, &login, &mapped, NULL))
        name = address_slice(&mapped);
    if (!audit_mailbox_named(w->view, name, &ref))
        return false;
    *out = (struct meant){ref.id, ref.tenant, row};
    return true;
}

static int by_mailbox(const void *a, const void *b)
{
    const struct meant *x = a, *y = b;
    int order = memcmp(&x->id, &y->id, sizeof x->id);

    if (order != 0)
        return order;
    if (x->tenant != y->tenant)
        return x->tenant < y->tenant ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Two names of one mailbox: the row of the one counts for the other. */
static void look_for_doubles(const struct rules_walk *w)
{
    const struct config *c = w->config;
    struct meant *meant = calloc(c->n_logins_from + 1, sizeof *meant);
    size_t n = 0;

    if (meant == NULL)
        return;
    for (size_t i = 0; i < c->n_logins_from; i++)
        if (c->logins_from[i].whose == WHOSE_USER)
            n += find_meant(w, &c->logins_from[i], &meant[n]);
    qsort(meant, n, sizeof *meant, by_mailbox);
    for (size_t i = 1; i < n; i++)
        if (memcmp(&meant[i].id, &meant[i - 1].id, sizeof meant[i].id) == 0 && meant[i].tenant == meant[i - 1].tenant)
            found(w, where_of_row(meant[i].row, "").text,
                  "it names the same mailbox as %s, and only one of the two rows counts; put all networks into one",
                  meant[i - 1].row->name);
    free(meant);
}

void look_login_names(const struct rules_walk *w)
{
    const struct config *c = w->config;

    if (w->view == NULL || directory_tenants(w->view) == 0)
        return;
    for (size_t i = 0; i < c->n_logins_from; i++) {
        const struct logins_from *row = &c->logins_from[i];

        if (row->whose != WHOSE_GROUP && !audit_name_is_known(c, w->view, slice_of(row->name)))
            found(w, where_of_row(row, "").text, "no mailbox has the name %s, so the row keeps nobody out", row->name);
    }
    look_for_doubles(w);
}
