/* What a run opens and closes at this relay: counted during the walk, reported at the end. */
#include "core/notice/alert.h"
#include "mirror/import_private.h"

#define WAITING_EPISODE_S 21600u /* at most one notice of a waiting change in this time */
#define NAMED_IN_REFUSAL 3       /* an error has less room than a log */
#define NAMED_IN_NOTICE 6

struct relay_rules import_rules(const struct import *im)
{
    const struct config *config = im->options->config;

    return (struct relay_rules){config, config != NULL ? config_tenant(config, slice_of(im->options->tenant)) : NULL};
}

/* What changes for one mailbox: shut out, let in, or neither; with a password, and with OAuth. */
struct turn {
    bool closed, opened;
    bool passwords;  /* only for those */
    bool restricted; /* by Exchange Online's list of restricted senders, newly */
};

/* A mailbox that goes: its login becomes unlisted. Unless unlisted logins are refused, that can't be judged here. */
static enum tri after_going(const struct import *im, const struct merged *item)
{
    const struct config *config = im->options->config;

    return item->moved || (config != NULL && config->smtp_auth.unlisted != UNLISTED_REJECT) ? TRI_UNKNOWN : TRI_NO;
}

static struct turn turn_of(const struct import *im, const struct merged *item)
{
    struct turn turn = {false, false, true, false};

    if (!item->had)
        return turn;
    for (unsigned password = 0; password < 2; password++) {
        enum tri before = relay_lets(&im->rules, im->before, &item->before, password == 1);
        enum tri after =
            item->has ? relay_lets(&im->rules, &im->after, &item->after, password == 1) : after_going(im, item);

        if ((before == TRI_YES && after == TRI_NO) || (before == TRI_NO && after == TRI_YES)) {
            turn.closed = after == TRI_NO;
            turn.opened = after == TRI_YES;
            turn.passwords = turn.passwords && password == 1;
        }
    }
    turn.restricted = turn.closed && item->has && is_restricted(&item->after) && !is_restricted(&item->before);
    return turn;
}

enum organization_turn import_organization_turn(const struct import *im)
{
    enum tri before = im->before != NULL ? organization_lets(im->before) : TRI_UNKNOWN;
    enum tri after = organization_lets(&im->after);

    return before == TRI_YES && after == TRI_NO   ? ORGANIZATION_CLOSED
           : before == TRI_NO && after == TRI_YES ? ORGANIZATION_OPENED
                                                  : ORGANIZATION_AS_BEFORE;
}

/* Reads the journal at the first mailbox that is shut out or let in: that takes a while, and most runs have none. */
static void ask_journal(struct import *im)
{
    if (im->recent_asked)
        return;
    im->recent_asked = true;
    (void)recent_open(im->options->config, slice_of(im->options->tenant), im->options->now, &im->recent,
                      &im->not_known);
    im->senders_known = im->recent != NULL;
}

static void name_one(struct import *im, const struct merged *item, struct turn turn)
{
    struct effect *effect = turn.closed ? &im->closed : &im->opened;
    struct recent_use use = {0, false};

    ask_journal(im);
    if (im->recent == NULL ||
        (!recent_find(im->recent, item->before.primary, &use) &&
         !(item->has && recent_find(im->recent, item->after.primary, &use))) ||
        (turn.passwords && !use.password))
        use.last_s = 0;
    effect_add(effect, item->before.primary, use.last_s);
    effect->restricted += turn.restricted;
}

void import_count_effects(struct import *im, const struct merged *item)
{
    struct turn turn = turn_of(im, item);

    if (im->before == NULL || (!turn.closed && !turn.opened))
        return;
    im->judgement.closed += turn.closed;
    im->judgement.turned++;
    name_one(im, item, turn);
}

/* Who sent is known of some relays only. */
static bool is_part(const struct import *im)
{
    return im->recent != NULL && recent_missing(im->recent)[0] != '\0';
}

/* "; of those that sent in the last 30 days, they are 3: a (last ...), b ... and 1 more" */
static void add_senders(const struct import *im, const struct effect *effect, size_t names, struct buf *b)
{
    if (!im->senders_known) {
        buf_addf(b, "; which of them sent lately is not known: %.200s", im->not_known.text);
        return;
    }
    buf_addf(b, "; %llu of them sent in the last %d days%s", (unsigned long long)effect->senders, RECENT_DAYS,
             effect->senders > 0 ? ": " : "");
    effect_names(effect, names, b);
    if (is_part(im))
        buf_addf(b, " (but %s)", recent_missing(im->recent));
}

int import_check_closing(struct import *im, uint64_t allowed, struct error *e)
{
    const struct judgement *j = &im->judgement;
    char text[NAMED_IN_REFUSAL * sizeof(struct quote) + 700];
    struct buf b = BUF_OVER(text);

    if (im->options->config == NULL || im->options->config->mirror_closing != CLOSING_WAITS || j->closed <= allowed)
        return 0;
    add_senders(im, &im->closed, NAMED_IN_REFUSAL, &b);
    if (import_refuse(
            im, e,
            "Exchange Online disabled, restricted or removed %llu of the %llu mailboxes of %s, more than %llu "
            "(--max-change %u), and mirror.closing is \"wait\": --force applies it%s",
            (unsigned long long)j->closed, (unsigned long long)j->stored, im->options->tenant,
            (unsigned long long)allowed, im->options->max_change, text) == 0)
        return 0;
    im->waits = true;
    return -1;
}

/* Qualifies "are refused" where monitor mode lets them through. */
static const char *monitor_note(const struct import *im, const struct effect *effect)
{
    if (relay_only_monitors(&im->rules, true))
        return " (mode \"monitor\": it is only noted)";
    if (!relay_only_monitors(&im->rules, false) || effect->restricted == effect->mailboxes)
        return "";
    return effect->restricted > 0 ? " (smtp_auth.mode \"monitor\": but for the restricted ones it is only noted)"
                                  : " (smtp_auth.mode \"monitor\": it is only noted)";
}

static void report_effect(const struct import *im, const struct effect *effect, const char *what)
{
    char text[EFFECT_NAMED * 400 + 700];
    struct buf b = BUF_OVER(text);

    if (effect->mailboxes == 0)
        return;
    add_senders(im, effect, EFFECT_NAMED, &b);
    fprintf(im->options->out, "notice: %s: %llu mailboxes %s%s%s\n", im->after.name,
            (unsigned long long)effect->mailboxes, what, monitor_note(im, effect), text);
}

void import_report_effects(const struct import *im)
{
    bool dry = im->options->dry_run;

    report_effect(im, &im->closed, dry ? "would be refused now" : "are refused from now on");
    /* Nobody complains about being let in: only a whole organization is worth a line. */
    if (im->organization == ORGANIZATION_OPENED)
        report_effect(im, &im->opened, dry ? "could send now" : "may send from now on");
}

/* ---- the notice ---- */

static void alert_senders(const struct import *im, const struct effect *effect, struct alert *alert)
{
    if (!im->senders_known && im->judgement.turned > 0) {
        alert_fact(alert, "senders", SLICE("not known"));
        return;
    }
    alert_fact_number(alert, "senders", effect->senders);
    if (is_part(im))
        alert_fact(alert, "senders_missing", slice_of(recent_missing(im->recent)));
    for (size_t i = 0; i < effect->n_named && i < NAMED_IN_NOTICE; i++) {
        char key[24];
        struct buf k = BUF_OVER(key);

        buf_addf(&k, "sender_%zu", i + 1);
        alert_fact(alert, key, slice_of(effect->named[i].address));
    }
}

static void alert_texts(const struct import *im, bool opened, struct alert *alert)
{
    const struct effect *effect = opened ? &im->opened : &im->closed;
    const char *what = im->organization == ORGANIZATION_AS_BEFORE
                           ? effect->restricted == effect->mailboxes
                                 ? "Exchange Online restricted mailboxes for the mail that they sent"
                             : effect->restricted > 0 ? "Exchange Online disabled or restricted mailboxes"
                                                      : "Exchange Online disabled mailboxes, or has them no longer"
                       : opened ? "Exchange Online opened SMTP AUTH for the organization"
                                : "Exchange Online closed SMTP AUTH for the organization";

    alert_summary(alert, "%s: %s; %llu %s%s, %llu that sent in the last %d days among them", im->after.name, what,
                  (unsigned long long)effect->mailboxes,
                  im->waits ? "would be refused, but this waits (mirror.closing)"
                  : opened  ? "may send from now on"
                            : "are refused from now on",
                  monitor_note(im, effect), (unsigned long long)effect->senders, RECENT_DAYS);
    alert_advice(alert, "%s",
                 im->waits ? "If it is meant for this relay too: postern-mirror sync --force"
                 : opened  ? "Was that meant? Who may send: postern report inherited, postern report enabled"
                 : effect->restricted == effect->mailboxes && effect->restricted > 0
                     ? "Secure these accounts, then remove them from \"Restricted entities\" "
                       "(Remove-BlockedSenderAddress); all that were refused: postern report refused"
                     : "Was that meant? All that were refused: postern report refused. To let one go on: "
                       "Set-CASMailbox -SmtpClientAuthenticationDisabled $false; to accept them at this relay "
                       "alone: tenants.smtp_auth, smtp_auth.allow_file");
}

void import_tell_effects(const struct import *im)
{
    const struct import_options *o = im->options;
    bool opened = im->organization == ORGANIZATION_OPENED;
    const struct effect *effect = opened ? &im->opened : &im->closed;
    char text[80];
    struct buf subject = BUF_OVER(text);
    struct alert alert;
    struct error e;

    if (o->config == NULL || o->config->n_alerts == 0 || o->dry_run || im->before == NULL ||
        (im->organization == ORGANIZATION_AS_BEFORE && !im->waits &&
         (im->closed.mailboxes == 0 || (im->senders_known && !is_part(im) && im->closed.senders == 0))))
        return;
    buf_addf(&subject, "%s%s", o->tenant, im->waits ? " waits" : "");
    alert = alert_of(ALERT_SETTINGS, o->now, buf_slice(&subject));
    alert_texts(im, opened, &alert);
    alert_fact(&alert, "tenant", slice_of(o->tenant));
    alert_fact(&alert, "before", slice_of(smtp_auth_name(im->before->smtp_auth)));
    alert_fact(&alert, "after", slice_of(smtp_auth_name(im->after.smtp_auth)));
    alert_fact_number(&alert, "mailboxes", effect->mailboxes);
    if (effect->restricted > 0)
        alert_fact_number(&alert, "restricted", effect->restricted);
    if (opened)
        import_opened_facts(im, &alert);
    alert_senders(im, effect, &alert);
    if (alert_post(o->config->spool, ALERT_NOTICES, &alert, im->waits ? WAITING_EPISODE_S : 0, &e) < 0)
        fprintf(o->out, "warning: no notice of it: %s\n", e.text);
}
