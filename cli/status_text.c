/* The picture as people read it. */
#include "cli/status.h"

#include "core/base/units.h"

static void add_span(struct buf *b, int64_t seconds)
{
    if (seconds < 0 || (uint64_t)seconds > DURATION_MAX_S)
        buf_add(b, SLICE("?"));
    else
        duration_add(b, seconds > 172800 ? (uint64_t)seconds / 3600 * 3600 : (uint64_t)seconds);
}

static void say_span(int64_t seconds)
{
    char text[40];
    struct buf b = BUF_OVER(text);

    add_span(&b, seconds);
    fputs(text, stdout);
}

/* ---- services ---- */

static void print_config(const struct cli *cli, const struct picture *p)
{
    const struct terminal *t = &cli->terminal;

    if (p->config_problem[0] == '\0')
        return;
    fputs("Configuration: ", stdout);
    terminal_paint(stdout, t, PAINT_BAD, "WRONG");
    fputs(", ", stdout);
    terminal_fold(stdout, t, 22, 2, slice_of(p->config_problem));
    terminal_fold(stdout, t, 0, 2,
                  SLICE("  The services go on with what they read before; none would start with it. What follows is "
                        "about the files that its readable part names."));
    putchar('\n');
}

static void print_process(const struct picture *p, const struct process *process)
{
    uint64_t generation;

    printf("  %-16s pid %ld, up ", process->name, (long)process->pid);
    say_span((int64_t)process->age_s);
    if (picture_generation_of(p, (long)process->pid, &generation)) {
        if (generation > 0)
            printf(", uses generation %llu", (unsigned long long)generation);
        else
            fputs(", has no directory", stdout);
    }
    putchar('\n');
}

static void print_services(const struct cli *cli, const struct picture *p)
{
    const struct terminal *t = &cli->terminal;

    terminal_paint(stdout, t, PAINT_TITLE, "Services:");
    putchar('\n');
    for (size_t i = 0; i < p->n_processes; i++)
        print_process(p, &p->processes[i]);
    for (size_t i = 0; i < p->n_services; i++) {
        if (p->services[i].state == SERVICE_UP)
            continue;
        printf("  %-16s ", p->services[i].program);
        if (p->services[i].state == SERVICE_DOWN)
            terminal_paint(stdout, t, PAINT_BAD, "DOWN");
        else
            fputs("not seen: this system hides the processes of others", stdout);
        putchar('\n');
    }
    if (p->n_processes == 0 && p->n_services == 0)
        puts("  none runs with this configuration");
    for (size_t i = 0; i < p->n_listeners; i++) {
        printf("  %-16s %s: ", p->listeners[i].program, p->listeners[i].address);
        terminal_paint(stdout, t, p->listeners[i].up ? PAINT_GOOD : PAINT_BAD, p->listeners[i].state);
        putchar('\n');
    }
}

/* ---- the directory ---- */

#define PART_INDENT 35

static void print_part(const struct cli *cli, const struct picture *p, const struct mirrored *part, const char *title)
{
    char source[4 * sizeof part->source + 8], text[sizeof source + 60];
    struct buf b = BUF_OVER(text);

    printf("    %-30s ", title);
    if (part->at > 0) {
        add_span(&b, p->wall_s - part->at);
        buf_addf(&b, " old, from %s", text_plain(source, sizeof source, slice_of(part->source)));
    } else {
        buf_add(&b, SLICE("not mirrored"));
    }
    terminal_fold(stdout, &cli->terminal, PART_INDENT, PART_INDENT, buf_slice(&b));
}

/* Generations before there were parts have one time for all. */
static void print_mirrored(const struct cli *cli, const struct picture *p, const struct tenant_facts *t)
{
    struct mirrored all = {.at = t->settings_at};
    struct buf source = BUF_OVER(all.source);
    bool any = false;

    for (size_t i = 0; i < MIRRORED_PARTS; i++)
        any |= t->parts[i].at > 0;
    for (size_t i = 0; any && i < MIRRORED_PARTS; i++)
        print_part(cli, p, &t->parts[i], mirrored_title((enum mirrored_part)i));
    buf_add(&source, slice_of(t->source));
    if (!any)
        print_part(cli, p, &all, "all that was brought in");
}

/* Where tenants.smtp_auth has the last word, what was mirrored does not count here. */
static const char *taken_as(const struct config *config, const char *tenant)
{
    static const char *const words[] = {[TENANT_MIRRORED] = "",
                                        [TENANT_ENABLED] = " (here enabled by tenants.smtp_auth)",
                                        [TENANT_DISABLED] = " (here disabled by tenants.smtp_auth)"};

    const struct tenant_config *own = config_tenant(config, slice_of(tenant));

    return own != NULL ? words[own->smtp_auth] : "";
}

static void print_tenants(const struct cli *cli, const struct picture *p)
{
    for (uint32_t i = 0; i < directory_tenants(cli->view); i++) {
        const struct tenant_facts *t = directory_tenant(cli->view, i);
        char name[300];

        if (t == NULL)
            continue;
        printf("  %-16s %llu mailboxes, SMTP AUTH %s as mirrored%s\n", text_plain(name, sizeof name, slice_of(t->name)),
               (unsigned long long)t->mailboxes, status_setting_word(t->smtp_auth), taken_as(cli->config, t->name));
        print_mirrored(cli, p, t);
    }
}

static void print_directory(const struct cli *cli, const struct picture *p)
{
    static const char *const words[] = {
        [PART_NONE] = "there is none; authenticated mail is deferred until postern-mirror ran",
        [PART_CLOSED] = "may not be read by this user; what the services have is not known here",
        [PART_UNUSABLE] = "cannot be used; the error output says why"};
    char text[600];

    putchar('\n');
    if (p->directory == PART_READ)
        printf("Directory, generation %llu:\n", (unsigned long long)directory_view_generation(cli->view));
    else if (!cli->other_generation)
        printf("Directory: %s\n", words[p->directory]);
    if (cli->other_generation) {
        terminal_paint(stdout, &cli->terminal, PAINT_BAD, p->directory == PART_READ ? "  NOT IN USE: " : "Directory: ");
        terminal_fold(stdout, &cli->terminal, 14, 2, slice_of(cli_disagreement(cli, text, sizeof text)));
        puts("  Put the folder's manifest back, or run postern-mirror.");
    }
    if (cli->view != NULL)
        print_tenants(cli, p);
}

static void print_state(const struct picture *p)
{
    static const char *const words[] = {[PART_NONE] = "there are none: the services make them when they start",
                                        [PART_CLOSED] = "may not be read by this user",
                                        [PART_UNUSABLE] = "cannot be used; the error output says why"};

    if (p->state != PART_READ) {
        printf("\nCounters and blocks: %s\n", words[p->state]);
        return;
    }
    printf("\nCounters: %llu of %llu in use (%.1f %%), %llu found the table full\nBlocks: %llu\n",
           (unsigned long long)p->counters.live, (unsigned long long)p->counters.entries,
           p->counters.entries > 0 ? 100.0 * (double)p->counters.live / (double)p->counters.entries : 0.0,
           (unsigned long long)p->counters.crowded, (unsigned long long)p->blocks);
}

static void print_notices(const struct cli *cli, const struct picture *p)
{
    const struct notices *n = &p->notices;

    if (n->part == PART_CLOSED)
        puts("Notices: may not be read by this user");
    if (n->part != PART_READ || (n->waiting == 0 && n->given_up == 0))
        return;
    fputs("Notices: ", stdout);
    if (n->waiting > 0) {
        printf("%u not delivered, the oldest for ", n->waiting);
        say_span(n->oldest_s > 0 ? p->wall_s - n->oldest_s : -1);
    }
    if (n->given_up > 0)
        printf("%s%u given up in the last 7 days", n->waiting > 0 ? "; " : "", n->given_up);
    terminal_fold(stdout, &cli->terminal, 60, 2, SLICE("; see the log of postern-alert, and postern alert --test"));
}

/* ---- decisions ---- */

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
    for (; n < t->n && n < STATUS_TOP_ROWS && t->rows[n].count[which] > 0; n++) {
        if (n == 0)
            printf("\n%s:\n", title);
        printf("  %-40s %8llu passed %8llu refused\n", text_plain(name, sizeof name, slice_of(t->rows[n].name)),
               (unsigned long long)t->rows[n].count[0], (unsigned long long)t->rows[n].count[1]);
    }
}

void status_print_text(const struct cli *cli, struct picture *p)
{
    print_config(cli, p);
    print_services(cli, p);
    print_directory(cli, p);
    print_state(p);
    print_notices(cli, p);
    if (!p->has_journal)
        return;
    print_totals(p);
    print_top("Logins with the most messages, last hour", &p->logins, 0);
    print_top("Logins with the most refusals, last hour", &p->logins, 1);
    print_top("Clients with the most messages, last hour", &p->clients, 0);
    print_top("Clients with the most refusals, last hour", &p->clients, 1);
    print_top("Connectors, last hour", &p->connectors, 0);
}
