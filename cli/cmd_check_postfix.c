/* postern check-postfix: what in Postfix's configuration makes postern useless or harmful without saying so. */
#include "cli/commands.h"
#include "cli/postfix_check.h"
#include "core/base/clock.h"

#include <errno.h>

#define SEEN_DAYS 7u

enum { OPTION_CONFIG_DIR = 2000, OPTION_JUNIT };

/* Of two services of one name and type master(8) runs the last, with a warning in the log. */
static void check_doubles(const struct postfix_check *c)
{
    const struct postfix *p = c->p;
    char place[POSTFIX_PLACE_MAX];

    for (size_t i = 0; i < p->n_services; i++)
        for (size_t j = 0; j < i; j++)
            if (slice_eq(p->services[i].name, p->services[j].name) &&
                slice_eq(p->services[i].type, p->services[j].type)) {
                findings_add(
                    c->findings, PF_DOUBLE_SERVICE, postfix_place(p, &p->services[i], NULL, place),
                    "%.*s/%.*s stands in master.cf twice: Postfix uses the last of the two, and nothing of the other",
                    SLICE_ARG(p->services[i].name), SLICE_ARG(p->services[i].type));
                break;
            }
}

int postfix_check_all(const struct config *config, struct journal *journal, const struct postfix *p, struct findings *f,
                      struct error *e)
{
    struct postfix_check c = {.p = p, .config = config, .findings = f};
    bool logins = false;
    struct smtpd s;

    f->merge = true;
    for (size_t i = 0; i < p->n_services; i++) {
        if (!smtpd_look(&c, &p->services[i], &s))
            continue;
        logins = logins || s.logins;
        postfix_check_asking(&c, &s);
        postfix_check_lists(&c, &s);
        postfix_check_milter(&c, &s);
        postfix_check_relay(&c, &s);
        postfix_check_networks(&c, &s);
        postfix_check_filters(&c, &s);
        postfix_check_service(&c, &s);
    }
    if (!logins)
        findings_add(f, PF_NO_SERVICE, "master.cf", "no service has smtpd_sasl_auth_enable = yes: nobody can log in");
    check_doubles(&c);
    postfix_check_main(&c);
    return postfix_check_seen(&c, journal, clock_wall_ns() - SEEN_DAYS * 86400 * NS_PER_S, e);
}

/* The journal is a help, not a condition: without one the rules about what was seen are skipped. */
static void open_journal(struct cli *cli)
{
    (void)cli_open_journal(cli);
}

int cmd_check_postfix(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"config-dir", required_argument, NULL, OPTION_CONFIG_DIR},
                                            {"junit", no_argument, NULL, OPTION_JUNIT},
                                            {"json", no_argument, NULL, CLI_OPTION_JSON},
                                            CLI_LAST_OPTIONS};
    enum findings_format format = FINDINGS_TEXT;
    const char *folder = NULL;
    struct findings f;
    struct postfix p;
    struct error e;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) != CLI_OPTIONS_END) {
        if (option == CLI_OPTIONS_STOP)
            return status;
        if (option == OPTION_CONFIG_DIR)
            folder = optarg;
        if (option == OPTION_JUNIT)
            format = FINDINGS_JUNIT;
    }
    if (cli->format == OUTPUT_JSON)
        format = FINDINGS_JSON;
    if (cli_check_arguments(cli, argc, 0, 0) != 0)
        return CLI_USAGE;
    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    open_journal(cli);
    if (postfix_read(folder, &p, &e) != 0)
        return cli_fail(cli, "%s", e.text);
    findings_begin(&f, postfix_rules, PF_RULES);
    f.terminal = cli->terminal;
    if (postfix_check_all(cli->config, cli->journal, &p, &f, &e) != 0)
        status = cli_fail(cli, "%s", e.text);
    else if (findings_print(&f, format, "check-postfix", stdout) != 0)
        status = cli_fail(cli, "the findings could not be written: %s", strerror(errno));
    else
        status = findings_exit_status(&f);
    findings_free(&f);
    postfix_free(&p);
    return status;
}
