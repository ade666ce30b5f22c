/*
 * The commands of "postern": one row each in cli/commands.c, one file each in cli/cmd_NAME.c.
 *
 * argv[0] is the command's name, so that getopt works as in main().
 */
#ifndef POSTERN_CLI_COMMANDS_H
#define POSTERN_CLI_COMMANDS_H

#include "cli/cli.h"

struct cli_command {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *summary;   /* one line for --help; NULL: that has it elsewhere */
    const char *details;   /* options and what else is worth knowing, for "postern NAME --help" */
    int (*run)(struct cli *cli, int argc, char **argv);
    /* It only reads files of the services: when root runs it, it becomes their user first. */
    bool reads;
    bool pages; /* its output may be long: a pager is used on a terminal */
};

/* The table, ended by a row without a name. */
extern const struct cli_command cli_commands[];

/* The row of that name; NULL: none. */
const struct cli_command *cli_command_named(const char *name);
/* Says that there is no such command, and suggests a similar one. Returns CLI_USAGE. */
int cli_no_command(const struct cli *cli, const char *name);

#define CLI_USAGE_LINE "usage: postern [-c FILE] COMMAND [OPTION...] [ARGUMENT...]\n"
void cli_print_help(FILE *to);
void cli_print_commands(FILE *to);
void cli_print_command(FILE *to, const struct cli_command *command);

int cmd_act(struct cli *cli, int argc, char **argv);
int cmd_alert(struct cli *cli, int argc, char **argv);
int cmd_help(struct cli *cli, int argc, char **argv);
int cmd_explain(struct cli *cli, int argc, char **argv);
int cmd_block(struct cli *cli, int argc, char **argv);
int cmd_unblock(struct cli *cli, int argc, char **argv);
int cmd_blocks(struct cli *cli, int argc, char **argv);
int cmd_log(struct cli *cli, int argc, char **argv);
int cmd_status(struct cli *cli, int argc, char **argv);
int cmd_top(struct cli *cli, int argc, char **argv);
int cmd_metrics(struct cli *cli, int argc, char **argv);
int cmd_report(struct cli *cli, int argc, char **argv);
int cmd_would_refuse(struct cli *cli, int argc, char **argv);
int cmd_allow(struct cli *cli, int argc, char **argv);
int cmd_deny(struct cli *cli, int argc, char **argv);
int cmd_forget(struct cli *cli, int argc, char **argv);
int cmd_test_message(struct cli *cli, int argc, char **argv);
int cmd_web_user(struct cli *cli, int argc, char **argv);
int cmd_reload(struct cli *cli, int argc, char **argv);
int cmd_learn(struct cli *cli, int argc, char **argv);
int cmd_check(struct cli *cli, int argc, char **argv);
int cmd_audit(struct cli *cli, int argc, char **argv);
int cmd_check_postfix(struct cli *cli, int argc, char **argv);
int cmd_setup_postfix(struct cli *cli, int argc, char **argv);
int cmd_hold(struct cli *cli, int argc, char **argv);
int cmd_release(struct cli *cli, int argc, char **argv);
int cmd_discard(struct cli *cli, int argc, char **argv);

#endif
