/* What is read of a tenant: one table, in the order of reading. */
#ifndef POSTERN_MIRROR_FETCH_H
#define POSTERN_MIRROR_FETCH_H

#include "mirror/series.h"

struct fetch_row {
    enum fetch bit; /* exchange.fetch */
    struct series series;
    const char *probe; /* parameters that give one row at most, for the doctor; NULL: those of the series */
};

extern const struct fetch_row fetch_rows[];
extern const size_t fetch_rows_n;

struct fetch_report {
    unsigned read, forbidden; /* how many kinds */
};

/*
 * Reads everything that exchange.fetch names into g. What the application may not read is said in the session's log,
 * once, and left out, so that what an earlier run had stays. 0; -1 with e: the run must be given up.
 */
int fetch_all(struct exchange *x, struct gathered *g, struct fetch_report *report, struct error *e);

#endif
