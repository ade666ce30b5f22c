#include "cli/picture.h"

#include "core/base/clock.h"

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

/* ---- services ---- */

static void expect(struct picture *p, const char *program, bool has_work)
{
    struct picture_service *service = &p->services[p->n_services];

    if (!has_work)
        return;
    *service = (struct picture_service){program, processes_visible() ? SERVICE_DOWN : SERVICE_HIDDEN};
    for (size_t i = 0; i < p->n_processes; i++)
        if (strcmp(p->processes[i].name, program) == 0)
            service->state = SERVICE_UP;
    p->n_services++;
}

static void look_at_services(const struct cli *cli, struct picture *p)
{
    const struct config *c = cli->config;

    p->n_processes = processes_find(cli->config_path, c->state_path, p->processes);
    expect(p, "postern-policyd", c->policyd.n_listen > 0);
    expect(p, "postern-milter", c->milter.n_listen > 0);
    expect(p, "postern-alert", c->n_alerts > 0);
}

bool picture_generation_of(const struct picture *p, long pid, uint64_t *generation)
{
    for (size_t i = 0; i < p->n_using; i++)
        if (p->using[i].pid == (uint64_t)pid) {
            *generation = p->using[i].generation;
            return true;
        }
    return false;
}

/* ---- files ---- */

/* Runs `open` and says what became of it; there: whether what it opened is there. */
static enum picture_part open_part(struct cli *cli, int (*open_it)(struct cli *))
{
    bool closed_before = cli->may_not_read, closed;
    int result;

    cli->may_not_read = false;
    result = open_it(cli);
    closed = cli->may_not_read;
    cli->may_not_read |= closed_before;
    return result == 0 ? PART_READ : closed ? PART_CLOSED : PART_UNUSABLE;
}

static void look_at_directory(struct cli *cli, struct picture *p)
{
    p->directory = open_part(cli, cli_open_directory);
    if (p->directory == PART_READ && cli->view == NULL)
        p->directory = PART_NONE;
}

static void look_at_state(struct cli *cli, struct picture *p)
{
    uint64_t boot_ns = clock_boot_ns(), now_ns;
    struct block block;

    p->state = open_part(cli, cli_open_state);
    if (p->state != PART_READ) {
        if (p->state == PART_UNUSABLE && access(cli->config->state_path, F_OK) != 0 && errno == ENOENT)
            p->state = PART_NONE;
        return;
    }
    now_ns = state_now(cli->state, boot_ns);
    counters_stats(state_counters(cli->state), now_ns, &p->counters);
    for (uint32_t at = 0; blocks_next(state_blocks(cli->state), &at, now_ns, &block);)
        p->blocks++;
    if (p->directory != PART_CLOSED)
        (void)cli_services_agree(cli);
    p->n_using = state_services(cli->state, clock_boot_ns(), p->using);
}

/* ---- all ---- */

/* A configuration that is wrong is told, and still says where to look. -1 when it says nothing. */
static int take_config(struct cli *cli, struct picture *p)
{
    struct buf problem = BUF_OVER(p->config_problem);
    struct error e;

    if (cli->config != NULL || config_load(cli->config_path, &cli->config, &e) == 0)
        return 0;
    cli->config = NULL;
    if (config_load_places(cli->config_path, &cli->config, &(struct error){.text = ""}) != 0) {
        cli->config = NULL;
        return cli_open_config(cli); /* which says why */
    }
    buf_add(&problem, slice_of(e.text));
    return 0;
}

struct picture *picture_take(struct cli *cli)
{
    struct picture *p = calloc(1, sizeof *p);

    if (p == NULL) {
        (void)cli_fail(cli, "out of memory");
        return NULL;
    }
    p->wall_s = clock_wall_s();
    if (take_config(cli, p) != 0) {
        free(p);
        return NULL;
    }
    look_at_services(cli, p);
    look_at_listeners(p, cli->config);
    notices_look(cli->config->spool, &p->notices);
    look_at_directory(cli, p);
    look_at_state(cli, p);
    read_journal(cli, p);
    return p;
}

int picture_judge(const struct cli *cli, const struct picture *p)
{
    bool well = p->config_problem[0] == '\0' && p->directory != PART_NONE && p->directory != PART_UNUSABLE &&
                p->state != PART_NONE && p->state != PART_UNUSABLE && p->n_processes > 0;

    /* Which generation is in use matters more than what else is wrong: it is why nothing below can be trusted. */
    if (cli->other_generation)
        return CLI_OTHER_GENERATION;
    for (size_t i = 0; i < p->n_services; i++)
        well &= p->services[i].state != SERVICE_DOWN;
    for (size_t i = 0; i < p->n_listeners; i++)
        well &= p->listeners[i].up;
    if (!well && (p->n_processes > 0 || processes_visible()))
        return STATUS_TROUBLE;
    return cli->may_not_read ? CLI_MAY_NOT_READ : well ? CLI_OK : STATUS_TROUBLE;
}

void picture_free(struct picture *p)
{
    ranking_free(&p->logins);
    ranking_free(&p->clients);
    ranking_free(&p->connectors);
    free(p);
}
