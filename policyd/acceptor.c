#include "policyd/acceptor.h"

#include "core/base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* How long nothing is accepted when there is no room; new connections wait in the kernel's backlog. */
static const struct timeval pause_time = {.tv_usec = 100000};
/* So many at once before it is another listener's turn. */
#define ACCEPT_BATCH 64

struct acceptor;

struct gate {
    struct acceptor *acceptor;
    struct listener *listener;
    struct event *event;
};

struct acceptor {
    struct engine *engine;
    struct complaints *complaints;
    struct worker **workers;
    unsigned n_workers, next_worker;
    unsigned max_connections;
    struct event_base *base;
    struct event *stop_event, *resume_event;
    int stop_fd; /* eventfd */
    pthread_t thread;
    size_t n_gates;
    struct gate gates[];
};

/* ---- in the acceptor's thread ---- */

static void pause_accepting(struct acceptor *a)
{
    for (size_t i = 0; i < a->n_gates; i++)
        event_del(a->gates[i].event);
    event_add(a->resume_event, &pause_time);
}

static void complain(struct acceptor *a, enum complaint_kind kind, const char *what)
{
    uint64_t held;

    if (complaint_due(&a->complaints->kind[kind], clock_boot_ns() / NS_PER_S, &held))
        log_say(engine_log(a->engine), LEVEL_WARNING,
                "%s; %u connections are served, new ones wait (%llu more times since this was last logged)", what,
                a->max_connections, (unsigned long long)held);
}

/* False when there are as many connections as may be. */
static bool has_room(struct acceptor *a)
{
    unsigned n = 0;

    for (unsigned i = 0; i < a->n_workers; i++)
        n += atomic_load_explicit(&a->workers[i]->connections, memory_order_relaxed);
    if (n < a->max_connections)
        return true;
    complain(a, COMPLAINT_FULL, "policyd.max_connections is reached");
    return false;
}

/* The one with the fewest connections; among equals they take turns. There is at least one. */
static struct worker *least_loaded(struct acceptor *a)
{
    struct worker *best = a->workers[a->next_worker];
    unsigned best_n = atomic_load_explicit(&best->connections, memory_order_relaxed);

    for (unsigned i = 1; i < a->n_workers; i++) {
        struct worker *w = a->workers[(a->next_worker + i) % a->n_workers];
        unsigned n = atomic_load_explicit(&w->connections, memory_order_relaxed);

        if (n < best_n) {
            best = w;
            best_n = n;
        }
    }
    a->next_worker = (a->next_worker + 1) % a->n_workers;
    return best;
}

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
    const struct gate *gate = arg;
    struct acceptor *a = gate->acceptor;

    (void)fd;
    (void)what;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        int accepted;

        if (!has_room(a)) {
            pause_accepting(a);
            return;
        }
        accepted = listener_accept(gate->listener);
        if (accepted < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                return;
            complain(a, COMPLAINT_ACCEPT, strerror(errno)); /* EMFILE, ENFILE, ENOBUFS, ENOMEM: no spinning on these */
            pause_accepting(a);
            return;
        }
        worker_give(least_loaded(a), accepted, gate->listener);
    }
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct acceptor *a = arg;

    (void)fd;
    (void)what;
    if (!has_room(a)) {
        event_add(a->resume_event, &pause_time);
        return;
    }
    for (size_t i = 0; i < a->n_gates; i++)
        event_add(a->gates[i].event, NULL);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    struct acceptor *a = arg;

    (void)fd;
    (void)what;
    event_base_loopbreak(a->base);
}

static void *acceptor_run(void *arg)
{
    struct acceptor *a = arg;

    event_base_dispatch(a->base);
    return NULL;
}

/* ---- from outside ---- */

static void acceptor_free(struct acceptor *a)
{
    for (size_t i = 0; i < a->n_gates; i++)
        if (a->gates[i].event != NULL)
            event_free(a->gates[i].event);
    if (a->stop_event != NULL)
        event_free(a->stop_event);
    if (a->resume_event != NULL)
        event_free(a->resume_event);
    if (a->base != NULL)
        event_base_free(a->base);
    if (a->stop_fd >= 0)
        close(a->stop_fd);
    free(a);
}

static unsigned allowed_connections(struct engine *engine)
{
    unsigned wanted = engine_config(engine)->policyd.max_connections;
    unsigned long long descriptors;
    unsigned allowed = listener_connections(wanted, 1, &descriptors);

    if (allowed < wanted)
        log_say(engine_log(engine), LEVEL_WARNING,
                "policyd.max_connections is %u, but %llu descriptors allow only %u connections: raise LimitNOFILE",
                wanted, descriptors, allowed);
    return allowed;
}

static int acceptor_prepare(struct acceptor *a, struct listener *listeners)
{
    a->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    a->base = event_base_new();
    if (a->stop_fd < 0 || a->base == NULL)
        return -1;
    a->stop_event = event_new(a->base, a->stop_fd, EV_READ, on_stop, a);
    a->resume_event = event_new(a->base, -1, 0, on_resume, a);
    if (a->stop_event == NULL || a->resume_event == NULL || event_add(a->stop_event, NULL) != 0)
        return -1;
    for (size_t i = 0; i < a->n_gates; i++) {
        struct gate *gate = &a->gates[i];

        gate->acceptor = a;
        gate->listener = &listeners[i];
        gate->event = event_new(a->base, listeners[i].fd, EV_READ | EV_PERSIST, on_connection, gate);
        if (gate->event == NULL || event_add(gate->event, NULL) != 0)
            return -1;
    }
    return 0;
}

int acceptor_start(struct engine *engine, struct complaints *complaints, struct listener *listeners, size_t n_listeners,
                   struct worker **workers, unsigned n_workers, struct acceptor **out, struct error *e)
{
    struct acceptor *a = calloc(1, sizeof *a + n_listeners * sizeof a->gates[0]);

    if (a == NULL)
        return error_set(e, "cannot start accepting: no memory");
    a->engine = engine;
    a->complaints = complaints;
    a->workers = workers;
    a->n_workers = n_workers;
    a->n_gates = n_listeners;
    a->max_connections = allowed_connections(engine);
    errno = ENOMEM;
    if (acceptor_prepare(a, listeners) != 0 || (errno = pthread_create(&a->thread, NULL, acceptor_run, a)) != 0) {
        error_set(e, "cannot start accepting: %s", strerror(errno));
        acceptor_free(a);
        return -1;
    }
    (void)pthread_setname_np(a->thread, "policyd-accept");
    *out = a;
    return 0;
}

void acceptor_stop(struct acceptor *a)
{
    (void)eventfd_write(a->stop_fd, 1);
    pthread_join(a->thread, NULL);
    acceptor_free(a);
}
