#include "cli/commands.h"

#define QUEUE_HELP                                                                                                     \
    "  --since TIME       what postern saw since then (7d)\n"                                                          \
    "  --config-dir DIR   Postfix's, in place of its default one\n"                                                    \
    "  --dry-run          show what it would be done to\n"
#define OUTPUT_HELP "  --csv, --json      for programs instead of people\n"

const struct cli_command cli_commands[] = {
    {"explain", "--user LOGIN [OPTION...]", "What would this message get, and why? Charges nothing",
     "  --user LOGIN        as it signs in; none: not authenticated\n"
     "  --client ADDRESS    IP address\n"
     "  --method NAME       SASL mechanism (PLAIN)\n"
     "  --tls VERSION       none, 1.0, 1.1, 1.2, 1.3 (1.3)\n"
     "  --sender ADDRESS    envelope sender, \"<>\" for none (the login's own address)\n"
     "  --recipient ADDRESS once for each\n"
     "  --from TEXT         value of the header From\n"
     "  --size BYTES\n"
     "  --stage STAGE       mail, rcpt, data or end alone (the whole message)\n"
     "  --at TIME           at another moment, with what is counted now\n"
     "  --log-line          read all that from a line of postern's log on standard input\n"
     "  --policy            read all that from a policy request on standard input\n"
     "  --json              for programs instead of people\n",
     cmd_explain, true},
    {"log", "[OPTION...]", "Recent decisions",
     "  --user LOGIN        or mailbox, or connector\n"
     "  --client ADDRESS    or network\n"
     "  --verdict VERDICT   pass, defer, reject, hold or refused; more than one is fine\n"
     "  --reason REASON     as in the log\n"
     "  --limit NAME\n"
     "  --since TIME        \"2h\", \"08:30\", \"2025-11-21 08:30\"\n"
     "  --lines N           the last N of them (50)\n" OUTPUT_HELP,
     cmd_log, false},
    {"would-refuse", "[--since TIME]", "What monitor mode would have refused", "  --since TIME    (7d)\n" OUTPUT_HELP,
     cmd_would_refuse, false},
    {"block", "[--for TIME] [--reason TEXT] WHOM", "Refuse a user, address, network or connector",
     "  WHOM            a login, an IP address, a network, or a connector's name; or two words, as \"postern blocks\"\n"
     "                  shows them: user, login, client, network or connector, and the name\n"
     "  --for TIME      \"15m\", \"2h\", \"7d\"; else until it is unblocked\n"
     "  --reason TEXT   for those who look at the block later\n"
     "  --force         although never_block protects it\n",
     cmd_block, false},
    {"unblock", "WHOM", "Lift a block, and give back the limits that led to it",
     "  WHOM            as for \"postern block\", or as \"postern blocks\" shows it\n", cmd_unblock, false},
    {"blocks", "[--csv|--json]", "Who is blocked, by what, until when, and what was seen before", OUTPUT_HELP,
     cmd_blocks, true},
    {"hold", "[OPTION...] USER", "Put what a login has in Postfix's queue on hold", QUEUE_HELP OUTPUT_HELP, cmd_hold,
     false},
    {"release", "[OPTION...] USER", "Let it go again", QUEUE_HELP OUTPUT_HELP, cmd_release, false},
    {"discard", "[OPTION...] USER", "Show, then delete what a login has in the queue",
     QUEUE_HELP "  --yes              do not ask\n" OUTPUT_HELP, cmd_discard, false},
    {"report", "KIND [OPTION...]", "Who may use SMTP AUTH, and who does",
     "  KIND            enabled, disabled, inherited: mailboxes by their setting\n"
     "                  used: who really submits, how, from where\n"
     "                  unused: who may, but was silent for --days\n"
     "                  refused, basic (passwords), legacy-tls\n"
     "  --days N        unused: 90 unless given; others: only what was seen in the last N days\n"
     "  --powershell    used, unused: a script that enables, or disables, each mailbox by itself\n" OUTPUT_HELP,
     cmd_report, true},
    {"status", "[--json]", "Services, directory, counters, verdicts, who is busy",
     "  --json             for programs instead of people\n"
     "Exit status: 3 when a service or listener is down, or there is no directory\n",
     cmd_status, true},
    {"top", "[--interval SECONDS]", "The same, again and again, on a terminal",
     "  --interval SECONDS  (2)\n  --once              one picture only\n", cmd_top, true},
    {"metrics", "", "The same as Prometheus text, for a textfile collector", NULL, cmd_metrics, true},
    {"audit", "[--days N] [--json | --junit]", "Settings, configuration and use against what is recommended",
     "  --days N           silent for so long is unused (90)\n"
     "  --json, --junit    for programs instead of people\n"
     "Exit status: 0 nothing to change; 3, 4, 5 the worst finding is low or medium, high, critical\n",
     cmd_audit, false},
    {"check-postfix", "[--config-dir DIR] [--json | --junit]",
     "Does Postfix's configuration leave postern something to decide?",
     "  --config-dir DIR   Postfix's, in place of its default one\n"
     "  --json, --junit    for programs instead of people\n"
     "Exit status: 0 nothing to change; 3, 4, 5 the worst finding is low or medium, high, critical\n",
     cmd_check_postfix, false},
    {"setup-postfix", "--dry-run | --apply | --undo [OPTION...]", "Let Postfix ask postern, or take that back",
     "  --dry-run          only show the commands\n"
     "  --apply            run them, keep copies of main.cf and master.cf, check, reload\n"
     "  --undo             put the copies back\n"
     "  --force            undo although the files were changed since\n"
     "  --config-dir DIR   Postfix's, in place of its default one\n",
     cmd_setup_postfix, false},
    {"allow", "[--reason TEXT] USER", "Into the allow file: a mailbox, @domain or account", NULL, cmd_allow, false},
    {"deny", "[--reason TEXT] USER", "Into the deny file, and out of the allow file", NULL, cmd_deny, false},
    {"forget", "USER", "Out of both files", NULL, cmd_forget, false},
    {"reload", "", "Let the services read their configuration again", NULL, cmd_reload, false},
    {NULL, NULL, NULL, NULL, NULL, false},
};

const struct cli_command *cli_command_named(const char *name)
{
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

void cli_print_commands(FILE *to)
{
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        fprintf(to, "  %-13s  %s\n", c->name, c->summary);
}

void cli_print_command(FILE *to, const struct cli_command *command)
{
    fprintf(to, "usage: postern %s %s\n%s\n", command->name, command->arguments, command->summary);
    if (command->details != NULL)
        fprintf(to, "\n%s", command->details);
}
