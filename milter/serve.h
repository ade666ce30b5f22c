/*
 * The running program: its threads, its signals, its end.
 */
#ifndef POSTERN_MILTER_SERVE_H
#define POSTERN_MILTER_SERVE_H

/*
 * Serves until a signal ends it; answers the exit status. What prevents a start is said on stderr.
 *
 * SIGTERM lets open transactions finish, SIGINT doesn't; SIGUSR1 reads the configuration anew.
 */
int serve(const char *config_path);

#endif
