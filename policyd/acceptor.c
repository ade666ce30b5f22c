#include "policyd/acceptor.h"

#include "core/base/clock.h"
#include "core/serve/gates.h"
#include "core/serve/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct acceptor {
    struct engine *engine;
    struct complaints *complaints;
    struct worker **workers;
    unsigned n_workers, next_worker;
    unsigned max_connections;
    struct event_base *base;
    struct event *stop_event;
    struct gates *gates;
    int stop_fd; /* eventfd */
    pthread_t thread;
};

/* ---- in the acceptor's thread ---- */

static void complain(struct acceptor *a, enum complaint_kind kind, const char *what)
{
    uint64_t held;

    if (complaint_due(&a->complaints->kind[kind], clock_boot_ns() / NS_PER_S, &held))
        log_say(engine_log(a->engine), LEVEL_WARNING,
                "%s; %u connections are served, new ones wait (%llu more times since this was last logged)", what,
                a->max_connections, (unsigned long long)held);
}

static bool has_room(void *arg)
{
    struct acceptor *a = arg;
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

static void take(void *arg, int fd, const struct listener *listener)
{
    struct acceptor *a = arg;

    worker_give(least_loaded(a), fd, listener);
}

static void failed(void *arg, int number)
{
    complain(arg, COMPLAINT_ACCEPT, strerror(number));
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
    gates_close(a->gates);
    if (a->stop_event != NULL)
        event_free(a->stop_event);
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

static int acceptor_prepare(struct acceptor *a, const struct listener *listeners, size_t n_listeners)
{
    const struct gates_owner owner = {has_room, take, failed, a};

    a->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    a->base = loop_new();
    if (a->stop_fd < 0 || a->base == NULL)
        return -1;
    a->stop_event = event_new(a->base, a->stop_fd, EV_READ, on_stop, a);
    if (a->stop_event == NULL || event_add(a->stop_event, NULL) != 0)
        return -1;
    a->gates = gates_open(a->base, listeners, n_listeners, &owner);
    return a->gates != NULL ? 0 : -1;
}

int acceptor_start(struct engine *engine, struct complaints *complaints, struct listener *listeners, size_t n_listeners,
                   struct worker **workers, unsigned n_workers, struct acceptor **out, struct error *e)
{
    struct acceptor *a = calloc(1, sizeof *a);

    if (a == NULL)
        return error_set(e, "cannot start accepting: no memory");
    a->engine = engine;
    a->complaints = complaints;
    a->workers = workers;
    a->n_workers = n_workers;
    a->max_connections = allowed_connections(engine);
    errno = ENOMEM;
    if (acceptor_prepare(a, listeners, n_listeners) != 0 ||
        (errno = pthread_create(&a->thread, NULL, acceptor_run, a)) != 0) {
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
