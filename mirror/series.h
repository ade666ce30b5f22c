/* One cmdlet's whole answer, page by page, into what a run gathers. */
#ifndef POSTERN_MIRROR_SERIES_H
#define POSTERN_MIRROR_SERIES_H

#include "mirror/build/gather.h"
#include "mirror/exchange/exchange.h"

struct series {
    const char *parameters; /* JSON object */
    enum kind kind;         /* also the number that the rows are gathered with */
    column_set needs;       /* every row must have them: absent is not null */
    const char *permission; /* what a 403 is explained with */
    const char *graph_path; /* NULL: a cmdlet; else this is read from Microsoft Graph */
};

struct series_count {
    unsigned long long rows;
    unsigned pages, restarts;
};

/*
 * Follows the links to the last page. An expired cursor begins the series again, a few times. Unless EXCHANGE_OK,
 * nothing of it was gathered:
 *
 * EXCHANGE_FORBIDDEN  it may not be read by the application.
 * EXCHANGE_UNABLE     it cannot be read, of others nothing is said: an error of the service each time, pages that go in
 *                     a circle or never end, an answer that says it is cut, damaged or incomplete rows.
 * EXCHANGE_NOT_FOUND  of KIND_GROUP_MEMBER alone: the group isn't there any more.
 * EXCHANGE_FAILED     the whole run must be given up: no sign-in, no connection, no time, something on the way that
 *                     answers in the service's place, another tenant's data, a link that leads elsewhere.
 */
enum exchange_result series_fetch(struct exchange *x, const struct series *s, struct gathered *g,
                                  struct series_count *count, struct error *e);

#endif
