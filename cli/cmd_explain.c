/* postern explain: the verdict for a submission, step by step. */
#include "cli/commands.h"
#include "cli/known.h"
#include "core/base/clock.h"
#include "core/base/units.h"
#include "core/report/explain.h"

#include <stdlib.h>

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
    bool bad_tls;
};

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
        a->bad_tls |= !question_tls(q, value);
    else if (option == OPT_AT)
        a->at = value;
    else if (option == OPT_RECIPIENT && q->n_recipients < QUESTION_RECIPIENTS_MAX)
        q->recipient[q->n_recipients++] = slice_of(value);
    else if (option != OPT_RECIPIENT)
        *places[option - OPT_USER] = slice_of(value);
    q->has_sender |= option == OPT_SENDER;
}

static int explain_options(struct cli *cli, int argc, char **argv, struct asked *a, int *status)
{
    struct error e;
    int option;

    while ((option = cli_next_option(cli, argc, argv, options, status)) >= 0)
        take_option(a, option, optarg);
    if (option == CLI_OPTIONS_STOP)
        return -1;
    if ((*status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return -1;
    if (a->bad_tls) {
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
    if (!a->log_line && !a->policy)
        question_fill_in(a->q);
    return 0;
}

/* ---- the command ---- */

static int move_time(struct decide_context *c, const char *at, struct error *e)
{
    int64_t wall_s;

    if (at == NULL)
        return 0;
    if (text_read_time(at, c->wall_s, &wall_s, e) != 0)
        return -1;
    return explain_move_time(c, wall_s, e);
}

/*
 * The user's mailbox by any name, in place of a name that nobody can sign in with. What could be typed as a login is
 * explained as one, as the services would take it, and its being a display name only said. 0, or -1 after an error was
 * printed.
 */
static int find_user(const struct cli *cli, struct question *q, struct mailbox_found *found)
{
    char shown[4 * TEXT_SHOWN_MAX + 8], text[1024];
    struct buf b = BUF_OVER(text);
    struct login login;
    bool as_login;

    if (q->user.n == 0 || cli->files.view == NULL ||
        mailbox_named(cli->files.view, EVERY_TENANT, q->user, found) != DIRECTORY_FOUND ||
        found->name == MAILBOX_NAME_LOGIN)
        return 0;
    login_parse(q->user, &login);
    as_login = found->name == MAILBOX_NAME_DISPLAY && login.kind != LOGIN_BAD;
    mailbox_found_add(&b, found);
    (void)cli_fail(cli, "\"%s\" is %s%s", text_plain(shown, sizeof shown, q->user), text,
                   as_login       ? "; what follows is about a login of that name"
                   : found->n > 1 ? ": which one? Give an address"
                                  : "");
    if (as_login || found->n > 1)
        return as_login ? 0 : -1;
    q->user = slice_of(found->first[0].primary);
    if (!q->has_sender)
        q->sender = q->user;
    return 0;
}

static int explain_question(struct cli *cli, struct explained *x, struct question *q, const struct asked *a)
{
    struct mailbox_found found = {.n = 0};
    struct printer *out;
    enum stage stage;
    struct error e;
    bool all;

    /* Without a directory it would say that mail is deferred, which is not so while the services have one. */
    if (cli_open_context(cli, &x->context) != 0 || (cli->files.other_generation && cli->files.view == NULL))
        return CLI_FAILED;
    if (!a->log_line && !a->policy && find_user(cli, q, &found) != 0)
        return CLI_FAILED;
    if (question_submission(q, &x->submission, &x->headers, &e) != 0 || question_stage(q, &stage, &all, &e) != 0 ||
        move_time(&x->context, a->at, &e) != 0)
        return cli_usage(cli, "%s", e.text);
    explain_ask(x, q, stage, all);
    if ((out = cli_printer(cli)) == NULL)
        return CLI_FAILED;
    explain_report(x, q, out);
    return cli_finish(cli, out);
}

int cmd_explain(struct cli *cli, int argc, char **argv)
{
    struct question *q = calloc(1, sizeof *q);
    struct explained *x = calloc(1, sizeof *x);
    struct asked a = {.q = q};
    int status = CLI_FAILED;

    if (q == NULL || x == NULL) {
        (void)cli_fail(cli, "out of memory");
    } else {
        q->paths = true;
        if (explain_options(cli, argc, argv, &a, &status) == 0)
            status = explain_question(cli, x, q, &a);
        explained_clear(x);
    }
    free(q);
    free(x);
    return status;
}
