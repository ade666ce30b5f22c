/*
 * What is served under /api/v1: one function a path makes the data, with the reports that the command line prints
 * (core/report), from files that were opened for reading. It runs in a thread of the pool.
 */
#ifndef POSTERN_WEB_PAGE_H
#define POSTERN_WEB_PAGE_H

#include "core/access/role.h"
#include "core/report/files.h"
#include "core/report/printer.h"
#include "web/asked.h"
#include "web/shelf.h"

/* Rows of one reply, unless "rows" says otherwise; and at most. */
#define PAGE_ROWS 100u
#define PAGE_ROWS_MAX 1000u
/* Of a table that is wanted whole, where not all of it can be gone through. */
#define PAGE_STREAM_ROWS 4000u

struct live;
struct look;
struct route;

struct page {
    struct asked *asked;
    struct slice scope;         /* whose rows are seen (core/access/role.h) */
    bool bound;                 /* who asks may not see those of others */
    struct report_files *files; /* the configuration is open */
    struct shelf *shelf;
    struct {
        uint64_t skip, most;
    } window; /* the rows that are wanted; `out` sees to it */
    struct live *live;
    struct look *look;
    struct printer *out; /* takes the data */
    bool script;         /* the rows are wanted as a script that changes these mailboxes */
    char next[64];       /* where the next rows begin; empty: there are none */
    struct error e;      /* why it was not made */
};

/* 200, or another status (RFC 9110 15) with page->e: then what was printed is thrown away. */
typedef int page_make(struct page *page);

/* Opens directory and state, and fills what decide() needs. PAGE_OK, or another status with page->e. */
int page_open_context(struct page *page, struct decide_context *context);
/* The status for a file that could not be opened: page->e says which. */
#define PAGE_NO_FILE 503
#define PAGE_BAD 400
#define PAGE_NOT_FOR_YOU 403
#define PAGE_NOT_FOUND 404
#define PAGE_OK 200
/* The journal, where one is kept: without it page->files->journal is NULL, and a remark says so. */
void page_try_journal(struct page *page);

/*
 * What is asked for of one tenant alone ("tenant" in the query), where the route tells tenants apart: scope is that
 * tenant then. PAGE_OK, or another status with page->e; who is bound to others gets the same as for a name that is
 * none.
 */
int page_narrow(struct page *page, const struct route *route);

/* Is it for a role that sees only counts? */
static inline bool page_counts_only(const struct page *page)
{
    return page->scope.n == 0;
}

page_make page_overview, page_rates, page_status, page_blocks, page_ended_blocks, page_mailboxes, page_mailbox,
    page_connectors, page_mode, page_networks, page_cluster, page_explain, page_reports, page_report, page_audit,
    page_check_postfix, page_config, page_log, page_changes, page_runs, page_verbs, page_actions, page_action;

#endif
