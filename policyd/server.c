#include "policyd/server.h"

#include "policyd/acceptor.h"

#include <stdlib.h>

struct server {
    struct complaints complaints;
    struct messages *messages;
    struct acceptor *acceptor;
    struct listener *listeners;
    size_t n_listeners; /* those that are open */
    struct worker **workers;
    unsigned n_workers; /* those that run */
};

static int open_listeners(struct server *s, const struct policyd_config *config, struct error *e)
{
    s->listeners = calloc(config->n_listen > 0 ? config->n_listen : 1, sizeof s->listeners[0]);
    if (s->listeners == NULL)
        return error_set(e, "no memory for the listeners");
    if (config->n_listen == 0)
        return error_set(e, "policyd.listen is empty: name at least one socket, as in \"unix:/run/postern/policy\"");
    for (; s->n_listeners < config->n_listen; s->n_listeners++)
        if (listener_open("postern-policyd", &config->listen[s->n_listeners], &s->listeners[s->n_listeners], e) != 0)
            return -1;
    return 0;
}

static int start_workers(struct server *s, struct engine *engine, struct error *e)
{
    unsigned wanted = engine_config(engine)->policyd.workers;

    if (wanted == 0)
        wanted = 1;
    s->workers = calloc(wanted, sizeof s->workers[0]);
    if (s->workers == NULL)
        return error_set(e, "no memory for the workers");
    for (; s->n_workers < wanted; s->n_workers++)
        if (worker_start(engine, &s->complaints, s->messages, &s->workers[s->n_workers], e) != 0)
            return -1;
    return 0;
}

int server_start(struct engine *engine, struct server **out, struct error *e)
{
    struct server *s = calloc(1, sizeof *s);

    if (s == NULL || (s->messages = messages_new()) == NULL) {
        free(s);
        return error_set(e, "no memory, or no randomness");
    }
    if (open_listeners(s, &engine_config(engine)->policyd, e) != 0 || start_workers(s, engine, e) != 0 ||
        acceptor_start(engine, &s->complaints, s->listeners, s->n_listeners, s->workers, s->n_workers, &s->acceptor,
                       e) != 0) {
        server_stop(s);
        return -1;
    }
    *out = s;
    return 0;
}

void server_stop(struct server *s)
{
    if (s->acceptor != NULL)
        acceptor_stop(s->acceptor);
    for (size_t i = 0; i < s->n_listeners; i++)
        listener_close(&s->listeners[i]);
    for (unsigned i = 0; i < s->n_workers; i++)
        worker_stop(s->workers[i]);
    for (unsigned i = 0; i < s->n_workers; i++)
        worker_join(s->workers[i]);
    for (size_t i = 0; i < s->n_listeners; i++)
        listener_free(&s->listeners[i]);
    messages_free(s->messages);
    free(s->workers);
    free(s->listeners);
    free(s);
}

unsigned server_connections(const struct server *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->n_workers; i++)
        n += atomic_load_explicit(&s->workers[i]->connections, memory_order_relaxed);
    return n;
}
