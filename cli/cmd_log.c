/* postern log: recent decisions, from the journal or those of all relays; changes of settings, from the history. */
#include "cli/cluster_request.h"
#include "cli/commands.h"
#include "cli/known.h"
#include "core/base/clock.h"
#include "core/config/config_table.h"
#include "core/report/decisions.h"
#include "core/report/decisions_shared.h"
#include "core/report/log_question.h"
#include "core/report/runs_report.h"
#include "core/report/settings_log.h"

#include <stdlib.h>

#define SHOWN_DEFAULT 50
#define NOT_ALL_ANSWERED 3

/* Nothing was found: perhaps because there is no such name. */
static void doubt_user(const struct cli *cli, const char *user, const struct known *known)
{
    char shown[4 * TEXT_SHOWN_MAX + 8], hint[4 * ADDRESS_MAX + 40];

    if (known->checked && !known->exists)
        (void)cli_fail(cli, "nobody has the name \"%s\"%s", text_plain(shown, sizeof shown, slice_of(user)),
                       known_hint(known, hint, sizeof hint));
}

static void doubt_limit(const struct cli *cli, const char *limit)
{
    const char *names[CONFIG_LIMITS_MAX], *near;
    size_t n = cli->files.config->n_limits < CONFIG_LIMITS_MAX ? cli->files.config->n_limits : CONFIG_LIMITS_MAX;
    char shown[4 * TEXT_SHOWN_MAX + 8];

    for (size_t i = 0; i < n; i++) {
        names[i] = cli->files.config->limits[i].name;
        if (strcmp(names[i], limit) == 0)
            return;
    }
    near = config_suggest(slice_of(limit), names, n);
    (void)cli_fail(cli, "no limit in %s is called \"%s\"%s%s%s", cli->files.config->file,
                   text_plain(shown, sizeof shown, slice_of(limit)), near != NULL ? "; did you mean " : "",
                   near != NULL ? near : "", near != NULL ? "?" : "");
}

static int log_show(struct cli *cli, struct decisions_wanted x)
{
    struct known named = {.checked = false};
    struct printer *out;
    struct error e;
    size_t n;
    int rc;

    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    if (x.user != NULL) /* in a process of its own, which must not have the journal from this one */
        known_user(cli, slice_of(x.user), &named);
    if (x.user != NULL && (x.user = known_login(cli, x.user, &named)) == NULL)
        return CLI_FAILED;
    x.named = &named;
    if (cli_open_journal(cli) != 0)
        return CLI_FAILED;
    if ((out = cli_printer(cli)) == NULL)
        return CLI_FAILED;
    rc = decisions_report(&cli->files, &x, out, &n, &e);
    if (rc == 0 && n == 0 && x.user != NULL)
        doubt_user(cli, x.user, &named);
    if (rc == 0 && n == 0 && x.limit != NULL)
        doubt_limit(cli, x.limit);
    if (cli_finish(cli, out) != CLI_OK)
        return CLI_FAILED;
    return rc == 0 ? CLI_OK : cli_fail(cli, "%s", e.text);
}

/* What all relays have. Each looks for the name by its own directory. */
static int log_cluster(struct cli *cli, struct slice question, size_t most)
{
    struct printer *out;
    char *reply = NULL;
    struct error e;
    size_t n = 0;
    int rc;

    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    if (!cli->files.config->cluster.configured)
        return cli_fail(cli, "%s has no group \"cluster\": there are no other relays", cli->files.config->file);
    if (cluster_request(cli->files.config, CLUSTER_REQUEST_LOG, question, &reply, &n, &e) != 0)
        return cli_fail(cli, "%s", e.text);
    if (reply == NULL)
        return cli_fail(cli, "postern-cluster left no reply: see its log");
    if ((out = cli_printer(cli)) == NULL) {
        free(reply);
        return CLI_FAILED;
    }
    rc = decisions_shared_report((struct slice){reply, n}, most, out, &n, &e);
    free(reply);
    if (cli_finish(cli, out) != CLI_OK)
        return CLI_FAILED;
    return rc < 0 ? cli_fail(cli, "%s", e.text) : rc == 0 ? CLI_OK : NOT_ALL_ANSWERED;
}

/* What changed of the settings. */
static int log_settings(struct cli *cli, const struct decisions_wanted *x)
{
    struct settings_wanted wanted = {.user = x->user, .since_s = (int64_t)(x->since_ns / NS_PER_S), .most = x->most};
    struct known named = {.checked = false};
    struct printer *out;
    struct error e;
    size_t n = 0;
    int rc;

    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    if (x->user != NULL)
        known_user(cli, slice_of(x->user), &named);
    wanted.named = &named;
    if (cli_open_directory(cli) != 0 || cli_open_history(cli) != 0 || (out = cli_printer(cli)) == NULL)
        return CLI_FAILED;
    rc = settings_log_report(&cli->files, &wanted, out, &n, &e);
    if (rc == 0 && n == 0 && x->user != NULL)
        doubt_user(cli, x->user, &named);
    if (cli_finish(cli, out) != CLI_OK)
        return CLI_FAILED;
    return rc == 0 ? CLI_OK : cli_fail(cli, "%s", e.text);
}

/* How the runs of the mirror ended. */
static int log_runs(struct cli *cli, const struct decisions_wanted *x)
{
    struct printer *out;
    struct error e;
    int rc;

    if (cli_open_config(cli) != 0 || cli_open_history(cli) != 0)
        return CLI_FAILED;
    if (cli->files.history == NULL)
        return cli_fail(cli, "there is no history yet; postern-mirror makes it");
    if ((out = cli_printer(cli)) == NULL)
        return CLI_FAILED;
    rc = runs_report(&cli->files, &(struct runs_wanted){.since_s = (int64_t)(x->since_ns / NS_PER_S), .most = x->most},
                     out, &e);
    if (cli_finish(cli, out) != CLI_OK)
        return CLI_FAILED;
    return rc == 0 ? CLI_OK : cli_fail(cli, "%s", e.text);
}

/* ---- options ---- */

enum {
    OPT_USER = 256,
    OPT_CLIENT,
    OPT_VERDICT,
    OPT_REASON,
    OPT_LIMIT,
    OPT_STAGE,
    OPT_SINCE,
    OPT_LINES,
    OPT_EXPORT,
    OPT_SETTINGS,
    OPT_RUNS,
    OPT_CLUSTER
};

static int take_option(struct cli *cli, struct decisions_wanted *x, int option, const char *value)
{
    static const char *const names[] = {[OPT_USER - OPT_USER] = "user",       [OPT_CLIENT - OPT_USER] = "client",
                                        [OPT_VERDICT - OPT_USER] = "verdict", [OPT_REASON - OPT_USER] = "reason",
                                        [OPT_LIMIT - OPT_USER] = "limit",     [OPT_STAGE - OPT_USER] = "stage",
                                        [OPT_SINCE - OPT_USER] = "since",     [OPT_LINES - OPT_USER] = "lines"};
    struct error e;

    return decisions_want(x, names[option - OPT_USER], value, clock_wall_s(), &e) == 0 ? CLI_OK
                                                                                       : cli_usage(cli, "--%s", e.text);
}

/* The copy is the user's own, root's too. */
static int export(struct cli *cli, const char *path)
{
    struct error e;

    cli->files.leave_root = false;
    if (cli_open_journal(cli) != 0)
        return CLI_FAILED;
    return journal_export(cli->files.journal, path, &e) == 0 ? CLI_OK : cli_fail(cli, "%s", e.text);
}

static int ask_cluster(struct cli *cli, const struct decisions_wanted *x, bool plain, bool own, struct buf *asked)
{
    char lines[16];

    if (own)
        return cli_usage(cli, "--settings and --runs are this relay's own: give them without --cluster");
    if (!plain)
        return cli_usage(cli, "what to look for at all relays must be short, of one line each");
    if (x->most > LOG_QUESTION_DECISIONS)
        return cli_usage(cli, "with --cluster, --lines is at most %u", LOG_QUESTION_DECISIONS);
    (void)snprintf(lines, sizeof lines, "%zu", x->most);
    return log_question_add(asked, "lines", lines) ? log_cluster(cli, buf_slice(asked), x->most)
                                                   : cli_usage(cli, "what to look for is too long");
}

int cmd_log(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"user", required_argument, NULL, OPT_USER},
                                            {"client", required_argument, NULL, OPT_CLIENT},
                                            {"verdict", required_argument, NULL, OPT_VERDICT},
                                            {"reason", required_argument, NULL, OPT_REASON},
                                            {"limit", required_argument, NULL, OPT_LIMIT},
                                            {"stage", required_argument, NULL, OPT_STAGE},
                                            {"since", required_argument, NULL, OPT_SINCE},
                                            {"lines", required_argument, NULL, OPT_LINES},
                                            {"export", required_argument, NULL, OPT_EXPORT},
                                            {"settings", no_argument, NULL, OPT_SETTINGS},
                                            {"runs", no_argument, NULL, OPT_RUNS},
                                            {"cluster", no_argument, NULL, OPT_CLUSTER},
                                            CLI_OUTPUT_OPTIONS,
                                            CLI_LAST_OPTIONS};
    struct decisions_wanted x = {.most = SHOWN_DEFAULT};
    char question[LOG_QUESTION_MAX];
    struct buf asked = BUF_OVER(question);
    const char *copy = NULL;
    bool chosen = false, settings = false, runs = false, cluster = false, plain = true;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0) {
        if (option == OPT_EXPORT)
            copy = optarg;
        else if (option == OPT_SETTINGS)
            settings = true;
        else if (option == OPT_RUNS)
            runs = true;
        else if (option == OPT_CLUSTER)
            cluster = true;
        else if ((status = take_option(cli, &x, option, optarg)) != CLI_OK)
            return status;
        else {
            chosen = true;
            plain = plain && log_question_add(&asked, options[option - OPT_USER].name, optarg);
        }
    }
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return status;
    if (copy != NULL)
        return chosen || settings || runs || cluster
                   ? cli_usage(cli, "--export copies all of the journal: give it without what selects decisions")
                   : export(cli, copy);
    if (settings && (x.has_client || x.actions != 0 || x.reason != NULL || x.limit != NULL || x.has_stage))
        return cli_usage(cli, "--settings are not decisions: give it with --user, --since and --lines alone");
    if (runs && (settings || x.user != NULL || x.has_client || x.actions != 0 || x.reason != NULL || x.limit != NULL ||
                 x.has_stage))
        return cli_usage(cli, "--runs are not decisions: give it with --since and --lines alone");
    if (cluster)
        return ask_cluster(cli, &x, plain, settings || runs, &asked);
    if (runs)
        return log_runs(cli, &x);
    return settings ? log_settings(cli, &x) : log_show(cli, x);
}
