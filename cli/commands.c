#include "cli/commands.h"

#include "core/config/config_table.h"
#include "core/config/program.h"

#define QUEUE_HELP                                                                                                     \
    "  --since TIME       what postern saw since then (7d)\n"                                                          \
    "  --config-dir DIR   Postfix's, in place of its default one\n"                                                    \
    "  --dry-run          only show the messages affected\n"
#define LIST_HELP                                                                                                      \
    "  --reason TEXT   for those who look at the file later\n"                                                         \
    "  --force         although no mailbox has that name\n"                                                            \
    "  --cluster       in the lists of all relays, not in this one's\n"
#define ACCEPT_HELP                                                                                                    \
    "  --accept RULE      mark what it found as accepted, with --until DAY,\n"                                         \
    "                     --reason TEXT, and --where WHERE for one place only\n"                                       \
    "  --withdraw RULE    take that back, with --where WHERE for one place only\n"
#define OUTPUT_HELP "  --csv, --json      for programs instead of people\n"

const struct cli_command cli_commands[] = {
    {"explain", "--user LOGIN [OPTION...]", "What would this message get, and why? Charges nothing",
     "  --user LOGIN        as it signs in, or a mailbox by its display name or Guid;\n"
     "                      none: not authenticated\n"
     "  --client ADDRESS    IP address\n"
     "  --method NAME       SASL mechanism (PLAIN)\n"
     "  --tls VERSION       none, 1.0, 1.1, 1.2, 1.3 (1.3)\n"
     "  --sender ADDRESS    envelope sender, \"<>\" for none (the login's own address)\n"
     "  --recipient ADDRESS once for each\n"
     "  --from TEXT         value of the header From\n"
     "  --size BYTES\n"
     "  --stage STAGE       auth, mail, rcpt, data or end alone (the whole message)\n"
     "  --at TIME           at another moment, with what is counted now\n"
     "  --log-line          read all that from a line of postern's log on stdin\n"
     "  --policy            read all that from a policy request on stdin\n"
     "  --json              for programs instead of people\n",
     cmd_explain, true, true},
    {"log", "[OPTION...]", "Recent decisions",
     "  --user LOGIN        or mailbox, or connector\n"
     "  --client ADDRESS    or network\n"
     "  --verdict VERDICT   pass, defer, reject, hold or refused; may be repeated\n"
     "  --reason REASON     as in the log\n"
     "  --limit NAME\n"
     "  --stage STAGE       auth, mail, rcpt, data or end\n"
     "  --since TIME        \"2h\", \"08:30\", \"2025-11-21 08:30\"\n"
     "  --lines N           the last N of them (50)\n"
     "  --cluster           of all relays, each of which looks; at most 200 lines\n"
     "  --settings          instead: changes of settings, with --user, --since\n"
     "  --runs              instead: how runs of the mirror ended, with --since\n"
     "  --export FILE       instead: a copy of the whole journal, for sqlite3\n" OUTPUT_HELP,
     cmd_log, true, true},
    {"would-refuse", "[--since TIME]", "What monitor mode would have refused", "  --since TIME    (7d)\n" OUTPUT_HELP,
     cmd_would_refuse, true, true},
    {"block", "[--for TIME] [--reason TEXT] WHOM", "Refuse a user, address, network or connector",
     "  WHOM            a login, a mailbox by any name, an IP address, a network, or a\n"
     "                  connector's name; or two words, as \"postern blocks\" shows\n"
     "                  them: user, login, client, network or connector, and the name\n"
     "  --for TIME      \"15m\", \"2h\", \"7d\"; else until it is unblocked\n"
     "  --reason TEXT   for those who look at the block later\n"
     "  --force         although never_block protects it, or nobody has that name\n",
     cmd_block, false, false},
    {"unblock", "[--accept] [--at-most N] [--reason TEXT] WHOM", "Lift a block, and reset the counters that led to it",
     "  WHOM            as for \"postern block\", or as \"postern blocks\" shows it\n"
     "  --accept        what it sent in the last hour and day is usual from now on;\n"
     "                  also for a login or connector that is only deferred\n"
     "  --at-most N     nothing if these would be more blocks\n"
     "  --reason TEXT   for those who look at \"postern blocks --ended\" later\n",
     cmd_unblock, false, false},
    {"blocks", "[--ended] [--csv|--json]", "Who is blocked, by what, until when, and what was seen before",
     "  --ended            instead: whose block ended, when, how, and by whom\n"
     "  --since TIME       with it: that ended since then\n"
     "  --lines N          with it: the newest N (50)\n" OUTPUT_HELP,
     cmd_blocks, true, true},
    {"hold", "[OPTION...] USER", "Put what a login has queued on hold; release: let it go again",
     QUEUE_HELP OUTPUT_HELP, cmd_hold, false, false},
    {"release", "[OPTION...] USER", NULL, "Lets it go again\n\n" QUEUE_HELP OUTPUT_HELP, cmd_release, false, false},
    {"discard", "[OPTION...] USER", "Show, then delete what a login has in the queue",
     QUEUE_HELP "  --yes              do not ask\n" OUTPUT_HELP, cmd_discard, false, false},
    {"report", "KIND [OPTION...]", "Who may use SMTP AUTH, and who does",
     "  KIND            enabled, disabled, inherited: mailboxes by their setting\n"
     "                  used: who really submits, how, from where\n"
     "                  unused: who may, but was silent for --days\n"
     "                  refused, basic (passwords), legacy-tls\n"
     "                  failed-sign-ins: at Exchange Online itself\n"
     "                  new-networks: from where logins sent for the first time\n"
     "                  habits: what each login usually sends\n"
     "  --days N        unused: 90 unless given; others: seen in the last N days\n"
     "  --powershell    used, unused: a script that enables, or disables, each;\n"
     "                  enabled, disabled, inherited: one that puts these back\n"
     "  --force         unused: the script although usage is not known for --days,\n"
     "                  or other relays are named whose usage is not known\n" OUTPUT_HELP,
     cmd_report, true, true},
    {"status", "[--check | [--cluster] [--json]]", "Services, directory, verdicts; top: the same, again and again",
     "  --check            one line with performance data for Nagios, Icinga, Checkmk;\n"
     "                     exit status: 0 OK, 1 warning, 2 critical, 3 unknown\n"
     "  --cluster          instead: the other relays, and what differs there\n"
     "  --json             for programs instead of people\n"
     "Exit status: 3 when a service or listener is down, the configuration is wrong,\n"
     "there is no directory, or another relay needs a look; 6 when something may\n"
     "not be read; 7 when the services use another generation of the directory\n"
     "than is in its folder\n",
     cmd_status, true, true},
    {"top", "[--interval SECONDS]", NULL,
     "The same as status, again and again, on a terminal\n"
     "  --interval SECONDS  (2)\n  --once              one picture only\n",
     cmd_top, true, false},
    {"metrics", "", "The same as Prometheus text, for a textfile collector", NULL, cmd_metrics, true, false},
    {"check", "[--json]", "What the configuration means, and what in it to look at twice",
     "  --json             for programs instead of people\n"
     "\"postern -t\" is the same. Exit status: 1 when the configuration is wrong\n",
     cmd_check, false, true},
    {"learn", "[OPTION...] FILE...", "Habits and familiar networks from an earlier mail log",
     "  FILE               Postfix's log: rotated, compressed, of journalctl, \"-\" for\n"
     "                     standard input; or another relay's \"report habits --json\"\n"
     "  --sign-ins         the networks of sign-ins at Exchange Online, on 7 days\n"
     "  --include LOGIN    although one of its days stands out; may be repeated\n"
     "  --dry-run          only show what would be learnt\n"
     "  --yes              do not ask\n"
     "  --json             for programs instead of people\n",
     cmd_learn, false, false},
    {"audit", "[--days N] [OPTION...] [--json | --junit]",
     "Settings, configuration and use against what is recommended",
     "  --days N           silent for so long is unused (90)\n"
     "  --basic-shutdown   instead: who stops when Exchange Online takes no passwords\n"
     "  --config-dir DIR   with it: Postfix's, in place of its default one\n"
     "  --csv              with it, for programs\n" ACCEPT_HELP "  --json, --junit    for programs instead of people\n"
     "Exit status: 0 nothing to change; 3, 4, 5 the worst finding is low or medium,\n"
     "high, critical\n",
     cmd_audit, false, true},
    {"check-postfix", "[--config-dir DIR] [OPTION...] [--json | --junit]",
     "Does Postfix's configuration leave postern something to decide?",
     "  --config-dir DIR   Postfix's, in place of its default one\n"
     "  --keep             instead of showing it: for the pages of postern-web\n" ACCEPT_HELP
     "  --json, --junit    for programs instead of people\n"
     "Exit status: 0 nothing to change; 3, 4, 5 the worst finding is low or medium,\n"
     "high, critical\n",
     cmd_check_postfix, false, true},
    {"setup-postfix", "--dry-run | --apply | --undo [OPTION...]", "Let Postfix ask postern, or take that back",
     "  --dry-run          only show the commands\n"
     "  --apply            run them, keep copies of main.cf, master.cf; check, reload\n"
     "  --undo             put the copies back\n"
     "  --force            undo although the files were changed since\n"
     "  --config-dir DIR   Postfix's, in place of its default one\n",
     cmd_setup_postfix, false, false},
    {"test-message", "--to ADDRESS [OPTION...]", "Send one message through this relay: where does it end?",
     "  --to ADDRESS        may be repeated\n"
     "  --from ADDRESS      the sender; the login's address unless given\n"
     "  --user LOGIN        none: no login, as a connector\n"
     "  --method NAME       SASL mechanism (PLAIN, else LOGIN)\n"
     "  --password-fd N     reads the password from descriptor N; else the terminal\n"
     "  --server HOST:PORT  else the service of Postfix's master.cf\n"
     "  --implicit-tls      of --server: TLS from the first byte, as on port 465\n"
     "  --name NAME         in the server's certificate (its host, or myhostname)\n"
     "  --ca FILE           certificates to trust, in place of the system's\n"
     "  --client ADDRESS    the address of this machine to connect from\n"
     "  --timeout TIME      longest wait for each reply (1m)\n"
     "  --config-dir DIR    Postfix's, in place of its default one\n"
     "  --json              for programs instead of people\n"
     "Exit status: 0 accepted; 3 no connection or TLS; 4 login failed;\n"
     "5 refused for good; 8 deferred\n",
     cmd_test_message, false, false},
    {"allow", "[--cluster] [--reason TEXT] USER", "Into the allow file: a mailbox, @domain or account", LIST_HELP,
     cmd_allow, false, false},
    {"deny", "[--cluster] [--reason TEXT] USER", "Into the deny file, out of the allow file; forget: out of both",
     LIST_HELP, cmd_deny, false, false},
    {"forget", "[--cluster] USER", NULL,
     "Takes it out of the allow file and the deny file\n"
     "  --cluster       out of the lists of all relays, not of this one's\n",
     cmd_forget, false, false},
    {"alert", "--test [--wait TIME]", "Send a notice, and tell whether it arrived",
     "  --test          a notice of the event \"test\", to every target of alerts\n"
     "  --wait TIME     for postern-alert to send it (30s)\n",
     cmd_alert, false, false},
    {"web-user", "add | remove | list | token [NAME] [OPTION...]", "Who may use the web pages, and as what",
     "  add NAME        with a password, asked for on the terminal or read from stdin;\n"
     "                  or changes it\n"
     "  token NAME      for programs: prints a bearer token, which is not shown again\n"
     "  remove NAME\n"
     "  list\n"
     "  --role ROLE     viewer (counts only), reader, operator or admin;\n"
     "                  metrics for a token that reads metrics and nothing else\n"
     "  --tenants A,B   only rows of these tenants (all)\n"
     "  --expires TIME  of a token, 90d or never\n" OUTPUT_HELP,
     cmd_web_user, false, false},
    {"act", "[--user NAME]", NULL,
     "Does what people asked postern-web for; postern-act.service runs it\n"
     "  --user NAME     as which postern-web runs (postern-web)\n",
     cmd_act, false, false},
    {"reload", "", "Let the services read their configuration again", NULL, cmd_reload, false, false},
    {"help", "[COMMAND]", NULL, "What there is, or how a command is used\n", cmd_help, false, false},
    {NULL, NULL, NULL, NULL, NULL, false, false},
};

const struct cli_command *cli_command_named(const char *name)
{
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

/* The command that was probably meant; NULL: none is near. */
static const char *command_near(const char *name)
{
    const char *names[sizeof cli_commands / sizeof *cli_commands];
    size_t n = 0;

    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        names[n++] = c->name;
    return config_suggest(slice_of(name), names, n);
}

void cli_print_commands(FILE *to)
{
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        if (c->summary != NULL)
            fprintf(to, "  %-13s  %s\n", c->name, c->summary);
}

int cmd_help(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {CLI_LAST_OPTIONS};
    const struct cli_command *command;
    int status;

    if (!cli_common_options(cli, argc, argv, options, 0, 1, &status))
        return status;
    if (optind == argc)
        return cli_print_help(stdout), CLI_OK;
    if ((command = cli_command_named(argv[optind])) == NULL)
        return cli_no_command(cli, argv[optind]);
    cli_print_command(stdout, command);
    return CLI_OK;
}

int cli_no_command(const struct cli *cli, const char *name)
{
    const char *near = command_near(name);
    char shown[80];

    (void)text_plain(shown, sizeof shown, slice_of(name));
    if (near != NULL)
        return cli_usage(cli, "there is no command \"%s\"; did you mean \"%s\"?", shown, near);
    return cli_usage(cli, "there is no command \"%s\"", shown);
}

void cli_print_help(FILE *to)
{
    fputs(CLI_USAGE_LINE, to);
    cli_print_commands(to);
    fprintf(to, "  help COMMAND   how it is used; -c FILE (%s), -t, -V, -h\n", PROGRAM_CONFIG_DEFAULT);
}

void cli_print_command(FILE *to, const struct cli_command *command)
{
    fprintf(to, "usage: postern %s %s\n", command->name, command->arguments);
    if (command->summary != NULL)
        fprintf(to, "%s\n", command->summary);
    if (command->details != NULL)
        fprintf(to, "\n%s", command->details);
}
