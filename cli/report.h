/* The reports of "postern report": from the directory (who may), from the usage in the journal (who does), or both. */
#ifndef POSTERN_CLI_REPORT_H
#define POSTERN_CLI_REPORT_H

#include "cli/cli.h"

struct report {
    struct cli *cli;
    struct decide_context context;
    uint64_t days; /* 0: not said */
    bool powershell, force;
    int64_t first_s;    /* wall clock: usage is known since then; set by a kind's check */
    struct output *out; /* NULL for a script */
    struct error *e;
};

struct report_kind {
    const char *name, *summary;
    const struct output_column *columns;
    size_t n_columns;
    int (*run)(struct report *r, const struct report_kind *kind); /* 0, or -1 with r->e */
    unsigned setting;                                             /* of the three lists: enum smtp_auth */
    const char *script; /* what --powershell sets SmtpClientAuthenticationDisabled to; NULL: no script */
    /* What must hold before anything is printed: 0, or -1 with r->e. NULL: nothing. */
    int (*check)(struct report *r);
};

/* Ended by a row without a name. */
extern const struct report_kind report_kinds[];

/* One line of the script for that mailbox; one whose address can't be written without doubt becomes a comment. */
void report_script_line(FILE *to, struct slice mailbox, const char *value);
/* What it does, and how far back what it rests on reaches. */
void report_script_head(FILE *to, const struct report *r, const struct report_kind *kind);

#endif
