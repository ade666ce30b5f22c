/*
 * What a run changes of the settings that decide about SMTP AUTH, for the history: noted in the walk, written before
 * the generation is published, and counting once it is (core/journal/setting_changes.h).
 */
#include "core/journal/setting_changes.h"
#include "mirror/import_private.h"

#include <stdlib.h>

#define BATCH 5000u /* changes in one transaction: others may write in between */
#define SOURCE_MAX (sizeof(struct quote) + 40)

/* ---- noting ---- */

enum { MAILBOX, SETTING, BEFORE, AFTER, SOURCE, TEXTS };

/* In front of the texts of a change, in the scratch file. */
struct noted {
    uint8_t id[16];
    uint16_t n[TEXTS];
};

#define NOTED_MAX (sizeof(struct noted) + TEXTS * SETTING_TEXT_MAX)

/* Of these kinds of export, the one that this run has; "cas.csv (Get-CASMailbox)". */
static struct slice source_of(const struct import *im, const enum kind kinds[2], char mem[SOURCE_MAX])
{
    struct buf b = buf_over(mem, SOURCE_MAX);

    for (size_t i = 0; i < 2 && kinds[i] != KINDS; i++)
        if (gather_has(im->g, kinds[i])) {
            buf_addf(&b, "%s (%s)", import_source_of_kind(im, kinds[i]), kind_name(kinds[i]));
            break;
        }
    return buf_slice(&b);
}

static int note(struct import *im, const struct mailbox_record *mailbox, const char *setting, const enum kind kinds[2],
                struct slice before, struct slice after, struct error *e)
{
    char mem[NOTED_MAX], source[SOURCE_MAX];
    struct slice texts[TEXTS] = {[SETTING] = slice_of(setting), [BEFORE] = before, [AFTER] = after};
    struct noted head = {.n = {0}};
    struct buf b = BUF_OVER(mem);
    uint64_t at;

    texts[SOURCE] = source_of(im, kinds, source);
    if (mailbox != NULL) {
        texts[MAILBOX] = mailbox->primary;
        memcpy(head.id, mailbox->id.b, sizeof head.id);
    }
    for (size_t i = 0; i < TEXTS; i++)
        head.n[i] = (uint16_t)(texts[i].n < SETTING_TEXT_MAX ? texts[i].n : SETTING_TEXT_MAX);
    buf_add(&b, (struct slice){(const char *)&head, sizeof head});
    for (size_t i = 0; i < TEXTS; i++)
        buf_add(&b, (struct slice){texts[i].p, head.n[i]});
    im->n_changes++;
    return scratch_add(im->changes, buf_slice(&b), &at, e);
}

/* ---- of a mailbox ---- */

#define NONE SLICE("none") /* there is no such mailbox */

static struct slice word_smtp_auth(const struct mailbox_record *r)
{
    return slice_of(smtp_auth_name(r->smtp_auth));
}

static struct slice word_passwords(const struct mailbox_record *r)
{
    return r->basic_smtp == TRI_UNKNOWN ? SLICE("no policy")
           : r->basic_smtp == TRI_NO    ? SLICE("forbidden")
                                        : SLICE("allowed");
}

static struct slice word_restricted(const struct mailbox_record *r)
{
    return is_restricted(r) ? SLICE("yes") : SLICE("no");
}

static struct slice word_account(const struct mailbox_record *r)
{
    return slice_of(import_account_name(r));
}

/* What is kept of a mailbox. A new gate is a row. */
static const struct {
    const char *setting;
    enum kind kinds[2]; /* KINDS first: the one that told of accounts */
    struct slice (*word)(const struct mailbox_record *r);
} mailbox_settings[] = {
    {"smtp-auth", {KIND_CAS_MAILBOX, KIND_LIST}, word_smtp_auth}, /* the first: of one that comes or goes, too */
    {"policy-passwords", {KIND_USER, KIND_AUTHENTICATION_POLICY}, word_passwords},
    {"restricted", {KIND_BLOCKED_SENDER, KINDS}, word_restricted},
    {"account", {KINDS, KINDS}, word_account},
};

int import_history_mailbox(struct import *im, const struct merged *item, struct error *e)
{
    static const enum kind lists[2] = {KIND_CAS_MAILBOX, KIND_MAILBOX};
    const enum kind accounts[2] = {im->g->says_accounts, KINDS};

    /* A new tenant's mailboxes are no change. */
    if (im->before == NULL || im->before->mailboxes == 0 || (!item->has && item->moved))
        return 0;
    if (!item->has)
        return note(im, &item->before, mailbox_settings[0].setting, lists, word_smtp_auth(&item->before), NONE, e);
    if (!item->had)
        return note(im, &item->after, mailbox_settings[0].setting, lists, NONE, word_smtp_auth(&item->after), e);
    for (size_t i = 0; i < sizeof mailbox_settings / sizeof mailbox_settings[0]; i++) {
        struct slice before = mailbox_settings[i].word(&item->before), after = mailbox_settings[i].word(&item->after);
        const enum kind *kinds = mailbox_settings[i].kinds[0] == KINDS ? accounts : mailbox_settings[i].kinds;

        if (!slice_eq(before, after) &&
            note(im, &item->after, mailbox_settings[i].setting, kinds, before, after, e) != 0)
            return -1;
    }
    return 0;
}

/* ---- of the organization ---- */

static struct slice word_organization(const struct tenant_facts *f)
{
    return slice_of(smtp_auth_name(f->smtp_auth));
}

static struct slice word_security_defaults(const struct tenant_facts *f)
{
    return f->security_defaults == TRI_UNKNOWN ? SLICE("unknown")
           : f->security_defaults == TRI_NO    ? SLICE("off")
                                               : SLICE("on");
}

static struct slice word_default_policy(const struct tenant_facts *f)
{
    return f->default_basic_smtp == TRI_UNKNOWN ? SLICE("no policy")
           : f->default_basic_smtp == TRI_NO    ? SLICE("forbidden")
                                                : SLICE("allowed");
}

static const struct {
    const char *setting;
    enum kind kinds[2];
    struct slice (*word)(const struct tenant_facts *f);
} tenant_settings[] = {
    {"organization-smtp-auth", {KIND_TRANSPORT_CONFIG, KIND_LIST}, word_organization},
    {"security-defaults", {KIND_SECURITY_DEFAULTS, KINDS}, word_security_defaults},
    {"default-policy-passwords", {KIND_ORGANIZATION_CONFIG, KINDS}, word_default_policy},
};

int import_history_tenant(struct import *im, struct error *e)
{
    static const struct tenant_facts nothing;
    const struct tenant_facts *a = im->before != NULL ? im->before : &nothing;

    for (size_t i = 0; i < sizeof tenant_settings / sizeof tenant_settings[0]; i++) {
        struct slice before = tenant_settings[i].word(a), after = tenant_settings[i].word(&im->after);

        if (!slice_eq(before, after) &&
            note(im, NULL, tenant_settings[i].setting, tenant_settings[i].kinds, before, after, e) != 0)
            return -1;
    }
    return 0;
}

/* ---- writing ---- */

/* The next change of the scratch file. */
static int take_noted(struct import *im, uint64_t *at, char mem[NOTED_MAX], struct setting_change *out, struct error *e)
{
    struct slice texts[TEXTS];
    struct noted head;
    size_t n = 0;

    if (scratch_get(im->changes, *at, &head, sizeof head, e) != 0)
        return -1;
    for (size_t i = 0; i < TEXTS; n += head.n[i++])
        texts[i] = (struct slice){mem + n, head.n[i]};
    if (scratch_get(im->changes, *at + sizeof head, mem, n, e) != 0)
        return -1;
    *at += sizeof head + n;
    *out = (struct setting_change){.mailbox = texts[MAILBOX],
                                   .setting = texts[SETTING],
                                   .before = texts[BEFORE],
                                   .after = texts[AFTER],
                                   .source = texts[SOURCE]};
    memcpy(out->id, head.id, sizeof out->id);
    return 0;
}

static int write_changes(struct import *im, struct error *e)
{
    char mem[NOTED_MAX];
    struct setting_change change;
    uint64_t at = 0;

    for (uint64_t i = 0; i < im->n_changes; i++) {
        if (i % BATCH == 0 && ((i > 0 && history_commit(im->history, e) != 0) || history_begin(im->history, e) != 0))
            return -1;
        if (take_noted(im, &at, mem, &change, e) != 0 ||
            setting_change_add(im->history, im->history_run, i, &change, e) != 0)
            return -1;
    }
    return history_commit(im->history, e);
}

static int open_and_write(struct import *im, struct error *e)
{
    const struct import_options *o = im->options;
    struct setting_run run = {.seen_s = o->now,
                              .tenant = slice_of(o->tenant),
                              .how = o->pulled         ? SLICE("pull")
                                     : o->feed == NULL ? SLICE("import")
                                     : o->by == NULL   ? SLICE("sync")
                                                       : SLICE("set"),
                              .by = slice_of(o->by)};
    struct error notice = {.text = ""};

    if (history_open(o->directory, true, &im->history, &notice, e) != 0)
        return -1;
    if (notice.text[0] != '\0')
        fprintf(o->out, "warning: %s\n", notice.text);
    return setting_run_begin(im->history, &run, writer_generation_now(im->w), writer_generation_next(im->w),
                             &im->history_run, e) != 0 ||
                   write_changes(im, e) != 0
               ? -1
               : 0;
}

void import_history_end(struct import *im, bool finished)
{
    struct error e;

    if (im->history == NULL)
        return;
    /* If that fails, the generation's number says the same to readers, and the next writer puts it right. */
    (void)setting_run_end(im->history, im->history_run, finished && im->summary.published, im->options->now, &e);
    history_close(im->history);
    im->history = NULL;
}

void import_history_write(struct import *im)
{
    if (im->n_changes > 0 && open_and_write(im, &im->history_trouble) != 0)
        import_history_end(im, false);
}
