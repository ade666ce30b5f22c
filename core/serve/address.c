#include "core/serve/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

static int unix_address(const char *path, struct socket_address *out, struct error *e)
{
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&out->a;
    size_t length = strlen(path);

    if (length >= sizeof un->sun_path)
        return error_set(e, "the path is too long for a UNIX socket; at most %zu bytes", sizeof un->sun_path - 1);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, length);
    out->n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return 0;
}

int socket_address_of(const struct listener_config *config, struct socket_address *out, struct error *e)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&out->a;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&out->a;

    *out = (struct socket_address){.n = sizeof *v4};
    if (config->path != NULL)
        return unix_address(config->path, out, e);
    if (inet_pton(AF_INET, config->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(config->port);
        return 0;
    }
    if (inet_pton(AF_INET6, config->host, &v6->sin6_addr) != 1)
        return error_set(e, "\"%s\" is not an IP address; names are not looked up", config->host);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(config->port);
    out->n = sizeof *v6;
    return 0;
}
