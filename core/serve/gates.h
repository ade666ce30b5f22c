/*
 * The gates: the listeners of an event loop, on which connections are accepted. When there is no room for more, or
 * descriptors or memory are missing, all of them rest for a moment; new connections wait in the kernel's backlog.
 * Used by the loop's thread alone.
 */
#ifndef POSTERN_SERVE_GATES_H
#define POSTERN_SERVE_GATES_H

#include "core/serve/listener.h"

#include <event2/event.h>

/* What the program does with them; arg is its own. */
struct gates_owner {
    /* False when there are as many connections as may be; says so itself. */
    bool (*has_room)(void *arg);
    /* Takes over fd, which was accepted from listener. */
    void (*take)(void *arg, int fd, const struct listener *listener);
    /* Nothing could be accepted; number is an errno: EMFILE, ENFILE, ENOBUFS, ENOMEM ... */
    void (*failed)(void *arg, int number);
    void *arg;
};

struct gates;

/* Accepts from now on. base and listeners outlive the gates. NULL without memory. */
struct gates *gates_open(struct event_base *base, const struct listener *listeners, size_t n_listeners,
                         const struct gates_owner *owner);
/* Accepts no more, and frees them. The listeners stay open. NULL: nothing. */
void gates_close(struct gates *gates);

#endif
