/*
 * Running a tool, mostly one of Postfix's own: fixed arguments, no shell, a small environment of our own, and
 * everything bounded.
 */
#ifndef POSTERN_CLI_SPAWN_H
#define POSTERN_CLI_SPAWN_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <sys/types.h>

#define SPAWN_OUTPUT_MAX (8u << 20) /* bytes: a queue listing of 40,000 messages */
#define SPAWN_ERRORS_MAX 1024

struct spawn_result {
    char *out; /* malloc'ed and terminated, what the tool wrote to its standard output */
    size_t n;
    char errors[SPAWN_ERRORS_MAX]; /* the beginning of what it wrote to standard error; may hold anything */
    int status;                    /* exit status; 128 + the signal's number where one ended it */
};

/*
 * The full path of a tool of Postfix ("postconf"), looked for where it is installed, never by PATH. NULL with e when it
 * is nowhere. Constant text.
 */
const char *spawn_tool(const char *name, struct error *e);

/*
 * Runs argv[0] (a full path; NULL ends argv) with `input` on its standard input and waits for it. 0 with *result, to be
 * freed by spawn_free, whatever its exit status is; -1 with e when it could not be run, or wrote more than
 * SPAWN_OUTPUT_MAX.
 */
int spawn_run(const char *const argv[], struct slice input, struct spawn_result *result, struct error *e);
void spawn_free(struct spawn_result *result);

/*
 * Runs argv[0] on a file: its standard input is `input`, which is closed here in any case, its errors go to ours.
 * Returns the descriptor to read its output from, with *pid for spawn_end; -1 with e.
 */
int spawn_filter(const char *const argv[], int input, pid_t *pid, struct error *e);
/* Waits for its end: the exit status; 128 + the signal's number where one ended it. */
int spawn_end(pid_t pid);

#endif
