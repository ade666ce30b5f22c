/* A line on a terminal that says how far a long run is; nothing where nobody watches. */
#ifndef POSTERN_MIRROR_PROGRESS_H
#define POSTERN_MIRROR_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
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
/* The same of things that take long each: "setting: 37 of 250". */
void progress_step(struct progress *p, const char *what, size_t done, size_t of);
/* Wipes the line. */
void progress_end(struct progress *p);

#endif
