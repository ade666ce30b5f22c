/* Names in lists and rules that no mailbox has: somebody's typing error, or somebody who has left. */
#include "core/mail/list.h"
#include "core/report/audit.h"

#include <stdio.h>

struct lists {
    struct audit *a;
    struct audit_names unknown;
};

/* "contoso\\sean" stands for the account. */
static struct slice without_netbios(struct slice name)
{
    struct slice account;

    return memchr(name.p, '\\', name.n) != NULL && slice_cut(name, '\\', NULL, &account) ? account : name;
}

/* Any mailbox of any tenant that has the name. */
static enum directory_result find_mailbox(const struct directory_view *view, struct slice name, struct mailbox_ref *ref)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    enum directory_result found = DIRECTORY_NOT_FOUND;
    unsigned n = 0;

    for (uint32_t i = 0; found == DIRECTORY_NOT_FOUND && i < directory_tenants(view); i++)
        found = memchr(name.p, '@', name.n) != NULL ? directory_by_address(view, i, name, refs, &n)
                                                    : directory_by_account(view, i, name, refs, &n);
    if (found == DIRECTORY_FOUND)
        *ref = refs[0];
    return found;
}

bool audit_mailbox_named(const struct directory_view *view, struct slice name, struct mailbox_ref *ref)
{
    name = without_netbios(name);
    return name.n > 0 && find_mailbox(view, name, ref) == DIRECTORY_FOUND;
}

/* If the directory can't be read, it is. */
static bool is_in_directory(const struct directory_view *view, struct slice name)
{
    struct mailbox_ref ref;
    struct domain_fact fact;

    if (name.p[0] == '@')
        return directory_domain(view, (struct slice){name.p + 1, name.n - 1}, &fact) != DIRECTORY_NOT_FOUND;
    return find_mailbox(view, name, &ref) != DIRECTORY_NOT_FOUND;
}

static bool is_of_our_tenants(const struct config *c, struct slice name)
{
    struct login login;

    login_parse(name, &login);
    return list_has_login(c->smtp_auth.logins, &login, NULL) || list_has_login(c->smtp_auth.on_premises, &login, NULL);
}

bool audit_name_is_known(const struct config *config, const struct directory_view *view, struct slice name)
{
    name = without_netbios(name);
    return name.n == 0 || is_in_directory(view, name) || is_of_our_tenants(config, name);
}

static void look_at_name(struct lists *x, struct slice name)
{
    if (!audit_name_is_known(x->a->config, x->a->view, name))
        audit_names_add(&x->unknown, without_netbios(name));
}

static void look_at_list(struct audit *a, const struct list *list, const char *where)
{
    struct lists x = {.a = a};
    struct list_place place;
    struct slice name;

    audit_names_begin(&x.unknown);
    for (size_t at = 0; list_next(list, &at, &name, &place);)
        look_at_name(&x, name);
    if (x.unknown.n > 0)
        findings_add(a->findings, AUDIT_UNKNOWN_NAMES, where, "no mailbox has the name%s %s",
                     x.unknown.n == 1 ? "" : "s", audit_names_end(&x.unknown));
}

static void look_at_exceptions(struct audit *a, const struct limit_config *limit)
{
    struct lists x = {.a = a};
    char where[200];

    audit_names_begin(&x.unknown);
    for (size_t i = 0; i < limit->n_exceptions; i++)
        if (limit->exceptions[i].of == EXCEPT_USER)
            look_at_name(&x, slice_of(limit->exceptions[i].name));
    (void)snprintf(where, sizeof where, "limits[%s].except", limit->name);
    if (x.unknown.n > 0)
        findings_add(a->findings, AUDIT_UNKNOWN_NAMES, where, "no mailbox has the name%s %s",
                     x.unknown.n == 1 ? "" : "s", audit_names_end(&x.unknown));
}

void audit_lists(struct audit *a)
{
    const struct config *c = a->config;
    char where[200];

    if (a->view == NULL || directory_tenants(a->view) == 0) {
        findings_skip(a->findings, AUDIT_UNKNOWN_NAMES, "there is no directory");
        return;
    }
    for (size_t i = 0; i < c->n_groups; i++) {
        (void)snprintf(where, sizeof where, "groups[%s].members", c->groups[i].name);
        look_at_list(a, c->groups[i].members, where);
    }
    for (size_t i = 0; i < c->n_limits; i++)
        look_at_exceptions(a, &c->limits[i]);
    look_at_list(a, c->never_block, "never_block");
    /* An allowed name may be unknown to the directory on purpose; a denied one hardly. */
    look_at_list(a, c->smtp_auth.deny, "smtp_auth.deny_file");
}
