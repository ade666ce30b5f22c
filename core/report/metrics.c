#include "core/report/metrics.h"

#include "core/journal/mirror_runs.h"
#include "core/report/cluster_report.h"
#include "core/report/metrics_parts.h"
#include "core/report/sign_ins_age.h"

#include <stdarg.h>
#include <stdio.h>

void metrics_put(struct printer *out, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    printer_line(out, &(struct line){.spans = {{TONE_PLAIN, text}}, .verbatim = true});
}

void metrics_family(struct printer *out, const char *name, const char *type, const char *help)
{
    metrics_put(out, "# HELP %s %s", name, help);
    metrics_put(out, "# TYPE %s %s", name, type);
}

const char *metrics_label(char *mem, size_t cap, const char *text)
{
    struct buf b = buf_over(mem, cap);

    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buf_add_char(&b, '\\');
        buf_add_char(&b, *text >= 0x20 && *text != 0x7f ? *text : '?');
    }
    return mem;
}

/* A family of one number. */
static void put_number(struct printer *out, const char *name, const char *type, const char *help, uint64_t value)
{
    metrics_family(out, name, type, help);
    metrics_put(out, "%s %llu", name, (unsigned long long)value);
}

/* Running services, each program once, then those that should run. */
static void print_up(const struct picture *p, struct printer *out)
{
    metrics_family(out, "postern_up", "gauge", "Processes of that service that run with this configuration.");
    for (size_t i = 0; i < p->n_processes; i++) {
        uint64_t count = 0;
        bool first = true;

        for (size_t j = 0; j < p->n_processes; j++)
            if (strcmp(p->processes[i].name, p->processes[j].name) == 0) {
                first &= j >= i;
                count++;
            }
        if (picture_is_silent(p, p->processes[i].name))
            continue;
        if (first)
            metrics_put(out, "postern_up{program=\"%s\"} %llu", p->processes[i].name, (unsigned long long)count);
    }
    for (size_t i = 0; i < p->n_services; i++)
        if (p->services[i].state == SERVICE_DOWN || p->services[i].state == SERVICE_SILENT)
            metrics_put(out, "postern_up{program=\"%s\"} 0", p->services[i].program);
}

static void print_services(const struct picture *p, struct printer *out)
{
    char text[600];

    print_up(p, out);
    metrics_family(out, "postern_listener_up", "gauge", "1 when the listener answers.");
    for (size_t i = 0; i < p->n_listeners; i++)
        metrics_put(out, "postern_listener_up{program=\"%s\",address=\"%s\"} %d", p->listeners[i].program,
                    metrics_label(text, sizeof text, p->listeners[i].address), p->listeners[i].up);
}

static uint64_t lowest_used(const struct picture *p)
{
    uint64_t lowest = p->using[0].generation;

    for (size_t i = 1; i < p->n_using; i++)
        if (p->using[i].generation < lowest)
            lowest = p->using[i].generation;
    return lowest;
}

static void print_parts(const struct tenant_facts *t, struct printer *out)
{
    char text[200];

    (void)metrics_label(text, sizeof text, t->name);
    for (size_t i = 0; i < MIRRORED_PARTS; i++)
        metrics_put(out, "postern_directory_part_timestamp_seconds{tenant=\"%s\",part=\"%s\"} %lld", text,
                    mirrored_word((enum mirrored_part)i), (long long)t->parts[i].at);
}

static void print_tenants(const struct report_files *f, struct printer *out)
{
    uint32_t n = f->view != NULL ? directory_tenants(f->view) : 0;
    const struct tenant_facts *t;
    char text[200];

    metrics_family(out, "postern_directory_mailboxes", "gauge", "Mailboxes of the tenant in the directory.");
    for (uint32_t i = 0; i < n; i++)
        if ((t = directory_tenant(f->view, i)) != NULL)
            metrics_put(out, "postern_directory_mailboxes{tenant=\"%s\"} %llu",
                        metrics_label(text, sizeof text, t->name), (unsigned long long)t->mailboxes);
    metrics_family(out, "postern_directory_settings_timestamp_seconds", "gauge",
                   "When the tenant's settings were brought in.");
    for (uint32_t i = 0; i < n; i++)
        if ((t = directory_tenant(f->view, i)) != NULL)
            metrics_put(out, "postern_directory_settings_timestamp_seconds{tenant=\"%s\"} %lld",
                        metrics_label(text, sizeof text, t->name), (long long)t->settings_at);
    metrics_family(out, "postern_directory_part_timestamp_seconds", "gauge",
                   "When that part of the tenant was brought in or confirmed; 0: never.");
    for (uint32_t i = 0; i < n; i++)
        if ((t = directory_tenant(f->view, i)) != NULL)
            print_parts(t, out);
}

/* One of the two times of each tenant whose sign-ins are to be read. */
static void print_sign_ins(const struct report_files *f, struct printer *out, const char *name, const char *help,
                           bool trouble)
{
    struct sign_in_state state;
    bool any = false;
    char text[200];

    for (uint32_t i = 0; f->view != NULL && i < directory_tenants(f->view); i++) {
        const struct tenant_facts *t = directory_tenant(f->view, i);

        if (t == NULL || !sign_ins_age(f->config, f->history, t->name, &state))
            continue;
        if (!any)
            metrics_family(out, name, "gauge", help);
        any = true;
        metrics_put(out, "%s{tenant=\"%s\"} %lld", name, metrics_label(text, sizeof text, t->name),
                    (long long)(trouble ? state.trouble_s : state.read_s));
    }
}

struct runs_print {
    struct printer *out;
    size_t n;
};

#define RUNS_SHOWN_MAX 10000u /* imports may be of any tenants, as time goes by */

static bool put_result(void *arg, struct slice tenant, enum mirror_result result, int64_t ended_s)
{
    struct runs_print *print = arg;
    char name[64], text[200];
    struct buf b = BUF_OVER(name);

    if (print->n++ == 0)
        metrics_family(
            print->out, "postern_mirror_run_timestamp_seconds", "gauge",
            "When a run of postern-mirror for the tenant last ended with that result; a pull has no tenant.");
    buf_add(&b, tenant);
    metrics_put(print->out, "postern_mirror_run_timestamp_seconds{tenant=\"%s\",result=\"%s\"} %lld",
                metrics_label(text, sizeof text, name), mirror_result_word(result), (long long)ended_s);
    return print->n < RUNS_SHOWN_MAX;
}

/* Trouble with the history is told elsewhere; what was read before it stands. */
static void print_runs(const struct report_files *f, struct printer *out)
{
    struct runs_print print = {.out = out};
    struct error e;

    if (f->history != NULL)
        (void)mirror_results(f->history, put_result, &print, &e);
}

/* What may not be read is left out, since 0 would be a wrong value. */
static void print_directory(const struct report_files *f, const struct picture *p, struct printer *out)
{
    if (p->directory == PART_READ || p->directory == PART_NONE) {
        put_number(out, "postern_directory_generation", "gauge",
                   "Generation of the directory in its folder; 0 without one.",
                   f->view != NULL ? directory_view_generation(f->view) : 0);
        print_tenants(f, out);
        print_sign_ins(f, out, "postern_sign_ins_timestamp_seconds",
                       "When the tenant's sign-ins by SMTP AUTH were last read to the end; 0: never.", false);
        print_sign_ins(f, out, "postern_sign_ins_trouble_timestamp_seconds",
                       "Since when they could not be read; 0: they could.", true);
        print_runs(f, out);
    }
    if (p->n_using == 0)
        return;
    put_number(out, "postern_services_generation", "gauge",
               "The lowest generation of the directory that a service uses.", lowest_used(p));
}

static void print_notices(const struct picture *p, struct printer *out)
{
    if (p->notices.part != PART_READ && p->notices.part != PART_NONE)
        return;
    put_number(out, "postern_notices_waiting", "gauge", "Notices that were not delivered yet.", p->notices.waiting);
    put_number(out, "postern_notices_given_up", "gauge", "Notices that were given up in the last 7 days.",
               p->notices.given_up);
    if (p->notices.oldest_s == 0)
        return;
    put_number(out, "postern_notices_oldest_timestamp_seconds", "gauge", "When the oldest notice that waits was made.",
               (uint64_t)p->notices.oldest_s);
}

static void print_habits(const struct picture *p, struct printer *out)
{
    put_number(out, "postern_habits_places", "gauge", "Habits of logins and connectors that there is room for.",
               p->habits.places);
    put_number(out, "postern_habits_known", "gauge", "Habits that are kept.", p->habits.known);
    put_number(out, "postern_habits_learning", "gauge", "Habits that are being learnt.", p->habits.learning);
    put_number(out, "postern_habits_crowded_total", "counter",
               "Messages of logins whose habit found no room, which were counted with others.", p->habits.crowded);
    put_number(out, "postern_habits_displaced_total", "counter",
               "Habits of logins that had sent nothing for half a year, and gave way to others.", p->habits.displaced);
}

static void print_tenants_learning(const struct report_files *f, const struct picture *p, struct printer *out)
{
    uint32_t n = f->view != NULL ? directory_tenants(f->view) : 0;
    const struct tenant_facts *t;
    char text[200];

    metrics_family(out, "postern_tenant_learning_until_timestamp_seconds", "gauge",
                   "Until when the habits of the tenant's logins are being learnt; 0: that is over, or has not begun.");
    for (uint32_t i = 0; i < n; i++)
        if ((t = directory_tenant(f->view, i)) != NULL)
            metrics_put(out, "postern_tenant_learning_until_timestamp_seconds{tenant=\"%s\"} %lld",
                        metrics_label(text, sizeof text, t->name), (long long)picture_learning_until(p, f, t));
}

static void print_state(const struct picture *p, struct printer *out)
{
    if (p->state != PART_READ)
        return;
    put_number(out, "postern_counters_entries", "gauge", "Counters that there is room for.", p->counters.entries);
    put_number(out, "postern_counters_live", "gauge", "Counters in use.", p->counters.live);
    put_number(out, "postern_counters_crowded_total", "counter", "Charges and marks that found their bucket full.",
               p->counters.crowded);
    put_number(out, "postern_counters_displaced_total", "counter",
               "Counters of clients without a login, and marks, that gave way to others.", p->counters.displaced);
    print_habits(p, out);
    put_number(out, "postern_blocks", "gauge", "Logins, clients, networks and connectors that are blocked.", p->blocks);
}

static void print_decisions(const struct picture *p, struct printer *out)
{
    char text[64];

    if (!p->has_journal)
        return;
    metrics_family(out, "postern_decisions_total", "counter", "Decisions by program, action and reason.");
    for (size_t i = 0; i < p->n_totals; i++)
        metrics_put(out, "postern_decisions_total{program=\"%s\",action=\"%s\",reason=\"%s\"} %llu",
                    metrics_label(text, sizeof text, p->totals[i].program), action_name(p->totals[i].action),
                    reason_row(p->totals[i].reason)->name, (unsigned long long)p->totals[i].count);
    put_number(out, "postern_journal_dropped_total", "counter",
               "Decisions that are counted but not in the journal, since too many came at once.", p->dropped);
}

static void print_cluster(const struct report_files *f, int64_t wall_s, struct printer *out)
{
    struct cluster_facts c;

    if (f->config == NULL || !cluster_facts(f->config, wall_s, &c))
        return;
    put_number(out, "postern_cluster_up", "gauge", "1 while this relay shares what it counts with the others.",
               c.shares);
    metrics_family(out, "postern_cluster_relays", "gauge", "Other relays that are known, and of these.");
    metrics_put(out, "postern_cluster_relays{state=\"known\"} %llu", (unsigned long long)c.relays);
    metrics_put(out, "postern_cluster_relays{state=\"silent\"} %llu", (unsigned long long)c.silent);
    metrics_put(out, "postern_cluster_relays{state=\"differing\"} %llu", (unsigned long long)c.differing);
    put_number(out, "postern_cluster_waiting", "gauge", "What was counted here and not told the others yet.",
               c.waiting);
    put_number(out, "postern_cluster_lost_total", "counter", "What was counted here and found no room to be told.",
               c.lost);
    metrics_family(out, "postern_cluster_round_trip_seconds", "gauge", "How long Redis took for the last batch.");
    metrics_put(out, "postern_cluster_round_trip_seconds %llu.%06llu", (unsigned long long)(c.round_trip_us / 1000000),
                (unsigned long long)(c.round_trip_us % 1000000));
    metrics_family(out, "postern_cluster_clock_offset_seconds", "gauge", "The clock of Redis less that of this relay.");
    metrics_put(out, "postern_cluster_clock_offset_seconds %.3f", (double)c.clock_ms / 1000);
}

/* Reasons of ours alone, so that there are never more than these. */
static void print_failures(const struct picture *p, struct printer *out)
{
    static const enum reason reasons[] = {REASON_AUTH_FAILED, REASON_AUTH_TOKEN_FAILED, REASON_AUTH_WAITS,
                                          REASON_AUTH_UNAVAILABLE};

    if (!p->has_journal)
        return;
    metrics_family(out, "postern_auth_failures_total", "counter",
                   "Attempts to sign in that failed, had to wait, or could not be checked, by reason.");
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        uint64_t count = 0;

        for (size_t j = 0; j < p->n_totals; j++)
            count += p->totals[j].reason == reasons[i] ? p->totals[j].count : 0;
        metrics_put(out, "postern_auth_failures_total{reason=\"%s\"} %llu", reason_row(reasons[i])->name,
                    (unsigned long long)count);
    }
}

void metrics_report(const struct picture *p, const struct report_files *f, struct printer *out)
{
    metrics_family(out, "postern_build_info", "gauge", "1, with the version of the program that tells this.");
    metrics_put(out, "postern_build_info{version=\"%s\"} 1", POSTERN_VERSION);
    print_services(p, out);
    print_directory(f, p, out);
    print_state(p, out);
    if (p->state == PART_READ)
        print_tenants_learning(f, p, out);
    print_notices(p, out);
    print_decisions(p, out);
    print_failures(p, out);
    metrics_of_counts(p, f, out);
    print_cluster(f, p->wall_s, out);
}

/* ---- OpenMetrics ---- */

struct open_printer {
    struct printer printer; /* first */
    struct printer *out;
};

/* "# TYPE postern_decisions_total counter": the name is that of the family (OpenMetrics 1.0, "Counter"). */
static void open_line(struct printer *p, const struct line *line)
{
    const struct slice total = SLICE("_total");
    struct printer *out = ((struct open_printer *)p)->out;
    struct slice text = slice_of(line->spans[0].text), mark, name, rest;

    if (!slice_starts_with(text, SLICE("# ")) ||
        !slice_cut((struct slice){text.p + 2, text.n - 2}, ' ', &mark, &rest) || !slice_cut(rest, ' ', &name, &rest) ||
        name.n <= total.n || !slice_eq((struct slice){name.p + name.n - total.n, total.n}, total)) {
        printer_line(out, line);
        return;
    }
    name.n -= total.n;
    metrics_put(out, "# %.*s %.*s %.*s", SLICE_ARG(mark), SLICE_ARG(name), SLICE_ARG(rest));
}

void metrics_report_open(const struct picture *p, const struct report_files *f, struct printer *out)
{
    struct open_printer open = {.printer = {.people = true, .line = open_line}, .out = out};

    metrics_report(p, f, &open.printer);
    metrics_put(out, "# EOF");
}
