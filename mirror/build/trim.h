/*
 * Gives back the memory of a mapped file while it is walked over. The pages are the page cache's and cost nobody
 * anything, but they count as this process's own, and a service with a memory limit would be charged for all of a large
 * directory.
 */
#ifndef POSTERN_MIRROR_TRIM_H
#define POSTERN_MIRROR_TRIM_H

#include <stddef.h>

/* All zero: nothing is known of the map yet. */
struct trim {
    char *map;
    size_t length;
    unsigned steps;
};

/*
 * To be called for each record that was read, with an address in it (NULL: nothing happens); gives the map back now and
 * then. What was read stays readable: the pages are mapped again when they are touched.
 */
void trim_step(struct trim *t, const void *inside);

#endif
