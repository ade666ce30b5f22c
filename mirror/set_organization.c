/* "postern-mirror set --organization": the switch that all mailboxes without a setting of their own follow. */
#include "core/base/clock.h"
#include "mirror/confirm.h"
#include "mirror/effects.h"
#include "mirror/recent.h"
#include "mirror/set_private.h"
#include "mirror/words.h"

#define NAMED 10 /* of those who sent, and of the others */

/* Who would lose or gain SMTP AUTH. */
struct look {
    const struct tenant_facts *facts; /* NULL: the directory has nothing of the tenant */
    struct effect effect;
    struct buf others; /* the first of those who did not send lately, or of whom that is not known */
    unsigned others_n;
    char text[NAMED * (ADDRESS_OF_NAME_MAX + 40)];
    bool senders_known;
    bool cloud_known;       /* so is use at Exchange Online itself */
    struct error not_known; /* why the senders are not */
    char missing[300];      /* the relays whose senders are not known; "": none */
};

/* By Exchange Online's own rules, with a password or with OAuth. What this relay does is reported when it is published.
 */
static bool turns(const struct tenant_facts *now, const struct tenant_facts *then, const struct mailbox_record *record)
{
    return settings_let(now, record, true) != settings_let(then, record, true) ||
           settings_let(now, record, false) != settings_let(then, record, false);
}

static void count(struct look *look, const struct recent *recent, const struct mailbox_record *record)
{
    struct recent_use use = {.last_s = 0};
    bool sent = recent != NULL && recent_find(recent, record->primary, &use);

    effect_add(&look->effect, record->primary, sent ? use.last_s : 0);
    if (sent || look->others_n == NAMED)
        return;
    buf_addf(&look->others, "%s%s", look->others_n > 0 ? ", " : "", words(record->primary).text);
    look->others_n++;
}

static int look_around(struct set_run *run, size_t tenant, enum writeback before, struct look *look, struct error *e)
{
    const struct tenant_config *config = &run->o->config->tenants[tenant];
    struct tenant_facts now, then;
    struct mailbox_record record;
    struct recent *recent = NULL;
    struct mailbox_id last;
    enum directory_result result;
    struct error ignored;

    look->others = BUF_OVER(look->text);
    look->facts = run->view != NULL ? directory_tenant_named(run->view, slice_of(config->name)) : NULL;
    if (look->facts == NULL)
        return 0;
    now = then = *look->facts;
    now.smtp_auth = before == WRITEBACK_DISABLE ? SMTP_AUTH_DISABLED : SMTP_AUTH_ENABLED;
    then.smtp_auth = run->o->value == WRITEBACK_DISABLE ? SMTP_AUTH_DISABLED : SMTP_AUTH_ENABLED;
    look->senders_known =
        recent_open(run->o->config, slice_of(config->name), clock_wall_s(), &recent, &look->not_known) == 0;
    look->cloud_known = recent != NULL && recent_add_cloud(recent, run->o->directory, slice_of(config->name),
                                                           clock_wall_s(), &ignored) == 1;
    result = directory_next_mailbox(run->view, look->facts->tenant, NULL, &record);
    while (result == DIRECTORY_FOUND) {
        if (turns(&now, &then, &record))
            count(look, recent, &record);
        last = record.id;
        result = directory_next_mailbox(run->view, look->facts->tenant, &last, &record);
    }
    if (recent != NULL)
        (void)snprintf(look->missing, sizeof look->missing, "%s", recent_missing(recent));
    recent_close(recent);
    return result == DIRECTORY_DAMAGED ? error_set(e, "the directory is damaged; run \"postern-mirror verify\"") : 0;
}

static void say(const struct set_run *run, const struct tenant_config *tenant, enum writeback before,
                const struct look *look)
{
    const struct effect *effect = &look->effect;
    uint64_t others = effect->mailboxes - effect->senders;
    FILE *out = run->o->out;
    const char *cloud = look->cloud_known ? " or to Exchange Online itself" : "";
    const char *relays = run->o->config->cluster.configured ? "the relays" : "this relay";
    char names[NAMED * 400 + 100];
    struct buf b = BUF_OVER(names);

    fprintf(out, "%s: SMTP AUTH of the organization %s → %s, in Exchange Online itself\n", tenant->name,
            writeback_word(before), writeback_word(run->o->value));
    if (look->facts == NULL) {
        fprintf(out,
                "%s: the directory has no data of this tenant, so it is not known who would lose or gain SMTP AUTH\n",
                tenant->name);
        return;
    }
    fprintf(out, "%s: %llu mailboxes of the directory would %s\n", tenant->name, (unsigned long long)effect->mailboxes,
            run->o->value == WRITEBACK_DISABLE ? "lose SMTP AUTH" : "gain SMTP AUTH");
    effect_names(effect, NAMED, &b);
    if (!look->senders_known)
        fprintf(out, "%s: who of them sent lately is not known: %s\n", tenant->name, look->not_known.text);
    else if (effect->senders > 0)
        fprintf(out, "%s: %llu of them sent through %s%s in the last %d days: %s\n", tenant->name,
                (unsigned long long)effect->senders, relays, cloud, RECENT_DAYS, names);
    else if (effect->mailboxes > 0)
        fprintf(out, "%s: none of them sent through %s%s in the last %d days\n", tenant->name, relays, cloud,
                RECENT_DAYS);
    if (look->senders_known && look->missing[0] != '\0')
        fprintf(out, "%s: but not all who sent are known: %s\n", tenant->name, look->missing);
    if (look->senders_known && !look->cloud_known && effect->mailboxes > 0)
        fprintf(out, "%s: who of them submits to Exchange Online itself is not known (exchange.sign_ins)\n",
                tenant->name);
    b = BUF_OVER(names);
    if (others > look->others_n)
        buf_addf(&b, " and %llu more", (unsigned long long)(others - look->others_n));
    if (others > 0)
        fprintf(out, "%s: %s: %s%s\n", tenant->name, effect->senders > 0 ? "the others" : "they are", look->text,
                names);
    if (tenant->smtp_auth != TENANT_MIRRORED)
        fprintf(out, "%s: this relay itself keeps to tenants.smtp_auth\n", tenant->name);
}

/* SET_DONE: go on; else e says why not. */
static enum set_result permit(const struct set_run *run, const struct look *look, struct error *e)
{
    const struct set_options *o = run->o;

    if (o->yes && look->facts == NULL && !o->force) {
        (void)error_set(e, "refused, and nothing was set: it is not known who would lose or gain SMTP AUTH; run "
                           "\"postern-mirror sync\" first, or --force sets it all the same");
        return SET_REFUSED;
    }
    return o->yes || confirm(o->in, o->out, e) == 0 ? SET_DONE : SET_FAILED;
}

static enum set_result set_it(struct set_run *run, size_t tenant, enum writeback before, struct error *e)
{
    const struct set_options *o = run->o;
    const struct tenant_config *config = &o->config->tenants[tenant];
    struct exchange *x = set_session(run, tenant, e); /* its deadline anew, behind the question */
    enum exchange_result result = x != NULL ? writeback_set_organization(x, o->value, e) : EXCHANGE_FAILED;
    struct error why;

    set_note(o, config, "organization", slice_of(config->name), before, result == EXCHANGE_OK ? "done" : "failed");
    if (result != EXCHANGE_OK)
        return SET_FAILED;
    if (o->directory != NULL && set_publish_organization(o, tenant, &why) != 0) {
        (void)error_set(e, "the organization was set, but the directory could not be written: %s", why.text);
        return SET_PARTLY;
    }
    fprintf(o->out, "done; Exchange Online may take up to an hour to apply it, and the relay applies it now\n");
    return SET_DONE;
}

static enum set_result run_organization(struct set_run *run, struct error *e)
{
    struct look look = {.facts = NULL};
    enum writeback before;
    enum set_result result;
    struct exchange *x;
    size_t tenant;

    if (set_only_tenant(run->o, &tenant, e) != 0 || (x = set_session(run, tenant, e)) == NULL ||
        writeback_find_organization(x, &before, e) != EXCHANGE_OK || set_open_directory(run, e) != 0)
        return SET_FAILED;
    if (before == run->o->value) {
        fprintf(run->o->out, "%s: SMTP AUTH of the organization is %s already; nothing to do\n",
                run->o->config->tenants[tenant].name, writeback_word(before));
        return SET_DONE;
    }
    if (look_around(run, tenant, before, &look, e) != 0)
        return SET_FAILED;
    say(run, &run->o->config->tenants[tenant], before, &look);
    if (run->o->dry_run) {
        fprintf(run->o->out, "nothing was set (--dry-run)\n");
        return SET_DONE;
    }
    result = permit(run, &look, e);
    return result == SET_DONE ? set_it(run, tenant, before, e) : result;
}

enum set_result set_organization(const struct set_options *o, struct error *e)
{
    struct set_run run = {.o = o, .progress = progress_begin(o->log)};
    enum set_result result = run_organization(&run, e);

    set_close(&run);
    return result;
}
