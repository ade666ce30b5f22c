/*
 * What all commands of the command line program "postern" share: the configuration, the directory, the state and the
 * journal, each opened when a command first asks for it; errors; times and durations as people write them.
 *
 * A command answers the exit status of the program: CLI_OK, CLI_FAILED, CLI_USAGE, or others that its manual page
 * names. What only reads needs no more rights than those of group postern.
 */
#ifndef POSTERN_CLI_H
#define POSTERN_CLI_H

#include "cli/output.h"
#include "core/base/error.h"
#include "core/config/config.h"
#include "core/decide/decide.h"
#include "core/directory/directory.h"
#include "core/journal/journal.h"
#include "core/state/state.h"

#include <getopt.h>

/* Exit statuses; 3 to 5 are the commands' own. */
enum {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_MAY_NOT_READ = 6,    /* what was asked for is there, but not for this user */
    CLI_OTHER_GENERATION = 7 /* the services decide by another generation of the directory than is in the folder */
};

struct cli_command;

struct cli {
    const char *config_path;
    const struct cli_command *command; /* the one that runs */
    enum output_format format;         /* --csv, --json */
    /* opened on demand, by the functions below */
    struct config *config;
    struct directory *directory;
    struct directory_view *view; /* NULL: there is none (yet) */
    struct state *state;
    struct journal *journal;
    /* what was found when they were opened */
    bool may_not_read;            /* one of them is closed to this user */
    bool other_generation;        /* the services use another one than `view` */
    uint64_t services_generation; /* then: which; 0: none */
    struct terminal terminal;
};

/* ---- parts: 0, or -1 after an error was printed ---- */

int cli_open_config(struct cli *cli);
/*
 * LMDB, which reads the directory, trusts what is in a file; so it is better not read by root. What is needed of
 * root's, to read the configuration and to see whose processes are whose, must be done by now. The configuration must
 * be open. 0; -1 with e.
 */
int cli_leave_root(const struct cli *cli, struct error *e);
/* The directory may be missing: then cli->view is NULL all the same, with 0. Opens the configuration too. */
int cli_open_directory(struct cli *cli);
/* The services' own state; it is an error when it is not there or cannot be written, since counting elsewhere would say
 * nothing. Opens the configuration too. */
int cli_open_state(struct cli *cli);
int cli_open_journal(struct cli *cli);
/*
 * All but the journal, and what decide() needs. When the services use another generation of the directory than the
 * folder has, that is said on the error output, and the exit status tells it (cli_exit_status).
 */
int cli_open_context(struct cli *cli, struct decide_context *context);
/*
 * Compares the generation that the services use with the one of cli->view, and fills other_generation and
 * services_generation. A new generation may reach them later than us: waits a few seconds for that. The directory must
 * have been looked for, and the state be open. True when they agree, or no service says anything.
 */
bool cli_services_agree(struct cli *cli);
/* "the services use generation 4 of the directory; the folder ... has none": when they don't agree. */
const char *cli_disagreement(const struct cli *cli, char *mem, size_t cap);
void cli_close(struct cli *cli);

/* What the program returns for a command's status: failures, and what a reading command printed, may be due to files
 * that are closed to the user or not the services' own. */
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

/* What CLI_NEXT answers besides the options' own values. */
#define CLI_OPTIONS_END (-1)
#define CLI_OPTIONS_STOP (-2) /* --help was printed or an option was wrong: return *status */
/*
 * The next option of the command's own. The common ones are dealt with here; an unknown one is complained about.
 */
int cli_next_option(struct cli *cli, int argc, char **argv, const struct option *options, int *status);
/* Checks the number of arguments behind the options: 0, or CLI_USAGE after an error was printed. */
int cli_check_arguments(struct cli *cli, int argc, int least, int most);

/* ---- saying ---- */

/* "postern COMMAND: ..." on the error output; the format is ours, foreign text is escaped first. Answers CLI_FAILED. */
int cli_fail(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with a hint at --help. Answers CLI_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Begins rows on the standard output, in the format that was asked for and as wide as the terminal. NULL without
 * memory.
 */
struct output *cli_rows(const struct cli *cli, const struct output_column *columns, size_t n);
/* For the end of a command that printed rows: CLI_OK, or CLI_FAILED after an error was printed. */
int cli_finish(const struct cli *cli, struct output *o, const char *empty);

/*
 * What an operator changed, as a line of the log beside the services' own: event "block", a few fields, who did it.
 * Not with log.to = "stderr": the operator knows already. The configuration must be open.
 */
struct cli_field {
    const char *key, *value;
};
void cli_log(const struct cli *cli, const char *event, const struct cli_field *fields, size_t n);

/* ---- words ---- */

/*
 * A moment, in seconds since 1970: "2025-11-21", "2025-11-21 08:30", "2025-11-21T08:30:00" in local time, the last one
 * with "Z" in UTC; "08:30" today; or a duration that is subtracted from now_s ("7d", "2h30m"). 0, or -1 with e.
 */
int cli_parse_time(const char *text, int64_t now_s, int64_t *out, struct error *e);

/* The login of the caller, for "who did it": SUDO_USER, else the real user's name, else its number. Printable. */
struct slice cli_caller(char *mem, size_t cap);

#endif
