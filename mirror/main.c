/* postern-mirror: brings Exchange Online's settings into the directory. */
#include "core/base/clock.h"
#include "core/base/owner.h"
#include "core/config/config.h"
#include "core/config/program.h"
#include "core/directory/directory.h"
#include "core/notice/alert.h"
#include "mirror/build/old_format.h"
#include "mirror/build/writer.h"
#include "mirror/deny_list.h"
#include "mirror/doctor.h"
#include "mirror/failed_run.h"
#include "mirror/forget.h"
#include "mirror/import_private.h"
#include "mirror/import_use.h"
#include "mirror/logins.h"
#include "mirror/offer.h"
#include "mirror/on_premises.h"
#include "mirror/pull.h"
#include "mirror/record.h"
#include "mirror/respond.h"
#include "mirror/set.h"
#include "mirror/show.h"
#include "mirror/sync.h"
#include "mirror/whose_turn.h"
#include "mirror/words.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define PROGRAM "postern-mirror"
#define PURPOSE "Brings the SMTP AUTH settings of Exchange Online into postern's directory."
#define DIRECTORY_DEFAULT "/var/lib/postern/directory"

static void print_usage(FILE *to)
{
    fprintf(to,
            "usage: %s import [-c FILE] [-d DIRECTORY] --tenant NAME [--kind KIND] [--dry-run] [--force]\n"
            "                             [--max-change PERCENT] FILE...\n"
            "       %s show [-c FILE] [-d DIRECTORY] [--tenant NAME] [MAILBOX]\n"
            "       %s sync [-c FILE] [-d DIRECTORY] [--tenant NAME] [--here] [--dry-run] [--force]\n"
            "                             [--max-change PERCENT]\n"
            "       %s pull [-c FILE] [-d DIRECTORY] [--dry-run] [--force] [--max-change PERCENT]\n"
            "       %s offer [-c FILE] [-d DIRECTORY] [--token]\n"
            "       %s doctor [-c FILE] [--tenant NAME]\n"
            "       %s set [-c FILE] [-d DIRECTORY] [--tenant NAME] [--dry-run] [--yes] [--force] [--file FILE]\n"
            "                             enabled|disabled|inherit [MAILBOX...]\n"
            "       %s set --organization [-c FILE] [-d DIRECTORY] [--tenant NAME] [--dry-run] [--yes] [--force]\n"
            "                             enabled|disabled\n"
            "       %s disable|enable|inherit, as set disabled|enabled|inherit\n"
            "       %s respond [-c FILE]\n"
            "       %s logins [-c FILE] [-d DIRECTORY] [--tenant NAME] [--netbios DOMAIN] FILE...\n"
            "       %s on-premises FILE...\n"
            "       %s forget-tenant [-c FILE] [-d DIRECTORY] --tenant NAME [--dry-run] [--yes]\n"
            "       %s export [-c FILE] [-d DIRECTORY] --dovecot-deny FILE\n"
            "       %s verify|rebuild [-c FILE] [-d DIRECTORY]\n"
            "       %s [-c FILE] [-t] [-V] [-h]\n",
            PROGRAM, PROGRAM, PROGRAM, PROGRAM, PROGRAM, PROGRAM, PROGRAM, PROGRAM, PROGRAM, PROGRAM, PROGRAM, PROGRAM,
            PROGRAM, PROGRAM, PROGRAM, PROGRAM);
}

static void print_help(void)
{
    print_usage(stdout);
    printf(
        "%s\n\n"
        "import reads what PowerShell wrote with Export-Csv or ConvertTo-Json, answers of the REST interface, or a "
        "list\n"
        "of the mailboxes that are allowed, one a line. Several files are one run: all of them, or nothing.\n"
        "sync brings the same in straight from Exchange Online, for each tenant that has exchange = { ... } in the\n"
        "configuration. doctor goes through what that needs, step by step. show tells what the directory holds.\n"
        "pull brings in what another relay of the cluster mirrors, and offer is what that one does for it.\n"
        "set switches SMTP AUTH of mailboxes, or of the organization, in Exchange Online itself, where\n"
        "exchange.writeback = true allows it. A mailbox may be named by an address, user principal name, alias,\n"
        "account name, display name or Guid. respond does what limits with \"block ..., disable\" asked for.\n"
        "logins prints a file for smtp_auth.logins_file, of exports of Get-ADUser; on-premises one for\n"
        "smtp_auth.on_premises_file, of the local Exchange's Get-Mailbox and Get-RemoteMailbox.\n"
        "forget-tenant takes a tenant out of the directory, with all its data.\n"
        "export writes the names that may not sign in with a password, for Dovecot. It reads the directory only.\n"
        "verify reads the whole directory and says whether it is as it was written. rebuild makes today's format of\n"
        "one that an older version wrote, which each run that writes does by itself, too.\n\n"
        "  -c, --config FILE      configuration (default: %s)\n"
        "  -d, --directory DIR    the directory, in place of the configuration's\n"
        "  --tenant NAME          whose mailboxes these are; one name for each Exchange Online organization\n"
        "  --netbios DOMAIN       what stands in front of the account names (logins)\n"
        "  --kind [FILE=]KIND     what the files are, or one of them, where their columns don't tell:\n"
        "                        ",
        PURPOSE, PROGRAM_CONFIG_DEFAULT);
    for (int i = 0; i < KINDS; i++)
        printf(" %s%s", kind_option((enum kind)i), i == KINDS / 2 ? "\n                        " : "");
    printf(
        "\n"
        "  --dry-run              say what would change, write nothing\n"
        "  --max-change PERCENT   refuse to drop, turn SMTP AUTH on for, or lose the own settings of more of the\n"
        "                         tenant's mailboxes (default: %d).\n"
        "                         Five mailboxes, but not more than half, may change in any case; 0 allows none\n"
        "  --report-days DAYS     the range that was chosen for an SMTP AUTH clients report (import; default: %d, as\n"
        "                         in the admin center)\n"
        "  --force                do it although it was refused for that\n"
        "  --file FILE            names of mailboxes, one a line; \"-\": from standard input (set)\n"
        "  --organization         the setting that mailboxes without one of their own follow (set)\n"
        "  --here                 even if another relay of the cluster mirrors (sync)\n"
        "  --token                print what the web server must ask the other relays for (offer)\n"
        "  --dovecot-deny FILE    the list: a passwd-file for a passdb with deny = yes (export)\n"
        "  --yes                  do not ask (set, forget-tenant)\n\n"
        "Exit status: 0 done; 1 failed: damaged or insufficient input, no answer of the service, or the directory\n"
        "cannot be written; 2 usage; 3 refused because too much would change; 4 done, but not all could be read\n"
        "that exchange.fetch and sign_ins name (sync); 5 done in part (set). With 1, 2 and 3 nothing has changed.\n"
        "Of several tenants, each is done or fails alone, and the status is that of the one that fared worst.\n",
        IMPORT_MAX_CHANGE, REPORT_DAYS_STANDARD);
}

static int usage_error(const char *what, const char *value)
{
    fprintf(stderr, PROGRAM ": %s%s%s%s\n", what, value != NULL ? " \"" : "",
            value != NULL ? words(slice_of(value)).text : "", value != NULL ? "\"" : "");
    print_usage(stderr);
    return PROGRAM_EXIT_USAGE;
}

/* What was printed before comes first, wherever both go. */
static int command_failed(const struct error *e, int status)
{
    (void)fflush(stdout);
    fprintf(stderr, PROGRAM ": %s\n", e->text);
    return status;
}

/* More than any run needs. */
#define FILE_KINDS_MAX 64

/* Settings from the command line, else from the configuration. */
struct settings {
    const char *config_path; /* NULL: the default one, which need not exist */
    const char *directory;   /* NULL: from the configuration */
    const char *tenant;
    const char *netbios;
    enum kind kind;
    struct file_kind file_kinds[FILE_KINDS_MAX];
    size_t n_file_kinds;
    const char *file, *dovecot_deny;
    bool dry_run, force, help, yes, organization, token, here;
    int max_change;       /* -1: from the configuration */
    unsigned report_days; /* 0: not said */
    struct config *config;
};

/* Reads the configuration only for what the command line leaves open. */
static int settings_complete(struct settings *s, struct error *e)
{
    const char *path = s->config_path != NULL ? s->config_path : PROGRAM_CONFIG_DEFAULT;

    if (s->config_path != NULL || (s->directory == NULL && access(path, F_OK) == 0)) {
        if (config_load(path, &s->config, e) != 0)
            return -1;
        if (s->directory == NULL)
            s->directory = s->config->directory;
        if (s->max_change < 0)
            s->max_change = (int)s->config->mirror_max_change;
    }
    if (s->directory == NULL)
        s->directory = DIRECTORY_DEFAULT;
    if (s->max_change < 0)
        s->max_change = IMPORT_MAX_CHANGE;
    return 0;
}

enum {
    OPTION_TENANT = 256,
    OPTION_KIND,
    OPTION_DRY_RUN,
    OPTION_FORCE,
    OPTION_YES,
    OPTION_MAX_CHANGE,
    OPTION_FILE,
    OPTION_ORGANIZATION,
    OPTION_REPORT_DAYS,
    OPTION_NETBIOS,
    OPTION_DOVECOT_DENY,
    OPTION_TOKEN,
    OPTION_HERE
};

/* "KIND" for all files, or "FILE=KIND". */
static int read_kind(struct settings *s, struct slice value)
{
    const char *equals = value.n > 0 ? memrchr(value.p, '=', value.n) : NULL;
    struct slice name = equals == NULL ? value : slice_of(equals + 1);
    enum kind kind = kind_named(name);

    if (kind == KINDS)
        return usage_error("--help lists the kinds; there is none called", name.p);
    if (equals == NULL) {
        s->kind = kind;
        return 0;
    }
    if (s->n_file_kinds == FILE_KINDS_MAX)
        return usage_error("--kind: more files than 64 are named; this is one too many:", optarg);
    s->file_kinds[s->n_file_kinds++] = (struct file_kind){{value.p, (size_t)(equals - value.p)}, kind};
    return 0;
}

static int read_option(struct settings *s, int option)
{
    unsigned long long n;

    switch (option) {
    case 'c':
        s->config_path = optarg;
        return 0;
    case 'd':
        s->directory = optarg;
        return 0;
    case 'h':
        s->help = true;
        return 0;
    case OPTION_TENANT:
        s->tenant = optarg;
        return 0;
    case OPTION_NETBIOS:
        s->netbios = optarg;
        return 0;
    case OPTION_KIND:
        return read_kind(s, slice_of(optarg));
    case OPTION_DRY_RUN:
        s->dry_run = true;
        return 0;
    case OPTION_FORCE:
        s->force = true;
        return 0;
    case OPTION_YES:
        s->yes = true;
        return 0;
    case OPTION_FILE:
        s->file = optarg;
        return 0;
    case OPTION_ORGANIZATION:
        s->organization = true;
        return 0;
    case OPTION_HERE:
        s->here = true;
        return 0;
    case OPTION_TOKEN:
        s->token = true;
        return 0;
    case OPTION_DOVECOT_DENY:
        s->dovecot_deny = optarg;
        return 0;
    case OPTION_MAX_CHANGE:
        if (!slice_to_u64(slice_of(optarg), 100, &n))
            return usage_error("--max-change: expected a number of percent from 0 to 100, not", optarg);
        s->max_change = (int)n;
        return 0;
    case OPTION_REPORT_DAYS:
        if (!slice_to_u64(slice_of(optarg), REPORT_DAYS_MAX, &n) || n == 0)
            return usage_error("--report-days: expected a number of days from 1 to 90, not", optarg);
        s->report_days = (unsigned)n;
        return 0;
    default: /* getopt has printed what is wrong */
        print_usage(stderr);
        return PROGRAM_EXIT_USAGE;
    }
}

/* 0, and optind is the first operand; or the status to exit with. */
static int read_options(int argc, char **argv, struct settings *s)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"directory", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {"tenant", required_argument, NULL, OPTION_TENANT},
        {"netbios", required_argument, NULL, OPTION_NETBIOS},
        {"kind", required_argument, NULL, OPTION_KIND},
        {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
        {"force", no_argument, NULL, OPTION_FORCE},
        {"yes", no_argument, NULL, OPTION_YES},
        {"max-change", required_argument, NULL, OPTION_MAX_CHANGE},
        {"file", required_argument, NULL, OPTION_FILE},
        {"organization", no_argument, NULL, OPTION_ORGANIZATION},
        {"report-days", required_argument, NULL, OPTION_REPORT_DAYS},
        {"dovecot-deny", required_argument, NULL, OPTION_DOVECOT_DENY},
        {"token", no_argument, NULL, OPTION_TOKEN},
        {"here", no_argument, NULL, OPTION_HERE},
        {0},
    };
    int option, result = 0;

    while (result == 0 && (option = getopt_long(argc, argv, "c:d:h", options, NULL)) != -1)
        result = read_option(s, option);
    return result;
}

/* Of an import that a timer or cron runs, nobody reads the output. */
static void tell_of_import(const struct settings *s, bool refused, const struct error *why)
{
    const struct failed_run run = {
        .tenant = s->tenant,
        .refused = refused,
        .force = "postern-mirror import --force with the same files",
        .look = "Its output says more: see the timer or cron job that runs it",
        .why = why,
    };

    if (s->config != NULL && !s->dry_run && !isatty(STDERR_FILENO))
        failed_run_tell(s->config, &run, stderr);
}

/* Settings first: they say whose the addresses in reports of use are. */
static enum import_result import_files(struct import_options *options, unsigned report_days, struct error *e)
{
    struct use_reports *reports;
    enum import_result result = IMPORT_DONE;

    if (use_reports_open(options, report_days, &reports, e) != 0)
        return IMPORT_FAILED;
    if (reports == NULL || options->n_files > 0)
        result = import_run(options, e);
    if (result == IMPORT_DONE && reports != NULL && use_reports_write(reports, options, e) != 0) {
        result = IMPORT_FAILED;
        if (options->n_files > 0)
            (void)error_prefix(e, "the settings are imported; the reports of use are not");
    }
    use_reports_close(reports);
    return result;
}

/* After import_run, which has left root, unless it failed before. */
static void record_import(const struct import_options *options, int64_t began_s, enum import_result result,
                          const struct error *why)
{
    const struct record record = {.directory = options->directory,
                                  .tenant = options->tenant,
                                  .how = "import",
                                  .began_s = began_s,
                                  .tally = options->tally,
                                  .result = result,
                                  .why = why};
    struct error e;

    if (options->dry_run || import_check_tenant_name(options->tenant, &e) != 0)
        return;
    if (import_leave_root(options->directory, &e) == 0)
        record_run(&record, stderr);
    else
        fprintf(stderr, "%s: how this run ended is not in the history: %s\n", options->tenant, e.text);
}

static int command_import(struct settings *s, char **files, int n)
{
    struct import_tally tally = {0};
    struct error e;
    struct import_options options;
    enum import_result result;

    if (s->tenant == NULL)
        return usage_error("import needs --tenant NAME", NULL);
    if (n == 0)
        return usage_error("import needs at least one file", NULL);
    if (settings_complete(s, &e) != 0)
        return command_failed(&e, PROGRAM_EXIT_FAILED);
    options = (struct import_options){
        .config = s->config,
        .directory = s->directory,
        .tenant = s->tenant,
        .kind = s->kind,
        .file_kinds = s->file_kinds,
        .n_file_kinds = s->n_file_kinds,
        .dry_run = s->dry_run,
        .force = s->force,
        .leave_root = true,
        .max_change = (unsigned)s->max_change,
        .files = (const char *const *)files,
        .n_files = (size_t)n,
        .now = clock_wall_s(),
        .out = stdout,
        .progress = stderr,
        .tally = &tally,
    };
    result = import_files(&options, s->report_days, &e);
    if (result != IMPORT_DONE)
        tell_of_import(s, result == IMPORT_REFUSED, &e);
    record_import(&options, options.now, result, &e);
    return result == IMPORT_DONE ? EXIT_SUCCESS : command_failed(&e, (int)result);
}

/*
 * For commands that only read, and for a rebuild. Continues as the directory's owner, so that root reads nothing that
 * others wrote.
 */
static int settings_of_owner(struct settings *s, struct error *e)
{
    struct owner owner;

    if (settings_complete(s, e) != 0 || owner_find(s->directory, &owner, e) != 0)
        return -1;
    return owner.shared ? 0 : owner_become(&owner, e);
}

static int command_show(struct settings *s, char **operands, int n)
{
    struct error e;

    if (n > 1)
        return usage_error("show takes one mailbox; unexpected argument", operands[1]);
    if (settings_of_owner(s, &e) != 0 ||
        show_directory(s->directory, s->tenant, n == 1 ? operands[0] : NULL, stdout, &e) != 0)
        return command_failed(&e, PROGRAM_EXIT_FAILED);
    return EXIT_SUCCESS;
}

static int command_logins(struct settings *s, char **files, int n)
{
    struct logins_options options;
    struct error e;
    enum logins_result result;

    if (n == 0)
        return usage_error("logins needs at least one file", NULL);
    if (settings_complete(s, &e) != 0)
        return command_failed(&e, PROGRAM_EXIT_FAILED);
    options = (struct logins_options){.directory = s->directory,
                                      .tenant = s->tenant,
                                      .netbios = s->netbios,
                                      .files = (const char *const *)files,
                                      .n_files = (size_t)n,
                                      .out = stdout,
                                      .log = stderr};
    result = logins_run(&options, &e);
    return result != LOGINS_FAILED ? (int)result : command_failed(&e, PROGRAM_EXIT_FAILED);
}

static int command_on_premises(struct settings *s, char **files, int n)
{
    struct on_premises_options options = {
        .files = (const char *const *)files, .n_files = (size_t)n, .out = stdout, .log = stderr};
    struct error e;

    (void)s;
    if (n == 0)
        return usage_error("on-premises needs at least one file", NULL);
    return on_premises_run(&options, &e) == 0 ? EXIT_SUCCESS : command_failed(&e, PROGRAM_EXIT_FAILED);
}

/* For commands that talk to Exchange Online: these need the configuration, and hold secrets. */
static int settings_online(struct settings *s, struct error *e)
{
    program_guard_secrets();
    (void)signal(SIGPIPE, SIG_IGN);
    if (s->config_path == NULL)
        s->config_path = PROGRAM_CONFIG_DEFAULT;
    return settings_complete(s, e);
}

static int pull(struct settings *s)
{
    const struct pull_options options = {.config = s->config,
                                         .directory = s->directory,
                                         .dry_run = s->dry_run,
                                         .force = s->force,
                                         .max_change = (unsigned)s->max_change,
                                         .now = clock_wall_s(),
                                         .out = stdout,
                                         .log = stderr};
    struct error e;
    enum import_result result = pull_run(&options, &e);

    return result == IMPORT_DONE ? EXIT_SUCCESS : command_failed(&e, (int)result);
}

/* In a cluster one relay asks Exchange Online, and the others follow, whatever timers they have. */
static int command_sync(struct settings *s, char **operands, int n)
{
    char name[WHOSE_NAME_MAX];
    struct sync_options options;
    struct error e;
    int result;

    if (n > 0)
        return usage_error("sync takes no files; unexpected argument", operands[0]);
    if (settings_online(s, &e) != 0)
        return command_failed(&e, PROGRAM_EXIT_FAILED);
    if (!s->here && whose_turn(s->config, clock_wall_s(), name) == TURN_ANOTHERS) {
        printf("%s mirrors for the cluster, so this relay pulls; with --here it mirrors all the same\n", name);
        return pull(s);
    }
    options = (struct sync_options){
        .config = s->config,
        .directory = s->directory,
        .tenant = s->tenant,
        .dry_run = s->dry_run,
        .force = s->force,
        .max_change = (unsigned)s->max_change,
        .out = stdout,
        .log = stderr,
    };
    result = sync_run(&options, &e);
    return result >= 0 ? result : command_failed(&e, PROGRAM_EXIT_FAILED);
}

static int command_pull(struct settings *s, char **operands, int n)
{
    char name[WHOSE_NAME_MAX];
    struct error e;

    if (n > 0)
        return usage_error("pull takes no arguments; unexpected", operands[0]);
    if (settings_online(s, &e) != 0)
        return command_failed(&e, PROGRAM_EXIT_FAILED);
    if (!s->force && whose_turn(s->config, clock_wall_s(), name) == TURN_OURS) {
        printf("this relay mirrors for the cluster: there is nobody to pull from; --force pulls all the same\n");
        return EXIT_SUCCESS;
    }
    return pull(s);
}

static int command_offer(struct settings *s, char **operands, int n)
{
    struct offer_options options;
    struct error e;

    if (n > 0)
        return usage_error("offer takes no arguments; unexpected", operands[0]);
    if (settings_online(s, &e) != 0)
        return command_failed(&e, PROGRAM_EXIT_FAILED);
    options = (struct offer_options){
        .config = s->config, .directory = s->directory, .now = clock_wall_s(), .out = stdout, .log = stderr};
    return (s->token ? offer_token(s->config, stdout, &e) : offer_run(&options, &e)) == 0
               ? EXIT_SUCCESS
               : command_failed(&e, PROGRAM_EXIT_FAILED);
}

static int command_forget(struct settings *s, char **operands, int n)
{
    struct forget_options options;
    struct error e;

    if (n > 0 || s->tenant == NULL)
        return usage_error("forget-tenant takes --tenant NAME and nothing else", n > 0 ? operands[0] : NULL);
    if (settings_complete(s, &e) != 0)
        return command_failed(&e, PROGRAM_EXIT_FAILED);
    options = (struct forget_options){.directory = s->directory,
                                      .tenant = s->tenant,
                                      .yes = s->yes,
                                      .dry_run = s->dry_run,
                                      .in = stdin,
                                      .out = stdout};
    return forget_run(&options, &e) == 0 ? EXIT_SUCCESS : command_failed(&e, PROGRAM_EXIT_FAILED);
}

/* Who may sign in depends on the configuration, so there must be one, whatever the directory. */
static int command_export(struct settings *s, char **operands, int n)
{
    struct deny_options options;
    struct error e;

    if (n > 0 || s->dovecot_deny == NULL)
        return usage_error("export takes --dovecot-deny FILE and nothing else", n > 0 ? operands[0] : NULL);
    if (s->config_path == NULL)
        s->config_path = PROGRAM_CONFIG_DEFAULT;
    if (settings_of_owner(s, &e) != 0)
        return command_failed(&e, PROGRAM_EXIT_FAILED);
    options = (struct deny_options){.config = s->config,
                                    .directory = s->directory,
                                    .path = s->dovecot_deny,
                                    .now = clock_wall_s(),
                                    .out = stdout,
                                    .log = stderr};
    return deny_list_export(&options, &e) == 0 ? EXIT_SUCCESS : command_failed(&e, PROGRAM_EXIT_FAILED);
}

static int command_verify(struct settings *s, char **operands, int n)
{
    struct directory_totals t;
    struct error e;

    if (n > 0)
        return usage_error("verify takes no arguments; unexpected", operands[0]);
    if (settings_of_owner(s, &e) != 0 || directory_verify(s->directory, &t, &e) != 0)
        return command_failed(&e, PROGRAM_EXIT_FAILED);
    printf("%s: generation %llu is whole: %llu tenants, %llu mailboxes, %llu identities, %llu domains, %llu rights, "
           "%llu bytes\n",
           words(slice_of(s->directory)).text, (unsigned long long)t.generation, (unsigned long long)t.tenants,
           (unsigned long long)t.mailboxes, (unsigned long long)t.identities, (unsigned long long)t.domains,
           (unsigned long long)t.rights, (unsigned long long)t.bytes);
    return EXIT_SUCCESS;
}

/* How long to wait for another run that writes; a million mailboxes take less. */
#define REBUILD_WAIT_S 300

static int command_rebuild(struct settings *s, char **operands, int n)
{
    uint64_t generation;
    struct error e;
    int result;

    if (n > 0)
        return usage_error("rebuild takes no arguments; unexpected", operands[0]);
    if (settings_complete(s, &e) != 0)
        return command_failed(&e, PROGRAM_EXIT_FAILED);
    if (access(s->directory, F_OK) != 0 && errno == ENOENT)
        return EXIT_SUCCESS; /* nothing has been mirrored yet */
    if (settings_of_owner(s, &e) != 0 || writer_wait(s->directory, REBUILD_WAIT_S, &e) != 0 ||
        (result = old_format_rebuild(s->directory, &generation, &e)) < 0)
        return command_failed(&e, PROGRAM_EXIT_FAILED);
    if (result > 0)
        printf("%s: rebuilt from an older version's format, generation %llu\n", words(slice_of(s->directory)).text,
               (unsigned long long)generation);
    return EXIT_SUCCESS;
}

static int command_respond(struct settings *s, char **operands, int n)
{
    struct respond_options options;
    struct error e;
    int result;

    if (n > 0)
        return usage_error("respond takes no arguments; unexpected", operands[0]);
    if (settings_online(s, &e) != 0)
        return command_failed(&e, PROGRAM_EXIT_FAILED);
    options = (struct respond_options){.config = s->config, .out = stdout, .log = stderr, .now = clock_wall_s()};
    result = respond_run(&options, &e);
    return result >= 0 ? result : command_failed(&e, PROGRAM_EXIT_FAILED);
}

static int command_doctor(struct settings *s, char **operands, int n)
{
    struct doctor_options options;
    struct error e;
    int result;

    if (n > 0)
        return usage_error("doctor takes no files; unexpected argument", operands[0]);
    if (settings_online(s, &e) != 0)
        return command_failed(&e, PROGRAM_EXIT_FAILED);
    options = (struct doctor_options){.config = s->config, .tenant = s->tenant, .out = stdout};
    result = doctor_run(&options, &e);
    return result >= 0 ? result : command_failed(&e, PROGRAM_EXIT_FAILED);
}

static int set_value(struct settings *s, enum writeback value, char **names, int n)
{
    struct set_options options;
    struct error e;
    enum set_result result;

    if (s->organization && (n > 0 || s->file != NULL || value == WRITEBACK_INHERIT))
        return usage_error("--organization takes enabled or disabled, and no mailboxes", NULL);
    if (!s->organization && n == 0 && s->file == NULL)
        return usage_error("name at least one mailbox, or a file of them with --file", NULL);
    if (settings_online(s, &e) != 0)
        return command_failed(&e, PROGRAM_EXIT_FAILED);
    options = (struct set_options){.config = s->config,
                                   .directory = s->directory,
                                   .tenant = s->tenant,
                                   .value = value,
                                   .names = (const char *const *)names,
                                   .n_names = (size_t)n,
                                   .file = s->file,
                                   .yes = s->yes,
                                   .force = s->force,
                                   .dry_run = s->dry_run,
                                   .in = stdin,
                                   .out = stdout,
                                   .log = stderr};
    result = s->organization ? set_organization(&options, &e) : set_mailboxes(&options, &e);
    return result == SET_DONE ? EXIT_SUCCESS : command_failed(&e, (int)result);
}

static int command_set(struct settings *s, char **operands, int n)
{
    enum writeback value;

    if (n == 0 || !writeback_named(slice_of(operands[0]), &value))
        return usage_error("set takes enabled, disabled or inherit first", n > 0 ? operands[0] : NULL);
    return set_value(s, value, operands + 1, n - 1);
}

static int command_disable(struct settings *s, char **operands, int n)
{
    return set_value(s, WRITEBACK_DISABLE, operands, n);
}

static int command_enable(struct settings *s, char **operands, int n)
{
    return set_value(s, WRITEBACK_ENABLE, operands, n);
}

static int command_inherit(struct settings *s, char **operands, int n)
{
    return set_value(s, WRITEBACK_INHERIT, operands, n);
}

static const struct {
    const char *name;
    int (*run)(struct settings *, char **, int);
} commands[] = {
    {"import", command_import},   {"sync", command_sync},
    {"doctor", command_doctor},   {"show", command_show},
    {"disable", command_disable}, {"enable", command_enable},
    {"set", command_set},         {"inherit", command_inherit},
    {"respond", command_respond}, {"forget-tenant", command_forget},
    {"verify", command_verify},   {"rebuild", command_rebuild},
    {"logins", command_logins},   {"on-premises", command_on_premises},
    {"export", command_export},   {"pull", command_pull},
    {"offer", command_offer},
};

static int run_command(int argc, char **argv, int (*command)(struct settings *, char **, int))
{
    struct settings s = {.kind = KINDS, .max_change = -1};
    int result = read_options(argc, argv, &s);

    if (result != 0)
        return result;
    if (s.help) {
        print_help();
        return EXIT_SUCCESS;
    }
    result = command(&s, argv + optind, argc - optind);
    config_free(s.config);
    return result;
}

int main(int argc, char **argv)
{
    struct program_options options;
    int result;

    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return run_command(argc - 1, argv + 1, commands[i].run);
    if (argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
        print_help();
        return EXIT_SUCCESS;
    }
    result = program_begin(argc, argv, PROGRAM, PURPOSE, &options);
    return result != PROGRAM_GO_ON
               ? result
               : usage_error("a command is needed: sync, import, show, pull, logins, verify, doctor, set or respond",
                             NULL);
}
