#include "core/look/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_WAIT_MS 500

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

static void look_at_listener(struct picture *p, const char *program, const struct listener_config *l)
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

void listeners_look(struct picture *p, const struct config *c)
{
    for (size_t i = 0; i < c->policyd.n_listen; i++)
        look_at_listener(p, "postern-policyd", &c->policyd.listen[i]);
    for (size_t i = 0; i < c->milter.n_listen; i++)
        look_at_listener(p, "postern-milter", &c->milter.listen[i]);
    for (size_t i = 0; i < c->sasl.n_listen; i++)
        look_at_listener(p, "postern-sasl", &c->sasl.listen[i]);
}
