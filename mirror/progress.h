/* A progress line for long runs, on a terminal only. */
#ifndef POSTERN_MIRROR_PROGRESS_H
#define POSTERN_MIRROR_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *out;        /* NULL: no terminal */
    uint64_t next_ns; /* boot time of the next update */
    bool shown;
};

/* Does nothing unless `out` is a terminal; NULL is fine. */
struct progress progress_begin(FILE *out);
/* `what` must be escaped; percent -1: unknown. Prints a few times a second at most. */
void progress_say(struct progress *p, const char *what, int percent, unsigned long long rows);
/* For things that take long each: "setting: 37 of 250". */
void progress_step(struct progress *p, const char *what, size_t done, size_t of);
/* Clears the line. */
void progress_end(struct progress *p);

#endif
