#include "cli/cli.h"

#include "cli/commands.h"
#include "core/base/clock.h"
#include "core/base/event.h"
#include "core/base/log.h"
#include "core/base/owner.h"
#include "core/base/units.h"
#include "core/directory/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
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

struct output *cli_rows(const struct cli *cli, const struct output_column *columns, size_t n)
{
    struct output *o = output_begin(stdout, cli->format, columns, n);

    if (o != NULL)
        output_fit(o, &cli->terminal);
    return o;
}

int cli_finish(const struct cli *cli, struct output *o, const char *empty)
{
    if (output_end(o, empty) != 0)
        return cli_fail(cli, "cannot write the output: %s", strerror(errno));
    return CLI_OK;
}

void cli_log(const struct cli *cli, const char *event, const struct cli_field *fields, size_t n)
{
    char line[LOG_LINE_MAX], caller[64];
    struct event e;
    struct log *log;

    if (cli->config == NULL || cli->config->log.to != LOG_TO_SYSLOG ||
        (log = log_open("postern", &cli->config->log)) == NULL)
        return;
    e = event_begin(line, sizeof line, cli->config->log.format, event);
    for (size_t i = 0; i < n; i++)
        event_text(&e, fields[i].key, slice_of(fields[i].value));
    event_text(&e, "operator", cli_caller(caller, sizeof caller));
    log_line(log, LEVEL_NOTICE, event_end(&e));
    log_close(log);
}

/* ---- parts ---- */

/* What could not be opened: because it is closed to the user? */
static void note_closed(struct cli *cli, const char *path, int how)
{
    if (faccessat(AT_FDCWD, path, how, AT_EACCESS) != 0 && errno == EACCES)
        cli->may_not_read = true;
}

int cli_open_config(struct cli *cli)
{
    struct error e;

    if (cli->config != NULL || config_load(cli->config_path, &cli->config, &e) == 0)
        return 0;
    cli->config = NULL;
    note_closed(cli, cli->config_path, R_OK);
    (void)cli_fail(cli, "%s", e.text);
    return -1;
}

int cli_leave_root(const struct cli *cli, struct error *e)
{
    struct owner of_directory, of_state;

    if (owner_find(cli->config->directory, &of_directory, e) != 0 ||
        owner_find(cli->config->state_path, &of_state, e) != 0)
        return -1;
    if (of_directory.shared || of_directory.uid != of_state.uid)
        return 0;
    return owner_become(&of_directory, e);
}

static void note_closed_directory(struct cli *cli)
{
    char *manifest;

    note_closed(cli, cli->config->directory, R_OK | X_OK);
    if (asprintf(&manifest, "%s/" MANIFEST_NAME, cli->config->directory) < 0)
        return;
    note_closed(cli, manifest, R_OK);
    free(manifest);
}

int cli_open_directory(struct cli *cli)
{
    struct error e;

    if (cli->directory != NULL)
        return 0;
    if (cli_open_config(cli) != 0)
        return -1;
    if (cli->command != NULL && cli->command->reads && cli_leave_root(cli, &e) != 0) {
        (void)cli_fail(cli, "%s", e.text);
        return -1;
    }
    if (directory_open(cli->config->directory, &cli->directory, &e) != 0)
        cli->directory = NULL;
    if (cli->directory == NULL || directory_refresh(cli->directory, &e) < 0) {
        note_closed_directory(cli);
        (void)cli_fail(cli, "%s", e.text);
        return -1;
    }
    cli->view = directory_view_get(cli->directory);
    return 0;
}

int cli_open_state(struct cli *cli)
{
    struct state_options options = {.boot_ns = clock_boot_ns(), .wall_ns = clock_wall_ns(), .boot_id = clock_boot_id()};
    struct stat st;
    struct error e;
    int number;

    if (cli->state != NULL)
        return 0;
    if (cli_open_config(cli) != 0)
        return -1;
    options.path = cli->config->state_path;
    if (stat(options.path, &st) != 0) {
        number = errno;
        note_closed(cli, options.path, F_OK);
        (void)cli_fail(cli, "state file %s: %s%s", options.path, strerror(number),
                       number == ENOENT ? "; the services make it when they start" : "");
        return -1;
    }
    if (state_open(&options, &cli->state, &e) != 0) {
        (void)cli_fail(cli, "%s", e.text);
        return -1;
    }
    if (state_problem(cli->state) != NULL) {
        note_closed(cli, options.path, R_OK | W_OK);
        (void)cli_fail(cli, "%s (this command needs root, or the group postern)", state_problem(cli->state));
        state_close(cli->state);
        cli->state = NULL;
        return -1;
    }
    return 0;
}

/* ---- what the services use ---- */

#define AGREE_WITHIN_S 3 /* services look for a new generation once a second */
#define AGREE_PAUSE_NS 100000000

static uint64_t own_generation(const struct cli *cli)
{
    return cli->view != NULL ? directory_view_generation(cli->view) : 0;
}

/* Of a service that uses another one than ours; true, and *out. */
static bool find_other(const struct cli *cli, uint64_t *out)
{
    struct state_service services[STATE_SERVICES_MAX];
    size_t n = state_services(cli->state, clock_boot_ns(), services);

    for (size_t i = 0; i < n; i++)
        if (services[i].generation != own_generation(cli)) {
            *out = services[i].generation;
            return true;
        }
    return false;
}

/* The folder may have a newer one by now. */
static void renew_view(struct cli *cli)
{
    struct error e;

    if (cli->directory == NULL || directory_refresh(cli->directory, &e) <= 0)
        return;
    if (cli->view != NULL)
        directory_view_put(cli->directory, cli->view);
    cli->view = directory_view_get(cli->directory);
}

bool cli_services_agree(struct cli *cli)
{
    const struct timespec pause = {.tv_nsec = AGREE_PAUSE_NS};
    uint64_t until = clock_boot_ns() + AGREE_WITHIN_S * NS_PER_S;

    while ((cli->other_generation = find_other(cli, &cli->services_generation)) && clock_boot_ns() < until) {
        (void)nanosleep(&pause, NULL);
        renew_view(cli);
    }
    return !cli->other_generation;
}

const char *cli_disagreement(const struct cli *cli, char *mem, size_t cap)
{
    struct buf b = buf_over(mem, cap);

    if (cli->services_generation == 0)
        buf_addf(&b, "the services have no directory and defer authenticated mail");
    else
        buf_addf(&b, "the services use generation %llu of the directory", (unsigned long long)cli->services_generation);
    /* Only a command with a configuration has opened the state, and knows of the services. */
    buf_addf(&b, "; the folder %s has ", cli->config != NULL ? cli->config->directory : "of the directory");
    if (own_generation(cli) == 0)
        buf_addf(&b, "none that can be used");
    else
        buf_addf(&b, "generation %llu", (unsigned long long)own_generation(cli));
    return mem;
}

int cli_open_context(struct cli *cli, struct decide_context *context)
{
    char text[600];
    int directory;
    bool closed;

    if (cli_open_config(cli) != 0)
        return -1;
    directory = cli_open_directory(cli);
    closed = cli->may_not_read;
    if (cli_open_state(cli) != 0)
        return -1;
    if (!closed && !cli_services_agree(cli))
        (void)cli_fail(cli, "%s; what they decide may differ from what is said here. \"postern status\" has more",
                       cli_disagreement(cli, text, sizeof text));
    if (directory != 0)
        return -1;
    *context = (struct decide_context){.config = cli->config,
                                       .view = cli->view,
                                       .counters = state_counters(cli->state),
                                       .blocks = state_blocks(cli->state),
                                       .secret = state_secret(cli->state),
                                       .now_ns = state_now(cli->state, clock_boot_ns()),
                                       .wall_s = clock_wall_s()};
    return 0;
}

int cli_exit_status(const struct cli *cli, int status)
{
    bool reads = cli->command != NULL && cli->command->reads;

    if (status != CLI_OK && status != CLI_FAILED)
        return status;
    if (cli->other_generation && (reads || status == CLI_FAILED))
        return CLI_OTHER_GENERATION;
    return cli->may_not_read ? CLI_MAY_NOT_READ : status;
}

void cli_close(struct cli *cli)
{
    if (cli->journal != NULL)
        journal_close(cli->journal);
    if (cli->state != NULL)
        state_close(cli->state);
    if (cli->view != NULL)
        directory_view_put(cli->directory, cli->view);
    if (cli->directory != NULL)
        directory_close(cli->directory);
    config_free(cli->config);
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
    return error_set(e, "\"%s\" is no time: expected \"2025-11-21 08:30\", \"08:30\" or a duration ago, as \"2h\"",
                     text_plain(shown, sizeof shown, slice_of(text)));
}

struct slice cli_caller(char *mem, size_t cap)
{
    struct buf b = buf_over(mem, cap);
    const char *sudo = geteuid() == 0 ? getenv("SUDO_USER") : NULL;
    const struct passwd *entry = getpwuid(getuid());

    if (sudo != NULL && sudo[0] != '\0')
        buf_add_escaped(&b, slice_of(sudo), 40);
    else if (entry != NULL)
        buf_add_escaped(&b, slice_of(entry->pw_name), 40);
    else
        buf_addf(&b, "uid-%lu", (unsigned long)getuid());
    return buf_slice(&b);
}
