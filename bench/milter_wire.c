#include "bench/milter_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmilter/mfapi.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD 5 /* length and command */

struct wire *wire_open(const char *path, struct error *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct wire *w = calloc(1, sizeof *w);
    size_t n = strlen(path);

    if (w == NULL || n >= sizeof address.sun_path) {
        (void)error_set(e, "out of memory, or %s is too long for a socket", path);
        free(w);
        return NULL;
    }
    memcpy(address.sun_path, path, n + 1);
    w->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (w->fd >= 0 && connect(w->fd, (struct sockaddr *)&address, sizeof address) == 0)
        return w;
    (void)error_set(e, "cannot connect to %s: %s", path, strerror(errno));
    wire_free(w);
    return NULL;
}

void wire_free(struct wire *w)
{
    if (w == NULL)
        return;
    if (w->fd >= 0)
        (void)close(w->fd);
    free(w);
}

static void add(struct wire *w, const void *data, size_t n)
{
    if (n > sizeof w->out - w->out_n)
        abort();
    if (n > 0)
        memcpy(w->out + w->out_n, data, n);
    w->out_n += n;
}

static void add_head(struct wire *w, char command, size_t n)
{
    uint32_t length = htonl((uint32_t)n + 1);

    add(w, &length, sizeof length);
    add(w, &command, 1);
}

void wire_packet(struct wire *w, char command, const void *data, size_t n)
{
    add_head(w, command, n);
    add(w, data, n);
}

static size_t total(const char *const *strings)
{
    size_t n = 0;

    for (; *strings != NULL; strings++)
        n += strlen(*strings) + 1;
    return n;
}

static void add_strings(struct wire *w, const char *const *strings)
{
    for (; *strings != NULL; strings++)
        add(w, *strings, strlen(*strings) + 1);
}

void wire_strings(struct wire *w, char command, const char *const *strings)
{
    add_head(w, command, total(strings));
    add_strings(w, strings);
}

void wire_macros(struct wire *w, char command, const char *const *pairs)
{
    add_head(w, SMFIC_MACRO, 1 + total(pairs));
    add(w, &command, 1);
    add_strings(w, pairs);
}

void wire_connect(struct wire *w, const char *host, char family, uint16_t port, const char *address)
{
    uint16_t network_port = htons(port);
    size_t host_n = strlen(host) + 1, address_n = address != NULL ? strlen(address) + 1 : 0;

    if (family == SMFIA_UNKNOWN) {
        add_head(w, SMFIC_CONNECT, host_n + 1);
        add(w, host, host_n);
        add(w, &family, 1);
        return;
    }
    add_head(w, SMFIC_CONNECT, host_n + 1 + sizeof network_port + address_n);
    add(w, host, host_n);
    add(w, &family, 1);
    add(w, &network_port, sizeof network_port);
    add(w, address, address_n);
}

void wire_header(struct wire *w, const char *name, const char *value)
{
    wire_strings(w, SMFIC_HEADER, (const char *const[]){name, value, NULL});
}

int wire_flush(struct wire *w)
{
    size_t done = 0;

    while (done < w->out_n) {
        ssize_t n = send(w->fd, w->out + done, w->out_n - done, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        done += (size_t)n;
    }
    w->out_n = 0;
    return 0;
}

/* A whole packet at in_at, if there is one. */
static bool packet(struct wire *w, struct wire_reply *reply)
{
    uint32_t length;

    if (w->in_n - w->in_at < HEAD)
        return false;
    memcpy(&length, w->in + w->in_at, sizeof length);
    length = ntohl(length);
    if (length == 0 || length > WIRE_ROOM - HEAD)
        abort();
    if (w->in_n - w->in_at < HEAD - 1 + length)
        return false;
    *reply = (struct wire_reply){w->in[w->in_at + HEAD - 1], {w->in + w->in_at + HEAD, length - 1}};
    w->in_at += HEAD - 1 + length;
    return true;
}

static bool read_more(struct wire *w, int timeout_ms)
{
    struct pollfd p = {.fd = w->fd, .events = POLLIN};
    ssize_t n;

    memmove(w->in, w->in + w->in_at, w->in_n - w->in_at);
    w->in_n -= w->in_at;
    w->in_at = 0;
    if (poll(&p, 1, timeout_ms) != 1)
        return false;
    n = read(w->fd, w->in + w->in_n, sizeof w->in - w->in_n);
    if (n <= 0)
        return false;
    w->in_n += (size_t)n;
    return true;
}

struct wire_reply wire_read(struct wire *w, int timeout_ms)
{
    struct wire_reply reply = {0};

    if (wire_flush(w) != 0)
        return reply;
    while (!packet(w, &reply))
        if (!read_more(w, timeout_ms))
            return (struct wire_reply){0};
    return reply;
}

static uint32_t number(const char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return ntohl(v);
}

static void note_lists(struct wire *w, struct slice data)
{
    while (data.n > sizeof(uint32_t)) {
        uint32_t stage = number(data.p);
        const char *text = data.p + sizeof stage;
        size_t n = strnlen(text, data.n - sizeof stage);

        if (stage < WIRE_STAGES && n < sizeof w->lists[0] && n < data.n - sizeof stage)
            memcpy(w->lists[stage], text, n + 1);
        n = sizeof stage + n + 1;
        data = n >= data.n ? (struct slice){NULL, 0} : (struct slice){data.p + n, data.n - n};
    }
}

int wire_negotiate(struct wire *w, uint32_t version, uint32_t actions, uint32_t steps, int timeout_ms)
{
    uint32_t offer[3] = {htonl(version), htonl(actions), htonl(steps)};
    struct wire_reply reply;

    wire_packet(w, SMFIC_OPTNEG, offer, sizeof offer);
    reply = wire_read(w, timeout_ms);
    if (reply.command != SMFIC_OPTNEG || reply.data.n < sizeof offer)
        return -1;
    w->actions = number(reply.data.p + 4);
    w->steps = number(reply.data.p + 8);
    note_lists(w, (struct slice){reply.data.p + sizeof offer, reply.data.n - sizeof offer});
    return 0;
}

bool wire_wants(const struct wire *w, uint32_t no_step)
{
    return (w->steps & no_step) == 0;
}

bool wire_replies(const struct wire *w, uint32_t no_reply)
{
    return (w->steps & no_reply) == 0;
}

bool wire_wants_id(const struct wire *w, int stage)
{
    if (w->lists[stage][0] != '\0')
        return true;
    for (unsigned i = 0; i < WIRE_STAGES; i++)
        if (w->lists[i][0] != '\0')
            return false;
    return true;
}

bool wire_is_change(char reply)
{
    static const char changes[] = {SMFIR_ADDRCPT,   SMFIR_ADDRCPT_PAR, SMFIR_DELRCPT, SMFIR_REPLBODY, SMFIR_ADDHEADER,
                                   SMFIR_INSHEADER, SMFIR_CHGHEADER,   SMFIR_CHGFROM, SMFIR_PROGRESS, SMFIR_QUARANTINE};

    return memchr(changes, reply, sizeof changes) != NULL;
}
