#include "core/report/picture_parts.h"

#include "core/base/clock.h"
#include "core/decide/habit.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void picture_add_problem(struct picture *p, const struct error *e)
{
    struct buf b;

    if (p->n_problems == PICTURE_PROBLEMS_MAX)
        return;
    b = BUF_OVER(p->problems[p->n_problems].text);
    buf_add(&b, slice_of(e->text));
    p->n_problems++;
}

/* ---- the journal ---- */

static bool each_total(void *arg, const char *program, enum action action, enum reason reason, uint64_t count)
{
    struct picture *p = arg;
    struct picture_total *t = &p->totals[p->n_totals];
    struct buf b = BUF_OVER(t->program);

    buf_add(&b, slice_of(program));
    t->action = action;
    t->reason = reason;
    t->count = count;
    return ++p->n_totals < PICTURE_TOTALS_MAX;
}

static bool each_count(void *arg, const char *program, enum journal_counted what, const char *name, uint64_t count)
{
    struct picture *p = arg;
    struct picture_count *c = &p->counts[p->n_counts];
    struct buf b = BUF_OVER(c->program), n = BUF_OVER(c->name);

    buf_add(&b, slice_of(program));
    buf_add(&n, slice_of(name));
    c->what = what;
    c->count = count;
    return ++p->n_counts < JOURNAL_COUNTS_MAX;
}

void picture_rank(struct picture *p, const struct journal_record *r)
{
    int64_t at_s = (int64_t)(r->at_ns / NS_PER_S);
    int which = r->action == ACTION_DEFER || r->action == ACTION_REJECT;
    char text[IP_TEXT_MAX];

    if (!r->counts)
        return;
    if (r->connector[0] != '\0')
        ranking_add(&p->connectors, slice_of(r->connector), which, r->messages, at_s);
    else
        ranking_add(&p->logins, slice_of(r->mailbox[0] != '\0' ? r->mailbox : r->login), which, r->messages, at_s);
    if (r->limit[0] != '\0')
        ranking_add(&p->limits, slice_of(r->limit), which, r->messages, at_s);
    if (r->has_client)
        ranking_add(&p->clients, ip_text(&r->client, text), which, r->messages, at_s);
}

static bool picture_record(void *arg, const struct journal_record *r)
{
    picture_rank(arg, r);
    return true;
}

static void read_journal(struct report_files *f, struct picture *p)
{
    struct error e;
    int64_t since = p->wall_s - PICTURE_WINDOW_S;
    struct journal_query query = {.since_ns = since > 0 ? (uint64_t)since * NS_PER_S : 0};

    if (f->config->journal == NULL || f->config->journal[0] == '\0')
        return; /* none is wanted, which is no trouble */
    if (files_open_journal(f, &e) != 0 || journal_totals(f->journal, each_total, p, &e) != 0 ||
        journal_counts(f->journal, each_count, p, &e) != 0 || journal_dropped(f->journal, &p->dropped, &e) != 0 ||
        journal_decisions(f->journal, &query, picture_record, p, &e) != 0) {
        picture_add_problem(p, &e);
        return;
    }
    p->has_journal = true;
}

/* ---- services ---- */

/* Where processes are hidden: those of the services that say in the state that they run. */
static void add_told(struct picture *p, const struct state_service *told)
{
    struct picture_process *out = &p->processes[p->n_processes];
    struct buf name = BUF_OVER(out->name);

    if (told->program == NULL || p->n_processes == PICTURE_PROCESSES_MAX)
        return;
    for (size_t i = 0; i < p->n_processes; i++)
        if (p->processes[i].pid == (long)told->pid && strcmp(p->processes[i].name, told->program) == 0)
            return;
    *out = (struct picture_process){.pid = (long)told->pid, .told = true};
    buf_add(&name, slice_of(told->program));
    p->n_processes++;
}

static size_t count_answering(const struct picture *p, const char *program)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_listeners; i++)
        n += strcmp(p->listeners[i].program, program) == 0 && strcmp(p->listeners[i].state, "answers") == 0;
    return n;
}

/* Of its processes; one of a version that didn't say which program it is may be any. */
static size_t count_telling(const struct picture *p, const char *program)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_using; i++)
        n += p->using[i].program == NULL || strcmp(p->using[i].program, program) == 0;
    return n;
}

/*
 * Would it say in the state that it runs? Not when it is of a version that didn't, when there is no place for it, or
 * when its state is in memory; in that case its listener may still be seen to answer.
 */
static bool would_tell(const struct picture *p, const char *program)
{
    if (p->state != PART_READ || !state_service_tells(program) || p->n_using == STATE_SERVICES_MAX)
        return false;
    for (size_t i = 0; i < p->n_using; i++)
        if (p->using[i].program == NULL)
            return false;
    return count_answering(p, program) == 0;
}

/* A program that starts says so before it listens, but it may start slowly. */
#define SILENT_FROM_AGE_S 15

/*
 * Does it, or one of its processes, say nothing in the state, although it is there and would? Then it hangs (its
 * listeners connect all the same, since the kernel does that), or its counters are in memory or in another file.
 */
static bool is_silent(const struct picture *p, const char *program, bool process_a_listener)
{
    size_t listeners = count_answering(p, program), wanted = process_a_listener && listeners > 1 ? listeners : 1;
    bool there = !p->processes_visible && listeners > 0;

    if (p->state != PART_READ || !state_service_tells(program) || p->n_using == STATE_SERVICES_MAX)
        return false;
    for (size_t i = 0; i < p->n_processes; i++)
        there |= strcmp(p->processes[i].name, program) == 0 && p->processes[i].age_s >= SILENT_FROM_AGE_S;
    return there && count_telling(p, program) < wanted;
}

static void expect(struct picture *p, const char *program, bool has_work)
{
    struct picture_service *service = &p->services[p->n_services];

    if (!has_work)
        return;
    *service = (struct picture_service){program,
                                        p->processes_visible || would_tell(p, program) ? SERVICE_DOWN : SERVICE_HIDDEN};
    for (size_t i = 0; i < p->n_processes; i++)
        if (strcmp(p->processes[i].name, program) == 0)
            service->state = SERVICE_UP;
    if (is_silent(p, program, strcmp(program, "postern-milter") == 0))
        service->state = SERVICE_SILENT;
    p->n_services++;
}

/* After listeners and state. */
static void judge_services(struct picture *p, const struct config *c)
{
    p->n_services = 0;
    for (size_t i = 0; !p->processes_visible && i < p->n_using; i++)
        add_told(p, &p->using[i]);
    expect(p, "postern-policyd", c->policyd.n_listen > 0);
    expect(p, "postern-milter", c->milter.n_listen > 0);
    expect(p, "postern-sasl", c->sasl.n_listen > 0);
    expect(p, "postern-alert", c->n_alerts > 0);
    expect(p, "postern-cluster", c->cluster.configured);
}

bool picture_is_silent(const struct picture *p, const char *program)
{
    for (size_t i = 0; i < p->n_services; i++)
        if (strcmp(p->services[i].program, program) == 0)
            return p->services[i].state == SERVICE_SILENT;
    return false;
}

static bool any_is_silent(const struct picture *p)
{
    for (size_t i = 0; i < p->n_services; i++)
        if (p->services[i].state == SERVICE_SILENT)
            return true;
    return false;
}

/* On a machine that just woke up all were silent for long: looks again for a while, where nobody else waits for it. */
#define SILENT_WITHIN_S 3
#define SILENT_PAUSE_NS 100000000

static void find_silent(struct picture *p, const struct report_files *f)
{
    const struct timespec pause = {.tv_nsec = SILENT_PAUSE_NS};
    uint64_t until = clock_boot_ns() + SILENT_WITHIN_S * NS_PER_S;

    while (any_is_silent(p) && f->shared == NULL && clock_boot_ns() < until) {
        (void)nanosleep(&pause, NULL);
        p->n_using = state_services(f->state, clock_boot_ns(), p->using);
        judge_services(p, f->config);
    }
    for (size_t i = 0; i < p->n_listeners; i++)
        if (p->listeners[i].up && picture_is_silent(p, p->listeners[i].program) &&
            count_telling(p, p->listeners[i].program) == 0) {
            p->listeners[i].state = PICTURE_LISTENER_SILENT;
            p->listeners[i].up = false;
        }
}

bool picture_generation_of(const struct picture *p, long pid, uint64_t *generation)
{
    for (size_t i = 0; i < p->n_using; i++)
        if (p->using[i].pid == (uint64_t)pid) {
            *generation = p->using[i].generation;
            return true;
        }
    return false;
}

/* ---- files ---- */

/* Opens it, and returns the result. */
enum picture_part picture_open_part(struct report_files *f, struct picture *p,
                                    int (*open_it)(struct report_files *f, struct error *e))
{
    bool closed_before = f->may_not_read, closed;
    struct error e;
    int result;

    f->may_not_read = false;
    result = open_it(f, &e);
    closed = f->may_not_read;
    f->may_not_read |= closed_before;
    if (result == 0)
        return PART_READ;
    picture_add_problem(p, &e);
    return closed ? PART_CLOSED : PART_UNUSABLE;
}

static void look_at_directory(struct report_files *f, struct picture *p)
{
    p->directory = picture_open_part(f, p, files_open_directory);
    if (p->directory == PART_READ && f->view == NULL)
        p->directory = PART_NONE;
    p->pulled = f->view != NULL && pulled_read(f->config->directory, &p->origin, NULL) > 0 &&
                p->origin.here == directory_view_generation(f->view);
}

/* Those of logins and connectors: a tenant has one too, for the time since when its mail is seen. */
static void look_at_habits(const struct report_files *f, struct picture *p, uint64_t now_ns)
{
    uint32_t tenants = f->view != NULL ? directory_tenants(f->view) : 0;
    const struct decide_context c = files_context(f);

    habits_stats(state_habits(f->state), now_ns, &p->habits);
    for (uint32_t i = 0; i < tenants; i++) {
        const struct tenant_facts *tenant = directory_tenant(f->view, i);
        struct habit habit = {.since_ns = 0};

        if (tenant != NULL)
            habits_look(c.habits, key_of_tenants_habit(hash_slice(c.secret, slice_of(tenant->name))), now_ns, &habit);
        p->habits.known -= habit.since_ns != 0 && p->habits.known > 0;
        p->habits.learning -= habit_learning_until(&c, &habit) != 0 && p->habits.learning > 0;
    }
}

static void look_at_state(struct report_files *f, struct picture *p)
{
    uint64_t boot_ns = clock_boot_ns(), now_ns;
    struct block block;

    p->state = picture_open_part(f, p, files_open_state);
    if (p->state != PART_READ) {
        if (p->state == PART_UNUSABLE && access(f->config->state_path, F_OK) != 0 && errno == ENOENT)
            p->state = PART_NONE;
        return;
    }
    now_ns = state_now(f->state, boot_ns);
    counters_stats(state_counters(f->state), now_ns, &p->counters);
    look_at_habits(f, p, now_ns);
    for (uint32_t at = 0; blocks_next(state_blocks(f->state), &at, now_ns, &block);)
        p->blocks++;
    if (p->directory != PART_CLOSED)
        (void)files_agree(f);
    p->n_using = state_services(f->state, clock_boot_ns(), p->using);
}

int64_t picture_learning_until(const struct picture *p, const struct report_files *f, const struct tenant_facts *tenant)
{
    struct decide_context c;
    struct habit habit;

    if (p->state != PART_READ || !f->config->limits_use_habits)
        return 0;
    c = files_context(f);
    habits_look(c.habits, key_of_tenants_habit(hash_slice(c.secret, slice_of(tenant->name))), c.now_ns, &habit);
    return habit_learning_until(&c, &habit);
}

/* ---- all ---- */

/* Reports a wrong configuration, which may still name the files. -1 when it doesn't. */
static int take_config(struct report_files *f, struct picture *p, struct error *e)
{
    struct buf problem = BUF_OVER(p->config_problem);
    struct error wrong;

    if (f->config != NULL || config_load(f->config_path, &f->config, &wrong) == 0)
        return 0;
    f->config = NULL;
    if (config_load_places(f->config_path, &f->config, &(struct error){.text = ""}) != 0) {
        f->config = NULL;
        return files_open_config(f, e); /* fails, and says why */
    }
    buf_add(&problem, slice_of(wrong.text));
    p->config_partial = true;
    return 0;
}

struct picture *picture_take(struct report_files *f, picture_look *look, struct error *e)
{
    struct picture *p = calloc(1, sizeof *p);

    if (p == NULL || (p->counts = calloc(JOURNAL_COUNTS_MAX, sizeof *p->counts)) == NULL) {
        (void)error_set(e, "out of memory");
        free(p);
        return NULL;
    }
    p->wall_s = clock_wall_s();
    if (take_config(f, p, e) != 0) {
        picture_free(p);
        return NULL;
    }
    look(p, f);
    notices_look(f->config->spool, &p->notices);
    look_at_directory(f, p);
    (void)picture_open_part(f, p, files_open_history);
    look_at_state(f, p);
    judge_services(p, f->config);
    find_silent(p, f);
    read_journal(f, p);
    return p;
}

void picture_tell_problems(const struct picture *p, struct printer *printer)
{
    for (size_t i = 0; i < p->n_problems; i++)
        printer->remark(printer, REMARK_WARNING, p->problems[i].text);
}

enum picture_health picture_judge(const struct picture *p, const struct report_files *f)
{
    bool well = p->config_problem[0] == '\0' && p->directory != PART_NONE && p->directory != PART_UNUSABLE &&
                p->state != PART_NONE && p->state != PART_UNUSABLE && p->n_processes > 0;

    /* Another generation in use matters more than other problems, since nothing below can be trusted then. */
    if (f->other_generation)
        return PICTURE_OTHER_GENERATION;
    for (size_t i = 0; i < p->n_services; i++)
        well &= p->services[i].state != SERVICE_DOWN && p->services[i].state != SERVICE_SILENT;
    for (size_t i = 0; i < p->n_listeners; i++)
        well &= p->listeners[i].up;
    if (!well && (p->n_processes > 0 || p->processes_visible))
        return PICTURE_TROUBLE;
    return f->may_not_read ? PICTURE_CLOSED : well ? PICTURE_WELL : PICTURE_TROUBLE;
}

void picture_free(struct picture *p)
{
    ranking_free(&p->logins);
    ranking_free(&p->clients);
    ranking_free(&p->connectors);
    ranking_free(&p->limits);
    free(p->counts);
    free(p);
}
