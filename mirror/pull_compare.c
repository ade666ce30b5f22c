/*
 * What another relay's generation would change here. It passed that relay's guard, but that one compared it with its
 * own last one: here it is compared with ours, tenant by tenant, by the code that judges every run.
 */
#include "core/directory/directory_view.h"
#include "mirror/pull_private.h"

#include <stdarg.h>
#include <stdlib.h>

int pull_refuse(struct pull *p, struct error *e, const char *format, ...)
{
    char text[sizeof e->text];
    va_list args;

    if (p->o->force)
        return 0;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    p->refused = true;
    return error_set(e, "%s", text);
}

/* ---- the offer as a whole ---- */

static const struct manifest_tenant *find_tenant(const struct manifest *m, struct slice name)
{
    for (uint32_t i = 0; i < m->tenants_n; i++)
        if (slice_eq(m->tenants[i].name, name))
            return &m->tenants[i];
    return NULL;
}

static bool is_forgotten(struct slice name)
{
    return name.n > 0 && name.p[0] == TENANT_FORGOTTEN_MARK;
}

/* Seconds by which the settings of one tenant there are older than ours; 0: not. */
static int64_t tenant_older_by(const struct manifest_tenant *ours, const struct manifest_tenant *theirs)
{
    int64_t by = ours->settings_at - theirs->settings_at;

    for (size_t part = 0; part < MIRRORED_PARTS; part++)
        if (ours->parts[part].at - theirs->parts[part].at > by)
            by = ours->parts[part].at - theirs->parts[part].at;
    return by > 0 ? by : 0;
}

bool pull_is_behind(const struct pull *p)
{
    bool behind = false;

    for (uint32_t i = 0; p->own_since && i < p->ours.m.tenants_n; i++) {
        const struct manifest_tenant *theirs = find_tenant(&p->offering.m, p->ours.m.tenants[i].name);

        behind = behind || (theirs != NULL && tenant_older_by(&p->ours.m.tenants[i], theirs) > 0);
    }
    return behind;
}

static int check_age(struct pull *p, struct error *e)
{
    const struct manifest *ours = &p->ours.m, *theirs = &p->offering.m;
    bool same_relay = p->last.here != 0 && strcmp(p->relay, p->last.relay) == 0;

    for (uint32_t i = 0; p->has_ours && i < ours->tenants_n; i++) {
        const struct manifest_tenant *tenant = find_tenant(theirs, ours->tenants[i].name);
        int64_t by = tenant != NULL ? tenant_older_by(&ours->tenants[i], tenant) : 0;

        if (by > 0 && pull_refuse(p, e,
                                  "%s offers settings of %s that are %lld s older than those here: it does not "
                                  "mirror any more, or something old is served there; --force takes them",
                                  p->relay, words(tenant->name).text, (long long)by) != 0)
            return -1;
    }
    if (same_relay &&
        (p->offering.offered_at < p->last.offered_at || (theirs->generation < p->last.generation && !pull_is_here(p))))
        return pull_refuse(p, e,
                           "%s offers generation %llu, and generation %llu of it was here: something old is served "
                           "there, or it was restored from a backup; --force takes it",
                           p->relay, (unsigned long long)theirs->generation, (unsigned long long)p->last.generation);
    return 0;
}

/* A tenant is known that is here already, or configured. Where neither is there yet, any may come. */
static int check_tenants(struct pull *p, struct error *e)
{
    const struct manifest *theirs = &p->offering.m;

    for (uint32_t i = 0; i < theirs->tenants_n; i++) {
        struct slice name = theirs->tenants[i].name;

        if (is_forgotten(name) || (p->has_ours && find_tenant(&p->ours.m, name) != NULL) ||
            config_tenant(p->o->config, name) != NULL || (!p->has_ours && p->o->config->n_tenants == 0))
            continue;
        if (pull_refuse(p, e,
                        "%s offers the tenant \"%s\", which is neither here nor among the tenants of %s: configure it, "
                        "or correct mirror.pull.url; --force takes it",
                        p->relay, words(name).text, p->o->config->file) != 0)
            return -1;
    }
    return 0;
}

int pull_check_offer(struct pull *p, struct error *e)
{
    return check_tenants(p, e) != 0 ? -1 : check_age(p, e);
}

/* ---- a tenant's mailboxes ---- */

/* Two views of a tenant; NULL facts: it is not there. */
struct sides {
    const struct directory_view *before, *after;
    const struct tenant_facts *of_before, *of_after;
};

static enum directory_result next_of(const struct directory_view *v, const struct tenant_facts *facts,
                                     const struct mailbox_id *after, struct mailbox_record *out)
{
    return facts != NULL ? directory_next_mailbox(v, facts->tenant, after, out) : DIRECTORY_NOT_FOUND;
}

/*
 * The mailbox that has this primary address on the side `in`, under an id that the side `not_in` doesn't know: it has
 * changed its id, as one that was known by its address does when its Guid comes.
 */
static bool find_moved(const struct directory_view *in, const struct tenant_facts *of_in,
                       const struct directory_view *not_in, const struct tenant_facts *of_not_in, struct slice primary,
                       struct mailbox_record *out)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    struct mailbox_record there;
    unsigned n = 0;

    if (of_in == NULL || of_not_in == NULL ||
        directory_by_address(in, of_in->tenant, primary, refs, &n) != DIRECTORY_FOUND)
        return false;
    for (unsigned i = 0; i < n; i++)
        if ((refs[i].identity & IDENTITY_PRIMARY) != 0 &&
            directory_mailbox(not_in, of_not_in->tenant, &refs[i].id, &there) == DIRECTORY_NOT_FOUND &&
            directory_mailbox(in, of_in->tenant, &refs[i].id, out) == DIRECTORY_FOUND)
            return true;
    return false;
}

static int regard_came(struct import *im, const struct sides *s, const struct mailbox_record *after, struct error *e)
{
    struct merged item = {.has = true, .after = *after};

    item.moved = item.had = find_moved(s->before, s->of_before, s->after, s->of_after, after->primary, &item.before);
    return import_regard(im, &item, e);
}

static int regard_gone(struct import *im, const struct sides *s, const struct mailbox_record *before, struct error *e)
{
    struct merged item = {.had = true, .before = *before};
    struct mailbox_record after;

    item.moved = find_moved(s->after, s->of_after, s->before, s->of_before, before->primary, &after);
    return import_regard(im, &item, e);
}

/* Both sides are in the order of ids. */
static int compare_mailboxes(struct import *im, const struct sides *s, struct error *e)
{
    struct mailbox_record a, b;
    enum directory_result more_a = next_of(s->before, s->of_before, NULL, &a);
    enum directory_result more_b = next_of(s->after, s->of_after, NULL, &b);

    while (more_a == DIRECTORY_FOUND || more_b == DIRECTORY_FOUND) {
        int order = more_a != DIRECTORY_FOUND   ? 1
                    : more_b != DIRECTORY_FOUND ? -1
                                                : memcmp(a.id.b, b.id.b, sizeof a.id.b);
        struct merged both = {.had = true, .has = true};
        int result;

        if (order == 0) {
            both.before = a;
            both.after = b;
            result = import_regard(im, &both, e);
        } else {
            result = order < 0 ? regard_gone(im, s, &a, e) : regard_came(im, s, &b, e);
        }
        if (result != 0)
            return -1;
        if (order <= 0)
            more_a = next_of(s->before, s->of_before, &a.id, &a);
        if (order >= 0)
            more_b = next_of(s->after, s->of_after, &b.id, &b);
    }
    if (more_a == DIRECTORY_DAMAGED || more_b == DIRECTORY_DAMAGED)
        return error_set(e, "a mailbox of %s cannot be read %s", im->after.name,
                         more_a == DIRECTORY_DAMAGED ? "here; \"postern-mirror verify\" says more" : "there");
    return 0;
}

/* ---- a tenant ---- */

/* The tenant's accepted domains there. No run brings in more than the array has room for. */
static void fill_domains(struct gathered *g, const struct sides *s)
{
    struct slice name = {NULL, 0};
    struct domain_fact fact;

    while (g->n_domains < GATHER_DOMAINS_MAX &&
           directory_next_domain(s->after, s->of_after->tenant, name, &name, &fact) == DIRECTORY_FOUND) {
        struct accepted *domain = &g->domains[g->n_domains++];
        struct buf b;

        *domain = (struct accepted){.type = fact.type,
                                    .match_subdomains = fact.match_subdomains,
                                    .closed = fact.closed,
                                    .said = DOMAIN_NO_SENDER | DOMAIN_NO_RECIPIENT};
        b = BUF_OVER(domain->name);
        buf_add(&b, name);
    }
}

/* What a run of that tenant would have read, as far as the guard asks: all kinds of settings, and these domains. */
static void fill_gathered(struct gathered *g, const struct sides *s)
{
    struct buf organization = BUF_OVER(g->organization);

    g->kinds = 1u << KIND_TRANSPORT_CONFIG | 1u << KIND_SECURITY_DEFAULTS | 1u << KIND_ORGANIZATION_CONFIG |
               1u << KIND_ACCEPTED_DOMAIN | 1u << KIND_BLOCKED_SENDER | 1u << KIND_USER | 1u << KIND_CAS_MAILBOX |
               1u << KIND_MAILBOX;
    g->says_accounts = KIND_MAILBOX;
    if (s->of_after == NULL)
        return;
    buf_addf(&organization, "%s", s->of_after->organization);
    fill_domains(g, s);
}

/* The rows are compared already: nobody asks for them. */
static int no_feed(void *arg, struct gathered *g, struct error *e)
{
    (void)arg;
    (void)g;
    return error_set(e, "a pull gathers no rows");
}

static void prepare(struct pull *p, struct compared *c, const char *tenant)
{
    c->options = (struct import_options){
        .config = p->o->config,
        .directory = p->o->directory,
        .tenant = tenant,
        .kind = KINDS,
        .dry_run = p->o->dry_run,
        .force = p->o->force,
        .max_change = p->o->max_change,
        .now = p->o->now,
        .out = p->o->out,
        .feed = no_feed,
        .source = p->relay,
        .pulled = true,
    };
    c->im = (struct import){.options = &c->options, .w = p->w};
    c->im.rules = import_rules(&c->im);
}

static int compare_tenant(struct pull *p, struct compared *c, const struct sides *s, struct error *e)
{
    struct import *im = &c->im;
    const char *folder = p->o->directory;

    im->before = s->of_before;
    im->after = s->of_after != NULL ? *s->of_after : *s->of_before;
    if (gather_open(folder, &im->g, e) != 0 || scratch_open(folder, &im->lines, e) != 0 ||
        scratch_open(folder, &im->changes, e) != 0)
        return -1;
    fill_gathered(im->g, s);
    if (im->before != NULL && im->before->mailboxes > 0)
        im->organization = import_organization_turn(im);
    if (import_check_organization(im, e) != 0 || import_tenant_lines(im, e) != 0 || import_history_tenant(im, e) != 0)
        return -1;
    im->mailbox_lines = scratch_size(im->lines);
    if (compare_mailboxes(im, s, e) != 0)
        return -1;
    im->mailbox_lines_end = scratch_size(im->lines);
    return import_minor_line(im, e) != 0 ? -1 : import_judge(im, e);
}

static int compare_next(struct pull *p, const struct sides *s, struct error *e)
{
    struct compared *c = &p->compared[p->n_compared++];
    int result;

    prepare(p, c, s->of_after != NULL ? s->of_after->name : s->of_before->name);
    result = compare_tenant(p, c, s, e);
    p->refused = p->refused || (result != 0 && c->im.refused);
    return result;
}

int pull_compare(struct pull *p, struct error *e)
{
    const struct directory_view *before = writer_before(p->w);
    uint32_t n_before = before != NULL ? directory_tenants(before) : 0, n_after = directory_tenants(p->view);
    struct sides s = {.before = before, .after = p->view};

    p->compared = calloc((size_t)n_before + n_after + 1, sizeof *p->compared);
    if (p->compared == NULL)
        return error_set(e, "out of memory");
    for (uint32_t i = 0; i < n_after; i++) {
        s.of_after = directory_tenant(p->view, i);
        if (s.of_after == NULL)
            continue;
        s.of_before = before != NULL ? directory_tenant_named(before, slice_of(s.of_after->name)) : NULL;
        if (compare_next(p, &s, e) != 0)
            return -1;
    }
    for (uint32_t i = 0; i < n_before; i++) {
        s.of_before = directory_tenant(before, i);
        s.of_after = NULL;
        if (s.of_before != NULL && directory_tenant_named(p->view, slice_of(s.of_before->name)) == NULL &&
            compare_next(p, &s, e) != 0)
            return -1;
    }
    return 0;
}

void pull_compare_free(struct pull *p)
{
    for (size_t i = 0; i < p->n_compared; i++) {
        scratch_close(p->compared[i].im.lines);
        scratch_close(p->compared[i].im.changes);
        recent_close(p->compared[i].im.recent);
        gather_close(p->compared[i].im.g);
    }
    free(p->compared);
}
