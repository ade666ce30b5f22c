/* What is read from a tenant: one table, in the order of reading. */
#ifndef POSTERN_MIRROR_FETCH_H
#define POSTERN_MIRROR_FETCH_H

#include "mirror/series.h"

struct fetch_row {
    enum fetch bit; /* exchange.fetch */
    struct series series;
    const char *probe; /* parameters for one row at most, for the doctor; NULL: those of the series */
    bool decisive;     /* nothing else is of use without it: if it can't be read, the run fails */
};

extern const struct fetch_row fetch_rows[];
/* May the service not have it at all? Not every cloud has accounts for High Volume Email, and nobody is let in by them.
 */
bool fetch_may_be_missing(const struct fetch_row *row);
extern const size_t fetch_rows_n;

struct fetch_report {
    unsigned read, left_out; /* numbers of kinds */
    bool no_recipients;      /* Get-Recipient failed, though it is permitted */
};

/*
 * Reads everything that exchange.fetch names into g. What the application may not read, or what is not decisive and
 * can't be read, is logged once and left out: the directory keeps what it has. The same for what depends on a part left
 * out, as users do on authentication policies. 0; -1 with e: the run must be abandoned.
 */
int fetch_all(struct exchange *x, struct gathered *g, struct fetch_report *report, struct error *e);

#endif
