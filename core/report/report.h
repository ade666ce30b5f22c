/* The reports of "postern report": from the directory (who may), from the usage in the journal (who does), or both. */
#ifndef POSTERN_CORE_REPORT_REPORT_H
#define POSTERN_CORE_REPORT_REPORT_H

#include "core/report/files.h"
#include "core/report/printer.h"
#include "core/report/usage_missing.h"
#include "core/report/use_reach.h"

struct cloud_rows;

/* The caller sets the first fields; the others are private to report.c. */
struct report {
    const struct report_files *files; /* all open; without the journal there is no usage */
    struct decide_context context;    /* of these files */
    uint64_t days;                    /* 0: not said */
    bool script;                      /* prints, in place of rows, a script that changes these mailboxes */
    bool force;                       /* prints the script even if usage is not known for long enough */
    struct printer *out;
    struct error *e;
    struct use_reach reach; /* set by a kind's check */
    struct usage_missing missing;
    struct cloud_rows *cloud; /* rows that are merged into those of the journal; NULL: none */
    char last_line[128];      /* the mailbox of the script's last line */
};

struct report_kind {
    const char *name, *summary;
    const struct column *columns;
    size_t n_columns;
    int (*run)(struct report *r, const struct report_kind *kind); /* 0, or -1 with r->e */
    unsigned setting;                                             /* of the three lists: enum smtp_auth */
    const char *script; /* what the script sets SmtpClientAuthenticationDisabled to; NULL: there is none */
    /* What must hold before anything is printed: 0, or -1 with r->e. NULL: nothing. */
    int (*check)(struct report *r);
};

/* Ended by a row without a name. */
extern const struct report_kind report_kinds[];

/* 0; -1 with r->e, perhaps after the first rows. */
int report_run(struct report *r, const struct report_kind *kind);

#endif
