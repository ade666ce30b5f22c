/* The lines of the trace, for "postern explain": each step of the decision, and where its setting comes from. */
#include "core/base/clock.h"
#include "core/decide/blocked.h"
#include "core/decide/decide_steps.h"
#include "core/decide/habit.h"
#include "core/decide/keys.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_TRACE 1536
#define SHOWN_MAX 200 /* bytes of one foreign text */

void trace_line(struct trace *trace, const char *format, ...)
{
    char line[LINE_MAX_TRACE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    buf_add(trace->out, slice_of(line));
    buf_add_char(trace->out, '\n');
}

/* Rounded up for people: "2h5m", not "2h5m13s"; in days beyond the bound for durations. */
static void add_span(struct buf *b, uint64_t ns)
{
    uint64_t s = ns / NS_PER_S + (ns % NS_PER_S != 0 ? 1 : 0);
    uint64_t step = s > 2 * 86400 ? 3600 : s > 2 * 3600 ? 60 : 1;

    s = (s + step - 1) / step * step;
    if (s > DURATION_MAX_S)
        buf_addf(b, "%llud", (unsigned long long)(s / 86400));
    else
        duration_add(b, s);
}

/* ---- who ---- */

/*
 * ", as mirrored (from exchange-online, as of 2h ago)": what Exchange Online itself says by now, or in a way that no
 * cmdlet shows, may be something else. Each part has its own source and age; those of an older directory have one.
 */
static void add_source(const struct deciding *d, enum mirrored_part part, struct buf *b)
{
    const struct tenant_facts *tenant = d->v->identity.tenant;
    const struct mirrored *mirrored;
    int64_t at, age;

    if (tenant == NULL)
        return;
    mirrored = &tenant->parts[part];
    at = mirrored->at > 0 ? mirrored->at : tenant->settings_at;
    age = d->c->wall_s - at;
    buf_add(b, SLICE(", as mirrored (from "));
    buf_add_escaped(b, slice_of(mirrored->at > 0 ? mirrored->source : tenant->source), SHOWN_MAX);
    if (at > 0) {
        buf_add(b, SLICE(", as of "));
        add_span(b, age > 0 ? (uint64_t)age * NS_PER_S : 0);
        buf_add(b, SLICE(" ago"));
    }
    buf_add_char(b, ')');
}

static void add_mailbox(const struct deciding *d, struct buf *b, const struct mailbox_ref *claim)
{
    static const struct {
        unsigned bit;
        const char *name;
    } kinds[] = {{IDENTITY_PRIMARY, "primary address"},
                 {IDENTITY_PROXY, "proxy address"},
                 {IDENTITY_UPN, "user principal name"},
                 {IDENTITY_ALIAS, "alias"},
                 {IDENTITY_ACCOUNT, "account name"}};
    const char *between = ", found by its ";
    struct address primary;

    buf_add(b, SLICE("mailbox "));
    if (directory_primary(d->c->view, claim->tenant, &claim->id, &primary) == DIRECTORY_FOUND)
        buf_add_escaped(b, address_slice(&primary), SHOWN_MAX);
    else
        buf_add_char(b, '?');
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((claim->identity & kinds[i].bit) != 0) {
            buf_addf(b, "%s%s", between, kinds[i].name);
            between = " and ";
        }
}

/* What else the login's address is: something that nobody signs in as here. */
static void add_recipient(const struct deciding *d, struct buf *b)
{
    static const char high_volume[] = "an account for High Volume Email, which signs in at smtp.hve.mx.microsoft, "
                                      "whatever the settings of SMTP AUTH are, and here by smtp_auth.allow_file alone";
    static const char *const words[RECIPIENT_TYPES] = {
        [RECIPIENT_GROUP] = "a group",
        [RECIPIENT_MAIL_USER] = "a mail user, whose mailbox is elsewhere (on premises: smtp_auth.on_premises_file)",
        [RECIPIENT_HIGH_VOLUME] = high_volume,
    };
    const struct identity *id = &d->v->identity;
    struct mailbox_ref refs[DIRECTORY_CLAIMS_MAX];
    unsigned n = 0;

    if (id->address.n > 0 &&
        directory_recipients(d->c->view, id->tenant->tenant, address_slice(&id->address), refs, &n) ==
            DIRECTORY_FOUND &&
        words[refs[0].recipient_type] != NULL)
        buf_addf(b, "; it is %s", words[refs[0].recipient_type]);
}

void trace_who(const struct deciding *d, const struct list_place *mapped)
{
    const struct identity *id = &d->v->identity;
    char text[LINE_MAX_TRACE];
    struct buf b = BUF_OVER(text);

    if (d->trace == NULL)
        return;
    if (id->mapped) {
        buf_add(&b, SLICE("mapped to "));
        buf_add_escaped(&b, address_slice(&id->address), SHOWN_MAX);
        buf_addf(&b, " by %s:%u; ", mapped->path, mapped->line);
    }
    buf_addf(&b, "tenant %s", id->tenant != NULL ? id->tenant->name : "unknown");
    if (id->completed) {
        buf_add(&b, SLICE(", nobody's alias or account name, so "));
        buf_add_escaped(&b, address_slice(&id->address), SHOWN_MAX);
    }
    for (unsigned i = 0; i < id->n_claims; i++) {
        buf_add(&b, i == 0 ? SLICE(", ") : SLICE("; also "));
        add_mailbox(d, &b, &id->claims[i]);
    }
    if (id->n_claims > 1)
        buf_add(&b, SLICE("; the stricter verdict holds"));
    if (id->n_claims == 0 && id->tenant != NULL) {
        buf_add(&b, SLICE(", which has no mailbox of that name"));
        add_recipient(d, &b);
    }
    if (id->on_premises)
        buf_add(&b, SLICE("; on premises"));
    trace_add(d->trace, "who: %s", text);
}

/* ---- blocks ---- */

void trace_blocks(const struct deciding *d)
{
    struct block block;

    if (d->trace == NULL)
        return;
    for (uint32_t at = 0; blocks_next(d->c->blocks, &at, d->c->now_ns, &block);) {
        char text[80];
        struct buf b = BUF_OVER(text);

        if (!key_blocks(d->c, d->s, &d->v->identity, &block))
            continue;
        if (block.until_ns == BLOCK_FOREVER) {
            buf_add(&b, SLICE("until it is lifted"));
        } else {
            buf_add(&b, SLICE("for another "));
            add_span(&b, block.until_ns - d->c->now_ns);
        }
        trace_add(d->trace, "blocked: %s, by %s (%s), %s", block.subject, block.limit, block.reason, text);
    }
}

/* ---- networks ---- */

#define NETWORKS_SHOWN 16u

void trace_logins_from(const struct deciding *d, const struct logins_from *row, bool here)
{
    static const char *const whose[] = {[WHOSE_USER] = "user", [WHOSE_GROUP] = "group", [WHOSE_DOMAIN] = "domain"};
    char text[LINE_MAX_TRACE], name[SHOWN_MAX * 4 + 8], net[NETWORK_TEXT_MAX];
    struct buf b = BUF_OVER(text), shown = BUF_OVER(name);

    if (d->trace == NULL)
        return;
    buf_add_escaped(&shown, slice_of(row->name), SHOWN_MAX);
    for (size_t i = 0; i < row->n_networks && i < NETWORKS_SHOWN; i++) {
        buf_add(&b, i > 0 ? SLICE(", ") : SLICE(""));
        buf_add(&b, network_text(&row->networks[i], net));
    }
    if (row->n_networks > NETWORKS_SHOWN)
        buf_addf(&b, " and %zu more", row->n_networks - NETWORKS_SHOWN);
    trace_add(d->trace, "network: only %s by logins_from, %s %s; the client %s", b.n > 0 ? text : "none",
              whose[row->whose], name,
              here               ? "is there"
              : d->s->has_client ? "is elsewhere"
                                 : "has no known address");
}

/* ---- settings ---- */

void trace_list(const struct deciding *d, const char *text, const struct list_place *place)
{
    const struct cluster_config *cluster = &d->c->config->cluster;
    struct slice path = slice_of(place->path);
    bool shared = cluster->configured && slice_starts_with(path, slice_of(cluster->folder));

    trace_add(d->trace, "%s by %s:%u%s", text, place->path, place->line,
              shared ? ", which all relays of the cluster share" : "");
}

void trace_on_premises(const struct deciding *d)
{
    struct list_place place;

    if (d->trace != NULL && identity_listed(d->c, d->s, &d->v->identity, d->c->config->smtp_auth.on_premises,
                                            LISTED_TO_PERMIT, &place) == DIRECTORY_FOUND)
        trace_list(d, "SMTP AUTH: allowed, on premises", &place);
}

static const char *setting_name(enum smtp_auth setting)
{
    static const char *const names[] = {[SMTP_AUTH_UNKNOWN] = "was never mirrored",
                                        [SMTP_AUTH_INHERIT] = "inherits the organization's",
                                        [SMTP_AUTH_ENABLED] = "says enabled",
                                        [SMTP_AUTH_DISABLED] = "says disabled"};

    return (size_t)setting < sizeof names / sizeof *names ? names[setting] : "?";
}

void trace_mailbox_setting(const struct deciding *d, const struct mailbox_ref *claim)
{
    char name[SHOWN_MAX * 4 + 8], source[LINE_MAX_TRACE];
    struct buf b = BUF_OVER(source), shown = BUF_OVER(name);
    struct address primary;

    if (d->trace == NULL)
        return;
    if (directory_primary(d->c->view, claim->tenant, &claim->id, &primary) == DIRECTORY_FOUND)
        buf_add_escaped(&shown, address_slice(&primary), SHOWN_MAX);
    if (claim->smtp_auth != SMTP_AUTH_UNKNOWN)
        add_source(d, PART_SETTINGS, &b);
    trace_add(d->trace, "SMTP AUTH: setting of mailbox %s %s%s", name, setting_name((enum smtp_auth)claim->smtp_auth),
              source);
}

void trace_organization(const struct deciding *d, enum smtp_auth setting)
{
    const struct identity *id = &d->v->identity;
    bool configured = id->tenant_config != NULL && id->tenant_config->smtp_auth != TENANT_MIRRORED;
    char source[LINE_MAX_TRACE];
    struct buf b = BUF_OVER(source);

    if (d->trace == NULL)
        return;
    if (configured)
        buf_addf(&b, " (smtp_auth of the tenant in %s)", d->c->config->file);
    else if (setting != SMTP_AUTH_UNKNOWN)
        add_source(d, PART_ORGANIZATION, &b);
    trace_add(d->trace, "SMTP AUTH: setting of organization %s %s%s", id->tenant != NULL ? id->tenant->name : "?",
              setting_name(setting), source);
}

void trace_gate(const struct deciding *d, const char *what, enum mirrored_part part)
{
    char source[LINE_MAX_TRACE];
    struct buf b = BUF_OVER(source);

    if (d->trace == NULL)
        return;
    add_source(d, part, &b);
    trace_add(d->trace, "SMTP AUTH: %s%s", what, source);
}

/* ---- limits ---- */

/* What would take: the time until nothing of the used units is left. */
static uint64_t until_empty_ns(const struct charge *charge, uint64_t used)
{
    unsigned __int128 ns = (unsigned __int128)charge->interval_ns * used;

    return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

static void add_level(const struct deciding *d, const struct limit_level *level)
{
    struct limit_levels *levels = d->trace->levels;

    if (levels != NULL && levels->n < CONFIG_LIMITS_MAX)
        levels->of[levels->n++] = *level;
}

void trace_limit(const struct deciding *d, const struct limit_config *limit, const struct limit_rate *figure,
                 const struct charge *charge, const struct charge_answer *answer)
{
    char text[200];
    struct buf b = BUF_OVER(text);
    uint64_t left = answer->used < figure->burst ? figure->burst - answer->used : 0;

    if (d->trace == NULL)
        return;
    add_level(d, &(struct limit_level){limit, answer->used, figure->burst,
                                       answer->allowed || answer->never ? 0 : answer->retry_ns,
                                       answer->used > 0 ? until_empty_ns(charge, answer->used) : 0});
    buf_addf(&b, "%llu used, %llu left of %llu%s at ", (unsigned long long)answer->used, (unsigned long long)left,
             (unsigned long long)figure->burst, limit->count == COUNT_BYTES ? " KiB" : "");
    if (limit->count == COUNT_BYTES)
        rate_add_kib(&b, figure->rate);
    else
        rate_add(&b, figure->rate);
    if (answer->used > 0) {
        buf_add(&b, SLICE(", all free again in "));
        add_span(&b, until_empty_ns(charge, answer->used));
    }
    if (charge->cost > 0)
        buf_addf(&b, "; this message costs %llu", (unsigned long long)charge->cost);
    if (!answer->allowed && answer->never) {
        buf_add(&b, SLICE(": more than the whole burst"));
    } else if (!answer->allowed) {
        buf_add(&b, SLICE(": over, has room in "));
        add_span(&b, answer->retry_ns);
    }
    if (answer->crowded)
        buf_add(&b, SLICE("; its bucket is full, so a stricter shared entry counts"));
    trace_add(d->trace, "limit %s: %s", limit->name, text);
}

static const char *const window_words[HABIT_COUNTS][HABIT_WINDOWS] = {
    [HABIT_MESSAGES] = {"messages in the last hour", "messages in the last day"},
    [HABIT_RECIPIENTS] = {"recipients in the last hour", "recipients in the last day"},
};

static void add_learning(const struct deciding *d, struct buf *b)
{
    const struct habit *habit = &d->v->habit;
    uint64_t ends_ns = habit->since_ns + HABIT_LEARNING_S * NS_PER_S;

    if (habit->crowded)
        buf_add(b, SLICE("; there is no room to learn its habit, so it is counted with others"));
    else if (habit->since_ns == 0)
        buf_add(b, SLICE("; never seen before"));
    else if (ends_ns > d->c->now_ns) {
        buf_add(b, SLICE("; its habit is being learnt for another "));
        add_span(b, ends_ns - d->c->now_ns);
    }
}

/* 0: it never fits. */
static uint64_t wait_for_habit(const struct deciding *d, const struct limit_config *limit, uint32_t most)
{
    const struct habit_charge *plan = &d->v->plan.habit;
    enum habit_count count = habit_count_of(limit);
    uint64_t wait_ns =
        habits_wait(d->c->habits, plan->key, d->c->now_ns, count, habit_window_of(limit), plan->units[count], most);

    return wait_ns == UINT64_MAX ? 0 : wait_ns;
}

void trace_habit(const struct deciding *d, const struct limit_config *limit, const struct limit_rate *figure,
                 uint32_t most, bool passes)
{
    enum habit_count count = habit_count_of(limit);
    enum habit_window window = habit_window_of(limit);
    const struct habit *habit = &d->v->habit;
    char text[400];
    struct buf b = BUF_OVER(text);

    if (d->trace == NULL)
        return;
    add_level(d, &(struct limit_level){limit, habit->now.of[count][window], most == HABIT_UNLIMITED ? UINT64_MAX : most,
                                       passes ? 0 : wait_for_habit(d, limit, most), 0});
    buf_addf(&b, "%u %s", habit->now.of[count][window], window_words[count][window]);
    if (habit->learnt)
        buf_addf(&b, ", usually at most %u", habit->most.of[count][window]);
    else
        add_learning(d, &b);
    if (most == HABIT_UNLIMITED)
        buf_add(&b, SLICE("; any number may pass"));
    else if (habit->learnt)
        buf_addf(&b, "; at most %u may pass (%llu, and %llu.%02llu times that)", most,
                 (unsigned long long)figure->rate.count, (unsigned long long)limit->factor / 100,
                 (unsigned long long)limit->factor % 100);
    else
        buf_addf(&b, "; at most %u may pass", most);
    if (!passes)
        buf_add(&b, SLICE(": over"));
    trace_add(d->trace, "limit %s: %s", limit->name, text);
}
