#include "web/look.h"

#include "core/base/clock.h"
#include "core/base/complaint.h"
#include "core/look/listeners.h"
#include "core/report/metrics.h"
#include "core/report/status_check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* https://prometheus.io/docs/instrumenting/exposition_formats/, and OpenMetrics 1.0, "Text format". */
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_OPEN_METRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* What was seen. */
struct sight {
    struct report_files *files; /* of the shelf; NULL with the picture */
    struct picture *picture;    /* NULL: there is none, and why says it */
    struct error why;
    uint64_t taken_ns; /* boot time; 0: never */
};

struct look {
    struct shelf *shelf;
    struct log *log;
    struct complaint_timer complaint;
    pthread_mutex_t lock;
    struct sight last;
};

static void sight_free(struct look *look, struct sight *sight)
{
    if (sight->picture != NULL)
        picture_free(sight->picture);
    if (sight->files != NULL)
        shelf_put(look->shelf, sight->files);
    *sight = (struct sight){.picture = NULL};
}

/* ---- taking ---- */

static void ignore_line(struct printer *p, const struct line *line)
{
    (void)p;
    (void)line;
}

/* Processes of others are not to be seen from here: what counts is that the listeners answer. */
static void look_around(struct picture *p, const struct report_files *f)
{
    listeners_look(p, f->config);
}

/*
 * The listeners may be out of reach: in a sandbox, or because only Postfix may connect. Each front end says once a
 * second, in the state, that it is there.
 */
static bool front_ends_live(const struct picture *p, const struct config *c)
{
    int expected = (c->policyd.n_listen > 0) + (c->milter.n_listen > 0) + (c->sasl.n_listen > 0);

    return p->n_using >= (size_t)expected;
}

static void complain(struct look *look, const char *what)
{
    uint64_t held;

    if (complaint_due(&look->complaint, clock_boot_ns() / NS_PER_S, &held))
        log_say(look->log, LEVEL_WARNING, "%s (%llu more times since this was last logged)", what,
                (unsigned long long)held);
}

/* Listeners answer, directory and state can be used, no tenant's mail is deferred for its age. */
static bool is_ready(struct picture *p, struct report_files *f)
{
    struct printer nowhere = {.people = true, .line = ignore_line};

    return status_check(p, f, &nowhere) != CHECK_CRITICAL && p->directory == PART_READ && p->state == PART_READ &&
           front_ends_live(p, f->config);
}

static void take(struct look *look, struct sight *out)
{
    struct error problem;
    struct buf b;

    *out = (struct sight){.picture = NULL};
    if ((out->files = shelf_take(look->shelf, &out->why)) != NULL)
        out->picture = picture_take(out->files, look_around, &out->why);
    out->taken_ns = clock_boot_ns();
    if (out->picture == NULL) {
        complain(look, out->why.text);
        return;
    }
    if (shelf_config_problem(look->shelf, &problem)) {
        b = BUF_OVER(out->picture->config_problem);
        buf_add(&b, slice_of(problem.text));
    }
    for (size_t i = 0; i < out->picture->n_problems; i++)
        complain(look, out->picture->problems[i].text);
}

/* Under the lock, which the others who ask meanwhile wait for. */
static struct sight *renew(struct look *look)
{
    if (look->last.taken_ns == 0 || clock_boot_ns() - look->last.taken_ns >= LOOK_HOLDS_S * NS_PER_S) {
        sight_free(look, &look->last);
        take(look, &look->last);
    }
    return &look->last;
}

struct picture *look_begin(struct look *look, const struct report_files **files, struct error *e)
{
    struct sight *sight;

    (void)pthread_mutex_lock(&look->lock);
    sight = renew(look);
    if (sight->picture != NULL) {
        *files = sight->files;
        return sight->picture;
    }
    *e = sight->why;
    (void)pthread_mutex_unlock(&look->lock);
    return NULL;
}

void look_end(struct look *look)
{
    (void)pthread_mutex_unlock(&look->lock);
}

void look_sweep(struct look *look)
{
    if (pthread_mutex_trylock(&look->lock) != 0)
        return; /* somebody asks */
    if (look->last.taken_ns != 0 && clock_boot_ns() - look->last.taken_ns >= LOOK_HOLDS_S * NS_PER_S)
        sight_free(look, &look->last);
    (void)pthread_mutex_unlock(&look->lock);
}

/* ---- replying ---- */

static void put_text(struct answer_text *out, int status, const char *type, struct slice text)
{
    *out = (struct answer_text){.status = status, .type = type, .text = malloc(text.n + 1), .n = text.n};
    if (out->text != NULL)
        memcpy(out->text, text.p, text.n);
}

/* Nothing of why: that is for people, by "postern status". What is not known is not ready. */
void look_ready(struct look *look, struct answer_text *out)
{
    struct sight *sight;
    bool ready;

    (void)pthread_mutex_lock(&look->lock);
    sight = renew(look);
    ready = sight->picture != NULL && is_ready(sight->picture, sight->files);
    (void)pthread_mutex_unlock(&look->lock);
    if (ready)
        put_text(out, 200, TYPE_JSON, SLICE("{\"ready\":true}\n"));
    else
        put_text(out, 503, TYPE_JSON, SLICE("{\"ready\":false}\n"));
}

struct text_printer {
    struct printer printer; /* first */
    FILE *to;
};

static void text_line(struct printer *p, const struct line *line)
{
    FILE *to = ((struct text_printer *)p)->to;

    for (size_t i = 0; i < LINE_SPANS_MAX && line->spans[i].text != NULL; i++)
        (void)fputs(line->spans[i].text, to);
    (void)fputc('\n', to);
}

/* *out is malloc'ed; NULL without memory. */
static void print(const struct picture *p, const struct report_files *f,
                  void (*report)(const struct picture *p, const struct report_files *f, struct printer *out),
                  char **out, size_t *n)
{
    struct text_printer printer = {.printer = {.people = true, .line = text_line}};

    if ((printer.to = open_memstream(out, n)) == NULL) {
        *out = NULL;
        return;
    }
    report(p, f, &printer.printer);
    if (ferror(printer.to) | fclose(printer.to)) {
        free(*out);
        *out = NULL;
    }
}

void look_metrics(struct look *look, bool open, struct answer_text *out)
{
    const struct report_files *files;
    struct picture *p;
    struct error e;
    char *text = NULL;
    size_t n = 0;

    if ((p = look_begin(look, &files, &e)) != NULL) {
        print(p, files, open ? metrics_report_open : metrics_report, &text, &n);
        look_end(look);
    }
    if (text != NULL)
        *out =
            (struct answer_text){.status = 200, .type = open ? TYPE_OPEN_METRICS : TYPE_METRICS, .text = text, .n = n};
    else
        put_text(out, 503, TYPE_TEXT, SLICE("there is nothing to read; the log of postern-web says why\n"));
}

/* ---- from outside ---- */

struct look *look_new(struct shelf *shelf, struct log *log)
{
    struct look *look = calloc(1, sizeof *look);

    if (look == NULL)
        return NULL;
    look->shelf = shelf;
    look->log = log;
    (void)pthread_mutex_init(&look->lock, NULL);
    return look;
}

void look_free(struct look *look)
{
    if (look == NULL)
        return;
    sight_free(look, &look->last);
    (void)pthread_mutex_destroy(&look->lock);
    free(look);
}
