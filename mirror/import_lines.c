/* The report's lines about what changed. */
#include "mirror/import_private.h"

/* Changes of names and addresses listed mailbox by mailbox; their number is reported in any case. */
#define MINOR_LINES 20
#define CHANGE_LINE_MAX 8192 /* bytes; the rest is cut */

static const char *basic_name(const struct mailbox_record *record)
{
    static const char *const names[] = {
        [TRI_UNKNOWN] = "not restricted", [TRI_NO] = "forbidden", [TRI_YES] = "allowed"};

    return names[record->basic_smtp];
}

const char *import_account_name(const struct mailbox_record *record)
{
    static const char *const names[] = {[TRI_UNKNOWN] = "unknown", [TRI_NO] = "disabled", [TRI_YES] = "enabled"};

    return names[record->sign_in];
}

static bool packed_holds(struct slice list, struct slice wanted)
{
    struct slice one;

    while (packed_next(&list, &one))
        if (slice_eq(one, wanted))
            return true;
    return false;
}

/* ", address +new@..., -old@...", as many as fit. */
static void add_addresses(struct buf *line, struct slice before, struct slice after)
{
    struct slice lists[2] = {after, before}, one;

    for (size_t i = 0; i < 2; i++)
        while (packed_next(&lists[i], &one))
            if (!packed_holds(i == 0 ? before : after, one) && line->n + QUOTE_MAX_BYTES < line->cap)
                buf_addf(line, ", address %s%s", i == 0 ? "+" : "-", words(one).text);
}

/* ", user principal name a → b, type user → shared": changes of other values than the settings. */
static void add_minor(struct buf *line, const struct mailbox_record *a, const struct mailbox_record *b)
{
    const struct {
        const char *what;
        struct slice before, after;
    } texts[] = {
        {"user principal name", a->upn, b->upn},
        {"alias", a->alias, b->alias},
        {"account", a->account, b->account},
        {"display name", a->name, b->name},
        {"authentication policy", a->auth_policy, b->auth_policy},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (!slice_eq(texts[i].before, texts[i].after))
            buf_addf(line, ", %s \"%s\" → \"%s\"", texts[i].what, words(texts[i].before).text,
                     words(texts[i].after).text);
    if (a->recipient_type != b->recipient_type)
        buf_addf(line, ", type %s → %s", recipient_type_name(a->recipient_type),
                 recipient_type_name(b->recipient_type));
    add_addresses(line, a->proxies, b->proxies);
}

/* Adds the lines about one mailbox, the settings first. */
static int change_lines(struct import *im, const struct mailbox_record *a, const struct mailbox_record *b,
                        struct error *e)
{
    struct quote who = words(b->primary);
    char mem[CHANGE_LINE_MAX];
    struct buf line = BUF_OVER(mem);
    bool said = false, minor_only = false;

    if (a->smtp_auth != b->smtp_auth) {
        buf_addf(&line, "%s: SMTP AUTH %s → %s", who.text, smtp_auth_name(a->smtp_auth), smtp_auth_name(b->smtp_auth));
        if (import_line(im, buf_slice(&line), e) != 0)
            return -1;
        said = true;
    }
    if (a->basic_smtp != b->basic_smtp) {
        line = BUF_OVER(mem);
        buf_addf(&line, "%s: passwords by authentication policy %s → %s", who.text, basic_name(a), basic_name(b));
        if (import_line(im, buf_slice(&line), e) != 0)
            return -1;
        said = true;
    }
    if (a->sign_in != b->sign_in) {
        line = BUF_OVER(mem);
        buf_addf(&line, "%s: account %s → %s", who.text, import_account_name(a), import_account_name(b));
        if (import_line(im, buf_slice(&line), e) != 0)
            return -1;
        said = true;
    }
    if (((a->knows ^ b->knows) & MAILBOX_RESTRICTED) != 0) {
        bool now = (b->knows & MAILBOX_RESTRICTED) != 0;

        line = BUF_OVER(mem);
        buf_addf(&line, "%s: restricted by Exchange Online %s → %s", who.text, now ? "no" : "yes", now ? "yes" : "no");
        if (import_line(im, buf_slice(&line), e) != 0)
            return -1;
        said = true;
    }
    line = BUF_OVER(mem);
    if (!slice_eq(a->primary, b->primary))
        buf_addf(&line, "%s: primary address, before %s", who.text, words(a->primary).text);
    else if (!said && im->minor++ < MINOR_LINES)
        minor_only = true;
    if (minor_only) {
        buf_addf(&line, "%s: names, addresses or type", who.text);
        add_minor(&line, a, b);
    }
    return line.n == 0 ? 0 : import_line(im, buf_slice(&line), e);
}

static int came_or_went(struct import *im, const char *what, const struct mailbox_record *record, struct error *e)
{
    char mem[sizeof(struct quote) + 64];
    struct buf line = BUF_OVER(mem);

    buf_addf(&line, "%s %s (SMTP AUTH %s)", what, words(record->primary).text, smtp_auth_name(record->smtp_auth));
    return import_line(im, buf_slice(&line), e);
}

int import_mailbox_lines(struct import *im, const struct merged *item, struct error *e)
{
    if (!item->has) {
        im->removed += !item->moved;
        return item->moved ? 0 : came_or_went(im, "removed", &item->before, e);
    }
    im->mailboxes++;
    im->by_setting[item->after.smtp_auth]++;
    if (item->had) {
        if (mailbox_same(&item->before, &item->after))
            return 0;
        im->changed++;
        return change_lines(im, &item->before, &item->after, e);
    }
    im->added++;
    /* A new tenant's mailboxes are in the summary only: nobody reads a million lines. */
    return im->before == NULL || im->before->mailboxes == 0 ? 0 : came_or_went(im, "added", &item->after, e);
}

static int tenant_line(struct import *im, const char *what, const char *before, const char *after, struct error *e)
{
    char mem[256];
    struct buf line = BUF_OVER(mem);

    buf_addf(&line, "%s: %s %s → %s", im->after.name, what, before, after);
    return import_line(im, buf_slice(&line), e);
}

static int limit_line(struct import *im, const char *what, uint32_t before, uint32_t after, struct error *e)
{
    char a[16], b[16];

    if (before == after)
        return 0;
    snprintf(a, sizeof a, "%u", before);
    snprintf(b, sizeof b, "%u", after);
    return tenant_line(im, what, a, b, e);
}

/* What an accepted domain was closed for in the last generation. */
static unsigned closed_before(const struct import *im, struct slice domain)
{
    struct domain_fact fact;

    return im->before != NULL && directory_domain(writer_before(im->w), domain, &fact) == DIRECTORY_FOUND &&
                   fact.tenant == im->before->tenant
               ? fact.closed
               : 0;
}

unsigned import_closed(const struct import *im, const struct accepted *domain)
{
    return domain->closed | (closed_before(im, slice_of(domain->name)) & ~domain->said);
}

static int closing_lines(struct import *im, struct error *e)
{
    static const struct {
        unsigned bit;
        const char *what;
    } switches[] = {{DOMAIN_NO_SENDER, "sending from"}, {DOMAIN_NO_RECIPIENT, "sending to"}};

    for (size_t i = 0; i < im->g->n_domains; i++) {
        const struct accepted *domain = &im->g->domains[i];
        unsigned before = closed_before(im, slice_of(domain->name)), after = import_closed(im, domain);

        for (size_t j = 0; j < sizeof switches / sizeof switches[0]; j++) {
            char what[sizeof domain->name + 32];

            if (((before ^ after) & switches[j].bit) == 0)
                continue;
            snprintf(what, sizeof what, "%s %s", switches[j].what, domain->name);
            if (tenant_line(im, what, (before & switches[j].bit) != 0 ? "disabled" : "enabled",
                            (after & switches[j].bit) != 0 ? "disabled" : "enabled", e) != 0)
                return -1;
        }
    }
    return 0;
}

bool import_lists_domain(const struct import *im, struct slice domain)
{
    for (size_t i = 0; i < im->g->n_domains; i++)
        if (slice_eq(domain, slice_of(im->g->domains[i].name)))
            return true;
    return false;
}

static bool was_accepted(const struct import *im, struct slice domain)
{
    struct domain_fact fact;

    return directory_domain(writer_before(im->w), domain, &fact) == DIRECTORY_FOUND && fact.type != DOMAIN_DERIVED &&
           fact.tenant == im->before->tenant;
}

static int domain_line(struct import *im, struct slice domain, const char *what, struct error *e)
{
    char mem[sizeof(struct quote) + sizeof im->after.name + 64];
    struct buf line = BUF_OVER(mem);

    buf_addf(&line, "%s: accepted domain %s %s", im->after.name, words(domain).text, what);
    return import_line(im, buf_slice(&line), e);
}

/* Accepted domains that come and go; not those of a tenant that had none. */
static int domain_lines(struct import *im, struct error *e)
{
    const struct directory_view *view = writer_before(im->w);
    enum directory_result found;
    struct slice domain = {NULL, 0};
    struct domain_fact fact;
    bool any = false;

    if (im->before == NULL || !gather_has(im->g, KIND_ACCEPTED_DOMAIN))
        return 0;
    while ((found = directory_next_domain(view, im->before->tenant, domain, &domain, &fact)) == DIRECTORY_FOUND) {
        const char *what = fact.closed == 0 ? "removed" : "removed; that it was closed no longer holds";

        any = true;
        if (!import_lists_domain(im, domain) && domain_line(im, domain, what, e) != 0)
            return -1;
    }
    if (found == DIRECTORY_DAMAGED)
        return error_set(e, "the directory holds a damaged domain; run \"postern-mirror verify\"");
    for (size_t i = 0; any && i < im->g->n_domains; i++) {
        domain = slice_of(im->g->domains[i].name);
        if (!was_accepted(im, domain) && domain_line(im, domain, "added", e) != 0)
            return -1;
    }
    return 0;
}

int import_tenant_lines(struct import *im, struct error *e)
{
    static const char *const on[] = {[TRI_UNKNOWN] = "unknown", [TRI_NO] = "off", [TRI_YES] = "on"};
    static const char *const policy[] = {[TRI_UNKNOWN] = "none", [TRI_NO] = "no passwords", [TRI_YES] = "passwords"};
    static const struct tenant_facts nothing;
    const struct tenant_facts *a = im->before != NULL ? im->before : &nothing;
    const struct tenant_facts *b = &im->after;

    if (a->smtp_auth != b->smtp_auth &&
        tenant_line(im, "organization SMTP AUTH", smtp_auth_name(a->smtp_auth), smtp_auth_name(b->smtp_auth), e) != 0)
        return -1;
    if (a->security_defaults != b->security_defaults &&
        tenant_line(im, "security defaults", on[a->security_defaults], on[b->security_defaults], e) != 0)
        return -1;
    if (a->default_basic_smtp != b->default_basic_smtp &&
        tenant_line(im, "default authentication policy", policy[a->default_basic_smtp], policy[b->default_basic_smtp],
                    e) != 0)
        return -1;
    if (domain_lines(im, e) != 0 || closing_lines(im, e) != 0)
        return -1;
    return limit_line(im, "external recipients an hour", a->external_per_hour, b->external_per_hour, e) != 0 ||
                   limit_line(im, "internal recipients an hour", a->internal_per_hour, b->internal_per_hour, e) != 0 ||
                   limit_line(im, "recipients a day", a->recipients_per_day, b->recipients_per_day, e) != 0
               ? -1
               : 0;
}

int import_minor_line(struct import *im, struct error *e)
{
    char mem[96];
    struct buf line = BUF_OVER(mem);

    if (im->minor <= MINOR_LINES)
        return 0;
    buf_addf(&line, "%llu more mailboxes: names, addresses or type", (unsigned long long)(im->minor - MINOR_LINES));
    return import_line(im, buf_slice(&line), e);
}
