#include "core/report/known.h"

#include "core/config/config_table.h"
#include "core/directory/directory_record.h"
#include "core/report/mailbox_of.h"
#include "core/report/text.h"

#include <strings.h>

struct known_search {
    struct report_files *files;
    struct slice scope, name;
    bool suggest;
    struct login login;
    struct mailbox_found found; /* in the directory */
    struct known *out;
};

static void known_keep(char out[ADDRESS_MAX + 1], struct slice text)
{
    size_t n = text.n < ADDRESS_MAX ? text.n : ADDRESS_MAX;

    if (n > 0)
        memmove(out, text.p, n);
    out[n] = '\0';
}

/* ---- similar names ---- */

/* Terminated copies of both sides of an address; the domain is empty where there is no "@". */
struct sides {
    char local[ADDRESS_MAX + 1], domain[ADDRESS_MAX + 1];
};

static struct sides sides_of(struct slice text)
{
    struct sides s = {.local = "", .domain = ""};
    struct slice local = text, domain = SLICE("");

    (void)slice_cut(text, '@', &local, &domain);
    known_keep(s.local, local);
    known_keep(s.domain, domain);
    return s;
}

/* Is `one` more similar to what was written than `best`, and similar at all? best may be empty. */
static bool is_nearer(const char *written, const char *one, const char *best)
{
    const char *const names[] = {best, one};

    return one[0] != '\0' &&
           config_suggest(slice_of(written), best[0] != '\0' ? names : names + 1, best[0] != '\0' ? 2 : 1) == one;
}

/* Considers a known name: one side must be equal, or not written, and the other one similar. */
static void weigh(struct known_search *x, struct slice candidate)
{
    struct sides written = sides_of(x->name), best = sides_of(slice_of(x->out->near)), one = sides_of(candidate);
    bool near = false;

    if (written.local[0] == '\0') /* "@domain" */
        near = is_nearer(written.domain, one.domain, best.domain);
    else if (written.domain[0] == '\0' || strcasecmp(written.domain, one.domain) == 0)
        near = is_nearer(written.local, one.local, best.local);
    else if (strcasecmp(written.local, one.local) == 0)
        near = is_nearer(written.domain, one.domain, strcasecmp(written.local, best.local) == 0 ? best.domain : "");
    if (!near)
        return;
    /* The domain alone, from its "@" on. */
    if (written.local[0] == '\0')
        candidate = (struct slice){candidate.p + strlen(one.local), candidate.n - strlen(one.local)};
    known_keep(x->out->near, candidate);
}

/* ---- the directory ---- */

static void found_mailbox(struct known_search *x, uint32_t tenant, const struct mailbox_id *id)
{
    struct address primary;

    x->out->exists = true;
    if (x->out->mailbox[0] == '\0' && directory_primary(x->files->view, tenant, id, &primary) == DIRECTORY_FOUND)
        known_keep(x->out->mailbox, address_slice(&primary));
}

/* The address that the login stands for, by the logins file or a tenant's domain. */
static void look_up_spelled(struct known_search *x, uint32_t tenant)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    unsigned n = 0;

    if (x->out->spelled && x->out->spellings.address.n > 0 &&
        directory_by_address(x->files->view, tenant, address_slice(&x->out->spellings.address), refs, &n) ==
            DIRECTORY_FOUND &&
        n > 0)
        found_mailbox(x, tenant, &refs[0].id);
}

/* Whose it is, is not looked at: it is for who sees all tenants. */
static void look_up_domain(struct known_search *x)
{
    char domain[ADDRESS_MAX + 1];
    struct domain_fact fact;
    size_t n;

    if (scope_is_all(x->scope) &&
        domain_canonical((struct slice){x->name.p + 1, x->name.n - 1}, domain, sizeof domain, &n) &&
        directory_domain(x->files->view, (struct slice){domain, n}, &fact) == DIRECTORY_FOUND)
        x->out->exists = true;
}

static void weigh_mailboxes(struct known_search *x, uint32_t tenant)
{
    struct mailbox_record m;
    struct mailbox_id last;
    enum directory_result result = directory_next_mailbox(x->files->view, tenant, NULL, &m);

    for (; result == DIRECTORY_FOUND; result = directory_next_mailbox(x->files->view, tenant, &last, &m)) {
        last = m.id;
        weigh(x, m.primary);
        if (m.upn.n > 0)
            weigh(x, m.upn);
    }
}

static void look_into_directory(struct known_search *x)
{
    uint32_t n = directory_tenants(x->files->view);

    x->out->checked = true;
    if (x->name.n > 1 && x->name.p[0] == '@')
        look_up_domain(x);
    else
        (void)mailbox_named_of(x->files->view, x->scope, x->name, &x->found);
    if (x->found.name == MAILBOX_NAME_LOGIN)
        found_mailbox(x, x->found.first[0].tenant, &x->found.first[0].id);
    for (uint32_t i = 0; i < n && !x->out->exists; i++)
        if (tenant_is_of(x->files->view, x->scope, i))
            look_up_spelled(x, i);
}

/* ---- what was seen, and the operator's lists ---- */

static bool each_used(void *arg, struct slice tenant, struct slice mailbox, const struct usage *usage)
{
    struct known_search *x = arg;
    struct spelled spelled;

    (void)usage;
    if (!scope_has(x->scope, tenant))
        return true;
    spelled_read(x->files->config, mailbox, &spelled);
    if (slice_ieq(mailbox, x->name) ||
        (x->out->spelled && spellings_have(x->files->config, &x->out->spellings, &spelled)))
        x->out->exists = true;
    else if (x->suggest)
        weigh(x, mailbox);
    return !x->out->exists;
}

static bool is_listed(const struct known_search *x)
{
    const struct config *c = x->files->config;

    for (size_t i = 0; i < c->n_connectors; i++)
        if (slice_eq(x->name, slice_of(c->connectors[i].name)) &&
            scope_has(x->scope, slice_of(c->connectors[i].tenant)))
            return true;
    if (!scope_is_all(x->scope)) /* the lists are those of the whole relay */
        return false;
    return list_has_login(c->smtp_auth.logins, &x->login, NULL) ||
           list_has_login(c->smtp_auth.on_premises, &x->login, NULL) ||
           list_has_login(c->smtp_auth.allow, &x->login, NULL) || list_has_login(c->smtp_auth.deny, &x->login, NULL);
}

/* ---- all ---- */

static bool each_record(void *arg, const struct journal_record *r)
{
    struct known_search *x = arg;

    if (!scope_has(x->scope, slice_of(r->tenant)))
        return true;
    x->out->exists = slice_ieq(x->name, slice_of(r->login)) || slice_ieq(x->name, slice_of(r->mailbox)) ||
                     slice_ieq(x->name, slice_of(r->connector)) || known_is(x->files->config, x->out, r);
    return !x->out->exists;
}

/* A name of a decision is found by an index. */
static void look_into_decisions(struct known_search *x)
{
    char name[sizeof((struct journal_record *)0)->login];
    struct buf b = BUF_OVER(name);
    struct error e;

    buf_add(&b, x->name);
    (void)journal_decisions(x->files->journal, &(struct journal_query){.name = name, .account = known_account(x->out)},
                            each_record, x, &e);
}

/* A name that is found nowhere by an index: all names of the directory and of the usage, which reaches further back
 * than the decisions, are looked at. */
static void look_through_all(struct known_search *x)
{
    uint32_t n = x->files->view != NULL ? directory_tenants(x->files->view) : 0;
    struct error e;

    for (uint32_t i = 0; i < n && x->suggest && x->found.n == 0; i++)
        if (tenant_is_of(x->files->view, x->scope, i))
            weigh_mailboxes(x, i);
    if (x->files->journal != NULL)
        (void)journal_usage(x->files->journal, &(struct usage_query){.sent = false}, each_used, x, &e);
}

/* The keys are only compared with each other, so any secret will do. */
static void find_spellings(const struct report_files *files, struct slice name, struct known *out)
{
    static const struct hash_secret secret;
    struct decide_context c = {.config = files->config, .view = files->view, .secret = &secret};

    out->spelled = spellings_of(&c, name, &out->spellings);
}

/* Nobody signs in by that name: but a mailbox is displayed so, or has that Guid. */
static void take_displayed(struct known_search *x)
{
    struct buf b = BUF_OVER(x->out->several);

    x->out->near[0] = '\0';
    if (x->found.n > 1) {
        mailbox_found_add(&b, &x->found);
        return;
    }
    x->out->named = x->found.name;
    found_mailbox(x, x->found.first[0].tenant, &x->found.first[0].id);
    find_spellings(x->files, slice_of(x->out->mailbox), x->out);
}

void known_look(struct report_files *files, struct slice scope, struct slice name, bool suggest, struct known *out)
{
    struct known_search x = {.files = files, .scope = scope, .name = name, .suggest = suggest, .out = out};
    struct error e;

    *out = (struct known){.checked = false};
    login_parse(name, &x.login);
    out->exists = is_listed(&x);
    find_spellings(files, name, out);
    if (files_open_directory(files, &e) == 0 && files->view != NULL) {
        find_spellings(files, name, out);
        look_into_directory(&x);
    }
    if (!out->exists && files->config->journal[0] != '\0' && files_open_journal(files, &e) == 0) {
        out->checked = true;
        look_into_decisions(&x);
    }
    if (!out->exists && (suggest || x.found.n > 0))
        look_through_all(&x);
    if (!out->exists && x.found.n > 0)
        take_displayed(&x);
}

struct slice known_account(const struct known *known)
{
    return (struct slice){known->spellings.account, known->spelled ? known->spellings.account_n : 0};
}

bool known_is(const struct config *config, const struct known *known, const struct journal_record *r)
{
    struct spelled spelled;

    if (known->mailbox[0] != '\0' && slice_ieq(slice_of(known->mailbox), slice_of(r->mailbox)))
        return true;
    if (!known->spelled || r->login[0] == '\0')
        return false;
    spelled_read(config, slice_of(r->login), &spelled);
    return spellings_have(config, &known->spellings, &spelled);
}

const char *known_hint(const struct known *known, char *mem, size_t cap)
{
    struct buf b = buf_over(mem, cap);

    if (known->near[0] == '\0')
        return mem;
    buf_add(&b, SLICE("; did you mean "));
    text_add_plain(&b, slice_of(known->near));
    buf_add_char(&b, '?');
    return mem;
}
