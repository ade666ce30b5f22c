#include "core/serve/gates.h"

#include <errno.h>
#include <stdlib.h>

static const struct timeval rest_time = {.tv_usec = 100000};
/* So many at once before it is others' turn. */
#define ACCEPT_BATCH 64

struct gate {
    struct gates *gates;
    const struct listener *listener;
    struct event *event;
};

struct gates {
    struct gates_owner owner;
    struct event *resume_event;
    size_t n;
    struct gate gate[];
};

static void rest(struct gates *g)
{
    for (size_t i = 0; i < g->n; i++)
        event_del(g->gate[i].event);
    event_add(g->resume_event, &rest_time);
}

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
    const struct gate *gate = arg;
    struct gates *g = gate->gates;

    (void)fd;
    (void)what;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        int accepted;

        if (!g->owner.has_room(g->owner.arg)) {
            rest(g);
            return;
        }
        accepted = listener_accept(gate->listener);
        if (accepted < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                return;
            g->owner.failed(g->owner.arg, errno);
            rest(g); /* no spinning on it */
            return;
        }
        g->owner.take(g->owner.arg, accepted, gate->listener);
    }
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct gates *g = arg;

    (void)fd;
    (void)what;
    if (!g->owner.has_room(g->owner.arg)) {
        event_add(g->resume_event, &rest_time);
        return;
    }
    for (size_t i = 0; i < g->n; i++)
        event_add(g->gate[i].event, NULL);
}

static bool add_gate(struct gates *g, struct event_base *base, const struct listener *listener)
{
    struct gate *gate = &g->gate[g->n];

    *gate = (struct gate){.gates = g, .listener = listener};
    gate->event = event_new(base, listener->fd, EV_READ | EV_PERSIST, on_connection, gate);
    if (gate->event == NULL)
        return false;
    g->n++;
    return event_add(gate->event, NULL) == 0;
}

struct gates *gates_open(struct event_base *base, const struct listener *listeners, size_t n_listeners,
                         const struct gates_owner *owner)
{
    struct gates *g = calloc(1, sizeof *g + n_listeners * sizeof g->gate[0]);
    bool open;

    if (g == NULL)
        return NULL;
    g->owner = *owner;
    g->resume_event = event_new(base, -1, 0, on_resume, g);
    open = g->resume_event != NULL;
    for (size_t i = 0; i < n_listeners && open; i++)
        open = add_gate(g, base, &listeners[i]);
    if (open)
        return g;
    gates_close(g);
    return NULL;
}

void gates_close(struct gates *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; i < g->n; i++)
        event_free(g->gate[i].event);
    if (g->resume_event != NULL)
        event_free(g->resume_event);
    free(g);
}
