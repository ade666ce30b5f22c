#include "web/look.h"

#include "core/base/clock.h"
#include "core/base/complaint.h"
#include "core/look/listeners.h"
#include "core/report/metrics.h"
#include "core/report/status_check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

struct ask {
    STAILQ_ENTRY(ask) links;
    look_told *told;
    void *arg;
};
STAILQ_HEAD(ask_list, ask);

struct look {
    const char *config_path;
    struct log *log;
    /* of the loop's thread */
    struct ask_list asks;
    struct sight last;
    struct event *seen_event;
    /* of the other thread */
    struct complaint_timer complaint;
    /* of both, under the lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool wanted, ending;
    struct sight fresh; /* taken, and not fetched yet, if taken_ns is set */
    pthread_t thread;
    int seen_fd; /* eventfd: there is a fresh one */
};

static void sight_free(struct sight *sight)
{
    free(sight->metrics);
    free(sight->open_metrics);
    *sight = (struct sight){.metrics = NULL};
}

/* ---- the other thread ---- */

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

/* With the files as they are now: the configuration may have been reloaded by the others. */
static void take(struct look *look, struct sight *out)
{
    struct report_files files = {.config_path = look->config_path};
    struct printer nowhere = {.people = true, .line = ignore_line};
    struct error e;
    struct picture *p = picture_take(&files, look_around, &e);

    *out = (struct sight){.ready = false};
    if (p != NULL) {
        out->ready = status_check(p, &files, &nowhere) != CHECK_CRITICAL && p->directory == PART_READ &&
                     p->state == PART_READ && front_ends_live(p, files.config);
        for (size_t i = 0; i < p->n_problems; i++)
            complain(look, p->problems[i].text);
        print(p, &files, metrics_report, &out->metrics, &out->n_metrics);
        print(p, &files, metrics_report_open, &out->open_metrics, &out->n_open_metrics);
        picture_free(p);
    } else {
        complain(look, e.text);
    }
    files_close(&files);
    out->taken_ns = clock_boot_ns();
}

static void *look_run(void *arg)
{
    struct look *look = arg;
    struct sight sight;

    pthread_mutex_lock(&look->lock);
    while (!look->ending) {
        if (!look->wanted) {
            pthread_cond_wait(&look->wake, &look->lock);
            continue;
        }
        pthread_mutex_unlock(&look->lock);
        take(look, &sight);
        pthread_mutex_lock(&look->lock);
        look->wanted = false;
        sight_free(&look->fresh);
        look->fresh = sight;
        (void)eventfd_write(look->seen_fd, 1);
    }
    pthread_mutex_unlock(&look->lock);
    return NULL;
}

/* ---- the loop's thread ---- */

static void on_seen(evutil_socket_t fd, short what, void *arg)
{
    struct look *look = arg;
    struct ask_list asks;
    struct ask *ask;
    eventfd_t n;

    (void)what;
    (void)eventfd_read((int)fd, &n);
    pthread_mutex_lock(&look->lock);
    if (look->fresh.taken_ns != 0) {
        sight_free(&look->last);
        look->last = look->fresh;
        look->fresh = (struct sight){.metrics = NULL};
    }
    pthread_mutex_unlock(&look->lock);
    asks = look->asks;
    if (STAILQ_EMPTY(&asks))
        return;
    STAILQ_INIT(&look->asks); /* who is told may ask again */
    for (ask = STAILQ_FIRST(&asks); ask != NULL;) {
        struct ask *next = STAILQ_NEXT(ask, links);

        ask->told(ask->arg, &look->last);
        free(ask);
        ask = next;
    }
}

int look_ask(struct look *look, look_told *told, void *arg)
{
    struct ask *ask;

    if (look->last.taken_ns != 0 && clock_boot_ns() - look->last.taken_ns < LOOK_HOLDS_S * NS_PER_S) {
        told(arg, &look->last);
        return 0;
    }
    if ((ask = malloc(sizeof *ask)) == NULL)
        return -1;
    *ask = (struct ask){.told = told, .arg = arg};
    STAILQ_INSERT_TAIL(&look->asks, ask, links);
    pthread_mutex_lock(&look->lock);
    look->wanted = true;
    pthread_cond_signal(&look->wake);
    pthread_mutex_unlock(&look->lock);
    return 0;
}

struct look *look_new(struct event_base *base, const char *config_path, struct log *log)
{
    struct look *look = calloc(1, sizeof *look);

    if (look == NULL)
        return NULL;
    look->config_path = config_path;
    look->log = log;
    STAILQ_INIT(&look->asks);
    pthread_mutex_init(&look->lock, NULL);
    pthread_cond_init(&look->wake, NULL);
    look->seen_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    look->seen_event = look->seen_fd >= 0 ? event_new(base, look->seen_fd, EV_READ | EV_PERSIST, on_seen, look) : NULL;
    if (look->seen_event == NULL || event_add(look->seen_event, NULL) != 0 ||
        pthread_create(&look->thread, NULL, look_run, look) != 0) {
        look->ending = true; /* there is no thread */
        look_free(look);
        return NULL;
    }
    (void)pthread_setname_np(look->thread, "web-look");
    return look;
}

void look_free(struct look *look)
{
    struct ask *ask, *next;

    if (look == NULL)
        return;
    if (!look->ending) {
        pthread_mutex_lock(&look->lock);
        look->ending = true;
        pthread_cond_signal(&look->wake);
        pthread_mutex_unlock(&look->lock);
        pthread_join(look->thread, NULL);
    }
    if (look->seen_event != NULL)
        event_free(look->seen_event);
    if (look->seen_fd >= 0)
        (void)close(look->seen_fd);
    for (ask = STAILQ_FIRST(&look->asks); ask != NULL; ask = next) {
        next = STAILQ_NEXT(ask, links);
        free(ask);
    }
    sight_free(&look->last);
    sight_free(&look->fresh);
    pthread_cond_destroy(&look->wake);
    pthread_mutex_destroy(&look->lock);
    free(look);
}
