/* postern hold, release, discard: what a login has in Postfix's queue. */
#include "cli/commands.h"
#include "cli/known.h"
#include "cli/queue.h"
#include "core/base/clock.h"

#include <stdlib.h>

#define SINCE_DEFAULT_S (7 * 86400) /* longer than Postfix keeps a message: maximal_queue_lifetime is 5 days */

enum { OPTION_CONFIG_DIR = 2000, OPTION_SINCE, OPTION_YES, OPTION_DRY_RUN };

struct queue_request {
    enum queue_action action;
    const char *folder, *user;
    struct known named; /* what user is the name of, whichever of the mailbox's names it is */
    int64_t since_s;
    bool yes, dry_run;
};

static const struct column columns[] = {{"queue_id", VALUE_TEXT},  {"queue", VALUE_TEXT},  {"arrived", VALUE_TIME},
                                        {"size", VALUE_BYTES},     {"sender", VALUE_TEXT}, {"recipients", VALUE_NUMBER},
                                        {"recipient", VALUE_TEXT}, {"reason", VALUE_TEXT}};

static int queue_show(struct cli *cli, const struct queue_request *r, const struct queue_list *list, size_t *n)
{
    static const char *const empty[] = {
        [QUEUE_HOLD] = ("No queued message of this user was found, or all are on hold already; "
                        "--since says how far back is searched."),
        [QUEUE_RELEASE] = "No message of this user is on hold.",
        [QUEUE_DISCARD] = "No queued message of this user was found; --since says how far back is searched."};
    struct printer *out = cli_printer(cli);

    *n = 0;
    if (out == NULL)
        return CLI_FAILED;
    out->table(out, &(struct table){TABLE_COLUMNS(columns), .empty = empty[r->action]});
    for (size_t i = 0; i < list->n; i++) {
        const struct queued *m = &list->list[i];

        if (!queue_concerns(r->action, m))
            continue;
        out->row(out,
                 (const struct value[]){value_word(m->id), value_word(m->queue), value_time(m->arrival_s),
                                        value_bytes(m->size), value_word(m->sender[0] != '\0' ? m->sender : "<>"),
                                        value_number(m->recipients), value_word(m->recipient), value_word(m->reason)});
        (*n)++;
    }
    out->end(out);
    return cli_finish(cli, out);
}

/* Discarding cannot be undone: it is asked for on a terminal, or said with --yes. */
static int confirm(const struct cli *cli, const struct queue_request *r, size_t n)
{
    char question[80];
    struct buf b = BUF_OVER(question);

    if (r->action != QUEUE_DISCARD || r->yes)
        return CLI_OK;
    buf_addf(&b, "Delete %zu message%s for good?", n, n == 1 ? "" : "s");
    return cli_confirm(cli, question, false);
}

/* Nothing was found: perhaps because there is no such name. */
static void doubt(const struct cli *cli, const struct queue_request *r)
{
    char shown[4 * TEXT_SHOWN_MAX + 8], hint[4 * ADDRESS_MAX + 40];

    if (r->named.checked && !r->named.exists)
        (void)cli_fail(cli, "nobody has the name \"%s\"%s", text_plain(shown, sizeof shown, slice_of(r->user)),
                       known_hint(&r->named, hint, sizeof hint));
}

static int work(struct cli *cli, const struct queue_request *r, const struct queue_list *list)
{
    static const char *const done[] = {
        [QUEUE_HOLD] = "put on hold", [QUEUE_RELEASE] = "released", [QUEUE_DISCARD] = "deleted"};
    struct error e;
    size_t n;
    int status = queue_show(cli, r, list, &n);

    if (status == CLI_OK && n == 0)
        doubt(cli, r);
    if (status != CLI_OK || n == 0 || r->dry_run)
        return status;
    status = confirm(cli, r, n);
    if (status != CLI_OK)
        return status;
    if (queue_do(r->action, r->folder, list, &e) != 0)
        return cli_fail(cli, "%s", e.text);
    if (cli->format == OUTPUT_TEXT)
        printf("%zu message%s %s.\n", n, n == 1 ? "" : "s", done[r->action]);
    return CLI_OK;
}

static int queue_options(struct cli *cli, int argc, char **argv, struct queue_request *r)
{
    static const struct option options[] = {{"config-dir", required_argument, NULL, OPTION_CONFIG_DIR},
                                            {"since", required_argument, NULL, OPTION_SINCE},
                                            {"yes", no_argument, NULL, OPTION_YES},
                                            {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
                                            CLI_OUTPUT_OPTIONS,
                                            CLI_LAST_OPTIONS};
    struct error e;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) != CLI_OPTIONS_END) {
        if (option == CLI_OPTIONS_STOP)
            return status;
        if (option == OPTION_CONFIG_DIR)
            r->folder = optarg;
        if (option == OPTION_YES)
            r->yes = true;
        if (option == OPTION_DRY_RUN)
            r->dry_run = true;
        if (option == OPTION_SINCE && text_read_since(optarg, clock_wall_s(), &r->since_s, &e) != 0)
            return cli_usage(cli, "--since: %s", e.text);
    }
    if (cli_check_arguments(cli, argc, 1, 1) != 0)
        return CLI_USAGE;
    r->user = argv[optind];
    return CLI_OPTIONS_END;
}

static int queue_run(struct cli *cli, int argc, char **argv, enum queue_action action)
{
    struct queue_request r = {.action = action, .since_s = clock_wall_s() - SINCE_DEFAULT_S};
    struct queue_list list;
    struct error e;
    int status = queue_options(cli, argc, argv, &r);

    if (status != CLI_OPTIONS_END)
        return status;
    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    /* In a process of its own, which must not have the journal from this one. */
    known_user(cli, slice_of(r.user), &r.named);
    if ((r.user = known_login(cli, r.user, &r.named)) == NULL)
        return CLI_FAILED;
    if (cli_open_journal(cli) != 0)
        return CLI_FAILED;
    if (queue_find(cli, r.folder, &r.named, r.since_s, &list, &e) != 0)
        return cli_fail(cli, "%s", e.text);
    status = work(cli, &r, &list);
    queue_free(&list);
    return status;
}

int cmd_hold(struct cli *cli, int argc, char **argv)
{
    return queue_run(cli, argc, argv, QUEUE_HOLD);
}

int cmd_release(struct cli *cli, int argc, char **argv)
{
    return queue_run(cli, argc, argv, QUEUE_RELEASE);
}

int cmd_discard(struct cli *cli, int argc, char **argv)
{
    return queue_run(cli, argc, argv, QUEUE_DISCARD);
}
