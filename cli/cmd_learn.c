/* postern learn: habits and familiar networks from what was sent before postern was there. */
#include "cli/commands.h"
#include "cli/log_file.h"
#include "core/report/learn.h"

#include <stdlib.h>

struct learn_request {
    bool sign_ins, yes, dry_run;
    char *const *paths;
    size_t n_paths;
};

static int learn_options(struct cli *cli, int argc, char **argv, struct learn *l, struct learn_request *r)
{
    enum { SIGN_INS = 256, INCLUDE, YES, DRY_RUN };
    static const struct option options[] = {{"sign-ins", no_argument, NULL, SIGN_INS},
                                            {"include", required_argument, NULL, INCLUDE},
                                            {"yes", no_argument, NULL, YES},
                                            {"dry-run", no_argument, NULL, DRY_RUN},
                                            {"json", no_argument, NULL, CLI_OPTION_JSON},
                                            CLI_LAST_OPTIONS};
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0) {
        r->sign_ins |= option == SIGN_INS;
        r->yes |= option == YES;
        r->dry_run |= option == DRY_RUN;
        if (option == INCLUDE && l->n_include == LEARN_INCLUDE_MAX)
            return cli_usage(cli, "--include: more than %u logins", LEARN_INCLUDE_MAX);
        if (option == INCLUDE)
            l->include[l->n_include++].name = optarg;
    }
    if (option == CLI_OPTIONS_STOP)
        return status;
    r->paths = argv + optind;
    r->n_paths = (size_t)(argc - optind);
    if (r->n_paths == 0 && !r->sign_ins)
        return cli_usage(cli, "from what? Name the files of a mail log, \"-\" for standard input, or --sign-ins");
    for (size_t i = 0; i < r->n_paths; i++)
        if (r->n_paths > 1 && strcmp(r->paths[i], "-") == 0)
            return cli_usage(cli, "\"-\" cannot be put in order with files: give it alone");
    return CLI_OPTIONS_END;
}

/* ---- reading ---- */

static int take_export(void *arg, struct slice text, struct error *e)
{
    return learn_export(arg, text, e);
}

static int read_files(struct cli *cli, struct learn *l, const struct learn_request *r)
{
    struct log_files files = {.log = postfix_log_new(&l->mail), .export = take_export, .arg = l};
    struct error e;
    int rc;

    if (files.log == NULL)
        return cli_fail(cli, "out of memory");
    rc = log_files_read(&files, r->paths, r->n_paths, &e);
    postfix_log_end(files.log);
    l->from_log = files.any_log;
    l->log = *postfix_log_tally(files.log);
    postfix_log_free(files.log);
    return rc == 0 ? CLI_OK : cli_fail(cli, "%s", e.text);
}

static int read_sign_ins(struct cli *cli, struct learn *l)
{
    struct error e;

    if (cli_open_history(cli) != 0)
        return CLI_FAILED;
    if (cli->files.history == NULL)
        return cli_fail(cli, "no sign-ins were read yet: exchange.sign_ins in postern.conf(5) has them read");
    return learn_sign_ins(l, cli->files.history, &e) == 0 ? CLI_OK : cli_fail(cli, "%s", e.text);
}

static int gather(struct cli *cli, struct learn *l, const struct learn_request *r)
{
    struct error e;

    if (r->n_paths > 0 && read_files(cli, l, r) != CLI_OK)
        return CLI_FAILED;
    if (r->sign_ins && read_sign_ins(cli, l) != CLI_OK)
        return CLI_FAILED;
    if (learn_judge(l, &e) != 0)
        return cli_fail(cli, "%s", e.text);
    for (size_t i = 0; i < l->n_include; i++)
        if (!l->include[i].met) {
            char shown[4 * TEXT_SHOWN_MAX + 8];

            return cli_fail(cli, "--include: no message of \"%s\" is in the log",
                            text_plain(shown, sizeof shown, slice_of(l->include[i].name)));
        }
    return CLI_OK;
}

/* ---- taking ---- */

static int show(struct cli *cli, const struct learn *l)
{
    struct printer *out = cli_printer(cli);
    struct error e;
    int rc, status;

    if (out == NULL)
        return CLI_FAILED;
    rc = learn_show(l, out, &e);
    status = cli_finish(cli, out);
    return rc == 0 ? status : cli_fail(cli, "%s", e.text);
}

static void log_taken(const struct cli *cli, const struct learn *l, const struct learn_taken *taken)
{
    char logins[24], networks[24], left_out[24], included[600];
    struct buf a = BUF_OVER(logins), b = BUF_OVER(networks), c = BUF_OVER(left_out), d = BUF_OVER(included);
    struct cli_field fields[] = {
        {"logins", logins}, {"networks", networks}, {"left_out", left_out}, {"included", included}};

    buf_add_u64(&a, taken->logins);
    buf_add_u64(&b, taken->networks);
    buf_add_u64(&c, l->n_logins - taken->logins);
    for (size_t i = 0; i < l->n_include; i++) {
        buf_add(&d, i > 0 ? SLICE(",") : SLICE(""));
        buf_add(&d, slice_of(l->include[i].name));
    }
    cli_log(cli, "learn", fields, l->n_include > 0 ? 4 : 3);
}

static int take(struct cli *cli, struct learn *l)
{
    int told = cli_tell_others(cli);
    struct learn_taken taken = learn_take(l, state_habits(cli->files.state), state_counters(cli->files.state));

    log_taken(cli, l, &taken);
    if (cli->format == OUTPUT_TEXT)
        printf("Learnt: %zu login%s, %zu network%s.\n", taken.logins, taken.logins == 1 ? "" : "s", taken.networks,
               taken.networks == 1 ? "" : "s");
    if (cli_make_durable(cli) != CLI_OK)
        return CLI_FAILED;
    return taken.no_room == 0 ? told : cli_fail(cli, "%zu logins found no room: raise state.entries", taken.no_room);
}

static int confirm(const struct cli *cli, const struct learn *l, const struct learn_request *r)
{
    size_t logins = learn_count_logins(l), networks = learn_count_networks(l);
    char question[160];
    struct buf b = BUF_OVER(question);

    if (r->yes)
        return CLI_OK;
    buf_addf(&b, "Take the habits of %zu login%s, and %zu network%s as familiar?", logins, logins == 1 ? "" : "s",
             networks, networks == 1 ? "" : "s");
    return cli_confirm(cli, question, r->n_paths == 1 && strcmp(r->paths[0], "-") == 0);
}

static int learn(struct cli *cli, struct learn *l, const struct learn_request *r)
{
    struct decide_context c;
    int status;

    if ((r->dry_run ? cli_open_context(cli, &c) : cli_open_context_to_change(cli, &c)) != 0)
        return CLI_FAILED;
    if (cli->files.view == NULL)
        return cli_fail(cli, "there is no directory yet, which says whose each login is; run postern-mirror first");
    if (!cli->files.config->limits_use_habits)
        return cli_fail(cli, "no limit in %s is relative to a habit (beyond = \"habit\", preset = \"standard\")",
                        cli->files.config->file);
    l->context = &c; // cppcheck-suppress autoVariables // the caller frees l
    if ((status = gather(cli, l, r)) != CLI_OK || (status = show(cli, l)) != CLI_OK || r->dry_run)
        return status;
    if (learn_count_logins(l) + learn_count_networks(l) == 0)
        return cli_fail(cli, "%s", learn_why_nothing(l));
    (void)fflush(stdout);
    return (status = confirm(cli, l, r)) == CLI_OK ? take(cli, l) : status;
}

int cmd_learn(struct cli *cli, int argc, char **argv)
{
    struct learn *l = calloc(1, sizeof *l);
    struct learn_request r = {.yes = false};
    int status;

    if (l == NULL)
        return cli_fail(cli, "out of memory");
    if ((status = learn_options(cli, argc, argv, l, &r)) == CLI_OPTIONS_END)
        status = learn(cli, l, &r);
    learn_free(l);
    free(l);
    return status;
}
