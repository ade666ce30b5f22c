#include "sasl/passage.h"

#include "sasl/door.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* When Dovecot's backlog is full: how long until the next try. */
static const struct timeval retry_time = {.tv_usec = 50000};

static void on_client(evutil_socket_t fd, short what, void *arg);
static void on_dovecot(evutil_socket_t fd, short what, void *arg);

/* ---- the door's lists ---- */

static struct passage_list *list_of(const struct passage *c)
{
    return c->busy ? &c->door->busy : &c->door->idle;
}

static bool keeps_bytes(const struct passage *c)
{
    bool keeps = false;

    for (int side = 0; side < SIDES; side++)
        keeps |= c->end[side].in.n > 0 || c->end[side].out.n > 0;
    return keeps;
}

static void note_busy(struct passage *c)
{
    bool busy = !c->connected || keeps_bytes(c) || session_is_busy(&c->session);

    if (busy == c->busy)
        return;
    TAILQ_REMOVE(list_of(c), c, links);
    c->busy = busy;
    TAILQ_INSERT_TAIL(list_of(c), c, links);
}

static void note_waiting(struct passage *c, bool waits)
{
    if (waits == c->waits || (waits && c->left))
        return;
    c->waits = waits;
    if (waits)
        door_waits(c->door, c);
    else
        TAILQ_REMOVE(&c->door->waiting, c, waiting);
}

/* ---- opening and closing ---- */

static void end_close(struct end *end)
{
    int fd = event_get_fd(&end->event);

    event_del(&end->event);
    if (fd >= 0)
        close(fd);
    kept_clear(&end->in);
    kept_clear(&end->out);
}

static enum session_fault fault_of(const struct passage *c, enum session_end why)
{
    switch (why) {
    case END_STOP:
    case END_MEMORY:
        return FAULT_OURS;
    case END_NO_ANSWER:
    case END_UPSTREAM:
    case END_GONE:
        return FAULT_DOVECOT;
    default:
        return c->spoke == SIDE_DOVECOT ? FAULT_DOVECOT : FAULT_CLIENT;
    }
}

void passage_close(struct passage *c, enum session_end why)
{
    struct door *door = c->door;

    TAILQ_REMOVE(list_of(c), c, links);
    note_waiting(c, false);
    session_finish(&c->session, &door->desk, fault_of(c, why));
    for (int side = 0; side < SIDES; side++)
        end_close(&c->end[side]);
    free(c);
    door->connections--;
    door_complain(door, why);
}

/* Dovecot is asked: what it says counts, and then the other side is closed, too. */
static void client_leaves(struct passage *c)
{
    struct end *end = &c->end[SIDE_CLIENT];

    c->left = true;
    note_waiting(c, false);
    end_close(end);
    (void)event_assign(&end->event, c->door->base, -1, EV_PERSIST, on_client, c);
}

/* What the sockets are watched for: nothing is read that would have to wait here. */
static short wanted(const struct passage *c, enum side side)
{
    bool to_client = c->end[SIDE_CLIENT].out.n > 0, to_dovecot = c->end[SIDE_DOVECOT].out.n > 0 || !c->connected;

    if (side == SIDE_CLIENT && c->left)
        return 0;
    if (side == SIDE_CLIENT)
        return to_client ? EV_WRITE : to_dovecot || c->waits ? 0 : EV_READ;
    return (short)((to_dovecot ? EV_WRITE : 0) | (to_client || !c->connected ? 0 : EV_READ));
}

/* 0, or -1 without memory. */
static int watch(struct passage *c)
{
    for (int side = 0; side < SIDES; side++) {
        struct event *event = &c->end[side].event;
        short now = (short)(event_get_events(event) & (EV_READ | EV_WRITE)), next = wanted(c, (enum side)side);

        if (now == next)
            continue;
        event_del(event);
        if (event_assign(event, c->door->base, event_get_fd(event), (short)(next | EV_PERSIST),
                         side == SIDE_CLIENT ? on_client : on_dovecot, c) != 0 ||
            (next != 0 && event_add(event, NULL) != 0))
            return -1;
    }
    return 0;
}

static enum session_end connect_dovecot(struct passage *c);

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct passage *c = arg;
    enum session_end why = connect_dovecot(c);

    (void)fd;
    (void)what;
    if (why != SESSION_GOES_ON)
        passage_close(c, why);
}

/* Connects, or has it tried again soon. */
static enum session_end connect_dovecot(struct passage *c)
{
    const struct socket_address *to = &c->door->upstream;
    struct event *event = &c->end[SIDE_DOVECOT].event;
    const int on = 1;
    int fd = socket(to->a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        c->door->upstream_errno = errno;
        return END_UPSTREAM;
    }
    if (to->a.ss_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, socket_address_at(to), to->n) == 0) {
        c->connected = true;
    } else if (errno == EAGAIN) { /* unix(7): its backlog is full */
        close(fd);
        return event_assign(event, c->door->base, -1, 0, on_retry, c) == 0 && event_add(event, &retry_time) == 0
                   ? SESSION_GOES_ON
                   : END_MEMORY;
    } else if (errno != EINPROGRESS) {
        c->door->upstream_errno = errno;
        close(fd);
        return END_UPSTREAM;
    }
    if (event_assign(event, c->door->base, fd, EV_PERSIST, on_dovecot, c) != 0) {
        close(fd);
        return END_MEMORY;
    }
    return watch(c) == 0 ? SESSION_GOES_ON : END_MEMORY;
}

void passage_open(struct door *door, int fd, const struct listener *listener)
{
    struct passage *c = calloc(1, sizeof *c);
    enum session_end why;

    if (c == NULL || event_assign(&c->end[SIDE_CLIENT].event, door->base, fd, EV_PERSIST, on_client, c) != 0 ||
        event_assign(&c->end[SIDE_DOVECOT].event, door->base, -1, EV_PERSIST, on_dovecot, c) != 0) {
        free(c);
        close(fd);
        door_complain(door, END_MEMORY);
        return;
    }
    c->door = door;
    c->moved_s = door->now_s;
    session_start(&c->session, listener, door->now_s);
    c->busy = true;
    TAILQ_INSERT_TAIL(&door->busy, c, links);
    door->connections++;
    why = connect_dovecot(c);
    if (why != SESSION_GOES_ON)
        passage_close(c, why);
}

/* ---- bytes out ---- */

/* Sends what is kept for that side. False when the connection is broken. */
static bool send_kept(struct passage *c, enum side side)
{
    struct end *end = &c->end[side];

    while (end->out.n > 0) {
        ssize_t sent = send(event_get_fd(&end->event), end->out.p, end->out.n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        kept_drop(&end->out, (size_t)sent);
        c->moved_s = c->door->now_s;
    }
    return true;
}

/* Sends s after what waits there already, and keeps what is not taken. */
static enum session_end deliver(struct passage *c, enum side side, struct slice s)
{
    struct end *end = &c->end[side];

    if (side == SIDE_CLIENT && c->left)
        return SESSION_GOES_ON;
    while (s.n > 0 && end->out.n == 0 && (side == SIDE_CLIENT || c->connected)) {
        ssize_t sent = send(event_get_fd(&end->event), s.p, s.n, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (sent < 0 && side == SIDE_DOVECOT)
            return END_GONE;
        if (sent < 0) { /* the lines that follow are to be heard */
            client_leaves(c);
            return SESSION_GOES_ON;
        }
        s = (struct slice){s.p + sent, s.n - (size_t)sent};
        c->moved_s = c->door->now_s;
    }
    return kept_add(&end->out, s) ? SESSION_GOES_ON : END_MEMORY;
}

/* Lines are gathered, since a handshake comes at once and should go at once. */
static enum session_end flush(struct passage *c)
{
    enum session_end why = SESSION_GOES_ON;

    for (int side = 0; side < SIDES; side++) {
        struct gathered *g = &c->door->gathered[side];

        if (g->n > 0 && why == SESSION_GOES_ON)
            why = deliver(c, (enum side)side, (struct slice){g->bytes, g->n});
        explicit_bzero(g->bytes, g->n);
        g->n = 0;
    }
    return why;
}

static enum session_end gather(struct passage *c, enum side side, struct slice s)
{
    struct gathered *g = &c->door->gathered[side];

    if (s.n > sizeof g->bytes - g->n) {
        enum session_end why = flush(c);

        if (why != SESSION_GOES_ON)
            return why;
    }
    if (s.n > sizeof g->bytes)
        return deliver(c, side, s);
    if (s.n > 0)
        memcpy(g->bytes + g->n, s.p, s.n);
    g->n += s.n;
    return SESSION_GOES_ON;
}

/* ---- bytes in ---- */

/* A line without its LF, or the beginning of one. */
static bool is_too_long(const struct passage *c, enum side side, struct slice line)
{
    if (side == SIDE_DOVECOT || line.n <= LINE_MAX_SHORT)
        return line.n > LINE_MAX_LONG;
    return line.n > session_line_max(&c->session, line);
}

static enum session_end take_line(struct passage *c, enum side side, struct slice line)
{
    struct door *door = c->door;
    struct session_out out;
    enum session_end why;

    if (is_too_long(c, side, (struct slice){line.p, line.n - 1}))
        return END_TOO_LONG;
    why = side == SIDE_CLIENT ? session_from_client(&c->session, &door->desk, line, door->now_s, &out)
                              : session_from_dovecot(&c->session, &door->desk, line, door->now_s, &out);
    door->decided = true;
    if (why == SESSION_GOES_ON)
        why = gather(c, SIDE_CLIENT, out.to_client);
    if (why == SESSION_GOES_ON && out.no_penalty_at > 0) {
        why = gather(c, SIDE_DOVECOT, (struct slice){out.to_dovecot.p, out.no_penalty_at});
        if (why == SESSION_GOES_ON)
            why = gather(c, SIDE_DOVECOT, NO_PENALTY);
        out.to_dovecot.p += out.no_penalty_at;
        out.to_dovecot.n -= out.no_penalty_at;
    }
    return why == SESSION_GOES_ON ? gather(c, SIDE_DOVECOT, out.to_dovecot) : why;
}

/* Takes the whole lines of *in, and leaves what is behind them. */
static enum session_end take_lines(struct passage *c, enum side side, struct slice *in)
{
    enum session_end why = SESSION_GOES_ON;
    const char *lf;

    while (why == SESSION_GOES_ON && in->n > 0 && (lf = memchr(in->p, '\n', in->n)) != NULL) {
        size_t n = (size_t)(lf - in->p) + 1;

        why = take_line(c, side, (struct slice){in->p, n});
        if (why != SESSION_WAITS)
            *in = (struct slice){in->p + n, in->n - n};
    }
    if (why == SESSION_GOES_ON && is_too_long(c, side, *in))
        why = END_TOO_LONG;
    return why;
}

static enum session_end take(struct passage *c, enum side side, struct slice in)
{
    struct kept *kept = &c->end[side].in;
    bool joined = kept->n > 0, whole = memchr(in.p, '\n', in.n) != NULL;
    enum session_end why;

    if (joined && !kept_add(kept, in))
        return END_MEMORY;
    if (joined)
        in = kept_slice(kept);
    if (joined && !whole) /* not looked through again, however small the pieces are */
        return is_too_long(c, side, in) ? END_TOO_LONG : SESSION_GOES_ON;
    why = take_lines(c, side, &in);
    if (why != SESSION_GOES_ON && why != SESSION_WAITS)
        return why;
    if (side == SIDE_CLIENT)
        note_waiting(c, why == SESSION_WAITS);
    if (joined)
        kept_drop(kept, kept->n - in.n);
    else if (!kept_add(kept, in))
        return END_MEMORY;
    return SESSION_GOES_ON;
}

static enum session_end read_more(struct passage *c, enum side side)
{
    struct door *door = c->door;
    ssize_t got = recv(event_get_fd(&c->end[side].event), door->in, sizeof door->in, 0);
    enum session_end why, sent;

    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return SESSION_GOES_ON;
    if (got <= 0)
        return side == SIDE_CLIENT ? END_CLIENT : END_GONE;
    c->moved_s = door->now_s;
    c->spoke = side;
    why = take(c, side, (struct slice){door->in, (size_t)got});
    explicit_bzero(door->in, (size_t)got);
    sent = flush(c); /* also what was said before the line that ends it */
    return why != SESSION_GOES_ON ? why : sent;
}

/* ---- events ---- */

static void settle(struct passage *c, enum session_end why)
{
    if (why == END_CLIENT && c->session.n_asked > 0 && !c->left) {
        client_leaves(c);
        why = SESSION_GOES_ON;
    } else if (why == SESSION_GOES_ON && c->left && c->session.n_asked == 0) {
        why = END_CLIENT;
    }
    if (why == SESSION_GOES_ON && watch(c) != 0)
        why = END_MEMORY;
    if (why == SESSION_GOES_ON)
        note_busy(c);
    else
        passage_close(c, why);
}

void passage_retry(struct passage *c)
{
    struct kept *kept = &c->end[SIDE_CLIENT].in;
    struct slice in = kept_slice(kept);
    enum session_end why, sent;

    c->spoke = SIDE_CLIENT;
    why = take_lines(c, SIDE_CLIENT, &in);
    note_waiting(c, why == SESSION_WAITS);
    if (why == SESSION_WAITS)
        why = SESSION_GOES_ON;
    kept_drop(kept, kept->n - in.n);
    sent = flush(c);
    settle(c, why != SESSION_GOES_ON ? why : sent);
}

static void on_client(evutil_socket_t fd, short what, void *arg)
{
    struct passage *c = arg;

    (void)fd;
    if ((what & EV_WRITE) != 0)
        settle(c, send_kept(c, SIDE_CLIENT) ? SESSION_GOES_ON : END_CLIENT);
    else
        settle(c, read_more(c, SIDE_CLIENT));
}

/* TCP: has it succeeded? */
static enum session_end connect_ended(struct passage *c, evutil_socket_t fd)
{
    int error = 0;
    socklen_t n = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0) {
        c->door->upstream_errno = error;
        return END_UPSTREAM;
    }
    c->connected = true;
    return SESSION_GOES_ON;
}

static void on_dovecot(evutil_socket_t fd, short what, void *arg)
{
    struct passage *c = arg;
    enum session_end why = SESSION_GOES_ON;

    if (!c->connected)
        why = connect_ended(c, fd);
    if (why == SESSION_GOES_ON && (what & EV_WRITE) != 0 && !send_kept(c, SIDE_DOVECOT))
        why = END_GONE;
    if (why == SESSION_GOES_ON && (what & EV_READ) != 0)
        why = read_more(c, SIDE_DOVECOT);
    settle(c, why);
}

void passage_look(struct passage *c)
{
    uint64_t now_s = c->door->now_s;
    enum session_end why = session_look(&c->session, now_s);

    if (why == SESSION_GOES_ON && keeps_bytes(c) && now_s - c->moved_s > ANSWER_S)
        why = END_STUCK;
    if (why == SESSION_GOES_ON && c->door->stop_at_s != 0 && c->session.n_asked == 0 && !keeps_bytes(c))
        why = END_STOP;
    settle(c, why);
}
