#include "policyd/worker.h"

#include "core/base/clock.h"
#include "core/serve/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What comes through the pipe. Smaller than PIPE_BUF, so written and read whole (POSIX write()). */
struct worker_message {
    int fd; /* -1: stop */
    const struct listener *listener;
};

#define FD_STOP (-1)

/* ---- in the worker's thread ---- */

static void end_if_empty(struct worker *w)
{
    if (w->stop_at_s != 0 && TAILQ_EMPTY(&w->busy) && TAILQ_EMPTY(&w->idle))
        event_base_loopbreak(w->base);
}

/* Idle connections are asked once more whether a request has arrived; after that they are closed or busy. */
static void begin_stop(struct worker *w)
{
    struct connection *c;

    w->stop_at_s = w->now_s + STOP_S;
    while ((c = TAILQ_FIRST(&w->idle)) != NULL)
        connection_finish(c);
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    struct worker_message message;

    (void)what;
    while (read(fd, &message, sizeof message) == (ssize_t)sizeof message) {
        if (message.fd == FD_STOP)
            begin_stop(w);
        else
            connection_open(w, message.fd, message.listener);
    }
    end_if_empty(w);
}

static void say_forgotten(struct worker *w)
{
    uint64_t n = messages_forgotten(w->messages), held;

    if (n == 0)
        return;
    if (!complaint_due(&w->complaints->kind[COMPLAINT_FORGOTTEN], w->now_s, &held)) {
        complaint_hold(&w->complaints->kind[COMPLAINT_FORGOTTEN], n - 1);
        return;
    }
    log_say(engine_log(w->engine), LEVEL_WARNING,
            "too many messages are under way: the recipients of %llu were forgotten, and count as never asked about",
            (unsigned long long)n + held);
}

/*
 * The timeouts, once a second for all: a timer for each request would cost more than the request. An end comes up to
 * two seconds late, never early.
 */
static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    struct connection *c;

    (void)fd;
    (void)what;
    w->now_s = clock_boot_ns() / NS_PER_S;
    while ((c = TAILQ_FIRST(&w->busy)) != NULL && w->now_s - c->since_s > w->request_timeout_s)
        connection_expire(c);
    while ((c = TAILQ_FIRST(&w->idle)) != NULL && w->now_s - c->since_s > w->idle_timeout_s)
        connection_expire(c);
    if (w->stop_at_s != 0 && w->now_s > w->stop_at_s)
        event_base_loopbreak(w->base);
    say_forgotten(w);
    end_if_empty(w);
    if (!w->decided)
        engine_session_rest(w->session);
    w->decided = false;
}

static void *worker_run(void *arg)
{
    struct worker *w = arg;
    struct connection *c;

    (void)event_base_dispatch(w->base);
    while ((c = TAILQ_FIRST(&w->busy)) != NULL)
        connection_expire(c); /* says 451 to a request that is half there */
    while ((c = TAILQ_FIRST(&w->idle)) != NULL)
        connection_close(c);
    return NULL;
}

/* ---- from outside ---- */

static void worker_free(struct worker *w)
{
    if (w->mail_event != NULL)
        event_free(w->mail_event);
    if (w->sweep_event != NULL)
        event_free(w->sweep_event);
    if (w->base != NULL)
        event_base_free(w->base);
    for (int i = 0; i < 2; i++)
        if (w->mail[i] >= 0)
            close(w->mail[i]);
    if (w->session != NULL)
        engine_session_free(w->session);
    free(w);
}

static int worker_prepare(struct worker *w)
{
    static const struct timeval every_second = {.tv_sec = 1};

    if (pipe2(w->mail, O_NONBLOCK | O_CLOEXEC) != 0)
        return -1;
    errno = ENOMEM;
    w->session = engine_session_new(w->engine);
    w->base = loop_new();
    if (w->session == NULL || w->base == NULL)
        return -1;
    w->mail_event = event_new(w->base, w->mail[0], EV_READ | EV_PERSIST, on_mail, w);
    w->sweep_event = event_new(w->base, -1, EV_PERSIST, on_sweep, w);
    if (w->mail_event == NULL || w->sweep_event == NULL || event_add(w->mail_event, NULL) != 0 ||
        event_add(w->sweep_event, &every_second) != 0)
        return -1;
    return 0;
}

int worker_start(struct engine *engine, struct complaints *complaints, struct messages *messages, struct worker **out,
                 struct error *e)
{
    const struct policyd_config *config = &engine_config(engine)->policyd;
    struct worker *w = calloc(1, sizeof *w);

    if (w == NULL)
        return error_set(e, "cannot start a worker: no memory");
    w->engine = engine;
    w->complaints = complaints;
    w->messages = messages;
    w->idle_timeout_s = config->idle_timeout_s;
    w->request_timeout_s = config->request_timeout_s;
    w->mail[0] = w->mail[1] = -1;
    w->now_s = clock_boot_ns() / NS_PER_S;
    TAILQ_INIT(&w->busy);
    TAILQ_INIT(&w->idle);
    if (worker_prepare(w) != 0 || (errno = pthread_create(&w->thread, NULL, worker_run, w)) != 0) {
        error_set(e, "cannot start a worker: %s", strerror(errno));
        worker_free(w);
        return -1;
    }
    (void)pthread_setname_np(w->thread, "policyd-worker");
    *out = w;
    return 0;
}

void worker_give(struct worker *worker, int fd, const struct listener *listener)
{
    struct worker_message message = {.fd = fd, .listener = listener};

    atomic_fetch_add_explicit(&worker->connections, 1, memory_order_relaxed);
    if (write(worker->mail[1], &message, sizeof message) == (ssize_t)sizeof message)
        return;
    close(fd); /* thousands wait already: Postfix asks again */
    atomic_fetch_sub_explicit(&worker->connections, 1, memory_order_relaxed);
}

void worker_stop(struct worker *worker)
{
    struct worker_message message = {.fd = FD_STOP};
    struct timespec pause = {.tv_nsec = 10000000};

    while (write(worker->mail[1], &message, sizeof message) < 0 && (errno == EAGAIN || errno == EINTR))
        nanosleep(&pause, NULL);
}

void worker_join(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
    worker_free(worker);
}
