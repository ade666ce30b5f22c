#include "sasl/door.h"

#include "core/base/clock.h"
#include "core/serve/loop.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* How soon a login is tried again for which there was no room in the limits on failures. */
static const struct timeval retry_time = {.tv_usec = 20000};
#define RETRY_BATCH 256

/* ---- complaints ---- */

void door_complain(struct door *door, enum session_end why)
{
    const char *text = session_end_text(why);
    uint64_t held;

    if (text == NULL || !complaint_due(&door->complaints[why], door->now_s, &held))
        return;
    log_say(engine_log(door->engine), LEVEL_WARNING, "%s%s%s%s%s (%llu more times since this was last logged)", text,
            why == END_UPSTREAM ? ": " : "", why == END_UPSTREAM ? door->upstream_text : "",
            why == END_UPSTREAM ? ": " : "", why == END_UPSTREAM ? strerror(door->upstream_errno) : "",
            (unsigned long long)held);
}

static void complain_accepting(struct door *door, struct complaint_timer *kind, const char *what)
{
    uint64_t held;

    if (complaint_due(kind, door->now_s, &held))
        log_say(engine_log(door->engine), LEVEL_WARNING,
                "%s; %u connections are served, new ones wait (%llu more times since this was last logged)", what,
                door->connections, (unsigned long long)held);
}

/* ---- accepting ---- */

static bool has_room(void *arg)
{
    struct door *door = arg;

    if (door->connections < door->max_connections)
        return true;
    complain_accepting(door, &door->complaint_full, "sasl.max_connections is reached");
    return false;
}

static void take(void *arg, int fd, const struct listener *listener)
{
    passage_open(arg, fd, listener);
}

static void failed(void *arg, int number)
{
    struct door *door = arg;

    complain_accepting(door, &door->complaint_accept, strerror(number));
}

/* ---- passages that wait for room ---- */

void door_waits(struct door *door, struct passage *c)
{
    TAILQ_INSERT_TAIL(&door->waiting, c, waiting);
    if (!event_pending(door->retry_event, EV_TIMEOUT, NULL))
        event_add(door->retry_event, &retry_time);
}

/* Each once, in the order in which they came; of a crowd a part, and the others the next time. */
static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct door *door = arg;
    const struct passage *last = TAILQ_LAST(&door->waiting, waiting_list);
    struct passage *c = NULL;

    (void)fd;
    (void)what;
    for (int i = 0; i < RETRY_BATCH && c != last; i++) {
        c = TAILQ_FIRST(&door->waiting);
        TAILQ_REMOVE(&door->waiting, c, waiting);
        TAILQ_INSERT_TAIL(&door->waiting, c, waiting);
        passage_retry(c); /* may be gone now */
    }
    if (!TAILQ_EMPTY(&door->waiting))
        event_add(door->retry_event, &retry_time);
}

/* ---- the loop ---- */

static void end_if_empty(struct door *door)
{
    if (door->stop_at_s != 0 && (door->connections == 0 || door->now_s > door->stop_at_s))
        event_base_loopbreak(door->base);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    struct door *door = arg;
    struct passage *c;

    (void)fd;
    (void)what;
    event_del(door->stop_event);
    door->stop_at_s = door->now_s + STOP_S;
    gates_close(door->gates);
    door->gates = NULL;
    while ((c = TAILQ_FIRST(&door->idle)) != NULL)
        passage_close(c, END_STOP);
    end_if_empty(door);
}

static void look_at_all(const struct passage_list *list)
{
    struct passage *c, *next;

    for (c = TAILQ_FIRST(list); c != NULL; c = next) {
        next = TAILQ_NEXT(c, links);
        passage_look(c);
    }
}

/* The timeouts, once a second for all. */
static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct door *door = arg;

    (void)fd;
    (void)what;
    door->now_s = clock_boot_ns() / NS_PER_S;
    look_at_all(&door->busy);
    if (door->stop_at_s != 0)
        look_at_all(&door->idle);
    if (!door->decided)
        engine_session_rest(door->desk.engine);
    door->decided = false;
    end_if_empty(door);
}

static void *door_run(void *arg)
{
    struct door *door = arg;
    struct passage *c;

    (void)event_base_dispatch(door->base);
    while ((c = TAILQ_FIRST(&door->busy)) != NULL || (c = TAILQ_FIRST(&door->idle)) != NULL)
        passage_close(c, END_STOP);
    return NULL;
}

/* ---- from outside ---- */

static void free_event(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

static void door_free(struct door *door)
{
    gates_close(door->gates);
    for (size_t i = 0; i < door->n_listeners; i++)
        listener_free(&door->listeners[i]);
    free_event(door->stop_event);
    free_event(door->sweep_event);
    free_event(door->retry_event);
    if (door->base != NULL)
        event_base_free(door->base);
    if (door->stop_fd >= 0)
        close(door->stop_fd);
    engine_session_free(door->desk.engine);
    explicit_bzero(door->in, sizeof door->in);
    free(door->upstream_text);
    free(door->listeners);
    free(door);
}

/* Whoever connects names the client's address. */
static int check_passed(const struct listener_config *config, const struct listener *listener, struct error *e)
{
    struct sockaddr_storage a = {0};
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&a;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&a;
    socklen_t n = sizeof a;

    if (!listener->is_tcp || config->fd < 0)
        return 0;
    if (getsockname(listener->fd, (struct sockaddr *)(void *)&a, &n) == 0 &&
        ((a.ss_family == AF_INET && ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET) ||
         (a.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr))))
        return 0;
    return error_set(e,
                     "sasl.listen \"%s\": the socket can be reached from other hosts, and whoever connects names the "
                     "client's address; expected a UNIX socket, or one of 127.0.0.1 or ::1",
                     config->address);
}

static int open_listeners(struct door *door, const struct sasl_config *config, struct error *e)
{
    if (config->n_listen == 0)
        return error_set(e, "sasl.listen is empty: name at least one socket, as in \"unix:/run/postern/sasl.sock\"");
    door->listeners = calloc(config->n_listen, sizeof door->listeners[0]);
    if (door->listeners == NULL)
        return error_set(e, "no memory for the listeners");
    for (; door->n_listeners < config->n_listen; door->n_listeners++)
        if (listener_open("postern-sasl", &config->listen[door->n_listeners], &door->listeners[door->n_listeners], e) !=
            0)
            return -1;
    for (size_t i = 0; i < door->n_listeners; i++)
        if (check_passed(&config->listen[i], &door->listeners[i], e) != 0)
            return -1;
    /* An smtpd that cannot connect ends, and master(8) starts no other of its service for a minute. */
    for (size_t i = 0; i < door->n_listeners; i++)
        listener_keep(&door->listeners[i]);
    return 0;
}

/* Each connection has two descriptors. */
static unsigned allowed_connections(struct engine *engine)
{
    unsigned wanted = engine_config(engine)->sasl.max_connections;
    unsigned long long descriptors;
    unsigned allowed = listener_connections(wanted, 2, &descriptors);

    if (allowed < wanted)
        log_say(engine_log(engine), LEVEL_WARNING,
                "sasl.max_connections is %u, but %llu descriptors allow only %u connections: raise LimitNOFILE", wanted,
                descriptors, allowed);
    return allowed;
}

static int door_prepare(struct door *door)
{
    static const struct timeval every_second = {.tv_sec = 1};
    const struct gates_owner owner = {has_room, take, failed, door};

    door->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    door->base = loop_new();
    door->desk.engine = engine_session_new(door->engine);
    if (door->stop_fd < 0 || door->base == NULL || door->desk.engine == NULL)
        return -1;
    door->stop_event = event_new(door->base, door->stop_fd, EV_READ | EV_PERSIST, on_stop, door);
    door->sweep_event = event_new(door->base, -1, EV_PERSIST, on_sweep, door);
    door->retry_event = event_new(door->base, -1, 0, on_retry, door);
    if (door->stop_event == NULL || door->sweep_event == NULL || door->retry_event == NULL ||
        event_add(door->stop_event, NULL) != 0 || event_add(door->sweep_event, &every_second) != 0)
        return -1;
    door->gates = gates_open(door->base, door->listeners, door->n_listeners, &owner);
    return door->gates != NULL ? 0 : -1;
}

static int set_upstream(struct door *door, const struct listener_config *upstream, struct error *e)
{
    if (socket_address_of(upstream, &door->upstream, e) != 0)
        return error_prefix(e, "sasl.upstream");
    door->upstream_text = strdup(upstream->address);
    return door->upstream_text != NULL ? 0 : error_set(e, "no memory");
}

int door_start(struct engine *engine, struct door **out, struct error *e)
{
    const struct sasl_config *config = &engine_config(engine)->sasl;
    struct door *door = calloc(1, sizeof *door);

    if (door == NULL)
        return error_set(e, "no memory");
    door->engine = engine;
    door->stop_fd = -1;
    door->now_s = clock_boot_ns() / NS_PER_S;
    door->max_connections = allowed_connections(engine);
    TAILQ_INIT(&door->busy);
    TAILQ_INIT(&door->idle);
    TAILQ_INIT(&door->waiting);
    if (open_listeners(door, config, e) != 0 || set_upstream(door, &config->upstream, e) != 0) {
        door_free(door);
        return -1;
    }
    errno = ENOMEM;
    if (door_prepare(door) != 0 || (errno = pthread_create(&door->thread, NULL, door_run, door)) != 0) {
        error_set(e, "cannot start to serve: %s", strerror(errno));
        door_free(door);
        return -1;
    }
    (void)pthread_setname_np(door->thread, "sasl-door");
    *out = door;
    return 0;
}

void door_stop(struct door *door)
{
    (void)eventfd_write(door->stop_fd, 1);
    pthread_join(door->thread, NULL);
    door_free(door);
}
