/*
 * The running program: its threads, its signals, its end; and a process for each listener where there are several.
 */
#ifndef POSTERN_MILTER_SERVE_H
#define POSTERN_MILTER_SERVE_H

#include <stddef.h>

/*
 * Serves until a signal ends it; returns the exit status. An error at start goes to stderr.
 *
 * SIGTERM lets open transactions finish, SIGINT doesn't; SIGUSR1 reads the configuration again.
 */
int serve(const char *config_path);

/* The same for one listener of the configuration, in this process. A byte goes to ready_fd when it serves; -1: none. */
int serve_listener(const char *config_path, size_t index, int ready_fd);

#endif
