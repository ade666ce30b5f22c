#include "cli/cli.h"

#include "cli/commands.h"
#include "core/base/caller.h"
#include "core/base/clock.h"
#include "core/base/event.h"
#include "core/base/log.h"
#include "core/base/units.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* ---- saying ---- */

__attribute__((format(printf, 2, 0))) static void say(const struct cli *cli, const char *format, va_list args)
{
    char text[1024];

    (void)vsnprintf(text, sizeof text, format, args);
    fprintf(stderr, "postern%s%s: %s\n", cli->command != NULL ? " " : "",
            cli->command != NULL ? cli->command->name : "", text);
}

int cli_fail(const struct cli *cli, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(cli, format, args);
    va_end(args);
    return CLI_FAILED;
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(cli, format, args);
    va_end(args);
    fprintf(stderr, "\"postern %s%s--help\" says how.\n", cli->command != NULL ? cli->command->name : "",
            cli->command != NULL ? " " : "");
    return CLI_USAGE;
}

struct printer *cli_printer(const struct cli *cli)
{
    struct printer *p =
        print_begin(stdout, cli->format, &cli->terminal, cli->command != NULL ? cli->command->name : NULL);

    if (p == NULL)
        (void)cli_fail(cli, "out of memory");
    return p;
}

int cli_finish(const struct cli *cli, struct printer *printer)
{
    if (print_end(printer) != 0)
        return cli_fail(cli, "cannot write the output: %s", strerror(errno));
    return CLI_OK;
}

void cli_log(const struct cli *cli, const char *event, const struct cli_field *fields, size_t n)
{
    char line[LOG_LINE_MAX], caller[CALLER_NAME_MAX];
    struct event e;
    struct log *log;

    if (cli->files.config == NULL || cli->files.config->log.to != LOG_TO_SYSLOG ||
        (log = log_open("postern", &cli->files.config->log)) == NULL)
        return;
    e = event_begin(line, sizeof line, cli->files.config->log.format, event);
    for (size_t i = 0; i < n; i++)
        event_text(&e, fields[i].key, slice_of(fields[i].value));
    event_text(&e, "operator", caller_name(caller));
    log_line(log, LEVEL_NOTICE, event_end(&e));
    log_close(log);
}

int cli_tell_others(struct cli *cli)
{
    struct error e;

    return files_share_state(&cli->files, &e) == 0 ? CLI_OK : cli_fail(cli, "on this relay only: %s", e.text);
}

int cli_make_durable(const struct cli *cli)
{
    struct error e;

    if (state_tick(cli->files.state, clock_boot_ns(), clock_wall_ns(), &e) != 0)
        return cli_fail(cli, "done, but it may not outlive a crash: %s", e.text);
    return CLI_OK;
}

int cli_confirm(const struct cli *cli, const char *question, bool input_read)
{
    FILE *terminal = input_read ? fopen("/dev/tty", "re") : isatty(STDIN_FILENO) ? stdin : NULL;
    char answer[16];
    bool yes;

    if (terminal == NULL)
        return cli_fail(cli, "nothing was done: there is no terminal to ask on; --yes does it without asking");
    fprintf(stderr, "%s Type \"yes\": ", question);
    yes = fgets(answer, sizeof answer, terminal) != NULL && slice_eq(slice_trim(slice_of(answer)), SLICE("yes"));
    if (input_read)
        (void)fclose(terminal);
    return yes ? CLI_OK : cli_fail(cli, "nothing was done");
}

/* ---- parts ---- */

/* Opens one of the files, and prints an error. */
static int open_part(struct cli *cli, int (*open_it)(struct report_files *f, struct error *e))
{
    struct error e;

    return open_it(&cli->files, &e) == 0 ? 0 : (cli_fail(cli, "%s", e.text), -1);
}

int cli_open_config(struct cli *cli)
{
    return open_part(cli, files_open_config);
}

int cli_open_directory(struct cli *cli)
{
    return open_part(cli, files_open_directory);
}

int cli_open_state(struct cli *cli)
{
    return open_part(cli, files_open_state);
}

int cli_open_journal(struct cli *cli)
{
    return open_part(cli, files_open_journal);
}

int cli_open_history(struct cli *cli)
{
    return open_part(cli, files_open_history);
}

static int open_context(struct cli *cli, int (*open_state)(struct report_files *f, struct error *e),
                        struct decide_context *context)
{
    char text[600];
    int directory;
    bool closed;

    if (cli_open_config(cli) != 0)
        return -1;
    directory = cli_open_directory(cli);
    closed = cli->files.may_not_read;
    if (open_part(cli, open_state) != 0)
        return -1;
    if (!closed && !files_agree(&cli->files))
        (void)cli_fail(cli, "%s; what they decide may differ from what is said here. \"postern status\" has more",
                       files_disagreement(&cli->files, text, sizeof text));
    if (directory != 0)
        return -1;
    *context = files_context(&cli->files);
    return 0;
}

int cli_open_context(struct cli *cli, struct decide_context *context)
{
    return open_context(cli, files_open_state, context);
}

int cli_open_context_to_change(struct cli *cli, struct decide_context *context)
{
    return open_context(cli, files_open_state_to_change, context);
}

int cli_exit_status(const struct cli *cli, int status)
{
    bool reads = cli->command != NULL && cli->command->reads;

    if (cli->own_status || (status != CLI_OK && status != CLI_FAILED))
        return status;
    if (cli->files.other_generation && (reads || status == CLI_FAILED))
        return CLI_OTHER_GENERATION;
    return cli->files.may_not_read ? CLI_MAY_NOT_READ : status;
}

/* ---- options ---- */

int cli_next_option(struct cli *cli, int argc, char **argv, const struct option *options, int *status)
{
    int option = getopt_long(argc, argv, "h", options, NULL);

    switch (option) {
    case CLI_OPTION_CSV:
        cli->format = OUTPUT_CSV;
        return cli_next_option(cli, argc, argv, options, status);
    case CLI_OPTION_JSON:
        cli->format = OUTPUT_JSON;
        return cli_next_option(cli, argc, argv, options, status);
    case 'h':
    case CLI_OPTION_HELP:
        cli_print_command(stdout, cli->command);
        *status = CLI_OK;
        return CLI_OPTIONS_STOP;
    case '?': /* getopt has said what is wrong */
        fprintf(stderr, "\"postern %s --help\" says how.\n", cli->command->name);
        *status = CLI_USAGE;
        return CLI_OPTIONS_STOP;
    default:
        return option;
    }
}

int cli_check_arguments(struct cli *cli, int argc, int least, int most)
{
    int n = argc - optind;

    if (n < least)
        return cli_usage(cli, "an argument is missing: postern %s %s", cli->command->name, cli->command->arguments);
    return n > most ? cli_usage(cli, "too many arguments: postern %s %s", cli->command->name, cli->command->arguments)
                    : 0;
}

bool cli_common_options(struct cli *cli, int argc, char **argv, const struct option *options, int least, int most,
                        int *status)
{
    int option;

    do
        option = cli_next_option(cli, argc, argv, options, status);
    while (option >= 0);
    return option != CLI_OPTIONS_STOP && (*status = cli_check_arguments(cli, argc, least, most)) == CLI_OK;
}

/* ---- words ---- */

/* strptime takes leading blanks and short numbers; what it made is written back and compared by the caller's eye. */
static bool moment(const char *text, const char *format, struct tm *tm)
{
    const char *end = strptime(text, format, tm);

    return end != NULL && *end == '\0';
}

int cli_parse_time(const char *text, int64_t now_s, int64_t *out, struct error *e)
{
    static const struct {
        const char *text;
        enum { LOCAL, TODAY, UTC, ZONED } kind;
    } formats[] = {{"%Y-%m-%d", LOCAL},
                   {"%Y-%m-%d %H:%M", LOCAL},
                   {"%Y-%m-%dT%H:%M", LOCAL},
                   {"%Y-%m-%d %H:%M:%S", LOCAL},
                   {"%Y-%m-%dT%H:%M:%S", LOCAL},
                   {"%Y-%m-%dT%H:%M:%SZ", UTC},
                   {"%Y-%m-%d %H:%M:%S %z", ZONED}, /* as times are printed */
                   {"%H:%M", TODAY},
                   {"%H:%M:%S", TODAY}};
    time_t now = (time_t)now_s;
    uint64_t seconds;
    char shown[80];

    if (duration_parse(slice_of(text), &seconds, NULL) == 0) {
        *out = now_s - (int64_t)seconds;
        return 0;
    }
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct tm tm = {0};

        if (formats[i].kind == TODAY && localtime_r(&now, &tm) == NULL)
            continue;
        tm.tm_sec = 0;
        if (!moment(text, formats[i].text, &tm))
            continue;
        tm.tm_isdst = -1;
        if (formats[i].kind == ZONED) {
            long ahead = tm.tm_gmtoff; /* timegm sets it */

            *out = timegm(&tm) - ahead;
        } else {
            *out = formats[i].kind == UTC ? timegm(&tm) : mktime(&tm);
        }
        return 0;
    }
    return error_set(e, "\"%s\" is not a time: expected \"2025-11-21 08:30\", \"08:30\" or a duration ago, as \"2h\"",
                     text_plain(shown, sizeof shown, slice_of(text)));
}
