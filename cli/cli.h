/*
 * What all commands of the command line program "postern" share: the files that they read, each opened when a command
 * first asks for it; printers; errors; times and durations as people write them.
 *
 * A command returns the exit status of the program: CLI_OK, CLI_FAILED, CLI_USAGE, or others that its manual page
 * names. Commands that only read need only the rights of group postern.
 */
#ifndef POSTERN_CLI_H
#define POSTERN_CLI_H

#include "core/print/print.h"
#include "core/report/files.h"
#include "core/report/text.h"

#include <getopt.h>

/* Exit statuses; 3 to 5 are the commands' own. */
enum {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_MAY_NOT_READ = 6,    /* it exists, but this user may not read it */
    CLI_OTHER_GENERATION = 7 /* the services decide by another generation of the directory than is in the folder */
};

struct cli_command;

struct cli {
    const struct cli_command *command; /* the one that runs */
    enum output_format format;         /* --csv, --json */
    bool own_status;                   /* the command's exit status stands, whatever the files are like */
    struct report_files files;
    struct terminal terminal;
};

/* ---- parts: 0, or -1 after an error was printed. As files_open_*; each opens the configuration too. ---- */

int cli_open_config(struct cli *cli);
int cli_open_directory(struct cli *cli);
int cli_open_state(struct cli *cli);
int cli_open_journal(struct cli *cli);
int cli_open_history(struct cli *cli); /* also 0 where there is none yet */
/*
 * All but the journal, and what decide() needs. When the services use another generation of the directory than the
 * folder has, that is said on the error output and by the exit status (cli_exit_status).
 */
int cli_open_context(struct cli *cli, struct decide_context *context);
/* The same for a command that changes the state. */
int cli_open_context_to_change(struct cli *cli, struct decide_context *context);

/* The exit status for a command's status: CLI_MAY_NOT_READ or CLI_OTHER_GENERATION where these may explain a failure,
 * or qualify what a reading command printed. */
int cli_exit_status(const struct cli *cli, int status);

/* ---- options ---- */

/* Rows for getopt_long's table, which every command has. */
#define CLI_OPTION_CSV 1001
#define CLI_OPTION_JSON 1002
#define CLI_OPTION_HELP 1003
#define CLI_OUTPUT_OPTIONS                                                                                             \
    {"csv", no_argument, NULL, CLI_OPTION_CSV},                                                                        \
    {                                                                                                                  \
        "json", no_argument, NULL, CLI_OPTION_JSON                                                                     \
    }
#define CLI_LAST_OPTIONS                                                                                               \
    {"help", no_argument, NULL, CLI_OPTION_HELP},                                                                      \
    {                                                                                                                  \
        NULL, 0, NULL, 0                                                                                               \
    }

/* What cli_next_option returns besides the options' own values. */
#define CLI_OPTIONS_END (-1)
#define CLI_OPTIONS_STOP (-2) /* --help was printed or an option was wrong: return *status */
/*
 * The next option of the command's own. Handles the common ones; an unknown one is an error.
 */
int cli_next_option(struct cli *cli, int argc, char **argv, const struct option *options, int *status);
/* Checks the number of arguments after the options: 0, or CLI_USAGE after an error was printed. */
int cli_check_arguments(struct cli *cli, int argc, int least, int most);
/* Both, for a command without options of its own. False: return *status. */
bool cli_common_options(struct cli *cli, int argc, char **argv, const struct option *options, int least, int most,
                        int *status);

/* ---- saying ---- */

/* "postern COMMAND: ..." on the error output; the format is ours, foreign text is escaped first. Returns CLI_FAILED. */
int cli_fail(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with a hint at --help. Returns CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For a report on the standard output, in the format that was asked for and as wide as the terminal. NULL after an
 * error was printed. */
struct printer *cli_printer(const struct cli *cli);
/* Ends it: CLI_OK, or CLI_FAILED after an error was printed. */
int cli_finish(const struct cli *cli, struct printer *printer);

/*
 * Logs what an operator changed, where the services log: event "block", a few fields, and the operator. Not with
 * log.to = "stderr", which the operator sees anyway. The configuration must be open.
 */
struct cli_field {
    const char *key, *value;
};
void cli_log(const struct cli *cli, const char *event, const struct cli_field *fields, size_t n);

/* What was changed in the state, on the disk before it is called done. CLI_OK, or CLI_FAILED after an error was
 * printed.
 */
int cli_make_durable(const struct cli *cli);
/*
 * From now on what is changed among the counters is told to the other relays, where there are any. CLI_OK, or
 * CLI_FAILED after an error was printed: the command goes on, and ends with that.
 */
int cli_tell_others(struct cli *cli);

/*
 * Asks for a "yes" on the terminal: CLI_OK, or CLI_FAILED after it was said that nothing was done, also where there is
 * no terminal. input_read: the standard input was read, and the terminal itself is asked.
 */
int cli_confirm(const struct cli *cli, const char *question, bool input_read);

/* ---- words ---- */

/*
 * A moment, in seconds since 1970: "2025-11-21", "2025-11-21 08:30", "2025-11-21T08:30:00" in local time, the last one
 * with "Z" in UTC; "08:30" today; or a duration that is subtracted from now_s ("7d", "2h30m"). 0, or -1 with e.
 */
int cli_parse_time(const char *text, int64_t now_s, int64_t *out, struct error *e);

#endif
