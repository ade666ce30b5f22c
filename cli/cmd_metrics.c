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

/* Those that run, each program once, and then those that should. */
static void print_up(const struct picture *p)
{
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
    for (size_t i = 0; i < p->n_services; i++)
        if (p->services[i].state == SERVICE_DOWN)
            printf("postern_up{program=\"%s\"} 0\n", p->services[i].program);
}

static void print_services(const struct picture *p)
{
    char text[600];

    print_up(p);
    family("postern_listener_up", "gauge", "1 when the listener answers.");
    for (size_t i = 0; i < p->n_listeners; i++)
        printf("postern_listener_up{program=\"%s\",address=\"%s\"} %d\n", p->listeners[i].program,
               label(text, sizeof text, p->listeners[i].address), p->listeners[i].up);
}

static uint64_t lowest_used(const struct picture *p)
{
    uint64_t lowest = p->using[0].generation;

    for (size_t i = 1; i < p->n_using; i++)
        if (p->using[i].generation < lowest)
            lowest = p->using[i].generation;
    return lowest;
}

static void print_parts(const struct tenant_facts *t)
{
    char text[200];

    (void)label(text, sizeof text, t->name);
    for (size_t i = 0; i < MIRRORED_PARTS; i++)
        printf("postern_directory_part_timestamp_seconds{tenant=\"%s\",part=\"%s\"} %lld\n", text,
               mirrored_word((enum mirrored_part)i), (long long)t->parts[i].at);
}

static void print_tenants(const struct cli *cli)
{
    uint32_t n = cli->view != NULL ? directory_tenants(cli->view) : 0;
    const struct tenant_facts *t;
    char text[200];

    family("postern_directory_mailboxes", "gauge", "Mailboxes of the tenant in the directory.");
    for (uint32_t i = 0; i < n; i++)
        if ((t = directory_tenant(cli->view, i)) != NULL)
            printf("postern_directory_mailboxes{tenant=\"%s\"} %llu\n", label(text, sizeof text, t->name),
                   (unsigned long long)t->mailboxes);
    family("postern_directory_settings_timestamp_seconds", "gauge", "When the tenant's settings were brought in.");
    for (uint32_t i = 0; i < n; i++)
        if ((t = directory_tenant(cli->view, i)) != NULL)
            printf("postern_directory_settings_timestamp_seconds{tenant=\"%s\"} %lld\n",
                   label(text, sizeof text, t->name), (long long)t->settings_at);
    family("postern_directory_part_timestamp_seconds", "gauge",
           "When that part of the tenant was brought in or confirmed; 0: never.");
    for (uint32_t i = 0; i < n; i++)
        if ((t = directory_tenant(cli->view, i)) != NULL)
            print_parts(t);
}

/* What may not be read is left out: 0 would be a statement. */
static void print_directory(const struct cli *cli, const struct picture *p)
{
    if (p->directory == PART_READ || p->directory == PART_NONE) {
        family("postern_directory_generation", "gauge", "Generation of the directory in its folder; 0 without one.");
        printf("postern_directory_generation %llu\n",
               cli->view != NULL ? (unsigned long long)directory_view_generation(cli->view) : 0);
        print_tenants(cli);
    }
    if (p->n_using == 0)
        return;
    family("postern_services_generation", "gauge", "The lowest generation of the directory that a service uses.");
    printf("postern_services_generation %llu\n", (unsigned long long)lowest_used(p));
}

static void print_notices(const struct picture *p)
{
    if (p->notices.part != PART_READ && p->notices.part != PART_NONE)
        return;
    family("postern_notices_waiting", "gauge", "Notices that were not delivered yet.");
    printf("postern_notices_waiting %u\n", p->notices.waiting);
    family("postern_notices_given_up", "gauge", "Notices that were given up in the last 7 days.");
    printf("postern_notices_given_up %u\n", p->notices.given_up);
    if (p->notices.oldest_s == 0)
        return;
    family("postern_notices_oldest_timestamp_seconds", "gauge", "When the oldest notice that waits was made.");
    printf("postern_notices_oldest_timestamp_seconds %lld\n", (long long)p->notices.oldest_s);
}

static void print_state(const struct picture *p)
{
    if (p->state != PART_READ)
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
    print_directory(cli, p);
    print_state(p);
    print_notices(p);
    print_decisions(p);
    status = fflush(stdout) == 0 ? CLI_OK : cli_fail(cli, "cannot write the output");
    picture_free(p);
    return status;
}
