/* postern check-postfix: what in Postfix's configuration makes postern useless or harmful without saying so. */
#include "cli/accept.h"
#include "cli/commands.h"
#include "cli/findings_print.h"
#include "cli/postfix_tools.h"
#include "core/base/clock.h"
#include "core/report/postfix_check.h"
#include "core/report/postfix_kept.h"

#include <limits.h>

enum { OPTION_CONFIG_DIR = 2000, OPTION_JUNIT, OPTION_KEEP };

#define POSTFIX_FOLDER "/etc/postfix" /* as postconf has it, unless it says otherwise */

/* ---- a result for those who cannot ask Postfix ---- */

/*
 * Reads Postfix's configuration, and first of all looks at its files: what changes meanwhile must be seen as changed
 * afterwards. Where they are elsewhere than expected is known only then.
 */
static int read_and_look(const char *config_path, const char *folder, struct postfix *p, struct made_by *by,
                         struct error *e)
{
    char there[PATH_MAX];

    if (made_by_look(config_path, folder != NULL ? folder : POSTFIX_FOLDER, by, e) != 0 ||
        postfix_read(folder, p, e) != 0)
        return -1;
    (void)snprintf(there, sizeof there, "%.*s", SLICE_ARG(postfix_get(p, NULL, "config_directory")));
    if (folder != NULL || strcmp(there, POSTFIX_FOLDER) == 0)
        return 0;
    postfix_free(p);
    return made_by_look(config_path, there, by, e) == 0 ? postfix_read(folder, p, e) : -1;
}

static int keep_result(struct cli *cli, const char *folder)
{
    struct postfix_result result = {.at_s = clock_wall_s()};
    struct findings f;
    struct postfix p;
    struct error e, trouble;
    bool read = read_and_look(cli->files.config_path, folder, &p, &result.by, &trouble) == 0;
    int rc;

    findings_begin(&f, postfix_rules, PF_RULES);
    if (read && postfix_check_all(cli->files.config, cli->files.journal, &p, &f, &trouble) == 0 && !f.lost)
        result.findings = &f;
    else if (f.lost)
        result.trouble = "out of memory";
    else
        result.trouble = trouble.text;
    rc = postfix_keep(cli->files.config, &result, &e);
    findings_free(&f);
    if (read)
        postfix_free(&p);
    if (rc != 0)
        return cli_fail(cli, "%s", e.text);
    return result.trouble == NULL ? CLI_OK : cli_fail(cli, "%s", result.trouble);
}

/* ---- the command ---- */

static int check(struct cli *cli, const char *folder, bool junit)
{
    struct findings f;
    struct postfix p;
    struct error e;
    int status;

    if (postfix_read(folder, &p, &e) != 0)
        return cli_fail(cli, "%s", e.text);
    findings_begin(&f, postfix_rules, PF_RULES);
    if (postfix_check_all(cli->files.config, cli->files.journal, &p, &f, &e) != 0)
        status = cli_fail(cli, "%s", e.text);
    else if ((status = findings_print(cli, &f, junit, "check-postfix")) == CLI_OK)
        status = findings_exit_status(&f);
    findings_free(&f);
    postfix_free(&p);
    return status;
}

int cmd_check_postfix(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"config-dir", required_argument, NULL, OPTION_CONFIG_DIR},
                                            {"junit", no_argument, NULL, OPTION_JUNIT},
                                            {"keep", no_argument, NULL, OPTION_KEEP},
                                            {"json", no_argument, NULL, CLI_OPTION_JSON},
                                            ACCEPT_OPTIONS,
                                            CLI_LAST_OPTIONS};
    struct accept accept = {.rule = NULL};
    bool junit = false, keep = false;
    const char *folder = NULL;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) != CLI_OPTIONS_END) {
        if (option == CLI_OPTIONS_STOP)
            return status;
        if (option == OPTION_CONFIG_DIR)
            folder = optarg;
        junit |= option == OPTION_JUNIT;
        keep |= option == OPTION_KEEP;
        accept_take(&accept, option, optarg);
    }
    if (cli_check_arguments(cli, argc, 0, 0) != 0)
        return CLI_USAGE;
    if (accept_wanted(&accept))
        return accept_run(cli, &accept, "check-postfix", postfix_rules, PF_RULES);
    if (keep && (junit || cli->format != OUTPUT_TEXT))
        return cli_usage(cli, "--keep shows nothing: --json and --junit are for those who look at it here");
    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    /* The journal is optional: without one the rules about what was seen are skipped. */
    (void)cli_open_journal(cli);
    return keep ? keep_result(cli, folder) : check(cli, folder, junit);
}
