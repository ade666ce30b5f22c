/* postern-cluster: shares limits with the other relays, through Redis or Valkey. */
#include "cluster/membership.h"
#include "cluster/node.h"
#include "cluster/place.h"
#include "cluster/status.h"
#include "core/base/clock.h"
#include "core/base/credential.h"
#include "core/base/notify.h"
#include "core/config/program.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME "postern-cluster"
#define PURPOSE                                                                                                        \
    "Shares limits and blocks with other relays, through Redis or Valkey. A command may come before the options:\n"    \
    "\n"                                                                                                               \
    "  init      on the first relay: make the cluster's key\n"                                                         \
    "  join      on each other one, which has a copy of the key: take the cluster's secret over\n"                     \
    "  status    show all relays, and what differs between them (--json)"

/* The program, from start to reload: all that is made from one configuration. */
struct service {
    struct config *config;
    struct state *state;
    struct outbox *outbox;
    struct cluster_key key;
    struct redis_place redis;
    struct node *node;
};

/* What the signals ask for. */
struct wishes {
    struct event_base *base;
    bool end, reload;
};

static void service_close(struct service *s)
{
    node_free(s->node);
    redis_place_close(&s->redis);
    OPENSSL_cleanse(&s->key, sizeof s->key);
    outbox_close(s->outbox);
    state_close(s->state);
    config_free(s->config);
    free(s);
}

static int open_state(struct service *s, struct error *e)
{
    const struct state_options options = {.path = s->config->state_path,
                                          .entries = s->config->state_entries,
                                          .blocks = s->config->state_blocks,
                                          .boot_ns = clock_boot_ns(),
                                          .wall_ns = clock_wall_ns(),
                                          .boot_id = clock_boot_id()};

    return state_open(&options, &s->state, e);
}

/* What a service is made of that can be wrong. Owns config, also when it fails. NULL with e. */
static struct service *service_make(struct config *config, struct error *e)
{
    struct service *s = calloc(1, sizeof *s);
    char credential[CREDENTIAL_PATH_MAX];

    if (s == NULL) {
        config_free(config);
        (void)error_set(e, "no memory");
        return NULL;
    }
    s->config = config;
    if (!config->cluster.configured)
        (void)error_set(e, "%s has no group \"cluster\": there is nothing to share", config->file);
    else if (cluster_key_read(credential_path(config->cluster.key_file, credential), &s->key, e) == 0 &&
             redis_place_open(&config->cluster, &s->redis, e) == 0)
        return s;
    service_close(s);
    return NULL;
}

/* Begins to share. Owns s, also when it fails. NULL with e. */
static struct service *service_begin(struct service *s, struct event_base *base, struct log *log, struct error *e)
{
    if (open_state(s, e) == 0 && outbox_open(s->config->cluster.outbox, OUTBOX_READER, &s->outbox, e) == 0) {
        const struct node_options options = {base, log, s->config, s->state, s->outbox, &s->key, &s->redis};

        if ((s->node = node_new(&options, e)) != NULL)
            return s;
    }
    service_close(s);
    return NULL;
}

/* A configuration that is wrong, or names a wrong key, changes nothing. Only one can read the outbox, so the old
 * service ends first; the new one goes on where that was. NULL: it could not begin. */
static struct service *service_reload(struct service *old, const char *path, struct event_base *base, struct log *log)
{
    struct service *s = NULL;
    struct config *config;
    struct error e;

    if (config_load(path, &config, &e) != 0 || (s = service_make(config, &e)) == NULL) {
        log_say(log, LEVEL_ERROR, "reload refused, the old configuration stays: %s", e.text);
        notify_ready();
        return old;
    }
    log_configure(log, &s->config->log);
    service_close(old);
    if ((s = service_begin(s, base, log, &e)) == NULL)
        log_say(log, LEVEL_ERROR, "reload: %s", e.text);
    else
        log_say(log, LEVEL_NOTICE, "configuration %s loaded", path);
    return s;
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct wishes *w = arg;

    (void)what;
    if (number == SIGUSR1)
        w->reload = true;
    else
        w->end = true;
    (void)event_base_loopbreak(w->base);
}

/* SIGHUP does nothing: reload is SIGUSR1 for all of postern's programs. */
static int take_signals(struct wishes *w, struct event *events[3])
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1};

    (void)signal(SIGHUP, SIG_IGN);
    for (unsigned i = 0; i < 3; i++)
        if ((events[i] = evsignal_new(w->base, numbers[i], on_signal, w)) == NULL || event_add(events[i], NULL) != 0)
            return -1;
    return 0;
}

/* Until it is asked to end. The status to exit with. */
static int serve(struct service *s, const char *path, struct wishes *w, struct log *log)
{
    log_say(log, LEVEL_NOTICE, "version %s serves", POSTERN_VERSION);
    while (s != NULL && !w->end) {
        (void)event_base_dispatch(w->base);
        if (w->reload && !w->end) {
            notify_reloading();
            s = service_reload(s, path, w->base, log);
            w->reload = false;
        }
    }
    if (s == NULL)
        return PROGRAM_EXIT_FAILED;
    notify_stopping();
    service_close(s);
    log_say(log, LEVEL_NOTICE, "stopped");
    return EXIT_SUCCESS;
}

static int run(struct config *config, const char *path)
{
    struct wishes w = {.base = event_base_new()};
    struct event *events[3] = {NULL, NULL, NULL};
    struct log *log = log_open(NAME, &config->log);
    struct service *s = NULL;
    struct error e;
    int result = PROGRAM_EXIT_FAILED;

    if (w.base == NULL || log == NULL || take_signals(&w, events) != 0) {
        fprintf(stderr, NAME ": out of memory\n");
        config_free(config);
    } else if ((s = service_make(config, &e)) == NULL || (s = service_begin(s, w.base, log, &e)) == NULL) {
        fprintf(stderr, NAME ": %s\n", e.text);
        log_say(log, LEVEL_ERROR, "not started: %s", e.text);
    } else {
        result = serve(s, path, &w, log);
    }
    for (unsigned i = 0; i < 3; i++)
        if (events[i] != NULL)
            event_free(events[i]);
    if (w.base != NULL)
        event_base_free(w.base);
    log_close(log);
    return result;
}

/* The first word may be a command; what follows are the options that every program has. (Status has its own.) */
static int (*command_of(int argc, char **argv))(const char *)
{
    static const struct {
        const char *name;
        int (*run)(const char *config_path);
    } commands[] = {{"init", membership_init}, {"join", membership_join}};

    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run;
    return NULL;
}

int main(int argc, char **argv)
{
    int (*command)(const char *) = command_of(argc, argv);
    struct program_options options;
    struct config *config;
    struct error e;
    int result;

    if (argc > 1 && strcmp(argv[1], "status") == 0)
        return status_command(argc - 1, argv + 1);
    if (command != NULL) {
        argv[1] = argv[0];
        argc--;
        argv++;
    }
    result = program_begin(argc, argv, NAME, PURPOSE, &options);
    if (result != PROGRAM_GO_ON)
        return result;
    program_guard_secrets();
    if (command != NULL)
        return command(options.config_path);
    program_prepare_service();
    if (state_guard_install(&e) != 0 || config_load(options.config_path, &config, &e) != 0) {
        fprintf(stderr, NAME ": %s\n", e.text);
        return PROGRAM_EXIT_FAILED;
    }
    return run(config, options.config_path);
}
