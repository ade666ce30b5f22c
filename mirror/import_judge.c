/*
 * Whether a run may go ahead: what it would change is counted mailbox by mailbox, and judged before anything is
 * published.
 */
#include "mirror/import_private.h"

/* In a small tenant a few mailboxes are a large share. This many may change in any case, but never more than half. */
#define JUDGE_FEW 5

static bool domain_was_here(const struct import *im, struct slice domain)
{
    struct domain_fact fact;

    return directory_domain(writer_before(im->w), domain, &fact) == DIRECTORY_FOUND &&
           fact.tenant == im->before->tenant;
}

static bool is_own(const struct mailbox_record *record)
{
    return record->smtp_auth == SMTP_AUTH_ENABLED || record->smtp_auth == SMTP_AUTH_DISABLED;
}

/* Is its domain one that this run removes from the tenant's accepted domains? */
static bool domain_goes(const struct import *im, struct slice primary)
{
    struct slice domain;

    if (!gather_has(im->g, KIND_ACCEPTED_DOMAIN))
        return false;
    slice_cut(primary, '@', NULL, &domain);
    return !import_lists_domain(im, domain) &&
           directory_accepts(writer_before(im->w), im->before->tenant, domain) == DIRECTORY_FOUND;
}

static void count_changes(struct import *im, const struct merged *item)
{
    struct judgement *j = &im->judgement;
    bool opened = settings_let(im->before, &item->before, true) == TRI_NO &&
                  settings_let(&im->after, &item->after, true) == TRI_YES;
    bool lost = is_own(&item->before) && !is_own(&item->after);

    j->own += is_own(&item->before);
    j->opened += opened;
    j->lost += lost;
    j->touched += opened || lost || domain_goes(im, item->before.primary);
}

/* This many new mailboxes are looked up in other tenants. In a run under the wrong tenant's name all are new. */
#define JUDGE_LOOK_UPS 1000

static bool is_primary_there(const struct directory_view *view, uint32_t tenant, struct slice primary)
{
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    unsigned n = 0;

    if (directory_by_address(view, tenant, primary, refs, &n) != DIRECTORY_FOUND)
        return false;
    for (unsigned i = 0; i < n; i++)
        if ((refs[i].identity & IDENTITY_PRIMARY) != 0)
            return true;
    return false;
}

/* Looks for another tenant that has the mailbox, which is new to this one. */
static void look_for_owner(struct import *im, const struct mailbox_record *record)
{
    const struct directory_view *view = writer_before(im->w);
    struct judgement *j = &im->judgement;
    struct mailbox_record there;

    if (view == NULL || j->owner != NULL || j->looked_up == JUDGE_LOOK_UPS)
        return;
    j->looked_up++;
    for (uint32_t i = 0; i < directory_tenants(view); i++) {
        if (im->before != NULL && im->before->tenant == i)
            continue;
        if (directory_mailbox(view, i, &record->id, &there) == DIRECTORY_FOUND ||
            is_primary_there(view, i, record->primary)) {
            j->owner = directory_tenant(view, i);
            return;
        }
    }
}

void import_count(struct import *im, const struct merged *item)
{
    struct judgement *j = &im->judgement;
    struct slice domain;

    j->listed += item->has;
    if (item->has && !item->had)
        look_for_owner(im, &item->after);
    if (im->before == NULL)
        return;
    j->stored += item->had && !item->moved;
    if (!item->has) {
        j->stored += item->moved;
        j->dropped += !item->moved;
        j->touched += !item->moved;
        return;
    }
    if (item->had) {
        j->common = j->common || gather_lists_mailboxes(im->g);
        count_changes(im, item);
    } else if (!j->common) { /* new mailboxes come only from exports of mailboxes */
        slice_cut(item->after.primary, '@', NULL, &domain);
        j->common = domain_was_here(im, domain);
    }
}

/* Another tenant with the organization's GUID or one of its accepted domains; NULL: none. */
static const struct tenant_facts *owner_of_facts(const struct import *im)
{
    const struct directory_view *view = writer_before(im->w);
    struct domain_fact fact;

    for (uint32_t i = 0; view != NULL && i < directory_tenants(view); i++)
        if (directory_tenant(view, i) != NULL && (im->before == NULL || im->before->tenant != i) &&
            im->g->organization[0] != '\0' && strcmp(directory_tenant(view, i)->organization, im->g->organization) == 0)
            return directory_tenant(view, i);
    for (size_t i = 0; view != NULL && i < im->g->n_domains; i++)
        if (directory_domain(view, slice_of(im->g->domains[i].name), &fact) == DIRECTORY_FOUND &&
            fact.type != DOMAIN_DERIVED && (im->before == NULL || fact.tenant != im->before->tenant))
            return directory_tenant(view, fact.tenant);
    return NULL;
}

static int check_owner(struct import *im, struct error *e)
{
    const struct tenant_facts *owner = owner_of_facts(im);

    owner = owner != NULL ? owner : im->judgement.owner;
    if (owner == NULL)
        return 0;
    return import_refuse(
        im, e,
        "these files are of the tenant \"%s\" of the directory, which has their organization, an accepted "
        "domain or mailboxes of theirs; is --tenant %s a mistake? --force takes them for another tenant "
        "all the same",
        owner->name, im->options->tenant);
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

static int check_other_tenants(struct import *im, struct error *e)
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

    if (im->g->nothing_own && j->own > 0 &&
        import_refuse(
            im, e,
            "no mailbox of the files has a setting of its own, but %llu of %s had one: a selected column that "
            "the cmdlet did not return looks like that (Get-EXOCasMailbox returns it only with -Properties "
            "SmtpClientAuthenticationDisabled; Get-Mailbox has none); --force accepts it",
            (unsigned long long)j->own, im->options->tenant) != 0)
        return -1;
    if (j->touched <= allowed)
        return import_check_closing(im, allowed, e);
    return import_refuse(
        im, e,
        "of the %llu mailboxes of %s this run would drop %llu, let %llu send that may not, take its own setting from "
        "%llu, and touch %llu in all; more than %llu (--max-change %u) are refused, since a cut-off or empty export "
        "looks like that; --force accepts it",
        (unsigned long long)j->stored, im->options->tenant, (unsigned long long)j->dropped,
        (unsigned long long)j->opened, (unsigned long long)j->lost, (unsigned long long)j->touched,
        (unsigned long long)allowed, im->options->max_change);
}

int import_judge(struct import *im, struct error *e)
{
    if (check_owner(im, e) != 0)
        return -1;
    if (im->before == NULL || im->judgement.stored == 0)
        return 0;
    return check_other_tenants(im, e) != 0 ? -1 : check_change(im, e);
}
