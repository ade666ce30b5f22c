/* Is the login in an operator's list? One rule for all lists: each of a mailbox's names means the mailbox. */
#include "core/decide/decide_steps.h"
#include "core/directory/directory_record.h"

struct listed_asking {
    const struct decide_context *c;
    const struct submission *s;
    const struct identity *id;
    const struct list *list;
    enum listed_to to;
    struct list_place *place;
};

static struct slice local_of(struct slice address)
{
    const char *at = address.n > 0 ? memrchr(address.p, '@', address.n) : NULL;

    return (struct slice){address.p, at != NULL ? (size_t)(at - address.p) : 0};
}

static bool has_domain(const struct listed_asking *a, struct slice address)
{
    size_t local_n = local_of(address).n;

    return list_has(a->list, (struct slice){address.p + local_n, address.n - local_n}, a->place);
}

/* A name alone is one of the default tenant, where there is one. */
static bool in_default_tenant(const struct listed_asking *a)
{
    const char *tenant = a->c->config->default_tenant;
    const struct identity *id = a->id;

    return tenant == NULL || (id->tenant != NULL && strcmp(id->tenant->name, tenant) == 0) ||
           (id->tenant == NULL && id->tenant_config != NULL && strcmp(id->tenant_config->name, tenant) == 0);
}

/* "sean", "contoso\\sean" */
static bool has_name(const struct listed_asking *a, struct slice name)
{
    const struct tenant_config *tenant = a->id->tenant_config;
    char text[ADDRESS_MAX + 1];

    if (name.n == 0)
        return false;
    if (in_default_tenant(a) && list_has(a->list, name, a->place))
        return true;
    for (size_t i = 0; tenant != NULL && i < tenant->n_netbios; i++) {
        struct buf b = BUF_OVER(text);

        buf_add(&b, tenant->netbios[i]);
        buf_add_char(&b, '\\');
        buf_add(&b, name);
        if (!b.full && list_has(a->list, buf_slice(&b), a->place))
            return true;
    }
    return false;
}

/* An address in the tenant's own domain is also the name alone, unless that is somebody's alias or account name. */
static bool has_name_of(const struct listed_asking *a, struct slice address)
{
    struct slice local = local_of(address), domain = tenant_domain(a->c, a->id);
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    unsigned n;

    if (domain.n == 0 || address.n != local.n + 1 + domain.n ||
        memcmp(address.p + local.n + 1, domain.p, domain.n) != 0 || !has_name(a, local))
        return false;
    return a->c->view == NULL || a->id->tenant == NULL ||
           directory_by_account(a->c->view, a->id->tenant->tenant, local, refs, &n) == DIRECTORY_NOT_FOUND;
}

static bool has_address(const struct listed_asking *a, struct slice address, bool with_domain)
{
    if (address.n == 0)
        return false;
    return list_has(a->list, address, a->place) || (with_domain && has_domain(a, address)) || has_name_of(a, address);
}

static enum directory_result mailbox_listed(const struct listed_asking *a, const struct mailbox_ref *claim)
{
    struct mailbox_record record;
    struct slice proxies, proxy;

    if (directory_mailbox(a->c->view, claim->tenant, &claim->id, &record) != DIRECTORY_FOUND)
        return DIRECTORY_DAMAGED; /* a claim without its mailbox */
    if (has_address(a, record.primary, true) || has_address(a, record.upn, true) || has_name(a, record.alias) ||
        has_name(a, record.account))
        return DIRECTORY_FOUND;
    proxies = record.proxies;
    while (packed_next(&proxies, &proxy))
        if (has_address(a, proxy, a->to == LISTED_TO_DENY))
            return DIRECTORY_FOUND;
    return DIRECTORY_NOT_FOUND;
}

/* Without a mailbox in the directory there is the address, or a name, or nothing but what was typed. */
static bool login_listed(const struct listed_asking *a)
{
    if (a->id->address.n > 0)
        return has_address(a, address_slice(&a->id->address), true);
    if (a->id->tenant != NULL || a->id->tenant_config != NULL)
        return has_name(a, login_account(&a->s->login));
    return list_has_login(a->list, &a->s->login, a->place);
}

enum directory_result identity_listed(const struct decide_context *c, const struct submission *s,
                                      const struct identity *id, const struct list *list, enum listed_to to,
                                      struct list_place *place)
{
    struct listed_asking a = {c, s, id, list, to, place};
    unsigned listed = 0;

    if (list_count(list) == 0)
        return DIRECTORY_NOT_FOUND;
    if (id->n_claims == 0)
        return login_listed(&a) ? DIRECTORY_FOUND : DIRECTORY_NOT_FOUND;
    for (unsigned i = 0; i < id->n_claims; i++) {
        enum directory_result one = mailbox_listed(&a, &id->claims[i]);

        if (one == DIRECTORY_DAMAGED || (one == DIRECTORY_FOUND && to == LISTED_TO_DENY))
            return one;
        listed += one == DIRECTORY_FOUND;
    }
    return listed == id->n_claims ? DIRECTORY_FOUND : DIRECTORY_NOT_FOUND;
}
