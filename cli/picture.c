#include "cli/picture.h"

#include "core/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_WAIT_MS 500

/* ---- listeners ---- */

static int socket_local(const char *path, struct sockaddr_storage *to, socklen_t *n)
{
    struct sockaddr_un *local = (struct sockaddr_un *)(void *)to;
    size_t length = strlen(path);

    if (length >= sizeof local->sun_path)
        return -1;
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path, path, length);
    *n = sizeof *local;
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* A socket for a listener's address; -1 when there is none to connect to. */
static int socket_of(const struct listener_config *l, struct sockaddr_storage *to, socklen_t *n)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)to;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)to;

    memset(to, 0, sizeof *to);
    if (l->path != NULL)
        return socket_local(l->path, to, n);
    if (l->host != NULL && inet_pton(AF_INET, l->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(l->port);
        *n = sizeof *v4;
    } else if (l->host != NULL && inet_pton(AF_INET6, l->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(l->port);
        *n = sizeof *v6;
    } else {
        return -1;
    }
    return socket(to->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static void look_at(struct picture *p, const char *program, const struct listener_config *l)
{
    struct picture_listener *out = &p->listeners[p->n_listeners];
    struct sockaddr_storage to;
    struct pollfd wait = {.events = POLLOUT};
    int error = 0;
    socklen_t n, size = sizeof error;

    if (p->n_listeners == PICTURE_LISTENERS_MAX)
        return;
    p->n_listeners++;
    *out = (struct picture_listener){program, l->address, "does not answer", false};
    wait.fd = socket_of(l, &to, &n);
    if (wait.fd < 0) {
        out->state = "not looked at";
        out->up = true;
        return;
    }
    if (connect(wait.fd, (const struct sockaddr *)&to, n) != 0)
        error = errno;
    if (error == EINPROGRESS && poll(&wait, 1, CONNECT_WAIT_MS) == 1)
        (void)getsockopt(wait.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == EACCES) {
        out->state = "not looked at (no permission)";
        out->up = true;
    } else if (error == 0) {
        out->state = "answers";
        out->up = true;
    }
    (void)close(wait.fd);
}

static void look_at_listeners(struct picture *p, const struct config *c)
{
    for (size_t i = 0; i < c->policyd.n_listen; i++)
        look_at(p, "postern-policyd", &c->policyd.listen[i]);
    for (size_t i = 0; i < c->milter.n_listen; i++)
        look_at(p, "postern-milter", &c->milter.listen[i]);
}

/* ---- the journal ---- */

static bool each_total(void *arg, const char *program, enum action action, enum reason reason, uint64_t count)
{
    struct picture *p = arg;
    struct picture_total *t = &p->totals[p->n_totals];
    struct buf b = BUF_OVER(t->program);

    buf_add(&b, slice_of(program));
    t->action = action;
    t->reason = reason;
    t->count = count;
    return ++p->n_totals < PICTURE_TOTALS_MAX;
}

static bool each_record(void *arg, const struct journal_record *r)
{
    struct picture *p = arg;
    int64_t at_s = (int64_t)(r->at_ns / NS_PER_S);
    int which = r->action == ACTION_DEFER || r->action == ACTION_REJECT;
    char text[IP_TEXT_MAX];

    if (!r->counts)
        return true;
    if (r->connector[0] != '\0')
        ranking_add(&p->connectors, slice_of(r->connector), which, r->messages, at_s);
    else
        ranking_add(&p->logins, slice_of(r->mailbox[0] != '\0' ? r->mailbox : r->login), which, r->messages, at_s);
    if (r->has_client)
        ranking_add(&p->clients, ip_text(&r->client, text), which, r->messages, at_s);
    return true;
}

static void read_journal(struct cli *cli, struct picture *p)
{
    struct error e;
    int64_t since = p->wall_s - PICTURE_WINDOW_S;

    if (cli_open_journal(cli) != 0)
        return;
    if (journal_totals(cli->journal, each_total, p, &e) != 0 || journal_dropped(cli->journal, &p->dropped, &e) != 0 ||
        journal_decisions(cli->journal, since > 0 ? (uint64_t)since * NS_PER_S : 0, each_record, p, &e) != 0) {
        (void)cli_fail(cli, "%s", e.text);
        return;
    }
    p->has_journal = true;
}

/* ---- all ---- */

struct picture *picture_take(struct cli *cli)
{
    struct picture *p = calloc(1, sizeof *p);
    struct decide_context c;
    struct block block;

    if (p == NULL) {
        (void)cli_fail(cli, "out of memory");
        return NULL;
    }
    p->wall_s = clock_wall_s();
    if (cli_open_config(cli) != 0)
        return p;
    p->n_processes = processes_find(cli->config_path, cli->config->state_path, p->processes);
    look_at_listeners(p, cli->config);
    if (cli_open_directory(cli) == 0 && cli_open_state(cli) == 0 && cli_open_context(cli, &c) == 0) {
        p->has_state = true;
        counters_stats(c.counters, c.now_ns, &p->counters);
        for (uint32_t at = 0; blocks_next(c.blocks, &at, c.now_ns, &block);)
            p->blocks++;
    }
    read_journal(cli, p);
    return p;
}

void picture_free(struct picture *p)
{
    ranking_free(&p->logins);
    ranking_free(&p->clients);
    ranking_free(&p->connectors);
    free(p);
}
