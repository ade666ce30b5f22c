/*
 * postern metrics: the Prometheus text format (version 0.0.4), for a textfile collector. Labels are bounded: programs,
 * actions, reasons, tenants, listeners; never logins or clients.
 */
#include "cli/commands.h"
#include "cli/picture.h"

static void family(const char *name, const char *type, const char *help)
{
    printf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and newline are escaped by the format; other controls have no business there. */
static const char *label(char *mem, size_t cap, const char *text)
{
    struct buf b = buf_over(mem, cap);

    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buf_add_char(&b, '\\');
        buf_add_char(&b, *text >= 0x20 && *text != 0x7f ? *text : '?');
    }
    return mem;
}

static void print_services(const struct picture *p)
{
    char text[600];

    family("postern_up", "gauge", "Processes of that service that run with this configuration.");
    for (size_t i = 0; i < p->n_processes; i++) {
        uint64_t count = 0;
        bool first = true;

        for (size_t j = 0; j < p->n_processes; j++)
            if (strcmp(p->processes[i].name, p->processes[j].name) == 0) {
                first &= j >= i;
                count++;
            }
        if (first)
            printf("postern_up{program=\"%s\"} %llu\n", p->processes[i].name, (unsigned long long)count);
    }
    family("postern_listener_up", "gauge", "1 when the listener answers.");
    for (size_t i = 0; i < p->n_listeners; i++)
        printf("postern_listener_up{program=\"%s\",address=\"%s\"} %d\n", p->listeners[i].program,
               label(text, sizeof text, p->listeners[i].address), p->listeners[i].up);
}

static void print_directory(const struct cli *cli)
{
    uint32_t n = cli->view != NULL ? directory_tenants(cli->view) : 0;
    char text[200];

    family("postern_directory_generation", "gauge", "Generation of the directory; 0 without one.");
    printf("postern_directory_generation %llu\n",
           cli->view != NULL ? (unsigned long long)directory_view_generation(cli->view) : 0);
    family("postern_directory_mailboxes", "gauge", "Mailboxes of the tenant in the directory.");
    for (uint32_t i = 0; i < n; i++)
        printf("postern_directory_mailboxes{tenant=\"%s\"} %llu\n",
               label(text, sizeof text, directory_tenant(cli->view, i)->name),
               (unsigned long long)directory_tenant(cli->view, i)->mailboxes);
    family("postern_directory_settings_timestamp_seconds", "gauge", "When the tenant's settings were brought in.");
    for (uint32_t i = 0; i < n; i++)
        printf("postern_directory_settings_timestamp_seconds{tenant=\"%s\"} %lld\n",
               label(text, sizeof text, directory_tenant(cli->view, i)->name),
               (long long)directory_tenant(cli->view, i)->settings_at);
}

static void print_state(const struct picture *p)
{
    if (!p->has_state)
        return;
    family("postern_counters_entries", "gauge", "Counters that there is room for.");
    printf("postern_counters_entries %llu\n", (unsigned long long)p->counters.entries);
    family("postern_counters_live", "gauge", "Counters in use.");
    printf("postern_counters_live %llu\n", (unsigned long long)p->counters.live);
    family("postern_counters_crowded_total", "counter", "Charges and marks that met a full bucket.");
    printf("postern_counters_crowded_total %llu\n", (unsigned long long)p->counters.crowded);
    family("postern_counters_displaced_total", "counter",
           "Counters of clients without a login, and marks, that gave way to others.");
    printf("postern_counters_displaced_total %llu\n", (unsigned long long)p->counters.displaced);
    family("postern_blocks", "gauge", "Logins, clients, networks and connectors that are blocked.");
    printf("postern_blocks %llu\n", (unsigned long long)p->blocks);
}

static void print_decisions(const struct picture *p)
{
    char text[64];

    if (!p->has_journal)
        return;
    family("postern_decisions_total", "counter", "Decisions by program, action and reason.");
    for (size_t i = 0; i < p->n_totals; i++)
        printf("postern_decisions_total{program=\"%s\",action=\"%s\",reason=\"%s\"} %llu\n",
               label(text, sizeof text, p->totals[i].program), action_name(p->totals[i].action),
               reason_row(p->totals[i].reason)->name, (unsigned long long)p->totals[i].count);
    family("postern_journal_dropped_total", "counter",
           "Decisions that are counted but not in the journal, since too many came at once.");
    printf("postern_journal_dropped_total %llu\n", (unsigned long long)p->dropped);
}

int cmd_metrics(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {CLI_LAST_OPTIONS};
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
    print_services(p);
    print_directory(cli);
    print_state(p);
    print_decisions(p);
    status = fflush(stdout) == 0 ? CLI_OK : cli_fail(cli, "cannot write the output");
    picture_free(p);
    return status;
}
