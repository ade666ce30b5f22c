/* postern-web: metrics and health over HTTP. */
#include "core/base/notify.h"
#include "core/config/program.h"
#include "core/state/state.h"
#include "web/routes.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME "postern-web"
#define PURPOSE "Serves postern's metrics and health over HTTP."
#define CONNECTIONS_MAX 256
#define REQUEST_S 10

struct web {
    struct log *log;
    struct event_base *base;
    struct event *signals[3];
    struct look *look;
    struct server *server;
    struct host_list hosts;
};

static void on_end(evutil_socket_t number, short what, void *arg)
{
    struct web *web = arg;

    (void)number;
    (void)what;
    event_base_loopbreak(web->base);
}

/* Each picture is taken with the configuration as it is then. */
static void on_reload(evutil_socket_t number, short what, void *arg)
{
    const struct web *web = arg;

    (void)number;
    (void)what;
    log_say(web->log, LEVEL_NOTICE,
            "reload: what is shown follows the files anyway; web.listen and web.hosts take "
            "effect at the next start only");
}

static int take_signals(struct web *web)
{
    static const int ends[] = {SIGTERM, SIGINT};

    (void)signal(SIGHUP, SIG_IGN);
    for (size_t i = 0; i < 2; i++)
        web->signals[i] = evsignal_new(web->base, ends[i], on_end, web);
    web->signals[2] = evsignal_new(web->base, SIGUSR1, on_reload, web);
    for (size_t i = 0; i < 3; i++)
        if (web->signals[i] == NULL || event_add(web->signals[i], NULL) != 0)
            return -1;
    return 0;
}

/* The names of loopback, by which "ssh -L" and probes call it, and those of the configuration. */
static int take_hosts(struct web *web, const struct web_config *config)
{
    static const char *const loopback[] = {"localhost", "127.0.0.1", "[::1]"};
    const char **names = calloc(3 + config->n_hosts, sizeof *names);

    if (names == NULL)
        return -1;
    for (size_t i = 0; i < 3; i++)
        names[i] = loopback[i];
    for (size_t i = 0; i < config->n_hosts; i++)
        names[3 + i] = config->hosts[i].p;
    web->hosts = (struct host_list){names, 3 + config->n_hosts};
    return 0;
}

static int begin(struct web *web, const struct config *config, const char *config_path, struct error *e)
{
    if (config->web.n_listen == 0)
        return error_set(e, "web.listen is empty: name a socket, as in \"unix:/run/postern/web.sock\"");
    if (state_guard_install(e) != 0)
        return -1;
    if ((web->base = loop_new()) == NULL || take_signals(web) != 0 || take_hosts(web, &config->web) != 0)
        return error_set(e, "no memory");
    if (server_open(&(struct server_config){.listen = config->web.listen,
                                            .n_listen = config->web.n_listen,
                                            .hosts = web->hosts,
                                            .max_connections = CONNECTIONS_MAX,
                                            .request_s = REQUEST_S,
                                            .serve = routes_serve,
                                            .arg = web->look = look_new(web->base, config_path, web->log),
                                            .log = web->log},
                    web->base, &web->server, e) != 0)
        return -1;
    return web->look != NULL ? 0 : error_set(e, "no memory or threads");
}

/* The look before the server, whose requests wait for it. */
static void end(struct web *web)
{
    look_free(web->look);
    server_close(web->server);
    for (size_t i = 0; i < 3; i++)
        if (web->signals[i] != NULL)
            event_free(web->signals[i]);
    if (web->base != NULL)
        event_base_free(web->base);
    free((void *)(uintptr_t)web->hosts.names);
}

int main(int argc, char **argv)
{
    struct program_options options;
    struct web web = {.log = NULL};
    struct config *config;
    struct error e;
    int status = program_begin(argc, argv, NAME, PURPOSE, &options);

    if (status != PROGRAM_GO_ON)
        return status;
    program_prepare_service();
    if (config_load(options.config_path, &config, &e) != 0) {
        fprintf(stderr, NAME ": %s\n", e.text);
        return PROGRAM_EXIT_FAILED;
    }
    web.log = log_open(NAME, &config->log);
    status = PROGRAM_EXIT_FAILED;
    if (begin(&web, config, options.config_path, &e) != 0) {
        fprintf(stderr, NAME ": %s\n", e.text);
        log_say(web.log, LEVEL_ERROR, "not started: %s", e.text);
    } else {
        log_say(web.log, LEVEL_NOTICE, "version %s serves", POSTERN_VERSION);
        notify_ready();
        (void)event_base_dispatch(web.base);
        notify_stopping();
        log_say(web.log, LEVEL_NOTICE, "stopped");
        status = EXIT_SUCCESS;
    }
    end(&web);
    log_close(web.log);
    config_free(config);
    return status;
}
