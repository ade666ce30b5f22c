#include "policyd/connection.h"

#include "policyd/answer.h"
#include "policyd/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_event(evutil_socket_t fd, short what, void *arg);

/* ---- the worker's lists ---- */

static struct connection_list *list_of(const struct connection *c)
{
    return c->busy ? &c->worker->busy : &c->worker->idle;
}

/* Moves it to the end of the list that it belongs to, with the present time. */
static void requeue(struct connection *c, bool busy)
{
    TAILQ_REMOVE(list_of(c), c, links);
    c->busy = busy;
    c->since_s = c->worker->now_s;
    TAILQ_INSERT_TAIL(list_of(c), c, links);
}

/*
 * After something happened. A request that is still unfinished keeps the time of its first byte. An idle connection
 * moves once a second at most, to spare the hot path the list.
 */
static void note_progress(struct connection *c, bool finished_one)
{
    bool busy = c->in != NULL || c->phase != PHASE_READING;

    if (busy != c->busy || (busy && finished_one) || (!busy && c->since_s != c->worker->now_s))
        requeue(c, busy);
}

/* ---- opening and closing ---- */

static int watch_socket(struct connection *c, short what)
{
    return event_assign(&c->event, c->worker->base, event_get_fd(&c->event), (short)(what | EV_PERSIST), on_event, c) ==
                       0 &&
                   event_add(&c->event, NULL) == 0
               ? 0
               : -1;
}

void connection_open(struct worker *worker, int fd, const struct listener *listener)
{
    static _Atomic uint64_t numbers;
    struct connection *c = calloc(1, sizeof *c);
    uint64_t held;

    if (c == NULL || event_assign(&c->event, worker->base, fd, EV_READ | EV_PERSIST, on_event, c) != 0 ||
        event_add(&c->event, NULL) != 0) {
        if (complaint_due(&worker->complaints->kind[COMPLAINT_MEMORY], worker->now_s, &held))
            log_say(engine_log(worker->engine), LEVEL_ERROR, "no memory for a connection: closed (%llu more before)",
                    (unsigned long long)held);
        free(c);
        close(fd);
        atomic_fetch_sub_explicit(&worker->connections, 1, memory_order_relaxed);
        return;
    }
    c->worker = worker;
    c->listener = listener;
    c->since_s = worker->now_s;
    c->number = atomic_fetch_add_explicit(&numbers, 1, memory_order_relaxed);
    TAILQ_INSERT_TAIL(&worker->idle, c, links);
}

void connection_close(struct connection *c)
{
    struct worker *worker = c->worker;
    int fd = event_get_fd(&c->event);

    TAILQ_REMOVE(list_of(c), c, links);
    event_del(&c->event);
    close(fd);
    free(c->in);
    free(c->out);
    free(c);
    atomic_fetch_sub_explicit(&worker->connections, 1, memory_order_relaxed);
}

static void close_without_memory(struct connection *c)
{
    uint64_t held;

    if (complaint_due(&c->worker->complaints->kind[COMPLAINT_MEMORY], c->worker->now_s, &held))
        log_say(engine_log(c->worker->engine), LEVEL_ERROR,
                "no memory for a request: connection closed (%llu more before)", (unsigned long long)held);
    connection_close(c);
}

/* ---- bytes in, bytes out ---- */

/* Replaces *kept by a copy of rest (empty: by nothing). rest may lie in *kept. False without memory. */
static bool connection_keep(char **kept, size_t *kept_n, struct slice rest)
{
    char *copy = NULL;

    if (rest.n > 0) {
        copy = malloc(rest.n);
        if (copy == NULL)
            return false;
        memcpy(copy, rest.p, rest.n);
    }
    free(*kept);
    *kept = copy;
    *kept_n = rest.n;
    return true;
}

/* Sends as much of s as the peer takes. *s is what is left. False when the connection is broken. */
static bool send_some(const struct connection *c, struct slice *s)
{
    while (s->n > 0) {
        ssize_t sent = send(event_get_fd(&c->event), s->p, s->n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        s->p += sent;
        s->n -= (size_t)sent;
    }
    return true;
}

/*
 * No more responses. If we closed while input is unread, TCP would reset and the last response could be lost: so we
 * wait until the peer closes, or for a timeout.
 */
static void linger(struct connection *c, int how)
{
    free(c->in);
    c->in = NULL;
    c->in_n = 0;
    c->phase = PHASE_LINGERING;
    shutdown(event_get_fd(&c->event), how);
    requeue(c, true);
}

/* What the peer did not take is kept, and sent when it is ready. */
static bool wait_to_send(struct connection *c, struct slice rest)
{
    if (!connection_keep(&c->out, &c->out_n, rest))
        return false;
    event_del(&c->event);
    c->phase = PHASE_WRITING;
    return watch_socket(c, EV_WRITE) == 0;
}

/* A broken connection is only shut down here, and closed by the event that follows: the caller still uses it. */
static void deliver(struct connection *c, struct slice out)
{
    if (!send_some(c, &out) || (out.n > 0 && !wait_to_send(c, out)))
        linger(c, SHUT_RDWR);
    else if (out.n > 0)
        note_progress(c, false);
}

/* Answers what is whole in `in`, and keeps the rest. The connection may be gone afterwards. */
static void connection_feed(struct connection *c, struct slice in)
{
    struct worker *worker = c->worker;
    bool any = false, more;

    do {
        char text[ANSWERS_MAX];
        struct buf answers = BUF_OVER(text);

        more = connection_answer(c, &in, &answers);
        any = any || more;
        if (more)
            deliver(c, buf_slice(&answers)); /* at once: an smtpd that waits can work on another processor meanwhile */
    } while (more && in.n > 0 && !c->refused && c->phase == PHASE_READING);

    if (c->phase == PHASE_LINGERING)
        return;
    if (c->refused && c->phase == PHASE_READING) {
        linger(c, SHUT_WR);
        return;
    }
    if ((in.n > 0 || c->in != NULL) && !connection_keep(&c->in, &c->in_n, in)) {
        close_without_memory(c);
        return;
    }
    note_progress(c, any);
    if (worker->stop_at_s != 0 && !c->busy)
        connection_close(c);
}

/* Does a request end in the bytes from `from` on? Avoids parsing input that comes in small pieces again and again. */
static bool may_be_whole(struct slice in, size_t from)
{
    size_t start = from > 0 ? from - 1 : 0;

    return from == 0 || in.n == REQUEST_MAX || memmem(in.p + start, in.n - start, "\n\n", 2) != NULL;
}

static void read_more(struct connection *c)
{
    struct worker *worker = c->worker;
    size_t before = c->in_n;
    struct slice in = {worker->in, 0};
    ssize_t got;

    if (before > 0)
        memcpy(worker->in, c->in, before);
    got = recv(event_get_fd(&c->event), worker->in + before, sizeof worker->in - before, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) && worker->stop_at_s == 0)
        return;
    if (got <= 0) {
        connection_close(c);
        return;
    }
    in.n = before + (size_t)got;
    if (may_be_whole(in, before))
        connection_feed(c, in);
    else if (!connection_keep(&c->in, &c->in_n, in))
        close_without_memory(c);
}

static void write_more(struct connection *c)
{
    struct slice out = {c->out, c->out_n}, in;

    if (!send_some(c, &out)) {
        connection_close(c);
        return;
    }
    if (!connection_keep(&c->out, &c->out_n, out)) {
        close_without_memory(c);
        return;
    }
    if (out.n > 0)
        return;
    event_del(&c->event);
    c->phase = PHASE_READING;
    if (watch_socket(c, EV_READ) != 0) {
        close_without_memory(c);
        return;
    }
    in = (struct slice){c->worker->in, c->in_n};
    if (in.n > 0)
        memcpy(c->worker->in, c->in, in.n);
    connection_feed(c, in); /* requests that were read, but had to wait */
}

static void read_nothing(struct connection *c)
{
    ssize_t got = recv(event_get_fd(&c->event), c->worker->in, sizeof c->worker->in, 0);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        connection_close(c);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct connection *c = arg;

    (void)fd;
    (void)what;
    switch (c->phase) {
    case PHASE_READING:
        read_more(c);
        return;
    case PHASE_WRITING:
        write_more(c);
        return;
    case PHASE_LINGERING:
        read_nothing(c);
        return;
    }
}

/* ---- ends ---- */

void connection_expire(struct connection *c)
{
    char text[POLICY_REPLY_MAX + 1];
    struct buf answers = BUF_OVER(text);
    struct slice out;

    if (c->phase != PHASE_READING || c->in == NULL) {
        connection_close(c);
        return;
    }
    connection_refuse(c, &answers, REQUEST_TOO_SLOW, (struct slice){c->in, c->in_n});
    out = buf_slice(&answers);
    if (!send_some(c, &out) || out.n > 0 || c->worker->stop_at_s != 0)
        connection_close(c);
    else
        linger(c, SHUT_WR);
}

void connection_finish(struct connection *c)
{
    read_more(c); /* which closes it, since the worker stops, unless the request that it finds is not whole */
}
