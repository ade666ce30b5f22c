#include "core/report/decisions.h"

#include "core/base/clock.h"
#include "core/config/config_table.h"
#include "core/report/messages.h"
#include "core/report/text.h"

#include <stdlib.h>

struct decisions_search {
    const struct config *config;
    const struct decisions_wanted *wanted;
    struct journal_record *found; /* the newest first */
    size_t n;
};

static bool is_user(const struct config *config, const struct decisions_wanted *x, const struct journal_record *r)
{
    struct slice user = slice_of(x->user);

    return slice_ieq(user, slice_of(r->login)) || slice_ieq(user, slice_of(r->mailbox)) ||
           slice_eq(user, slice_of(r->connector)) || (x->named != NULL && known_is(config, x->named, r));
}

static bool is_wanted(const struct config *config, const struct decisions_wanted *x, const struct journal_record *r)
{
    if (x->scope.n > 0 && !scope_has(x->scope, slice_of(r->tenant)))
        return false;
    if (x->actions != 0 && (x->actions & 1u << r->action) == 0)
        return false;
    if (x->has_stage && x->stage != r->stage)
        return false;
    if (x->user != NULL && !is_user(config, x, r))
        return false;
    if (x->has_client && (!r->has_client || !network_contains(&x->client, &r->client)))
        return false;
    if (x->reason != NULL && strcmp(x->reason, reason_row(r->reason)->name) != 0 &&
        (r->monitored == REASON_NOT_OURS || strcmp(x->reason, reason_row(r->monitored)->name) != 0))
        return false;
    return x->limit == NULL || slice_eq(slice_of(x->limit), slice_of(r->limit));
}

static bool decisions_record(void *arg, const struct journal_record *r)
{
    struct decisions_search *x = arg;

    if (is_wanted(x->config, x->wanted, r))
        x->found[x->n++] = *r;
    return x->n < x->wanted->most;
}

/*
 * What a mailbox did is found under its address; what a login without a mailbox did under the account that all of its
 * spellings have in common.
 */
static struct journal_query query_of(const struct decisions_wanted *x)
{
    struct journal_query query = {.since_ns = x->since_ns};

    query.name = x->user;
    if (x->user != NULL && x->named != NULL) {
        query.mailbox = x->named->mailbox;
        query.account = known_account(x->named);
    }
    return query;
}

/* ---- what is wanted ---- */

static int want_user(struct decisions_wanted *x, const char *value, int64_t now_s, struct error *e)
{
    (void)now_s;
    (void)e;
    x->user = value;
    return 0;
}

static int want_client(struct decisions_wanted *x, const char *value, int64_t now_s, struct error *e)
{
    struct error why;

    (void)now_s;
    x->has_client = network_parse(slice_of(value), &x->client, &why) == 0;
    return x->has_client ? 0 : error_set(e, "client: %s", why.text);
}

static int want_verdict(struct decisions_wanted *x, const char *value, int64_t now_s, struct error *e)
{
    static const struct {
        const char *name;
        unsigned actions;
    } names[] = {{"pass", 1u << ACTION_PASS},
                 {"defer", 1u << ACTION_DEFER},
                 {"reject", 1u << ACTION_REJECT},
                 {"hold", 1u << ACTION_HOLD},
                 {"refused", 1u << ACTION_DEFER | 1u << ACTION_REJECT}};

    (void)now_s;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, value) == 0) {
            x->actions |= names[i].actions;
            return 0;
        }
    return error_set(e, "verdict is pass, defer, reject, hold or refused");
}

static int want_reason(struct decisions_wanted *x, const char *value, int64_t now_s, struct error *e)
{
    const char *names[REASON_COUNT], *near;
    enum reason reason;
    char shown[80];

    (void)now_s;
    x->reason = value;
    if (reason_find(slice_of(value), &reason))
        return 0;
    for (unsigned i = 0; i < REASON_COUNT; i++)
        names[i] = reason_row((enum reason)i)->name;
    (void)text_plain(shown, sizeof shown, slice_of(value));
    if ((near = config_suggest(slice_of(value), names, REASON_COUNT)) != NULL)
        return error_set(e, "reason: there is no \"%s\"; did you mean \"%s\"?", shown, near);
    return error_set(e, "reason: there is no \"%s\"; see replies in postern.conf(5)", shown);
}

static int want_limit(struct decisions_wanted *x, const char *value, int64_t now_s, struct error *e)
{
    (void)now_s;
    (void)e;
    x->limit = value;
    return 0;
}

static int want_stage(struct decisions_wanted *x, const char *value, int64_t now_s, struct error *e)
{
    static const enum stage stages[] = {STAGE_AUTH, STAGE_MAIL, STAGE_RCPT, STAGE_DATA, STAGE_END};

    (void)now_s;
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        if (strcmp(stage_name(stages[i]), value) == 0) {
            x->stage = stages[i];
            x->has_stage = true;
            return 0;
        }
    return error_set(e, "stage is auth, mail, rcpt, data or end");
}

static int want_since(struct decisions_wanted *x, const char *value, int64_t now_s, struct error *e)
{
    struct error why;
    int64_t since;

    if (text_read_since(value, now_s, &since, &why) != 0)
        return error_set(e, "since: %s", why.text);
    x->since_ns = since > 0 ? (uint64_t)since * NS_PER_S : 0;
    return 0;
}

static int want_lines(struct decisions_wanted *x, const char *value, int64_t now_s, struct error *e)
{
    unsigned long long lines;

    (void)now_s;
    if (!slice_to_u64(slice_of(value), DECISIONS_SHOWN_MAX, &lines) || lines == 0)
        return error_set(e, "lines is a number from 1 to %d", DECISIONS_SHOWN_MAX);
    x->most = (size_t)lines;
    return 0;
}

int decisions_want(struct decisions_wanted *x, const char *name, const char *value, int64_t now_s, struct error *e)
{
    static const struct {
        const char *name;
        int (*want)(struct decisions_wanted *x, const char *value, int64_t now_s, struct error *e);
    } rows[] = {{"user", want_user},   {"client", want_client}, {"verdict", want_verdict}, {"reason", want_reason},
                {"limit", want_limit}, {"stage", want_stage},   {"since", want_since},     {"lines", want_lines}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].want(x, value, now_s, e);
    return error_set(e, "%s: decisions are not selected by this", name);
}

/* ---- showing ---- */

static const struct column table_columns[] = {
    {"time", VALUE_TIME},   {"verdict", VALUE_TEXT}, {"reason", VALUE_TEXT},    {"login", VALUE_TEXT},
    {"client", VALUE_TEXT}, {"sender", VALUE_TEXT},  {"recipient", VALUE_TEXT}, {"limit", VALUE_TEXT},
};

static const struct column all_columns[] = {
    {"time", VALUE_TIME},     {"verdict", VALUE_TEXT},   {"reason", VALUE_TEXT},      {"would", VALUE_TEXT},
    {"by", VALUE_TEXT},       {"stage", VALUE_TEXT},     {"login", VALUE_TEXT},       {"mailbox", VALUE_TEXT},
    {"tenant", VALUE_TEXT},   {"connector", VALUE_TEXT}, {"client", VALUE_TEXT},      {"method", VALUE_TEXT},
    {"tls", VALUE_TEXT},      {"sender", VALUE_TEXT},    {"recipient", VALUE_TEXT},   {"recipients", VALUE_NUMBER},
    {"size", VALUE_BYTES},    {"limit", VALUE_TEXT},     {"retry_s", VALUE_DURATION}, {"queue_id", VALUE_TEXT},
    {"instance", VALUE_TEXT}, {"times", VALUE_NUMBER},   {"from", VALUE_TEXT},        {"header_sender", VALUE_TEXT},
    {"field", VALUE_TEXT},    {"fault", VALUE_TEXT},     {"header", VALUE_TEXT},
};

static struct value client_of(const struct journal_record *r, char text[IP_TEXT_MAX])
{
    return r->has_client ? value_text(ip_text(&r->client, text)) : value_none();
}

static void put_short(struct printer *out, const struct journal_record *r)
{
    char reason[1024], recipients[40], verdict[40], client[IP_TEXT_MAX];
    struct buf b = BUF_OVER(reason), many = BUF_OVER(recipients), v = BUF_OVER(verdict);

    buf_addf(&b, "%s", reason_row(r->reason)->name);
    if (r->monitored != REASON_NOT_OURS)
        buf_addf(&b, " (would: %s)", reason_row(r->monitored)->name);
    if (r->fault[0] != '\0') {
        buf_add(&b, SLICE(": "));
        record_add_fault(&b, r);
    }
    buf_addf(&v, r->times > 1 ? "%s x%lu" : "%s", action_name(r->action), (unsigned long)r->times);
    buf_addf(&many, "%lu recipients", (unsigned long)r->recipients);
    out->row(out,
             (const struct value[]){value_time((int64_t)(r->at_ns / NS_PER_S)), value_word(verdict), value_word(reason),
                                    value_word_or_none(r->login[0] != '\0' ? r->login : r->connector),
                                    client_of(r, client), value_word_or_none(r->sender),
                                    value_word(r->recipient[0] != '\0' ? r->recipient
                                               : r->recipients > 0     ? recipients
                                                                       : NULL),
                                    value_word_or_none(r->limit)});
}

static void put_all(struct printer *out, const struct journal_record *r)
{
    char client[IP_TEXT_MAX];

    out->row(out,
             (const struct value[]){value_time((int64_t)(r->at_ns / NS_PER_S)),
                                    value_word(action_name(r->action)),
                                    value_word(reason_row(r->reason)->name),
                                    value_word(r->monitored != REASON_NOT_OURS ? reason_row(r->monitored)->name : NULL),
                                    value_word(journal_program(r->stage, r->milter)),
                                    value_word(stage_name(r->stage)),
                                    value_word_or_none(r->login),
                                    value_word_or_none(r->mailbox),
                                    value_word_or_none(r->tenant),
                                    value_word_or_none(r->connector),
                                    client_of(r, client),
                                    value_word_or_none(r->method),
                                    value_word(tls_version_name(r->tls)),
                                    value_word_or_none(r->sender),
                                    value_word_or_none(r->recipient),
                                    value_number(r->recipients),
                                    value_bytes(r->size),
                                    value_word_or_none(r->limit),
                                    value_duration(r->retry_s),
                                    value_word_or_none(r->queue_id),
                                    value_word_or_none(r->instance),
                                    value_number(r->times),
                                    value_word_or_none(r->from),
                                    value_word_or_none(r->header_sender),
                                    value_word(r->fault[0] != '\0' ? header_field_name(r->fault_field) : NULL),
                                    value_word_or_none(r->fault),
                                    value_word_or_none(r->fault_text)});
}

int decisions_report(const struct report_files *files, const struct decisions_wanted *wanted, struct printer *out,
                     size_t *n, struct error *e)
{
    /* Untouched pages cost nothing, so room for the maximum is allocated at once. */
    struct decisions_search x = {
        .config = files->config, .wanted = wanted, .found = calloc(wanted->most, sizeof *x.found)};
    struct journal_query query = query_of(wanted);
    struct table table = {.empty = "no matching decisions", .name = wanted->name};

    if (x.found == NULL)
        return error_set(e, "out of memory; ask for fewer decisions");
    if (journal_decisions(files->journal, &query, decisions_record, &x, e) != 0) {
        free(x.found);
        return -1;
    }
    table.columns = out->people ? table_columns : all_columns;
    table.n = out->people ? sizeof table_columns / sizeof *table_columns : sizeof all_columns / sizeof *all_columns;
    out->table(out, &table);
    /* The newest last, as in any log. */
    for (size_t i = x.n; i > 0; i--)
        (out->people ? put_short : put_all)(out, &x.found[wanted->newest_first ? x.n - i : i - 1]);
    out->end(out);
    if (journal_has_others(files->journal))
        printer_remark(out, REMARK_NOTE, DECISIONS_OF_THIS_RELAY);
    *n = x.n;
    free(x.found);
    return 0;
}
