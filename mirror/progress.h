/* A line on a terminal that says how far a long run is; nothing where nobody watches. */
#ifndef POSTERN_MIRROR_PROGRESS_H
#define POSTERN_MIRROR_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *out;        /* NULL: nobody watches */
    uint64_t next_ns; /* boot time: not before */
    bool shown;
};

/* Watches only when out is a terminal; NULL is fine. */
struct progress progress_begin(FILE *out);
/* what is escaped; percent -1: not known. Says something a few times a second at most. */
void progress_say(struct progress *p, const char *what, int percent, unsigned long long rows);
/* Wipes the line. */
void progress_end(struct progress *p);

#endif
