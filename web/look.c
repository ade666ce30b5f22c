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

/* What was seen; texts in memory of its own. */
struct sight {
    bool ready; /* listeners answer, directory and state can be used, no tenant's mail is deferred for its age */
    char *metrics, *open_metrics; /* in the two formats; NULL when there was no picture */
    size_t n_metrics, n_open_metrics;
    uint64_t taken_ns; /* boot time; 0: never */
};

struct look {
    struct shelf *shelf;
    struct log *log;
    struct complaint_timer complaint;
    pthread_mutex_t lock;
    struct sight last;
};

static void sight_free(struct sight *sight)
{
    free(sight->metrics);
    free(sight->open_metrics);
    *sight = (struct sight){.metrics = NULL};
}

/* ---- taking ---- */

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

struct picture *look_picture(struct shelf *shelf, struct report_files *files, struct error *e)
{
    struct picture *p = picture_take(files, look_around, e);
    struct error problem;
    struct buf b;

    if (p != NULL && shelf_config_problem(shelf, &problem)) {
        b = BUF_OVER(p->config_problem);
        buf_add(&b, slice_of(problem.text));
    }
    return p;
}

static void take(struct look *look, struct sight *out)
{
    struct printer nowhere = {.people = true, .line = ignore_line};
    struct error e;
    struct report_files *files = shelf_take(look->shelf, &e);
    struct picture *p = files != NULL ? look_picture(look->shelf, files, &e) : NULL;

    *out = (struct sight){.ready = false};
    if (p != NULL) {
        out->ready = status_check(p, files, &nowhere) != CHECK_CRITICAL && p->directory == PART_READ &&
                     p->state == PART_READ && front_ends_live(p, files->config);
        for (size_t i = 0; i < p->n_problems; i++)
            complain(look, p->problems[i].text);
        print(p, files, metrics_report, &out->metrics, &out->n_metrics);
        print(p, files, metrics_report_open, &out->open_metrics, &out->n_open_metrics);
        picture_free(p);
    } else {
        complain(look, e.text);
    }
    if (files != NULL)
        shelf_put(look->shelf, files);
    out->taken_ns = clock_boot_ns();
}

/* Under the lock, which the others who ask meanwhile wait for. */
static const struct sight *renew(struct look *look)
{
    if (look->last.taken_ns == 0 || clock_boot_ns() - look->last.taken_ns >= LOOK_HOLDS_S * NS_PER_S) {
        sight_free(&look->last);
        take(look, &look->last);
    }
    return &look->last;
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
    bool ready;

    (void)pthread_mutex_lock(&look->lock);
    ready = renew(look)->ready;
    (void)pthread_mutex_unlock(&look->lock);
    if (ready)
        put_text(out, 200, TYPE_JSON, SLICE("{\"ready\":true}\n"));
    else
        put_text(out, 503, TYPE_JSON, SLICE("{\"ready\":false}\n"));
}

void look_metrics(struct look *look, bool open, struct answer_text *out)
{
    const struct sight *sight;
    struct slice text;

    (void)pthread_mutex_lock(&look->lock);
    sight = renew(look);
    text = open ? (struct slice){sight->open_metrics, sight->n_open_metrics}
                : (struct slice){sight->metrics, sight->n_metrics};
    if (text.p == NULL)
        put_text(out, 503, TYPE_TEXT, SLICE("there is nothing to read; the log of postern-web says why\n"));
    else
        put_text(out, 200, open ? TYPE_OPEN_METRICS : TYPE_METRICS, text);
    (void)pthread_mutex_unlock(&look->lock);
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
    sight_free(&look->last);
    (void)pthread_mutex_destroy(&look->lock);
    free(look);
}
