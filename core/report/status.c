/* The picture for people. */
#include "core/report/status.h"

#include "core/base/units.h"
#include "core/report/sign_ins_age.h"
#include "core/report/status_parts.h"
#include "core/report/text.h"

static void add_span(struct buf *b, int64_t seconds)
{
    if (seconds < 0 || (uint64_t)seconds > DURATION_MAX_S)
        buf_add(b, SLICE("?"));
    else
        duration_add(b, seconds > 172800 ? (uint64_t)seconds / 3600 * 3600 : (uint64_t)seconds);
}

/* ---- services ---- */

static void show_config(const struct picture *p, struct printer *out)
{
    char rest[sizeof p->config_problem + 4];
    struct buf b = BUF_OVER(rest);

    if (p->config_problem[0] == '\0')
        return;
    buf_addf(&b, ", %s", p->config_problem);
    printer_line(
        out,
        &(struct line){.spans = {{TONE_PLAIN, "Configuration: "}, {TONE_BAD, "WRONG"}, {TONE_PLAIN, rest}}, .hang = 2});
    printer_line(out, &(struct line){
                          .indent = 2,
                          .spans = {{TONE_PLAIN, "The services go on with what they read before; none would start with "
                                                 "it. What follows is about the files that its readable part names."}},
                          .hang = 2});
    printer_gap(out);
}

#define PROGRAM_WIDTH 16

static void show_process(const struct picture *p, const struct picture_process *process, struct printer *out)
{
    char text[120];
    struct buf b = BUF_OVER(text);
    uint64_t generation;

    buf_addf(&b, "pid %ld, ", process->pid);
    if (process->told) {
        buf_add(&b, SLICE("says that it runs"));
    } else {
        buf_add(&b, SLICE("up "));
        add_span(&b, (int64_t)process->age_s);
    }
    if (picture_generation_of(p, process->pid, &generation)) {
        if (generation > 0)
            buf_addf(&b, ", uses generation %llu", (unsigned long long)generation);
        else
            buf_add(&b, SLICE(", has no directory"));
    }
    printer_field(out, process->name, PROGRAM_WIDTH, "%s", text);
}

static struct span service_words(enum picture_service_state state)
{
    static const struct span words[] = {
        [SERVICE_DOWN] = {TONE_BAD, "DOWN"},
        [SERVICE_HIDDEN] = {TONE_PLAIN, "not seen: this system hides the processes of others"},
        [SERVICE_SILENT] = {TONE_BAD, "SILENT: for 10s it has not told the state that it runs; it hangs, or counts "
                                      "elsewhere. Its log may say why; restart it"}};

    return words[state];
}

static void show_services(const struct picture *p, struct printer *out)
{
    printer_title(out, "Services:");
    for (size_t i = 0; i < p->n_processes; i++)
        show_process(p, &p->processes[i], out);
    for (size_t i = 0; i < p->n_services; i++) {
        if (p->services[i].state != SERVICE_UP)
            printer_line(out, &(struct line){.indent = 2,
                                             .label = p->services[i].program,
                                             .label_width = PROGRAM_WIDTH,
                                             .spans = {service_words(p->services[i].state)},
                                             .hang = PROGRAM_WIDTH + 3});
    }
    if (p->n_processes == 0 && p->n_services == 0)
        printer_text(out, "  none runs with this configuration");
    for (size_t i = 0; i < p->n_listeners; i++) {
        const struct picture_listener *l = &p->listeners[i];

        printer_line(out, &(struct line){.indent = 2,
                                         .label = l->program,
                                         .label_width = PROGRAM_WIDTH,
                                         .spans = {{TONE_PLAIN, l->address},
                                                   {TONE_PLAIN, ": "},
                                                   {l->up ? TONE_GOOD : TONE_BAD, l->state}}});
    }
}

/* ---- the directory ---- */

#define PART_INDENT 35

static void show_part(const struct picture *p, const struct mirrored *part, const char *title, struct printer *out)
{
    char source[4 * sizeof part->source + 8], text[sizeof source + 60];
    struct buf b = BUF_OVER(text);

    if (part->at > 0) {
        add_span(&b, p->wall_s - part->at);
        buf_addf(&b, " old, from %s", text_plain(source, sizeof source, slice_of(part->source)));
    } else {
        buf_add(&b, SLICE("not mirrored"));
    }
    printer_line(out, &(struct line){.indent = 4,
                                     .label = title,
                                     .label_width = PART_INDENT - 5,
                                     .spans = {{TONE_PLAIN, text}},
                                     .hang = PART_INDENT});
}

/* Generations before there were parts have one time for all. */
static void show_mirrored(const struct picture *p, const struct tenant_facts *t, struct printer *out)
{
    struct mirrored all = {.at = t->settings_at};
    struct buf source = BUF_OVER(all.source);
    bool any = false;

    for (size_t i = 0; i < MIRRORED_PARTS; i++)
        any |= t->parts[i].at > 0;
    for (size_t i = 0; any && i < MIRRORED_PARTS; i++)
        show_part(p, &t->parts[i], mirrored_title((enum mirrored_part)i), out);
    buf_add(&source, slice_of(t->source));
    if (!any)
        show_part(p, &all, "all that was brought in", out);
}

/* Beside the parts of the directory; nothing where they are not to be read. */
static void show_sign_ins(const struct picture *p, const struct report_files *f, const char *tenant,
                          struct printer *out)
{
    struct sign_in_state state;
    char trouble[4 * sizeof state.trouble + 8], text[sizeof trouble + 120];
    struct buf b = BUF_OVER(text);

    if (!sign_ins_age(f->config, f->history, tenant, &state))
        return;
    if (state.read_s > 0) {
        add_span(&b, p->wall_s - state.read_s);
        buf_add(&b, SLICE(" old"));
    } else {
        buf_add(&b, SLICE("never read"));
    }
    if (state.trouble_s > 0) {
        buf_add(&b, SLICE("; for "));
        add_span(&b, p->wall_s - state.trouble_s);
        buf_addf(&b, " not read: %s", text_plain(trouble, sizeof trouble, slice_of(state.trouble)));
    }
    printer_line(out, &(struct line){.indent = 4,
                                     .label = "sign-ins by SMTP AUTH",
                                     .label_width = PART_INDENT - 5,
                                     .spans = {{state.trouble_s > 0 ? TONE_WARN : TONE_PLAIN, text}},
                                     .hang = PART_INDENT});
}

/* If tenants.smtp_auth decides, the mirrored setting doesn't count here. */
static const char *taken_as(const struct config *config, const char *tenant)
{
    static const char *const words[] = {[TENANT_MIRRORED] = "",
                                        [TENANT_ENABLED] = " (here enabled by tenants.smtp_auth)",
                                        [TENANT_DISABLED] = " (here disabled by tenants.smtp_auth)"};

    const struct tenant_config *own = config_tenant(config, slice_of(tenant));

    return own != NULL ? words[own->smtp_auth] : "";
}

static void show_tenants(const struct picture *p, const struct report_files *f, struct printer *out)
{
    for (uint32_t i = 0; i < directory_tenants(f->view); i++) {
        const struct tenant_facts *t = directory_tenant(f->view, i);
        char name[300];

        if (t == NULL)
            continue;
        printer_field(out, text_plain(name, sizeof name, slice_of(t->name)), PROGRAM_WIDTH,
                      "%llu mailboxes, SMTP AUTH %s as mirrored%s", (unsigned long long)t->mailboxes,
                      status_setting_word(t->smtp_auth), taken_as(f->config, t->name));
        show_mirrored(p, t, out);
        show_sign_ins(p, f, t->name, out);
    }
}

/* Where the directory was pulled from, and when that relay was asked last: what it mirrored since is not here. */
static void show_origin(const struct picture *p, struct printer *out)
{
    char relay[300], url[2100], age[40];
    struct buf b = BUF_OVER(age);

    if (!p->pulled)
        return;
    add_span(&b, p->wall_s - p->origin.checked_at);
    printer_text(out, "  pulled from %s, its generation %llu, asked %s ago: %s",
                 text_plain(relay, sizeof relay, slice_of(p->origin.relay)), (unsigned long long)p->origin.generation,
                 age, text_plain(url, sizeof url, slice_of(p->origin.url)));
}

static void show_directory(const struct picture *p, const struct report_files *f, struct printer *out)
{
    static const char *const words[] = {
        [PART_NONE] = "there is none; authenticated mail is deferred until postern-mirror ran",
        [PART_CLOSED] = "may not be read by this user; what the services have is not known here",
        [PART_UNUSABLE] = "cannot be used; the error output says why"};
    char text[600];

    printer_gap(out);
    if (p->directory == PART_READ)
        printer_text(out, "Directory, generation %llu:", (unsigned long long)directory_view_generation(f->view));
    else if (!f->other_generation)
        printer_text(out, "Directory: %s", words[p->directory]);
    if (f->other_generation) {
        printer_line(out,
                     &(struct line){.indent = p->directory == PART_READ ? 2 : 0,
                                    .spans = {{TONE_BAD, p->directory == PART_READ ? "NOT IN USE: " : "Directory: "},
                                              {TONE_PLAIN, files_disagreement(f, text, sizeof text)}},
                                    .hang = 2});
        printer_text(out, "  Put the folder's manifest back, or run postern-mirror.");
    }
    show_origin(p, out);
    if (f->view != NULL)
        show_tenants(p, f, out);
}

static void show_habits(const struct picture *p, const struct report_files *f, struct printer *out)
{
    uint32_t tenants = f->view != NULL ? directory_tenants(f->view) : 0;

    printer_text(out,
                 "Habits: %llu known, %llu of them being learnt; room for %llu, %llu messages of logins without room",
                 (unsigned long long)p->habits.known, (unsigned long long)p->habits.learning,
                 (unsigned long long)p->habits.places, (unsigned long long)p->habits.crowded);
    for (uint32_t i = 0; i < tenants; i++) {
        const struct tenant_facts *t = directory_tenant(f->view, i);
        int64_t until_s = t != NULL ? picture_learning_until(p, f, t) : 0;
        char name[300], until[40];
        struct buf b = BUF_OVER(until);

        if (until_s == 0)
            continue;
        text_add_local_time(&b, until_s);
        printer_field(out, text_plain(name, sizeof name, slice_of(t->name)), PROGRAM_WIDTH, "learning until %s", until);
    }
}

static void show_state(const struct picture *p, const struct report_files *f, struct printer *out)
{
    static const char *const words[] = {[PART_NONE] = "there are none: the services make them when they start",
                                        [PART_CLOSED] = "may not be read by this user",
                                        [PART_UNUSABLE] = "cannot be used; the error output says why"};

    printer_gap(out);
    if (p->state != PART_READ) {
        printer_text(out, "Counters and blocks: %s", words[p->state]);
        return;
    }
    printer_text(out, "Counters: %llu of %llu in use (%.1f %%), %llu found the table full",
                 (unsigned long long)p->counters.live, (unsigned long long)p->counters.entries,
                 p->counters.entries > 0 ? 100.0 * (double)p->counters.live / (double)p->counters.entries : 0.0,
                 (unsigned long long)p->counters.crowded);
    if (f->config->limits_use_habits)
        show_habits(p, f, out);
    printer_text(out, "Blocks: %llu", (unsigned long long)p->blocks);
}

static void show_notices(const struct picture *p, struct printer *out)
{
    const struct notices *n = &p->notices;
    char text[300];
    struct buf b = BUF_OVER(text);

    if (n->part == PART_CLOSED)
        printer_text(out, "Notices: may not be read by this user");
    if (n->part != PART_READ || (n->waiting == 0 && n->given_up == 0))
        return;
    if (n->waiting > 0) {
        buf_addf(&b, "%u not delivered, the oldest for ", n->waiting);
        add_span(&b, n->oldest_s > 0 ? p->wall_s - n->oldest_s : -1);
    }
    if (n->given_up > 0)
        buf_addf(&b, "%s%u given up in the last 7 days", n->waiting > 0 ? "; " : "", n->given_up);
    printer_text(out, "Notices: %s; see the log of postern-alert, and postern alert --test", text);
}

/* ---- decisions ---- */

static uint64_t count_of(const struct picture *p, enum action action, enum reason reason)
{
    uint64_t count = 0;

    for (size_t i = 0; i < p->n_totals; i++)
        if (p->totals[i].action == action && p->totals[i].reason == reason)
            count += p->totals[i].count;
    return count;
}

static void show_totals(const struct picture *p, bool others, struct printer *out)
{
    printer_gap(out);
    printer_text(out, "Verdicts%s since the journal was begun:", others ? " of this relay" : "");
    for (enum action a = ACTION_PASS; a <= ACTION_HOLD; a++)
        for (unsigned r = 0; r < REASON_COUNT; r++) {
            uint64_t count = count_of(p, a, (enum reason)r);

            if (count > 0)
                printer_text(out, "  %-7s %-22s %10llu", action_name(a), reason_row((enum reason)r)->name,
                             (unsigned long long)count);
        }
    if (p->n_totals == 0)
        printer_text(out, "  none");
    if (p->dropped > 0)
        printer_text(out, "  %llu of them are counted but not in the journal: too many came at once",
                     (unsigned long long)p->dropped);
}

static void show_top(const char *title, struct ranking *t, int which, struct printer *out)
{
    char name[4 * TEXT_SHOWN_MAX + 8];

    ranking_sort(t, which);
    for (size_t n = 0; n < t->n && n < STATUS_TOP_ROWS && t->rows[n].count[which] > 0; n++) {
        if (n == 0) {
            printer_gap(out);
            printer_text(out, "%s:", title);
        }
        printer_text(out, "  %-40s %8llu passed %8llu refused",
                     text_plain(name, sizeof name, slice_of(t->rows[n].name)), (unsigned long long)t->rows[n].count[0],
                     (unsigned long long)t->rows[n].count[1]);
    }
}

static void status_lines(struct picture *p, const struct report_files *f, struct printer *out)
{
    show_config(p, out);
    show_services(p, out);
    show_directory(p, f, out);
    show_state(p, f, out);
    show_notices(p, out);
    if (f->config->journal == NULL || f->config->journal[0] == '\0') {
        printer_gap(out);
        printer_text(out, "Verdicts: no journal is kept (journal = \"\")");
    }
    if (!p->has_journal)
        return;
    show_totals(p, f->config->cluster.configured, out);
    show_top("Logins with the most messages, last hour", &p->logins, 0, out);
    show_top("Logins with the most refusals, last hour", &p->logins, 1, out);
    show_top("Clients with the most messages, last hour", &p->clients, 0, out);
    show_top("Clients with the most refusals, last hour", &p->clients, 1, out);
    show_top("Connectors, last hour", &p->connectors, 0, out);
}

void status_report(struct picture *p, const struct report_files *f, struct printer *printer)
{
    if (printer->people)
        status_lines(p, f, printer);
    else
        status_tree(p, f, printer);
}
