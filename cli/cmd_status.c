/* postern status, postern top. */
#include "cli/commands.h"
#include "cli/picture.h"
#include "core/clock.h"
#include "core/units.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#define TOP_ROWS 5

/* Exit statuses of their own: all is well, or something needs a look. */
enum { STATUS_WELL = CLI_OK, STATUS_TROUBLE = 3 };

static void say_span(int64_t seconds)
{
    char text[40];
    struct buf b = BUF_OVER(text);

    if (seconds < 0 || (uint64_t)seconds > DURATION_MAX_S)
        buf_add(&b, SLICE("?"));
    else
        duration_add(&b, seconds > 172800 ? (uint64_t)seconds / 3600 * 3600 : (uint64_t)seconds);
    fputs(text, stdout);
}

/* ---- for people ---- */

static void print_services(const struct picture *p)
{
    puts("Services:");
    for (size_t i = 0; i < p->n_processes; i++) {
        printf("  %-16s pid %ld, up ", p->processes[i].name, (long)p->processes[i].pid);
        say_span((int64_t)p->processes[i].age_s);
        putchar('\n');
    }
    if (p->n_processes == 0)
        puts("  none runs with this configuration");
    for (size_t i = 0; i < p->n_listeners; i++)
        printf("  %-16s %s: %s\n", p->listeners[i].program, p->listeners[i].address, p->listeners[i].state);
}

static const char *setting_word(enum smtp_auth setting)
{
    return setting == SMTP_AUTH_ENABLED ? "enabled" : setting == SMTP_AUTH_DISABLED ? "disabled" : "unknown";
}

/* Where tenants.smtp_auth has the last word, what was mirrored does not count here. */
static const char *taken_as(const struct config *config, const char *tenant)
{
    static const char *const words[] = {[TENANT_MIRRORED] = "",
                                        [TENANT_ENABLED] = " (here enabled by tenants.smtp_auth)",
                                        [TENANT_DISABLED] = " (here disabled by tenants.smtp_auth)"};

    for (size_t i = 0; config != NULL && i < config->n_tenants; i++)
        if (strcmp(config->tenants[i].name, tenant) == 0)
            return words[config->tenants[i].smtp_auth];
    return "";
}

static void print_directory(const struct cli *cli, const struct picture *p)
{
    if (cli->view == NULL) {
        puts("\nDirectory: there is none; authenticated mail is deferred until postern-mirror ran");
        return;
    }
    printf("\nDirectory, generation %llu:\n", (unsigned long long)directory_view_generation(cli->view));
    for (uint32_t i = 0; i < directory_tenants(cli->view); i++) {
        const struct tenant_facts *t = directory_tenant(cli->view, i);
        char name[300], source[600];

        if (t == NULL)
            continue;
        printf("  %-16s %llu mailboxes, SMTP AUTH %s as mirrored%s, from %s, ",
               cli_plain(name, sizeof name, slice_of(t->name)), (unsigned long long)t->mailboxes,
               setting_word(t->smtp_auth), taken_as(cli->config, t->name),
               cli_plain(source, sizeof source, slice_of(t->source)));
        say_span(t->settings_at > 0 ? p->wall_s - t->settings_at : -1);
        puts(" old");
    }
}

static void print_state(const struct picture *p)
{
    if (!p->has_state)
        return;
    printf("\nCounters: %llu of %llu in use (%.1f %%), %llu met a full bucket\nBlocks: %llu\n",
           (unsigned long long)p->counters.live, (unsigned long long)p->counters.entries,
           p->counters.entries > 0 ? 100.0 * (double)p->counters.live / (double)p->counters.entries : 0.0,
           (unsigned long long)p->counters.crowded, (unsigned long long)p->blocks);
}

static void print_totals(const struct picture *p)
{
    printf("\nVerdicts since the journal was begun:\n");
    for (enum action a = ACTION_PASS; a <= ACTION_HOLD; a++)
        for (unsigned r = 0; r < REASON_COUNT; r++) {
            uint64_t count = 0;

            for (size_t i = 0; i < p->n_totals; i++)
                if (p->totals[i].action == a && p->totals[i].reason == (enum reason)r)
                    count += p->totals[i].count;
            if (count > 0)
                printf("  %-7s %-22s %10llu\n", action_name(a), reason_row((enum reason)r)->name,
                       (unsigned long long)count);
        }
    if (p->n_totals == 0)
        puts("  none");
    if (p->dropped > 0)
        printf("  %llu of them are counted but not in the journal: too many came at once\n",
               (unsigned long long)p->dropped);
}

static void print_top(const char *title, struct ranking *t, int which)
{
    char name[4 * OUTPUT_TEXT_MAX + 8];
    size_t n = 0;

    ranking_sort(t, which);
    for (; n < t->n && n < TOP_ROWS && t->rows[n].count[which] > 0; n++) {
        if (n == 0)
            printf("\n%s:\n", title);
        printf("  %-40s %8llu passed %8llu refused\n", cli_plain(name, sizeof name, slice_of(t->rows[n].name)),
               (unsigned long long)t->rows[n].count[0], (unsigned long long)t->rows[n].count[1]);
    }
}

static void print_picture(const struct cli *cli, struct picture *p)
{
    print_services(p);
    print_directory(cli, p);
    print_state(p);
    if (!p->has_journal)
        return;
    print_totals(p);
    print_top("Logins with the most messages, last hour", &p->logins, 0);
    print_top("Logins with the most refusals, last hour", &p->logins, 1);
    print_top("Clients with the most messages, last hour", &p->clients, 0);
    print_top("Clients with the most refusals, last hour", &p->clients, 1);
    print_top("Connectors, last hour", &p->connectors, 0);
}

/* ---- for programs ---- */

static void json_text(const char *name, const char *text, const char *end)
{
    char mem[6 * OUTPUT_TEXT_MAX + 16];
    struct buf b = BUF_OVER(mem);

    output_add_json(&b, slice_of(text));
    printf("\"%s\": %s%s", name, mem, end);
}

static void json_ranking(const char *name, struct ranking *t, int which, const char *end)
{
    printf(" \"%s\": [", name);
    ranking_sort(t, which);
    for (size_t i = 0; i < t->n && i < TOP_ROWS && t->rows[i].count[which] > 0; i++) {
        fputs(i > 0 ? ",\n  {" : "\n  {", stdout);
        json_text("name", t->rows[i].name, ", ");
        printf("\"passed\": %llu, \"refused\": %llu}", (unsigned long long)t->rows[i].count[0],
               (unsigned long long)t->rows[i].count[1]);
    }
    printf("]%s\n", end);
}

static void json_lists(const struct cli *cli, const struct picture *p)
{
    bool any = false;

    fputs("{\n \"services\": [", stdout);
    for (size_t i = 0; i < p->n_processes; i++) {
        fputs(i > 0 ? ",\n  {" : "\n  {", stdout);
        json_text("name", p->processes[i].name, ", ");
        printf("\"pid\": %ld, \"up_s\": %llu}", (long)p->processes[i].pid, (unsigned long long)p->processes[i].age_s);
    }
    fputs("],\n \"listeners\": [", stdout);
    for (size_t i = 0; i < p->n_listeners; i++) {
        fputs(i > 0 ? ",\n  {" : "\n  {", stdout);
        json_text("program", p->listeners[i].program, ", ");
        json_text("address", p->listeners[i].address, ", ");
        json_text("state", p->listeners[i].state, "}");
    }
    fputs("],\n \"tenants\": [", stdout);
    for (uint32_t i = 0; cli->view != NULL && i < directory_tenants(cli->view); i++) {
        const struct tenant_facts *t = directory_tenant(cli->view, i);

        if (t == NULL)
            continue;
        fputs(any ? ",\n  {" : "\n  {", stdout);
        any = true;
        json_text("name", t->name, ", ");
        json_text("smtp_auth", setting_word(t->smtp_auth), ", ");
        json_text("source", t->source, ", ");
        printf("\"mailboxes\": %llu, \"settings_at\": %lld}", (unsigned long long)t->mailboxes,
               (long long)t->settings_at);
    }
    puts("],");
}

static void print_json(const struct cli *cli, struct picture *p)
{
    json_lists(cli, p);
    printf(" \"counters\": {\"entries\": %llu, \"live\": %llu, \"crowded\": %llu, \"displaced\": %llu},\n"
           " \"blocks\": %llu,\n",
           (unsigned long long)p->counters.entries, (unsigned long long)p->counters.live,
           (unsigned long long)p->counters.crowded, (unsigned long long)p->counters.displaced,
           (unsigned long long)p->blocks);
    fputs(" \"verdicts\": [", stdout);
    for (size_t i = 0; i < p->n_totals; i++) {
        fputs(i > 0 ? ",\n  {" : "\n  {", stdout);
        json_text("program", p->totals[i].program, ", ");
        json_text("action", action_name(p->totals[i].action), ", ");
        json_text("reason", reason_row(p->totals[i].reason)->name, ", ");
        printf("\"count\": %llu}", (unsigned long long)p->totals[i].count);
    }
    printf("],\n \"journal_dropped\": %llu,\n", (unsigned long long)p->dropped);
    json_ranking("top_logins", &p->logins, 0, ",");
    json_ranking("top_refused_logins", &p->logins, 1, ",");
    json_ranking("top_clients", &p->clients, 0, ",");
    json_ranking("top_refused_clients", &p->clients, 1, ",");
    json_ranking("top_connectors", &p->connectors, 0, "\n}");
}

/* ---- the commands ---- */

static int judge(const struct cli *cli, const struct picture *p)
{
    bool well = p->n_processes > 0 && cli->view != NULL && p->has_state;

    for (size_t i = 0; i < p->n_listeners; i++)
        well &= p->listeners[i].up;
    return well ? STATUS_WELL : STATUS_TROUBLE;
}

int cmd_status(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, CLI_OPTION_JSON}, CLI_LAST_OPTIONS};
    struct picture *p;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0)
        continue;
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return status;
    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    if ((p = picture_take(cli)) == NULL)
        return CLI_FAILED;
    if (cli->format == OUTPUT_JSON)
        print_json(cli, p);
    else
        print_picture(cli, p);
    status = fflush(stdout) == 0 ? judge(cli, p) : cli_fail(cli, "cannot write the output");
    picture_free(p);
    return status;
}

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

/* Each picture begins with the files as they are then. CLI_OK or CLI_FAILED. */
static int show_once(const struct cli *cli)
{
    struct cli fresh = {.config_path = cli->config_path, .command = cli->command};
    struct picture *p = picture_take(&fresh);
    char text[40];
    struct buf b = BUF_OVER(text);

    if (p == NULL) {
        cli_close(&fresh);
        return CLI_FAILED;
    }
    output_add_time(&b, p->wall_s, OUTPUT_TABLE);
    printf("\033[H\033[2Jpostern %s   %s   (Ctrl-C ends)\n\n", POSTERN_VERSION, text);
    print_picture(&fresh, p);
    (void)fflush(stdout);
    picture_free(p);
    cli_close(&fresh);
    return CLI_OK;
}

int cmd_top(struct cli *cli, int argc, char **argv)
{
    enum { INTERVAL = 256, ONCE };
    static const struct option options[] = {
        {"interval", required_argument, NULL, INTERVAL}, {"once", no_argument, NULL, ONCE}, CLI_LAST_OPTIONS};
    struct sigaction action = {.sa_handler = stop};
    unsigned long long seconds = 2;
    bool once = false;
    int option, status;

    while ((option = cli_next_option(cli, argc, argv, options, &status)) >= 0) {
        once |= option == ONCE;
        if (option == INTERVAL && (!slice_to_u64(slice_of(optarg), 3600, &seconds) || seconds == 0))
            return cli_usage(cli, "--interval is a number of seconds from 1 to 3600");
    }
    if (option == CLI_OPTIONS_STOP || (status = cli_check_arguments(cli, argc, 0, 0)) != CLI_OK)
        return status;
    if (!once && isatty(STDOUT_FILENO) == 0)
        return cli_usage(cli, "top is for a terminal; \"postern status\" prints once");
    if (cli_open_config(cli) != 0)
        return CLI_FAILED;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    do {
        struct timespec pause = {(time_t)seconds, 0};

        status = show_once(cli);
        if (!once && stopped == 0 && status == CLI_OK)
            (void)nanosleep(&pause, NULL);
    } while (!once && stopped == 0 && status == CLI_OK);
    return status;
}
