/* The address of a socket, from the configuration. Nothing is looked up. */
#ifndef POSTERN_SERVE_ADDRESS_H
#define POSTERN_SERVE_ADDRESS_H

#include "core/base/error.h"
#include "core/config/config.h"

#include <sys/socket.h>

struct socket_address {
    struct sockaddr_storage a;
    socklen_t n;
};

/* Of a UNIX path, or of host and port; not of a passed descriptor. 0, or -1 with e. */
int socket_address_of(const struct listener_config *config, struct socket_address *out, struct error *e);

/* As bind and connect want it. */
static inline const struct sockaddr *socket_address_at(const struct socket_address *address)
{
    return (const struct sockaddr *)(const void *)&address->a;
}

#endif
