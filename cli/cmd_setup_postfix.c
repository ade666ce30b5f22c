/* postern setup-postfix: makes Postfix ask postern, and undoes that. */
#include "cli/commands.h"
#include "cli/findings_print.h"
#include "cli/postfix_tools.h"
#include "cli/setup_postfix.h"
#include "cli/spawn.h"

#include <errno.h>

enum { OPTION_DRY_RUN = 2100, OPTION_APPLY, OPTION_UNDO, OPTION_FORCE, OPTION_FOLDER };

struct setup {
    struct cli *cli;
    const char *folder_option; /* --config-dir; NULL */
    bool force;
};

/* With these Postfix could not ask: all its mail would wait. */
static const enum postfix_rule fatal[] = {PF_WRONG_SOCKET, PF_SOCKET_CHROOT, PF_SOCKET_MISSING, PF_SOCKET_PERMISSION};

/* Runs one of Postfix's tools with "-c FOLDER". 0 when it ended with 0; else -1 with e, which has what it said. */
static int run_tool(const struct setup *x, const char *tool, const char *option, const char *setting, struct error *e)
{
    const char *argv[6] = {spawn_tool(tool, e), NULL};
    char said[SPAWN_ERRORS_MAX];
    struct buf b = BUF_OVER(said);
    struct spawn_result r;
    size_t n = 1;
    int status;

    if (argv[0] == NULL)
        return -1;
    if (x->folder_option != NULL) {
        argv[n++] = "-c";
        argv[n++] = x->folder_option;
    }
    argv[n++] = option;
    argv[n] = setting;
    if (spawn_run(argv, (struct slice){NULL, 0}, &r, e) != 0)
        return -1;
    text_add_plain(&b, slice_trim(slice_of(r.errors)));
    status = r.status;
    spawn_free(&r);
    return status == 0 ? 0 : error_set(e, "%s %s ended with status %d: %s", tool, option, status, said);
}

static void print_plan(const struct setup *x, const struct setup_plan *plan)
{
    const char *why = NULL;

    for (size_t i = 0; i < plan->n; i++) {
        char text[2 * SETUP_STEP_BYTES], shown[6 * SETUP_STEP_BYTES];
        struct buf b = BUF_OVER(text), plain = BUF_OVER(shown);

        if (why == NULL || strcmp(why, plan->steps[i].why) != 0)
            printf("# %s\n", plan->steps[i].why);
        why = plan->steps[i].why;
        buf_addf(&b, "postconf ");
        if (x->folder_option != NULL) {
            buf_add(&b, SLICE("-c "));
            postfix_add_quoted(&b, slice_of(x->folder_option));
            buf_add_char(&b, ' ');
        }
        buf_addf(&b, "%s ", plan->steps[i].option);
        postfix_add_quoted(&b, slice_of(plan->steps[i].setting));
        text_add_plain(&plain, buf_slice(&b));
        printf("%s\n", shown);
    }
    for (struct slice rest = slice_of(plan->notes), line; rest.n > 0;) {
        (void)slice_cut(rest, '\n', &line, &rest);
        printf("note: %.*s\n", SLICE_ARG(line));
    }
}

static size_t count_fatal(const struct findings *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++)
        for (size_t j = 0; j < sizeof fatal / sizeof fatal[0]; j++)
            n += f->list[i].rule == &postfix_rules[fatal[j]];
    return n;
}

/* What check-postfix finds in what is there now, into f, which the caller frees: 0, or -1 with e. */
static int check_now(const struct setup *x, struct findings *f, struct error *e)
{
    struct postfix p;
    int rc;

    findings_begin(f, postfix_rules, PF_RULES);
    if (postfix_read(x->folder_option, &p, e) != 0)
        return -1;
    rc = postfix_check_all(x->cli->files.config, x->cli->files.journal, &p, f, e);
    postfix_free(&p);
    return rc;
}

/* Whether Postfix runs with that configuration; then it reads it again. */
static int reload_postfix(const struct setup *x, struct error *e)
{
    struct error none;

    if (run_tool(x, "postfix", "status", NULL, &none) != 0) {
        printf("Postfix does not run: nothing to reload\n");
        return 0;
    }
    if (run_tool(x, "postfix", "reload", NULL, e) != 0)
        return -1;
    printf("Postfix has reloaded\n");
    return 0;
}

/* Runs the steps, and checks that Postfix works with them. */
static int carry_out(const struct setup *x, const struct setup_plan *plan, size_t fatal_before, struct findings *f,
                     struct error *e)
{
    for (size_t i = 0; i < plan->n; i++)
        if (run_tool(x, "postconf", plan->steps[i].option, plan->steps[i].setting, e) != 0)
            return -1;
    if (run_tool(x, "postfix", "check", NULL, e) != 0 || check_now(x, f, e) != 0)
        return -1;
    if (count_fatal(f) > fatal_before) {
        (void)findings_print(x->cli, f, false, "check-postfix");
        return error_set(e, "Postfix could not ask postern like that, and all mail would wait");
    }
    return 0;
}

static int apply(const struct setup *x, const struct setup_plan *plan, struct slice folder, size_t fatal_before)
{
    struct findings f = {.n = 0};
    struct error e, e2;
    int status;

    if (setup_copies_keep(folder, &e) != 0)
        return cli_fail(x->cli, "%s; nothing was changed", e.text);
    if (carry_out(x, plan, fatal_before, &f, &e) != 0 || setup_copies_note(folder, &e) != 0) {
        status = setup_copies_restore(folder, true, &e2) != 0
                     ? cli_fail(x->cli, "%s; and main.cf and master.cf could not be put back: %s", e.text, e2.text)
                     : cli_fail(x->cli, "%s; main.cf and master.cf are as they were", e.text);
        findings_free(&f);
        return status;
    }
    printf("\npostfix check found nothing wrong\n");
    status = reload_postfix(x, &e) != 0 ? cli_fail(x->cli, "%s", e.text) : CLI_OK;
    if (findings_print(x->cli, &f, false, "check-postfix") != CLI_OK)
        status = CLI_FAILED;
    findings_free(&f);
    printf("copies are in %.*s/" SETUP_COPIES "; \"postern setup-postfix --undo\" puts them back\n", SLICE_ARG(folder));
    return status;
}

static int undo(const struct setup *x, struct slice folder)
{
    struct error e;

    if (setup_copies_restore(folder, x->force, &e) != 0)
        return cli_fail(x->cli, "%s", e.text);
    printf("main.cf and master.cf are as they were before\n");
    return reload_postfix(x, &e) != 0 ? cli_fail(x->cli, "%s", e.text) : CLI_OK;
}

/* Both files' folder, as Postfix names it. */
static int act(const struct setup *x, int what, const struct postfix *p)
{
    struct slice folder = postfix_get(p, NULL, "config_directory");
    struct postfix_check c = {.p = p, .config = x->cli->files.config};
    struct findings before;
    struct setup_plan plan;
    struct error e;
    int status = CLI_OK;

    if (what == OPTION_UNDO)
        return undo(x, folder);
    for (size_t i = 0; i < p->n_services; i++)
        for (size_t j = 0; j < i; j++)
            if (slice_eq(p->services[i].name, p->services[j].name) &&
                slice_eq(p->services[i].type, p->services[j].type))
                return cli_fail(x->cli, "%.*s/%.*s is in master.cf twice: delete one of the two first",
                                SLICE_ARG(p->services[i].name), SLICE_ARG(p->services[i].type));
    if (setup_plan(&c, &plan, &e) != 0) {
        x->cli->files.may_not_read |= plan.closed;
        return cli_fail(x->cli, "%s", e.text);
    }
    if (check_now(x, &before, &e) != 0)
        status = cli_fail(x->cli, "%s", e.text);
    else {
        print_plan(x, &plan);
        if (plan.n == 0)
            printf("Postfix asks postern already: nothing to change\n");
        else if (what == OPTION_APPLY)
            status = apply(x, &plan, folder, count_fatal(&before));
    }
    findings_free(&before);
    setup_plan_free(&plan);
    return status;
}

int cmd_setup_postfix(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"dry-run", no_argument, NULL, OPTION_DRY_RUN},
                                            {"apply", no_argument, NULL, OPTION_APPLY},
                                            {"undo", no_argument, NULL, OPTION_UNDO},
                                            {"force", no_argument, NULL, OPTION_FORCE},
                                            {"config-dir", required_argument, NULL, OPTION_FOLDER},
                                            CLI_LAST_OPTIONS};
    struct setup x = {.cli = cli};
    int option, status, what = 0;
    struct postfix p;
    struct error e;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) != CLI_OPTIONS_END) {
        if (option == CLI_OPTIONS_STOP)
            return status;
        if (option == OPTION_FOLDER)
            x.folder_option = optarg;
        else if (option == OPTION_FORCE)
            x.force = true;
        else if (what != 0)
            return cli_usage(cli, "one of --dry-run, --apply and --undo");
        else
            what = option;
    }
    if (what == 0)
        return cli_usage(cli, "say --dry-run, --apply or --undo");
    if (cli_check_arguments(cli, argc, 0, 0) != 0)
        return CLI_USAGE;
    /* Undoing must work with a broken configuration of postern, too. */
    if (what != OPTION_UNDO && cli_open_config(cli) != 0)
        return CLI_FAILED;
    if (postfix_read(x.folder_option, &p, &e) == 0) {
        status = act(&x, what, &p);
        postfix_free(&p);
        return status;
    }
    /* Undoing must work even if Postfix can no longer read its files. */
    if (what != OPTION_UNDO)
        return cli_fail(cli, "%s", e.text);
    return undo(&x, slice_of(x.folder_option != NULL ? x.folder_option : "/etc/postfix"));
}
