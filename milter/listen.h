/*
 * The socket that the MTA connects to. libmilter opens it; this adds what it lacks: one instance at a time, removal of
 * what a killed one left behind, mode and group.
 */
#ifndef POSTERN_MILTER_LISTEN_H
#define POSTERN_MILTER_LISTEN_H

#include "core/config/config.h"

#include <sys/un.h>

#define SOCKET_PATH_ROOM sizeof(((struct sockaddr_un *)NULL)->sun_path)

/* What is held while listening. */
struct listening {
    char path[SOCKET_PATH_ROOM]; /* of the UNIX socket that we made; empty: TCP, or passed in */
    int lock;                    /* descriptor of PATH.lock; -1 */
};

/*
 * Opens the socket through libmilter, after smfi_register. 0, or -1 with e: another instance listens there, the path is
 * no socket, no right to make it ... allow_inet: a socket that was passed in may be one of TCP.
 */
int listen_open(const struct listener_config *config, bool allow_inet, struct listening *out, struct error *e);

/* Removes the socket file and releases the lock. */
void listen_close(struct listening *listening);

#endif
