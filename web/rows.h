/*
 * Between a report and the printer of a reply: lets so many rows of its table pass, from the one that was asked for on,
 * and keeps its remarks. For who sees some tenants only, rows of others are left out, by the column "tenant" of the
 * outermost table; of a tree, its member "tenant" says whose it is.
 */
#ifndef POSTERN_WEB_ROWS_H
#define POSTERN_WEB_ROWS_H

#include "core/base/error.h"
#include "web/page.h"

#define NOTES_MAX 16

struct rows {
    struct printer printer; /* first */
    struct printer *to;
    uint64_t skip, most; /* of the outermost table */
    uint64_t seen;
    bool more;      /* there are rows beyond */
    unsigned depth; /* trees and tables that are open */
    struct slice scope;
    bool bound;    /* who gets it may not see what is of others */
    size_t tenant; /* the column with the tenant */
    bool filtered; /* of other tenants nothing is printed */
    bool own;      /* the tree is one of these tenants */
    bool unfit;    /* what was printed tells no tenants apart */
    struct error notes[NOTES_MAX];
    size_t n_notes;
};

/* scope outlives it. */
void rows_begin(struct rows *rows, struct printer *to, uint64_t skip, uint64_t most, struct slice scope);
/* The same for what a route makes of a page (page_narrow). */
void rows_begin_page(struct rows *rows, struct printer *to, const struct page *page, const struct route *route);
/* After the report: may it go out? 200, or another status with page->e. */
int rows_judge(const struct rows *rows, struct page *page);

#endif
