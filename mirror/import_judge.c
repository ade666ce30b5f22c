#include "mirror/import_private.h"

/* In a small tenant a few mailboxes are a large share: so many may change in any case, but never more than half. */
#define JUDGE_FEW 5

/* May the mailbox send with a password, as far as the mirrored settings go? TRI_UNKNOWN: they never said. */
static enum tri may_send(const struct tenant_facts *facts, const struct mailbox_record *record)
{
    enum smtp_auth setting = record->smtp_auth;
    enum tri basic = record->auth_policy.n > 0 ? record->basic_smtp : facts->default_basic_smtp;

    if (setting == SMTP_AUTH_INHERIT)
        setting = facts->smtp_auth;
    if (setting != SMTP_AUTH_ENABLED && setting != SMTP_AUTH_DISABLED)
        return TRI_UNKNOWN;
    if (setting == SMTP_AUTH_DISABLED || facts->security_defaults == TRI_YES || basic == TRI_NO)
        return TRI_NO;
    return TRI_YES;
}

static bool domain_was_here(const struct import *im, struct slice domain)
{
    struct domain_fact fact;

    return directory_domain(writer_before(im->w), domain, &fact) == DIRECTORY_FOUND &&
           fact.tenant == im->before->tenant;
}

static void count(struct import *im, const struct merged *item)
{
    struct judgement *j = &im->judgement;
    struct slice domain;

    j->listed += item->has;
    if (im->before == NULL)
        return;
    j->stored += item->had && !item->moved;
    if (!item->has) {
        j->stored += item->moved;
        j->dropped += !item->moved;
        return;
    }
    if (item->had) {
        j->common = j->common || gather_lists_mailboxes(im->g);
        j->opened += may_send(im->before, &item->before) == TRI_NO && may_send(&im->after, &item->after) == TRI_YES;
    } else if (!j->common) { /* only an export of mailboxes has new ones */
        slice_cut(item->after.primary, '@', NULL, &domain);
        j->common = domain_was_here(im, domain);
    }
}

/* All that the mailbox is called by, for those rights that name it. */
static void say_names(struct import *im, const struct mailbox_record *record)
{
    const struct slice plain[] = {record->primary, record->upn}, others[] = {record->alias, record->account};
    struct slice lists[] = {record->proxies, merge_names(im->m, STAGE_SETTINGS), merge_names(im->m, STAGE_DETAILS)};
    struct slice name;

    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        rights_name(im->g->rights, plain[i], &record->id, true);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        rights_name(im->g->rights, others[i], &record->id, false);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        while (packed_next(&lists[i], &name))
            rights_name(im->g->rights, name, &record->id, true);
}

static uint64_t allowed_change(uint64_t stored, unsigned percent)
{
    uint64_t share = stored / 100 * percent + stored % 100 * percent / 100;
    uint64_t few = stored / 2 < JUDGE_FEW ? stored / 2 : JUDGE_FEW;

    if (percent == 0)
        return 0;
    if (few == 0)
        few = 1;
    return share > few ? share : few;
}

static int check_tenant(struct import *im, struct error *e)
{
    bool compared = gather_lists_mailboxes(im->g);

    for (size_t i = 0; i < im->g->n_domains && !compared && !im->judgement.common; i++)
        im->judgement.common = domain_was_here(im, slice_of(im->g->domains[i].name));
    if (im->judgement.common || (!compared && im->g->n_domains == 0))
        return 0;
    return import_refuse(
        im, e,
        "these files look like another tenant's: none of their mailboxes and domains was in %s before; "
        "--force takes them all the same",
        im->options->tenant);
}

static int check_change(struct import *im, struct error *e)
{
    const struct judgement *j = &im->judgement;
    uint64_t allowed = allowed_change(j->stored, im->options->max_change);

    if (j->dropped + j->opened <= allowed)
        return 0;
    return import_refuse(
        im, e,
        "of the %llu mailboxes of %s this run would drop %llu and turn SMTP AUTH on for %llu; more than "
        "%llu (--max-change %u) are refused, since a cut-off export looks like that; --force accepts it",
        (unsigned long long)j->stored, im->options->tenant, (unsigned long long)j->dropped,
        (unsigned long long)j->opened, (unsigned long long)allowed, im->options->max_change);
}

int import_judge(struct import *im, struct error *e)
{
    struct merged item;
    unsigned long long seen = 0;
    int more;

    if (rights_start_names(im->g->rights, e) != 0)
        return -1;
    while ((more = merge_next(im->m, &item, e)) > 0) {
        progress_say(&im->progress, "comparing", -1, ++seen);
        count(im, &item);
        if (item.has && rights_count(im->g->rights) > 0)
            say_names(im, &item.after);
    }
    if (more < 0 || rights_resolve(im->g->rights, e) != 0)
        return -1;
    merge_rewind(im->m);
    if (im->before == NULL || im->judgement.stored == 0)
        return 0;
    return check_tenant(im, e) != 0 ? -1 : check_change(im, e);
}
