/* postern-web: what the others do, over HTTP. */
#include "core/base/notify.h"
#include "core/config/program.h"
#include "core/state/state.h"
#include "web/live.h"
#include "web/look.h"
#include "web/pool.h"
#include "web/routes.h"
#include "web/shelf.h"
#include "web/stream.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME "postern-web"
#define PURPOSE "Serves what postern does, its metrics and health over HTTP."
#define CONNECTIONS_MAX 256
#define REQUEST_S 10
/* The unit waits for six times as long. */
#define ALIVE_S 10

/* Replies that are made at a time, and those that wait for it; what is slow has threads of its own. */
#define QUICK_THREADS 2
#define QUICK_MOST 128
#define SLOW_THREADS 2
#define SLOW_MOST 8

struct program {
    struct web web;
    const char *config_path;
    struct config *first;  /* the one that it was started with, whose listeners are open */
    struct config *config; /* the one whose other settings of web are in use */
    struct event_base *base;
    struct event *signals[3], *sweep, *alive;
    struct pool *quick, *slow;
    struct server *server;
    struct site site;
};

static void on_end(evutil_socket_t number, short what, void *arg)
{
    struct program *p = arg;

    (void)number;
    (void)what;
    event_base_loopbreak(p->base);
}

/* The names of loopback, by which "ssh -L" and probes call it, and those of the configuration. */
static int site_make(const struct web_config *config, struct site *out)
{
    static const char *const loopback[] = {"localhost", "127.0.0.1", "[::1]"};
    const char **names = calloc(3 + config->n_hosts, sizeof *names);

    if (names == NULL)
        return -1;
    for (size_t i = 0; i < 3; i++)
        names[i] = loopback[i];
    for (size_t i = 0; i < config->n_hosts; i++)
        names[3 + i] = config->hosts[i].p;
    *out = (struct site){.names = names, .n = 3 + config->n_hosts};
    if (config->proxy.secret_file != NULL) {
        out->user_field = config->proxy.user_field;
        out->groups_field = config->proxy.groups_field;
    }
    return 0;
}

static void site_free(struct site *site)
{
    free((void *)(uintptr_t)site->names);
}

static bool same_listeners(const struct web_config *a, const struct web_config *b)
{
    bool same = a->n_listen == b->n_listen;

    for (size_t i = 0; i < a->n_listen && same; i++)
        same = strcmp(a->listen[i].address, b->listen[i].address) == 0;
    return same;
}

/* All of web but what is open; -1: nothing of it. */
static int follow(struct program *p, struct error *e)
{
    struct site before = p->site;
    struct config *config;

    if (config_load(p->config_path, &config, e) != 0)
        return -1;
    if (site_make(&config->web, &p->site) != 0) {
        config_free(config);
        return error_set(e, "no memory");
    }
    if (access_follow(&p->web.access, &config->web, e) != 0) {
        site_free(&p->site);
        p->site = before;
        config_free(config);
        return -1;
    }
    server_set_site(p->server, &p->site);
    if (!same_listeners(&p->first->web, &config->web))
        log_say(p->web.log, LEVEL_WARNING, "reload: another web.listen takes effect at the next start only");
    site_free(&before);
    if (p->config != p->first)
        config_free(p->config);
    p->config = config;
    return 0;
}

static void on_reload(evutil_socket_t number, short what, void *arg)
{
    struct program *p = arg;
    struct error e;

    (void)number;
    (void)what;
    shelf_reload(p->web.shelf);
    if (follow(p, &e) != 0)
        log_say(p->web.log, LEVEL_ERROR, "reload: %s; the settings of web stay as they were", e.text);
    else
        log_say(p->web.log, LEVEL_NOTICE, "reload: the configuration is read again");
}

static void on_alive(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    (void)arg;
    notify_alive();
}

static int take_signals(struct program *p)
{
    static const struct timeval period = {.tv_sec = ALIVE_S};
    static const int ends[] = {SIGTERM, SIGINT};

    (void)signal(SIGHUP, SIG_IGN);
    for (size_t i = 0; i < 2; i++)
        p->signals[i] = evsignal_new(p->base, ends[i], on_end, p);
    p->signals[2] = evsignal_new(p->base, SIGUSR1, on_reload, p);
    p->alive = event_new(p->base, -1, EV_PERSIST, on_alive, p);
    if (p->alive == NULL || event_add(p->alive, &period) != 0)
        return -1;
    for (size_t i = 0; i < 3; i++)
        if (p->signals[i] == NULL || event_add(p->signals[i], NULL) != 0)
            return -1;
    return 0;
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    look_sweep(arg);
}

static int sweep_look(struct program *p)
{
    static const struct timeval every = {.tv_sec = LOOK_SWEEP_S};

    p->sweep = event_new(p->base, -1, EV_PERSIST, on_sweep, p->web.look);
    return p->sweep != NULL ? event_add(p->sweep, &every) : -1;
}

static int begin(struct program *p, struct error *e)
{
    const struct config *config = p->config;
    struct web *web = &p->web;

    web->assets = web_assets;
    if (config->web.n_listen == 0)
        return error_set(e, "web.listen is empty: name a socket, as in \"unix:/run/postern-web/web.sock\"");
    if (state_guard_install(e) != 0)
        return -1;
    if ((p->base = loop_new()) == NULL || take_signals(p) != 0 || site_make(&config->web, &p->site) != 0 ||
        (web->shelf = shelf_new(p->config_path)) == NULL || (web->look = look_new(web->shelf, web->log)) == NULL ||
        sweep_look(p) != 0 || (p->quick = pool_new(p->base, "web-quick", QUICK_THREADS, QUICK_MOST)) == NULL ||
        (web->live = live_new(p->base, p->quick, web->shelf)) == NULL ||
        (web->streams = streams_new(p->base, web)) == NULL ||
        (p->slow = pool_new(p->base, "web-slow", SLOW_THREADS, SLOW_MOST)) == NULL ||
        (web->quick = answers_new(p->quick, routes_make, web)) == NULL ||
        (web->slow = answers_new(p->slow, routes_make, web)) == NULL)
        return error_set(e, "no memory or threads");
    if (access_begin(&web->access, &config->web, web->log, e) != 0)
        return -1;
    if ((web->acts = acts_new(p->quick, web->shelf, web->log)) == NULL)
        return error_set(e, "no memory");
    if ((web->sign_in = sign_in_new(p->base, &web->access)) == NULL)
        return error_set(e, "no memory, threads or yescrypt");
    return server_open(&(struct server_config){.listen = config->web.listen,
                                               .n_listen = config->web.n_listen,
                                               .site = p->site,
                                               .max_connections = CONNECTIONS_MAX,
                                               .request_s = REQUEST_S,
                                               .serve = routes_serve,
                                               .arg = web,
                                               .log = web->log},
                       p->base, &p->server, e);
}

/* The pools before the server, whose requests wait for them. */
static void end(struct program *p)
{
    pool_free(p->quick);
    pool_free(p->slow);
    acts_free(p->web.acts);
    answers_free(p->web.quick);
    answers_free(p->web.slow);
    streams_free(p->web.streams);
    live_free(p->web.live);
    sign_in_free(p->web.sign_in);
    server_close(p->server);
    access_end(&p->web.access);
    look_free(p->web.look);
    shelf_free(p->web.shelf);
    for (size_t i = 0; i < 3; i++)
        if (p->signals[i] != NULL)
            event_free(p->signals[i]);
    if (p->sweep != NULL)
        event_free(p->sweep);
    if (p->alive != NULL)
        event_free(p->alive);
    if (p->base != NULL)
        event_base_free(p->base);
    site_free(&p->site);
    if (p->config != p->first)
        config_free(p->config);
    config_free(p->first);
}

int main(int argc, char **argv)
{
    struct program_options options;
    struct program p = {.base = NULL};
    struct error e;
    int status = program_begin(argc, argv, NAME, PURPOSE, &options);

    if (status != PROGRAM_GO_ON)
        return status;
    program_prepare_service();
    p.config_path = options.config_path;
    if (config_load(p.config_path, &p.first, &e) != 0) {
        fprintf(stderr, NAME ": %s\n", e.text);
        return PROGRAM_EXIT_FAILED;
    }
    p.config = p.first;
    p.web.log = log_open(NAME, &p.config->log);
    status = PROGRAM_EXIT_FAILED;
    if (begin(&p, &e) != 0) {
        fprintf(stderr, NAME ": %s\n", e.text);
        log_say(p.web.log, LEVEL_ERROR, "not started: %s", e.text);
    } else {
        log_say(p.web.log, LEVEL_NOTICE, "version %s serves", POSTERN_VERSION);
        notify_ready();
        (void)event_base_dispatch(p.base);
        notify_stopping();
        log_say(p.web.log, LEVEL_NOTICE, "stopped");
        status = EXIT_SUCCESS;
    }
    end(&p);
    log_close(p.web.log);
    return status;
}
