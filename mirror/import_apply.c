#include "mirror/import_private.h"

#include <stdlib.h>

/* Changes of names and addresses that are told mailbox by mailbox; their number is told in any case. */
#define APPLY_MINOR_LINES 20
#define CHANGE_LINE_MAX 8192 /* bytes; what is more is cut */

static bool same_record(const struct mailbox_record *a, const struct mailbox_record *b)
{
    return memcmp(&a->id, &b->id, sizeof a->id) == 0 && a->knows == b->knows && a->smtp_auth == b->smtp_auth &&
           a->basic_smtp == b->basic_smtp && a->recipient_type == b->recipient_type &&
           slice_eq(a->primary, b->primary) && slice_eq(a->upn, b->upn) && slice_eq(a->alias, b->alias) &&
           slice_eq(a->account, b->account) && slice_eq(a->name, b->name) && slice_eq(a->auth_policy, b->auth_policy) &&
           slice_eq(a->proxies, b->proxies);
}

static const char *basic_name(const struct mailbox_record *record)
{
    static const char *const names[] = {
        [TRI_UNKNOWN] = "not restricted", [TRI_NO] = "forbidden", [TRI_YES] = "allowed"};

    return names[record->basic_smtp];
}

static bool holds(struct slice list, struct slice wanted)
{
    struct slice one;

    while (packed_next(&list, &one))
        if (slice_eq(one, wanted))
            return true;
    return false;
}

/* ", address +new@..., -old@..." as far as there is room. */
static void add_addresses(struct buf *line, struct slice before, struct slice after)
{
    struct slice lists[2] = {after, before}, one;

    for (size_t i = 0; i < 2; i++)
        while (packed_next(&lists[i], &one))
            if (!holds(i == 0 ? before : after, one) && line->n + QUOTE_MAX_BYTES < line->cap)
                buf_addf(line, ", address %s%s", i == 0 ? "+" : "-", words(one).text);
}

/* ", user principal name a → b, type user → shared": what changed beside the settings, with before and after. */
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

/* What changed of a mailbox, a line each, the settings first. */
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
    else if (!said && im->minor++ < APPLY_MINOR_LINES)
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

static int apply_mailbox(struct import *im, uint32_t tenant, const struct merged *item, struct error *e)
{
    if (!item->has) {
        if (writer_delete_mailbox(im->w, tenant, &item->before.id, e) != 0)
            return -1;
        if (item->moved)
            return 0;
        im->removed++;
        return came_or_went(im, "removed", &item->before, e);
    }
    im->mailboxes++;
    im->by_setting[item->after.smtp_auth]++;
    if (item->had && same_record(&item->before, &item->after))
        return 0;
    if (writer_put_mailbox(im->w, tenant, &item->after, e) != 0)
        return -1;
    if (item->had) {
        im->changed++;
        return change_lines(im, &item->before, &item->after, e);
    }
    im->added++;
    /* A new tenant's mailboxes are told by the summary: a million lines say nothing. */
    return im->judgement.stored == 0 ? 0 : came_or_went(im, "added", &item->after, e);
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

static int tenant_lines(struct import *im, struct error *e)
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
    return limit_line(im, "external recipients an hour", a->external_per_hour, b->external_per_hour, e) != 0 ||
                   limit_line(im, "internal recipients an hour", a->internal_per_hour, b->internal_per_hour, e) != 0 ||
                   limit_line(im, "recipients a day", a->recipients_per_day, b->recipients_per_day, e) != 0
               ? -1
               : 0;
}

static int apply_domains(struct import *im, uint32_t tenant, struct error *e)
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
        list[i] =
            (struct accepted_domain){slice_of(g->domains[i].name), g->domains[i].type, g->domains[i].match_subdomains};
    result = writer_set_domains(im->w, tenant, list, g->n_domains, e);
    free(list);
    return result;
}

static int apply_rights(struct import *im, uint32_t tenant, struct error *e)
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

static int minor_line(struct import *im, struct error *e)
{
    char mem[96];
    struct buf line = BUF_OVER(mem);

    buf_addf(&line, "%llu more mailboxes: names, addresses or type",
             (unsigned long long)(im->minor - APPLY_MINOR_LINES));
    return import_line(im, buf_slice(&line), e);
}

int import_apply(struct import *im, struct error *e)
{
    struct merged item;
    unsigned long long seen = 0;
    uint32_t tenant;
    int more;

    if (writer_set_tenant(im->w, &im->after, &tenant, e) != 0 || tenant_lines(im, e) != 0 ||
        apply_domains(im, tenant, e) != 0 || apply_rights(im, tenant, e) != 0)
        return -1;
    im->mailbox_lines = scratch_size(im->lines);
    while ((more = merge_next(im->m, &item, e)) > 0) {
        progress_say(&im->progress, "writing", -1, ++seen);
        if (apply_mailbox(im, tenant, &item, e) != 0)
            return -1;
    }
    im->mailbox_lines_end = scratch_size(im->lines);
    return more != 0 || im->minor <= APPLY_MINOR_LINES ? more : minor_line(im, e);
}
