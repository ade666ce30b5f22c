/* postern log: recent decisions, from the journal. */
#include "cli/commands.h"
#include "cli/known.h"
#include "core/base/clock.h"
#include "core/config/config_table.h"
#include "core/report/messages.h"

#include <stdlib.h>

#define SHOWN_DEFAULT 50
#define SHOWN_MAX 200000

struct search {
    const struct cli *cli;
    const char *user, *reason, *limit;
    struct known named; /* what user is the name of, whichever of the mailbox's names it is */
    struct network client;
    bool has_client, refused;
    unsigned actions; /* a set of bits 1 << enum action; 0: any */
    uint64_t since_ns;
    size_t most;
    struct journal_record *found; /* the newest first */
    size_t n;
};

static bool is_user(const struct search *x, const struct journal_record *r)
{
    struct slice user = slice_of(x->user);

    return slice_ieq(user, slice_of(r->login)) || slice_ieq(user, slice_of(r->mailbox)) ||
           slice_eq(user, slice_of(r->connector)) || known_is(x->cli, &x->named, r);
}

static bool is_wanted(const struct search *x, const struct journal_record *r)
{
    if (x->actions != 0 && (x->actions & 1u << r->action) == 0)
        return false;
    if (x->user != NULL && !is_user(x, r))
        return false;
    if (x->has_client && (!r->has_client || !network_contains(&x->client, &r->client)))
        return false;
    if (x->reason != NULL && strcmp(x->reason, reason_row(r->reason)->name) != 0 &&
        (r->monitored == REASON_NOT_OURS || strcmp(x->reason, reason_row(r->monitored)->name) != 0))
        return false;
    return x->limit == NULL || slice_eq(slice_of(x->limit), slice_of(r->limit));
}

static bool each_record(void *arg, const struct journal_record *r)
{
    struct search *x = arg;

    if (is_wanted(x, r))
        x->found[x->n++] = *r;
    return x->n < x->most;
}

/* ---- showing ---- */

static const struct output_column table_columns[] = {
    {"time", false},   {"verdict", false}, {"reason", false},    {"login", false},
    {"client", false}, {"sender", false},  {"recipient", false}, {"limit", false},
};

static const struct output_column all_columns[] = {
    {"time", false},      {"verdict", false}, {"reason", false},  {"would", false},         {"by", false},
    {"stage", false},     {"login", false},   {"mailbox", false}, {"tenant", false},        {"connector", false},
    {"client", false},    {"method", false},  {"tls", false},     {"sender", false},        {"recipient", false},
    {"recipients", true}, {"size", true},     {"limit", false},   {"retry_s", true},        {"queue_id", false},
    {"instance", false},  {"times", true},    {"from", false},    {"header_sender", false}, {"field", false},
    {"fault", false},     {"header", false},
};

static void put_client(struct output *o, const struct journal_record *r)
{
    char text[IP_TEXT_MAX];

    if (r->has_client)
        output_text(o, ip_text(&r->client, text));
    else
        output_none(o);
}

static const char *or_none(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void put_short(struct output *o, const struct journal_record *r)
{
    char reason[1024], recipients[40], verdict[40];
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
    output_time(o, (int64_t)(r->at_ns / NS_PER_S));
    output_word(o, verdict);
    output_word(o, reason);
    output_word(o, or_none(r->login[0] != '\0' ? r->login : r->connector));
    put_client(o, r);
    output_word(o, or_none(r->sender));
    output_word(o, r->recipient[0] != '\0' ? r->recipient : r->recipients > 0 ? recipients : NULL);
    output_word(o, or_none(r->limit));
}

static void put_all(struct output *o, const struct journal_record *r)
{
    output_time(o, (int64_t)(r->at_ns / NS_PER_S));
    output_word(o, action_name(r->action));
    output_word(o, reason_row(r->reason)->name);
    output_word(o, r->monitored != REASON_NOT_OURS ? reason_row(r->monitored)->name : NULL);
    output_word(o, r->milter ? "milter" : "policyd");
    output_word(o, stage_name(r->stage));
    output_word(o, or_none(r->login));
    output_word(o, or_none(r->mailbox));
    output_word(o, or_none(r->tenant));
    output_word(o, or_none(r->connector));
    put_client(o, r);
    output_word(o, or_none(r->method));
    output_word(o, tls_version_name(r->tls));
    output_word(o, or_none(r->sender));
    output_word(o, or_none(r->recipient));
    output_number(o, r->recipients);
    output_number(o, r->size);
    output_word(o, or_none(r->limit));
    output_number(o, r->retry_s);
    output_word(o, or_none(r->queue_id));
    output_word(o, or_none(r->instance));
    output_number(o, r->times);
    output_word(o, or_none(r->from));
    output_word(o, or_none(r->header_sender));
    output_word(o, r->fault[0] != '\0' ? header_field_name(r->fault_field) : NULL);
    output_word(o, or_none(r->fault));
    output_word(o, or_none(r->fault_text));
}

/* Nothing was found: perhaps because there is no such name. */
static void doubt_user(const struct cli *cli, const struct search *x)
{
    char shown[4 * OUTPUT_TEXT_MAX + 8], hint[4 * ADDRESS_MAX + 40];

    if (x->named.checked && !x->named.exists)
        (void)cli_fail(cli, "nobody has the name \"%s\"%s", text_plain(shown, sizeof shown, slice_of(x->user)),
                       known_hint(&x->named, hint, sizeof hint));
}

static void doubt_limit(const struct cli *cli, const char *limit)
{
    const char *names[CONFIG_LIMITS_MAX], *near;
    size_t n = cli->config->n_limits < CONFIG_LIMITS_MAX ? cli->config->n_limits : CONFIG_LIMITS_MAX;
    char shown[4 * OUTPUT_TEXT_MAX + 8];

    for (size_t i = 0; i < n; i++) {
        names[i] = cli->config->limits[i].name;
        if (strcmp(names[i], limit) == 0)
            return;
    }
    near = config_suggest(slice_of(limit), names, n);
    (void)cli_fail(cli, "no limit in %s is called \"%s\"%s%s%s", cli->config->file,
                   text_plain(shown, sizeof shown, slice_of(limit)), near != NULL ? "; did you mean " : "",
                   near != NULL ? near : "", near != NULL ? "?" : "");
}

static int show(struct cli *cli, const struct search *x)
{
    bool table = cli->format == OUTPUT_TABLE;
    struct output *o = table ? cli_rows(cli, table_columns, sizeof table_columns / sizeof *table_columns)
                             : cli_rows(cli, all_columns, sizeof all_columns / sizeof *all_columns);

    /* The last one last, as in every log. */
    for (size_t i = x->n; o != NULL && i > 0; i--) {
        if (table)
            put_short(o, &x->found[i - 1]);
        else
            put_all(o, &x->found[i - 1]);
    }
    if (x->n == 0 && x->user != NULL)
        doubt_user(cli, x);
    if (x->n == 0 && x->limit != NULL)
        doubt_limit(cli, x->limit);
    return cli_finish(cli, o, "no matching decisions");
}

/* ---- options ---- */

enum { OPT_USER = 256, OPT_CLIENT, OPT_VERDICT, OPT_REASON, OPT_LIMIT, OPT_SINCE, OPT_LINES };

static int take_verdict(struct cli *cli, struct search *x, const char *word)
{
    static const struct {
        const char *name;
        unsigned actions;
    } names[] = {{"pass", 1u << ACTION_PASS},
                 {"defer", 1u << ACTION_DEFER},
                 {"reject", 1u << ACTION_REJECT},
                 {"hold", 1u << ACTION_HOLD},
                 {"refused", 1u << ACTION_DEFER | 1u << ACTION_REJECT}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, word) == 0) {
            x->actions |= names[i].actions;
            return CLI_OK;
        }
    return cli_usage(cli, "--verdict is pass, defer, reject, hold or refused");
}

static int take_option(struct cli *cli, struct search *x, int option, const char *value)
{
    unsigned long long lines;
    enum reason reason;
    struct error e;
    int64_t since;

    switch (option) {
    case OPT_USER:
        x->user = value;
        return CLI_OK;
    case OPT_CLIENT:
        x->has_client = network_parse(slice_of(value), &x->client, &e) == 0;
        return x->has_client ? CLI_OK : cli_usage(cli, "--client: %s", e.text);
    case OPT_VERDICT:
        return take_verdict(cli, x, value);
    case OPT_REASON:
        x->reason = value;
        return reason_find(slice_of(value), &reason) ? CLI_OK
                                                     : cli_usage(cli, "--reason: see replies in postern.conf(5)");
    case OPT_LIMIT:
        x->limit = value;
        return CLI_OK;
    case OPT_SINCE:
        if (cli_parse_time(value, clock_wall_s(), &since, &e) != 0)
            return cli_usage(cli, "--since: %s", e.text);
        x->since_ns = since > 0 ? (uint64_t)since * NS_PER_S : 0;
        return CLI_OK;
    default:
        if (!slice_to_u64(slice_of(value), SHOWN_MAX, &lines) || lines == 0)
            return cli_usage(cli, "--lines is a number from 1 to %d", SHOWN_MAX);
        x->most = (size_t)lines;
        return CLI_OK;
    }
}

int cmd_log(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"user", required_argument, NULL, OPT_USER},
                                            {"client", required_argument, NULL, OPT_CLIENT},
                                            {"verdict", required_argument, NULL, OPT_VERDICT},
                                            {"reason", required_argument, NULL, OPT_REASON},
                                            {"limit", required_argument, NULL, OPT_LIMIT},
                                            {"since", required_argument, NULL, OPT_SINCE},
                                            {"lines", required_argument, NULL, OPT_LINES},
                                            CLI_OUTPUT_OPTIONS,
                                            CLI_LAST_OPTIONS};
    struct search x = {.cli = cli, .most = SHOWN_DEFAULT};
    int option, status;
    struct error e;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0)
        if ((status = take_option(cli, &x, option, optarg)) != CLI_OK)
            return status;
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return status;
    if (cli_open_journal(cli) != 0)
        return CLI_FAILED;
    if (x.user != NULL)
        known_user(cli, slice_of(x.user), &x.named);
    /* Untouched pages cost nothing, so room for all that may be found is there at once. */
    if ((x.found = calloc(x.most, sizeof *x.found)) == NULL)
        return cli_fail(cli, "out of memory; ask for fewer --lines");
    if (journal_decisions(cli->journal, x.since_ns, each_record, &x, &e) != 0)
        status = cli_fail(cli, "%s", e.text);
    else
        status = show(cli, &x);
    free(x.found);
    return status;
}
