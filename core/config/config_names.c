/* Names of users in lists and exceptions: mapped by the logins file, and checked once all settings are there. */
#include "core/config/config_table.h"

#include "core/base/quote.h"

#include <stdlib.h>

/* ---- lists of whom rows are for ---- */

/* A row, and whether its name belongs in the list that is being made. */
struct named {
    bool listed;
    const char *name;
};

static struct named limit_named(const void *exceptions, size_t i)
{
    const struct limit_exception *exception = (const struct limit_exception *)exceptions + i;

    return (struct named){exception->of == EXCEPT_USER, exception->name};
}

static struct named sender_named(const void *exceptions, size_t i)
{
    const struct sender_exception *exception = (const struct sender_exception *)exceptions + i;

    return (struct named){exception->of == EXCEPT_USER, exception->name};
}

static struct named from_user_named(const void *rows, size_t i)
{
    const struct logins_from *row = (const struct logins_from *)rows + i;

    return (struct named){row->whose == WHOSE_USER, row->name};
}

static struct named from_domain_named(const void *rows, size_t i)
{
    const struct logins_from *row = (const struct logins_from *)rows + i;

    return (struct named){row->whose == WHOSE_DOMAIN, row->name};
}

/* The i-th row is in line i + 1; one that doesn't belong there is a comment. */
static int list_named(struct reader *r, const char *what, struct named (*named)(const void *, size_t), const void *rows,
                      size_t n, struct list **out)
{
    size_t cap = n * (ADDRESS_MAX + 3) + 1;
    char *text = n > 0 ? malloc(cap) : NULL;
    struct buf b;
    int rc;

    if (n == 0)
        return 0;
    if (text == NULL)
        return error_set(r->e, "%s: no memory for the rows of %s", r->path, what);
    b = buf_over(text, cap);
    for (size_t i = 0; i < n; i++) {
        struct named one = named(rows, i);

        buf_add(&b, one.listed ? slice_of(one.name) : SLICE("#"));
        buf_add_char(&b, '\n');
    }
    rc = list_parse(buf_slice(&b), what, out, r->e);
    free(text);
    return rc != 0 ? error_prefix(r->e, "%s", r->path) : 0;
}

static int list_all_named(struct reader *r)
{
    struct config *c = r->config;

    for (size_t i = 0; i < c->n_limits; i++) {
        struct limit_config *limit = &c->limits[i];

        if (list_named(r, limit->name, limit_named, limit->exceptions, limit->n_exceptions, &limit->exception_users) !=
            0)
            return -1;
    }
    if (list_named(r, "logins_from", from_user_named, c->logins_from, c->n_logins_from, &c->logins_from_users) != 0 ||
        list_named(r, "logins_from", from_domain_named, c->logins_from, c->n_logins_from, &c->logins_from_domains) != 0)
        return -1;
    return list_named(r, "sender.except", sender_named, c->sender.exceptions, c->sender.n_exceptions,
                      &c->sender.exception_users);
}

/* ---- entries that can never match ---- */

static bool is_domain_of_tenant(const struct config *c, struct slice text)
{
    for (size_t i = 0; i < c->n_tenants; i++)
        for (size_t j = 0; j < c->tenants[i].n_domains; j++)
            if (slice_eq(c->tenants[i].domains[j], text))
                return true;
    return false;
}

static bool is_netbios_of_tenant(const struct config *c, struct slice text)
{
    for (size_t i = 0; i < c->n_tenants; i++)
        for (size_t j = 0; j < c->tenants[i].n_netbios; j++)
            if (slice_eq(c->tenants[i].netbios[j], text))
                return true;
    return false;
}

static int check_entry(const struct reader *r, struct slice text, const struct list_place *place)
{
    struct slice domain;

    if (memchr(text.p, '@', text.n) != NULL)
        return 0;
    if (is_domain_of_tenant(r->config, text))
        return error_set(r->e, "%s: %s:%u: \"%s\" is the domain of a tenant; as an entry it is written \"@%s\"",
                         r->path, place->path, place->line, quote(text).text, quote(text).text);
    if (slice_cut(text, '\\', &domain, NULL) && !is_netbios_of_tenant(r->config, domain))
        return error_set(
            r->e,
            "%s: %s:%u: \"%s\" can never match: no tenant has \"%s\" among its netbios names; add it there, "
            "or write the mailbox's address",
            r->path, place->path, place->line, quote(text).text, quote(domain).text);
    return 0;
}

/* Maps each entry's login, and refuses names that nobody can have. */
static int prepare_list(struct reader *r, struct list **list)
{
    struct list_place place;
    struct slice text;

    if (list_map(list, r->config->smtp_auth.logins, r->e) != 0)
        return error_prefix(r->e, "%s", r->path);
    for (size_t at = 0; list_next(*list, &at, &text, &place);)
        if (check_entry(r, text, &place) != 0)
            return -1;
    return 0;
}

/* What an operator entered at another relay. It may be a name that nobody can have here: that does no harm. */
static int join_lists(const struct reader *r, struct list **own, struct list **others)
{
    if (list_map(others, r->config->smtp_auth.logins, r->e) != 0)
        return error_prefix(r->e, "%s", r->path);
    *own = list_join(*own, *others);
    *others = NULL;
    return 0;
}

int names_prepare(struct reader *r)
{
    struct config *c = r->config;
    struct list **lists[] = {&c->smtp_auth.allow,    &c->smtp_auth.deny,         &c->smtp_auth.on_premises,
                             &c->never_block,        &c->sender.exception_users, &c->logins_from_users,
                             &c->logins_from_domains};

    if (list_all_named(r) != 0)
        return -1;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (prepare_list(r, lists[i]) != 0)
            return -1;
    for (size_t i = 0; i < c->n_groups; i++)
        if (prepare_list(r, &c->groups[i].members) != 0)
            return -1;
    for (size_t i = 0; i < c->n_limits; i++)
        if (prepare_list(r, &c->limits[i].exception_users) != 0)
            return -1;
    return join_lists(r, &c->smtp_auth.allow, &c->cluster.allow) == 0 &&
                   join_lists(r, &c->smtp_auth.deny, &c->cluster.deny) == 0
               ? 0
               : -1;
}
