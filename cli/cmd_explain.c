/* postern explain: the verdict for a submission, step by step, by the services' own code and files. Charges nothing. */
#include "cli/commands.h"
#include "core/base/clock.h"
#include "core/base/units.h"
#include "core/report/explain_input.h"

#include <stdlib.h>

#define TRACE_MAX 65536
#define FIELD_INDENT 12 /* columns in front of what is told */

struct explained {
    struct decide_context context;
    struct submission submission;
    struct headers headers;
    struct recipients recipients;
    struct verdict verdict;
    struct buf trace;
    char text[TRACE_MAX];
};

/* ---- asking ---- */

static void ask(struct explained *x, enum stage stage)
{
    struct trace trace = {&x->trace};

    x->trace.n = 0;
    x->trace.full = false;
    x->text[0] = '\0';
    x->submission.stage = stage;
    decide(&x->context, &x->submission, &x->recipients, &x->verdict, &trace);
}

static bool passes(const struct explained *x)
{
    return x->verdict.action == ACTION_PASS || x->verdict.action == ACTION_HOLD;
}

/* As Postfix would ask: at MAIL, at each RCPT, at the end; the first refusal stands. */
static void ask_all(struct explained *x, const struct question *q)
{
    uint32_t count = x->submission.recipient_count;

    x->submission.recipient_count = 0;
    ask(x, STAGE_MAIL);
    for (size_t i = 0; i < q->n_recipients && passes(x); i++) {
        question_recipient(q, i, &x->submission);
        ask(x, STAGE_RCPT);
        if (passes(x))
            recipients_note(&x->recipients, &x->context, &x->submission, &x->verdict);
    }
    if (!passes(x))
        return;
    x->submission.has_recipient = false;
    x->submission.recipient_count = count != 0 ? count : (uint32_t)q->n_recipients;
    ask(x, STAGE_END);
}

/* One stage alone: recipients before it are taken as let through. */
static void ask_one(struct explained *x, const struct question *q, enum stage stage)
{
    size_t before = stage == STAGE_RCPT && q->n_recipients > 0 ? q->n_recipients - 1 : 0;

    for (size_t i = 0; i < (stage > STAGE_RCPT ? q->n_recipients : before); i++) {
        question_recipient(q, i, &x->submission);
        ask(x, STAGE_RCPT);
        recipients_note(&x->recipients, &x->context, &x->submission, &x->verdict);
    }
    x->submission.has_recipient = false;
    if (stage == STAGE_RCPT && q->n_recipients > 0)
        question_recipient(q, q->n_recipients - 1, &x->submission);
    ask(x, stage);
}

/* ---- telling ---- */

static void print_asked(const char *name, struct slice text)
{
    char shown[4 * OUTPUT_TEXT_MAX + 8];

    if (text.n > 0)
        printf("  %-10s %s\n", name, text_plain(shown, sizeof shown, text));
}

static void print_question(const struct explained *x, const struct question *q, int64_t at_s)
{
    char text[64];
    struct buf b = BUF_OVER(text);

    puts("Asked:");
    print_asked("user", q->user.n > 0 ? q->user : SLICE("(none: not authenticated)"));
    print_asked("client", q->client.n > 0 ? q->client : SLICE("(not said)"));
    print_asked("method", q->method);
    print_asked("tls", slice_of(tls_version_name(x->submission.tls)));
    print_asked("sender", q->sender.n > 0 ? q->sender : SLICE("<>"));
    for (size_t i = 0; i < q->n_recipients && i < 10; i++)
        print_asked("recipient", q->recipient[i]);
    if (q->n_recipients > 10)
        printf("  %-10s and %zu more\n", "", q->n_recipients - 10);
    print_asked("From", q->from);
    print_asked("size", q->size);
    print_asked("stage", slice_of(stage_name(x->submission.stage)));
    output_add_time(&b, at_s, OUTPUT_TABLE);
    print_asked("at", buf_slice(&b));
}

/* "  name      text", folded on a terminal. */
static void print_field(const struct terminal *t, const char *name, struct slice text)
{
    printf(name[0] != '\0' ? "  %-9s " : "  %s", name);
    terminal_fold(stdout, t, name[0] != '\0' ? FIELD_INDENT : 2, FIELD_INDENT, text);
}

/* The text begins with a blank. */
static void print_step(const struct terminal *t, struct slice name, struct slice text)
{
    printf("  %-10.*s%s", SLICE_ARG(name), name.n > 10 ? ":" : "");
    terminal_fold(stdout, t, name.n > 10 ? name.n + 3 : FIELD_INDENT, FIELD_INDENT, text);
}

static void print_steps(const struct explained *x, const struct terminal *t)
{
    struct slice rest = buf_slice(&x->trace), line, name, text;

    puts("\nSteps:");
    while (slice_cut(rest, '\n', &line, &rest)) {
        if (slice_cut(line, ':', &name, &text))
            print_step(t, name, text);
        else
            print_field(t, "", line);
    }
    if (x->trace.n == 0)
        puts("  nothing is decided at this stage");
}

static void print_verdict(const struct explained *x, const struct terminal *t)
{
    const struct verdict *v = &x->verdict;
    const struct reason_row *row = reason_row(v->reason);
    char text[40];
    struct buf b = BUF_OVER(text);

    fputs("\nVerdict: ", stdout);
    terminal_paint(stdout, t, v->action == ACTION_PASS ? PAINT_GOOD : PAINT_BAD, action_name(v->action));
    printf(" (%s)\n", row->name);
    if (v->limit != NULL)
        printf("  limit     %s\n", v->limit);
    if (v->retry_ns > 0) {
        duration_add(&b, (v->retry_ns + NS_PER_S - 1) / NS_PER_S);
        printf("  again in  %s\n", text);
    }
    if (v->reply.n > 0)
        print_field(t, "reply", v->reply);
    if (v->fault != NULL)
        printf("  header    %s: %s\n", header_field_name(v->fault_field), v->fault);
    print_field(t, "meaning", slice_of(row->help));
    if (!v->monitored)
        return;
    row = reason_row(v->monitored_reason);
    printf("  but for monitor mode: %s%s%s: ", row->name, v->monitored_limit != NULL ? " by limit " : "",
           v->monitored_limit != NULL ? v->monitored_limit : "");
    terminal_fold(stdout, t, strlen("  but for monitor mode: ") + strlen(row->name) + 2, FIELD_INDENT,
                  slice_of(row->help));
}

static void json_field(const char *name, struct slice text, const char *end)
{
    char mem[6 * OUTPUT_TEXT_MAX + 16];
    struct buf b = BUF_OVER(mem);

    output_add_json(&b, text);
    printf(" \"%s\": %s%s\n", name, text.p != NULL ? mem : "null", end);
}

static void print_json(const struct explained *x, const struct question *q)
{
    const struct verdict *v = &x->verdict;
    struct slice rest = buf_slice(&x->trace), line;
    const char *between = "";
    char mem[6 * OUTPUT_TEXT_MAX + 16];

    puts("{");
    json_field("user", q->user, ",");
    json_field("client", q->client, ",");
    json_field("sender", q->sender, ",");
    json_field("stage", slice_of(stage_name(x->submission.stage)), ",");
    fputs(" \"steps\": [", stdout);
    while (slice_cut(rest, '\n', &line, &rest)) {
        struct buf b = BUF_OVER(mem);

        output_add_json(&b, line);
        printf("%s\n  %s", between, mem);
        between = ",";
    }
    puts("\n ],");
    json_field("action", slice_of(action_name(v->action)), ",");
    json_field("reason", slice_of(reason_row(v->reason)->name), ",");
    json_field("limit", slice_of(v->limit), ",");
    json_field("would", v->monitored ? slice_of(reason_row(v->monitored_reason)->name) : slice_of(NULL), ",");
    printf(" \"retry_s\": %llu,\n", (unsigned long long)((v->retry_ns + NS_PER_S - 1) / NS_PER_S));
    json_field("reply", v->reply, ",");
    json_field("meaning", slice_of(reason_row(v->reason)->help), "");
    puts("}");
}

/* ---- options ---- */

enum {
    OPT_USER = 256,
    OPT_CLIENT,
    OPT_METHOD,
    OPT_TLS,
    OPT_SENDER,
    OPT_RECIPIENT,
    OPT_FROM,
    OPT_SIZE,
    OPT_AT,
    OPT_STAGE,
    OPT_LOG_LINE,
    OPT_POLICY
};

static const struct option options[] = {
    {"user", required_argument, NULL, OPT_USER},     {"client", required_argument, NULL, OPT_CLIENT},
    {"method", required_argument, NULL, OPT_METHOD}, {"tls", required_argument, NULL, OPT_TLS},
    {"sender", required_argument, NULL, OPT_SENDER}, {"recipient", required_argument, NULL, OPT_RECIPIENT},
    {"from", required_argument, NULL, OPT_FROM},     {"size", required_argument, NULL, OPT_SIZE},
    {"at", required_argument, NULL, OPT_AT},         {"stage", required_argument, NULL, OPT_STAGE},
    {"log-line", no_argument, NULL, OPT_LOG_LINE},   {"policy", no_argument, NULL, OPT_POLICY},
    {"json", no_argument, NULL, CLI_OPTION_JSON},    CLI_LAST_OPTIONS};

struct asked {
    struct question *q;
    const char *at;
    bool log_line, policy;
    const char *bad_tls;
};

/* "1.2" is what people say; a log line says "TLSv1.2". */
static void take_tls(struct asked *a, const char *text)
{
    static const struct {
        const char *said, *meant;
    } names[] = {{"none", ""},           {"1.0", "TLSv1"},       {"1.1", "TLSv1.1"},   {"1.2", "TLSv1.2"},
                 {"1.3", "TLSv1.3"},     {"TLSv1", "TLSv1"},     {"TLSv1.0", "TLSv1"}, {"TLSv1.1", "TLSv1.1"},
                 {"TLSv1.2", "TLSv1.2"}, {"TLSv1.3", "TLSv1.3"}, {"SSLv3", "SSLv3"}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].said, text) == 0) {
            a->q->tls = slice_of(names[i].meant);
            return;
        }
    a->bad_tls = text;
}

static void take_option(struct asked *a, int option, const char *value)
{
    struct question *q = a->q;
    struct slice *const places[] = {[OPT_USER - OPT_USER] = &q->user,     [OPT_CLIENT - OPT_USER] = &q->client,
                                    [OPT_METHOD - OPT_USER] = &q->method, [OPT_TLS - OPT_USER] = NULL,
                                    [OPT_SENDER - OPT_USER] = &q->sender, [OPT_RECIPIENT - OPT_USER] = NULL,
                                    [OPT_FROM - OPT_USER] = &q->from,     [OPT_SIZE - OPT_USER] = &q->size,
                                    [OPT_AT - OPT_USER] = NULL,           [OPT_STAGE - OPT_USER] = &q->stage};

    if (option == OPT_LOG_LINE)
        a->log_line = true;
    else if (option == OPT_POLICY)
        a->policy = true;
    else if (option == OPT_TLS)
        take_tls(a, value);
    else if (option == OPT_AT)
        a->at = value;
    else if (option == OPT_RECIPIENT && q->n_recipients < QUESTION_RECIPIENTS_MAX)
        q->recipient[q->n_recipients++] = slice_of(value);
    else if (option != OPT_RECIPIENT)
        *places[option - OPT_USER] = slice_of(value);
    q->has_sender |= option == OPT_SENDER;
}

/* What nobody said is taken as the usual: TLS, a password, the user's own address as sender. */
static void fill_in(struct question *q, bool described)
{
    if (!described)
        return;
    if (q->tls.p == NULL)
        q->tls = SLICE("TLSv1.3");
    if (q->method.n == 0 && q->user.n > 0)
        q->method = SLICE("PLAIN");
    if (!q->has_sender && memchr(q->user.p != NULL ? q->user.p : "", '@', q->user.n) != NULL)
        q->sender = q->user;
}

static int read_options(struct cli *cli, int argc, char **argv, struct asked *a, int *status)
{
    struct error e;
    int option;

    while ((option = cli_next_option(cli, argc, argv, options, status)) >= 0)
        take_option(a, option, optarg);
    if (option == CLI_OPTIONS_STOP)
        return -1;
    if ((*status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return -1;
    if (a->bad_tls != NULL) {
        *status = cli_usage(cli, "--tls is none, 1.0, 1.1, 1.2 or 1.3");
        return -1;
    }
    if (a->log_line && a->policy) {
        *status = cli_usage(cli, "--log-line and --policy both read standard input: give one of them");
        return -1;
    }
    if (a->log_line || a->policy) {
        if ((a->log_line ? question_read_log_line(a->q, stdin, &e) : question_read_policy(a->q, stdin, &e)) != 0) {
            *status = cli_fail(cli, "%s", e.text);
            return -1;
        }
    } else if (a->q->user.n == 0 && a->q->client.n == 0) {
        *status = cli_usage(cli, "who sends? Give --user or --client, or --log-line or --policy to read it");
        return -1;
    }
    fill_in(a->q, !a->log_line && !a->policy);
    return 0;
}

/* ---- the command ---- */

/* Another moment than now: counters, blocks and ages as they will be, or would have been, with today's contents. */
static int move_time(struct explained *x, const char *at, int64_t *wall_s, struct error *e)
{
    int64_t now = x->context.wall_s;

    *wall_s = now;
    if (at == NULL)
        return 0;
    if (cli_parse_time(at, now, wall_s, e) != 0)
        return -1;
    if (*wall_s < now - (int64_t)DURATION_MAX_S || *wall_s > now + (int64_t)DURATION_MAX_S)
        return error_set(e, "--at is more than 400 days away");
    x->context.now_ns += (uint64_t)((*wall_s - now) * (int64_t)NS_PER_S);
    x->context.wall_s = *wall_s;
    return 0;
}

int cmd_explain(struct cli *cli, int argc, char **argv)
{
    struct question *q = calloc(1, sizeof *q);
    struct explained *x = calloc(1, sizeof *x);
    struct asked a = {.q = q};
    int status = CLI_FAILED;
    enum stage stage;
    int64_t at_s;
    struct error e;
    bool all;

    if (q == NULL || x == NULL) {
        (void)cli_fail(cli, "out of memory");
        goto out;
    }
    q->paths = true;
    x->trace = BUF_OVER(x->text);
    if (read_options(cli, argc, argv, &a, &status) != 0)
        goto out;
    status = CLI_FAILED;
    /* Without a directory it would say that mail is deferred, which is not so while the services have one. */
    if (cli_open_context(cli, &x->context) != 0 || (cli->other_generation && cli->view == NULL))
        goto out;
    if (question_submission(q, &x->submission, &x->headers, &e) != 0 || question_stage(q, &stage, &all, &e) != 0 ||
        move_time(x, a.at, &at_s, &e) != 0) {
        status = cli_usage(cli, "%s", e.text);
        goto out;
    }
    if (all)
        ask_all(x, q);
    else
        ask_one(x, q, stage);
    if (cli->format == OUTPUT_JSON) {
        print_json(x, q);
    } else {
        print_question(x, q, at_s);
        print_steps(x, &cli->terminal);
        print_verdict(x, &cli->terminal);
    }
    status = fflush(stdout) == 0 ? CLI_OK : cli_fail(cli, "cannot write the output");
out:
    if (x != NULL) {
        recipients_clear(&x->recipients);
        headers_clear(&x->headers);
    }
    free(q);
    free(x);
    return status;
}
