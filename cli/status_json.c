/* The picture as programs read it. */
#include "cli/status.h"

static const char *const part_words[] = {
    [PART_READ] = "read", [PART_NONE] = "none", [PART_CLOSED] = "closed", [PART_UNUSABLE] = "unusable"};

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
    for (size_t i = 0; i < t->n && i < STATUS_TOP_ROWS && t->rows[i].count[which] > 0; i++) {
        fputs(i > 0 ? ",\n  {" : "\n  {", stdout);
        json_text("name", t->rows[i].name, ", ");
        printf("\"passed\": %llu, \"refused\": %llu}", (unsigned long long)t->rows[i].count[0],
               (unsigned long long)t->rows[i].count[1]);
    }
    printf("]%s\n", end);
}

static void json_services(const struct picture *p)
{
    bool any = p->n_processes > 0;

    fputs(" \"services\": [", stdout);
    for (size_t i = 0; i < p->n_processes; i++) {
        uint64_t generation;

        fputs(i > 0 ? ",\n  {" : "\n  {", stdout);
        json_text("name", p->processes[i].name, ", ");
        printf("\"state\": \"up\", \"pid\": %ld, \"up_s\": %llu", (long)p->processes[i].pid,
               (unsigned long long)p->processes[i].age_s);
        if (picture_generation_of(p, (long)p->processes[i].pid, &generation))
            printf(", \"generation\": %llu", (unsigned long long)generation);
        putchar('}');
    }
    for (size_t i = 0; i < p->n_services; i++) {
        if (p->services[i].state == SERVICE_UP)
            continue;
        fputs(any ? ",\n  {" : "\n  {", stdout);
        any = true;
        json_text("name", p->services[i].program, ", ");
        json_text("state", p->services[i].state == SERVICE_DOWN ? "down" : "hidden", "}");
    }
    puts("],");
}

static void json_listeners(const struct picture *p)
{
    fputs(" \"listeners\": [", stdout);
    for (size_t i = 0; i < p->n_listeners; i++) {
        fputs(i > 0 ? ",\n  {" : "\n  {", stdout);
        json_text("program", p->listeners[i].program, ", ");
        json_text("address", p->listeners[i].address, ", ");
        json_text("state", p->listeners[i].state, "}");
    }
    puts("],");
}

static void json_parts(const struct tenant_facts *t)
{
    const char *between = "";

    fputs(",\n   \"parts\": {", stdout);
    for (size_t i = 0; i < MIRRORED_PARTS; i++) {
        printf("%s\n    \"%s\": ", between, mirrored_word((enum mirrored_part)i));
        between = ",";
        if (t->parts[i].at <= 0) {
            fputs("null", stdout);
            continue;
        }
        printf("{\"at\": %lld, ", (long long)t->parts[i].at);
        json_text("source", t->parts[i].source, "}");
    }
    putchar('}');
}

/* Where tenants.smtp_auth has the last word, what it says; null where the mirrored setting counts. */
static void json_override(const struct config *config, const char *tenant)
{
    const struct tenant_config *own = config_tenant(config, slice_of(tenant));

    if (own == NULL || own->smtp_auth == TENANT_MIRRORED)
        fputs("\"smtp_auth_override\": null, ", stdout);
    else
        json_text("smtp_auth_override", own->smtp_auth == TENANT_ENABLED ? "enabled" : "disabled", ", ");
}

static void json_tenants(const struct cli *cli)
{
    bool any = false;

    fputs(" \"tenants\": [", stdout);
    for (uint32_t i = 0; cli->view != NULL && i < directory_tenants(cli->view); i++) {
        const struct tenant_facts *t = directory_tenant(cli->view, i);

        if (t == NULL)
            continue;
        fputs(any ? ",\n  {" : "\n  {", stdout);
        any = true;
        json_text("name", t->name, ", ");
        json_text("smtp_auth", status_setting_word(t->smtp_auth), ", "); /* as mirrored */
        json_override(cli->config, t->name);
        json_text("source", t->source, ", ");
        printf("\"mailboxes\": %llu, \"settings_at\": %lld", (unsigned long long)t->mailboxes,
               (long long)t->settings_at);
        json_parts(t);
        putchar('}');
    }
    puts("],");
}

/* "read", "none", "closed", "unusable", and which generation is there and which is in use. */
static void json_directory(const struct cli *cli, const struct picture *p)
{
    printf(" \"directory\": {\"state\": \"%s\", \"generation\": ", part_words[p->directory]);
    if (cli->view != NULL)
        printf("%llu", (unsigned long long)directory_view_generation(cli->view));
    else
        fputs("null", stdout);
    printf(", \"in_use\": %s},\n", cli->other_generation ? "false" : p->n_using > 0 ? "true" : "null");
}

static void json_notices(const struct picture *p)
{
    const struct notices *n = &p->notices;

    if (n->part == PART_READ || n->part == PART_NONE)
        printf(" \"notices\": {\"waiting\": %u, \"given_up\": %u, \"oldest_at\": %lld},\n", n->waiting, n->given_up,
               (long long)n->oldest_s);
    else
        puts(" \"notices\": null,");
}

static void json_counters(const struct picture *p)
{
    if (p->state != PART_READ) {
        printf(" \"state\": \"%s\",\n", part_words[p->state]);
        return;
    }
    printf(" \"counters\": {\"entries\": %llu, \"live\": %llu, \"crowded\": %llu, \"displaced\": %llu},\n"
           " \"blocks\": %llu,\n",
           (unsigned long long)p->counters.entries, (unsigned long long)p->counters.live,
           (unsigned long long)p->counters.crowded, (unsigned long long)p->counters.displaced,
           (unsigned long long)p->blocks);
}

void status_print_json(const struct cli *cli, struct picture *p)
{
    puts("{");
    if (p->config_problem[0] != '\0') {
        putchar(' ');
        json_text("config_problem", p->config_problem, ",\n");
    }
    json_services(p);
    json_listeners(p);
    json_directory(cli, p);
    json_tenants(cli);
    json_counters(p);
    json_notices(p);
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
