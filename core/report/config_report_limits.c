#include "core/decide/habit.h"
#include "core/decide/limits.h"
#include "core/report/config_report_parts.h"

static const struct {
    unsigned part;
    const char *words;
} keys[] = {
    {PER_USER, "user"},
    {PER_LOGIN, "login"},
    {PER_CLIENT, "client"},
    {PER_CLIENT_NET, "client network"},
    {PER_SENDER, "sender"},
    {PER_SENDER_DOMAIN, "sender domain"},
    {PER_RECIPIENT_DOMAIN, "recipient domain"},
    {PER_CONNECTOR, "connector"},
    {PER_TENANT, "tenant"},
};

static const char *const counted[] = {
    [COUNT_MESSAGES] = "messages",
    [COUNT_RECIPIENTS] = "recipients",
    [COUNT_EXTERNAL] = "external recipients",
    [COUNT_INTERNAL] = "internal recipients",
    [COUNT_BYTES] = "KiB",
    [COUNT_FAILURES] = "failures to sign in",
    [COUNT_FAILED_LOGINS] = "different logins that fail to sign in",
    [COUNT_FAILING_NETS] = "different client networks from which it fails to sign in",
    [COUNT_DENIALS] = "refusals",
    [COUNT_DEFERRALS] = "deferrals",
    [COUNT_DEFERRED] = "deferred messages",
    [COUNT_DISTINCT] = "different ones",
};

static const char *const distinct[] = {
    [DISTINCT_CLIENT] = "different clients",
    [DISTINCT_CLIENT_NET] = "different client networks",
    [DISTINCT_SENDER] = "different senders",
    [DISTINCT_RECIPIENT] = "different recipients",
    [DISTINCT_RECIPIENT_DOMAIN] = "different recipient domains",
};

#define OF_POLICY " of the tenant's outbound policy; where it has none, "
static const char *const mirrored[] = {
    [FIGURE_OWN] = "",
    [FIGURE_EXTERNAL_PER_HOUR] = "RecipientLimitExternalPerHour" OF_POLICY,
    [FIGURE_INTERNAL_PER_HOUR] = "RecipientLimitInternalPerHour" OF_POLICY,
    [FIGURE_RECIPIENTS_PER_DAY] = "RecipientLimitPerDay" OF_POLICY,
    [FIGURE_EXTERNAL_PER_DAY] = "the tenant's external_recipients_per_day; where it has none, ",
};

static void add_key(struct buf *b, const struct limit_config *limit)
{
    const char *between = ", for each ";

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if ((limit->per & keys[i].part) != 0) {
            buf_addf(b, "%s%s", between, keys[i].words);
            between = " and ";
        }
    if ((limit->per & PER_CLIENT_NET) != 0)
        buf_addf(b, " (/%u, /%u)", limit->v4_prefix, limit->v6_prefix);
    if (limit->unfamiliar && limit_counts_failures(limit))
        buf_add(b, SLICE(", from networks that no tenant is familiar with"));
    else if (limit->unfamiliar)
        buf_addf(b, ", from unfamiliar networks (/%u, /%u)", limit->v4_prefix, limit->v6_prefix);
    if (!limit->connectors)
        buf_add(b, SLICE(" (logins only)"));
    if (!limit->authenticated && (limit->per & PER_CONNECTOR) == 0)
        buf_add(b, SLICE(" (connectors only)"));
}

/* "1.25 times" */
static void add_times(struct buf *b, uint64_t hundredths)
{
    buf_addf(b, "%llu", (unsigned long long)hundredths / 100);
    if (hundredths % 100 != 0)
        buf_addf(b, hundredths % 10 != 0 ? ".%02llu" : ".%llu",
                 (unsigned long long)(hundredths % 10 != 0 ? hundredths % 100 : hundredths % 100 / 10));
    buf_add(b, SLICE(" times"));
}

static void add_learning(struct buf *b, const struct limit_config *limit, bool known)
{
    uint64_t most = known ? limit->learning_known : limit->learning;

    if (most > 0)
        buf_addf(b, "%llu", (unsigned long long)most);
    else
        buf_add(b, SLICE("any number"));
    buf_add(b, known ? SLICE(" from known networks") : SLICE(" from elsewhere"));
}

/* "any hour's messages: at most 20 beside 1.25 times the usual largest" */
static void add_beyond(struct buf *b, const struct limit_config *limit, const struct limit_rate *figure)
{
    bool hour = habit_window_of(limit) == HABIT_HOUR;

    buf_addf(b, "in any %s at most %llu %s beside ", hour ? "hour" : "day", (unsigned long long)figure->rate.count,
             counted[limit->count]);
    add_times(b, limit->factor);
    buf_add(b, SLICE(" the largest that is usual"));
    if (limit->ceiling > 0)
        buf_addf(b, ", up to %llu", (unsigned long long)limit->ceiling);
    if (limit->learning == 0 && limit->learning_known == 0)
        return;
    buf_add(b, SLICE("; while that is being learnt, "));
    add_learning(b, limit, false);
    buf_add(b, SLICE(" and "));
    add_learning(b, limit, true);
}

static void add_figure(struct buf *b, const struct limit_config *limit, const struct limit_rate *figure)
{
    const char *what = limit->count == COUNT_DISTINCT ? distinct[limit->distinct] : counted[limit->count];

    if (figure->unlimited) {
        buf_addf(b, "any number of %s", limit->count == COUNT_BYTES ? "bytes" : what);
        return;
    }
    if (limit->beyond_habit && limit->count != COUNT_DEFERRED) {
        add_beyond(b, limit, figure);
        return;
    }
    buf_addf(b, "at most %llu %s at once", (unsigned long long)figure->burst, what);
    if (limit->beyond_habit) {
        buf_add(b, SLICE(" beside "));
        add_times(b, limit->factor);
        buf_add(b, SLICE(" the usual day's messages, of an application "));
        add_times(b, limit->factor * LIMIT_APPLICATIONS_TIMES);
    }
    buf_add(b, SLICE(", and "));
    if (limit->count == COUNT_BYTES)
        rate_add_kib(b, figure->rate);
    else
        rate_add(b, figure->rate);
    buf_add(b, SLICE(" in the long run"));
}

static void add_then(struct buf *b, const struct limit_config *limit)
{
    static const char *const thens[] = {
        [THEN_DEFER] = "deferred",      [THEN_REJECT] = "refused",
        [THEN_HOLD] = "put on hold",    [THEN_BLOCK] = "refused, and blocked for ",
        [THEN_MONITOR] = "only logged",
    };
    static const char *const of_failures[] = {
        [THEN_DEFER] = "told to try again later", [THEN_BLOCK] = "blocked for ", [THEN_MONITOR] = "only told of"};
    const char *const *words = limit_counts_failures(limit) ? of_failures : thens;

    buf_addf(b, "; over it: %s", limit->defers ? "held back, and deferred for " : words[limit->then]);
    if (limit->then == THEN_BLOCK)
        duration_add(b, limit->block_s);
    if (limit->disable_at_source)
        buf_add(b, SLICE(", and SMTP AUTH is disabled in Exchange Online, where exchange.writeback allows it"));
}

static const char *const except_words[] = {
    [EXCEPT_USER] = "user", [EXCEPT_GROUP] = "group", [EXCEPT_CONNECTOR] = "connector"};

static void tell_exceptions(struct teller *t, const struct limit_config *limit)
{
    for (size_t i = 0; i < limit->n_exceptions; i++) {
        const struct limit_exception *exception = &limit->exceptions[i];
        char text[TELL_LINE_MAX];
        struct buf b = BUF_OVER(text);

        add_figure(&b, limit, &exception->figure);
        tell(t, "%s, except %s %s: %s.", limit->name, except_words[exception->of], exception->name, text);
    }
}

static void add_name(struct buf *b, const char **between, const char *name)
{
    buf_addf(b, "%s%s", *between, name);
    *between = ", ";
}

/* All of these hold at once. */
static void add_only(struct buf *b, const struct config *c, const struct limit_only *only)
{
    const char *between = ", only from senders in ";
    struct list_place place;
    struct slice domain;
    size_t told = 0;

    for (size_t at = 0; told < TELL_LIST_MAX && list_next(only->sender_domains, &at, &domain, &place); told++) {
        buf_addf(b, "%s", told == 0 ? between : ", ");
        buf_add(b, domain);
    }
    if (list_count(only->sender_domains) > told)
        buf_addf(b, " and %zu more", list_count(only->sender_domains) - told);
    between = ", only for group ";
    for (size_t i = 0; i < only->n_groups; i++)
        add_name(b, &between, c->groups[only->groups[i]].name);
    between = ", only for connector ";
    for (size_t i = 0; i < only->n_connectors; i++)
        add_name(b, &between, c->connectors[only->connectors[i]].name);
}

/* How much it allows, for each of what, and what becomes of more: parts of one sentence. */
static void add_limit(const struct config *c, const struct limit_config *limit, struct buf *figure, struct buf *each,
                      struct buf *over)
{
    if (!limit->beyond_habit)
        buf_addf(figure, "%s", mirrored[limit->mirrored]);
    add_figure(figure, limit, &limit->figure);
    add_key(each, limit);
    add_only(each, c, &limit->only);
    add_then(over, limit);
}

static void tell_limit(struct teller *t, const struct config *c, const struct limit_config *limit)
{
    char text[TELL_LINE_MAX];
    struct buf b = BUF_OVER(text);

    add_limit(c, limit, &b, &b, &b);
    tell(t, "%s: %s.", limit->name, text);
    if (limit->reply != NULL)
        tell(t, "%s replies: %s", limit->name, limit->reply);
    tell_exceptions(t, limit);
}

void tell_limits(struct teller *t, const struct config *c)
{
    if (c->n_limits == 0)
        tell(t, "None.");
    for (size_t i = 0; i < c->n_limits; i++)
        tell_limit(t, c, &c->limits[i]);
    if (c->limits_use_habits && c->known_networks == NULL)
        tell(t, "known_networks is empty: until a login is learnt, all networks but private and familiar ones are "
                "elsewhere. "
                "Name your offices and servers.");
}

/* ---- the same as a table, for programs ---- */

static const struct column columns[] = {
    {"limit", VALUE_TEXT}, {"except", VALUE_TEXT}, {"allows", VALUE_TEXT}, {"each", VALUE_TEXT}, {"over", VALUE_TEXT}};

/* What follows in a sentence, without what joins it there. */
static struct value behind(const struct buf *b, const char *joint)
{
    struct slice text = buf_slice(b), j = slice_of(joint);

    return value_text(slice_starts_with(text, j) ? (struct slice){text.p + j.n, text.n - j.n} : text);
}

static void put_exceptions(const struct limit_config *limit, struct printer *out)
{
    for (size_t i = 0; i < limit->n_exceptions; i++) {
        const struct limit_exception *exception = &limit->exceptions[i];
        char who[300], figure[TELL_LINE_MAX];
        struct buf w = BUF_OVER(who), f = BUF_OVER(figure);

        buf_addf(&w, "%s %s", except_words[exception->of], exception->name);
        add_figure(&f, limit, &exception->figure);
        out->row(out, (const struct value[]){value_word(limit->name), value_text(buf_slice(&w)),
                                             value_text(buf_slice(&f)), value_none(), value_none()});
    }
}

void put_limits(const struct config *c, struct printer *out)
{
    out->table(out, &(struct table){TABLE_COLUMNS(columns), .name = "limits"});
    for (size_t i = 0; i < c->n_limits; i++) {
        const struct limit_config *limit = &c->limits[i];
        char figure[TELL_LINE_MAX], each[TELL_LINE_MAX], over[200];
        struct buf f = BUF_OVER(figure), k = BUF_OVER(each), o = BUF_OVER(over);

        add_limit(c, limit, &f, &k, &o);
        out->row(out, (const struct value[]){value_word(limit->name), value_none(), value_text(buf_slice(&f)),
                                             behind(&k, ", for each "), behind(&o, "; over it: ")});
        put_exceptions(limit, out);
    }
    out->end(out);
}
