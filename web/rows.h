/*
 * Between a report and the printer of a reply: lets so many rows of its table pass, from the one that was asked for on,
 * and keeps its remarks.
 */
#ifndef POSTERN_WEB_ROWS_H
#define POSTERN_WEB_ROWS_H

#include "core/base/error.h"
#include "core/report/printer.h"

#define NOTES_MAX 16

struct rows {
    struct printer printer; /* first */
    struct printer *to;
    uint64_t skip, most; /* of the outermost table */
    uint64_t seen;
    bool more;      /* there are rows beyond */
    unsigned depth; /* trees and tables that are open */
    struct error notes[NOTES_MAX];
    size_t n_notes;
};

void rows_begin(struct rows *rows, struct printer *to, uint64_t skip, uint64_t most);

#endif
