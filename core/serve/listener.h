/*
 * The sockets to which Postfix connects, of the programs that serve it with libevent: UNIX sockets, TCP, or a socket
 * that the service manager passed in (sd_listen_fds(3)), which stays open over a restart so that no connection is
 * refused.
 */
#ifndef POSTERN_SERVE_LISTENER_H
#define POSTERN_SERVE_LISTENER_H

#include "core/base/error.h"
#include "core/config/config.h"

#include <sys/types.h>

struct listener {
    /* Copies of the configuration's: a reload replaces that, while listeners stay. */
    char *address;         /* as written */
    char *path;            /* UNIX sockets; else NULL */
    struct tls_config tls; /* of its own, if has_tls */
    bool has_tls;
    struct front_config front;
    int fd; /* listening, non-blocking, close-on-exec; -1: closed */
    bool is_tcp;
    bool made_socket; /* a UNIX socket that we created and will remove, recognized by device and inode */
    dev_t device;
    ino_t inode;
};

/*
 * Opens one listener. A left-over UNIX socket is replaced; one on which somebody listens is an error, and so is any
 * other file in its place. program is its name ("postern-policyd"), whose section has the setting. 0; or -1 with e, and
 * out->fd is -1.
 *
 * Changes the umask for a moment: to be called before there are threads that make files.
 */
int listener_open(const char *program, const struct listener_config *config, struct listener *out, struct error *e);

/*
 * Has the service manager keep the UNIX sockets that the configuration names by path, so that after a crash or a
 * restart listener_open takes the same one again, and connections have waited meanwhile. Such a socket stays where it
 * is when the listener is closed. For programs whose absence must not be noticed.
 */
void listener_keep(struct listener *listener);

/*
 * The next connection, non-blocking and close-on-exec; -1 with errno: EAGAIN when none waits, or what was missing
 * (descriptors, memory), so that it should be tried again later and not at once.
 */
int listener_accept(const struct listener *listener);

/*
 * How many connections the limit of descriptors allows, at most `most`, if each has so many descriptors and some are
 * left for files, the log, the directory, a reload. *limit: of descriptors.
 */
unsigned listener_connections(unsigned most, unsigned descriptors_each, unsigned long long *limit);

/*
 * Closes it and removes its UNIX socket, if that is still ours. Its names and its TLS rule stay, for the connections
 * that came from it.
 */
void listener_close(struct listener *listener);
/* Frees what it holds, and closes it if that was not done. */
void listener_free(struct listener *listener);

#endif
