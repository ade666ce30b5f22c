/* Recent decisions, from the journal. */
#ifndef POSTERN_CORE_REPORT_DECISIONS_H
#define POSTERN_CORE_REPORT_DECISIONS_H

#include "core/access/role.h"
#include "core/journal/journal.h"
#include "core/report/known.h"
#include "core/report/printer.h"

/* A remark in a cluster: only usage is told the others. */
#define DECISIONS_OF_THIS_RELAY "These are this relay's decisions; the cluster's other relays have their own."

/* What to look for. Zero: everything; `most` must be set. */
struct decisions_wanted {
    const char *user;          /* a login, a mailbox or a connector */
    const struct known *named; /* what user is the name of, whichever of the mailbox's names it is; NULL: not known */
    const char *reason, *limit;
    struct network client;
    bool has_client, has_stage;
    enum stage stage;
    unsigned actions; /* a set of bits 1 << enum action; 0: any */
    uint64_t since_ns;
    size_t most; /* at most this many, the newest */
    bool newest_first;
    const char *name;   /* of the table, inside an object; NULL outside */
    struct slice scope; /* of these tenants (core/access/role.h); empty: of all */
};
#define DECISIONS_SHOWN_MAX 200000

/*
 * Sets what is wanted by its name, from a text that lives as long: "user", "client", "verdict" (which may come several
 * times), "reason", "limit", "stage", "since" or "lines". 0, or -1 with e, which begins with the name.
 */
int decisions_want(struct decisions_wanted *x, const char *name, const char *value, int64_t now_s, struct error *e);

/* People get the columns that fit a screen, programs all. 0, and how many there were; -1 with e, before anything was
 * printed. */
int decisions_report(const struct report_files *files, const struct decisions_wanted *wanted, struct printer *out,
                     size_t *n, struct error *e);

#endif
