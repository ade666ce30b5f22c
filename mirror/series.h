/* Reads a cmdlet's answer, page by page, into what a run gathers. */
#ifndef POSTERN_MIRROR_SERIES_H
#define POSTERN_MIRROR_SERIES_H

#include "mirror/build/gather.h"
#include "mirror/exchange/exchange.h"

struct series {
    const char *parameters; /* JSON object */
    enum kind kind;         /* also the file number with which rows are gathered */
    column_set needs;       /* every row must have them (null will do) */
    const char *permission; /* named in the error for a 403 */
    const char *graph_path; /* NULL: a cmdlet; else read from Microsoft Graph */
};

struct series_count {
    unsigned long long rows;
    unsigned pages, restarts;
};

/*
 * Follows the links to the last page. An expired cursor begins the series again, a few times. Unless EXCHANGE_OK,
 * nothing of it stays gathered:
 *
 * EXCHANGE_FORBIDDEN  the application may not read it.
 * EXCHANGE_UNABLE     it can't be read, but others may: the service fails each time, pages go in a circle or never end,
 *                     the answer says that it is cut, rows are damaged or incomplete.
 * EXCHANGE_NOT_FOUND  of KIND_GROUP_MEMBER only: the group no longer exists.
 * EXCHANGE_FAILED     the whole run must be abandoned: no sign-in, no connection, no time, a proxy or portal that
 *                     answers in the service's place, another tenant's data, a link that leads elsewhere.
 */
enum exchange_result series_fetch(struct exchange *x, const struct series *s, struct gathered *g,
                                  struct series_count *count, struct error *e);

#endif
