#include "core/report/status_check.h"

#include "core/base/units.h"
#include "core/config/tenant_row.h"
#include "core/report/sign_ins_age.h"

#include <stdarg.h>
#include <stdio.h>

/* Beyond that a bigger table is due (doc/operations.md). */
#define COUNTERS_FULL_PERCENT 80
/* A webhook may be down for some minutes, and sign-ins unreadable for a few runs, without anybody's being told. */
#define NOTICE_LATE_S 3600
#define SIGN_INS_LATE_S 86400

struct check {
    const struct picture *p;
    const struct report_files *f;
    enum check_level level; /* findings of this level are added now */
    enum check_level worst; /* of those that were added */
    struct buf text;
};

__attribute__((format(printf, 3, 4))) static void say(struct check *c, enum check_level level, const char *format, ...)
{
    char text[600];
    va_list args;

    if (level != c->level)
        return;
    if (c->worst == CHECK_OK)
        c->worst = level;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_addf(&c->text, "%s%s", c->text.n > 0 ? "; " : "", text);
}

/* "3h", "2d"; hours are fine enough from two days on. */
static const char *span_text(char *mem, size_t cap, int64_t seconds)
{
    struct buf b = buf_over(mem, cap);
    uint64_t s = seconds > 0 ? (uint64_t)seconds : 0;

    duration_add(&b, s > DURATION_MAX_S ? DURATION_MAX_S : s > 172800 ? s / 3600 * 3600 : s);
    return mem;
}

/* ---- what may be wrong ---- */

static void check_services(struct check *c)
{
    const struct picture *p = c->p;

    for (size_t i = 0; i < p->n_services; i++)
        if (p->services[i].state == SERVICE_DOWN)
            say(c, CHECK_CRITICAL, "%s is down", p->services[i].program);
        else if (p->services[i].state == SERVICE_SILENT)
            say(c, CHECK_CRITICAL, "%s is silent: it hangs, or its counters are elsewhere", p->services[i].program);
        else if (p->services[i].state == SERVICE_HIDDEN)
            say(c, CHECK_UNKNOWN, "%s is not seen: this system hides the processes of others", p->services[i].program);
    if (p->n_services == 0 && p->n_processes == 0)
        say(c, p->processes_visible ? CHECK_CRITICAL : CHECK_UNKNOWN,
            "no service is seen to run with this configuration");
    for (size_t i = 0; i < p->n_listeners; i++)
        if (!p->listeners[i].up)
            say(c, CHECK_CRITICAL, "%s at %s: %s", p->listeners[i].program, p->listeners[i].address,
                p->listeners[i].state);
}

static void check_config(struct check *c)
{
    if (c->p->config_problem[0] != '\0')
        say(c, CHECK_WARNING, "the configuration is wrong, no service would start with it: %s", c->p->config_problem);
}

static void check_tenant(struct check *c, const struct tenant_config *tenant)
{
    const struct tenant_facts *facts = directory_tenant_named(c->f->view, slice_of(tenant->name));
    enum mirrored_part part;
    int64_t oldest = facts != NULL ? tenant_oldest(facts, &part) : 0;
    char age[40];

    if (oldest == 0)
        say(c, CHECK_WARNING, "settings of tenant %s were never mirrored", tenant->name);
    else if (tenant->max_age_s > 0 && c->p->wall_s - oldest > (int64_t)tenant->max_age_s)
        say(c, tenant->when_stale == STALE_DEFER ? CHECK_CRITICAL : CHECK_WARNING,
            "tenant %s: the %s are %s old, more than max_age%s", tenant->name, mirrored_title(part),
            span_text(age, sizeof age, c->p->wall_s - oldest),
            tenant->when_stale == STALE_DEFER ? ", and its mail is deferred" : "");
}

/* Those of the directory, where the configuration has no list. */
static void check_all_tenants(struct check *c)
{
    for (uint32_t i = 0; i < directory_tenants(c->f->view); i++) {
        const struct tenant_facts *facts = directory_tenant(c->f->view, i);
        struct tenant_config mem;

        if (facts != NULL)
            check_tenant(c, tenant_row(c->f->config, facts->name, &mem));
    }
}

static void check_directory(struct check *c)
{
    char text[600];

    if (c->f->other_generation)
        say(c, CHECK_CRITICAL, "%s", files_disagreement(c->f, text, sizeof text));
    else if (c->p->directory == PART_NONE)
        say(c, CHECK_CRITICAL, "there is no directory, mail with a login is deferred until postern-mirror ran");
    else if (c->p->directory == PART_UNUSABLE)
        say(c, CHECK_CRITICAL, "the directory cannot be used");
    for (size_t i = 0; c->f->view != NULL && i < c->f->config->n_tenants; i++)
        check_tenant(c, &c->f->config->tenants[i]);
    if (c->f->view != NULL && c->f->config->n_tenants == 0)
        check_all_tenants(c);
}

static void check_sign_ins(struct check *c)
{
    struct sign_in_state state;
    char age[40];

    for (uint32_t i = 0; c->f->view != NULL && i < directory_tenants(c->f->view); i++) {
        const struct tenant_facts *t = directory_tenant(c->f->view, i);

        if (t != NULL && sign_ins_age(c->f->config, c->f->history, t->name, &state) && state.trouble_s > 0 &&
            c->p->wall_s - state.trouble_s > SIGN_INS_LATE_S)
            say(c, CHECK_WARNING, "sign-ins of tenant %s were not read for %s: %s", t->name,
                span_text(age, sizeof age, c->p->wall_s - state.trouble_s), state.trouble);
    }
}

static uint64_t counters_room(const struct picture *p)
{
    return p->counters.entries / 100 * COUNTERS_FULL_PERCENT;
}

static void check_state(struct check *c)
{
    const struct picture *p = c->p;

    if (p->state == PART_NONE)
        say(c, CHECK_CRITICAL, "there are no counters and blocks, the services make them when they start");
    else if (p->state == PART_UNUSABLE)
        say(c, CHECK_CRITICAL, "counters and blocks cannot be used");
    else if (p->state == PART_READ && p->counters.live > counters_room(p))
        say(c, CHECK_WARNING, "%llu of %llu counters are in use, raise state.entries",
            (unsigned long long)p->counters.live, (unsigned long long)p->counters.entries);
}

static void check_notices(struct check *c)
{
    const struct notices *n = &c->p->notices;
    char age[40];

    if (n->waiting > 0 && n->oldest_s > 0 && c->p->wall_s - n->oldest_s > NOTICE_LATE_S)
        say(c, CHECK_WARNING, "%u notices are not delivered, the oldest for %s", n->waiting,
            span_text(age, sizeof age, c->p->wall_s - n->oldest_s));
    if (n->given_up > 0)
        say(c, CHECK_WARNING, "%u notices were given up in the last 7 days", n->given_up);
}

/* What could not be read, the journal among it. */
static void check_problems(struct check *c)
{
    for (size_t i = 0; i < c->p->n_problems; i++)
        say(c, c->f->may_not_read ? CHECK_UNKNOWN : CHECK_WARNING, "%s", c->p->problems[i].text);
}

static void (*const checks[])(struct check *c) = {check_services, check_directory, check_state,   check_config,
                                                  check_notices,  check_sign_ins,  check_problems};

/* ---- performance data: 'label'=value[unit];[warn];[crit];[min];[max], labels of ours alone ---- */

static void add_settings_age(const struct check *c, struct buf *b)
{
    int64_t oldest = 0;

    for (uint32_t i = 0; c->f->view != NULL && i < directory_tenants(c->f->view); i++) {
        const struct tenant_facts *t = directory_tenant(c->f->view, i);
        int64_t at = t != NULL ? tenant_oldest(t, NULL) : 0;

        if (at > 0 && (oldest == 0 || at < oldest))
            oldest = at;
    }
    if (oldest > 0)
        buf_addf(b, " settings_age=%llds;;;0", (long long)(c->p->wall_s > oldest ? c->p->wall_s - oldest : 0));
}

static void add_decisions(const struct picture *p, struct buf *b)
{
    for (enum action a = ACTION_PASS; a <= ACTION_HOLD; a++) {
        uint64_t count = 0;

        for (size_t i = 0; i < p->n_totals; i++)
            count += p->totals[i].action == a ? p->totals[i].count : 0;
        buf_addf(b, " %s=%lluc;;;0", action_name(a), (unsigned long long)count);
    }
    buf_addf(b, " journal_dropped=%lluc;;;0", (unsigned long long)p->dropped);
}

/* What could not be read is left out: 0 would be a wrong value. */
static void add_performance(const struct check *c, struct buf *b)
{
    const struct picture *p = c->p;

    buf_addf(b, "services=%zu;;;0", p->n_processes);
    if (p->state == PART_READ)
        buf_addf(b, " blocks=%llu;;;0 counters=%llu;%llu;;0;%llu", (unsigned long long)p->blocks,
                 (unsigned long long)p->counters.live, (unsigned long long)counters_room(p),
                 (unsigned long long)p->counters.entries);
    add_settings_age(c, b);
    if (p->notices.part == PART_READ || p->notices.part == PART_NONE)
        buf_addf(b, " notices_waiting=%u;;;0", p->notices.waiting);
    if (p->has_journal)
        add_decisions(p, b);
}

/* ---- the line ---- */

/* Foreign text must neither begin performance data nor a second line. */
static void print_line(enum check_level level, const char *text, const char *performance, struct printer *out)
{
    static const char *const words[] = {
        [CHECK_OK] = "OK", [CHECK_WARNING] = "WARNING", [CHECK_CRITICAL] = "CRITICAL", [CHECK_UNKNOWN] = "UNKNOWN"};
    char plain[1500], line[2500];
    struct buf p = BUF_OVER(plain), b = BUF_OVER(line);

    buf_add_printable(&p, slice_of(text));
    for (size_t i = 0; i < p.n; i++)
        if (plain[i] == '|')
            plain[i] = '/';
    buf_addf(&b, "POSTERN %s - %s%s%s%s", words[level], plain, p.full ? " ..." : "",
             performance[0] != '\0' ? " | " : "", performance);
    printer_line(out, &(struct line){.spans = {{TONE_PLAIN, line}}, .verbatim = true});
}

enum check_level status_check(const struct picture *p, const struct report_files *f, struct printer *out)
{
    static const enum check_level worst_first[] = {CHECK_CRITICAL, CHECK_WARNING, CHECK_UNKNOWN};
    char text[2000], performance[800];
    struct check c = {.p = p, .f = f, .text = BUF_OVER(text)};
    struct buf b = BUF_OVER(performance);

    for (size_t i = 0; i < sizeof worst_first / sizeof *worst_first; i++) {
        c.level = worst_first[i];
        for (size_t j = 0; j < sizeof checks / sizeof *checks; j++)
            checks[j](&c);
    }
    if (c.worst == CHECK_OK)
        buf_addf(&c.text, "services: %zu, listeners: %zu, blocks: %llu%s", p->n_processes, p->n_listeners,
                 (unsigned long long)p->blocks,
                 f->config->mode == MODE_MONITOR ? "; monitor mode refuses nothing" : "");
    add_performance(&c, &b);
    print_line(c.worst, text, performance, out);
    return c.worst;
}

enum check_level status_check_failed(const char *why, struct printer *out)
{
    print_line(CHECK_UNKNOWN, why, "", out);
    return CHECK_UNKNOWN;
}
