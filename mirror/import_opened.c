/* The notice "settings" of a run that opened something: mailboxes, security defaults or policies switched off. */
#include "core/notice/alert.h"
#include "mirror/import_private.h"

static bool defaults_off(const struct import *im)
{
    return im->before->security_defaults == TRI_YES && im->after.security_defaults == TRI_NO;
}

/* It forbade passwords, and now allows them or is gone. */
static bool default_policy_off(const struct import *im)
{
    return im->before->default_basic_smtp == TRI_NO && im->after.default_basic_smtp != TRI_NO;
}

void import_count_opened(struct import *im, const struct merged *item)
{
    im->policies_off += item->had && item->has && item->before.basic_smtp == TRI_NO && item->after.basic_smtp != TRI_NO;
}

void import_opened_facts(const struct import *im, struct alert *alert)
{
    if (defaults_off(im))
        alert_fact(alert, "security_defaults", SLICE("switched off"));
    if (default_policy_off(im))
        alert_fact(alert, "default_policy", SLICE("no longer forbids passwords"));
    if (im->policies_off > 0)
        alert_fact_number(alert, "policies_off", im->policies_off);
    if (im->options->by != NULL)
        alert_fact(alert, "by", slice_of(im->options->by));
}

/* "; " between sentences. */
static void sentence(struct buf *b, const char *text)
{
    buf_addf(b, "%s%s", b->n > 0 ? "; " : "", text);
}

static void add_opened(const struct import *im, struct buf *b)
{
    const struct effect *opened = &im->opened;

    if (opened->mailboxes == 0)
        return;
    buf_addf(b, "%s%llu mailbox%s may send that might not before: ", b->n > 0 ? "; " : "",
             (unsigned long long)opened->mailboxes, opened->mailboxes == 1 ? "" : "es");
    for (size_t i = 0; i < opened->n_first; i++)
        buf_addf(b, "%s%s", i > 0 ? ", " : "", words(slice_of(opened->first[i])).text);
    if (opened->mailboxes > opened->n_first)
        buf_addf(b, " and %llu more", (unsigned long long)(opened->mailboxes - opened->n_first));
}

static void post(const struct import *im, const char *text)
{
    const struct import_options *o = im->options;
    char name[80];
    struct buf subject = BUF_OVER(name);
    struct alert alert;
    struct error e;

    buf_addf(&subject, "%s opened", o->tenant);
    alert = alert_of(ALERT_SETTINGS, o->now, buf_slice(&subject));
    alert_summary(&alert, "%s: %s", im->after.name, text);
    alert_advice(&alert, "Was that meant? What changed: postern log --settings --since 1d");
    alert_fact(&alert, "tenant", slice_of(o->tenant));
    alert_fact_number(&alert, "mailboxes", im->opened.mailboxes);
    import_opened_facts(im, &alert);
    for (size_t i = 0; i < im->opened.n_first; i++) {
        char key[24];
        struct buf k = BUF_OVER(key);

        buf_addf(&k, "mailbox_%zu", i + 1);
        alert_fact(&alert, key, slice_of(im->opened.first[i]));
    }
    if (alert_post(o->config->spool, ALERT_NOTICES, &alert, 0, &e) < 0)
        fprintf(o->out, "warning: no notice of it: %s\n", e.text);
}

/* Of an organization that opened, the other notice tells (mirror/import_effects.c). */
void import_tell_opened(const struct import *im)
{
    const struct import_options *o = im->options;
    char text[480] = "", policies[100];
    struct buf b = BUF_OVER(text);

    if (o->config == NULL || o->config->n_alerts == 0 || o->dry_run || im->waits || im->before == NULL ||
        im->organization == ORGANIZATION_OPENED)
        return;
    if (defaults_off(im))
        sentence(&b, "security defaults were switched off");
    if (default_policy_off(im))
        sentence(&b, "the default authentication policy no longer forbids passwords");
    if (im->policies_off > 0) {
        (void)snprintf(policies, sizeof policies, "the authentication policies of %llu mailboxes no longer forbid them",
                       (unsigned long long)im->policies_off);
        sentence(&b, policies);
    }
    add_opened(im, &b);
    if (b.n > 0)
        post(im, text);
}
